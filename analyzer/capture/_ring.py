"""The block walk: finds every packet in a block of the kernel's ring (TPACKET_V3).

Knows the layout of a block (Linux, include/uapi/linux/if_packet.h). Must not know sockets.
Called by ring.Ring on its own copy of a block, never on memory that the kernel writes.

What the kernel took out of a frame is put back into the room before it: the VLAN tag that
the network card or the stack stripped, and, where packets come without a link layer
(-i any), a cooked header (LINKTYPE_LINUX_SLL2) made of the packet's sockaddr_ll.
"""

from __future__ import annotations

import cython

if cython.compiled:
    from cython.cimports.analyzer.capture.byte_order import u16, u32
    from cython.cimports.analyzer.capture.records import Record
else:
    from analyzer.capture.byte_order import u16, u32

# C constants: a comparison with a module's attribute costs 50 ns.
_PACKETS = cython.declare(cython.int, 12)  # where in the header of a block they are counted
_FIRST = cython.declare(cython.int, 16)
_HEAD = cython.declare(cython.int, 48)  # struct tpacket3_hdr, then struct sockaddr_ll
_ADDRESS_END = cython.declare(cython.int, 68)
_LONGEST = cython.declare(cython.int, 0x7FFFFF00)  # what a row can say, tags added
_VLAN_VALID = cython.declare(cython.int, 1 << 4)
_TPID_VALID = cython.declare(cython.int, 1 << 6)
_COOKED_BYTES = cython.declare(cython.int, 20)
_TAG_BYTES = cython.declare(cython.int, 4)
_MAC_BYTES = cython.declare(cython.int, 12)  # both addresses, before the tag


@cython.cfunc
@cython.inline
def _put16(data: cython.uchar[::1], at: cython.Py_ssize_t, value: cython.longlong) -> cython.void:
    """Write 16 bits in network order."""
    data[at] = cython.cast(cython.uchar, (value >> 8) & 0xFF)
    data[at + 1] = cython.cast(cython.uchar, value & 0xFF)


@cython.cclass
class BlockWalk:
    """Walks the packets of one block.

    Args:
        link_type: of all packets of the ring.
        cooked: packets have no link layer; each gets a header of LINKTYPE_LINUX_SLL2.
        big: 1 if the machine is big-endian.
    """

    link_type: cython.int
    cooked: cython.bint
    big: cython.bint

    def __init__(self, link_type: cython.int, cooked: cython.bint, big: cython.bint) -> None:
        self.link_type = link_type
        self.cooked = cooked
        self.big = big

    def walk(
        self,
        data: cython.uchar[::1],
        start: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        rows: Record[::1],
        count: cython.Py_ssize_t,
        packets: cython.longlong,
    ) -> cython.Py_ssize_t:
        """Append the packets of the block data[start:end] to rows[count:].

        Args:
            data: copy of the block, dtype uint8; tags and cooked headers are written into it.
            start: where the block begins.
            end: after its last byte in use.
            rows: dtype RECORD, with room for as many packets as the block counts.
            count: rows in use.
            packets: number of the last packet before.

        Returns:
            Rows in use. A packet that would lie outside the block ends the walk.
        """
        if start + _HEAD > end:
            return count
        left: cython.longlong = u32(data, start + _PACKETS, self.big)
        at: cython.Py_ssize_t = start + u32(data, start + _FIRST, self.big)
        capacity: cython.Py_ssize_t = len(rows)
        step: cython.longlong
        while left > 0 and count < capacity and at + _ADDRESS_END <= end:
            if not self._packet(data, at, end, rows, count):
                return count
            packets += 1
            rows[count].packet = packets
            count += 1
            left -= 1
            step = u32(data, at, self.big)
            if step < _ADDRESS_END:
                return count  # the last one says 0
            at += step
        return count

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _packet(
        self,
        data: cython.uchar[::1],
        at: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        rows: Record[::1],
        row: cython.Py_ssize_t,
    ) -> cython.int:
        """Fill a row from the packet whose tpacket3_hdr is at `at`; return 0 if it cannot be."""
        captured: cython.longlong = u32(data, at + 12, self.big)
        original: cython.longlong = u32(data, at + 16, self.big)
        status: cython.longlong = u32(data, at + 20, self.big)
        offset: cython.longlong = u16(data, at + 24, self.big)
        begin: cython.Py_ssize_t = at + offset
        if offset < _ADDRESS_END or begin + captured > end:
            return 0
        if original < captured:
            original = captured
        if original > _LONGEST:
            original = _LONGEST
        tag: cython.int = -1
        added: cython.int = 0
        if status & _VLAN_VALID:
            tag = cython.cast(cython.int, u32(data, at + 32, self.big) & 0xFFFF)
        if self.cooked:
            # In front of the packet lies its sockaddr_ll, whose copy is written over: so
            # it is read before.
            added = self._cook(data, at, begin, tag, status)
        elif tag >= 0 and captured >= _MAC_BYTES:
            added = self._retag(data, at, begin, tag, status)
        rows[row].time = u32(data, at + 4, self.big) * 1_000_000_000 + u32(data, at + 8, self.big)
        rows[row].start = begin - added
        rows[row].captured = captured + added
        rows[row].original = original + added
        rows[row].link_type = self.link_type
        return 1

    @cython.cfunc
    @cython.exceptval(-1)
    def _tpid(
        self, data: cython.uchar[::1], at: cython.Py_ssize_t, status: cython.longlong
    ) -> cython.longlong:
        """Return the EtherType of the stripped tag; 802.1Q where the kernel does not say."""
        return u16(data, at + 36, self.big) if status & _TPID_VALID else 0x8100

    @cython.cfunc
    @cython.exceptval(-1)
    def _retag(
        self,
        data: cython.uchar[::1],
        at: cython.Py_ssize_t,
        begin: cython.Py_ssize_t,
        tag: cython.int,
        status: cython.longlong,
    ) -> cython.int:
        """Put a VLAN tag back after the addresses, which move forward by its four bytes."""
        i: cython.Py_ssize_t
        for i in range(begin, begin + _MAC_BYTES):
            data[i - _TAG_BYTES] = data[i]
        _put16(data, begin + _MAC_BYTES - 4, self._tpid(data, at, status))
        _put16(data, begin + _MAC_BYTES - 2, tag)
        return _TAG_BYTES

    @cython.cfunc
    @cython.exceptval(-1)
    def _cook(
        self,
        data: cython.uchar[::1],
        at: cython.Py_ssize_t,
        begin: cython.Py_ssize_t,
        tag: cython.int,
        status: cython.longlong,
    ) -> cython.int:
        """Write a header of LINKTYPE_LINUX_SLL2 before the packet; return its length.

        Protocol (2 bytes), reserved (2), interface index (4), ARPHRD_ type (2), packet type
        (1), length of the address (1), address (8), all in network order.
        """
        address: cython.Py_ssize_t = at + _HEAD
        # sll_protocol is in network order already.
        protocol: cython.longlong = int(data[address + 2]) << 8 | int(data[address + 3])
        index: cython.longlong = u32(data, address + 4, self.big)
        hardware: cython.longlong = u16(data, address + 8, self.big)
        added: cython.int = _COOKED_BYTES
        if tag >= 0:
            added += _TAG_BYTES
        if begin - added < address + 20:
            return 0  # cannot be: the kernel leaves 28 bytes
        to: cython.Py_ssize_t = begin - added
        _put16(data, to, self._tpid(data, at, status) if tag >= 0 else protocol)
        _put16(data, to + 2, 0)
        _put16(data, to + 4, index >> 16)
        _put16(data, to + 6, index)
        _put16(data, to + 8, hardware)
        data[to + 10] = data[address + 10]
        data[to + 11] = data[address + 11]
        i: cython.Py_ssize_t
        for i in range(8):
            data[to + 12 + i] = data[address + 12 + i]
        if tag >= 0:
            _put16(data, begin - 4, tag)
            _put16(data, begin - 2, protocol)
        return added
