"""What messages cost: shares of packet headers, ACKs, retransmissions.

Knows how the bytes of packets are shared out to the messages in them. Must not know
frames. The fourth of the kernels that make the frame walk (see _state).
"""

from __future__ import annotations

import cython

if cython.compiled:
    from cython.cimports.analyzer.websocket._waits import Waits
else:
    from analyzer.websocket._waits import Waits

# C copies of names: a kernel reads a C integer where it would else look up a
# Python object per row; so it would for literals beyond 31 bits.
_NULL = cython.declare(cython.longlong, -(2**63))
_PURE = cython.declare(cython.int, 4)
_BINARY = cython.declare(cython.int, 2)


@cython.cclass
class Costs(Waits):
    """Shares bytes that are no payload out to the messages they served."""

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _share(
        self, header: cython.longlong, at: cython.longlong, payload: cython.longlong
    ) -> cython.longlong:
        """Return the header bytes that the first `at` of `payload` bytes stand for.

        Cumulative, so that the shares of all pieces of a packet sum up to its header
        exactly, whatever the cuts.
        """
        if at <= 0 or payload <= 0:
            return 0
        if at >= payload:
            return header
        return header * at // payload

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _stands_for(self, i: cython.Py_ssize_t, count: cython.longlong) -> cython.longlong:
        """Return how many bytes of TCP's stream the first `count` of row `i` stand for."""
        if self.chunks[i].span == self.chunks[i].length:
            return count
        if self.chunks[i].length == 0:
            return self.chunks[i].span
        return count * self.chunks[i].span // self.chunks[i].length

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _charge(
        self,
        i: cython.Py_ssize_t,
        d: cython.Py_ssize_t,
        begin: cython.longlong,
        end: cython.longlong,
    ) -> cython.int:
        """Note what bytes [begin, end) of row `i` cost, for the message that gets them."""
        into: cython.longlong = self.chunks[i].into
        header: cython.longlong = self.chunks[i].header_bytes
        payload: cython.longlong = self.chunks[i].payload
        length: cython.longlong = self.chunks[i].length
        tls: cython.longlong = self.chunks[i].tls
        http: cython.longlong = self.chunks[i].span - length - tls
        if self.chunks[i].span == length:
            self.walks[d].share += self._share(header, into + end, payload) - self._share(
                header, into + begin, payload
            )
            return 0
        self.walks[d].framed = 1
        if length == 0:
            # Of a packet in which a record only begins or ends: it goes with the next bytes.
            begin = 0
            end = length = 1
        self.walks[d].tls_share += tls * end // length - tls * begin // length
        self.walks[d].http_share += http * end // length - http * begin // length
        begin = begin * self.chunks[i].span // length
        end = end * self.chunks[i].span // length
        self.walks[d].share += self._share(header, into + end, payload) - self._share(
            header, into + begin, payload
        )
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _grant(self, d: cython.Py_ssize_t) -> cython.int:
        """Give what was noted to the message in progress; other frames have no row for it."""
        m: cython.Py_ssize_t = self.walks[d].message
        if m >= 0 and self.walks[d].opcode <= _BINARY:
            self.pool[m].packet_header_bytes += self.walks[d].share
            self.pool[m].tls_bytes += self.walks[d].tls_share
            self.pool[m].http_bytes += self.walks[d].http_share
        self.walks[d].share = self.walks[d].tls_share = self.walks[d].http_share = 0
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _acknowledge(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Row `i` acknowledges bytes of direction `d`: share its cost, let messages go."""
        acked: cython.longlong = self.chunks[i].acked
        old: cython.longlong = self.walks[d].acked
        cost: cython.longlong = 0
        low: cython.longlong
        high: cython.longlong
        m: cython.Py_ssize_t
        if acked <= old:
            if self.sent_again:
                self._let_go_in_turn(i, d)
            return 0
        if self.walks[d].watched > old:
            self._control_acked(i, d)
        self.walks[d].acked = acked
        if acked >= self.walks[d].seen and old < self.walks[d].seen:
            self._all_acked(i, d)
        m = self.walks[d].head
        if old == _NULL:
            return 0
        if self.chunks[i].kind == _PURE:
            cost = self.chunks[i].wire
            if self.walks[d].have and self.walks[d].message < 0 and acked > self.walks[d].begin:
                # Of a header that is not whole yet: kept for the message it will begin.
                low = self.walks[d].begin if self.walks[d].begin > old else old
                self.walks[d].ack_share += cost - self._share(cost, low - old, acked - old)
            elif self.walks[d].framed and self.walks[d].message < 0 and acked > self.walks[d].seen:
                # Of a record that is not whole yet, and so of the message that it will bring.
                low = self.walks[d].seen if self.walks[d].seen > old else old
                self.walks[d].ack_share += cost - self._share(cost, low - old, acked - old)
        while m >= 0 and self.pool[m].begin < acked:
            if cost:
                low = self.pool[m].begin if self.pool[m].begin > old else old
                high = acked
                if self.pool[m].end != _NULL and self.pool[m].end < acked:
                    high = self.pool[m].end
                if high > low:
                    self.pool[m].ack_bytes += self._share(
                        cost, high - old, acked - old
                    ) - self._share(cost, low - old, acked - old)
            m = self.pool[m].next
        self._let_go(i, d)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _let_go(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Let the messages of direction `d` go that are acknowledged, and wait for nothing more."""
        m: cython.Py_ssize_t = self.walks[d].head
        if self.sent_again:
            return self._let_go_in_turn(i, d)
        while m >= 0 and self.pool[m].end != _NULL and self.pool[m].end <= self.walks[d].acked:
            self._pop(d)
            m = self.walks[d].head
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _let_go_in_turn(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """The same for both sides: an answer must not leave before what it answers.

        What was sent again waits for what the receiver may say of the copies.
        """
        s: cython.Py_ssize_t
        m: cython.Py_ssize_t
        first: cython.Py_ssize_t
        while True:
            first = -1
            for s in range(d & ~1, (d | 1) + 1):
                m = self.walks[s].head
                if m < 0 or self.pool[m].end == _NULL or self.pool[m].end > self.walks[s].acked:
                    continue
                if first < 0 or self.pool[m].message < self.pool[first].message:
                    first = m
            if first < 0 or (self.pool[first].resent and self._may_come_twice(i, first)):
                return 0
            self._pop(self.pool[first].direction)

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _make_room(self, d: cython.Py_ssize_t) -> cython.int:
        """Let the first message of direction `d` go, too many wait.

        Earlier ones of the other side that wait only for what its receiver may say of copies go
        before it.
        """
        o: cython.Py_ssize_t = self.walks[d ^ 1].head
        while self.sent_again and o >= 0:
            if self.pool[o].message > self.pool[self.walks[d].head].message:
                break
            if self.pool[o].end == _NULL or self.pool[o].end > self.walks[d ^ 1].acked:
                break
            self._pop(d ^ 1)
            o = self.walks[d ^ 1].head
        self._pop(d)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _came_twice(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Row `i` says which bytes of direction `d` the receiver had already (RFC 2883)."""
        begin: cython.longlong = self.chunks[i].offset
        end: cython.longlong = begin + self.chunks[i].length
        m: cython.Py_ssize_t = self.walks[d].head
        if not self.sent_again:
            return 0
        while m >= 0 and self.pool[m].begin < end:
            if self.pool[m].resent:
                self._not_late(m, begin, end)
            m = self.pool[m].next
        self._let_go_in_turn(i, d)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _retransmission(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Charge payload sent again, with its share of headers, to its messages."""
        begin: cython.longlong = self.chunks[i].offset
        end: cython.longlong = begin + self.chunks[i].length
        into: cython.longlong = self.chunks[i].into - begin
        low: cython.longlong
        high: cython.longlong
        m: cython.Py_ssize_t = self.walks[d].head
        while m >= 0 and self.pool[m].begin < end:
            low = self.pool[m].begin if self.pool[m].begin > begin else begin
            high = end
            if self.pool[m].end != _NULL and self.pool[m].end < end:
                high = self.pool[m].end
            if self.pool[m].end != _NULL and self.pool[m].end <= self.walks[d].acked:
                high = low  # acknowledged; it only waits for what the receiver says of copies
            if high > low:
                self.pool[m].retransmitted_bytes += high - low
                if high > self.walks[d].acked:
                    self._waited_to_send_again(i, d, m, low, high)
                self.pool[m].packet_header_bytes += self._share(
                    self.chunks[i].header_bytes, into + high, self.chunks[i].payload
                ) - self._share(self.chunks[i].header_bytes, into + low, self.chunks[i].payload)
            m = self.pool[m].next
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _pop(self, d: cython.Py_ssize_t) -> cython.int:
        """Let the oldest waiting message of `d` go; its row is final."""
        m: cython.Py_ssize_t = self.walks[d].head
        self.walks[d].head = self.pool[m].next
        if self.walks[d].head < 0:
            self.walks[d].tail = -1
        self.walks[d].pending -= 1
        if self.pool[m].resent:
            self.sent_again.pop(m, None)
        # The pool has as many places as `done`, and a message is in either once.
        self.done[self.done_count] = m
        self.done_count += 1
        return 0
