"""The way into the stream: bytes whose turn it is, holes given up, and the FIN.

Knows what is held (tcp.holding) and what a row promises (tcp._assembly). Must not know
how a segment is judged. The fourth of the kernels that make the assembly (see _state).
"""

from __future__ import annotations

from typing import Any

import cython

from analyzer import findings
from analyzer.columns import NULL
from analyzer.tcp import bytestream

if cython.compiled:
    from cython.cimports.analyzer.tcp._copies import CopyCheck
    from cython.cimports.analyzer.tcp.sequence import distance, wide
else:
    from analyzer.tcp._copies import CopyCheck
    from analyzer.tcp.sequence import distance, wide

# C copies of names: a kernel reads a C integer where it would else look up a Python
# object per row; so it would for literals beyond 31 bits.
_NULL = cython.declare(cython.longlong, NULL)
_DATA = cython.declare(cython.int, bytestream.DATA)
_GAP_LOST = cython.declare(cython.int, bytestream.GAP_LOST)
_GAP_CUT = cython.declare(cython.int, bytestream.GAP_CUT)
_RETRANSMISSION = cython.declare(cython.int, bytestream.RETRANSMISSION)
_TWICE = cython.declare(cython.int, bytestream.TWICE)
_FIN_ROW = cython.declare(cython.int, bytestream.FIN)
_SYN = cython.declare(cython.int, 2)
_UNTOLD = cython.declare(cython.int, bytestream.WINDOW_UNTOLD)


@cython.cclass
class Delivery(CopyCheck):
    """Writes what has its turn, and settles what never will."""

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    @cython.inline
    def _place(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.longlong:
        """Return the stream offset of segment `i`'s first payload byte.

        RFC 9293 3.4: a SYN occupies the sequence number before the first data octet.
        """
        seq: cython.longlong = wide(self.segments[i].seq)
        near: cython.longlong = self.tracks[d].next
        if self.tracks[d].based == 0:
            return 0
        if self.row_flags & _SYN:
            seq += 1
        return near + distance(seq, wide(self.tracks[d].origin) + near)

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _deliver(
        self,
        d: cython.Py_ssize_t,
        length: cython.longlong,
        into: cython.longlong,
        start: cython.longlong,
        captured: cython.longlong,
        ready: cython.longlong,
    ) -> cython.int:
        """Write the next `length` bytes of a stream, `captured` of them readable."""
        place: cython.longlong = self.tracks[d].next
        self.counts[d].stream_bytes += length
        self.tracks[d].next = place + length
        if captured > 0:
            self._row(_DATA, d, place, captured, into, start, ready)
            self._keep(d, place, start, captured)
        if captured < length:
            self.sums[d].cut_bytes += length - captured
            self._row(_GAP_CUT, d, place + captured, length - captured, into + captured, 0, ready)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _sent_again(
        self,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        length: cython.longlong,
        into: cython.longlong,
    ) -> cython.int:
        self.sums[d].retransmitted_bytes += length
        self._row(_RETRANSMISSION, d, place, length, into, 0, self.time)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _lose(self, d: cython.Py_ssize_t, upto: cython.longlong) -> cython.int:
        """Declare the bytes before stream offset `upto` lost."""
        place: cython.longlong = self.tracks[d].next
        if upto <= place:
            return 0
        kept = self._save()
        self.row_acked = -1
        self.row_flags = self.header = self.payload = self.wire = self.window = 0
        self._row(_GAP_LOST, d, place, upto - place, 0, 0, self.time)
        self._load(kept)
        if self.sums[d].lost_bytes == 0:
            self.rares[d].first_lost = self.packet
        self.sums[d].lost_bytes += upto - place
        self.tracks[d].next = upto
        self.rares[d].mark = -1
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _came_twice(self, i: cython.Py_ssize_t, o: cython.Py_ssize_t) -> cython.int:
        """Segment `i` says which bytes of direction `o` came twice (RFC 2883): write a row of it.

        Of bytes that were not sent twice it says nothing, whoever wrote it.
        """
        count: cython.longlong = self.segments[i].twice_bytes
        near: cython.longlong = self.tracks[o].next
        place: cython.longlong
        if self.sums[o].retransmissions == 0 or self.tracks[o].based == 0:
            return 0
        place = near + distance(wide(self.segments[i].twice), wide(self.tracks[o].origin) + near)
        if self.tracks[o].fin >= 0 and place + count == self.tracks[o].fin + 1:
            count -= 1  # a FIN takes a sequence number (RFC 9293 3.4), and is no byte
        if place < 0 or count == 0 or place + count > near:
            return 0
        kept = self._save()
        self.row_acked = -1
        self.row_flags = self.header = self.payload = self.wire = self.window = 0
        self._row(_TWICE, o, place, count, 0, 0, self.time)
        self._load(kept)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _held_row(
        self,
        d: cython.Py_ssize_t,
        piece: Any,
        kind: cython.int,
        start: cython.longlong,
        ready: cython.longlong,
    ) -> cython.int:
        """Write the rows of a held piece as its own packet: delivered, or as sent again.

        `ready` is NULL where it waited for nothing that came.
        """
        length: cython.longlong = piece.end - piece.offset
        into: cython.longlong = piece.into
        place: cython.longlong = piece.offset
        kept = self._save()
        origin = piece.origin
        self._load(
            (
                origin.packet,
                origin.time,
                origin.acked,
                origin.flags,
                origin.header_bytes,
                origin.payload,
                origin.wire,
                origin.link,
                origin.ip,
                _UNTOLD,
            )
        )
        if ready == _NULL:
            ready = self.time
        if kind == _DATA:
            self._deliver(d, length, into, start, len(piece.data), ready)
        else:
            self.sums[d].retransmitted_bytes += length
            self._row(kind, d, place, length, into, 0, ready)
        origin.wire = 0
        origin.shown = True
        self._load(kept)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _drain(self, d: cython.Py_ssize_t, filled: cython.longlong) -> cython.int:
        """Deliver held bytes that have their turn.

        `filled` is the time at which the hole before them filled; NULL if it never did or
        the time is not known: then they waited for nothing that came.
        """
        held: Any = self.held.get(d)
        fin: cython.longlong = self.tracks[d].fin
        start: cython.longlong
        if held is None:
            return 0
        before: cython.longlong = held.charge
        ready: Any = held.pop_ready(self.tracks[d].next)
        self.held_total += held.charge - before
        if ready:
            self.rares[d].mark = -1
        for piece in ready:
            behind = piece
            if fin < 0 or piece.offset < fin:
                if fin >= 0 and piece.end > fin:
                    piece, behind = piece.section(piece.offset, fin), piece.section(fin, piece.end)
                else:
                    behind = None
                start = self.records.append(piece.data)
                self.data = self.records.data
                self._held_row(d, piece, _DATA, start, filled)
            if behind is not None:
                self._refuse(d, behind)
        self.tracks[d].held_from = held.begin
        if not held.pieces:
            del self.held[d]
            self.slots[d >> 1].waiting -= 1
        self._reach_fin(d, filled)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _refuse(self, d: cython.Py_ssize_t, piece: Any) -> cython.int:
        """Account for a held piece that is after the FIN."""
        self._note_side(
            findings.TCP_DATA_AFTER_FIN, d >> 1, piece.origin.packet, piece.end - piece.offset, d
        )
        self._held_row(d, piece, _RETRANSMISSION, 0, self.time)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _refuse_held(self, d: cython.Py_ssize_t) -> cython.int:
        """Account for all that is still held: it is after the FIN."""
        held: Any = self.held.pop(d, None)
        if held is None:
            return 0
        self.held_total -= held.charge
        self.slots[d >> 1].waiting -= 1
        self.tracks[d].held_from = -1
        for piece in held.pop_all():
            self._refuse(d, piece)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _reach_fin(self, d: cython.Py_ssize_t, filled: cython.longlong) -> cython.int:
        """Write the FIN row if the stream has come to it; `filled` as in `_drain`."""
        if self.tracks[d].fin_done or self.tracks[d].fin != self.tracks[d].next:
            return 0
        self.tracks[d].fin_done = 1
        kept = self._save()
        self.packet = self.rares[d].fin_packet
        self.time = self.rares[d].fin_time
        self.row_acked = self.rares[d].fin_acked
        self.row_flags = self.rares[d].fin_flags
        self.header = self.payload = self.wire = self.window = 0
        self._row(
            _FIN_ROW, d, self.tracks[d].fin, 0, 0, 0, filled if filled != _NULL else self.time
        )
        self._load(kept)
        self._refuse_held(d)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _flush(self, d: cython.Py_ssize_t) -> cython.int:
        """Settle the holes of a direction that ends."""
        top: cython.longlong
        fin: cython.longlong = self.tracks[d].fin
        while self.tracks[d].held_from >= 0 and (fin < 0 or self.tracks[d].held_from < fin):
            self._lose(d, self.tracks[d].held_from)
            self._drain(d, _NULL)
        self._refuse_held(d)
        if self.tracks[d].based == 0 and self.counts[d].packets == 0:
            self.tracks[d].based = self.rares[d].unheard
        top = fin if fin >= 0 else self.tracks[d].acked
        if fin < 0 and self.counts[d].packets == 0 and top == self.tracks[d].edge + 1:
            # Nothing of it was captured, and the last ACK rose by one: the FIN's number
            # (RFC 9293 3.4), since no protocol above sends its last byte by itself.
            top -= 1
        # One byte more than was seen may be the number of a FIN that was not captured:
        # that proves nothing.
        if fin < 0 and top == self.tracks[d].next + 1:
            return 0
        if self.tracks[d].based and top > self.tracks[d].next:
            if self.counts[d].packets:
                self._lose(d, top)
            else:
                # A stream of which there is nothing needs no row for what it lacks.
                self.rares[d].first_lost = self.packet
                self.sums[d].lost_bytes += top
                self.tracks[d].next = top
        self._reach_fin(d, _NULL)
        return 0
