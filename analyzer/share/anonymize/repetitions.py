"""Payload that repeats itself, in as few bits as DEFLATE has: two for 258 letters.

A block with codes of its own (RFC 1951 3.2.7): the longest repetition has the shortest code. Used
by deflated, where codes that are agreed on are too long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Final

BASES: Final = (
    *(3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115),
    *(131, 163, 195, 227, 258),
)
EXTRA: Final = (*(0,) * 8, *(1,) * 4, *(2,) * 4, *(3,) * 4, *(4,) * 4, *(5,) * 4, 0)
"""RFC 1951 3.2.5: lengths of codes 257 to 285, and their extra bits."""

_LETTER, _END, _LONGEST = ord("x"), 256, 285
_MOST: Final = 258
_LETTERS: Final = 16
"""Letters that may stand by themselves, to reach a length in bytes."""
_ORDER: Final = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
_STORED_EMPTY: Final = b"\0\0\0\xff\xff"


class Bits:
    """Bits in the order of DEFLATE: numbers from their lowest bit, codes from their highest."""

    def __init__(self) -> None:
        self._bits: list[str] = []

    def number(self, value: int, count: int) -> None:
        """Add a number of `count` bits."""
        if count:
            self._bits.append(f"{value:0{count}b}"[::-1])

    def code(self, value: int, count: int) -> None:
        """Add a Huffman code of `count` bits."""
        self._bits.append(f"{value:0{count}b}")

    @property
    def count(self) -> int:
        """How many bits there are."""
        return sum(map(len, self._bits))

    def bytes(self) -> bytes:
        """Return whole bytes, the last one filled with zeros."""
        text = "".join(self._bits)
        length = -(-len(text) // 8)
        return int(text[::-1] or "0", 2).to_bytes(length, "little")


def repeated(transfer: int, inflated: int, least: int) -> bytes | None:
    """Return `transfer` bytes that inflate to `inflated` letters; None if no such block does.

    Args:
        transfer: bytes of a message as sent, without its tail (RFC 7692 7.2.1).
        inflated: letters.
        least: letters that must stand before the first repetition: none where some came before.
    """
    for letters in range(least, _LETTERS):
        whole, rest = divmod(inflated - letters, _MOST)
        if inflated < letters or rest in (1, 2) or not whole:
            continue
        size = _bits_of(rest) + _letter_bits(rest) * letters + 2 * whole
        for pads in range(max(0, transfer - (size + 7) // 8) // len(_STORED_EMPTY) + 1):
            room = transfer - len(_STORED_EMPTY) * pads
            for empties in range(8):
                if (size + 10 * empties + 7) // 8 == room:
                    return _STORED_EMPTY * pads + _written(letters, whole, rest, empties)
    return None


def _letter_bits(rest: int) -> int:
    return _codes(_lengths(rest))[_LETTER][1]


def _lengths(rest: int) -> dict[int, int]:
    """Return how long the codes of letters and repetitions are."""
    if not rest:
        return {_LONGEST: 1, _LETTER: 2, _END: 2}
    return {_LONGEST: 1, _LETTER: 2, _END: 3, 257 + _place(rest): 3}


def _place(rest: int) -> int:
    """Return which code a length of a repetition has, less 257."""
    at = len(BASES) - 2
    while BASES[at] > rest:
        at -= 1
    return at


def _codes(lengths: dict[int, int]) -> dict[int, tuple[int, int]]:
    """Return code and length of each symbol (RFC 1951 3.2.2)."""
    found, code, before = {}, 0, 0
    for symbol, length in sorted(lengths.items(), key=lambda each: (each[1], each[0])):
        code <<= length - before
        found[symbol] = code, length
        code, before = code + 1, length
    return found


@cache
def _bits_of(rest: int) -> int:
    """Return the bits of a message but for its letters and its longest repetitions."""
    bits = Bits()
    _begin(bits, rest)
    _finish(bits, rest)
    return bits.count


def _begin(bits: Bits, rest: int) -> None:
    """Write the header of a block, and the lengths of its codes (RFC 1951 3.2.7)."""
    bits.number(0b100, 3)
    bits.number(_LONGEST - 256, 5)
    bits.number(0, 5)
    bits.number(18 - 4, 4)
    written, at = [], 0
    for symbol, length in sorted(_lengths(rest).items()):
        written += [*_zeros(symbol - at), (length, 0, 0)]
        at = symbol + 1
    written.append((1, 0, 0))  # the only distance: one byte back
    lengths = _shortest(Counter(code for code, _, _ in written))
    for symbol in _ORDER[:18]:
        bits.number(lengths.get(symbol, 0), 3)
    codes = _codes(lengths)
    for code, value, extra in written:
        bits.code(*codes[code])
        bits.number(value, extra)


def _zeros(count: int) -> Iterator[tuple[int, int, int]]:
    """Yield codes for symbols that do not occur: code, extra value, its bits."""
    while count:
        if count > 10:
            piece = min(count, 138)
            yield 18, piece - 11, 7
        elif count > 2:
            piece = count
            yield 17, piece - 3, 3
        else:
            piece = 1
            yield 0, 0, 0
        count -= piece


def _shortest(counts: Counter[int]) -> dict[int, int]:
    """Return the lengths of Huffman codes for symbols that occur so often."""
    heap: list[tuple[int, int, tuple[int, ...]]] = [
        (count, symbol, (symbol,)) for symbol, count in sorted(counts.items())
    ]
    lengths = dict.fromkeys(counts, 0)
    while len(heap) > 1:
        heap.sort()
        (one, first, some), (other, _, more) = heap[:2]
        for symbol in (*some, *more):
            lengths[symbol] += 1
        heap[:2] = [(one + other, first, (*some, *more))]
    return lengths


def _finish(bits: Bits, rest: int) -> None:
    codes = _codes(_lengths(rest))
    if rest:
        place = _place(rest)
        bits.code(*codes[257 + place])
        bits.number(rest - BASES[place], EXTRA[place])
        bits.code(0, 1)
    bits.code(*codes[_END])
    bits.number(0, 3)  # an empty stored block begins, of which four bytes are not sent


def _written(letters: int, whole: int, rest: int, empties: int) -> bytes:
    bits = Bits()
    for _ in range(empties):
        bits.number(0b010, 3)
        bits.code(0, 7)
    _begin(bits, rest)
    codes = _codes(_lengths(rest))
    for _ in range(letters):
        bits.code(*codes[_LETTER])
    for _ in range(whole):
        bits.code(*codes[_LONGEST])
        bits.code(0, 1)
    _finish(bits, rest)
    return bits.bytes()
