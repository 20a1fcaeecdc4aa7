"""The clocks of two points of capture, from messages of known delays."""

from __future__ import annotations

import random

import pytest

from analyzer.tables.clocks import Clocks, Point, clocks

MS, S = 1_000_000, 1_000_000_000


def points(
    offset: int, there: float, back: float, *, ppm: float = 0, seconds: int = 10, jitter: float = 0
) -> tuple[list[Point], list[Point]]:
    """Messages 10 a second each way over a path of these delays (ms)."""
    draw = random.Random(7)

    def shown(true: float) -> int:
        return round(true + offset + ppm * true / 1e6)

    def wait() -> float:
        return jitter * MS * draw.random() ** 2

    sent = [n * S / 10 for n in range(10 * seconds)]
    out = [(round(t), shown(t + there * MS + wait())) for t in sent]
    came = [(round(t + 0.03 * S + back * MS + wait()), shown(t + 0.03 * S)) for t in sent]
    return out, came


@pytest.mark.parametrize("offset", [0, 3_600 * S + 500 * MS, -17 * MS])
@pytest.mark.parametrize(("there", "back"), [(15, 15), (1, 39)])
def test_offset_lies_within_its_uncertainty(offset: int, there: float, back: float) -> None:
    found = clocks(*points(offset, there, back, jitter=5))
    assert found is not None
    assert found.uncertainty == pytest.approx((there + back) / 2 * MS, rel=0.05)
    assert abs(found.offset - offset) <= found.uncertainty
    # It is off by what the two ways differ, and by nothing else.
    assert found.offset - offset == pytest.approx((there - back) / 2 * MS, abs=0.1 * MS)


@pytest.mark.parametrize("ppm", [20, -50])
def test_drift_over_minutes(ppm: float) -> None:
    found = clocks(*points(40 * MS, 5, 5, ppm=ppm, seconds=300, jitter=1))
    assert found is not None
    assert found.drift == pytest.approx(ppm * 1000, rel=0.05)
    assert found.at(300 * S) == pytest.approx(40 * MS + ppm * 300_000, abs=0.2 * MS)
    assert found.uncertainty == pytest.approx(5 * MS, rel=0.05)


def test_the_time_by_the_other_clock() -> None:
    found = Clocks(5 * S, 0, drift=200_000.0, origin=1_700_000_000 * S)
    time = 1_700_000_000 * S + 1_000 * S
    assert found.there(time) == time + 5 * S + 200 * MS
    assert found.back(found.there(time)) == pytest.approx(time, abs=2_000)


def test_no_drift_without_one() -> None:
    found = clocks(*points(0, 5, 5, seconds=300, jitter=40))
    assert found is not None
    assert found.drift == 0


def test_drift_is_not_looked_for_in_seconds() -> None:
    found = clocks(*points(0, 5, 5, ppm=50, seconds=30))
    assert found is not None
    assert found.drift == 0


def test_one_way_alone_says_nothing() -> None:
    there, back = points(0, 5, 5)
    assert clocks(there, []) is None
    assert clocks([], back) is None


def test_points_in_the_other_order() -> None:
    there, back = points(9 * MS, 5, 5)
    turned = clocks([(b, a) for a, b in there], [(b, a) for a, b in back])
    assert turned is not None
    assert turned.uncertainty < 0


def test_offset_at_another_time() -> None:
    assert Clocks(5, 1, 1000.0, 10 * S).at(12 * S) == 2005
