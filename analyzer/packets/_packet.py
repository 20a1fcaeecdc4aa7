"""The packet under the header walk: where it ends, how its bytes are read, what it was.

Knows bounds, counts and tunnels' depth; must not know any header's layout.

The walk is one class in eight files, each a base of the next: _packet, _link, _wireless,
_prefixed, _network, _tunnels, _tcp, _headers. Each has a .pxd beside it with its C declarations.

`captured_end` and `wire_end` bound what may be read and what the headers so far say is
there; each length field can only narrow them.
"""

from __future__ import annotations

import cython

from analyzer.packets import layers

_UDP = cython.declare(cython.long, layers.UDP)
_MALFORMED = cython.declare(cython.long, layers.MALFORMED)
_HEADER_CUT = cython.declare(cython.long, layers.HEADER_CUT)
_TOO_DEEP = cython.declare(cython.long, layers.TOO_DEEP)
_OTHER = cython.declare(cython.long, layers.OTHER)


@cython.cclass
class PacketState:
    """A packet, and the counts of all packets.

    Args:
        max_depth: IP headers and tunnels that may be below the innermost one.
        counts: packets per outcome, dtype int64, OUTCOMES long.
        firsts: number of the first packet per outcome, the same; 0 where none.
        others: count per (kind, value) of packets without their own outcome.
    """

    def __init__(
        self,
        max_depth: cython.long,
        counts: cython.longlong[::1],
        firsts: cython.longlong[::1],
        others: dict[tuple[int, int], int],
    ) -> None:
        self.max_depth = max_depth
        self.counts = counts
        self.firsts = firsts
        self.others = others
        named: dict[tuple[int, int], int] = {}
        self.named = named
        lookups: list[tuple[int, ...]] = []
        self.lookups = lookups
        self.last_named = (-1, -1)
        self.trying = False
        self.trusted = -1
        self.doubts = {}
        self.at = self.captured_end = self.wire_end = self.ip_at = self.next_at = 0
        self.original = self.packet = self.time = self.identification = self.flow = 0
        self.depth = self.ip_bytes = self.version = self.way = 0
        self.guessed = self.nested = self.padded = False
        self.link_type = 0
        self.fragment_offset = self.fragment_more = self.fragment_next = 0

    @cython.cfunc
    def _count(self, outcome: cython.long) -> cython.long:
        self.counts[outcome] += 1
        if self.firsts[outcome] == 0:
            self.firsts[outcome] = self.packet
        return 0

    @cython.cfunc
    def _named(self, kind: cython.long, value: cython.longlong) -> cython.long:
        """Remember what kind of OTHER packet this is."""
        key = (int(kind), int(value))
        self.last_named = key
        if self.trying:
            return _OTHER
        if key not in self.named:
            if len(self.named) >= layers.MAX_OTHERS:
                key = (int(kind), -1)
            self.named.setdefault(key, int(self.packet))
        self.last_named = key
        self.others[key] = self.others.get(key, 0) + 1
        return _OTHER

    @cython.cfunc
    def _short(self, size: cython.Py_ssize_t) -> cython.long:
        """Return why a header of `size` bytes is not there."""
        return self._malformed() if self.at + size > self.wire_end else _HEADER_CUT

    @cython.cfunc
    def _malformed(self) -> cython.long:
        # What only looked like a tunnel was other UDP on the tunnel's port.
        return _UDP if self.guessed else _MALFORMED

    @cython.cfunc
    def _through(self, key: cython.ulonglong) -> cython.long:
        """Note the VLAN or tunnel, identified by `key`, that the packet came through."""
        self.way = mixed(self.way, key)
        return 0

    @cython.cfunc
    def _inner(self, layer: cython.long) -> cython.long:
        """Enter a tunnel whose payload is `layer`."""
        self.depth += 1
        if self.depth > self.max_depth:
            return _TOO_DEEP
        at: cython.Py_ssize_t = self.ip_at
        if self.version == 4:
            self._through(be64(self, at + 12))
        elif self.version == 6:
            end: cython.Py_ssize_t = at + 40
            at += 8
            while at < end:
                self._through(be64(self, at))
                at += 8
        return layer


if not cython.compiled:
    # The functions of _packet.pxd.

    def u8(packet: PacketState, at: int) -> int:
        """Return the byte at `at`."""
        return int(packet.data[at])

    def be16(packet: PacketState, at: int) -> int:
        """Return 16 bits at `at`."""
        return u8(packet, at) << 8 | u8(packet, at + 1)

    def le16(packet: PacketState, at: int) -> int:
        """Return 16 bits at `at`, the lowest first."""
        return u8(packet, at) | u8(packet, at + 1) << 8

    def le32(packet: PacketState, at: int) -> int:
        """Return 32 bits at `at`, the lowest first."""
        return le16(packet, at) | le16(packet, at + 2) << 16

    def be32(packet: PacketState, at: int) -> int:
        """Return 32 bits at `at`."""
        return be16(packet, at) << 16 | be16(packet, at + 2)

    def be64(packet: PacketState, at: int) -> int:
        """Return 64 bits at `at`."""
        return be32(packet, at) << 32 | be32(packet, at + 4)

    def lacks(packet: PacketState, size: int) -> bool:
        """Return whether fewer than `size` bytes were captured at `packet.at`."""
        return bool(packet.at + size > packet.captured_end)

    def narrow(packet: PacketState, end: int) -> None:
        """End the packet at `end`, by a length field: padding and trailers fall away."""
        packet.wire_end = end
        packet.captured_end = min(packet.captured_end, end)

    def mixed(state: int, word: int) -> int:
        """Return the hash `state` with 64 more bits in it."""
        state = ((state ^ word) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        return state ^ (state >> 29)
