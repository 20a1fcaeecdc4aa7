"""pcapng files (draft-ietf-opsawg-pcapng): sections of blocks.

Knows all blocks; runs of packet blocks are walked by the kernel `_records`. Must not
know where bytes come from. Made by source.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

import numpy as np

from analyzer.capture import _records
from analyzer.capture.clock import MICROSECONDS, linear, ticks_to_ns
from analyzer.capture.formats import PCAPNG_MAGIC, refusal
from analyzer.capture.pcapng_blocks import FIGURES, FIGURES_MAGIC
from analyzer.capture.reader import Reader
from analyzer.capture.records import RECORD, Interface
from analyzer.columns import Rows, grown, row_dtype
from analyzer.errors import NotACaptureError
from analyzer.findings import (
    CAPTURE_ANONYMIZED,
    CAPTURE_CUT,
    CAPTURE_DAMAGED,
    CAPTURE_DROPS,
    CAPTURE_NO_TIME,
    CAPTURE_SKIPPED,
    Finding,
)
from analyzer.lazy_pattern import lazy_pattern
from analyzer.options import DEFAULT, Options

INTERFACE = row_dtype(
    [
        ("limit", "<i8"),  # time stamps up to it are computed in 64 bits (clock.linear)
        ("offset", "<i8"),  # ns
        ("offset_s", "<i8"),  # if_tsoffset
        ("multiplier", "<i8"),
        ("divisor", "<i8"),
        ("snaplen", "<i8"),
        ("link_type", "<i4"),
        ("resolution", "<i4"),  # if_tsresol
    ]
)
"""One Interface Description Block, as the kernel needs it."""

# Block types (draft, section 11.1).
_INTERFACE_DESCRIPTION = 1
_PACKET = 2  # obsolete since 2004, still in old files
_INTERFACE_STATISTICS = 5
_DECRYPTION_SECRETS = 10
_JOURNAL_EXPORT = 9
_CUSTOM = (0x00000BAD, 0x40000BAD)  # that may be copied to new files, that must not

_BYTE_ORDER_MAGIC = bytes.fromhex("1a2b3c4d")
_MAJOR = 1
_SECTION_HEADER_BYTES = 28
_BLOCK_BYTES = 12  # of a block without body
_TLS_KEY_LOG = 0x544C534B  # "TLSK" (section 4.7)
_NO_SNAPLEN = 2**32

ANONYMIZED = "Anonymized by wsanalyze:"
"""How the comment of a section begins that `--anonymize` wrote (share.pcapng)."""
_OVERWRITTEN = lazy_pattern(
    rf"{ANONYMIZED} addresses, names and payload are false; overwritten: "
    r"(\d{1,18} bytes of compressed messages, \d{1,18} of TLS records, "
    r"\d{1,18} of other protocols"
    r"(?:; encrypted anew with keys of this file: \d{1,18} TLS sessions)?"
    r"(?:; waited for too long, and are noise: \d{1,18} directions)?"
    r"(?:; left out: [\w, -]{1,120})?)",
    re.ASCII,
)

# Options (sections 4.2 and 4.6).
_END_OF_OPTIONS = 0
_COMMENT = 1
_IF_NAME = 2
_IF_DESCRIPTION = 3
_IF_TSRESOL = 9
_IF_TSOFFSET = 14
_ISB_IFDROP = 5


class PcapngReader(Reader):
    """Reads a pcapng file: any number of sections, each of its own byte order.

    Unknown blocks are skipped. A block whose length cannot be is damage: reading
    stops there. A sound block with an impossible packet is skipped and counted.
    """

    def __init__(
        self, options: Options = DEFAULT, *, first_packet: int = 1, first_interface: int = 0
    ) -> None:
        super().__init__(options, first_packet=first_packet, first_interface=first_interface)
        self.may_bring_keys = True
        self._big = False
        self._kernel: _records.PacketBlockWalk | None = None
        self._interfaces: Rows = np.zeros(0, INTERFACE)
        self._interface_count = 0
        self._section_drops: dict[int, int] = {}
        self._drops = 0
        self._secret_bytes = 0
        # Packets skipped (no such interface, too long) and without time.
        self._counts = np.zeros(3, np.int64)
        self._too_long = self._first_too_long = 0

    # --- blocks ------------------------------------------------------------------
    def _walk(self) -> None:
        while not self.stopped:
            if self._kernel is not None:
                interfaces = self._interfaces[: self._interface_count]
                why = self._run(self._kernel.walk, interfaces)
                if why == _records.MORE:
                    return
                if why == _records.DAMAGED:
                    self._damaged("a block's length cannot be")
                    return
            if not self._block():
                return

    def _block(self) -> bool:
        """Read the block at `_position`; return False if it needs more bytes."""
        rest = self._used - self._position
        if rest < _BLOCK_BYTES:
            return False
        head = self._bytes(0, _BLOCK_BYTES)
        is_section = head[:4] == PCAPNG_MAGIC
        if is_section:
            if head[8:] not in (_BYTE_ORDER_MAGIC, _BYTE_ORDER_MAGIC[::-1]):
                return self._bad_head("its byte order cannot be told")
            big = head[8:] == _BYTE_ORDER_MAGIC
        elif self._kernel is None:
            raise refusal(head)
        else:
            big = self._big
        kind, length = struct.unpack_from(">II" if big else "<II", head)
        if length % 4 or length < _BLOCK_BYTES or length > self.options.max_record_bytes:
            return self._bad_head(f"a block claims {length} bytes")
        if length > rest:
            return False
        block = self._bytes(0, length)
        # Both copies of the length must agree, else the next block is anywhere.
        if block[-4:] != block[4:8]:
            return self._bad_head("a block's two lengths differ")
        if is_section:
            return self._section(block, big=big)
        self._body(kind, block[8:-4])
        self._position += length
        return True

    def _bytes(self, start: int, end: int) -> bytes:
        """Return bytes counted from `_position`."""
        return self._data[self._position + start : self._position + end].tobytes()

    def _bad_head(self, reason: str) -> bool:
        if self._kernel is None:
            raise NotACaptureError(f"The pcapng file is damaged at its head: {reason}.")
        self._damaged(reason)
        return True

    def _damaged(self, reason: str) -> None:
        detail = f"{self._where()}, where {reason}"
        self._stop(Finding(CAPTURE_DAMAGED, packet=self.packets + 1, detail=detail))

    def _section(self, block: bytes, *, big: bool) -> bool:
        """Begin a section: interfaces are numbered anew (section 4.1)."""
        if len(block) < _SECTION_HEADER_BYTES:
            return self._bad_head(f"a section header has only {len(block)} bytes")
        (major,) = struct.unpack_from(">H" if big else "<H", block, 12)
        if major != _MAJOR:
            return self._bad_head(f"a section is of version {major}, not {_MAJOR}")
        self._close_section()
        self._big = big
        self._comment(block[_SECTION_HEADER_BYTES - 4 : -4])
        self._kernel = _records.PacketBlockWalk(
            big, self.options.max_record_bytes, self._first_interface + len(self.interfaces)
        )
        self._position += len(block)
        return True

    def _comment(self, options: bytes) -> None:
        """Say that a section was anonymized: its payload is not what was sent."""
        for code, value in self._options(options, 0):
            if code == FIGURES and value.startswith(FIGURES_MAGIC):
                self._figures += value[len(FIGURES_MAGIC) :]
                continue
            said = _OVERWRITTEN.fullmatch(value.decode("utf-8", "replace"))
            if code == _COMMENT and said is not None:
                self._findings.append(Finding(CAPTURE_ANONYMIZED, detail=said[1]))

    def _close_section(self) -> None:
        if self._kernel is not None:
            self._counts += self._kernel.counts()
            self._count_too_long(*self._kernel.stored_too_long())
        self._interface_count = 0
        self._drops += sum(self._section_drops.values())
        self._section_drops.clear()

    def _body(self, kind: int, body: bytes) -> None:
        """Read the body of a block that is neither section nor current packet."""
        if kind == _INTERFACE_DESCRIPTION:
            self._interface(body)
        elif kind == _PACKET:
            self._old_packet(body)
        elif kind == _INTERFACE_STATISTICS:
            self._statistics(body)
        elif kind == _DECRYPTION_SECRETS:
            self._secret(body)
        elif kind == _JOURNAL_EXPORT or kind in _CUSTOM:
            # Wireshark lists them, so they take a frame.number; here they give no row.
            self.packets += 1

    # --- bodies ------------------------------------------------------------------
    def _unpack(self, code: str, body: bytes, at: int = 0) -> tuple[int, ...]:
        return struct.unpack_from((">" if self._big else "<") + code, body, at)

    def _interface(self, body: bytes) -> None:
        """Interface Description Block (section 4.2)."""
        if self._interface_count >= self.options.max_interfaces:
            return
        # Cut short, it still takes its number: packets refer to the ones after it.
        link_type, _, snaplen = self._unpack("HHI", body.ljust(8, b"\0"))
        resolution, offset_s = MICROSECONDS, 0
        texts = {_IF_NAME: b"", _IF_DESCRIPTION: b""}
        for code, value in self._options(body, 8):
            if code == _IF_TSRESOL and len(value) == 1:
                resolution = value[0]
            elif code == _IF_TSOFFSET and len(value) == 8:
                (offset_s,) = self._unpack("q", value)
            elif code in texts:
                texts[code] = value
        self.interfaces.append(Interface(link_type, snaplen, *texts.values()))
        limit, multiplier, divisor, offset = linear(resolution, offset_s)
        self._interfaces = grown(self._interfaces, self._interface_count + 1)
        self._interfaces[self._interface_count] = (
            limit,
            offset,
            offset_s,
            multiplier,
            divisor,
            snaplen or _NO_SNAPLEN,  # "A value of zero indicates no limit"
            link_type,
            resolution,
        )
        self._interface_count += 1

    def _options(self, body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
        """Yield code and value of each option (section 3.5); stop at a broken one."""
        while at + 4 <= len(body):
            code, length = self._unpack("HH", body, at)
            if code == _END_OF_OPTIONS or at + 4 + length > len(body):
                return
            yield code, body[at + 4 : at + 4 + length]
            at += 4 + (length + 3 & ~3)

    def _old_packet(self, body: bytes) -> None:
        """Packet Block (appendix A), obsolete: interface and drops are 16 bits."""
        if len(body) < 20:
            self._counts[1] += 1
            return
        interface, _, high, low, captured, original = self._unpack("HHIIII", body)
        if interface >= self._interface_count:
            self._counts[0] += 1
            return
        if captured > len(body) - 20:
            self._counts[1] += 1
            return
        clock = self._interfaces[interface]
        self.packets += 1
        if 0 < original < captured:
            captured = original
            self._count_too_long(1, self.packets)
        if self._count >= len(self._rows):
            self._rows = _with_room(self._rows, self._count)
        self._rows[self._count] = (
            self.packets,
            ticks_to_ns(high << 32 | low, int(clock["resolution"]), int(clock["offset_s"])),
            self._position + 8 + 20,
            captured,
            min(max(captured, original), 2**31 - 1),
            clock["link_type"],
            self._first_interface + len(self.interfaces) - self._interface_count + interface,
        )
        self._count += 1

    def _count_too_long(self, count: int, first: int) -> None:
        if count and (not self._first_too_long or first < self._first_too_long):
            self._first_too_long = first
        self._too_long += count

    def _statistics(self, body: bytes) -> None:
        """Interface Statistics Block (section 4.6): counters since capture start."""
        if len(body) < 12:
            return
        (interface,) = self._unpack("I", body)
        if interface >= self._interface_count:
            return
        for code, value in self._options(body, 12):
            if code == _ISB_IFDROP and len(value) == 8:
                (drops,) = self._unpack("Q", value)
                self._section_drops[interface] = max(drops, self._section_drops.get(interface, 0))

    def _secret(self, body: bytes) -> None:
        """Decryption Secrets Block (section 4.7); only TLS key logs are kept."""
        if len(body) < 8:
            return
        kind, length = self._unpack("II", body)
        secret = body[8 : 8 + length]
        if kind != _TLS_KEY_LOG or len(secret) < length:
            return
        if self._secret_bytes + length <= self.options.max_secret_bytes:
            self.secrets.append(secret)
            self._new_secrets.append((self.packets, secret))
            self._secret_bytes += length

    # --- the end -----------------------------------------------------------------
    def _end(self) -> None:
        rest = self._used - self._position
        if rest:
            packet = self.packets + 1 if self._kernel is not None else 0
            detail = f"{self._where()}, where {rest} bytes are left"
            self._findings.append(Finding(CAPTURE_CUT, packet=packet, detail=detail))

    def _summarise(self) -> None:
        self._close_section()
        self._add_too_long(self._too_long, self._first_too_long)
        no_interface, too_long, without_time = (int(count) for count in self._counts)
        if self._drops:
            self._findings.append(Finding(CAPTURE_DROPS, detail=f"{self._drops} of all interfaces"))
        if without_time:
            self._findings.append(Finding(CAPTURE_NO_TIME, detail=without_time))
        if no_interface:
            detail = f"{no_interface} packets name an interface that the file does not describe"
            self._findings.append(Finding(CAPTURE_SKIPPED, detail=detail, count=no_interface))
        if too_long:
            detail = f"{too_long} packets are longer than the block around them"
            self._findings.append(Finding(CAPTURE_SKIPPED, detail=detail, count=too_long))


def _with_room(rows: Rows, count: int) -> Rows:
    bigger = np.empty(2 * count + 64, RECORD)
    bigger[:count] = rows[:count]
    return bigger
