"""Payload of frames: unmasked in place, previewed, checked for UTF-8.

Knows RFC 6455 5.3 and RFC 3629. Must not know headers or messages' beginnings. The fifth
of the kernels that make the frame walk (see _state).
"""

from __future__ import annotations

import cython

from analyzer import findings
from analyzer.websocket import frames as layout

if cython.compiled:
    from cython.cimports.analyzer.websocket._costs import Costs
    from cython.cimports.analyzer.words import word_at
    from cython.cimports.libc.string import memcpy
else:
    from analyzer.websocket._costs import Costs

# C copies of names: a kernel reads a C integer where it would else look up a
# Python object per row; so it would for literals beyond 31 bits.
_MASK32 = cython.declare(cython.uint, 0xFFFFFFFF)
_NULL = cython.declare(cython.longlong, -(2**63))
_KEEP_ALL = cython.declare(cython.int, layout.KEEP_ALL)
_MAX_CONTROL = cython.declare(cython.int, layout.MAX_CONTROL)
_CLOSE = cython.declare(cython.int, 8)
_BINARY = cython.declare(cython.int, 2)
_BAD_UTF8 = cython.declare(cython.int, findings.WEBSOCKET_BAD_UTF8.code)
_UTF8_BAD = cython.declare(cython.int, -1)
_DIGESTED = cython.declare(cython.int, layout.DIGESTED)
_TOP_BITS = cython.declare(cython.ulonglong, 0x8080808080808080)
_MASK64 = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
_FACTOR = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _mixed(digest: cython.ulonglong, word: cython.ulonglong) -> cython.ulonglong:
    """Take 8 bytes into a digest: a multiplication carries up, the shift brings that down."""
    digest = ((digest ^ word) * _FACTOR) & _MASK64
    return digest ^ (digest >> 32)


@cython.cfunc
@cython.exceptval(check=False)
def _closed(
    digest: cython.ulonglong, word: cython.ulonglong, length: cython.ulonglong
) -> cython.ulonglong:
    """Return a digest with its last bytes and the length; never 0, which means not known."""
    if not cython.compiled:
        length = int(length)
    digest = _mixed(_mixed(digest, word), length)
    return digest if digest else 1


@cython.ccall
@cython.exceptval(check=False)
def digest_of(payload: bytes) -> cython.ulonglong:
    """Return the digest of a message's payload, as the walk makes it piece by piece."""
    data: cython.p_const_uchar = payload
    size: cython.Py_ssize_t = len(payload)
    count: cython.Py_ssize_t = size if size < _DIGESTED else _DIGESTED
    digest: cython.ulonglong = 0
    word: cython.ulonglong = 0
    byte: cython.ulonglong
    i: cython.Py_ssize_t = 0
    while i + 8 <= count:
        if cython.compiled:
            digest = _mixed(digest, word_at(data + i))
        else:
            digest = _mixed(digest, int.from_bytes(payload[i : i + 8], "little"))
        i += 8
    while i < count:
        byte = data[i]
        word |= byte << (8 * (i & 7))
        i += 1
    return _closed(digest, word, size)


@cython.cfunc
@cython.boundscheck(False)
def _unmask(
    data: cython.uchar[::1],
    start: cython.Py_ssize_t,
    count: cython.Py_ssize_t,
    key: cython.uint,
    pattern: cython.uchar[::1],
) -> cython.int:
    """XOR `count` bytes at `start` with `key` (RFC 6455 5.3), byte 0 of it first.

    The inner loop over a pattern of 64 bytes is what compilers turn into vector
    instructions; a loop byte by byte is not (benchmarks/kernels.py).
    """
    i: cython.Py_ssize_t = start
    stop: cython.Py_ssize_t = start + count
    j: cython.Py_ssize_t
    word: cython.ulonglong = 0
    mask: cython.ulonglong = 0
    if start < 0 or count < 0 or stop > data.shape[0] or pattern.shape[0] < 64:
        return 0
    if count >= 64:
        for j in range(64):
            pattern[j] = (key >> (8 * (j & 3))) & 255
        while i + 64 <= stop:
            for j in range(64):
                data[i + j] ^= pattern[j]
            i += 64
    if cython.compiled and i + 8 <= stop:
        # Most messages are short: what is left of 64 bytes goes by words, in the order of memory.
        for j in range(8):
            pattern[j] = (key >> (8 * (j & 3))) & 255
        memcpy(cython.address(mask), cython.address(pattern[0]), 8)
        while i + 8 <= stop:
            memcpy(cython.address(word), cython.address(data[i]), 8)
            word ^= mask
            memcpy(cython.address(data[i]), cython.address(word), 8)
            i += 8
    while i < stop:
        data[i] ^= key & 255
        key = ((key >> 8) | (key << 24)) & _MASK32
        i += 1
    return 0


@cython.cfunc
@cython.boundscheck(False)
@cython.exceptval(check=False)
def _ascii_run(
    data: cython.uchar[::1], start: cython.Py_ssize_t, stop: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """Return where the ASCII bytes that begin at `start` end.

    Most text is ASCII alone; blocks of 64 bytes and of 8 are looked at at once.
    """
    i: cython.Py_ssize_t = start
    j: cython.Py_ssize_t
    seen: cython.uchar = 0
    word: cython.ulonglong = 0
    if start < 0 or stop > data.shape[0]:
        return start
    while i + 64 <= stop:
        for j in range(64):
            seen |= data[i + j]
        if seen >= 0x80:
            break
        i += 64
    if cython.compiled:
        while i + 8 <= stop:
            memcpy(cython.address(word), cython.address(data[i]), 8)
            if word & _TOP_BITS:
                break
            i += 8
    while i < stop and data[i] < 0x80:
        i += 1
    return i


@cython.cclass
class Payload(Costs):
    """Takes payload as it comes, piece by piece."""

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _payload(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, p: cython.Py_ssize_t, n: cython.Py_ssize_t
    ) -> cython.int:
        """Take `n` payload bytes at `p`."""
        key: cython.uint = self.walks[d].key
        phase: cython.int = self.walks[d].phase
        m: cython.Py_ssize_t = self.walks[d].message
        if self.walks[d].masked:
            if phase:
                key = ((key >> (8 * phase)) | (key << (32 - 8 * phase))) & _MASK32
            _unmask(self.data, p, n, key, self.pattern)
            self.walks[d].phase = (phase + n) & 3
        if self.walks[d].opcode >= _CLOSE:
            self.walks[d].ws_control_bytes += n
            self._keep_control(d, p, n)
        else:
            self.walks[d].transfer_bytes += n
            # A frame with a reserved opcode within a message is no part of it.
            if m >= 0 and self.walks[d].opcode <= _BINARY:
                if self.chunks[i].ready > self.chunks[i].time:
                    self._stall(i, m)
                if self.walks[d].utf8_need >= 0:
                    self._utf8(d, p, p + n)
                    if self.walks[d].utf8_need == _UTF8_BAD:
                        # "When an endpoint is to interpret a byte stream as UTF-8 but finds
                        # that the byte stream is not, in fact, a valid UTF-8 stream, that
                        # endpoint MUST _Fail the WebSocket Connection_" (RFC 6455 8.1):
                        # at once, it need not wait for the end of the message.
                        self._oddity(i, d, _BAD_UTF8, 0)
                        self.walks[d].bad_text = 1
                if self.walks[d].compressed:
                    if self.walks[d].keep:
                        self._fragment(i, d, p, n)
                else:
                    if self.pool[m].digested < _DIGESTED:
                        self._digest(m, p, n)
                    self._preview(m, p, n)
                    if self.walks[d].keep == _KEEP_ALL:
                        self._fragment(i, d, p, n)
        self.walks[d].payload_left -= n
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _stall(self, i: cython.Py_ssize_t, m: cython.Py_ssize_t) -> cython.int:
        """Count the time for which bytes of message `m` waited after a hole, once."""
        since: cython.longlong = self.chunks[i].time
        if since == _NULL:
            return 0  # a packet without a time stamp: it is not known how long it waited
        if self.pool[m].stall_until > since:
            since = self.pool[m].stall_until
        if self.chunks[i].ready > since:
            self.pool[m].stall += self.chunks[i].ready - since
            self.pool[m].stall_until = self.chunks[i].ready
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _preview(
        self, m: cython.Py_ssize_t, p: cython.Py_ssize_t, n: cython.Py_ssize_t
    ) -> cython.int:
        have: cython.int = self.pool[m].preview_bytes
        if have >= self.preview_bytes:
            return 0
        if n > self.preview_bytes - have:
            n = self.preview_bytes - have
        if p < 0 or n <= 0 or p + n > self.data.shape[0]:
            return 0
        if cython.compiled:
            memcpy(
                cython.address(self.previews[m, have]),
                cython.address(self.data[p]),
                cython.cast(cython.size_t, n),
            )
        else:
            self.previews[m, have : have + n] = self.data[p : p + n]
        self.pool[m].preview_bytes = have + n
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    @cython.boundscheck(False)
    def _digest(
        self, m: cython.Py_ssize_t, p: cython.Py_ssize_t, n: cython.Py_ssize_t
    ) -> cython.int:
        """Take payload into the digest by which messages of two connections are compared."""
        have: cython.int = self.pool[m].digested
        digest: cython.ulonglong = self.pool[m].digest
        word: cython.ulonglong = self.pool[m].word
        byte: cython.ulonglong
        if not cython.compiled:
            have, digest, word = int(have), int(digest), int(word)
        if n > _DIGESTED - have:
            n = _DIGESTED - have
        if p < 0 or p + n > self.data.shape[0] or m < 0 or m >= self.pool.shape[0]:
            return 0
        self.pool[m].digested = have + n
        while n > 0:
            if n >= 8 and have & 7 == 0:
                if cython.compiled:
                    digest = _mixed(digest, word_at(cython.address(self.data[p])))
                else:
                    digest = _mixed(digest, int.from_bytes(bytes(self.data[p : p + 8]), "little"))
                p += 8
                n -= 8
                continue
            byte = self.data[p]
            if not cython.compiled:
                byte = int(byte)
            word |= byte << (8 * (have & 7))
            have += 1
            p += 1
            n -= 1
            if have & 7 == 0:
                digest = _mixed(digest, word)
                word = 0
        self.pool[m].digest = digest
        self.pool[m].word = word
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _end_digest(self, m: cython.Py_ssize_t) -> cython.int:
        """Finish the digest of a message; it is not known of a damaged or compressed one."""
        digest: cython.ulonglong = self.pool[m].digest
        word: cython.ulonglong = self.pool[m].word
        if not cython.compiled:
            digest, word = int(digest), int(word)
        if self.pool[m].damaged or self.pool[m].compressed:
            digest = 0
        else:
            digest = _closed(digest, word, self.pool[m].transfer_bytes)
        self.pool[m].digest = digest
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _keep_control(
        self, d: cython.Py_ssize_t, p: cython.Py_ssize_t, n: cython.Py_ssize_t
    ) -> cython.int:
        """Copy control payload, at its place in the frame, up to MAX_CONTROL bytes."""
        at: cython.longlong = self.walks[d].payload_bytes - self.walks[d].payload_left
        j: cython.Py_ssize_t
        if self.walks[d].payload_bytes > _MAX_CONTROL:
            self.overlong.take(d, bytes(self.data[p : p + n]))
        for j in range(n):
            if at + j >= _MAX_CONTROL:
                break
            self.control[d, at + j] = self.data[p + j]
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _utf8(
        self, d: cython.Py_ssize_t, p: cython.Py_ssize_t, end: cython.Py_ssize_t
    ) -> cython.int:
        """Check text as it comes (RFC 3629 section 4), across frames and packets."""
        need: cython.int = self.walks[d].utf8_need
        low: cython.int = self.walks[d].utf8_low
        high: cython.int = self.walks[d].utf8_high
        b: cython.int
        while p < end:
            if need == 0:
                p = _ascii_run(self.data, p, end)
                if p >= end:
                    break
            b = self.data[p]
            p += 1
            if need == 0:
                low = 0x80
                high = 0xBF
                if b < 0xC2 or b > 0xF4:
                    need = _UTF8_BAD
                    break
                if b < 0xE0:
                    need = 1
                elif b < 0xF0:
                    need = 2
                    if b == 0xE0:
                        low = 0xA0
                    elif b == 0xED:
                        high = 0x9F
                else:
                    need = 3
                    if b == 0xF0:
                        low = 0x90
                    elif b == 0xF4:
                        high = 0x8F
            else:
                if b < low or b > high:
                    need = _UTF8_BAD
                    break
                low = 0x80
                high = 0xBF
                need -= 1
        self.walks[d].utf8_need = need
        self.walks[d].utf8_low = low
        self.walks[d].utf8_high = high
        return 0
