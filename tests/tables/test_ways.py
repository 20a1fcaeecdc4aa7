"""Messages of two legs: matched in order, with their transit."""

from __future__ import annotations

from analyzer.tables.ways import Seen, Way


def seen(digest: int, time: int, size: int = 9) -> Seen:
    return Seen(digest, size, time, 1, False)


def test_what_is_passed_over_is_counted() -> None:
    way = Way.of(0, 8)
    for number in range(3):
        assert way.take(0, seen(number + 1, 100 + number)) is None
    assert way.take(1, seen(3, 110)) == (seen(3, 102), seen(3, 110))
    assert (way.matched, way.missed, way.early) == (1, 2, 0)
    assert way.transit.worst == 8


def test_on_the_second_leg_first_is_early() -> None:
    way = Way.of(1, 8)
    way.take(0, seen(1, 100))
    assert way.take(1, seen(1, 107)) == (seen(1, 107), seen(1, 100))
    assert (way.matched, way.early) == (1, 1)


def test_size_tells_where_a_digest_is_not_known() -> None:
    way = Way.of(0, 8)
    way.take(0, seen(0, 100, 5))
    assert way.take(1, seen(0, 101, 6)) is None
    assert way.take(1, seen(0, 102, 5)) is not None
    assert way.distinct == set()


def test_the_last_messages_wait() -> None:
    way = Way.of(0, 2)
    for number in range(3):
        way.take(0, seen(number + 1, number))
    assert way.take(1, seen(1, 9)) is None
    way.widen(8)
    assert [each.digest for each in way.waiting[0]] == [2, 3]
