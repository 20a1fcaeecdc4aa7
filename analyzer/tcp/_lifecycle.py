"""The life of connections: opened, moved on by events, closed, ended, forgotten.

Knows the state table (tcp.lifecycle), Wireshark's numbering and max_connections. Must
not know payload. The seventh of the kernels that make the assembly (see _state).
"""

from __future__ import annotations

import cython

from analyzer import findings
from analyzer.columns import NULL
from analyzer.tcp import bytestream, connections, lifecycle

if cython.compiled:
    from cython.cimports.analyzer.tcp._lookup import Lookup
    from cython.cimports.analyzer.tcp.sequence import wide
else:
    from analyzer.tcp._lookup import Lookup
    from analyzer.tcp.sequence import wide

# C copies of names: a kernel reads a C integer where it would else look up a Python
# object per row; so it would for literals beyond 31 bits.
_NULL = cython.declare(cython.longlong, NULL)
_NEVER = cython.declare(cython.longlong, 2**63 - 1)
_SYN = cython.declare(cython.int, 2)
_ACK = cython.declare(cython.int, 16)
_NEW = cython.declare(cython.int, lifecycle.State.NEW)
_SYN_CROSSED = cython.declare(cython.int, lifecycle.State.SYN_CROSSED)
_ESTABLISHED = cython.declare(cython.int, lifecycle.State.ESTABLISHED)
_FIN_BOTH = cython.declare(cython.int, lifecycle.State.FIN_BOTH)
_CLOSED = cython.declare(cython.int, lifecycle.State.CLOSED)
_EVENTS = cython.declare(cython.int, len(lifecycle.Event))
_END_CLOSED = cython.declare(cython.int, bytestream.END_CLOSED)
_END_EVICTED = cython.declare(cython.int, bytestream.END_EVICTED)
_SEQ_MASK = cython.declare(cython.longlong, 0xFFFFFFFF)
_TIMED_OUT_AFTER = cython.declare(cython.int, 3)
_SWEEPS = cython.declare(cython.longlong, connections.SWEEPS)


@cython.cclass
class Lifecycle(Lookup):
    """Opens and ends connections."""

    @cython.cfunc
    def _open(self, i: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Begin a connection with segment `i`; return its slot."""
        s: cython.Py_ssize_t
        hashed: cython.uint = self.hashed
        syn: cython.int = self._flags(i) & (_SYN | _ACK)
        is_new: cython.bint = self.split_stream < 0
        if self.mapped >= self.max_connections or len(self.left_streams) > self.max_finished:
            self._make_room(i)
        s = self._new_slot()
        if 2 * (self.mapped + 1) > self.table.shape[0]:
            self._grow_table()
        self._blank(s)
        self.slots[s].hash = hashed
        # RFC 9293 3.5: the answer to a SYN is a SYN-ACK, so its receiver opened.
        self.side = 1 if syn == (_SYN | _ACK) else 0
        self.links[s].sides_known = 1 if syn & _SYN else 0
        if not is_new and self.split_side >= 0:
            # The other connection on these ports had the same sides.
            self.side = self.split_side
        self._name_ends(i, s)
        self.links[s].tcp_stream = self.streams if is_new else self.split_stream
        self.links[s].first_packet = self.segments[i].packet
        self.links[s].first_time = self.segments[i].time
        self.streams += is_new
        self.split_stream = -1
        self.mapped += 1
        self._map(s)
        self.open_streams[self.links[s].tcp_stream] = s
        self.opened.append(s)
        return s

    @cython.cfunc
    def _make_room(self, i: cython.Py_ssize_t) -> cython.int:
        """Let a connection go: the first that has left, else one that is idle.

        Idle ones are found by second chance: the oldest that has had no packet since
        the last search passed it. The order is that of tcp_stream, not of slots, so
        that it depends on packets only.
        """
        s: cython.Py_ssize_t
        if self.left_streams:
            s = next(iter(self.left_streams.values()))
            self._unmap(s)
            return 0
        while True:
            stream, number = next(iter(self.open_streams.items()))
            s = number
            if self.slots[s].touched == 0:
                break
            self.slots[s].touched = 0
            self.open_streams.move_to_end(stream)
        self._end(s, _END_EVICTED)
        self.evicted_count += 1
        self._unmap(s)
        self._note(
            findings.TCP_CONNECTION_LIMIT, s, self.segments[i].packet, f"tcp.stream {stream}"
        )
        return 0

    @cython.cfunc
    def _reckon_isn(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Keep what Wireshark takes for the initial sequence numbers of both sides.

        The first segment decides, and every SYN-ACK does so again.
        """
        flags: cython.int = self._flags(i)
        seq: cython.longlong = wide(self.segments[i].seq)
        if flags & (_SYN | _ACK) == (_SYN | _ACK):
            self.rares[d].isn = seq
        elif self.rares[d].isn < 0:
            self.rares[d].isn = (seq - (0 if flags & _SYN else 1)) & _SEQ_MASK
        if self.rares[d ^ 1].isn < 0 and flags & _ACK:
            self.rares[d ^ 1].isn = (wide(self.segments[i].ack) - 1) & _SEQ_MASK
        if self.rares[d ^ 1].isn >= 0:
            self.slots[d >> 1].numbered = 1
        return 0

    @cython.cfunc
    def _event(self, s: cython.Py_ssize_t, event: cython.int, side: cython.int) -> cython.int:
        """Move the connection's state on, with the times that belong to the change."""
        old: cython.int = self.slots[s].state
        new: cython.int = self.transitions[old * _EVENTS + event]
        self.slots[s].state = new
        self.links[s].state = new
        if new == old:
            return 0
        if new == _ESTABLISHED and old != _NEW and (side == 0 or old == _SYN_CROSSED):
            self.links[s].established_time = self.time
        if new == _CLOSED:
            self.links[s].closed_time = self.time
        if new >= _FIN_BOTH:
            self._close(s)
        return 0

    @cython.cfunc
    def _close(self, s: cython.Py_ssize_t) -> cython.int:
        """Let a finished connection wait for late packets."""
        due: cython.longlong
        if self.slots[s].closing:
            return 0
        due = self._due()
        self.slots[s].closing = 1
        self.closing[self.links[s].tcp_stream] = (due, s)
        if due < self.due and self.clock != _NULL:
            self.due = due
        return 0

    @cython.cfunc
    def _due(self) -> cython.longlong:
        """Return when a connection that closes now has waited long enough."""
        if self.clock == _NULL or self.clock > _NEVER - self.linger:
            return _NEVER
        return self.clock + self.linger

    @cython.cfunc
    def _start_clock(self) -> cython.int:
        """Begin the waiting of those that closed before any packet had a time."""
        for stream, entry in list(self.closing.items()):
            self.closing[stream] = (self._due(), entry[1])
        self._plan_sweep()
        self.due = self._next_due()
        return 0

    @cython.cfunc
    def _plan_sweep(self) -> cython.int:
        """Say when to look for idle connections again."""
        self.sweep_at = _NEVER
        if self.max_idle > 0 and self.clock < _NEVER - self.max_idle:
            self.sweep_at = self.clock + self.max_idle // _SWEEPS + 1
        return 0

    @cython.cfunc
    def _next_due(self) -> cython.longlong:
        """Return when the next connection has waited long enough, or idle ones are sought."""
        due: cython.longlong = self.sweep_at
        first: cython.longlong
        if self.closing:
            first = next(iter(self.closing.values()))[0]
            if first < due:
                due = first
        return due

    @cython.cfunc
    def _tick(self, now: cython.longlong) -> cython.int:
        """Do what is due at the time `now`."""
        before: cython.longlong = self.clock
        self.clock = now
        if before == _NULL:
            self._start_clock()
        self._let_go()
        if self.sweep_at <= now:
            self._sweep(before)
        self.due = self._next_due()
        return 0

    @cython.cfunc
    def _set_back(self, now: cython.longlong) -> cython.int:
        """The clock was set back: what would wait for the old time to come again goes now."""
        s: cython.Py_ssize_t
        due: cython.longlong
        self.clock = now
        while self.closing:
            due, number = next(iter(self.closing.values()))
            if due == _NEVER or due <= self._due():
                break
            s = number
            self._end(s, _END_CLOSED)
        self._plan_sweep()
        self.due = self._next_due()
        return 0

    @cython.cfunc
    def _sweep(self, before: cython.longlong) -> cython.int:
        """Let connections go that were idle for longer than max_idle, the oldest first.

        Args:
            before: time of the packet before. Where all were silent so long that each would
                count as idle, the capture or its clock made a jump: it proves nothing.
        """
        s: cython.Py_ssize_t
        last: cython.longlong
        now: cython.longlong = self.clock
        self._plan_sweep()
        if before != _NULL and before < now - self.max_idle:
            self.sweep_at = now + self.max_idle if now <= _NEVER - self.max_idle else _NEVER
            return 0
        idle = []
        ahead = {}
        for stream, number in self.open_streams.items():
            s = number
            last = self.slots[s].last_time
            if self.slots[s].closing or last == _NULL:
                continue
            if last > now:  # the clock was set back since: what counts is when that was seen
                seen = self.ahead.get(stream, (last, now))
                ahead[stream] = seen if seen[0] == last else (last, now)
                last = ahead[stream][1]
            if last <= now - self.max_idle:
                idle.append((last, stream, s))
        self.ahead = ahead
        for _, stream, number in sorted(idle):
            s = number
            self.ahead.pop(stream, None)
            self.idle_count += 1
            self._note(findings.TCP_IDLE, s, self.slots[s].last_packet, f"tcp.stream {stream}")
            self._end(s, _END_EVICTED)
        return 0

    @cython.cfunc
    def _let_go(self) -> cython.int:
        """End the connections whose wait is over, in the order in which they closed."""
        s: cython.Py_ssize_t
        due: cython.longlong
        while self.closing:
            due, number = next(iter(self.closing.values()))
            if due > self.clock:
                break
            s = number
            self._end(s, _END_CLOSED)
        return 0

    @cython.cfunc
    def _end(self, s: cython.Py_ssize_t, reason: cython.int) -> cython.int:
        """Settle what is held and say that the connection's rows are final."""
        d: cython.Py_ssize_t
        if self.slots[s].doubt:
            self._settle(s)
        if self.shadows:
            self._tell_shadows(s)
        kept = self._save()
        self.packet = self.slots[s].last_packet
        self.time = self.slots[s].last_time
        for d in range(2 * s, 2 * s + 2):
            self._flush(d)
            if self.tracks[d].unanswered >= _TIMED_OUT_AFTER:
                self.links[s].timed_out = 1
            self._summarise(d)
            self._count(d)
        self._load(kept)
        self.links[s].last_packet = self.slots[s].last_packet
        self.links[s].last_time = self.slots[s].last_time
        self.links[s].end = reason
        self.slots[s].left = 1
        stream = self.links[s].tcp_stream
        self.open_streams.pop(stream, None)
        self.left_streams[stream] = s
        if self.closing.pop(stream, None) is not None and self.clock != _NULL:
            self.due = self._next_due()
        self.ended.append(s)
        return 0

    @cython.cfunc
    def _count(self, d: cython.Py_ssize_t) -> cython.int:
        """Hand on what was counted besides DIRECTION."""
        self.sums[d].packets = self.counts[d].packets
        self.sums[d].link_bytes = self.counts[d].link_bytes
        self.sums[d].ip_bytes = self.counts[d].ip_bytes
        self.sums[d].tcp_bytes = self.counts[d].tcp_bytes
        self.sums[d].stream_bytes = self.counts[d].stream_bytes
        self.sums[d].pure_acks = self.counts[d].pure_acks
        self.sums[d].pure_ack_bytes = self.counts[d].pure_ack_bytes
        self.sums[d].duplicate_bytes = self.counts[d].duplicate_bytes
        # Each byte of a packet is in one of these, whatever way the packet took.
        self.sums[d].wire_bytes = (
            self.sums[d].link_bytes
            + self.sums[d].ip_bytes
            + self.sums[d].tcp_bytes
            + self.sums[d].duplicate_bytes
            + self.sums[d].retransmitted_bytes
            + self.sums[d].stream_bytes
        )
        return 0

    @cython.cfunc
    def _summarise(self, d: cython.Py_ssize_t) -> cython.int:
        """Report once per direction what would else be a finding per packet."""
        s: cython.Py_ssize_t = d >> 1
        if (
            self.counts[d].packets == 0
            and self.tracks[d].based
            and self.counts[d ^ 1].stream_bytes
            and (self.tracks[d].acked > 0 or self.slots[s].syns)
        ):
            self._note_side(
                findings.TCP_ONE_DIRECTION,
                s,
                self.links[s].first_packet,
                self.sums[d].lost_bytes,
                d,
            )
        if self.sums[d].lost_bytes:
            self._note_side(
                findings.TCP_LOST, s, self.rares[d].first_lost, self.sums[d].lost_bytes, d
            )
        if self.sums[d].retransmissions:
            self._note_side(
                findings.TCP_RETRANSMISSIONS,
                s,
                self.rares[d].first_sent_again,
                self.sums[d].retransmissions,
                d,
            )
        if self.sums[d].zero_windows:
            self._note_side(
                findings.TCP_ZERO_WINDOW, s, self.rares[d].first_zero, self.sums[d].zero_windows, d
            )
        return 0

    @cython.cfunc
    def _settle(self, s: cython.Py_ssize_t) -> cython.int:
        """Count what waited as the connection's; see _doubts."""
        raise NotImplementedError
