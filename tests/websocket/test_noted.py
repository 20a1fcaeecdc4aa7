"""The kernel of a shard's walk grows with what is noted."""

from __future__ import annotations

from analyzer.websocket._noted import NotingWalk


def test_floors_of_any_slot():
    walk = NotingWalk(0, 8, None)
    walk.known_from(3, 5)
    walk.known_from(1000, 7)
    walk.reach(4)
    walk.reach(2)
    assert walk.now == 4


def test_nothing_is_noted_of_an_empty_batch():
    walk = NotingWalk(0, 8, None)
    walk.begin_batch()
    assert walk.keys_of_frames().shape == walk.keys_of_finished().shape == (0, 2)
