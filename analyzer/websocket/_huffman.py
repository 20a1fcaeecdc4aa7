"""Huffman codes of a DEFLATE block, made into a table that is looked up (RFC 1951 3.2).

Knows codes and alphabets. Must not know blocks, messages or windows. Used by _blocks.

An entry is a number: the bits of its code (lowest 4 bits), what it is (the next 4), how many extra
bits follow (the next 8), and a value (the upper 16): the byte of a literal, or the base of a length
or distance. 0 means that no symbol has this code.
"""

from __future__ import annotations

from typing import Any, Final

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.libc.string import memcpy

LITERAL, BASE, END, LONGER = 0x10, 0x20, 0x40, 0x80
"""What an entry is. LONGER: the code has more bits than are looked up."""
EXTRA_SHIFT, VALUE_SHIFT = 8, 16
_LENGTHS = cython.declare(cython.int, 16)  # of codes: 0 to 15 bits
_MOST = cython.declare(cython.int, 320)
_LONGER = cython.declare(cython.uint, LONGER)


def numbers(count: int, kind: Any) -> Any:
    """Return zeros; Python's own where not compiled, whose shifts overflow nowhere."""
    return np.zeros(count, kind) if cython.compiled else [0] * count


def _array(values: list[int], kind: Any = np.uint32) -> Any:
    made = numbers(len(values), kind)
    for at, value in enumerate(values):
        made[at] = value
    return made


def _bases(first: int, extras: list[int]) -> list[int]:
    """Return the entries of a run of ranges, each of 2^extra values."""
    made = []
    for extra in extras:
        made.append(BASE | extra << EXTRA_SHIFT | first << VALUE_SHIFT)
        first += 1 << extra
    return made


def literals() -> Any:
    """Return what each symbol of literals and lengths means (RFC 1951 3.2.5).

    286 and 287 "will never actually occur" (3.2.6).
    """
    lengths = _bases(3, [0] * 8 + [1 + each // 4 for each in range(20)])[:28]
    longest = BASE | 258 << VALUE_SHIFT
    bytes_ = [LITERAL | value << VALUE_SHIFT for value in range(256)]
    return _array([*bytes_, END, *lengths, longest, 0, 0])


def distances() -> Any:
    """Return what each distance symbol means (RFC 1951 3.2.5); 30 and 31 never occur."""
    return _array([*_bases(1, [0, 0, *(each // 2 for each in range(28))]), 0, 0])


def lengths_of_codes() -> Any:
    """Return what each symbol of the code lengths means (RFC 1951 3.2.7): itself."""
    return _array([LITERAL | value << VALUE_SHIFT for value in range(19)])


FIXED_LITERALS: Final = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8
FIXED_DISTANCES: Final = [5] * 32
"""Lengths of the fixed codes (RFC 1951 3.2.6)."""


@cython.cclass
class Table:
    """The codes of one alphabet.

    Args:
        results: what each symbol means.
        root: so many bits are looked up at once.
    """

    def __init__(self, results: Any, root: int) -> None:
        self.results = results
        self.root = root
        self.entries = numbers(1 << root, np.uint32)
        # Codes by length; where the symbols of a length begin; symbols in order of their codes.
        self.counts = numbers(_LENGTHS, np.int32)
        self.offsets = numbers(_LENGTHS, np.int32)
        self.symbols = numbers(_MOST, np.uint16)

    @cython.ccall
    def make(
        self,
        lengths: cython.uchar[::1],
        used: cython.ushort[::1],
        begin: cython.int,
        end: cython.int,
        first: cython.int,
        may_lack: cython.bint,
    ) -> cython.int:
        """Make the table of symbols whose codes have these lengths.

        Args:
            lengths: bits of each code, at most 15.
            used: indices in `lengths` of those that are not 0, in order.
            begin: where this alphabet begins in `used`.
            end: where it ends there.
            first: index in `lengths` of symbol 0.
            may_lack: one code of one bit will do, or none (RFC 1951 3.2.7, of distances).

        Returns:
            0; -1 where these lengths are no code, or none that is usual.
        """
        if begin < 0 or end > len(used) or end - begin > _MOST:
            return -1
        if self._counted(lengths, used, begin, end, may_lack) < 0:
            return -1
        self._sort(lengths, used, begin, end, first)
        return self._filled()

    def fix(self, lengths: list[int]) -> None:
        """Make the table of an alphabet in which all symbols have a code."""
        used = numbers(len(lengths), np.uint16)
        for symbol in range(len(lengths)):
            used[symbol] = symbol
        done = self.make(_array(lengths, np.uint8), used, 0, len(used), 0, False)
        assert done == 0

    @cython.cfunc
    def _counted(
        self,
        lengths: cython.uchar[::1],
        used: cython.ushort[::1],
        begin: cython.int,
        end: cython.int,
        may_lack: cython.bint,
    ) -> cython.int:
        """Count codes by length; return -1 where there are too many or too few."""
        counts: cython.int[::1] = self.counts
        left: cython.int = 1
        i: cython.int
        for i in range(_LENGTHS):
            counts[i] = 0
        for i in range(begin, end):
            counts[lengths[used[i]] & 15] += 1
        for i in range(1, _LENGTHS):
            left = 2 * left - counts[i]
            if left < 0:
                return -1
        if left and not (may_lack and end - begin == counts[1] and counts[1] <= 1):
            return -1
        return 0

    @cython.cfunc
    @cython.boundscheck(False)
    def _sort(
        self,
        lengths: cython.uchar[::1],
        used: cython.ushort[::1],
        begin: cython.int,
        end: cython.int,
        first: cython.int,
    ) -> cython.int:
        """Put the symbols in order of their codes (RFC 1951 3.2.2).

        Nothing is out of bounds: _counted has read the same.
        """
        offsets: cython.int[::1] = self.offsets
        length: cython.int
        i: cython.int
        offsets[1] = 0
        for i in range(1, _LENGTHS - 1):
            offsets[i + 1] = offsets[i] + self.counts[i]
        for i in range(begin, end):
            length = lengths[used[i]] & 15
            self.symbols[offsets[length]] = used[i] - first
            offsets[length] += 1
        return 0

    @cython.cfunc
    @cython.boundscheck(False)
    def _filled(self) -> cython.int:
        """Fill the entries. Codes come with their first bit lowest, so they are counted backwards.

        While codes have n bits, the first 2^n entries are filled; for each further bit they are
        doubled, which copies each entry to all places that begin with its code. Nothing is out of
        bounds: a code has as many bits as its length, since there are not too many of them.
        """
        entries: cython.uint[::1] = self.entries
        size: cython.Py_ssize_t = 2
        code: cython.Py_ssize_t = 0
        at: cython.int = 0
        length: cython.int
        left: cython.int
        bit: cython.Py_ssize_t
        result: cython.uint
        mask: cython.Py_ssize_t = (1 << self.root) - 1
        # Codes that nobody has, where there is but one, or none.
        entries[0] = entries[1] = 0
        for length in range(1, _LENGTHS):
            left = self.counts[length]
            while left:
                if length <= self.root:
                    result = self.results[self.symbols[at]]
                    entries[code] = result | length if result else 0
                else:
                    entries[code & mask] = _LONGER
                at += 1
                left -= 1
                bit = size >> 1
                while code & bit:
                    code ^= bit
                    bit >>= 1
                code |= bit
            if length < self.root:
                if cython.compiled:
                    memcpy(
                        cython.address(entries[size]),
                        cython.address(entries[0]),
                        cython.cast(cython.size_t, size) * 4,
                    )
                else:
                    entries[size : 2 * size] = entries[:size]
            size <<= 1
        return 0

    @cython.ccall
    def long(self, held: cython.ulonglong) -> cython.uint:
        """Return the entry of a code that is too long for the table, read bit by bit.

        Args:
            held: what follows in the stream, the first bit lowest.
        """
        code: cython.int = 0
        first: cython.int = 0
        index: cython.int = 0
        length: cython.int
        count: cython.int
        result: cython.uint
        for length in range(1, _LENGTHS):
            code |= held & 1
            held >>= 1
            count = self.counts[length]
            if code - count < first:
                result = self.results[self.symbols[index + code - first]]
                return result | length if result else 0
            index += count
            first = (first + count) << 1
            code <<= 1
        return 0
