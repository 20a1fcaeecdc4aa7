"""Work of one analysis in several processes: reports are formatted and written beside it."""
