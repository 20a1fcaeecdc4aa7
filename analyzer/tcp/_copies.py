"""What was seen before: copies of a packet, and payload sent again with other bytes.

Knows the rings of recent segments and of delivered payload, which all connections share
(tcp.connections). Must not know holes. The third of the kernels that make the assembly
(see _state).
"""

from __future__ import annotations

from typing import Any

import cython

from analyzer import findings
from analyzer.columns import NULL
from analyzer.tcp import connections

if cython.compiled:
    from cython.cimports.analyzer.tcp._rows import RowWriter
    from cython.cimports.analyzer.tcp.sequence import between, wide, wide_unsigned
    from cython.cimports.libc.string import memcpy
else:
    from analyzer.tcp._rows import RowWriter
    from analyzer.tcp.sequence import between, wide, wide_unsigned

# C copies of names: a kernel reads a C integer where it would else look up a Python
# object per row; so it would for literals beyond 31 bits.
_NULL = cython.declare(cython.longlong, NULL)
_NEVER = cython.declare(cython.longlong, 2**63 - 1)
_SYN_FIN_RST = cython.declare(cython.int, 7)
_CHAIN = cython.declare(cython.int, connections.CHAIN)
_RECENTS = cython.declare(cython.longlong, connections.RECENTS)
_PIECES = cython.declare(cython.longlong, connections.PIECES)
_ARENA = cython.declare(cython.longlong, connections.ARENA_BYTES)
_WEAK_WINDOW = cython.declare(cython.ulonglong, connections.WEAK_WINDOW_NS)
_RECENT_MASK = cython.declare(cython.ulonglong, connections.RECENT_PLACES - 1)
_REPEATS = cython.declare(cython.int, connections.REPEATS)
_SHADOW = cython.declare(cython.longlong, connections.SHADOW)
_MAX_SHADED = cython.declare(cython.Py_ssize_t, connections.MAX_SHADED)
_SPREAD = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)


@cython.cclass
class CopyCheck(RowWriter):
    """Remembers segments and payload, and finds those that come again."""

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _recent_place(self, i: cython.Py_ssize_t, hashed: cython.uint) -> cython.Py_ssize_t:
        """Return the place of segment `i` in the index: known before its direction is.

        So it can be fetched early (see _lookup._warm): waiting for it took a sixth of a run.
        """
        spread: cython.ulonglong = wide_unsigned(self.segments[i].identity) ^ wide_unsigned(
            wide_unsigned(self.segments[i].seq) * self.key0
            + wide_unsigned(self.segments[i].ack) * self.key1
            + wide_unsigned(hashed) * _SPREAD
        )
        return (spread ^ (spread >> 32)) & _RECENT_MASK

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _is_copy(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.bint:
        """Return whether segment `i` is a packet seen before; remember it if it is not."""
        if self.shadows:
            self._count_shadow(i, d)
        # Of the connection, not of its slot, which another one may have had before: when a slot is
        # free again depends on how the input is cut.
        owner: cython.longlong = 2 * self.links[d >> 1].first_packet + (d & 1)
        # One number for four: the keys make it one that no sender can aim at.
        key: cython.ulonglong = wide_unsigned(self.segments[i].identity) ^ wide_unsigned(
            wide_unsigned(self.segments[i].seq) * self.key0
            + wide_unsigned(self.segments[i].ack) * self.key1
            + wide_unsigned(self.payload) * self.key2
            + wide_unsigned(owner) * _SPREAD
        )
        at: cython.Py_ssize_t = self._recent_place(i, self.hashed)
        number: cython.longlong = self.index[at]
        n: cython.Py_ssize_t
        _: cython.int
        for _ in range(_CHAIN):
            if number <= 0 or number <= self.recent_head - _RECENTS:
                break
            n = number & (_RECENTS - 1)
            if self.recents[n].key == key and self.recents[n].owner == owner:
                if self._is_same(i, d, n):
                    return True
                break
            number = self.recents[n].previous
        self.recent_head += 1
        n = self.recent_head & (_RECENTS - 1)
        self.recents[n].key = key
        self.recents[n].time = self.time
        self.recents[n].count = self.counts[d].packets
        self.recents[n].owner = owner
        self.recents[n].previous = self.index[at]
        self.index[at] = self.recent_head
        if self.segments[i].name != self.tracks[d].name:
            self.tracks[d].name = self.segments[i].name
        elif self.tracks[d].repeats < _REPEATS and self.segments[i].name != 0:
            self.tracks[d].repeats += 1
        return False

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _shade(self, s: cython.Py_ssize_t, first: cython.longlong, flip: cython.int) -> cython.int:
        """Connection `s` may have had copies of its packets before its own SYN.

        Where captures of two machines are merged whose clocks differ, the one that is ahead may
        begin in the middle: its copies come first, and were read as another connection. Nothing
        takes that back; it can be told.

        Args:
            s: slot.
            first: first packet of that connection.
            flip: 1 if its sides are the other way round.
        """
        number: cython.longlong
        n: cython.Py_ssize_t
        known: set[Any] = set()
        # No packet counts more than twice here: once more where its connection was in doubt.
        back: cython.longlong = min(_SHADOW, 2 * (self.packet - first) + 2)
        for number in range(max(1, self.recent_head - back + 1), self.recent_head + 1):
            n = number & (_RECENTS - 1)
            if self.recents[n].owner >> 1 == first:
                known.add(self.recents[n].key)
        if known and self.shaded + len(known) <= _MAX_SHADED:
            self.shadows[s] = [first, flip, known, 0]
            self.shaded += len(known)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _count_shadow(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Count segment `i` if its copy came before its connection's SYN."""
        found = self.shadows.get(d >> 1)
        owner: cython.longlong
        key: cython.ulonglong
        if found is None:
            return 0
        owner = found[0]
        owner = 2 * owner + ((d & 1) ^ found[1])
        key = wide_unsigned(self.segments[i].identity) ^ wide_unsigned(
            wide_unsigned(self.segments[i].seq) * self.key0
            + wide_unsigned(self.segments[i].ack) * self.key1
            + wide_unsigned(self.payload) * self.key2
            + wide_unsigned(owner) * _SPREAD
        )
        if key in found[2]:
            found[3] += 1
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _tell_shadows(self, s: cython.Py_ssize_t) -> cython.int:
        """Tell of the copies that came before the SYN of connection `s`, which ends."""
        found = self.shadows.pop(s, None)
        if found is None:
            return 0
        self.shaded -= len(found[2])
        if found[3]:
            self._note(findings.CAPTURE_SEEN_AHEAD, s, found[0], found[3])
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _is_same(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, n: cython.Py_ssize_t
    ) -> cython.bint:
        """Return whether segment `i` and the remembered one `n`, equal to the last byte, are one.

        With an IPv4 identification that is not 0 they are, however late: RFC 6864 4 lets it
        come again only for another datagram, and a retransmission is one. Without, and where a
        stack gives all packets the same, only the time differs.
        """
        window: cython.ulonglong = self.copy_window
        strong: cython.int = self.segments[i].strong_identity
        before: cython.longlong = self.counts[d].packets - self.recents[n].count
        if before <= 0:
            return False
        if strong == 2 and self.tracks[d].repeats < _REPEATS and before <= self.remembered:
            return True
        if before > _CHAIN or (self.recents[n].time == _NULL) != (self.time == _NULL):
            return False
        if strong == 0:
            # See connections.WEAK_WINDOW_NS.
            if self.payload == 0 and self.row_flags & _SYN_FIN_RST == 0:
                return False
            if self.time == _NULL:
                return False
            if window > _WEAK_WINDOW:
                window = _WEAK_WINDOW
        return between(self.time, self.recents[n].time) <= window

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _keep(
        self,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        start: cython.longlong,
        count: cython.longlong,
    ) -> cython.int:
        """Copy delivered bytes into the arena."""
        at: cython.Py_ssize_t = self.head & (_ARENA - 1)
        n: cython.Py_ssize_t
        if count > _ARENA:
            return 0
        if at + count > _ARENA:
            # A piece never wraps around: the rest of the arena stays unused.
            self.head += _ARENA - at
            at = 0
        self._store(at, start, count)
        self.piece_head += 1
        n = self.piece_head & (_PIECES - 1)
        self.pieces[n].offset = place
        self.pieces[n].position = self.head
        self.pieces[n].length = count
        self.pieces[n].previous = self.tracks[d].piece
        self.tracks[d].piece = self.piece_head
        self.head += count
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    @cython.boundscheck(False)
    def _store(
        self, at: cython.Py_ssize_t, start: cython.Py_ssize_t, count: cython.Py_ssize_t
    ) -> cython.int:
        """Copy bytes into the arena: one check, and the C library's block copy."""
        if at < 0 or start < 0 or count <= 0:
            return 0
        if at + count > self.arena.shape[0] or start + count > self.data.shape[0]:
            return 0
        if cython.compiled:
            memcpy(
                cython.address(self.arena[at]),
                cython.address(self.data[start]),
                cython.cast(cython.size_t, count),
            )
        else:
            self.arena[at : at + count] = self.data[start : start + count]
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _compare(
        self,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        start: cython.longlong,
        captured: cython.longlong,
    ) -> cython.int:
        """Compare bytes sent again with those delivered, where the arena still has them."""
        _: cython.int
        n: cython.Py_ssize_t
        differs: cython.longlong
        first: cython.longlong = _NEVER
        number: cython.longlong = self.tracks[d].piece
        for _ in range(_CHAIN):
            if number <= 0 or number <= self.piece_head - _PIECES:
                break
            n = number & (_PIECES - 1)
            if self.pieces[n].position < self.head - _ARENA:
                break
            differs = self._difference(n, place, start, captured)
            if 0 <= differs < first:
                first = differs
            number = self.pieces[n].previous
        if first != _NEVER:
            self._note_side(findings.TCP_OVERLAP_DIFFERS, d >> 1, self.packet, first, d)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _difference(
        self,
        n: cython.Py_ssize_t,
        place: cython.longlong,
        start: cython.longlong,
        captured: cython.longlong,
    ) -> cython.longlong:
        """Return the stream offset of the first byte that differs from piece `n`, or -1."""
        offset: cython.longlong = wide(self.pieces[n].offset)
        shift: cython.longlong = wide(self.pieces[n].position) - offset
        byte: cython.longlong = max(place, offset)
        stop: cython.longlong = min(place + captured, offset + self.pieces[n].length)
        while byte < stop:
            if self.data[start + byte - place] != self.arena[(byte + shift) & (_ARENA - 1)]:
                return byte
            byte += 1
        return -1
