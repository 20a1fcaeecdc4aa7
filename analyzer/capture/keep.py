"""Packet files: keeps captured packets as pcapng, so that a finding can be looked at later.

Knows pcapng as far as it writes it (draft-ietf-opsawg-pcapng): a section, its interfaces,
packets, and statistics at the end. Must not know where packets come from. Made by
cli.live, called by analyzer.live.run with each batch before it is analysed.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from analyzer.capture._blocks import fill
from analyzer.capture.filters import SNAP_BYTES
from analyzer.capture.pcapng_blocks import STATISTICS, block, interface, option, section
from analyzer.capture.records import Interface, RecordBatch
from analyzer.capture.stats import CaptureStats
from analyzer.columns import Bytes
from analyzer.errors import ReportError
from analyzer.findings import CAPTURE_NOT_KEPT, Finding

_OUT_BYTES = 1 << 20
_NO_LIMIT = 1 << 62
_ISB_IFRECV, _ISB_IFDROP = 4, 5
_INTERFACES_PER_ROW = 1 << 20  # above every link type


class PacketFiles:
    """One file, or a ring of them.

    Each is a whole capture by itself at any time: blocks are written whole, and what of one
    did not fit on the disk is cut off again.

    Args:
        path: of the file. Of a ring, names are made of it as dumpcap does:
            FILE_00001_20261124201530.pcapng, with the time in UTC.
        names: of interfaces.
        stats: returns the counters that are written at a file's end.
        most_bytes: begin a new file when one has so many; None: there is one file.
        most_files: keep so many of the last; None: all.

    Raises:
        ReportError: The first file cannot be made.
    """

    def __init__(
        self,
        path: Path,
        names: Sequence[str],
        stats: Callable[[], CaptureStats],
        *,
        most_bytes: int | None = None,
        most_files: int | None = None,
    ) -> None:
        self.files: deque[Path] = deque()
        self._path = path
        self._names = names
        self._stats = stats
        self._most_bytes = most_bytes
        self._most_files = most_files
        self._made = 0
        self._file: BinaryIO | None = None
        self._size = 0
        self._counted = CaptureStats(0, 0, 0, True)
        self._numbers: dict[int, int] = {}
        self._out: Bytes = np.empty(_OUT_BYTES, np.uint8)
        try:
            self._open()
        except OSError as error:
            self._give_up()
            raise ReportError(f"cannot write {path}: {error.strerror or error}") from error

    def keep(self, batch: RecordBatch) -> None:
        """Write the packets of a batch; if that fails, report a finding and stop writing."""
        if self._file is None or not len(batch.rows):
            return
        try:
            self._write_rows(batch)
        except OSError as error:
            name = self.files[-1].name
            detail = f"{name}: {error.strerror or error}"
            packet = int(batch.rows["packet"][0])
            batch.findings.append(Finding(CAPTURE_NOT_KEPT, packet=packet, detail=detail))
            self._give_up()

    def close(self) -> None:
        """End the file with the counters."""
        if self._file is None:
            return
        try:
            self._finish()
        except OSError:
            self._give_up()

    # --- files ---------------------------------------------------------------------
    def _open(self) -> None:
        self._made += 1
        path = self._path
        if self._most_bytes is not None:
            stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime())
            path = path.with_name(f"{path.stem}_{self._made:05}_{stamp}{path.suffix}")
        self._file = cast(BinaryIO, path.open("wb", buffering=0))
        self.files.append(path)
        self._size = 0
        self._numbers = {}
        self._write(section())

    def _finish(self) -> None:
        """Write the counters since the file began, and close it."""
        assert self._file is not None
        stats, before = self._stats(), self._counted
        self._counted = stats
        if self._numbers:
            now = time.time_ns()
            received = stats.received - before.received
            dropped = stats.dropped - before.dropped
            body = struct.pack("<III", 0, now >> 32, now & 0xFFFFFFFF)
            body += option(_ISB_IFRECV, struct.pack("<Q", received))
            body += option(_ISB_IFDROP, struct.pack("<Q", dropped))
            self._write(block(STATISTICS, body + option(0, b"")))
        self._file.close()
        self._file = None

    def _rotate(self) -> None:
        self._finish()
        self._open()
        while self._most_files is not None and len(self.files) > self._most_files:
            self.files.popleft().unlink(missing_ok=True)

    def _give_up(self) -> None:
        """Close the file as it is; blocks in it are whole."""
        if self._file is not None:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):  # a device, a pipe, a disk that went away
                os.ftruncate(file.fileno(), self._size)
            with contextlib.suppress(OSError):
                file.close()

    def _write(self, data: bytes | memoryview) -> None:
        """Write all of `data`, or cut off what of it was written, and raise OSError."""
        assert self._file is not None
        left = memoryview(data)
        while len(left):
            left = left[self._file.write(left) :]
        self._size += len(data)

    # --- packets -------------------------------------------------------------------
    def _write_rows(self, batch: RecordBatch) -> None:
        row = 0
        numbers = self._interface_numbers(batch)
        while row < len(batch.rows):
            room = _NO_LIMIT
            if self._most_bytes is not None:
                if self._size >= self._most_bytes:
                    self._rotate()
                    numbers = self._interface_numbers(batch)
                room = self._most_bytes - self._size
            longest = 64 + int(batch.rows["captured"][row])
            if longest > len(self._out):
                self._out = np.empty(longest, np.uint8)
            row, used = fill(
                batch.data, batch.rows.view(np.recarray), numbers, row, self._out, max(1, room)
            )
            self._write(self._out[:used].data)

    def _interface_numbers(self, batch: RecordBatch) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
        """Return the number of each row's interface in the file; describe new ones."""
        of_row = getattr(batch, "interfaces", None)
        keys = batch.rows["link_type"].astype(np.int64)
        if of_row is not None:
            keys += of_row[: len(keys)].astype(np.int64) * _INTERFACES_PER_ROW
        unique, places = np.unique(keys, return_inverse=True)
        numbers = np.array([self._number(int(key)) for key in unique], np.uint32)
        return numbers[places]

    def _number(self, key: int) -> int:
        if key not in self._numbers:
            place, link_type = divmod(key, _INTERFACES_PER_ROW)
            name = b""
            if place < len(self._names):
                name = self._names[place].encode(errors="replace")
            self._write(interface(Interface(link_type, SNAP_BYTES, name)))
            self._numbers[key] = len(self._numbers)
        return self._numbers[key]
