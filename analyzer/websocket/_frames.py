"""The frame walk: stream rows of all connections of a batch in one pass.

Reads CHUNK rows in order, keeps one WALK row per direction between batches, and writes
frames, messages, control payloads, payload fragments and oddities. Unmasks in place: no
payload is copied. Knows RFC 6455 framing (section 5) and gaps; must not know handshakes,
compression's inside, or reports. Owned by websocket.stage; last of the walk's kernels (_state).
"""

from __future__ import annotations

from typing import Any

import cython

from analyzer import findings
from analyzer.columns import Rows
from analyzer.websocket import frames as layout
from analyzer.websocket._state import record_view

if cython.compiled:
    from cython.cimports.analyzer.fetching import fetch
    from cython.cimports.analyzer.websocket._rules import Rules
else:
    from analyzer.websocket._rules import Rules

# C copies of names: a kernel reads a C integer where it would else look up a
# Python object per row; so it would for literals beyond 31 bits.
_WARM_ROWS = cython.declare(cython.Py_ssize_t, 32)
_NULL = cython.declare(cython.longlong, -(2**63))
_DATA = cython.declare(cython.int, 0)
_GAP_LOST = cython.declare(cython.int, 1)
_GAP_CUT = cython.declare(cython.int, 2)
_RETRANSMISSION = cython.declare(cython.int, 3)
_FIN_ROW = cython.declare(cython.int, 5)
_RESET = cython.declare(cython.int, 6)
_FRAMING = cython.declare(cython.int, 8)
_TWICE = cython.declare(cython.int, 9)
_GOES_ON = cython.declare(cython.int, 10)
_HEADER = cython.declare(cython.int, layout.HEADER)
_PAYLOAD = cython.declare(cython.int, layout.PAYLOAD)
_SEEK = cython.declare(cython.int, layout.SEEK)
_IGNORE = cython.declare(cython.int, layout.IGNORE)
_KEEP_ALL = cython.declare(cython.int, layout.KEEP_ALL)
_CONTINUATION = cython.declare(cython.int, 0)
_BINARY = cython.declare(cython.int, 2)
_CLOSE = cython.declare(cython.int, 8)
_PING = cython.declare(cython.int, 9)
_PONG = cython.declare(cython.int, 10)
_FIN_BIT = cython.declare(cython.int, 8)
_UTF8_OFF = cython.declare(cython.int, -2)
_TOO_BIG = cython.declare(cython.int, findings.WEBSOCKET_LENGTH_TOO_BIG.code)
_PAYLOAD_LOST = cython.declare(cython.int, findings.WEBSOCKET_PAYLOAD_LOST.code)
_FRAMING_LOST = cython.declare(cython.int, findings.WEBSOCKET_FRAMING_LOST.code)


@cython.cclass
class FrameWalk(Rules):
    """The walk itself: what websocket.stage makes and calls."""

    def walk(self, rows: Rows, records: Any) -> None:
        """Walk rows of dtype CHUNK over `records.data`, in order."""
        i: cython.Py_ssize_t
        self.records = records
        self.data = records.data
        # Turning a memoryview back into an array takes numpy 0.2 ms.
        self.chunk_rows: Any = rows
        self.chunks = record_view(rows)
        count: cython.Py_ssize_t = self.chunks.shape[0]
        for i in range(count):
            if i % _WARM_ROWS == 0:
                self._warm(i, i + _WARM_ROWS if i + _WARM_ROWS < count else count)
            self._row(i)
        self.records = self.chunk_rows = None

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _warm(self, begin: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
        """Have the state of the directions in rows [begin, end) fetched.

        With 20,000 connections it is in memory, not in a cache. Of both directions' state the
        cache lines are fetched that most rows need.
        """
        i: cython.Py_ssize_t
        d: cython.Py_ssize_t
        m: cython.Py_ssize_t
        if not cython.compiled:
            return 0
        for i in range(begin, end):
            d = self.chunks[i].direction
            fetch(cython.address(self.walks[d].connection))
            fetch(cython.address(self.walks[d].time_last))
            fetch(cython.address(self.walks[d].ws_control_bytes))
            fetch(cython.address(self.walks[d].repeated_keys))
            fetch(cython.address(self.walks[d].utf8_low))
            fetch(cython.address(self.walks[d ^ 1].acked))
            fetch(cython.address(self.walks[d ^ 1].head))
        for i in range(begin, end):
            m = self.walks[self.chunks[i].direction ^ 1].head
            if m >= 0:
                fetch(cython.address(self.pool[m].connection))
                fetch(cython.address(self.pool[m].begin))
        return 0

    def flush(self, slot: int) -> None:
        """Let the messages of an ending connection go without further ACKs."""
        d: cython.Py_ssize_t
        m: cython.Py_ssize_t
        o: cython.Py_ssize_t
        in_turn: cython.bint = len(self.sent_again) > 0
        for d in range(2 * slot, 2 * slot + 2):
            if self.walks[d].message >= 0:
                self._give_up(d)
            o = self.walks[d ^ 1].head
            m = self.walks[d].head
            while m >= 0:
                # In turn, as where they did not wait for each other.
                while in_turn and o >= 0 and self.pool[o].message < self.pool[m].message:
                    self._pop(d ^ 1)
                    o = self.walks[d ^ 1].head
                self._pop(d)
                m = self.walks[d].head

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _row(self, i: cython.Py_ssize_t) -> cython.int:
        d: cython.Py_ssize_t = self.chunks[i].direction
        kind: cython.int = self.chunks[i].kind
        mode: cython.int
        if self.chunks[i].acked >= 0:
            self._acknowledge(i, d ^ 1)
        if kind == _DATA:
            mode = self.walks[d].mode
            self.walks[d].sent = self.chunks[i].offset + self.chunks[i].span
            if self.walks[d ^ 1].shut_since != _NULL:
                self._sent_on(i, d)
            if self.walks[d].ack_delay != _NULL:
                self._goes_on(i, d)
            if mode == _HEADER or mode == _PAYLOAD:
                self._data(i, d, self.chunks[i].start)
            elif mode == _IGNORE:
                self.walks[d].unparsed_bytes += self.chunks[i].length
            else:
                self._ask(i, d, self.chunks[i].start)
            self._heard(i, d)
        elif kind == _RETRANSMISSION:
            self._retransmission(i, d)
        elif kind == _GAP_LOST:
            self._gap(i, d)
            self._not_heard(d)
            return 0  # its packet is that of the verdict, not one of this direction
        elif kind == _GAP_CUT or kind == _FRAMING:
            if kind == _GAP_CUT:
                self._gap(i, d)
            self._heard(i, d)
        elif kind == _TWICE:
            self._came_twice(i, d)
            return 0  # nor is this one's
        elif kind == _GOES_ON:
            self._not_ended(d)
            return 0
        elif kind == _FIN_ROW or kind == _RESET:
            self._end_seen(d, self.chunks[i].packet, self.chunks[i].time, False)
        self._alive(i, d)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _data(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, p: cython.Py_ssize_t) -> cython.int:
        """Walk the bytes of row `i` from `p` on."""
        start: cython.Py_ssize_t = self.chunks[i].start
        end: cython.Py_ssize_t = start + self.chunks[i].length
        charged: cython.Py_ssize_t = p
        n: cython.longlong
        if start < 0 or end > self.data.shape[0]:
            return 0
        if self.walks[d].acked == _NULL:
            self.walks[d].acked = self.chunks[i].offset + self._stands_for(i, p - start)
        if self.chunks[i].ready <= self.chunks[i].time:
            self.walks[d].ready_packet = self.chunks[i].packet
        self.walks[d].seen = self.chunks[i].offset + self.chunks[i].span
        if start == end:
            self._charge(i, d, 0, 0)
        while p < end:
            if self.walks[d].mode == _HEADER:
                p = self._header(i, d, p, end)
                if self.walks[d].mode == _SEEK:
                    # What follows is no frame, or it is not known yet.
                    self._ask(i, d, p)
                    return 0
                if self.walks[d].mode == _HEADER:
                    self._charge(i, d, charged - start, p - start)
                    return 0
            if (
                # A frame that ends within its row is looked at only where no header can follow.
                p < end
                and self.walks[d].payload_left != end - p
                and (
                    p == start
                    or self.walks[d].payload_left > end - p
                    or self._ends_at_none(d, p, end)
                )
                and not self.walks[d].trusted
                and not self._is_cut(i)
                and self._looks_like_frames(d, p, end)
            ):
                self._charge(i, d, charged - start, p - start)
                self._grant(d)
                self.seeker.doubt_payload(self, self.chunk_rows[i])
                self.walks[d].mode = _SEEK
                self._ask(i, d, p)
                return 0
            if p == start:
                self._touch(i, d)
            n = end - p
            if self.walks[d].payload_left < n:
                n = self.walks[d].payload_left
            if n:
                self._payload(i, d, p, n)
                p += n
            self._charge(i, d, charged - start, p - start)
            self._grant(d)
            charged = p
            if self.walks[d].payload_left == 0:
                self._end_frame(i, d, self.chunks[i].offset + self._stands_for(i, p - start))
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _header(
        self,
        i: cython.Py_ssize_t,
        d: cython.Py_ssize_t,
        p: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
    ) -> cython.Py_ssize_t:
        """Read header bytes from `p`; return where they end. Begins the frame if whole."""
        have: cython.int = self.walks[d].have
        had: cython.int = have
        begin: cython.Py_ssize_t = p
        need: cython.int = 2
        second: cython.int
        if have == 0:
            self.walks[d].begin = self.chunks[i].offset + self._stands_for(
                i, p - self.chunks[i].start
            )
            self.walks[d].packet_first = self.walks[d].packet_last = self.chunks[i].packet
            self.walks[d].time_first = self.chunks[i].time
            self.walks[d].time_last = self.chunks[i].ready
            self._reach(i, d)
            self._frame_begins(i, d, p)
        else:
            self._touch(i, d)
            if have >= 2:
                need = self.walks[d].header_bytes
        while p < end and have < need:
            self.partial[d, have] = self.data[p]
            have += 1
            p += 1
            if have == 2:
                second = self.partial[d, 1]
                if (second & 127) == 126:
                    need += 2
                elif (second & 127) == 127:
                    need += 8
                if second & 128:
                    need += 4
                self.walks[d].header_bytes = need
        if have < need or have < 2:
            self.walks[d].have = have
            return p
        if self._is_doubtful(d) and not self.seeker.is_frame(
            self, self.chunk_rows[i], begin, had, self.records
        ):
            # Read again, or not at all, once it is known what it is.
            self.walks[d].mode = _SEEK
            return begin
        self.walks[d].have = 0
        self._begin_frame(i, d)
        return p

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _begin_frame(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Take the fields of the header in `partial` and open the frame."""
        first: cython.int = self.partial[d, 0]
        second: cython.int = self.partial[d, 1]
        length: cython.longlong = second & 127
        at: cython.int = 2
        key: cython.longlong = 0
        big: cython.longlong = 0
        slot: cython.Py_ssize_t = d >> 1
        if length == 126:
            length = self._number(d, 2, 2)
            at = 4
        elif length == 127:
            length = self._number(d, 2, 8)
            # "the most significant bit MUST be 0" (RFC 6455 5.2)
            big = self.partial[d, 2] & 128
            at = 10
        self.walks[d].masked = 1 if second & 128 else 0
        if self.walks[d].masked:
            key = self._number(d, at, 4)
            self.walks[d].key = (
                ((key & 255) << 24) | ((key & 0xFF00) << 8) | ((key >> 8) & 0xFF00) | (key >> 24)
            )
        self.walks[d].phase = 0
        self.walks[d].opcode = first & 15
        self.walks[d].bits = first >> 4
        self.walks[d].frame = self.numbers[slot, 0]
        if big:
            # Nobody can say where such a frame ends: no frame is made of it.
            self._oddity(i, d, _TOO_BIG, 0)
            self.walks[d].unparsed_bytes += self.walks[d].header_bytes
            self._lose(i, d)
            return 0
        if self.walks[d].masked:
            self._note_key(i, d, key)
        self._check(i, d, length)
        self.numbers[slot, 0] += 1
        self.walks[d].payload_bytes = length
        self.walks[d].payload_left = length
        self.walks[d].missing = self.walks[d].trusted = 0
        self.walks[d].mode = _PAYLOAD
        self.walks[d].ws_header_bytes += self.walks[d].header_bytes
        self._place(i, d)
        self.walks[d].ack_share = 0
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _end_frame(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, end: cython.longlong
    ) -> cython.int:
        """The frame is complete; `end` is the stream offset after it."""
        opcode: cython.int = self.walks[d].opcode
        m: cython.Py_ssize_t = self.walks[d].message
        f: cython.Py_ssize_t = self.frame_count
        code: cython.int = -1
        if f >= self.frames.shape[0]:
            self._grow("frames", f + 1)
        self.frame_count += 1
        self.walks[d].frames += 1
        self.walks[d].mode = _HEADER
        if self.walks[d].missing:
            self._oddity(i, d, _PAYLOAD_LOST, self.walks[d].missing)
        if opcode == _CLOSE:
            self.walks[d].closing = 1
            if self.walks[d].payload_bytes >= 2 and not self.walks[d].missing:
                code = int(self.control[d, 0])
                code = (code << 8) | int(self.control[d, 1])
        self.frames[f].connection = self.walks[d].connection
        self.frames[f].frame = self.walks[d].frame
        self.frames[f].message = _NULL
        self.frames[f].payload_bytes = self.walks[d].payload_bytes
        self.frames[f].masking_key = self.walks[d].last_key if self.walks[d].masked else _NULL
        self.frames[f].packet_first = self.walks[d].packet_first
        self.frames[f].packet_last = self.walks[d].packet_last
        self.frames[f].time_first = self.walks[d].time_first
        self.frames[f].time_last = self.walks[d].time_last
        self.frames[f].direction = d
        self.frames[f].header_bytes = self.walks[d].header_bytes
        self.frames[f].close_code = code
        self.frames[f].sender = self.walks[d].sender
        self.frames[f].opcode = opcode
        self.frames[f].bits = self.walks[d].bits
        self.frames[f].masked = self.walks[d].masked
        if opcode >= _CLOSE:
            self._control_row(d, f, end)
            if opcode == _PING or opcode == _CLOSE:
                self._watch(i, d, end)
            if opcode == _CLOSE:
                self._end_seen(d, self.walks[d].packet_last, self.walks[d].time_last, True)
        elif m >= 0 and opcode <= _BINARY:
            self.frames[f].message = self.pool[m].message
            self.walks[d].data_frame = self.walks[d].frame
            self._extend(d, m)
            if self.walks[d].bits & _FIN_BIT:
                self._end_message(i, d, m, end)
        elif opcode == _CONTINUATION and self.walks[d].bits & _FIN_BIT:
            self.walks[d].tolerant = 0
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _gap(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Bytes are missing: go on inside a known frame, else search."""
        left: cython.longlong = self.chunks[i].length
        n: cython.longlong
        mode: cython.int = self.walks[d].mode
        if self.chunks[i].kind == _GAP_CUT:
            self.walks[d].unparsed_bytes += left
        if mode == _PAYLOAD:
            # The frame's length is known, so its end is, although bytes are not.
            n = left if left < self.walks[d].payload_left else self.walks[d].payload_left
            if self.chunks[i].kind == _GAP_CUT:
                self._touch(i, d)
            self.walks[d].payload_left -= n
            self.walks[d].missing += n
            self.walks[d].phase = (self.walks[d].phase + n) & 3
            # A control frame between two fragments has its own bytes.
            if self.walks[d].message >= 0 and self.walks[d].opcode <= _BINARY:
                self.walks[d].utf8_need = _UTF8_OFF
                self.pool[self.walks[d].message].damaged = 1
                if self.walks[d].keep == _KEEP_ALL or self.walks[d].compressed:
                    self._fragment(i, d, -1, n)
            left -= n
            if self.walks[d].payload_left == 0:
                self._end_frame(i, d, self.chunks[i].offset + self._stands_for(i, n))
            mode = self.walks[d].mode
        if left > 0:
            if mode == _HEADER:
                self._lose(i, d)
            if mode != _IGNORE:
                self._ask(i, d, -1)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _lose(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """The place of the next header is not known any more."""
        self._oddity(i, d, _FRAMING_LOST, 0)
        self.walks[d].mode = _SEEK
        self._forget_place(d)
        self.walks[d].skipped = 0
        return 0

    @cython.cfunc
    def _forget_place(self, d: cython.Py_ssize_t) -> cython.int:
        """Give up the header and the message in progress; both may go on where frames do."""
        self.walks[d].unparsed_bytes += self.walks[d].have
        if self.walks[d].message >= 0:
            self._give_up(d)
        self.walks[d].have = 0
        self.walks[d].share = self.walks[d].tls_share = self.walks[d].http_share = 0
        self.walks[d].tolerant = 1
        if self.walks[d].keep:
            self._fragment(-1, d, -1, 0)
        return 0

    def again(self, rows: Rows, records: Any) -> None:
        """Walk rows that were taken for unreadable."""
        i: cython.Py_ssize_t
        self.chunks = record_view(rows)
        for i in range(self.chunks.shape[0]):
            if self.chunks[i].kind == _DATA:
                self.walks[self.chunks[i].direction].unparsed_bytes -= self.chunks[i].length
        self.walk(rows, records)

    def leave_place(self, d: cython.Py_ssize_t) -> None:
        """What the walk stands before is no frame: give up the message in progress.

        Called by the seeker, which reports it.
        """
        self.walks[d].mode = _SEEK
        self._forget_place(d)

    def drop_frame(self, d: cython.Py_ssize_t) -> None:
        """The frame's payload never came, and frames follow: make no frame or message of it.

        Called by the seeker, which reports it. Its number is free again, unless the other side
        has begun a frame since.
        """
        if self.walks[d].frame == self.numbers[d >> 1, 0] - 1:
            self.numbers[d >> 1, 0] -= 1
        self.overlong.forget(d)
        self._forget_place(d)
        self.walks[d].payload_left = 0
        self.walks[d].mode = _HEADER

    @cython.cfunc
    def _ask(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, p: cython.Py_ssize_t) -> cython.int:
        """Show row `i` from byte `p` on to the seeker; walk what it gives back.

        `p` is -1 for a gap. The seeker may open connections and change modes.
        """
        n: cython.longlong = 0
        j: cython.Py_ssize_t
        if p >= 0:
            n = self.chunks[i].start + self.chunks[i].length - p
            if n <= 0:
                return 0
            self.walks[d].unparsed_bytes += n
            self.walks[d].skipped += n
        kept = self.chunk_rows
        replay = self.seeker.show(self, kept[i], p, self.records)
        if replay is None or len(replay) == 0:
            return 0
        # The seeker has appended bytes, which may have moved the buffer.
        self.data = self.records.data
        self.chunk_rows = replay
        self.chunks = record_view(replay)
        for j in range(self.chunks.shape[0]):
            if self.chunks[j].kind == _DATA:
                self.walks[self.chunks[j].direction].unparsed_bytes -= self.chunks[j].length
            self._row(j)
        self.chunk_rows = kept
        self.chunks = record_view(kept)
        return 0
