"""Compressed payload that says nothing: a DEFLATE stream of a given length for a given length.

So that a capture whose compressed messages were overwritten is still one of sound messages, of
the sizes that they had. Knows RFC 1951 and how RFC 7692 7.2.1 ends a message: with an empty stored
block, whose last four bytes are not sent.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from analyzer.share.anonymize.repetitions import BASES, EXTRA, Bits, repeated

_LETTER: Final = b"x"
"""So far from both ends of the alphabet that the lengths of its codes are told in few bits."""
_STORED: Final = 65_535
_LITERAL: Final = (0x30 + _LETTER[0], 8)
"""RFC 1951 3.2.6: literals 0 to 143 have 8 bits, from 00110000."""
_FAR: Final = 200
"""Literals from which on they stand in stored blocks: writing bits costs a microsecond each."""
_BESIDE: Final = 8
_EMPTY_FIXED: Final = 10
_PAD: Final = 5


def filler(transfer: int, inflated: int, *, behind: bool = False) -> bytes | None:
    """Return `transfer` bytes that inflate to `inflated` letters; None if none do.

    Args:
        transfer: bytes of a message as sent, without its tail.
        inflated: bytes of it as the application sees it.
        behind: letters came before it in the same window, which it may repeat.
    """
    if not inflated and transfer % _PAD == 1:
        return _STORED_EMPTY * (transfer // _PAD) + b"\0"
    if transfer > _MEMORABLE:
        return _filler(transfer, inflated, behind)
    return _remembered(transfer, inflated, behind)


def most_letters(transfer: int) -> int:
    """Return how many letters `filler` can hold in so many bytes, about."""
    return max(0, (8 * transfer - 28) // 13 * 258, (8 * transfer - 140) // 2 * 258)


def _filler(transfer: int, inflated: int, behind: bool) -> bytes | None:
    for pads in range(8):
        for empties in range(8):
            found = _solved(
                transfer - _PAD * pads, inflated, empties, 0 if behind else min(1, inflated)
            )
            if found is not None:
                return _written(found, inflated, empties, pads)
    made = repeated(transfer, inflated, 0 if behind else 1)
    if made is not None:
        return made
    most = transfer - inflated - 16
    if most > 0:  # far longer than what it holds
        pads = most // _PAD
        short = _filler(transfer - _PAD * pads, inflated, behind)
        return None if short is None else _STORED_EMPTY * pads + short
    return None


_MEMORABLE: Final = 4096
_remembered = lru_cache(maxsize=2048)(_filler)


_STORED_EMPTY: Final = b"\0\0\0\xff\xff"


def _solved(transfer: int, inflated: int, empties: int, least: int) -> int | None:
    """Return how many letters must stand by themselves for a length; None if no number fits."""
    low, high = least, inflated
    if not _cost(least, inflated, empties) - 12 <= transfer <= inflated + 12 + 2 * empties:
        return None
    while low < high:
        middle = (low + high) // 2
        if _cost(middle, inflated, empties) < transfer:
            low = middle + 1
        else:
            high = middle
    for letters in range(max(least, low - 12), min(inflated, low + 12) + 1):
        if _cost(letters, inflated, empties) == transfer:
            return letters
    return None


def _shape(letters: int, inflated: int) -> tuple[int, list[int]]:
    """Return the letters that stand by themselves, and the lengths of repetitions."""
    whole, rest = divmod(inflated - letters, 258)
    if not rest:
        return letters, [258] * whole
    if rest >= 3:
        return letters, [258] * whole + [rest]
    if whole:
        return letters, [258] * (whole - 1) + [255 + rest, 3]
    return letters + rest, []


def _code(length: int) -> tuple[int, int, int, int]:
    """Return code and bits of a length, and its extra value and bits."""
    at = 28
    while BASES[at] > length:
        at -= 1
    if at == 28 or length < 258:
        code, bits = (at + 1, 7) if at < 23 else (0xC0 + at - 23, 8)
        return code, bits, length - BASES[at], EXTRA[at]
    raise ValueError(length)


def _cost(letters: int, inflated: int, empties: int) -> int:
    alone, repeats = _shape(letters, inflated)
    stored = alone - _BESIDE if alone > _FAR else 0
    bits = 3 + 8 * (alone - stored) + 7 + 3 + _EMPTY_FIXED * empties
    if repeats:
        whole = repeats.count(258)
        bits += 13 * whole
        for length in repeats[whole:]:
            _, code, _, extra = _code(length)
            bits += code + extra + 5
    return stored + 5 * -(-stored // _STORED) + (bits + 7) // 8


def _written(letters: int, inflated: int, empties: int, pads: int) -> bytes:
    alone, repeats = _shape(letters, inflated)
    stored = alone - _BESIDE if alone > _FAR else 0
    made = [_STORED_EMPTY * pads]
    for at in range(0, stored, _STORED):
        count = min(_STORED, stored - at)
        made.append(b"\0" + count.to_bytes(2, "little") + (count ^ 0xFFFF).to_bytes(2, "little"))
        made.append(_LETTER * count)
    bits = Bits()
    for _ in range(empties):
        bits.number(2, 3)  # not the last block, fixed codes
        bits.code(0, 7)
    bits.number(2, 3)
    for _ in range(alone - stored):
        bits.code(*_LITERAL)
    for length in repeats:
        code, count, extra, extras = _code(length)
        bits.code(code, count)
        bits.number(extra, extras)
        bits.code(0, 5)  # distance 1
    bits.code(0, 7)
    bits.number(0, 3)  # the stored block whose rest is not sent
    return b"".join((*made, bits.bytes()))
