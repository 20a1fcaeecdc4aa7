import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.tcp.sequence import between, distance, stream_offset, wide, wide_unsigned


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1))
def test_distance_undoes_a_step_around_the_ring(origin, step):
    assert distance((origin + step) % 2**32, origin) == step


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**45), st.integers(-(2**31), 2**31 - 1))
def test_offset_is_found_near_the_expected_one(base, near, step):
    assert stream_offset((base + near + step) % 2**32, base, near) == near + step


def test_half_of_the_ring_counts_as_before():
    assert distance(0x80000000, 0) == -(2**31)
    assert distance(0x7FFFFFFF, 0) == 2**31 - 1


@settings(deadline=None)
@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_times_of_any_size_lie_apart_without_wrapping(one, other):
    apart = between(np.int64(one), np.int64(other))
    assert 0 <= apart < 2**64
    assert min(one, other) + apart == max(one, other)


def test_narrow_integers_are_widened():
    assert wide(np.uint32(2**32 - 1)) + 1 == 2**32
    assert wide_unsigned(2**64 + 5) == 5
    assert wide_unsigned(np.uint16(65535)) * 2**60 == 65535 * 2**60
