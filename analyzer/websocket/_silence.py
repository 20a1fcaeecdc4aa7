"""Silence: when each side was last heard, and what ended the connection.

Knows rows and their times. Must not know what frames say, except that one was a Close. The
second of the kernels that make the frame walk (see _state).

The end of a connection is the first of a Close frame, a FIN and a RST, by number of packet. Each
side's silence before it counts from its last byte above TCP: DATA, GAP_CUT and FRAMING rows. Rows
come in the order of the stream, so that one that had to wait may be older than the end that was
already noted: packet numbers decide, not the order of rows. It is not known when bytes
that were never captured were sent: after them a silence is not known until the next byte.
"""

from __future__ import annotations

import cython

if cython.compiled:
    from cython.cimports.analyzer.websocket._state import WalkState
else:
    from analyzer.websocket._state import WalkState

# C copies of names: a kernel reads a C integer where it would else look up a
# Python object per row; so it would for literals beyond 31 bits.
_NULL = cython.declare(cython.longlong, -(2**63))
_RESET = cython.declare(cython.int, 6)


@cython.cclass
class Silence(WalkState):
    """Notes the last bytes of each side, the end, and ACKs of control frames."""

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _heard(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Row `i` of direction `d` has bytes."""
        packet: cython.longlong = self.chunks[i].packet
        if packet >= self.walks[d].heard_packet:
            self.walks[d].heard_packet = packet
            self.walks[d].heard_time = self.chunks[i].time
        if (
            self.walks[d].end_packet
            and packet < self.walks[d].end_packet
            and packet > self.walks[d].quiet_packet
            and self.walks[d].quiet_known
        ):
            self.walks[d].quiet_packet = packet
            self.walks[d].quiet_time = self.chunks[i].time
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _frame_begins(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, p: cython.Py_ssize_t
    ) -> cython.int:
        """A frame of direction `d` begins at byte `p`, in row `i`, which was not heard yet."""
        self.walks[d].head_nagle = 0
        self.walks[d].before_packet = self.walks[d].heard_packet
        self.walks[d].before_time = self.walks[d].heard_time
        if p > self.chunks[i].start:
            self.walks[d].before_packet = self.chunks[i].packet
            self.walks[d].before_time = self.chunks[i].time
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _not_heard(self, d: cython.Py_ssize_t) -> cython.int:
        """Bytes of direction `d` were sent at an unknown time."""
        self.walks[d].heard_time = _NULL
        self.walks[d].quiet_known = 0
        self.walks[d].quiet_time = _NULL
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _end_seen(
        self,
        d: cython.Py_ssize_t,
        packet: cython.longlong,
        time: cython.longlong,
        is_close: cython.bint,
    ) -> cython.int:
        """Note a Close, FIN or RST of direction `d` if it is the first.

        A Close is itself made of bytes: what counts for its sender is what was heard before
        its first byte, `before_packet` and `before_time`.
        """
        s: cython.Py_ssize_t
        heard: cython.longlong
        since: cython.longlong
        if self.walks[d].end_packet and self.walks[d].end_packet <= packet:
            return 0
        for s in range(d & ~1, (d | 1) + 1):
            heard = self.walks[s].heard_packet
            since = self.walks[s].heard_time
            if s == d and is_close:
                heard = self.walks[s].before_packet
                since = self.walks[s].before_time
            if self.walks[s].end_packet and (s != d or not is_close):
                # An end was noted that came later: what was heard before that one.
                heard = self.walks[s].quiet_packet
                since = self.walks[s].quiet_time
            if heard > packet:
                since = _NULL
            self.walks[s].quiet_packet = heard
            self.walks[s].quiet_time = since
            self.walks[s].quiet_known = since != _NULL
            self.walks[s].end_packet = packet
            self.walks[s].end_time = time
            self.walks[s].ended_by_close = is_close
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _not_ended(self, d: cython.Py_ssize_t) -> cython.int:
        """Forget the RST that was taken for the end; a Close before it stays."""
        s: cython.Py_ssize_t
        for s in range(d & ~1, (d | 1) + 1):
            if not self.walks[s].ended_by_close:
                self.walks[s].end_packet = self.walks[s].quiet_packet = 0
                self.walks[s].end_time = self.walks[s].quiet_time = _NULL
                self.walks[s].quiet_known = 0
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _watch(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, end: cython.longlong
    ) -> cython.int:
        """Tell of the ACK that covers direction `d` up to stream offset `end`, with row `i`."""
        if end > self.walks[d].watched:
            self.walks[d].watched = end
        if self.walks[d].acked >= end:
            # Its bytes had to wait here for others that the receiver had.
            self._ack(d, end, self.walks[d].packet_last, self.walks[d].time_last)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _control_acked(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Row `i` is the first to acknowledge as much of direction `d`, which is watched."""
        # A RST acknowledges bytes that its sender's program may never have read.
        if self.chunks[i].kind != _RESET:
            self._ack(d, self.chunks[i].acked, self.chunks[i].packet, self.chunks[i].time)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _ack(
        self,
        d: cython.Py_ssize_t,
        acked: cython.longlong,
        packet: cython.longlong,
        time: cython.longlong,
    ) -> cython.int:
        n: cython.Py_ssize_t = self.ack_count
        if n >= self.acks.shape[0]:
            self._grow("acks", n + 1)
        self.acks[n].direction = d
        self.acks[n].acked = acked
        self.acks[n].packet = packet
        self.acks[n].time = time
        self.acks[n].place = self.control_count
        self.ack_count = n + 1
        return 0
