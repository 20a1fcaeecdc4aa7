"""How far back a DEFLATE stream refers, against streams whose distances are known."""

from __future__ import annotations

import random
import zlib

import pytest

from analyzer.websocket._distances import Distances


def compressed(data: bytes, *, level: int = 9, strategy: int = 0, before: bytes = b"") -> bytes:
    """Return one message as permessage-deflate sends it (RFC 7692 7.2.1)."""
    stream = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    if before:
        stream.compress(before)
        stream.flush(zlib.Z_SYNC_FLUSH)
    return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize("distance", [30, 256, 257, 512, 513, 4096, 4097, 6000, 20_000, 32_506])
def test_a_known_distance(distance: int) -> None:
    """Noise is found nowhere but where its copy stands: `distance` bytes before."""
    noise = random.Random(distance).randbytes(distance)
    data = noise + noise[: min(distance, 200)]
    assert Distances().farthest(compressed(data)) == distance


@pytest.mark.parametrize("distance", [30, 256, 257, 512, 513])
def test_a_known_distance_by_fixed_codes(distance: int) -> None:
    """RFC 1951 3.2.6. Of more noise zlib would make a stored block."""
    noise = random.Random(distance).randbytes(distance)
    sent = compressed(noise + noise[: min(distance, 200)], strategy=zlib.Z_FIXED)
    assert sent[0] & 6 == 2
    assert Distances().farthest(sent) == distance


def test_a_reference_to_the_message_before() -> None:
    noise = random.Random(1).randbytes(5000)
    assert Distances().farthest(compressed(noise[:300], before=noise)) == 5000


@pytest.mark.parametrize("data", [b"", b"a", bytes(random.Random(2).randbytes(70_000))])
def test_nothing_refers_back(data: bytes) -> None:
    assert Distances().farthest(compressed(data)) == 0


def test_stored_blocks_are_passed_over() -> None:
    noise = random.Random(3).randbytes(1000)
    stored = compressed(noise, level=0)
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream.compress(noise)
    stream.flush(zlib.Z_SYNC_FLUSH)
    again = stream.compress(noise[:100]) + stream.flush(zlib.Z_SYNC_FLUSH)
    assert Distances().farthest(stored + b"\x00\x00\xff\xff" + again) == 1000


def test_a_final_block_does_not_end_the_message() -> None:
    """RFC 7692 7.2.3.4."""
    noise = random.Random(4).randbytes(700)
    final = zlib.compressobj(9, zlib.DEFLATED, -15)
    ended = final.compress(noise) + final.flush(zlib.Z_FINISH)
    assert Distances().farthest(ended + compressed(noise[:50], before=noise)) == 700


def test_no_bytes_do_harm() -> None:
    randomness = random.Random(5)
    reader = Distances()
    for _ in range(3000):
        assert 0 <= reader.farthest(randomness.randbytes(randomness.randrange(200))) <= 32_768


@pytest.mark.parametrize("bits", range(9, 16))
def test_zlib_keeps_to_its_window(bits: int) -> None:
    randomness = random.Random(bits)
    words = [randomness.randbytes(8) for _ in range(50)]
    data = b"".join(randomness.choice(words) for _ in range(20_000))
    stream = zlib.compressobj(9, zlib.DEFLATED, -bits)
    sent = stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)
    assert 0 < Distances().farthest(sent) <= 1 << bits
