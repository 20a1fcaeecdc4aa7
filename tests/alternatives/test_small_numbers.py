"""Numbers of slots: unique among the open, given again, never more than were open at once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.alternatives.small_numbers import SmallNumbers

SLOTS = 12


@given(st.lists(st.sets(st.integers(0, SLOTS - 1)), max_size=20))
def test_numbers_are_unique_and_small(batches):
    """In each batch the slots that are named change: open ones end, others open."""
    numbers, held, most = SmallNumbers(), {}, 0
    for batch in batches:
        numbers.reserve(max(batch, default=0) + 1)
        opened, ended = sorted(batch - held.keys()), sorted(batch & held.keys())
        given_ = numbers.give(np.array(opened, np.int64)).tolist()
        assert len(given_) == len(opened)
        held |= zip(opened, given_, strict=True)
        most = max(most, len(held))
        assert len(set(held.values())) == len(held)
        assert max(held.values(), default=-1) < most
        if ended:
            numbers.take_back(np.array(ended, np.int64))
        for slot in ended:
            del held[slot]
        numbers.reserve(SLOTS)
        expected = [held.get(slot, -1) for slot in range(SLOTS)]
        assert numbers.of(np.arange(SLOTS)).tolist() == expected
        assert [numbers.has(slot) for slot in range(SLOTS)] == [each >= 0 for each in expected]


def test_more_room_keeps_what_is_known():
    numbers = SmallNumbers()
    numbers.reserve(2)
    assert numbers.give(np.array([1, 0])).tolist() == [0, 1]
    numbers.reserve(100)
    assert numbers.of(np.array([0, 1, 2, 99])).tolist() == [1, 0, -1, -1]
