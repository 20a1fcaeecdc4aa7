"""Time stamps in integers."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.capture.clock import linear, ticks_to_ns
from analyzer.columns import NULL


@pytest.mark.parametrize(
    ("ticks", "resolution", "offset", "expected"),
    [
        (1_700_000_000_123_456, 6, 0, 1_700_000_000_123_456_000),
        (1_700_000_000_123_456_789, 9, 0, 1_700_000_000_123_456_789),
        (1_700_000_000, 0, 0, 1_700_000_000 * 10**9),
        (1_999, 12, 0, 1),  # picoseconds are rounded down
        (3, 0x81, 0, 1_500_000_000),  # halves of a second
        (2**32 + 1, 0xA0, 0, 1_000_000_000),  # 1/2^32 s is 0.23 ns
        (0, 6, -5, -5_000_000_000),
        (1, 6, 1_000_000, 10**15 + 1000),
        (2**64 - 1, 6, 0, NULL),  # the year 586,524
        (0, 6, 2**62, NULL),
        # Two times may lie 2^63 - 2 ns apart at most, which 64 bits hold.
        (2**62 - 1, 9, 0, 2**62 - 1),
        (2**62, 9, 0, NULL),
        (0, 0, -4_611_686_018, -4_611_686_018 * 10**9),
        (0, 0, -4_611_686_019, NULL),
        (2**64 - 1, 127, 0, 0),
    ],
)
def test_ticks_to_ns(ticks, resolution, offset, expected):
    assert ticks_to_ns(ticks, resolution, offset) == expected


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 255), st.integers(-(2**63), 2**63 - 1) | st.integers(-10, 10), st.data())
def test_linear_is_exact_and_stays_within_64_bits(resolution, offset, data):
    limit, multiplier, divisor, add = linear(resolution, offset)
    if limit < 0:
        return
    assert limit < 2**63 - 1
    ticks = data.draw(st.integers(0, limit) | st.just(limit))
    assert ticks * multiplier < 2**63
    per_second = 2 ** (resolution - 128) if resolution >= 128 else 10**resolution
    exact = Fraction(ticks, per_second) * 10**9 // 1 + offset * 10**9
    assert ticks * multiplier // divisor + add == exact
    assert abs(exact) < 2**62


def test_common_clocks_need_no_long_way():
    now_us = 1_800_000_000 * 10**6
    assert linear(6, 0)[0] > now_us
    assert linear(9, 0)[0] > now_us * 1000
