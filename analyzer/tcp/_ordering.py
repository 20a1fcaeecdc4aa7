"""The order of payload: old, next, early or impossible, and holes that fill or do not.

Knows RFC 9293's windows and the limits on what is held. Must not know connections'
lifecycles. The fifth of the kernels that make the assembly (see _state).
"""

from __future__ import annotations

from typing import Any

import cython

from analyzer import findings
from analyzer.columns import NULL
from analyzer.tcp import bytestream, connections
from analyzer.tcp.holding import OVERHEAD_BYTES, Held, Origin, Piece

if cython.compiled:
    from cython.cimports.analyzer.tcp._delivery import Delivery
else:
    from analyzer.tcp._delivery import Delivery

# C copies of names: a kernel reads a C integer where it would else look up a Python
# object per row; so it would for literals beyond 31 bits.
_NULL = cython.declare(cython.longlong, NULL)
_PURE = cython.declare(cython.int, bytestream.PURE)
_RETRANSMISSION = cython.declare(cython.int, bytestream.RETRANSMISSION)
_WINDOW = cython.declare(cython.longlong, connections.WINDOW_BYTES)


@cython.cclass
class Ordering(Delivery):
    """Sorts payload, holds what is early, and judges holes."""

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _reference(self, d: cython.Py_ssize_t) -> cython.longlong:
        """Return the furthest stream offset that is believed to exist."""
        furthest: cython.longlong = self.tracks[d].next
        if self.tracks[d].acked > furthest:
            furthest = self.tracks[d].acked
        if self.rares[d].top > furthest:
            furthest = self.rares[d].top
        return furthest

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _payload(
        self,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        length: cython.int,
        start: cython.longlong,
        captured: cython.int,
    ) -> cython.int:
        """Sort payload at stream offset `place` into old, next, early and impossible."""
        end: cython.longlong = place + length
        into: cython.longlong = 0
        old: cython.longlong
        beyond: cython.longlong
        fin: cython.longlong = self.tracks[d].fin
        if self._is_stray(d, place, length):
            self._sent_again(d, place, length, 0)
            return 0
        if fin >= 0 and end > fin:
            # RFC 9293 3.6: FIN means "I have no more data to send".
            beyond = max(place, fin)
            self._note_side(findings.TCP_DATA_AFTER_FIN, d >> 1, self.packet, end - beyond, d)
            self._sent_again(d, beyond, end - beyond, beyond - place)
            end = beyond
        if place < end and place < self.tracks[d].next:
            old = min(end, self.tracks[d].next) - place
            if not self._count_again(d, place, old, end):
                self._compare(d, place, start, min(captured, old))
            self._sent_again(d, place, old, 0)
            into = old
        while True:
            if place + into >= end:
                return 0
            old = self.tracks[d].next - (place + into)
            if old > 0:
                # A hole was given up to make room, and took part of this with it.
                old = min(old, end - place - into)
                self._sent_again(d, place + into, old, into)
                into += old
            elif old == 0 or self._has_room(d, captured - into):
                break
            else:
                self._give_up(d, place + into)
        captured = max(0, min(captured, end - place) - into)
        if old == 0 and self.tracks[d].held_from < 0:
            self._deliver(d, end - place - into, into, start + into, captured, self.time)
            self._reach_fin(d, self.time)
        else:
            self._hold(d, place + into, end, into, start + into, captured)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _is_stray(
        self, d: cython.Py_ssize_t, place: cython.longlong, length: cython.int
    ) -> cython.bint:
        """Return whether payload lies where no window reaches.

        A capture may itself have a hole that large: ACKs up to there, or a run of
        `lost_after_segments` stray segments that follow on from each other, are
        believed.
        """
        if place <= self._reference(d) + _WINDOW:
            return False
        self.rares[d].stray = self.rares[d].stray + 1 if place == self.rares[d].stray_next else 1
        self.rares[d].stray_next = place + length
        if self.rares[d].stray > self.lost_after:
            return False
        self._note_side(
            findings.TCP_OUT_OF_WINDOW, d >> 1, self.packet, place - self.tracks[d].next, d
        )
        return True

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _count_again(
        self,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        old: cython.longlong,
        end: cython.longlong,
    ) -> cython.bint:
        """Count a segment whose first `old` bytes are not new; say whether it is a probe."""
        # RFC 9293 3.8.4: a keep-alive's sequence number is SND.NXT-1, with one garbage
        # octet or none. Garbage differs from what was sent there, and means nothing.
        if old == 1 and end == place + 1 and end == self.tracks[d].next and self.payload == 1:
            self.sums[d].keep_alives += 1
            return True
        self.sums[d].retransmissions += 1
        if self.sums[d].retransmissions == 1:
            self.rares[d].first_sent_again = self.packet
        if end <= self.tracks[d].next and self.tracks[d].unanswered < 255:
            self.tracks[d].unanswered += 1
        return False

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _has_room(self, d: cython.Py_ssize_t, captured: cython.longlong) -> cython.bint:
        charge: cython.longlong = max(0, captured) + OVERHEAD_BYTES
        held: Any = self.held.get(d)
        mine: cython.longlong = held.charge if held is not None else 0
        return mine + charge <= self.max_held and self.held_total + charge <= self.max_held_total

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _give_up(self, d: cython.Py_ssize_t, place: cython.longlong) -> cython.int:
        """Give up the first hole of a direction, so that nothing more need be held."""
        upto: cython.longlong = place
        if 0 <= self.tracks[d].held_from < place:
            upto = self.tracks[d].held_from
        self._note_side(findings.TCP_HELD_LIMIT, d >> 1, self.packet, upto - self.tracks[d].next, d)
        self._lose(d, upto)
        self._drain(d, _NULL)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _hold(
        self,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        end: cython.longlong,
        into: cython.longlong,
        start: cython.longlong,
        captured: cython.longlong,
    ) -> cython.int:
        """Hold bytes [place, end) of the current packet, and deliver what now can be."""
        origin: Any = Origin(*self._save())
        origin.shown = self.wire == 0
        content = bytes(self.records.data[start : start + captured])
        held: Any = self.held.get(d)
        if held is None:
            held = self.held[d] = Held(bool(self.keep_first))
            self.slots[d >> 1].waiting += 1
        before: cython.longlong = held.charge
        lost, differs = held.insert(Piece(place, end, into, content, origin))
        self.held_total += held.charge - before
        if differs >= 0:
            self._note_side(findings.TCP_OVERLAP_DIFFERS, d >> 1, self.packet, differs, d)
        if lost:
            self.sums[d].retransmissions += 1
            if self.sums[d].retransmissions == 1:
                self.rares[d].first_sent_again = self.packet
        for piece in lost:
            self._held_row(d, piece, _RETRANSMISSION, 0, self.time)
        if place > self.tracks[d].next:
            self.sums[d].out_of_order += 1
        self.rares[d].top = max(self.rares[d].top, end)
        self.tracks[d].held_from = held.begin
        self._drain(d, self.time)
        if not origin.shown and self.news:
            self.header = self.payload = self.wire = 0
            self._row(_PURE, d, self.tracks[d].next, 0, 0, 0, self.time)
        self.payload = origin.payload
        self.wire = 0
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _judge(self, s: cython.Py_ssize_t) -> cython.int:
        """Declare holes lost that the receiver does not have.

        It acknowledged them, so they arrived: the capture lost them. Packets of two
        capture queues may be swapped, so a few more are waited for.
        """
        d: cython.Py_ssize_t
        for d in range(2 * s, 2 * s + 2):
            if self.tracks[d].held_from < 0 or self.tracks[d].acked < self.tracks[d].held_from:
                continue
            if self.rares[d].mark < 0:
                self.rares[d].mark = self.slots[s].segments
            elif self.slots[s].segments - self.rares[d].mark >= self.lost_after:
                self._lose(d, self.tracks[d].held_from)
                self._drain(d, _NULL)
        return 0
