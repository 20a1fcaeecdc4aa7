"""The record walk: finds every packet record in a run of file bytes.

Knows the layout of pcap records and of pcapng's two packet blocks. Must not know
files, sections or what is inside a packet. Called by pcap.PcapReader and
pcapng.PcapngReader, which own it.

Both walks read forward from a position and stop before the first record that they
cannot settle. They return how many rows there are now, where they stopped, and why.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer.capture.clock import ticks_to_ns
from analyzer.columns import Rows

if cython.compiled:
    from cython.cimports.analyzer.capture.byte_order import u32
    from cython.cimports.analyzer.capture.records import Record
else:
    from analyzer.capture.byte_order import u32

MORE = 0  # the bytes end before the record does
FULL = 1  # the array of rows is full
DAMAGED = 2  # a length that cannot be
OTHER = 3  # a complete pcapng block that is not for this walk

# C constants: a comparison with a module's attribute costs 50 ns.
_ENHANCED_PACKET = cython.declare(cython.longlong, 6)
_SIMPLE_PACKET = cython.declare(cython.longlong, 3)
_ENHANCED_DATA = cython.declare(cython.Py_ssize_t, 28)  # where in the block the packet begins
_SIMPLE_DATA = cython.declare(cython.Py_ssize_t, 12)

Interface = cython.struct(
    limit=cython.longlong,
    offset=cython.longlong,
    offset_s=cython.longlong,
    multiplier=cython.longlong,
    divisor=cython.longlong,
    snaplen=cython.longlong,
    link_type=cython.int,
    resolution=cython.int,
)

_NULL = cython.declare(cython.longlong, -(2**63 - 1) - 1)
_MOST = cython.declare(cython.longlong, 2**63 - 1)
_LONGEST = cython.declare(cython.longlong, 2**31 - 1)


def record_view(rows: Rows) -> Any:
    """Return rows as a kernel of this module takes them: with fields as attributes, uncompiled."""
    return rows if cython.compiled else rows.view(np.recarray)


@cython.cclass
class PcapWalk:
    """Walks the records of a classic pcap file.

    Args:
        big: 1 if the file is big-endian.
        fraction_ns: nanoseconds in one unit of the second time field: 1000 or 1.
        link_type: of all records.
        max_record_bytes: a longer record is damage.
        interface: of all records.
    """

    big: cython.bint
    fraction_ns: cython.longlong
    link_type: cython.int
    interface: cython.int
    max_record_bytes: cython.longlong
    too_long: cython.longlong
    first_too_long: cython.longlong

    def __init__(
        self,
        big: cython.bint,
        fraction_ns: cython.longlong,
        link_type: cython.int,
        max_record_bytes: cython.longlong,
        interface: cython.int = 0,
    ) -> None:
        self.interface = interface
        self.big = big
        self.fraction_ns = fraction_ns
        self.link_type = link_type
        self.max_record_bytes = max_record_bytes
        self.too_long = self.first_too_long = 0

    def stored_too_long(self) -> tuple[int, int]:
        """Return how many packets had more bytes stored than they had, and the first."""
        return self.too_long, self.first_too_long

    def walk(
        self,
        data: cython.uchar[::1],
        position: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        rows: Record[::1],
        count: cython.Py_ssize_t,
        packets: cython.longlong,
    ) -> tuple[int, int, int]:
        """Append the records in data[position:end] to rows[count:].

        Args:
            data: file bytes, dtype uint8.
            position: where a record begins.
            end: where the bytes end.
            rows: dtype RECORD.
            count: rows in use.
            packets: number of the last packet before.

        Returns:
            Rows in use, where the walk stopped, and MORE, FULL or DAMAGED.
        """
        capacity: cython.Py_ssize_t = len(rows)
        captured: cython.longlong
        original: cython.longlong
        kept: cython.longlong
        while position + 16 <= end:
            captured = u32(data, position + 8, self.big)
            if captured > self.max_record_bytes:
                return count, position, DAMAGED
            if position + 16 + captured > end:
                return count, position, MORE
            if count >= capacity:
                return count, position, FULL
            original = u32(data, position + 12, self.big)
            packets += 1
            kept = captured
            if original < captured:
                if original == 0:
                    original = captured
                else:
                    kept = original
                    self.too_long += 1
                    if self.first_too_long == 0:
                        self.first_too_long = packets
            if original > _LONGEST:
                original = _LONGEST
            rows[count].packet = packets
            rows[count].time = (
                u32(data, position, self.big) * 1_000_000_000
                + u32(data, position + 4, self.big) * self.fraction_ns
            )
            rows[count].start = position + 16
            rows[count].captured = kept
            rows[count].original = original
            rows[count].link_type = self.link_type
            rows[count].interface = self.interface
            count += 1
            position += 16 + captured
        return count, position, MORE


@cython.cclass
class PacketBlockWalk:
    """Walks the enhanced and simple packet blocks of one pcapng section.

    Blocks whose frame is sound, but whose packet is not, are skipped and counted.

    Args:
        big: 1 if the section is big-endian.
        max_record_bytes: a longer block is damage.
        first_interface: number of the section's first interface, of all that were read.
    """

    big: cython.bint
    first_interface: cython.longlong
    max_record_bytes: cython.longlong
    skipped_no_interface: cython.longlong
    skipped_too_long: cython.longlong
    without_time: cython.longlong
    interfaces: Interface[::1]  # of the walk in progress: an argument would be counted each call
    too_long: cython.longlong
    first_too_long: cython.longlong

    def __init__(
        self,
        big: cython.bint,
        max_record_bytes: cython.longlong,
        first_interface: cython.longlong = 0,
    ) -> None:
        self.big = big
        self.first_interface = first_interface
        self.max_record_bytes = max_record_bytes
        self.skipped_no_interface = 0
        self.skipped_too_long = 0
        self.without_time = 0
        self.too_long = self.first_too_long = 0

    def stored_too_long(self) -> tuple[int, int]:
        """Return how many packets had more bytes stored than they had, and the first."""
        return self.too_long, self.first_too_long

    def counts(self) -> tuple[int, int, int]:
        """Return packets skipped (no such interface, too long) and without time."""
        return self.skipped_no_interface, self.skipped_too_long, self.without_time

    def walk(
        self,
        data: cython.uchar[::1],
        position: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        rows: Record[::1],
        count: cython.Py_ssize_t,
        packets: cython.longlong,
        interfaces: Interface[::1],
    ) -> tuple[int, int, int]:
        """Append the packets in data[position:end] to rows[count:].

        Args:
            data: file bytes, dtype uint8.
            position: where a block begins.
            end: where the bytes end.
            rows: dtype RECORD.
            count: rows in use.
            packets: number of the last packet before.
            interfaces: dtype INTERFACE, the section's.

        Returns:
            Rows in use, where the walk stopped, and MORE, FULL, DAMAGED or OTHER.
        """
        capacity: cython.Py_ssize_t = len(rows)
        kind: cython.longlong
        self.interfaces = interfaces
        length: cython.longlong
        made: cython.int
        while position + 12 <= end:
            kind = u32(data, position, self.big)
            if kind != _ENHANCED_PACKET and kind != _SIMPLE_PACKET:
                return count, position, OTHER
            length = u32(data, position + 4, self.big)
            if length % 4 != 0 or length < 16 or length > self.max_record_bytes:
                return count, position, DAMAGED
            if position + length > end:
                return count, position, MORE
            # Both copies of the length must agree, else the next block is anywhere.
            if u32(data, position + length - 4, self.big) != length:
                return count, position, DAMAGED
            if count >= capacity:
                return count, position, FULL
            made = self._packet(data, position, length, rows, count, kind == _ENHANCED_PACKET)
            if made:
                packets += 1
                if made == 2:
                    self.too_long += 1
                    if self.first_too_long == 0:
                        self.first_too_long = packets
                rows[count].packet = packets
                count += 1
            position += length
        return count, position, MORE

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _packet(
        self,
        data: cython.uchar[::1],
        position: cython.Py_ssize_t,
        length: cython.longlong,
        rows: Record[::1],
        row: cython.Py_ssize_t,
        enhanced: cython.bint,
    ) -> cython.int:
        """Fill a row from an Enhanced or a Simple Packet Block; return 1 if it is sound.

        2 if it holds more bytes than the packet had: those of the original length count, unless
        it is 0, which no packet has.
        """
        made: cython.int = 1
        # The packet's original length comes before its bytes, the block's length after them.
        start: cython.Py_ssize_t = _ENHANCED_DATA if enhanced else _SIMPLE_DATA
        room: cython.longlong = length - start - 4
        if room < 0:
            self.skipped_too_long += 1
            return 0
        # "The Simple Packet Block does not contain the Interface ID field": all are
        # of the section's first interface (pcapng draft, section 4.4).
        interface: cython.longlong = u32(data, position + 8, self.big) if enhanced else 0
        if interface >= len(self.interfaces):
            self.skipped_no_interface += 1
            return 0
        original: cython.longlong = u32(data, position + start - 4, self.big)
        captured: cython.longlong = (
            u32(data, position + 20, self.big)
            if enhanced
            else min(original, self.interfaces[interface].snaplen)
        )
        if captured > room:
            self.skipped_too_long += 1
            return 0
        if original == 0:
            original = captured
        elif original < captured:
            captured = original
            made = 2
        if not enhanced:
            rows[row].time = _NULL
            self.without_time += 1
        else:
            high: cython.longlong = u32(data, position + 12, self.big)
            rows[row].time = self._time(high, u32(data, position + 16, self.big), interface)
        rows[row].start = position + start
        rows[row].captured = captured
        rows[row].original = min(original, _LONGEST)
        rows[row].link_type = self.interfaces[interface].link_type
        rows[row].interface = self.first_interface + interface
        return made

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1, check=True)
    def _time(
        self, high: cython.longlong, low: cython.longlong, interface: cython.longlong
    ) -> cython.longlong:
        """Return a time stamp of upper and lower 32 bits of ticks in ns."""
        # Ticks of 2^63 and more are above every interface's limit.
        ticks: cython.longlong = high << 32 | low if high < 0x80000000 else _MOST
        if ticks > self.interfaces[interface].limit:
            return ticks_to_ns(
                (int(high) << 32) | int(low),
                int(self.interfaces[interface].resolution),
                int(self.interfaces[interface].offset_s),
            )
        time: cython.longlong = ticks * self.interfaces[interface].multiplier
        if self.interfaces[interface].divisor != 1:
            time //= self.interfaces[interface].divisor
        return time + self.interfaces[interface].offset
