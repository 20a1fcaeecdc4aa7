"""How far back compressed bytes refer: the distances of a DEFLATE stream (RFC 1951).

zlib does not report it: it inflates with the window that it was given, and more of what it has just
written. So a sender whose window is larger than agreed (RFC 7692 7.1.2) is found by reading the
codes. Nothing is written, no history is kept: blocks say themselves how far they refer.
Must not know messages. Used by websocket.payloads where a window below 15 bits was agreed.
"""

from __future__ import annotations

import cython
import numpy as np

# Tables of RFC 1951 3.2.5: first value and extra bits of each code, distances then lengths.
_DISTANCE_BASE = np.array(
    [
        *(1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769),
        *(1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577),
    ],
    np.int32,
)
_DISTANCE_EXTRA = np.array([0, 0, *(each // 2 for each in range(28))], np.int32)
_LENGTH_EXTRA = np.array([*[0] * 8, *(1 + each // 4 for each in range(20)), 0], np.int32)
# RFC 1951 3.2.7: the order of the lengths of the codes for code lengths.
_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15], np.int32)

_END = cython.declare(cython.int, -1)
_BAD = cython.declare(cython.int, -2)
_LITERALS = cython.declare(cython.int, 0)
_DISTANCES = cython.declare(cython.int, 1)
_MAX_BITS = cython.declare(cython.int, 15)


@cython.cclass
class Distances:
    """Reads streams; holds the tables of codes, to be used again."""

    def __init__(self) -> None:
        self.data = np.zeros(1, np.uint8)
        self.at = self.end = 0
        self.held = self.held_bits = 0
        self.best = 0
        self.lengths = np.zeros(320, np.int32)
        self.offsets = np.zeros(16, np.int32)
        # Of each table: codes by length, and symbols in the order of their codes.
        self.counts = np.zeros((2, 16), np.int32)
        self.symbols = np.zeros((2, 288), np.int32)
        self.distance_base = _DISTANCE_BASE
        self.distance_extra = _DISTANCE_EXTRA
        self.length_extra = _LENGTH_EXTRA
        self.order = _ORDER

    def farthest(self, payload: bytes) -> int:
        """Return the largest distance in a compressed message.

        Args:
            payload: its application data, unmasked, without the tail that was taken away.

        Returns:
            The distance in bytes; 0 if nothing refers back. What cannot be read ends it.
        """
        is_final: cython.int
        kind: cython.int
        state: cython.int
        if not payload:
            return 0
        self.data = np.frombuffer(bytearray(payload), np.uint8)
        self.at = 0
        self.end = len(payload)
        self.held = self.held_bits = 0
        self.best = 0
        while True:
            is_final = self._bits(1)
            kind = self._bits(2)
            if is_final < 0 or kind < 0:
                break
            if kind == 0:
                state = self._stored()
            elif kind == 1:
                self._fixed()
                state = self._codes()
            elif kind == 2:
                state = self._dynamic()
                if state == 0:
                    state = self._codes()
            else:
                break
            if state < 0:
                break
            if is_final:
                # RFC 7692 7.2.3.4: what follows begins with the next byte.
                self.held = self.held_bits = 0
        return self.best

    @cython.cfunc
    def _bits(self, count: cython.int) -> cython.int:
        """Return the next `count` bits (at most 16), the first lowest; _END after the last."""
        value: cython.uint
        while self.held_bits < count:
            if self.at >= self.end:
                return _END
            self.held |= cython.cast(cython.uint, int(self.data[self.at])) << self.held_bits
            self.at += 1
            self.held_bits += 8
        value = self.held & ((1 << count) - 1)
        self.held >>= count
        self.held_bits -= count
        return value

    @cython.cfunc
    def _stored(self) -> cython.int:
        """Pass over a block without compression (RFC 1951 3.2.4)."""
        length: cython.Py_ssize_t
        self.held = self.held_bits = 0
        if self.at + 4 > self.end:
            return _END
        length = int(self.data[self.at]) | (int(self.data[self.at + 1]) << 8)
        self.at += 4
        if length > self.end - self.at:
            return _END
        self.at += length
        return 0

    @cython.cfunc
    def _fixed(self) -> cython.int:
        """Take the fixed codes (RFC 1951 3.2.6)."""
        i: cython.int
        for i in range(288):
            self.lengths[i] = 8 if i < 144 else 9 if i < 256 else 7 if i < 280 else 8
        self._make(_LITERALS, 0, 288)
        for i in range(30):
            self.lengths[i] = 5
        self._make(_DISTANCES, 0, 30)
        return 0

    @cython.cfunc
    def _dynamic(self) -> cython.int:
        """Read the codes of a block with its own (RFC 1951 3.2.7)."""
        literals: cython.int = self._bits(5)
        distances: cython.int = self._bits(5)
        codes: cython.int = self._bits(4)
        i: cython.int
        value: cython.int
        symbol: cython.int
        again: cython.int
        if literals < 0 or distances < 0 or codes < 0:
            return _END
        literals += 257
        distances += 1
        codes += 4
        if literals > 286 or distances > 30:
            return _BAD
        for i in range(19):
            self.lengths[i] = 0
        for i in range(codes):
            value = self._bits(3)
            if value < 0:
                return _END
            self.lengths[self.order[i]] = value
        self._make(_LITERALS, 0, 19)
        i = 0
        while i < literals + distances:
            symbol = self._symbol(_LITERALS)
            if symbol < 0:
                return symbol
            if symbol < 16:
                self.lengths[i] = symbol
                i += 1
                continue
            value = 0
            if symbol == 16:
                if i == 0:
                    return _BAD
                value = self.lengths[i - 1]
                again = self._bits(2) + 3
            elif symbol == 17:
                again = self._bits(3) + 3
            else:
                again = self._bits(7) + 11
            if i + again > literals + distances:
                return _BAD
            while again > 0:
                self.lengths[i] = value
                i += 1
                again -= 1
        self._make(_DISTANCES, literals, distances)
        self._make(_LITERALS, 0, literals)
        return 0

    @cython.cfunc
    def _make(self, table: cython.int, begin: cython.int, count: cython.int) -> cython.int:
        """Make the codes of a table of `count` of `lengths`, from `begin` on (RFC 1951 3.2.2)."""
        i: cython.int
        length: cython.int
        for i in range(16):
            self.counts[table, i] = 0
        for i in range(count):
            self.counts[table, self.lengths[begin + i]] += 1
        self.offsets[1] = 0
        for i in range(1, 15):
            self.offsets[i + 1] = self.offsets[i] + self.counts[table, i]
        for i in range(count):
            length = self.lengths[begin + i]
            if length:
                self.symbols[table, self.offsets[length]] = i
                self.offsets[length] += 1
        return 0

    @cython.cfunc
    def _symbol(self, table: cython.int) -> cython.int:
        """Return the next symbol of a table; _END, or _BAD where there is no such code."""
        code: cython.int = 0
        first: cython.int = 0
        index: cython.int = 0
        length: cython.int
        bit: cython.int
        count: cython.int
        for length in range(1, _MAX_BITS + 1):
            bit = self._bits(1)
            if bit < 0:
                return _END
            code |= bit
            count = self.counts[table, length]
            if code - count < first:
                # More codes than there is room for lead before the first of them.
                return self.symbols[table, index + code - first] if code >= first else _BAD
            index += count
            first = (first + count) << 1
            code <<= 1
        return _BAD

    @cython.cfunc
    def _codes(self) -> cython.int:
        """Read a block's codes up to its end; note the largest distance (RFC 1951 3.2.5)."""
        symbol: cython.int
        extra: cython.int
        distance: cython.int
        while True:
            symbol = self._symbol(_LITERALS)
            if symbol < 256:
                if symbol < 0:
                    return symbol
                continue
            if symbol == 256:
                return 0
            if symbol > 285:
                return _BAD
            if self._bits(self.length_extra[symbol - 257]) < 0:
                return _END
            symbol = self._symbol(_DISTANCES)
            if symbol < 0:
                return symbol
            if symbol > 29:
                return _BAD
            extra = self._bits(self.distance_extra[symbol])
            if extra < 0:
                return _END
            distance = self.distance_base[symbol] + extra
            if distance > self.best:
                self.best = distance
