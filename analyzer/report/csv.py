"""The CSV report: a folder with one file for each table, written as rows come.

What cells look like stands in docs/tables.md. Knows no values: report.cells formats
them. Made by the command line, called by the pipeline; analyzer.read_csv reads it back.
"""

from __future__ import annotations

from pathlib import Path

from analyzer.report.cells import Formatter
from analyzer.report.output import PendingFolder, report_errors
from analyzer.tables.schema import TABLES, TableRows


def file_name(table: str) -> str:
    """Return the name of a table's file in the folder."""
    return f"{table}.csv"


class CsvWriter:
    """Writes all tables; tables without rows have their header alone."""

    def __init__(self, folder: str | Path) -> None:
        """Open the files under temporary names.

        Raises:
            ReportError: The folder cannot be written.
        """
        self._output = PendingFolder(Path(folder), [file_name(table.name) for table in TABLES])
        self._formatters = {table.name: Formatter(table, "csv") for table in TABLES}
        for table in TABLES:
            header = ",".join(column.name for column in table.columns) + "\n"
            self._output.files[file_name(table.name)].file.write(header.encode())

    def write(self, rows: TableRows) -> None:
        """Append `rows` to their table's file."""
        file = self._output.files[file_name(rows.table.name)].file
        with report_errors(self._output.folder):
            for piece in self._formatters[rows.table.name].format(rows):
                file.write(piece)

    def close(self) -> None:
        """Put all files in place."""
        self._output.commit()

    def abort(self) -> None:
        """Remove what was written."""
        self._output.discard()
