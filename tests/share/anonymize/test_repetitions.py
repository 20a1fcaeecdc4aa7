"""Payload that repeats itself: zlib inflates it, to the two sizes that were asked for."""

from __future__ import annotations

import zlib

import pytest

from analyzer.share.anonymize.repetitions import repeated

TAIL = b"\0\0\xff\xff"


@pytest.mark.parametrize("level", [1, 6, 9])
def test_as_few_bytes_as_zlib_needs(level: int) -> None:
    for length in range(6000, 60_000, 1371):
        pressed = zlib.compressobj(level, zlib.DEFLATED, -15)
        sent = pressed.compress(b"?" * length) + pressed.flush(zlib.Z_SYNC_FLUSH)
        transfer = len(sent) - len(TAIL)
        made = repeated(transfer, length, 1)
        assert made is not None, (transfer, length)
        assert len(made) == transfer
        assert zlib.decompressobj(-15).decompress(made + TAIL) == b"x" * length


@pytest.mark.parametrize("more", range(12))
def test_longer_ones_are_padded(more: int) -> None:
    made = repeated(60 + more, 20_000, 1)
    assert made is not None
    assert len(made) == 60 + more
    assert zlib.decompressobj(-15).decompress(made + TAIL) == b"x" * 20_000


def test_letters_of_the_window_are_repeated() -> None:
    made = repeated(30, 5_160, 0)
    assert made is not None
    inflate = zlib.decompressobj(-15, zdict=b"x" * 9)
    assert inflate.decompress(made + TAIL) == b"x" * 5_160


def test_too_few_bytes() -> None:
    assert repeated(12, 20_000, 1) is None
    assert repeated(30, 100, 1) is None
