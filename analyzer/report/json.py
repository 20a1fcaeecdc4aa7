"""The JSON report: one document, an object with a list of rows for each table.

Rows of all tables come mixed, while the document has one table after the other: each
table's rows wait in a temporary file, so that memory stays bounded. Knows no values:
report.cells formats them. Made by the command line, called by the pipeline.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from analyzer.errors import ReportError
from analyzer.report.cells import Formatter
from analyzer.report.output import PendingFile, report_errors
from analyzer.report.parts import Part, whole_lines
from analyzer.tables.schema import TABLES, TableRows
from analyzer.version import __version__

if TYPE_CHECKING:
    from analyzer.tables.summary import Capture

_ROW_END = len(",\n")
SCHEMA_VERSION = 1
"""Grows where a column goes or changes its meaning; new columns do not count."""


class JsonWriter:
    """Writes all tables into one document.

    Args:
        target: a path, or a binary stream such as standard output.
        lasting: keep rows in parts beside the target (report.parts) until it is written; a
            stream has none.
    """

    def __init__(self, target: str | Path | IO[bytes], *, lasting: bool = False) -> None:
        """Open the target.

        Raises:
            ReportError: The target cannot be written.
        """
        self._pending = PendingFile(Path(target)) if isinstance(target, str | Path) else None
        self._stream = None if isinstance(target, str | Path) else target
        self._spools: dict[str, IO[bytes]] = {}
        self._parts: dict[str, Part] = {}
        if lasting and self._pending is not None and not self._pending.direct:
            self._pending.discard()  # it can be written, as we know now
            self._parts = _parts_of(self._pending.target)
        self._over = False
        self._about: dict[str, object] | None = None
        self._formatters = {table.name: Formatter(table, "json") for table in TABLES}

    def write(self, rows: TableRows) -> None:
        """Keep `rows` in their table's temporary file."""
        name = rows.table.name
        if self._parts:
            for piece in self._formatters[name].format(rows):
                self._parts[name].write(piece)
            return
        with report_errors("a temporary file"):
            if name not in self._spools:
                self._spools[name] = _spool()
            for piece in self._formatters[name].format(rows):
                self._spools[name].write(piece)

    def captured(self, capture: Capture) -> None:
        """Note what was read, and how (WantsCapture)."""
        self._about = {
            "program": "wsanalyze",
            "version": __version__,
            "schema_version": SCHEMA_VERSION,
            "files": [str(name) for name in capture.files],
            "options": capture.options,
        }

    def flush(self) -> None:
        """Write what waits to the parts (Lasting)."""
        for part in self._parts.values():
            part.flush()

    def close(self) -> None:
        """Write the document and put it in place; parts stay where that is not possible.

        Raises:
            ReportError: It cannot be written.
        """
        if self._over:
            return
        if self._parts and self._pending is not None:
            self._over = True
            for part in self._parts.values():
                with contextlib.suppress(ReportError):  # of a disk that was full before
                    part.flush()
                part.leave()
            paths = {name: part.path for name, part in self._parts.items()}
            join(paths, self._pending.target, self._about)
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
        for part in self._parts.values():
            part.discard()
        if self._pending is not None and not self._over:
            self._over = True
            self._pending.discard()

    def _join(self, target: IO[bytes]) -> None:
        _write_document(self._spools, target, self._about)

    def _forget(self) -> None:
        for spool in self._spools.values():
            with contextlib.suppress(OSError):
                spool.close()
        self._spools.clear()


def _spool() -> IO[bytes]:
    return tempfile.TemporaryFile(prefix="wsanalyze-")


def part_names(target: Path) -> dict[str, str]:
    """Return the name that each table's part would take the place of, by table."""
    return {table.name: f"{target.name}.{table.name}" for table in TABLES}


def _parts_of(target: Path) -> dict[str, Part]:
    made: dict[str, Part] = {}
    try:
        for table, name in part_names(target).items():
            made[table] = Part(target.with_name(name))
    except BaseException:
        for part in made.values():
            part.discard()
        raise
    return made


def join(parts: Mapping[str, Path], target: Path, about: Mapping[str, object] | None = None) -> int:
    """Make a document of parts, and remove them; return its rows.

    Args:
        parts: by table; rows that were cut are left out.
        target: the document.
        about: what was read, and how, where that is known.

    Raises:
        ReportError: It cannot be read or written; the parts stay.
    """
    pending = PendingFile(target)
    try:
        with contextlib.ExitStack() as stack, report_errors(target):
            spools: dict[str, IO[bytes]] = {}
            rows = 0
            for table, path in parts.items():
                spools[table] = stack.enter_context(path.open("r+b"))
                rows += whole_lines(spools[table])
            _write_document(spools, pending.file, about)
        pending.finish()
        pending.commit()
    except BaseException as error:
        pending.discard()
        if isinstance(error, ReportError):
            hint = f"wsanalyze recover {target.parent} makes it of what was written"
            raise ReportError(str(error), hint=hint) from error
        raise
    for path in parts.values():
        path.unlink(missing_ok=True)
    return rows


def _write_document(
    spools: Mapping[str, IO[bytes]], target: IO[bytes], about: Mapping[str, object] | None
) -> None:
    """Write an object with a list of rows for each table; spools are at their end."""
    for place, table in enumerate(TABLES):
        target.write(b",\n" if place else b"{\n")
        target.write(json.dumps(table.name).encode() + b": [")
        spool = spools.get(table.name)
        if spool is not None and spool.tell():
            # The last row's end would leave a comma too many.
            left = spool.tell() - _ROW_END
            spool.seek(0)
            target.write(b"\n")
            while left:
                piece = spool.read(min(left, 1 << 20))
                target.write(piece)
                left -= len(piece)
            target.write(b"\n")
        target.write(b"]")
    if about is not None:
        target.write(b',\n"about": ' + json.dumps(about, default=str).encode())
    target.write(b"\n}\n")
