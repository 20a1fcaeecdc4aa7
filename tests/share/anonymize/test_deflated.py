"""Compressed filler: zlib inflates it, to the two sizes that were asked for."""

from __future__ import annotations

import random
import zlib

import pytest

from analyzer.share.anonymize.deflated import filler, most_letters

TAIL = b"\0\0\xff\xff"


def deflated(data: bytes, level: int) -> int:
    """Bytes of a message as permessage-deflate sends it."""
    pressed = zlib.compressobj(level, zlib.DEFLATED, -15)
    return len(pressed.compress(data) + pressed.flush(zlib.Z_SYNC_FLUSH)) - len(TAIL)


def check(transfer: int, inflated: int) -> None:
    made = filler(transfer, inflated)
    assert made is not None
    assert len(made) == transfer
    assert zlib.decompressobj(-15).decompress(made + TAIL) == b"x" * inflated


@pytest.mark.parametrize("level", [0, 1, 6, 9])
@pytest.mark.parametrize("alphabet", [2, 16, 90, 256])
def test_sizes_of_real_messages(level: int, alphabet: int) -> None:
    source = random.Random(alphabet)
    for length in (0, 1, 2, 3, 7, 40, 199, 201, 1000, 3000):
        data = bytes(source.randrange(alphabet) for _ in range(length))
        check(deflated(data, level), length)


def test_large_ones() -> None:
    check(100_000, 150_000)
    check(70_020, 70_000)


def test_a_message_that_repeats_the_one_before() -> None:
    pressed = zlib.compressobj(9, zlib.DEFLATED, -15)
    text = b"a message that comes again and again, word by word, and once more"
    sent = [
        len(pressed.compress(text) + pressed.flush(zlib.Z_SYNC_FLUSH)) - len(TAIL) for _ in (0, 1)
    ]
    assert filler(4, len(text)) is None  # too few bytes without the window
    first, second = filler(sent[0], len(text)), filler(4, len(text), behind=True)
    assert first is not None
    assert second is not None
    inflate = zlib.decompressobj(-15)
    assert inflate.decompress(first + TAIL) == inflate.decompress(second + TAIL) == b"x" * len(text)


def test_what_cannot_be() -> None:
    assert filler(3, 100_000) is None
    assert all(filler(size, most_letters(size)) for size in range(5, 400))
