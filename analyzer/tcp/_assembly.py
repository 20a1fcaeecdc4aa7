"""The assembly of TCP streams: segments in, rows of readable bytes out, one pass.

Finds each segment's connection, numbers new ones as Wireshark does, orders payload,
distinguishes copies from retransmissions, and accounts for every byte of every packet. Knows
RFC 9293 and the limits; must not know what the bytes mean. Called by tcp.reassembly,
which owns it. The common case, the next bytes of an open connection or a pure ACK,
stays in C; holes, overlaps, opening and closing may use Python objects.

What rows promise (tests hold all of it):

- `wire` summed over a direction's rows is its wire_bytes, and wire = link + ip + tcp +
  duplicate + retransmitted + stream bytes.
- The DATA, GAP_CUT and RETRANSMISSION rows of one packet tile its payload, `into` to
  `into + length`, exactly once, each with the packet's header_bytes; PURE, FIN and RESET
  rows of a packet with payload have header_bytes 0.
- A packet held for its turn gives its rows when the hole before it fills; if it brings a
  new ACK, a PURE row without costs says so at once.
- An early FIN without payload leaves its costs on a PURE row, and its FIN row comes when
  the stream gets there.
- Payload that has no place in the stream is a RETRANSMISSION row: old bytes, bytes
  after the FIN, bytes of a RST (RFC 9293 3.5.3), bytes far outside any window.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer import findings
from analyzer.columns import NULL, Rows
from analyzer.findings import Finding
from analyzer.tcp import bytestream, connections, lifecycle, sequence
from analyzer.tcp._state import record_view

if cython.compiled:
    from cython.cimports.analyzer.tcp._doubts import Doubts
    from cython.cimports.analyzer.tcp.sequence import distance, wide
else:
    from analyzer.tcp._doubts import Doubts
    from analyzer.tcp.sequence import distance, wide

# C copies of names: a kernel reads a C integer where it would else look up a Python
# object per row; so it would for literals beyond 31 bits.
_NULL = cython.declare(cython.longlong, NULL)
_PURE = cython.declare(cython.int, bytestream.PURE)
_DUPLICATE = cython.declare(cython.int, bytestream.DUPLICATE)
_SYN = cython.declare(cython.int, 2)
_RST = cython.declare(cython.int, 4)
_FIN = cython.declare(cython.int, 1)
_ACK = cython.declare(cython.int, 16)
_SYN_FIN_RST = cython.declare(cython.int, 7)
_ESTABLISHED = cython.declare(cython.int, lifecycle.State.ESTABLISHED)
_RESET_STATE = cython.declare(cython.int, lifecycle.State.RESET)
_FIN_BOTH = cython.declare(cython.int, lifecycle.State.FIN_BOTH)
_ON_ACK = cython.declare(cython.int, lifecycle.Event.ACK_0)
_ON_LAST_ACK = cython.declare(cython.int, lifecycle.Event.LAST_FIN_ACKED)
_END_CLOSED = cython.declare(cython.int, bytestream.END_CLOSED)
_END_CAPTURE = cython.declare(cython.int, bytestream.END_CAPTURE)
_OPEN = cython.declare(cython.int, bytestream.WINDOW_OPEN)  # WINDOW_CLOSED is one more
_MAX_WINDOW = cython.declare(cython.longlong, sequence.MAX_WINDOW)
_BLOCK = cython.declare(cython.Py_ssize_t, connections.BLOCK)
_SET_BACK = cython.declare(cython.longlong, connections.SET_BACK_NS)
_COUNTED = connections.COUNT.names or ()
_BY_SLOT = ("slots", "tracks", "counts", "rares", "links", "sums")


@cython.cclass
class Assembler(Doubts):
    """All connections, and one pass over a batch of segments.

    Args:
        options: limits.
    """

    def begin(self, segments: Rows, records: Any) -> None:
        """Begin a batch: segments over `records.data`."""
        self.free.extend(self.retired)
        self.retired = []
        self.opened = []
        self.ended = []
        self.found = []
        self.records = records
        self.data = records.data
        self.segment_rows = segments
        self.segments = record_view(segments)
        self.arrays["chunks"] = np.empty(len(segments) + len(segments) // 4 + 16, bytestream.CHUNK)
        self.row_count = 0
        self._bind()

    def run(self) -> None:
        """Take all segments of the batch."""
        i: cython.Py_ssize_t
        end: cython.Py_ssize_t
        begin: cython.Py_ssize_t = 0
        count: cython.Py_ssize_t = self.segments.shape[0]
        while begin < count:
            end = min(begin + _BLOCK, count)
            self._warm(begin, end)
            for i in range(begin, end):
                self._segment(i, self.hashes[i - begin])
            begin = end

    def advance(self, now: cython.longlong) -> None:
        """No packet came until `now`: do what is due. Before the first packet, nothing is."""
        if self.clock == _NULL or now <= self.clock:
            return
        if self.due <= now:
            self._tick(now)
        self.clock = now

    def end_all(self) -> None:
        """End every connection, in order of tcp_stream: the capture is over."""
        for stream in sorted(self.open_streams):
            slot: cython.Py_ssize_t = self.open_streams[stream]
            self._end(slot, _END_CLOSED if self.slots[slot].closing else _END_CAPTURE)
        if self.copies:
            every = "every packet, " if 2 * self.copies == self.seen else ""
            detail = f"{every}{self.copies} of {self.seen}"
            self.found.append(
                Finding(
                    findings.CAPTURE_SEEN_TWICE,
                    packet=int(self.first_copy),
                    detail=detail,
                    count=int(self.copies),
                )
            )

    def borrow(self, slot: int) -> int:
        """Return an unused slot for a stream within the connection in `slot`.

        No packet finds it, since it is not in the table; nor does what ends connections.
        """
        s: cython.Py_ssize_t = self._new_slot()
        o: cython.Py_ssize_t = slot
        d: cython.Py_ssize_t
        self._blank(s)
        self.links[s] = self.links[o]
        for d in range(2):
            self.sums[2 * s + d].mss = self.sums[2 * o + d].mss
        lent: int = s
        return lent

    def give_back(self, slot: int) -> None:
        """Take back a borrowed slot, to be used again from the next batch on."""
        self.retired.append(slot)

    def rows(self, name: str) -> Rows:
        """Return the batch's chunks, or the links (CONNECTION) or sums (DIRECTION)."""
        chunks: Rows = self.arrays["chunks"]
        return chunks[: self.row_count] if name == "chunks" else self._used(name)

    def counts_so_far(self, name: str, directions: Any) -> Any:
        """Return what was counted of open directions: a column of COUNT, else of DIRECTION."""
        rows: Rows = self.arrays["counts" if name in _COUNTED else "sums"]
        return rows[name].take(directions)

    def tracked(self) -> tuple[int, int, int]:
        """Return connections not ended, bytes held for their turn, and bytes of state in use."""
        state = sum(self._used(name).nbytes for name in _BY_SLOT) + self.table.nbytes
        rings = self.arena.nbytes + self.recents.nbytes + self.pieces.nbytes
        return len(self.open_streams), self.held_total, state + rings

    def let_go(self) -> dict[str, int]:
        """Return how many connections were let go, by why."""
        return {"idle": self.idle_count, "limit": self.evicted_count}

    def opened_slots(self) -> list[int]:
        """Return the slots of the connections that appeared in this batch."""
        opened: list[int] = self.opened
        return opened

    def ended_slots(self) -> list[int]:
        """Return the slots of the connections whose rows are final."""
        ended: list[int] = self.ended
        return ended

    def findings(self) -> list[Finding]:
        """Return the batch's findings."""
        found: list[Finding] = self.found
        return found

    @cython.cfunc
    def _segment(self, i: cython.Py_ssize_t, hashed: cython.uint) -> cython.int:
        s: cython.Py_ssize_t
        d: cython.Py_ssize_t
        flags: cython.int = self._flags(i)
        length: cython.int = max(0, self.segments[i].length)
        now: cython.longlong = wide(self.segments[i].time)
        if now != _NULL and not self.replaying:
            if self.due <= now:
                self._tick(now)
            elif now < self.clock and self.clock > now + _SET_BACK:
                self._set_back(now)
            self.clock = now
        self.hashed = hashed
        s = self._find(i, hashed)
        if s < 0:
            s = self._open(i)
        elif (
            self.slots[s].left
            or self.slots[s].doubt
            or (flags & (_SYN | _ACK)) == _SYN
            or self._jumps(i, 2 * s + self.side, flags)
        ) and not self.settling:
            s = self._again(i, s)
            if s < 0:
                return 0
        d = 2 * s + self.side
        self._present(i, flags, length)
        self.seen += 1
        self.counts[d].packets += 1
        self.slots[s].last_packet = self.packet
        self.slots[s].last_time = self.time
        self.slots[s].touched = 1
        if self._is_copy(i, d):
            return self._count_copy(i, d, length)
        self.counts[d].link_bytes += self.segments[i].link_bytes
        self.counts[d].ip_bytes += self.segments[i].ip_bytes
        self.counts[d].tcp_bytes += self.segments[i].tcp_bytes
        self.slots[s].segments += 1
        self.tracks[d ^ 1].unanswered = 0
        if flags & _SYN or self.slots[s].numbered == 0:
            self._reckon_isn(i, d)
        if flags & _ACK and not self.settling:
            if self.segments[i].twice_bytes:
                self._came_twice(i, d ^ 1)
            self.row_acked = self._acknowledge(i, d ^ 1, flags)
        if flags & _RST == 0:
            self.tracks[d].ttl = self.segments[i].ttl
            self.tracks[d].heard = 1
            if d & 1:
                self.slots[s].window1 = self.segments[i].window
            else:
                self.slots[s].window0 = self.segments[i].window
        if self.segments[i].window == 0:
            self._window_closed(d, flags)
        else:
            self.tracks[d].zero_window = 0
        self.window = 0 if flags & (_SYN | _RST) else _OPEN + self.tracks[d].zero_window
        self._take(i, s, d, flags, length)
        return self._judge(s) if self.slots[s].waiting else 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _count_copy(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, length: cython.int
    ) -> cython.int:
        """Take a packet seen before: it only counts."""
        self.copies += 1
        if self.first_copy == 0:
            self.first_copy = self.packet
        if self.segments[i].ttl != self.tracks[d].ttl:
            self.rares[d].ttl_copy = self.segments[i].ttl
        self.counts[d].duplicate_bytes += self.wire
        self._row(_DUPLICATE, d, self._place(i, d), length, 0, 0, self.time)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    @cython.inline
    def _present(self, i: cython.Py_ssize_t, flags: cython.int, length: cython.int) -> cython.int:
        """Make segment `i` the packet whose rows are written."""
        self.packet = wide(self.segments[i].packet)
        self.time = wide(self.segments[i].time)
        self.row_acked = -1
        self.row_flags = flags & 0xFF
        self.header = (
            wide(self.segments[i].link_bytes)
            + self.segments[i].ip_bytes
            + self.segments[i].tcp_bytes
        )
        self.link = self.segments[i].link_bytes
        self.ip = self.segments[i].ip_bytes
        self.payload = length
        self.wire = self.header + length
        self.window = 0
        self.news = False
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _take(
        self,
        i: cython.Py_ssize_t,
        s: cython.Py_ssize_t,
        d: cython.Py_ssize_t,
        flags: cython.int,
        length: cython.int,
    ) -> cython.int:
        """Give a segment's rows: the common cases here, the rest in `_take_slowly`."""
        place: cython.longlong
        captured: cython.int
        if self.slots[s].state != _ESTABLISHED:
            self._not_open(i, s, d, flags, length)
        if flags & _SYN_FIN_RST:
            return self._take_slowly(i, s, d, flags, length)
        if length == 0:
            self.counts[d].pure_acks += 1
            self.counts[d].pure_ack_bytes += self.wire
            if self.tracks[d].based and self._place(i, d) == self.tracks[d].next - 1:
                self.sums[d].keep_alives += 1
            self._row(_PURE, d, self.tracks[d].next, 0, 0, 0, self.time)
            return 0
        if self.tracks[d].based and self.tracks[d].held_from < 0 and self.tracks[d].fin < 0:
            place = self._place(i, d)
            if place == self.tracks[d].next:
                captured = self._readable(i, length)
                self._deliver(d, length, 0, self.segments[i].start, captured, self.time)
                return 0
        return self._take_slowly(i, s, d, flags, length)

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _not_open(
        self,
        i: cython.Py_ssize_t,
        s: cython.Py_ssize_t,
        d: cython.Py_ssize_t,
        flags: cython.int,
        length: cython.int,
    ) -> cython.int:
        """See what a segment says of a connection that is not, or no longer, open."""
        if self.slots[s].state == _RESET_STATE:
            # A RST takes the number after all that its sender sent (RFC 9293 3.5.2), and who sent
            # one reads no more. Within the window, but not at its begin, it is answered by an ACK,
            # and the connection goes on (RFC 5961 3.2).
            if (
                length
                and self.rares[d].reset_packet
                and self.rares[d].alive == 0
                and (
                    self._place(i, d) >= self.rares[d].reset_at
                    or self.row_acked > self.rares[d].reset_heard
                )
                and self._place(i, d) + length > self.tracks[d].next
            ):
                self.rares[d].alive = 1
                if self.rares[d].foreign == 0:
                    self._foreign(s, d, "its sender's data goes on behind it")
            if (
                self.rares[d ^ 1].alive
                and flags & _RST == 0
                and self.row_acked > self.rares[d ^ 1].reset_next
            ):
                self._go_on(s, d ^ 1)
            return 0
        if flags & (_SYN | _RST | _ACK) != _ACK or self._is_unproven(s, d, length):
            return 0
        if self.row_acked >= 0 or self.tracks[d ^ 1].based == 0:
            self._event(s, _ON_ACK + (d & 1), d & 1)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _is_unproven(
        self, s: cython.Py_ssize_t, d: cython.Py_ssize_t, length: cython.int
    ) -> cython.bint:
        """Return whether a segment answers a SYN without being its SYN-ACK.

        RFC 9293 3.10.7.3: an endpoint in SYN-SENT takes nothing from the other side before
        that. Payload is believed: then the SYN-ACK was not captured.
        """
        return d & 1 and length == 0 and self._only_asked(s)

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    @cython.inline
    def _readable(self, i: cython.Py_ssize_t, length: cython.int) -> cython.int:
        """Return how many payload bytes can be read: captured, if that is possible."""
        captured: cython.int = self.segments[i].captured
        start: cython.longlong = wide(self.segments[i].start)
        if captured > length:
            captured = length
        if start < 0 or captured < 0 or start + captured > self.data.shape[0]:
            return 0
        return captured

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _acknowledge(
        self, i: cython.Py_ssize_t, o: cython.Py_ssize_t, flags: cython.int
    ) -> cython.longlong:
        """Note what segment `i` acknowledges of direction `o`; return it, -1 for nothing."""
        reached: cython.longlong
        near: cython.longlong
        s: cython.Py_ssize_t = o >> 1
        if flags & _SYN and self._is_strange(i, o ^ 1):
            return -1
        if self.tracks[o].confirmed == 0 and flags & _RST == 0:
            self._confirm(o, wide(self.segments[i].ack))
        if self.tracks[o].based == 0:
            if (flags & (_SYN | _RST)) != _SYN:
                if self.counts[o].packets == 0 and flags & _RST == 0:
                    self._unheard(o, wide(self.segments[i].ack))
                return -1
            # RFC 9293 3.10.7.3: a SYN-ACK acknowledges the SYN, so the peer's data
            # begins there.
            self._base(o, wide(self.segments[i].ack))
            return 0
        near = self.tracks[o].next
        reached = near + distance(wide(self.segments[i].ack), wide(self.tracks[o].origin) + near)
        if reached < 0 or reached > near + _MAX_WINDOW:
            return -1
        if flags & _RST:
            # Stacks fill the ACK field of a RST with all kinds of things: no proof.
            return reached if reached <= near else -1
        if self.tracks[o].fin >= 0 and reached > self.tracks[o].fin:
            reached = self.tracks[o].fin
            if self.slots[s].state == _FIN_BOTH and self.links[s].fin_side != (o & 1):
                self._event(s, _ON_LAST_ACK, (o & 1) ^ 1)
        if reached > self.tracks[o].acked:
            self.tracks[o].edge = self.tracks[o].acked
            self.tracks[o].acked = reached
            self.news = True
        return reached

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _unheard(self, o: cython.Py_ssize_t, ack: cython.longlong) -> cython.int:
        """Count what is acknowledged of a direction without captured packets so far."""
        if self.rares[o].unheard == 0:
            self.rares[o].unheard = 1
            self.tracks[o].origin = ack
            return 0
        ack = distance(ack, wide(self.tracks[o].origin) + self.tracks[o].acked)
        if 0 < ack <= _MAX_WINDOW:
            self.tracks[o].edge = self.tracks[o].acked
            self.tracks[o].acked += ack
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _window_closed(self, d: cython.Py_ssize_t, flags: cython.int) -> cython.int:
        if flags & (_SYN | _RST) or self.tracks[d].zero_window:
            return 0
        self.tracks[d].zero_window = 1
        self.sums[d].zero_windows += 1
        if self.sums[d].zero_windows == 1:
            self.rares[d].first_zero = self.packet
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _take_slowly(
        self,
        i: cython.Py_ssize_t,
        s: cython.Py_ssize_t,
        d: cython.Py_ssize_t,
        flags: cython.int,
        length: cython.int,
    ) -> cython.int:
        place: cython.longlong
        captured: cython.int = self._readable(i, length)
        start: cython.longlong = wide(self.segments[i].start)
        if flags & _RST and not self._is_refused(i, s, d, flags):
            self._reset(i, s, d, self._place(i, d), length)
            return 0
        if (
            flags & _RST
            or (self.settling and flags & _SYN)
            or (flags & (_SYN | _FIN) == _FIN and self._is_unproven(s, d, length))
        ):
            # It changes nothing.
            if length:
                self._sent_again(d, self._place(i, d), length, 0)
                self.header = 0
            self._row(_PURE, d, self.tracks[d].next, 0, 0, 0, self.time)
            return 0
        if flags & _SYN:
            self._syn(i, s, d, flags)
        if self.tracks[d].based == 0:
            self._base(d, wide(self.segments[i].seq))
        place = self._place(i, d)
        if length:
            self._payload(d, place, length, start, captured)
        if flags & _FIN:
            self._fin(s, d, place + length)
        elif length == 0:
            self._row(_PURE, d, self.tracks[d].next, 0, 0, 0, self.time)
        return 0
