"""The TCP header, and the row of SEGMENT that comes of it.

Knows TCP options and what distinguishes copies of one packet from another packet. Must not know
connections. The seventh of the kernels that make the header walk (see _packet).
"""

from __future__ import annotations

import cython

from analyzer.packets import layers

if cython.compiled:
    from cython.cimports.analyzer.packets._packet import be16, be32, be64, lacks, mixed, u8
    from cython.cimports.analyzer.packets._tunnels import Tunnels
else:
    from analyzer.packets._packet import be16, be32, be64, lacks, mixed, u8
    from analyzer.packets._tunnels import Tunnels

# C constants: a comparison with a module's attribute costs 50 ns.
_SEGMENT = cython.declare(cython.long, layers.SEGMENT)
_TCP_HEADER_CUT = cython.declare(cython.long, layers.TCP_HEADER_CUT)
_SYN = cython.declare(cython.long, 2)
_ACK = cython.declare(cython.long, 16)
_MAPPED = cython.declare(cython.ulonglong, 0xFFFF00000000)  # ::ffff:0:0
_HALF = cython.declare(cython.longlong, 0x7FFFFFFF)
_MOST_TWICE = cython.declare(cython.longlong, 1 << 30)  # the largest window (RFC 7323 2.3)
_FNV_OFFSET = cython.declare(cython.ulonglong, 0xCBF29CE484222325)


@cython.cclass
class TcpHeader(Tunnels):
    """Reads TCP headers into rows of SEGMENT."""

    @cython.cfunc
    def _tcp(self, row: cython.Py_ssize_t) -> cython.long:
        """Read a TCP header (RFC 9293 3.1) into segments[row]."""
        at: cython.Py_ssize_t = self.at
        if lacks(self, 20):
            return self._malformed() if at + 20 > self.wire_end else _TCP_HEADER_CUT
        offset_and_flags: cython.long = be16(self, at + 12)
        header: cython.long = (offset_and_flags >> 12) * 4
        if header < 20 or at + header > self.wire_end:
            return self._malformed()
        if lacks(self, header):
            return _TCP_HEADER_CUT
        length: cython.longlong = self.wire_end - at - header
        self.segments[row].packet = self.packet
        self.segments[row].time = self.time
        self._addresses(row)
        self.segments[row].start = at + header
        self.segments[row].captured = self.captured_end - at - header
        self.segments[row].length = length
        self.segments[row].link_bytes = self.original - self.ip_bytes - header - length
        self.segments[row].ip_bytes = self.ip_bytes
        self.segments[row].tcp_bytes = header
        self.segments[row].source_port = be16(self, at)
        self.segments[row].destination_port = be16(self, at + 2)
        self.segments[row].seq = be32(self, at + 4)
        self.segments[row].ack = be32(self, at + 8)
        self.segments[row].flags = offset_and_flags & 0x0FFF
        self.segments[row].window = be16(self, at + 14)
        self.segments[row].mss = 0
        self.segments[row].window_scale = -1
        self.segments[row].twice = 0
        self.segments[row].twice_bytes = 0
        self.segments[row].version = self.version
        self.segments[row].identity = self._identity(header, length)
        named: cython.bint = self.version == 4 and self.identification != 0
        strong: cython.bint = named
        self.segments[row].ttl = u8(self, self.ip_at + (8 if self.version == 4 else 7))
        self.segments[row].name = self.identification if named else 0
        if header > 20:
            # NOP, NOP, timestamps: what every common stack sends on all but SYNs, and before SACK.
            if header >= 32 and be32(self, at + 20) == 0x0101080A:
                strong = True
                if header > 32:
                    self._options(row, at + 32, at + header)
            elif self._options(row, at + 20, at + header):
                strong = True
        self.segments[row].strong_identity = 2 if named else 1 if strong else 0
        return _SEGMENT

    @cython.final
    @cython.cfunc
    def _addresses(self, row: cython.Py_ssize_t) -> cython.long:
        at: cython.Py_ssize_t = self.ip_at
        if self.version == 4:
            self.segments[row].source_high = 0
            self.segments[row].source_low = _MAPPED | be32(self, at + 12)
            self.segments[row].destination_high = 0
            self.segments[row].destination_low = _MAPPED | be32(self, at + 16)
        else:
            self.segments[row].source_high = be64(self, at + 8)
            self.segments[row].source_low = be64(self, at + 16)
            self.segments[row].destination_high = be64(self, at + 24)
            self.segments[row].destination_low = be64(self, at + 32)
        return 0

    @cython.final
    @cython.cfunc
    def _identity(self, header: cython.long, length: cython.longlong) -> cython.ulonglong:
        """Return the hash over what copies of one packet have in common."""
        at: cython.Py_ssize_t = self.at
        end: cython.Py_ssize_t = at + header
        # IPv6 has no identification; the flow label is the same for all copies.
        name: cython.ulonglong = self.identification if self.version == 4 else self.flow
        sized: cython.ulonglong = length
        state: cython.ulonglong = mixed(_FNV_OFFSET, name << 32 ^ sized)
        while at + 8 <= end:
            state = mixed(state, be64(self, at))
            at += 8
        if at < end:  # a TCP header is a whole number of 32-bit words
            last: cython.ulonglong = be32(self, at)
            state = mixed(state, last)
        return state

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _options(
        self, row: cython.Py_ssize_t, at: cython.Py_ssize_t, end: cython.Py_ssize_t
    ) -> cython.bint:
        """Read the TCP options (RFC 9293 3.2); return whether timestamps are there.

        MSS and window scale count on SYNs only (RFC 9293 3.7.1, RFC 7323 2.2).
        """
        # Not from the row: uncompiled, `flags` of a numpy record is numpy's own.
        flags: cython.long = be16(self, self.at + 12)
        is_syn: cython.bint = flags & _SYN != 0
        timestamps: cython.bint = False
        kind: cython.long
        size: cython.long
        scale: cython.long
        while at < end:
            kind = u8(self, at)
            if kind == 0:  # end of option list
                break
            if kind == 1:  # no operation
                at += 1
                continue
            if at + 2 > end:
                break
            size = u8(self, at + 1)
            # A length that cannot be ends the options, not the segment.
            if size < 2 or at + size > end:
                break
            if kind == 8 and size == 10:
                timestamps = True
            elif kind == 2 and size == 4 and is_syn:
                self.segments[row].mss = be16(self, at + 2)
            elif kind == 3 and size == 3 and is_syn:
                scale = u8(self, at + 2)
                # RFC 7323 2.3: a larger shift than 14 "MUST" be used as 14.
                self.segments[row].window_scale = scale if scale < 14 else 14
            elif kind == 5 and size >= 10 and flags & _ACK and not is_syn:
                self._doubled(row, at + 2, size - 2)
            at += size
        return timestamps

    @cython.final
    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _doubled(
        self, row: cython.Py_ssize_t, at: cython.Py_ssize_t, size: cython.long
    ) -> cython.int:
        """Read the blocks of a SACK option (RFC 2018 3), `size` bytes at `at`, for a DSACK.

        RFC 2883 4: the first block says which bytes came twice where it lies below the
        cumulative ACK, or within the second block.
        """
        begin: cython.longlong = be32(self, at)
        count: cython.longlong = (be32(self, at + 4) - begin) & 0xFFFFFFFF
        below: cython.longlong = (be32(self, self.at + 8) - begin) & 0xFFFFFFFF
        into: cython.longlong
        if count == 0 or count > _MOST_TWICE or size % 8:
            return 0
        if below > _HALF or below < count:
            if size < 16:
                return 0
            into = (begin - be32(self, at + 8)) & 0xFFFFFFFF
            if into + count > (be32(self, at + 12) - be32(self, at + 8)) & 0xFFFFFFFF:
                return 0
        self.segments[row].twice = begin
        self.segments[row].twice_bytes = count
        return 0
