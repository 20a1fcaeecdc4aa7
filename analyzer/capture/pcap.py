"""Classic pcap files (draft-ietf-opsawg-pcap): a header of 24 bytes, then records.

Knows the file header and how to judge its end; the records are walked by the kernel
`_records`. Must not know where bytes come from. Made by source.
"""

from __future__ import annotations

import struct

from analyzer.capture import _records
from analyzer.capture.formats import PCAP_MAGICS, refusal
from analyzer.capture.reader import Reader
from analyzer.capture.records import Interface
from analyzer.errors import NotACaptureError
from analyzer.findings import CAPTURE_CUT, CAPTURE_DAMAGED, Finding

_FILE_HEAD_BYTES = 24
_RECORD_HEAD_BYTES = 16
_MAJOR, _MINOR = 2, 4

_SANE_RECORD_BYTES = 262_144
"""Wireshark's and tcpdump's largest snap length. A last record that claims more than
this and more than the file's own snap length is damage rather than a cut."""


class PcapReader(Reader):
    """Reads a pcap file of either byte order, with micro- or nanoseconds.

    Records longer than options.max_record_bytes are damage: reading stops there.
    """

    _kernel: _records.PcapWalk | None = None
    _big = False
    _snaplen = 0

    def _walk(self) -> None:
        if self._kernel is None:
            if self._used < _FILE_HEAD_BYTES:
                return
            self._kernel = self._begin(self._data[:_FILE_HEAD_BYTES].tobytes())
            self._position = _FILE_HEAD_BYTES
        if self._run(self._kernel.walk) == _records.DAMAGED:
            self._stop(Finding(CAPTURE_DAMAGED, detail=self._impossible(self._claimed())))

    def _begin(self, head: bytes) -> _records.PcapWalk:
        """Read the file header.

        Raises:
            NotACaptureError: not pcap, or of a version that is not 2.4 or later.
        """
        if head[:4] not in PCAP_MAGICS:
            raise refusal(head)
        self._big, fraction_ns = PCAP_MAGICS[head[:4]]
        order = ">" if self._big else "<"
        major, minor = struct.unpack_from(order + "HH", head, 4)
        # Before 2.4 some writers swapped the two lengths of a record.
        if major != _MAJOR or minor < _MINOR:
            raise NotACaptureError(
                f"The pcap file is of version {major}.{minor}; versions from 2.4 are read.",
                hint="convert it first: editcap -F pcapng OLD NEW.pcapng",
            )
        self._snaplen, network = struct.unpack_from(order + "II", head, 16)
        self.interfaces = [Interface(network & 0xFFFF, self._snaplen)]
        # "LinkType and additional information": the upper 16 bits say how many
        # bytes of checksum end a frame; the link type is in the lower 16.
        return _records.PcapWalk(
            self._big,
            fraction_ns,
            network & 0xFFFF,
            self.options.max_record_bytes,
            self._first_interface,
        )

    def _end(self) -> None:
        rest = self._used - self._position
        if self._kernel is None:
            self._findings.append(
                Finding(CAPTURE_CUT, detail=f"the file head of 24 bytes has only {rest}")
            )
        elif rest >= _RECORD_HEAD_BYTES and self._claimed() > max(
            self._snaplen, _SANE_RECORD_BYTES
        ):
            self._findings.append(
                Finding(
                    CAPTURE_DAMAGED,
                    packet=self.packets + 1,
                    detail=self._impossible(self._claimed()),
                )
            )
        elif rest:
            self._findings.append(
                Finding(
                    CAPTURE_CUT,
                    packet=self.packets + 1,
                    detail=f"{self._where()}, where {rest} bytes are left",
                )
            )

    def _summarise(self) -> None:
        """Add what was odd about all records; the file says nothing more about itself."""
        if self._kernel is not None:
            self._add_too_long(*self._kernel.stored_too_long())

    def _claimed(self) -> int:
        """Return the captured length of the record that begins at `_position`."""
        at = self._position + 8
        return int.from_bytes(self._data[at : at + 4].tobytes(), "big" if self._big else "little")

    def _impossible(self, length: int) -> str:
        return f"{self._where()}, where a record claims {length} bytes"
