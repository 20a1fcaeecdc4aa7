"""Rules of a frame's header (RFC 6455 5.1 to 5.5): which it breaks, and is it one at all.

The fifth of the kernels that make the frame walk (see _state).
"""

from __future__ import annotations

import cython

from analyzer import findings
from analyzer.websocket import frames as layout

if cython.compiled:
    from cython.cimports.analyzer.websocket._messages import Messages
else:
    from analyzer.websocket._messages import Messages

# C copies of names: a kernel reads a C integer where it would else look up a
# Python object per row; so it would for literals beyond 31 bits.
_MASK32 = cython.declare(cython.uint, 0xFFFFFFFF)
_MASK55 = cython.declare(cython.longlong, 2**55 - 1)
_NULL = cython.declare(cython.longlong, -(2**63))
_MAX_CONTROL = cython.declare(cython.int, layout.MAX_CONTROL)
_CONTINUATION = cython.declare(cython.int, 0)
_TEXT = cython.declare(cython.int, 1)
_BINARY = cython.declare(cython.int, 2)
_CLOSE = cython.declare(cython.int, 8)
_PONG = cython.declare(cython.int, 10)
_FIN_BIT = cython.declare(cython.int, 8)
_RSV1_BIT = cython.declare(cython.int, 4)
_UNMASKED = cython.declare(cython.int, findings.WEBSOCKET_UNMASKED_CLIENT_FRAME.code)
_MASKED = cython.declare(cython.int, findings.WEBSOCKET_MASKED_SERVER_FRAME.code)
_RSV = cython.declare(cython.int, findings.WEBSOCKET_RSV.code)
_RSV1 = cython.declare(cython.int, findings.WEBSOCKET_RSV1.code)
_RESERVED = cython.declare(cython.int, findings.WEBSOCKET_RESERVED_OPCODE.code)
_TOO_LONG = cython.declare(cython.int, findings.WEBSOCKET_CONTROL_TOO_LONG.code)
_FRAGMENTED = cython.declare(cython.int, findings.WEBSOCKET_CONTROL_FRAGMENTED.code)
_NOT_MINIMAL = cython.declare(cython.int, findings.WEBSOCKET_LENGTH_NOT_MINIMAL.code)
_AFTER_CLOSE = cython.declare(cython.int, findings.WEBSOCKET_DATA_AFTER_CLOSE.code)


@cython.cclass
class Rules(Messages):
    """Judges the header that was read into `partial`."""

    @cython.cfunc
    def _number(
        self, d: cython.Py_ssize_t, at: cython.Py_ssize_t, count: cython.Py_ssize_t
    ) -> cython.longlong:
        """Return `count` bytes of the header in `partial` as a number of at most 63 bits."""
        value: cython.longlong = 0
        byte: cython.longlong
        k: cython.Py_ssize_t
        for k in range(count):
            # int(): uncompiled, a byte of an array overflows when it is shifted.
            byte = int(self.partial[d, at + k])
            value = ((value & _MASK55) << 8) | byte
        return value

    @cython.cfunc
    def _is_doubtful(self, d: cython.Py_ssize_t) -> cython.bint:
        """Tell whether the header in `partial` may be something else than a header.

        No sender that keeps to RFC 6455 5.2 to 5.5 makes such a one, and text, HTTP, TLS records
        and older drafts look so. A wrong mask bit or a length that is not in its shortest
        form alone do not make it doubtful: those are mistakes of senders of frames.
        """
        # int(): uncompiled, a byte of an array overflows when it is doubled.
        first: cython.int = int(self.partial[d, 0])
        second: cython.int = int(self.partial[d, 1])
        opcode: cython.int = first & 15
        rsv: cython.int = (first >> 4) & 7
        bit: cython.int = 2 * first + (second >> 7)
        length: cython.int = second & 127
        is_odd: cython.bint = False
        if length == 127:
            # 2^40 bytes and more in one frame: noise.
            is_odd = self.partial[d, 2] != 0 or self.partial[d, 3] != 0 or self.partial[d, 4] != 0
        if rsv and (first < 128 or rsv & ~self.walks[d].rsv_allowed):
            is_odd = True  # without FIN, as printable characters are; or not agreed on
        if opcode >= _CLOSE:
            if opcode > _PONG or length > _MAX_CONTROL or first < 128:
                is_odd = True
        elif opcode > _BINARY:
            is_odd = True
        elif opcode == _CONTINUATION and self.walks[d].message < 0:
            is_odd = is_odd or not self.walks[d].tolerant
        if not is_odd:
            return False
        return not (int(self.vouched[d, bit >> 3]) >> (bit & 7)) & 1

    @cython.cfunc
    def _ends_at_none(
        self, d: cython.Py_ssize_t, p: cython.Py_ssize_t, end: cython.Py_ssize_t
    ) -> cython.bint:
        """Tell whether no header can stand where the frame ends, within its row.

        Its payload begins at `p`. No sender that keeps to RFC 6455 5.2 makes a reserved opcode
        or the mask bit of the other side; where the payload never came, chance makes one.
        """
        at: cython.Py_ssize_t = p + self.walks[d].payload_left
        first: cython.int
        opcode: cython.int
        if at <= p or at + 2 > end:
            return False
        first = int(self.data[at])
        opcode = first & 15
        return (
            opcode > _PONG
            or (opcode > _BINARY and opcode < _CLOSE)
            or ((first >> 4) & 7 & ~self.walks[d].rsv_allowed) != 0
            or int(self.data[at + 1]) >> 7 == self.walks[d].sender
        )

    @cython.cfunc
    def _is_cut(self, i: cython.Py_ssize_t) -> cython.bint:
        """Tell whether a snap length took bytes of row `i`'s segment behind it.

        Frames that end with what was captured of a segment do so by chance. Behind a row of a
        record or of an HTTP/2 frame others may come: of those it is not known.
        """
        return (
            self.chunks[i].span == self.chunks[i].length
            and self.chunks[i].into + self.chunks[i].length < self.chunks[i].payload
        )

    @cython.cfunc
    def _looks_like_frames(
        self, d: cython.Py_ssize_t, p: cython.Py_ssize_t, end: cython.Py_ssize_t
    ) -> cython.bint:
        """Tell whether the bytes [p, end) of a row, payload by the header before, are frames.

        A quick look; websocket.promises decides. Frames must fill the row exactly; behind a
        header alone, whose payload did not come at all, the last may go on. Of random bytes
        that fill a packet 1 in 10^9 pass, and 1 in 7,000 behind a header alone.
        """
        at: cython.Py_ssize_t = p
        size: cython.Py_ssize_t
        k: cython.Py_ssize_t
        first: cython.int
        second: cython.int
        opcode: cython.int
        length: cython.longlong
        is_long: cython.bint
        may_go_on: cython.bint = self.walks[d].payload_left == self.walks[d].payload_bytes
        while end - at >= 2:
            first = int(self.data[at])
            second = int(self.data[at + 1])
            opcode = first & 15
            length = second & 127
            # A client masks, a server does not (RFC 6455 5.1). Padding is one byte repeated,
            # and a fragment without payload that is not the last says nothing.
            if second >> 7 == self.walks[d].sender or first == second:
                return False
            if (first >> 4) & 7 & ~self.walks[d].rsv_allowed or (first < 128 and not length):
                return False
            if opcode > _PONG or (opcode > _BINARY and opcode < _CLOSE):
                return False
            if opcode >= _CLOSE and (first & 0xF0 != 128 or length > _MAX_CONTROL):
                return False
            size = 2 + (4 if second >> 7 else 0)
            if length > _MAX_CONTROL:
                is_long = length == 127
                size += 8 if is_long else 2
                if end - at < size:
                    return may_go_on and at > p
                length = 0
                for k in range(at + 2, at + (10 if is_long else 4)):
                    if length >> 32:
                        return False  # 2^40 bytes and more in one frame: noise
                    length = (length << 8) | int(self.data[k])
                if length <= (65535 if is_long else _MAX_CONTROL):
                    return False
            at += size + length
        return at == end or (may_go_on and at > p)

    @cython.cfunc
    def _note_key(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, key: cython.longlong
    ) -> cython.int:
        """Count masking keys that are not random (RFC 6455 5.3), and note the first of each kind.

        Those are keys that repeat, that follow by a constant step, or are zero.
        """
        step: cython.longlong
        if key == 0:
            if self.walks[d].zero_keys == 0:
                self.walks[d].zero_packet = self.chunks[i].packet
                self.walks[d].zero_frame = self.walks[d].frame
            self.walks[d].zero_keys += 1
        if self.walks[d].last_key != _NULL:
            step = (key - self.walks[d].last_key) & _MASK32
            if step == 0:
                if self.walks[d].repeated_keys == 0:
                    self.walks[d].repeat_packet = self.chunks[i].packet
                    self.walks[d].repeat_frame = self.walks[d].frame
                self.walks[d].repeated_keys += 1
            elif step == self.walks[d].key_step:
                if self.walks[d].stepped_keys == 0:
                    self.walks[d].step_packet = self.chunks[i].packet
                    self.walks[d].step_frame = self.walks[d].frame
                self.walks[d].stepped_keys += 1
            self.walks[d].key_step = step
        self.walks[d].last_key = key
        return 0

    @cython.cfunc
    def _check(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, length: cython.longlong
    ) -> cython.int:
        """Report the rules that the header breaks."""
        opcode: cython.int = self.walks[d].opcode
        bits: cython.int = self.walks[d].bits
        rsv: cython.int = bits & 7
        shortest: cython.int = 2
        if self.walks[d].sender == 0 and not self.walks[d].masked:
            # "a client MUST mask all frames that it sends" (RFC 6455 5.1)
            self._oddity(i, d, _UNMASKED, 0)
        elif self.walks[d].sender == 1 and self.walks[d].masked:
            # "A server MUST NOT mask any frames that it sends" (RFC 6455 5.1)
            self._oddity(i, d, _MASKED, 0)
        if rsv & ~self.walks[d].rsv_allowed:
            # "MUST be 0 unless an extension is negotiated" (RFC 6455 5.2)
            if (rsv & ~self.walks[d].rsv_allowed) == _RSV1_BIT:
                self._oddity(i, d, _RSV1, 0)
            else:
                self._oddity(i, d, _RSV, rsv & ~self.walks[d].rsv_allowed)
        if (rsv & _RSV1_BIT) and self.walks[d].deflate and opcode != _TEXT and opcode != _BINARY:
            # "MUST NOT set the "Per-Message Compressed" bit of control frames and
            # non-first fragments of a data message" (RFC 7692 6.1)
            self._oddity(i, d, _RSV1, 1)
        if (opcode > _BINARY and opcode < _CLOSE) or opcode > _PONG:
            self._oddity(i, d, _RESERVED, opcode)
        if opcode >= _CLOSE:
            # "All control frames MUST have a payload length of 125 bytes or less
            # and MUST NOT be fragmented" (RFC 6455 5.5)
            if length > _MAX_CONTROL:
                self._oddity(i, d, _TOO_LONG, length)
            if not bits & _FIN_BIT:
                self._oddity(i, d, _FRAGMENTED, 0)
        if length > 65535:
            shortest = 10
        elif length > 125:
            shortest = 4
        if self.walks[d].header_bytes - (4 if self.walks[d].masked else 0) > shortest:
            # "the minimal number of bytes MUST be used" (RFC 6455 5.2)
            self._oddity(i, d, _NOT_MINIMAL, length)
        if self.walks[d].closing and opcode <= _BINARY:
            # "The application MUST NOT send any more data frames after sending a Close
            # frame" (RFC 6455 5.5.1). A Pong is even due while a Ping comes (5.5.2), and
            # reserved opcodes are no data frames (5.6).
            self._oddity(i, d, _AFTER_CLOSE, 0)
        return 0
