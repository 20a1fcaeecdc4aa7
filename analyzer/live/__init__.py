"""A live analysis: the run loop, and who watches it."""
