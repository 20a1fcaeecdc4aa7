"""What the readers of all formats share: a buffer that is filled and walked.

Knows how bytes come in and batches go out. Must not know any format. Base class of
pcap.PcapReader and pcapng.PcapngReader; driven by source, or by any caller that has bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from analyzer.capture import _records
from analyzer.capture.records import RECORD, Interface, RecordBatch
from analyzer.columns import Bytes, Rows
from analyzer.findings import CAPTURE_EMPTY, PACKETS_CAPTURED_TOO_LONG, Finding
from analyzer.options import DEFAULT, Options

_ROWS_AT_FIRST = 64
_BYTES_PER_RECORD = 64  # a guess below most captures: header and a short packet


class Reader(ABC):
    """Turns the bytes of one file into batches of records.

    Either `push(data)`, or, without a copy, read into `room()` and say how much was
    `filled(count)`. How the bytes are cut never changes the rows.

    Args:
        options: limits.
        first_packet: number of the first packet.
        first_interface: number of the first interface.

    Attributes:
        packets: number of the last packet found.
        stopped: damage was met; further bytes are ignored.
        secrets: TLS key logs found in the file, in file order.
        interfaces: described by the file so far, over all its sections.
        may_bring_keys: the format can hold them.
    """

    def __init__(
        self, options: Options = DEFAULT, *, first_packet: int = 1, first_interface: int = 0
    ) -> None:
        self.options = options
        self.packets = first_packet - 1
        self.stopped = False
        self.secrets: list[bytes] = []
        self.interfaces: list[Interface] = []
        self._first_interface = first_interface
        self.may_bring_keys = False
        self._new_secrets: list[tuple[int, bytes]] = []
        self._figures = b""
        self._first_packet = first_packet
        self._data: Bytes = np.empty(0, np.uint8)
        self._used = 0
        self._position = 0  # in _data: what is before it has been walked
        self._offset = 0  # of _data[0] in the file
        self._rows: Rows = np.empty(0, RECORD)
        self._count = 0
        self._findings: list[Finding] = []

    def room(self, size: int | None = None) -> memoryview:
        """Return writable memory after the bytes that wait for their record's rest.

        Args:
            size: bytes wanted; options.batch_bytes by default.
        """
        wanted = size or self.options.batch_bytes
        # A quarter more, in which later stages put what they keep between batches.
        needed = self._used + wanted + wanted // 4
        if needed > len(self._data):
            self._renew(needed)
        return self._data.data[self._used : self._used + wanted]

    def filled(self, count: int) -> RecordBatch:
        """Walk the `count` bytes that were written to `room()`.

        Returns:
            The records completed by them.

        Raises:
            NotACaptureError: the file's header is not of this format.
        """
        self._used += count
        if self.stopped:
            self._position = self._used
        else:
            self._walk()
        return self._take()

    def push(self, data: bytes | bytearray | memoryview) -> RecordBatch:
        """Walk a piece of the file of any size; see `filled`."""
        view = memoryview(data).cast("B")
        if not len(view):
            return RecordBatch()
        self.room(len(view))[:] = view
        return self.filled(len(view))

    def finish(self) -> RecordBatch:
        """Return the findings that are known only at the end of the file."""
        if not self.stopped:
            self._end()
        if not self._findings and not self.stopped and self.packets < self._first_packet:
            self._findings.append(Finding(CAPTURE_EMPTY))
        self._summarise()
        self._position = self._used
        return self._take()

    @abstractmethod
    def _walk(self) -> None:
        """Move `_position` over all complete records, appending their rows."""

    @abstractmethod
    def _summarise(self) -> None:
        """Append the findings that count over the whole file."""

    @abstractmethod
    def _end(self) -> None:
        """Judge the bytes between `_position` and `_used`, the file's last."""

    def _add_too_long(self, count: int, first: int) -> None:
        if count:
            self._findings.append(
                Finding(
                    PACKETS_CAPTURED_TOO_LONG, packet=first, detail=f"{count} packets", count=count
                )
            )

    def _stop(self, finding: Finding) -> None:
        self._findings.append(finding)
        self._position = self._used
        self.stopped = True

    def _where(self) -> str:
        """Say where in the file the next record begins."""
        return f"at byte {self._offset + self._position}, behind packet {self.packets}"

    def _run(self, walk: Any, *arguments: Rows) -> int:
        """Call a kernel until it needs something else than more rows; return why."""
        if not len(self._rows):
            expected = (self._used - self._position) // _BYTES_PER_RECORD
            self._rows = np.empty(expected + _ROWS_AT_FIRST, RECORD)
        views = [_records.record_view(rows) for rows in arguments]
        while True:
            before = self._count
            self._count, self._position, why = walk(
                self._data,
                self._position,
                self._used,
                _records.record_view(self._rows),
                self._count,
                self.packets,
                *views,
            )
            self.packets += self._count - before
            if why != _records.FULL:
                return int(why)
            bigger = np.empty(2 * len(self._rows), RECORD)
            bigger[: self._count] = self._rows[: self._count]
            self._rows = bigger

    def _take(self) -> RecordBatch:
        """Hand out what was found; the batch gets the buffer, its tail stays here."""
        findings, self._findings = self._findings, []
        secrets, self._new_secrets = self._new_secrets, []
        figures, self._figures = self._figures, b""
        if not self._count:
            return RecordBatch(
                findings=findings,
                secrets=secrets,
                may_bring_keys=self.may_bring_keys,
                figures=figures,
            )
        batch = RecordBatch(
            rows=self._rows[: self._count],
            data=self._data,
            used=self._position,
            findings=findings,
            secrets=secrets,
            may_bring_keys=self.may_bring_keys,
            figures=figures,
        )
        self._rows, self._count = np.empty(0, RECORD), 0
        # The batch's owner may write after `used` from now on, so the tail is
        # copied at once.
        wanted = self.options.batch_bytes
        self._renew(self._used - self._position + wanted + wanted // 4)
        return batch

    def _renew(self, needed: int) -> None:
        """Move the tail to a new buffer of at least `needed` bytes.

        A record longer than the buffer makes it double, so that reading such a
        record in small pieces stays linear.
        """
        tail = self._data[self._position : self._used]
        capacity = needed
        if needed > len(self._data) and not self._position:
            capacity = max(needed, 2 * len(self._data))
        data = np.empty(capacity, np.uint8)
        data[: len(tail)] = tail
        self._offset += self._position
        self._data, self._used, self._position = data, len(tail), 0
