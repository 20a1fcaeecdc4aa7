"""One table alone in one file, as CSV or JSON; JSON holds several.

Cells are those of the reports of all tables. Knows no values: report.cells formats
them. Made by the command line for tables that no analysis has.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from analyzer.report.cells import Dialect, Formatter
from analyzer.report.output import PendingFile, report_errors
from analyzer.tables.schema import Table, TableRows

_ROW_END = len(b",\n")


class SingleTable:
    """A file for the rows of one table, or of several in JSON: it takes them all at once."""

    def __init__(
        self, target: str | Path | IO[bytes], tables: Sequence[Table], dialect: Dialect
    ) -> None:
        """Open the target: a path, or a binary stream such as standard output.

        Args:
            target: where the document goes.
            tables: that it holds; CSV holds one.
            dialect: csv or json.

        Raises:
            ReportError: The target cannot be written.
        """
        self._pending = PendingFile(Path(target)) if isinstance(target, str | Path) else None
        self._stream = None if isinstance(target, str | Path) else target
        self.tables = tables
        self._dialect = dialect
        self._over = False

    def write(self, rows: Sequence[TableRows]) -> None:
        """Write the whole document: the rows of each of its tables, in their order.

        Raises:
            ReportError: It cannot be written.
        """
        name = "standard output" if self._pending is None else self._pending.target
        with report_errors(name):
            self._file.write(self._document(rows))
            self._file.flush()

    def close(self) -> None:
        """Put the file in place."""
        if self._pending is not None and not self._over:
            self._pending.finish()
            self._pending.commit()
        self._over = True

    def abort(self) -> None:
        """Remove what was written."""
        if self._pending is not None and not self._over:
            self._pending.discard()
        self._over = True

    @property
    def _file(self) -> IO[bytes]:
        if self._pending is not None:
            return self._pending.file
        assert self._stream is not None
        return self._stream

    def _document(self, rows: Sequence[TableRows]) -> bytes:
        bodies = [
            b"".join(bytes(piece) for piece in Formatter(table, self._dialect).format(some))
            for table, some in zip(self.tables, rows, strict=True)
        ]
        if self._dialect == "csv":
            (table,), (body,) = self.tables, bodies
            return ",".join(column.name for column in table.columns).encode() + b"\n" + body
        lists = [
            json.dumps(table.name).encode() + b": [" + _lines(body) + b"]"
            for table, body in zip(self.tables, bodies, strict=True)
        ]
        return b"{\n" + b",\n".join(lists) + b"\n}\n"


def _lines(body: bytes) -> bytes:
    return b"\n" + body[:-_ROW_END] + b"\n" if body else b""
