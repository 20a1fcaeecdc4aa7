from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.tcp.sequence import distance, stream_offset


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
