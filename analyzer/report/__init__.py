"""Reports: from rows to the terminal, CSV, Parquet and JSON.

One file per format, each a Writer (`output.Writer`) or fed by the summary. Must not know traffic.
"""
