"""The JSON report: one document, an object with a list of rows for each table.

Rows of all tables come mixed, while the document has one table after the other: each
table's rows wait in a temporary file, so that memory stays bounded. Knows no values:
report.cells formats them. Made by the command line, called by the pipeline.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import IO

from analyzer.report.cells import Formatter
from analyzer.report.output import PendingFile, report_errors
from analyzer.tables.schema import TABLES, TableRows

_ROW_END = len(",\n")


class JsonWriter:
    """Writes all tables into one document."""

    def __init__(self, target: str | Path | IO[bytes]) -> None:
        """Open the target: a path, or a binary stream such as standard output.

        Raises:
            ReportError: The target cannot be written.
        """
        self._pending = PendingFile(Path(target)) if isinstance(target, str | Path) else None
        self._stream = None if isinstance(target, str | Path) else target
        self._spools: dict[str, IO[bytes]] = {}
        self._over = False
        self._formatters = {table.name: Formatter(table, "json") for table in TABLES}

    def write(self, rows: TableRows) -> None:
        """Keep `rows` in their table's temporary file."""
        name = rows.table.name
        with report_errors("a temporary file"):
            if name not in self._spools:
                self._spools[name] = _spool()
            for piece in self._formatters[name].format(rows):
                self._spools[name].write(piece)

    def close(self) -> None:
        """Write the document and put it in place."""
        if self._over:
            return
        if self._stream is not None:
            with report_errors("standard output"):
                self._join(self._stream)
                self._stream.flush()
        elif self._pending is not None:
            with report_errors(self._pending.target):
                self._join(self._pending.file)
            self._pending.finish()
            self._pending.commit()
        self._over = True
        self._forget()

    def abort(self) -> None:
        """Remove what was written."""
        self._forget()
        if self._pending is not None and not self._over:
            self._over = True
            self._pending.discard()

    def _join(self, target: IO[bytes]) -> None:
        for place, table in enumerate(TABLES):
            target.write(b",\n" if place else b"{\n")
            target.write(json.dumps(table.name).encode() + b": [")
            spool = self._spools.get(table.name)
            if spool is not None and spool.tell():
                # The last row's end would leave a comma too many.
                spool.truncate(spool.tell() - _ROW_END)
                spool.seek(0)
                target.write(b"\n")
                shutil.copyfileobj(spool, target, 1 << 20)
                target.write(b"\n")
            target.write(b"]")
        target.write(b"\n}\n")

    def _forget(self) -> None:
        for spool in self._spools.values():
            with contextlib.suppress(OSError):
                spool.close()
        self._spools.clear()


def _spool() -> IO[bytes]:
    return tempfile.TemporaryFile(prefix="wsanalyze-")
