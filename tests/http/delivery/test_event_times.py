"""Times in events against the times at which they came."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from analyzer.http.delivery.event_times import LOOKED_AT, EventTimes, stamp_of

MS, S = 1_000_000, 1_000_000_000
NOW = 1_764_000_000 * S


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"ts": 1764000000}', (b"ts", NOW, S)),
        (b'{"ts":1764000000.25}', (b"ts", NOW + 250 * MS, 10 * MS)),
        (b'{"n":1,"at":1764000000123}', (b"at", NOW + 123 * MS, MS)),
        (b'{"at":"1764000000123456"}', (b"at", NOW + 123_456_000, 1000)),
        (b'{"at":1764000000123456789,"x":2}', (b"at", NOW + 123_456_789, 1)),
        (b'{"t":"2025-11-24T16:00:00Z"}', (b"t", NOW, S)),
        (b'{"t":"2025-11-24T16:00:00.5Z"}', (b"t", NOW + 500 * MS, 100 * MS)),
        (b'{"t":"2025-11-24 17:00:00.123+01:00"}', (b"t", NOW + 123 * MS, MS)),
        (b'{"t":"2025-11-24T16:00:00.123456"}', (b"t", NOW + 123_456_000, 1000)),
        # A month that is none, a number that is no time of now, a name alone, no JSON.
        (b'{"t":"2025-13-24T16:00:00Z"}', None),
        (b'{"id":1234567890123}', None),
        (b'{"1764000000":1}', None),
        (b"at 1764000000", None),
        (b'{"a":1234567890123,"b":1764000000}', (b"b", NOW, S)),
        (b'{"x":"' + b"y" * LOOKED_AT + b'","ts":1764000000}', None),
        (b'{"ts":17640000001764000000}', None),
        (b"", None),
    ],
)
def test_a_time_in_a_text(text: bytes, expected: tuple[bytes, int, int] | None) -> None:
    assert datetime.fromtimestamp(NOW / S, UTC).isoformat() == "2025-11-24T16:00:00+00:00"
    assert stamp_of(text, NOW + 5 * S) == expected
    assert stamp_of(text, NOW + 5 * S, b"other") is None
    assert stamp_of(text, NOW + 2 * 86_400 * S) is None


def held(events: list[tuple[int, int]], offset: int = 0) -> tuple[int, int]:
    """Events as (ms when it came, ms that it says)."""
    times = EventTimes()
    for came, said in events:
        times.take(NOW + offset + came * MS, b'{"ts":%d}' % ((NOW + said * MS) // MS))
    assert times.timed == len(events)
    return times.held()[:2]


def bursts(count: int, size: int = 5, every: int = 100) -> list[tuple[int, int]]:
    """Events each 100 ms; so many together when the last of them comes about."""
    return [
        ((burst + 1) * size * every, (burst * size + place + 1) * every)
        for burst in range(count)
        for place in range(size)
    ]


def test_what_comes_together_waited_for_the_last() -> None:
    # The first burst may be what the client missed.
    assert held(bursts(6)) == (5 * 4, 400 * MS)


@pytest.mark.parametrize("offset", [0, 3600 * S, -3600 * S])
def test_clocks_may_differ(offset: int) -> None:
    assert held(bursts(6), offset) == (5 * 4, 400 * MS)


def test_few_times_are_no_habit() -> None:
    assert held(bursts(3)) == (0, 0)
    assert held(bursts(4)) == (3 * 4, 400 * MS)


def test_what_comes_as_it_comes_about_did_not_wait() -> None:
    assert held([(n * 100 + 3, n * 100) for n in range(50)]) == (0, 0)


def test_events_of_one_moment_did_not_wait() -> None:
    together = [(burst * 500, burst * 500 + place * 9) for burst in range(9) for place in range(5)]
    assert held(together) == (0, 0)


def test_what_was_missed_comes_together_first() -> None:
    """A log begins with what happened before."""
    assert held([(0, -1000 * n) for n in range(100, 0, -1)] + [(n, n) for n in range(1, 9)]) == (
        0,
        0,
    )


def test_times_of_something_else_say_nothing() -> None:
    """Posts of all ages, in order of their age, ten at once."""
    randomness = random.Random(1)
    events = []
    for burst in range(20):
        ages = sorted((randomness.randrange(3600_000) for _ in range(10)), reverse=True)
        events += [(burst * 1000, burst * 1000 - age - 3600_000 * (burst % 5)) for age in ages]
    # One in five begins as late as the least: these might be late by a buffer.
    assert held(events)[0] <= 9 * 20 // 5
    shuffled = [(came, said) for came, said in events]
    randomness.shuffle(shuffled)
    assert held([(came, said) for (came, _), (_, said) in zip(events, shuffled, strict=True)]) == (
        0,
        0,
    )


def test_whole_seconds_are_not_taken_for_exact() -> None:
    """Two events of one moment may say 59 and 60."""
    times = EventTimes()
    for burst in range(20):
        for place in range(2):
            times.take(NOW + burst * 3 * S, b'{"ts":%d}' % (NOW // S + burst * 3 + place))
    assert times.held() == (0, 0, 0)
    for burst in range(20, 30):
        for place in range(3):
            times.take(NOW + burst * 3 * S, b'{"ts":%d}' % (NOW // S + burst * 3 + place))
    assert times.held()[0] == 10


def test_a_stream_without_times_is_not_searched_on() -> None:
    times = EventTimes()
    for _ in range(16):
        times.take(NOW, b'{"n":1}')
    times.take(NOW, b'{"ts":1764000000}')
    assert (times.timed, times.held()) == (0, (0, 0, 0))


def test_a_flood_that_comes_at_once_is_cut() -> None:
    times = EventTimes()
    for place in range(5000):
        times.take(NOW, b'{"ts":%d}' % (NOW // MS + place))
    assert times.timed == 5000
    assert times.held()[1] <= 1024 * MS
