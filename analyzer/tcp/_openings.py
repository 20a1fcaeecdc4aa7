"""How connections open and close: SYN, SYN-ACK, FIN, RST, and which of them to believe.

Knows RFC 9293 3.10.7 and RFC 5961 as an observer can apply them. Must not know payload. The
eighth of the kernels that make the assembly (see _state).
"""

from __future__ import annotations

from typing import Any

import cython

from analyzer import findings
from analyzer.columns import NULL
from analyzer.findings import Finding
from analyzer.tcp import bytestream, connections, lifecycle

if cython.compiled:
    from cython.cimports.analyzer.tcp._lifecycle import Lifecycle
    from cython.cimports.analyzer.tcp.sequence import distance, wide
else:
    from analyzer.tcp._lifecycle import Lifecycle
    from analyzer.tcp.sequence import distance, wide

# C copies of names: a kernel reads a C integer where it would else look up a Python
# object per row; so it would for literals beyond 31 bits.
_NULL = cython.declare(cython.longlong, NULL)
_PURE = cython.declare(cython.int, bytestream.PURE)
_FIN_ROW = cython.declare(cython.int, bytestream.FIN)
_RESET = cython.declare(cython.int, bytestream.RESET)
_GOES_ON = cython.declare(cython.int, bytestream.GOES_ON)
_ACK = cython.declare(cython.int, 16)
_ESTABLISHED = cython.declare(cython.int, lifecycle.State.ESTABLISHED)  # FIN_0, FIN_1 follow
_REFUSED = cython.declare(cython.int, lifecycle.State.REFUSED)
_SYN_SENT = cython.declare(cython.int, lifecycle.State.SYN_SENT)
_SYN_RECEIVED = cython.declare(cython.int, lifecycle.State.SYN_RECEIVED)
_RESET_STATE = cython.declare(cython.int, lifecycle.State.RESET)
_ON_SYN = cython.declare(cython.int, lifecycle.Event.SYN_0)
_ON_SYNACK = cython.declare(cython.int, lifecycle.Event.SYNACK_0)
_ON_FIN = cython.declare(cython.int, lifecycle.Event.FIN_0)
_ON_RST = cython.declare(cython.int, lifecycle.Event.RST_0)
_WINDOW = cython.declare(cython.longlong, connections.WINDOW_BYTES)
_SEQ_MASK = cython.declare(cython.longlong, 0xFFFFFFFF)


@cython.cclass
class Openings(Lifecycle):
    """Takes the segments that open and close connections."""

    @cython.cfunc
    def _confirm(self, o: cython.Py_ssize_t, ack: cython.longlong) -> cython.int:
        """See where direction `o` begins, by what its peer acknowledges.

        Of several SYN-ACKs the one counts that is acknowledged (RFC 9293 3.10.7.3).
        """
        ahead: cython.longlong
        if self.tracks[o].based == 0:
            return 0
        if self.tracks[o].next == 0 and self.tracks[o].held_from < 0:
            if ack == self.rares[o].other_base:
                self.tracks[o].origin = ack
            ahead = distance(ack, wide(self.tracks[o].origin))
            if (ahead < 0 or ahead > _WINDOW) and self.tracks[o].acked == 0:
                self.tracks[o].origin = ack
        self.tracks[o].confirmed = 1
        return 0

    @cython.cfunc
    def _syn(
        self, i: cython.Py_ssize_t, s: cython.Py_ssize_t, d: cython.Py_ssize_t, flags: cython.int
    ) -> cython.int:
        """Take the opening of one side: where its stream begins, and the times."""
        side: cython.int = d & 1
        base: cython.longlong = (wide(self.segments[i].seq) + 1) & _SEQ_MASK
        untouched: cython.bint = (
            self.tracks[d].next == 0
            and self.tracks[d].held_from < 0
            and self.tracks[d].confirmed == 0
            and self.tracks[d].fin < 0
        )
        if self.tracks[d].based and not untouched and self.tracks[d].origin != base:
            return 0  # RFC 9293 3.10.7.4: in an open connection it is not acceptable
        # Another SYN-ACK may replace one that is not acknowledged yet.
        if (
            self.tracks[d].based
            and flags & _ACK
            and self.links[s].synack_time != _NULL
            and self.tracks[d].origin != base
        ):
            self.rares[d].other_base = self.tracks[d].origin
        self._base(d, base)
        self.rares[d].scale = max(0, self.segments[i].window_scale)
        if self.segments[i].mss:
            self.sums[d].mss = self.segments[i].mss
        if flags & _ACK:
            self._revive(s)
            if self.links[s].synack_time == _NULL:
                self.links[s].synack_time = self.time
            self._event(s, _ON_SYNACK + side, side)
            return 0
        if self.slots[s].syns == 0:
            self.slots[s].syns = 1
            self.links[s].syn_time = self.time
        elif side == 0:
            self.links[s].syn_retries += 1
        self._event(s, _ON_SYN + side, side)
        return 0

    @cython.cfunc
    def _fin(self, s: cython.Py_ssize_t, d: cython.Py_ssize_t, at: cython.longlong) -> cython.int:
        """Take a FIN that stands after the byte before stream offset `at`."""
        side: cython.int = d & 1
        believed: cython.bint = (
            self.tracks[d].fin < 0
            and at >= self.tracks[d].next
            and at <= self._reference(d) + _WINDOW
        )
        if believed:
            self.tracks[d].fin = at
            self.rares[d].fin_packet = self.packet
            self.rares[d].fin_time = self.time
            self.rares[d].fin_acked = self.row_acked
            self.rares[d].fin_flags = self.row_flags
            if self.tracks[d].acked > at:
                self.tracks[d].acked = at
            if self.links[s].fin_side < 0:
                self.links[s].fin_time = self.time
                self.links[s].fin_side = side
            self._event(s, _ON_FIN + side, side)
        if self.payload:
            self.header = 0
            if believed:
                self._reach_fin(d, self.time)
            return 0
        if believed and at == self.tracks[d].next:
            self.tracks[d].fin_done = 1
            self._row(_FIN_ROW, d, at, 0, 0, 0, self.time)
            self._refuse_held(d)
        else:
            self._row(_PURE, d, self.tracks[d].next, 0, 0, 0, self.time)
        return 0

    @cython.cfunc
    def _base(self, d: cython.Py_ssize_t, origin: cython.longlong) -> cython.int:
        """Let a direction's stream begin at a sequence number."""
        if self.tracks[d].based == 0:
            self.tracks[d].acked = self.tracks[d].edge = 0
        self.tracks[d].origin = origin
        self.tracks[d].based = 1
        return 0

    @cython.cfunc
    def _is_strange(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.bint:
        """Return whether a SYN-ACK has not the number that its sender is known to begin with."""
        base: cython.longlong = (wide(self.segments[i].seq) + 1) & _SEQ_MASK
        return self.tracks[d].confirmed != 0 and self.tracks[d].origin != base

    @cython.cfunc
    def _only_asked(self, s: cython.Py_ssize_t) -> cython.bint:
        """Return whether of a connection only SYNs of side 0 count so far.

        It may have been refused since: a SYN-ACK that is acknowledged proves that it was not.
        And a SYN-ACK that is not acknowledged may be another one's.
        """
        state: cython.int = self.slots[s].state
        if state == _SYN_RECEIVED and self.tracks[2 * s + 1].confirmed == 0:
            return self.slots[s].syns != 0 and self.tracks[2 * s + 1].next == 0
        return (
            (state == _SYN_SENT or state == _RESET_STATE or state == _REFUSED)
            and self.slots[s].syns != 0
            and self.links[s].synack_time == _NULL
            and self.tracks[2 * s].next == 0
            and self.tracks[2 * s + 1].next == 0
        )

    @cython.cfunc
    def _revive(self, s: cython.Py_ssize_t) -> cython.int:
        """Take back what seemed to refuse a SYN before its SYN-ACK came.

        RFC 9293 3.10.7.3: an endpoint in SYN-SENT answers an unacceptable ACK with a RST, and goes
        on waiting.
        """
        if self.slots[s].state < _RESET_STATE or not self._only_asked(s):
            return 0
        self.slots[s].state = self.links[s].state = _SYN_SENT
        self.links[s].reset_side = -1
        self.links[s].closed_time = _NULL
        self.rares[2 * s].reset_packet = self.rares[2 * s + 1].reset_packet = 0
        self.slots[s].closing = 0
        self.closing.pop(self.links[s].tcp_stream, None)
        return 0

    @cython.cfunc
    def _is_refused(
        self, i: cython.Py_ssize_t, s: cython.Py_ssize_t, d: cython.Py_ssize_t, flags: cython.int
    ) -> cython.bint:
        """Return whether its receiver must ignore a RST, and note it.

        RFC 9293 3.10.7.3: to a SYN it must acknowledge this; 3.10.7.4 and RFC 5961 3.2: else it
        must lie within the window. Where the window's scale was not seen, the largest counts.
        """
        place: cython.longlong = self._place(i, d)
        o: cython.Py_ssize_t = d ^ 1
        window: cython.longlong = self.slots[s].window0 if o & 1 == 0 else self.slots[s].window1
        furthest: cython.longlong = max(self.tracks[d].next, self.tracks[d].acked) + 1
        scale: cython.int = self.rares[o].scale
        outside: cython.bint = False
        if self.slots[s].state == _SYN_SENT and d & 1:
            outside = self.tracks[o].based != 0 and (
                flags & _ACK == 0 or self.segments[i].ack != self.tracks[o].origin
            )
        elif self.tracks[d].based and self.tracks[o].heard:
            window <<= 14 if scale < 0 else scale if self.rares[d].scale > 0 else 0
            outside = place < self.tracks[d].acked - 1 or place > furthest + window
        if outside:
            self._note_side(findings.TCP_RESET_IGNORED, s, self.packet, 0, d)
        return outside

    @cython.cfunc
    def _foreign(self, s: cython.Py_ssize_t, d: cython.Py_ssize_t, why: Any) -> cython.int:
        """Note that the first RST of a direction was not sent by its source address."""
        self.rares[d].foreign = 1
        self.found.append(
            Finding(
                findings.TCP_RESET_FOREIGN,
                slot=int(s),
                packet=int(self.rares[d].reset_packet),
                detail=why,
                direction=int(d),
            )
        )
        return 0

    @cython.cfunc
    def _go_on(self, s: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Take back the RST of direction `d`: its receiver acknowledges what came behind it.

        RFC 5961 3.2: a RST within the window, but not where it begins, changes nothing.
        """
        fins: cython.int = self.tracks[2 * s].fin >= 0
        fins += 2 * (self.tracks[2 * s + 1].fin >= 0)
        if fins == 3 or self.rares[d ^ 1].reset_packet:
            return 0
        self.slots[s].state = self.links[s].state = _ESTABLISHED + fins
        self.links[s].reset_side = -1
        self.links[s].closed_time = _NULL
        self.rares[d].reset_packet = 0
        self.rares[d].alive = 0
        self.slots[s].closing = 0
        self.closing.pop(self.links[s].tcp_stream, None)
        if self.clock != _NULL:
            self.due = self._next_due()
        if fins:
            return 0  # the FIN stays the first end
        kept = self._save()
        self.row_acked = -1
        self.row_flags = self.header = self.payload = self.wire = self.window = 0
        self._row(_GOES_ON, d, self.tracks[d].next, 0, 0, 0, self.time)
        self._load(kept)
        return 0

    @cython.cfunc
    def _weigh_ttl(
        self, i: cython.Py_ssize_t, s: cython.Py_ssize_t, d: cython.Py_ssize_t
    ) -> cython.int:
        """Compare a RST's TTL with those of its sender's packets; routes differ by one."""
        ttl: cython.int = self.segments[i].ttl
        usual: cython.int = self.tracks[d].ttl
        copy: cython.int = self.rares[d].ttl_copy
        if ttl == 0 or usual == 0 or usual - 1 <= ttl <= usual + 1:
            return 0
        if copy and copy - 1 <= ttl <= copy + 1:
            return 0
        self._foreign(s, d, f"its TTL is {ttl}, that of its sender's packets {usual}")
        return 0

    @cython.cfunc
    def _reset(
        self,
        i: cython.Py_ssize_t,
        s: cython.Py_ssize_t,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        length: cython.int,
    ) -> cython.int:
        side: cython.int = d & 1
        # Of a connection that never opened nothing was reset.
        kind: cython.int = _RESET
        if self.links[s].synack_time == _NULL and self._only_asked(s):
            kind = _PURE
        if self.rares[d].reset_packet == 0:
            self.rares[d].reset_packet = self.packet
            self.rares[d].reset_at = place
            self.rares[d].reset_heard = self.tracks[d ^ 1].next
            self.rares[d].reset_next = self.tracks[d].next
            self._weigh_ttl(i, s, d)
        if self.links[s].reset_side < 0:
            self.links[s].reset_side = side
            if self.links[s].closed_time == _NULL:
                self.links[s].closed_time = self.time
        self._event(s, _ON_RST + side, side)
        if length:
            # RFC 9293 3.5.3 lets a RST carry data: a diagnosis, not part of the stream.
            self._sent_again(d, place, length, 0)
            self.header = 0
        self._row(kind, d, self.tracks[d].next, 0, 0, 0, self.time)
        return 0
