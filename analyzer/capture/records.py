"""Records: what a capture file holds, one row per packet, whatever the format.

Knows file formats' common ground only. Must not know what is inside a packet.
Made by the readers (pcap, pcapng, later live); used by packets.
"""

from __future__ import annotations

import numpy as np

from analyzer.columns import Bytes, Rows, empty, row_dtype
from analyzer.findings import Finding
from analyzer.lazy_dataclass import dataclass, field
from analyzer.named_tuple import NamedTuple

RECORD = row_dtype(
    [
        ("packet", "<i8"),  # number in the capture, from 1 (Wireshark: frame.number)
        ("time", "<i8"),  # ns since 1970-01-01 UTC; NULL where the format has none
        ("start", "<i8"),  # first captured byte, in data
        ("captured", "<i4"),  # bytes captured, readable at start
        ("original", "<i4"),  # bytes on the wire; never less than captured
        ("link_type", "<i4"),  # LINKTYPE_ value (tcpdump.org/linktypes.html)
        ("interface", "<i4"),  # of a file: index in Source.interfaces; of no meaning live
    ]
)
"""One captured packet."""


class Interface(NamedTuple):
    """What a file says of an interface; a pcap file has one."""

    link_type: int
    snaplen: int
    """Bytes kept of a packet; 0: no limit."""
    name: bytes = b""
    description: bytes = b""


@dataclass(slots=True)
class RecordBatch:
    """Rows of RECORD over one buffer.

    Attributes:
        rows: dtype RECORD, in capture order.
        data: the bytes that rows point into. It belongs to the batch alone and is
            writable: later stages append to it (`append`) and unmask in place. It
            has spare room after `used`.
        used: bytes of `data` in use.
        findings: oddities of the file itself (cut, damaged, ...).
        secrets: (packet before it, text) of TLS key logs in the file, in order.
        may_bring_keys: a later batch may have secrets too.
        figures: what an anonymized file carries of its original (alternatives.recorded).
    """

    rows: Rows = field(default_factory=lambda: empty(RECORD))
    data: Bytes = field(default_factory=lambda: np.zeros(0, np.uint8))
    used: int = 0
    findings: list[Finding] = field(default_factory=list)
    # Never shown: keys are no output.
    secrets: list[tuple[int, bytes]] = field(default_factory=list, repr=False)
    may_bring_keys: bool = False
    figures: bytes = b""

    def append(self, payload: bytes | bytearray | memoryview | Bytes) -> int:
        """Append bytes to `data` and return where they start.

        For what a stage had to keep from an earlier batch or to put together
        (joined fragments, segments held for their turn). May replace `data`, so
        take `data` from the batch after the last call.
        """
        source = np.frombuffer(payload, dtype=np.uint8)
        start = self.used
        end = start + len(source)
        if end > len(self.data):
            bigger = np.empty(max(end, len(self.data) + len(self.data) // 2), np.uint8)
            bigger[:start] = self.data[:start]
            self.data = bigger
        self.data[start:end] = source
        self.used = end
        return start


class BlankBatches:
    """Tells batches that bring nothing: pieces of a file that end within a record."""

    def __init__(self) -> None:
        self._may_bring_keys = False

    def has(self, records: RecordBatch) -> bool:
        """Return whether the next batch brings nothing. Whether keys may come is news by itself."""
        may_bring_keys, self._may_bring_keys = self._may_bring_keys, records.may_bring_keys
        if may_bring_keys != records.may_bring_keys:
            return False
        return not (len(records.rows) or records.findings or records.secrets or records.figures)
