"""Messages: which frames make one, where it begins and ends (RFC 6455 5.4).

The sixth of the kernels that make the frame walk (see _state).
"""

from __future__ import annotations

import cython

from analyzer import findings
from analyzer.websocket import frames as layout

if cython.compiled:
    from cython.cimports.analyzer.fetching import fetch
    from cython.cimports.analyzer.websocket._payload import Payload
else:
    from analyzer.websocket._payload import Payload

# C copies of names: a kernel reads a C integer where it would else look up a
# Python object per row; so it would for literals beyond 31 bits.
_NULL = cython.declare(cython.longlong, -(2**63))
_AHEAD = cython.declare(cython.Py_ssize_t, 3)
_KEEP_ALL = cython.declare(cython.int, layout.KEEP_ALL)
_CONTINUATION = cython.declare(cython.int, 0)
_TEXT = cython.declare(cython.int, 1)
_BINARY = cython.declare(cython.int, 2)
_CLOSE = cython.declare(cython.int, 8)
_RSV1_BIT = cython.declare(cython.int, 4)
_VOID = cython.declare(cython.int, 255)
_UTF8_OFF = cython.declare(cython.int, -2)
_NOT_OVER = cython.declare(cython.longlong, layout.NOT_OVER)
_NOT_TOLD = cython.declare(cython.int, layout.NOT_TOLD)
_LONE = cython.declare(cython.int, findings.WEBSOCKET_LONE_CONTINUATION.code)
_INTERRUPTED = cython.declare(cython.int, findings.WEBSOCKET_INTERRUPTED_MESSAGE.code)
_BAD_UTF8 = cython.declare(cython.int, findings.WEBSOCKET_BAD_UTF8.code)


@cython.cclass
class Messages(Payload):
    """Opens and closes messages."""

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _place(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Find the message that the frame belongs to (RFC 6455 5.4)."""
        opcode: cython.int = self.walks[d].opcode
        m: cython.Py_ssize_t
        if opcode >= _CLOSE:
            return 0
        if opcode == _CONTINUATION:
            if self.walks[d].message < 0:
                if not self.walks[d].tolerant:
                    self._oddity(i, d, _LONE, 0)
                return 0
        elif opcode > _BINARY:
            return 0
        else:
            if self.walks[d].message >= 0:
                self._oddity(i, d, _INTERRUPTED, 0)
                self._give_up(d)
            self._begin_message(i, d)
        m = self.walks[d].message
        self.pool[m].frames += 1
        self.pool[m].transfer_bytes += self.walks[d].payload_bytes
        self.pool[m].ws_header_bytes += self.walks[d].header_bytes
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _begin_message(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        m: cython.Py_ssize_t
        rsv1: cython.int = self.walks[d].bits & _RSV1_BIT
        if self.free_count == 0:
            self._grow_pool()
        self.free_count -= 1
        m = self.free[self.free_count]
        if cython.compiled and self.free_count >= _AHEAD:
            self._fetch_place(self.free[self.free_count - _AHEAD])
        self.pool[m].connection = self.walks[d].connection
        self.pool[m].message = self.numbers[d >> 1, 1]
        self.numbers[d >> 1, 1] += 1
        self.pool[m].payload_bytes = self.pool[m].transfer_bytes = 0
        self.pool[m].ws_header_bytes = self.pool[m].packet_header_bytes = 0
        self.pool[m].tls_bytes = self.pool[m].http_bytes = 0
        self.pool[m].ack_bytes = self.walks[d].ack_share
        self.pool[m].retransmitted_bytes = 0
        self.pool[m].packet_first = self.walks[d].packet_first
        self.pool[m].packet_last = self.walks[d].packet_last
        self.pool[m].time_first = self.walks[d].time_first
        self.pool[m].time_last = self.walks[d].time_last
        self.pool[m].before = self.numbers[d >> 1, 2]
        self.numbers[d >> 1, 2] = _NOT_OVER
        self._begin_waits(d, m)
        self.pool[m].stall = 0
        self.pool[m].stall_until = _NULL
        self.pool[m].begin = self.walks[d].begin
        self.pool[m].end = _NULL
        self.pool[m].estimate = _NULL
        self.pool[m].frames = 0
        self.pool[m].direction = d
        self.pool[m].preview_bytes = self.pool[m].digested = 0
        self.pool[m].digest = self.pool[m].word = 0
        self.pool[m].next = -1
        self.pool[m].sender = self.walks[d].sender
        self.pool[m].opcode = self.walks[d].opcode
        self.pool[m].damaged = 0
        self.pool[m].told = _NOT_TOLD
        self.walks[d].compressed = 1 if rsv1 and self.walks[d].deflate else 0
        self.pool[m].compressed = self.walks[d].compressed
        self.walks[d].message = m
        self.walks[d].tolerant = 0
        # Text that some unknown extension has changed is not UTF-8 and need not be.
        self.walks[d].utf8_need = 0 if self.walks[d].opcode == _TEXT and not rsv1 else _UTF8_OFF
        if self.walks[d].tail >= 0:
            self.pool[self.walks[d].tail].next = m
        else:
            self.walks[d].head = m
        self.walks[d].tail = m
        self.walks[d].pending += 1
        if self.walks[d].first_data_time == _NULL:
            self.walks[d].first_data_time = self.walks[d].time_first
        if self.walks[d].pending > self.max_pending and self.walks[d].head != m:
            self._make_room(d)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    @cython.inline
    def _fetch_place(self, m: cython.Py_ssize_t) -> cython.int:
        """Have a place fetched that a message will soon be written to.

        Between two messages there the rows of a whole batch went through the cache. Waiting for
        it took 4 % of a run.
        """
        fetch(cython.address(self.pool[m].connection))
        fetch(cython.address(self.pool[m].tls_bytes))
        fetch(cython.address(self.pool[m].begin))
        fetch(cython.address(self.pool[m].estimate))
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _touch(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Note that the current frame has bytes in row `i`.

        Bytes that waited after a hole, or for the rest of their record, were complete only
        with the packet that brought it: that one is the frame's last, as in Wireshark.
        """
        if self.chunks[i].packet < self.walks[d].packet_first:
            self.walks[d].packet_first = self.chunks[i].packet
        if self.chunks[i].time < self.walks[d].time_first:
            self.walks[d].time_first = self.chunks[i].time
        self._reach(i, d)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _reach(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Move the frame's last packet and time to those with which row `i` was readable."""
        last: cython.longlong = self.chunks[i].packet
        if self.walks[d].ready_packet > last:
            last = self.walks[d].ready_packet
        if self.chunks[i].done_packet > last:
            last = self.chunks[i].done_packet
        if last > self.walks[d].packet_last:
            self.walks[d].packet_last = last
        if self.chunks[i].ready > self.walks[d].time_last:
            self.walks[d].time_last = self.chunks[i].ready
        if self.chunks[i].done_packet and self.chunks[i].done_time > self.walks[d].time_last:
            self.walks[d].time_last = self.chunks[i].done_time
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _extend(self, d: cython.Py_ssize_t, m: cython.Py_ssize_t) -> cython.int:
        """Widen the message's packets and times by those of the frame that ended."""
        if self.walks[d].packet_first < self.pool[m].packet_first:
            self.pool[m].packet_first = self.walks[d].packet_first
        if self.walks[d].packet_last > self.pool[m].packet_last:
            self.pool[m].packet_last = self.walks[d].packet_last
        if self.walks[d].time_first < self.pool[m].time_first:
            self.pool[m].time_first = self.walks[d].time_first
        if self.walks[d].time_last > self.pool[m].time_last:
            self.pool[m].time_last = self.walks[d].time_last
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _end_message(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, m: cython.Py_ssize_t, end: cython.longlong
    ) -> cython.int:
        # Bytes that cannot be UTF-8 were reported when they came; this is a character cut off.
        if self.walks[d].utf8_need > 0:
            self._oddity(i, d, _BAD_UTF8, 0)
            self.walks[d].bad_text = 1
        self.pool[m].payload_bytes = self.pool[m].transfer_bytes
        self.pool[m].end = end
        self._end_digest(m)
        if self.pool[m].message == self.numbers[d >> 1, 1] - 1:
            self.numbers[d >> 1, 2] = self.pool[m].time_last
        self._end_waits(d, m)
        self.walks[d].messages += 1
        if self.walks[d].keep == _KEEP_ALL or (self.walks[d].compressed and self.walks[d].keep):
            self._end_fragments(i, d, m)
        self.walks[d].message = -1
        self.walks[d].compressed = 0
        self.walks[d].utf8_need = _UTF8_OFF
        if self.walks[d].acked >= end:
            self._let_go(i, d)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _give_up(self, d: cython.Py_ssize_t) -> cython.int:
        """The current message will never be complete: it yields no row."""
        m: cython.Py_ssize_t = self.walks[d].message
        self.pool[m].opcode = _VOID
        if self.pool[m].message == self.numbers[d >> 1, 1] - 1:
            self.numbers[d >> 1, 2] = _NULL  # when it would have ended is not known
        self.pool[m].end = self.walks[d].begin
        self.walks[d].message = -1
        self.walks[d].compressed = 0
        self.walks[d].utf8_need = _UTF8_OFF
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _end_fragments(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, m: cython.Py_ssize_t
    ) -> cython.int:
        """Mark the message's last piece; an empty one, if that left with another batch."""
        f: cython.Py_ssize_t = self.fragment_count - 1
        if f < 0 or self.fragments[f].message != m or self.fragments[f].direction != d:
            self._fragment(i, d, 0, 0)
            f = self.fragment_count - 1
        self.fragments[f].last = 1
        return 0
