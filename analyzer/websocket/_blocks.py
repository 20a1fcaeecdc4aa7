"""Inflates whole messages of permessage-deflate: blocks of DEFLATE (RFC 1951) behind a window.

zlib inflates as well, but a message of 200 bytes costs it 2 us and more, most of that around the
bytes: a call, its checks, memory for the output, which it copies once more into its window. Here
all messages share one output and the memory of their tables.

What is not usual is refused, nothing is reported: a final block, a damaged message, one that ends
within a block, one that is long. The caller gives those to zlib, so what is taken here must be no
more than zlib takes, and the same bytes. Knows RFC 7692 7.2.2; must not know frames.
Used by _inflating.
"""

from __future__ import annotations

import cython
import numpy as np

from analyzer.websocket import _huffman as huffman

if cython.compiled:
    from cython.cimports.analyzer.websocket._huffman import Table
    from cython.cimports.analyzer.words import word_at
    from cython.cimports.libc.string import memcpy
else:
    from analyzer.websocket._huffman import Table

WINDOW_BYTES = 32 * 1024
"""Largest LZ77 window (RFC 1951 3.2.5); a smaller one is a part of it, so that all
streams are inflated with this one."""
MOST_BYTES = 1024 * 1024
"""Output of one message; what is longer gains nothing here."""
LONG_BYTES = MOST_BYTES // 4
"""What is not even tried: compressed, most would be too long."""
_WINDOW = cython.declare(cython.Py_ssize_t, WINDOW_BYTES)
_MOST = cython.declare(cython.Py_ssize_t, MOST_BYTES)
_LONG = cython.declare(cython.Py_ssize_t, LONG_BYTES)
_LONGEST = cython.declare(cython.Py_ssize_t, 258)
_COPIES = cython.declare(cython.Py_ssize_t, 128)

_LITERAL = cython.declare(cython.uint, huffman.LITERAL)
_BASE = cython.declare(cython.uint, huffman.BASE)
_END = cython.declare(cython.uint, huffman.END)
_LONGER = cython.declare(cython.uint, huffman.LONGER)
_ROOT = cython.declare(cython.int, 10)
_DISTANCE_ROOT = cython.declare(cython.int, 8)
_CODES_ROOT = cython.declare(cython.int, 7)  # the longest (RFC 1951 3.2.7)
_STORED = cython.declare(cython.int, 0)
_FIXED = cython.declare(cython.int, 1)
_DYNAMIC = cython.declare(cython.int, 2)


_NO_RING = np.zeros(0, np.uint8)


@cython.cclass
class Window:
    """The last 32 KiB of output of one direction; takes no memory before there is any."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all output."""
        self.ring = _NO_RING
        self.at = self.have = 0

    @cython.ccall
    def remember(self, output: bytes) -> cython.int:
        """Take output of a message."""
        piece: cython.p_const_uchar = output
        size: cython.Py_ssize_t = len(output)
        done: cython.Py_ssize_t = max(0, size - _WINDOW)
        part: cython.Py_ssize_t
        if size and not self.have:
            # Pages to which nothing is written take no memory.
            self.ring = np.empty(WINDOW_BYTES, np.uint8)
        self.have = min(_WINDOW, self.have + size)
        while done < size:
            part = min(size - done, _WINDOW - self.at)
            if cython.compiled:
                memcpy(
                    cython.address(self.ring[self.at]),
                    piece + done,
                    cython.cast(cython.size_t, part),
                )
            else:
                new = np.frombuffer(piece[done : done + part], np.uint8)
                self.ring[self.at : self.at + part] = new
            done += part
            self.at += part
            if self.at == _WINDOW:
                self.at = 0
        return 0

    def whole(self) -> bytes:
        """Return all that is remembered, the oldest first."""
        ring = np.asarray(self.ring)[:WINDOW_BYTES]
        if self.have < WINDOW_BYTES:
            return ring[: self.have].tobytes()
        return ring[self.at :].tobytes() + ring[: self.at].tobytes()


@cython.cclass
class Blocks:
    """Inflates one message after the other; holds tables and the output."""

    def __init__(self) -> None:
        self.data = b""
        self.window = Window()
        self.available = self.at = self.end = self.size = 0
        self.held = self.held_bits = 0
        self.out = np.empty(MOST_BYTES + _LONGEST, np.uint8)
        # Of the codes of a block; which of them are not 0.
        self.lengths = huffman.numbers(320, np.uint8)
        self.used = huffman.numbers(320, np.uint16)
        # RFC 1951 3.2.7: the order of the lengths of the codes for code lengths.
        self.order = np.array(
            [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15], np.uint8
        )
        # Copies of earlier bytes that are to be made: where to, how many bytes, from how far back.
        self.copies = huffman.numbers(_COPIES, np.uint64)
        self.fetched = 0
        literals, distances = huffman.literals(), huffman.distances()
        self.codes = Table(huffman.lengths_of_codes(), _CODES_ROOT)
        self.literals = Table(literals, _ROOT)
        self.distances = Table(distances, _DISTANCE_ROOT)
        self.fixed_literals = Table(literals, _ROOT)
        self.fixed_distances = Table(distances, _DISTANCE_ROOT)
        self.fixed_literals.fix(huffman.FIXED_LITERALS)
        self.fixed_distances.fix(huffman.FIXED_DISTANCES)

    @cython.ccall
    def inflate(
        self,
        content: bytes,
        start: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        window: Window,
    ) -> cython.Py_ssize_t:
        """Inflate one whole message.

        Args:
            content: holds its application data, unmasked.
            start: where that begins.
            end: where it ends.
            window: what it may refer to; an empty one: only to itself.

        Returns:
            How many bytes of output there are; -1 if the message is not usual.
        """
        header: cython.int
        if start < 0 or start >= end or end > len(content) or end - start > _LONG:
            return -1
        self.data = content
        self.available = len(content)
        self.at, self.end = start, end
        self.held = self.held_bits = 0
        self.size = 0
        self.window = window
        while True:
            self._refill()
            header = self._drop(3)
            if header == _STORED and self.at - (self.held_bits >> 3) == end:
                break  # this is the block whose lengths are the tail that was taken away
            # With its lowest bit the block is a final one; nothing begins behind the end.
            if header & 1 or self.at - (self.held_bits >> 3) > end or self._block(header >> 1) < 0:
                return -1
        return self.size

    @cython.ccall
    def output(self) -> bytes:
        """Return the output of the message inflated last."""
        if cython.compiled:
            output: bytes = cython.cast(cython.p_char, cython.address(self.out[0]))[: self.size]
            return output
        output = self.out[: self.size].tobytes()
        return output

    @cython.ccall
    @cython.boundscheck(False)
    def is_ascii(self) -> cython.bint:
        """Return whether the output of the message inflated last is ASCII; bytes all at once."""
        seen: cython.uchar = 0
        i: cython.Py_ssize_t
        if not cython.compiled:
            return bytes(self.output()).isascii()
        for i in range(self.size):
            seen |= self.out[i]
        return seen < 0x80

    @cython.cfunc
    @cython.exceptval(check=False)
    def _refill(self) -> cython.int:
        """Hold 56 bits at least; behind the content there are zeros."""
        byte: cython.ulonglong
        while self.held_bits <= 56:
            if self.at < self.available:
                byte = self.data[self.at]
                self.held |= byte << self.held_bits
            self.at += 1
            self.held_bits += 8
        return 0

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _drop(self, count: cython.int) -> cython.int:
        """Return the next bits, the first lowest, of those that are held."""
        value: cython.int = self.held & ((1 << count) - 1)
        self.held >>= count
        self.held_bits -= count
        return value

    @cython.cfunc
    def _block(self, kind: cython.int) -> cython.int:
        """Inflate a block behind its header; return -1 where it is not usual."""
        if kind == _STORED:
            return self._stored()
        if kind == _FIXED:
            return self._symbols(self.fixed_literals, self.fixed_distances)
        if kind == _DYNAMIC and self._dynamic() == 0:
            return self._symbols(self.literals, self.distances)
        return -1

    @cython.cfunc
    def _stored(self) -> cython.int:
        """Copy a block without compression (RFC 1951 3.2.4)."""
        at: cython.Py_ssize_t = self.at - (self.held_bits >> 3)
        length: cython.int
        if self.end - at < 4:
            return -1
        length = self.data[at] | self.data[at + 1] << 8
        if length ^ (self.data[at + 2] | self.data[at + 3] << 8) != 0xFFFF:
            return -1
        at += 4
        if length > self.end - at or length > _MOST - self.size:
            return -1
        if cython.compiled:
            if length:
                memcpy(cython.address(self.out[self.size]), self.data + at, length)
        else:
            piece = np.frombuffer(self.data[at : at + length], np.uint8)
            self.out[self.size : self.size + length] = piece
        self.size += length
        self.at = at + length
        self.held = self.held_bits = 0
        return 0

    @cython.cfunc
    def _dynamic(self) -> cython.int:
        """Read the codes of a block with its own (RFC 1951 3.2.7)."""
        literals: cython.int
        distances: cython.int
        codes: cython.int
        count: cython.int
        split: cython.int
        i: cython.int
        self._refill()
        literals = self._drop(5) + 257
        distances = self._drop(5) + 1
        codes = self._drop(4) + 4
        if literals > 286 or distances > 30:
            return -1
        for i in range(19):
            self.lengths[i] = 0
        for i in range(codes):
            if self.held_bits < 3:
                self._refill()
            self.lengths[self.order[i]] = self._drop(3)
        count = 0
        for i in range(19):
            if self.lengths[i]:
                self.used[count] = i
                count += 1
        if self.codes.make(self.lengths, self.used, 0, count, 0, False) < 0:
            return -1
        count = self._lengths(literals + distances)
        # 256 ends a block, so it must have a code.
        if count < 0 or not self.lengths[256]:
            return -1
        split = count
        while self.used[split - 1] >= literals:
            split -= 1
        if self.literals.make(self.lengths, self.used, 0, split, 0, False) < 0:
            return -1
        return self.distances.make(self.lengths, self.used, split, count, literals, True)

    @cython.cfunc
    @cython.boundscheck(False)
    def _lengths(self, count: cython.int) -> cython.int:
        """Read the lengths of all codes of a block (RFC 1951 3.2.7); return how many are not 0.

        Nothing is out of bounds: `count` is at most 316.
        """
        entries: cython.uint[::1] = self.codes.entries
        lengths: cython.uchar[::1] = self.lengths
        places: cython.ushort[::1] = self.used
        entry: cython.uint
        value: cython.int
        again: cython.int
        used: cython.int = 0
        i: cython.int = 0
        lengths[256] = 0
        while i < count:
            if self.held_bits < 14:  # 7 of a code, 7 extra
                self._refill()
            entry = entries[self.held & 127]
            if not entry:
                return -1
            self._drop(entry & 15)
            value = entry >> 16
            if value < 16:
                if value:
                    lengths[i] = value
                    places[used] = i
                    used += 1
                i += 1
                continue
            if value == 16:
                # The one before is 0 where it was not the last that is used.
                if not i:
                    return -1
                again = 3 + self._drop(2)
                value = lengths[i - 1] if used and places[used - 1] == i - 1 else 0
            else:
                again = 3 + self._drop(3) if value == 17 else 11 + self._drop(7)
                value = 0
            if again > count - i:
                return -1
            if not value:
                i += again
                continue
            while again:
                lengths[i] = value
                places[used] = i
                used += 1
                i += 1
                again -= 1
        return used

    @cython.cfunc
    @cython.boundscheck(False)
    def _symbols(self, codes: Table, distances: Table) -> cython.int:
        """Inflate the codes of a block up to its end (RFC 1951 3.2.3).

        Nothing is out of bounds: entries are looked up with as many bits as there are, and there
        is room for the longest copy.
        """
        out: cython.uchar[::1] = self.out
        entries: cython.uint[::1] = codes.entries
        far: cython.uint[::1] = distances.entries
        copies: cython.ulonglong[::1] = self.copies
        held: cython.ulonglong = self.held
        bits: cython.int = self.held_bits
        at: cython.Py_ssize_t = self.at
        size: cython.Py_ssize_t = self.size
        count: cython.Py_ssize_t = 0
        latest: cython.Py_ssize_t = self.end + 8  # 8 bytes may be held
        entry: cython.uint
        length: cython.ulonglong
        distance: cython.ulonglong
        while size <= _MOST and at <= latest:
            if bits < 48:  # 20 of a length, 28 of a distance
                if cython.compiled and at + 8 <= self.available:
                    held |= word_at(self.data + at) << bits
                    at += (63 - bits) >> 3
                    bits |= 56
                else:
                    self.held, self.held_bits, self.at = held, bits, at
                    self._refill()
                    held, bits, at = self.held, self.held_bits, self.at
            entry = entries[held & 1023]
            if entry & _LONGER:
                entry = codes.long(held)
            if entry & _LITERAL:
                out[size] = entry >> 16
                size += 1
                held >>= entry & 15
                bits -= entry & 15
                continue
            length = _value(entry, held)
            held >>= _width(entry)
            bits -= _width(entry)
            if not entry & _BASE:
                self.held, self.held_bits, self.at, self.size = held, bits, at, size
                self._copy(count)
                return 0 if entry & _END else -1
            entry = far[held & 255]
            if entry & _LONGER:
                entry = distances.long(held)
            distance = _value(entry, held)
            held >>= _width(entry)
            bits -= _width(entry)
            if not entry or distance > size + self.window.have:
                return -1
            copies[count] = size << 32 | length << 16 | distance
            size += length
            count += 1
            if count == _COPIES:
                self._copy(count)
                count = 0
        return -1

    @cython.cfunc
    @cython.boundscheck(False)
    def _copy(self, count: cython.Py_ssize_t) -> cython.int:
        """Make the first `count` copies, in order: one may go on with what another wrote.

        Before that, what lies in the window is fetched: windows of many directions are in no
        cache, and so the loads do not wait for each other.
        """
        copy: cython.ulonglong
        at: cython.Py_ssize_t
        back: cython.Py_ssize_t
        i: cython.Py_ssize_t
        fetched: cython.int = 0
        if cython.compiled:
            for i in range(count):
                copy = self.copies[i]
                back = cython.cast(cython.Py_ssize_t, copy & 0xFFFF) - (copy >> 32)
                if back > 0:
                    back = (self.window.at - back) & (_WINDOW - 1)
                    fetched ^= self.window.ring[back]
            self.fetched = fetched
        for i in range(count):
            copy = self.copies[i]
            at = copy >> 32
            self._copy_one(at, copy >> 16 & 0xFFFF, copy & 0xFFFF)
        return 0

    @cython.cfunc
    @cython.boundscheck(False)
    def _copy_one(
        self, at: cython.Py_ssize_t, length: cython.Py_ssize_t, distance: cython.Py_ssize_t
    ) -> cython.int:
        """Copy `length` bytes from `distance` back to `at`; it may read what it has written."""
        back: cython.Py_ssize_t = distance - at  # before this message
        begin: cython.Py_ssize_t = at - distance
        part: cython.Py_ssize_t
        if back <= 0 and length <= distance:
            if cython.compiled:
                memcpy(cython.address(self.out[at]), cython.address(self.out[begin]), length)
            else:
                self.out[at : at + length] = self.out[begin : begin + length]
            return 0
        if back > 0:
            begin = (self.window.at - back) & (_WINDOW - 1)
            while length and back > 0:
                part = min(length, back, _WINDOW - begin)
                if cython.compiled:
                    memcpy(
                        cython.address(self.out[at]), cython.address(self.window.ring[begin]), part
                    )
                else:
                    self.out[at : at + part] = self.window.ring[begin : begin + part]
                at += part
                length -= part
                back -= part
                begin = 0
            begin = at - distance
        for part in range(length):
            self.out[at + part] = self.out[begin + part]
        return 0


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _width(entry: cython.uint) -> cython.int:
    """Return how many bits a code has with its extra bits."""
    return (entry & 15) + (entry >> 8 & 15)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _value(entry: cython.uint, held: cython.ulonglong) -> cython.ulonglong:
    """Return the length or distance of a code that is held with its extra bits."""
    return (entry >> 16) + (held >> (entry & 15) & ((1 << (entry >> 8 & 15)) - 1))
