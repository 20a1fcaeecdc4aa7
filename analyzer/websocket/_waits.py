"""What a message waited for besides lost packets: a window, an ACK, a time-out of its sender.

Knows TCP's windows, ACKs and retransmissions as rows report them. Must not know frames. The third
of the kernels that make the frame walk (see _state).

A window is closed from the packet that announces 0 to the sender's next packet with another. What
leaves as soon as it opens had waited for that, and at most since it closed or, if that is later,
since the receiver's last bytes: it may answer them.

A sender waits for a delayed ACK where Nagle's algorithm holds a small segment back until all that
it has sent is acknowledged (RFC 9293 3.7.4), and the receiver delays that ACK in the hope of
data to send with it (3.8.6.3). Of that a capture shows: bytes of a message; nothing more of its
direction; an ACK of all of it, later than the receiver answers otherwise; and after it at once
the next, small segment of the same message.
"""

from __future__ import annotations

from typing import Any

import cython

from analyzer.websocket import frames as layout

if cython.compiled:
    from cython.cimports.analyzer.websocket._silence import Silence
else:
    from analyzer.websocket._silence import Silence

# C copies of names: a kernel reads a C integer where it would else look up a
# Python object per row; so it would for literals beyond 31 bits.
_NULL = cython.declare(cython.longlong, -(2**63))
_DUPLICATE_ROW = cython.declare(cython.int, 7)
_WINDOW_CLOSED = cython.declare(cython.int, 2)
_SHORTEST = cython.declare(cython.longlong, layout.SHORTEST_DELAYED_ACK_NS)
_LONGEST = cython.declare(cython.longlong, layout.LONGEST_DELAYED_ACK_NS)
_AT_ONCE = cython.declare(cython.longlong, layout.AT_ONCE_NS)
_LONG_WAY = cython.declare(cython.longlong, layout.LONG_WAY_NS)
_OPTIONS = cython.declare(cython.int, 40)
_MOST_AGAIN = cython.declare(cython.Py_ssize_t, layout.MOST_AGAIN)
_SMALL = cython.declare(cython.int, layout.SMALL_SEGMENT)


@cython.cclass
class Waits(Silence):
    """Counts the waiting of connections and messages."""

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _alive(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Row `i` is of direction `d`, and may be of a packet of it that was not seen before."""
        if (
            self.chunks[i].packet > self.walks[d].life_packet
            and self.chunks[i].kind != _DUPLICATE_ROW
        ):
            if self.chunks[i].window:
                self._window(i, d)
            self.walks[d].life_packet = self.chunks[i].packet
            self.walks[d].life_time = self.chunks[i].time
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _window(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """The sender of direction `d` announces a window with row `i`, a packet not seen before."""
        time: cython.longlong = self.chunks[i].time
        if self.chunks[i].window == _WINDOW_CLOSED:
            if self.walks[d].shut_since == _NULL:
                self.walks[d].shut_since = time
            self.walks[d].shut_seen = time
        elif self.walks[d].shut_since != _NULL:
            if self.walks[d ^ 1].sent and self.chunks[i].acked > self.walks[d ^ 1].sent + 1:
                # It acknowledges bytes that the capture misses, or has behind some that it misses.
                self._opened_unseen(d)
                return 0
            if time > self.walks[d].shut_since:
                self.walks[d].shut_total += time - self.walks[d].shut_since
            self.walks[d].shut_from = self.walks[d].shut_since
            self.walks[d].shut_until = time
            self.walks[d].shut_since = _NULL
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _sent_on(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Row `i` has new bytes of direction `d`, whose receiver's window was closed.

        More than a probe (RFC 9293 3.8.6.1: "at least one octet of new data") leaves only where
        the window is open: the capture misses what opened it, at a time that nobody knows. It
        counts as closed as long as it was said to be. What was under way then is no sign.
        """
        o: cython.Py_ssize_t = d ^ 1
        time: cython.longlong = self.chunks[i].time
        seen: cython.longlong = self.walks[o].shut_seen
        way: cython.longlong = self._at_once(d) if self.walks[o].round_trip != _NULL else _LONG_WAY
        if self.chunks[i].payload <= 1 or time == _NULL or time - seen <= way:
            return 0
        self._opened_unseen(o)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _opened_unseen(self, o: cython.Py_ssize_t) -> cython.int:
        """The window of the sender of `o` opened at a time that the capture does not tell."""
        seen: cython.longlong = self.walks[o].shut_seen
        if seen > self.walks[o].shut_since:
            self.walks[o].shut_total += seen - self.walks[o].shut_since
        self.walks[o].shut_since = self.walks[o].shut_until = _NULL
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _closed_for(self, d: cython.Py_ssize_t, time: cython.longlong) -> cython.longlong:
        """Return for how long the sender of `d` had had its window closed by `time`, in ns."""
        since: cython.longlong = self.walks[d].shut_since
        if since != _NULL and time > since:
            return self.walks[d].shut_total + (time - since)
        return self.walks[d].shut_total

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _begin_waits(self, d: cython.Py_ssize_t, m: cython.Py_ssize_t) -> cython.int:
        """Message `m` of direction `d` begins."""
        self.pool[m].nagle = self.walks[d].head_nagle
        self.pool[m].resent = 0
        self.pool[m].window = self._held_back(d, self.pool[m].time_first)
        self.pool[m].resent_until = _NULL
        self.pool[m].shut_before = self._closed_for(d ^ 1, self.pool[m].time_first)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _end_waits(self, d: cython.Py_ssize_t, m: cython.Py_ssize_t) -> cython.int:
        """Message `m` of direction `d` is complete."""
        shut: cython.longlong = self._closed_for(d ^ 1, self.pool[m].time_last)
        if shut > self.pool[m].shut_before:
            self.pool[m].window += shut - self.pool[m].shut_before
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _held_back(self, d: cython.Py_ssize_t, time: cython.longlong) -> cython.longlong:
        """Return for how long a closed window held back what direction `d` begins at `time`."""
        receiver: cython.Py_ssize_t = d ^ 1
        since: cython.longlong = self.walks[receiver].shut_from
        until: cython.longlong = self.walks[receiver].shut_until
        if until == _NULL or time == _NULL or self.walks[receiver].shut_since != _NULL:
            return 0
        if time < until or time - until > self._at_once(d):
            return 0
        if self.walks[receiver].heard_time > since:
            since = self.walks[receiver].heard_time
        return until - since if until > since else 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _at_once(self, d: cython.Py_ssize_t) -> cython.longlong:
        """Return how long after a packet to it the sender of `d` is seen to answer at once, in ns.

        At the receiver, the packet has the way to the sender before it, and the answer the way
        back.
        """
        back: cython.longlong = self.walks[d ^ 1].round_trip
        if back == _NULL:
            return _AT_ONCE
        return _AT_ONCE + back + back // 4

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _all_acked(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Row `i` newly acknowledges all that direction `d` has sent."""
        time: cython.longlong = self.chunks[i].time
        delay: cython.longlong
        self.walks[d].ack_delay = _NULL
        if time == _NULL or self.walks[d].heard_time == _NULL:
            return 0
        delay = time - self.walks[d].heard_time
        if delay < 0:
            return 0
        # What the way there and back takes is no delay of the receiver's.
        if self.walks[d].round_trip == _NULL or delay < self.walks[d].round_trip:
            self.walks[d].round_trip = delay
        self.walks[d].ack_delay = delay - self.walks[d].round_trip
        self.walks[d].acked_time = time
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _goes_on(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Row `i` has the next bytes of direction `d` after an ACK of all before them."""
        delay: cython.longlong = self.walks[d].ack_delay
        time: cython.longlong = self.chunks[i].time
        behind: cython.longlong = time - self.walks[d].acked_time
        mss: cython.int = self.walks[d].mss if self.walks[d].mss else _SMALL
        m: cython.Py_ssize_t = self.walks[d].message
        self.walks[d].ack_delay = _NULL
        if (
            (m < 0 and not self.walks[d].have)
            or delay < _SHORTEST
            or delay > _LONGEST
            or time == _NULL
        ):
            return 0
        if behind < 0 or behind > self._at_once(d) or self.chunks[i].payload + _OPTIONS >= mss:
            return 0
        if m >= 0:
            self.pool[m].nagle += time - self.walks[d].heard_time
        else:
            # A header that was written in pieces: of a message, if it turns out to begin one.
            self.walks[d].head_nagle += time - self.walks[d].heard_time
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _waited_to_send_again(
        self,
        i: cython.Py_ssize_t,
        d: cython.Py_ssize_t,
        m: cython.Py_ssize_t,
        low: cython.longlong,
        high: cython.longlong,
    ) -> cython.int:
        """Row `i` sends bytes [low, high) of the stream again, of message `m`.

        How long the sender had waited is known of the message's first byte, and of its last;
        between them it is at least since the last.
        """
        time: cython.longlong = self.chunks[i].time
        since: cython.longlong = self.walks[d].heard_time
        if time == _NULL or self.walks[d ^ 1].shut_since != _NULL:
            return 0  # a probe of a closed window: that is what it waits for
        if low <= self.pool[m].begin:
            since = self.pool[m].time_first
        elif self.pool[m].end != _NULL:
            since = self.pool[m].time_last
        if since == _NULL:
            return 0
        if self.pool[m].resent_until > since:
            since = self.pool[m].resent_until
        if time > since:
            self._note_again(m, low, high, time - since, time)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _note_again(
        self,
        m: cython.Py_ssize_t,
        low: cython.longlong,
        high: cython.longlong,
        wait: cython.longlong,
        time: cython.longlong,
    ) -> cython.int:
        """Count a wait of message `m`, so that it can be taken back."""
        noted: list[Any] = self.sent_again.setdefault(m, [])
        noted.append((low, high, wait, self.pool[m].resent_until, time))
        if len(noted) > _MOST_AGAIN:
            del noted[0]
        self.pool[m].resent += wait
        self.pool[m].resent_until = time
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _not_late(
        self, m: cython.Py_ssize_t, begin: cython.longlong, end: cython.longlong
    ) -> cython.int:
        """Bytes [begin, end) of the stream came twice: message `m` did not wait for the last copy.

        The receiver had the first one, which was late, or its ACK was; probes of the tail
        (RFC 8985 7.3) meet both. Of several copies each one too many is reported by itself.
        """
        noted: list[Any] = self.sent_again.get(m, [])
        at: cython.Py_ssize_t = len(noted) - 1
        low: cython.longlong
        high: cython.longlong
        wait: cython.longlong
        before: cython.longlong
        time: cython.longlong
        while at >= 0:
            low, high, wait, before, time = noted[at]
            if low < end and begin < high:
                break
            at -= 1
        if at < 0:
            return 0
        if begin > low and end < high:
            return 0
        if begin <= low:
            low = end
        if end >= high:
            high = begin
        if low < high:  # the rest of that packet was needed, as far as is known
            noted[at] = (low, high, wait, before, time)
            return 0
        self.pool[m].resent -= wait
        if at == len(noted) - 1:
            self.pool[m].resent_until = before
        del noted[at]
        if not noted:
            del self.sent_again[m]
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _may_come_twice(self, i: cython.Py_ssize_t, m: cython.Py_ssize_t) -> cython.bint:
        """Return whether the receiver may yet say, at the time of row `i`, that a copy was spare.

        Its ACK of the first copy may leave before the other one comes.
        """
        time: cython.longlong = self.chunks[i].time
        noted: list[Any] = self.sent_again.get(m, [])
        if time == _NULL or not noted:
            return False
        until: cython.longlong = noted[len(noted) - 1][4] + _LONG_WAY
        return time < until
