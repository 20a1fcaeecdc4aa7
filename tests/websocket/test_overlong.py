"""Control frames beyond 125 bytes."""

from __future__ import annotations

import hashlib

from analyzer.websocket.overlong import MAX_KEPT, Overlong


def test_pieces_of_two_directions_make_two_frames() -> None:
    overlong = Overlong()
    overlong.take(0, b"ab")
    overlong.take(1, b"xy")
    overlong.take(0, b"cd")
    assert overlong.end(0) == (b"abcd", hashlib.blake2b(b"abcd").digest())
    assert overlong.end(1).payload == b"xy"
    assert overlong.end(1).payload == b""


def test_what_is_kept_is_bounded_and_all_is_hashed() -> None:
    overlong = Overlong()
    payload = bytes(range(256)) * 300
    for at in range(0, len(payload), 1000):
        overlong.take(3, payload[at : at + 1000])
    kept, digest = overlong.end(3)
    assert kept == payload[:MAX_KEPT]
    assert digest == hashlib.blake2b(payload).digest()


def test_a_direction_that_is_gone_leaves_nothing() -> None:
    overlong = Overlong()
    overlong.take(0, b"old")
    overlong.forget(0)
    overlong.take(0, b"new")
    assert overlong.end(0).payload == b"new"
