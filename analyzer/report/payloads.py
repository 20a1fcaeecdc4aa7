"""Payloads of messages as files of a folder, with an index.

Knows rows of messages with their payload. A Writer of the pipeline; made by the verb
messages for --save.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any, Final

from analyzer.errors import ReportError
from analyzer.report.cells import Formatter
from analyzer.report.output import report_errors
from analyzer.tables.declare import Table, row_values, take_rows, text
from analyzer.tables.schema import MESSAGES, TableRows

INDEX: Final = "index.csv"
MAX_FILES: Final = 100_000
"""Files written; further messages are in the index without one. Folders of more are slow to
list, and most file systems give each file 4 KiB."""

_COLUMNS: Final = (
    *("connection", "message", "direction", "type", "time_first", "packet_first", "packet_last"),
    *("payload_bytes", "transfer_bytes", "wire_bytes", "inner", "kind", "name", "topic"),
)
SAVED: Final = Table(
    "saved",
    "One row for each message of a folder that --save wrote.",
    (
        text("file", "payload not kept, or beyond the limit", "Name of its file in the folder."),
        *(column for column in MESSAGES.columns if column.name in _COLUMNS),
    ),
)


class PayloadFolder:
    """Writes the payload of each message to a separate file.

    Attributes:
        saved: files written.
        left_out: messages without one.
    """

    def __init__(self, folder: Path) -> None:
        """Make the folder, which must be new or empty.

        Raises:
            ReportError: It is not, or cannot be made.
        """
        self.folder = folder
        self.saved = self.left_out = 0
        self._over = False
        with report_errors(folder):
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise ReportError(
                    f"cannot write {folder}: it is no empty folder", hint="give a new name"
                )
            self._made = not folder.exists()
            folder.mkdir(exist_ok=True)
            self._index = (folder / INDEX).open("xb")
            header = ",".join(column.name for column in SAVED.columns) + "\n"
            self._index.write(header.encode())
        self._formatter = Formatter(SAVED, "csv")

    def write(self, rows: TableRows) -> None:
        """Write payloads, and their lines of the index."""
        if rows.table.name != "messages" or not rows.count:
            return
        with report_errors(self.folder):
            names = [self._save(row_values(rows, place)) for place in range(rows.count)]
            values = {**take_rows(rows, range(rows.count)).values, "file": names}
            for piece in self._formatter.format(TableRows(SAVED, values, rows.count)):
                self._index.write(piece)

    def _save(self, row: dict[str, Any]) -> str | None:
        payload = row["payload"]
        if payload is None or self.saved >= MAX_FILES:
            self.left_out += 1
            return None
        name = f"{row['connection']:05d}-{row['message']:06d}{_suffix(payload, row['type'])}"
        # New: no link that somebody has put there meanwhile is followed.
        with (self.folder / name).open("xb") as file:
            file.write(payload)
        self.saved += 1
        return name

    def close(self) -> None:
        """Finish the index."""
        if not self._over:
            self._over = True
            with report_errors(self.folder):
                self._index.close()

    def abort(self) -> None:
        """Remove what was written: the folder was empty before."""
        if self._over:
            return
        self._over = True
        with contextlib.suppress(OSError):
            self._index.close()
            if self._made:
                shutil.rmtree(self.folder)
            else:
                for path in self.folder.iterdir():
                    path.unlink()


def _suffix(payload: bytes, kind: str) -> str:
    if kind != "text":
        return ".bin"
    return ".json" if payload[:1] in (b"{", b"[") else ".txt"
