"""Keyed permutations: each value of a small set becomes another one of it, no two the same.

A Feistel network over the next power of four, walked until it is within the set again (the scheme
of NIST SP 800-38G in small, with BLAKE2 as its function). Who knows what one word was learns
nothing of others, however they begin. Knows numbers and bytes. Used by words and coded_words.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from hashlib import blake2b
from typing import Final

MOST: Final = 12
"""Characters of a word that is permuted: of longer ones two hardly meet by chance."""
_ROUNDS: Final = 8


def permuted(value: int, size: int, key: bytes) -> int:
    """Return what stands for a value, 0 <= value < size.

    Args:
        value: to be replaced.
        size: how many there are.
        key: at most 64 bytes; another one for each kind of value.
    """
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    while True:
        left, right = value >> half, value & mask
        for number in range(_ROUNDS):
            said = number.to_bytes(1, "big") + right.to_bytes(8, "big")
            mixed = int.from_bytes(blake2b(said, key=key, digest_size=8).digest(), "big")
            left, right = right, left ^ mixed & mask
        value = left << half | right
        if value < size:
            return value


def permuted_word(
    word: bytes, alphabets: Sequence[bytes], key: bytes, taken: Container[bytes] = ()
) -> bytes:
    """Return what stands for a word: of each character's alphabet another, or the same, one.

    Args:
        word: to be replaced; of more than MOST characters two may become one.
        alphabets: for each character those that may stand there, itself among them.
        key: at most 64 bytes.
        taken: words that stay, so that none becomes one of them.
    """
    if len(word) > MOST:
        shifts = blake2b(word, key=key, digest_size=64).digest()
        return bytes(
            some[(some.index(byte) + shifts[at % 64]) % len(some)]
            for at, (byte, some) in enumerate(zip(word, alphabets, strict=True))
        )
    own = blake2b(b"\0".join(alphabets), key=key, digest_size=32).digest()
    value, size = 0, 1
    for byte, some in zip(word, alphabets, strict=True):
        value, size = value * len(some) + some.index(byte), size * len(some)
    while True:
        value = permuted(value, size, own)
        made, rest = bytearray(len(word)), value
        for at in range(len(word) - 1, -1, -1):
            rest, place = divmod(rest, len(alphabets[at]))
            made[at] = alphabets[at][place]
        if bytes(made) not in taken or size == 1:
            return bytes(made)
