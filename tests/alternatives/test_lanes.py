"""The layout of a schedule's counters."""

from analyzer.alternatives import lanes


def test_lanes_do_not_overlap():
    numbers = [lanes.POSTS, lanes.PUSHES, lanes.WRITES, lanes.LONG_POLL, lanes.SHORT_POLL]
    assert numbers == list(range(5))


def test_rows_are_structs_of_c():
    """Aligned, and of the sizes that _schedule.pxd declares: 10 and 8 long long, 2 int."""
    assert lanes.LANE.itemsize == 10 * 8
    assert lanes.CONVERSATION.itemsize == 7 * 8 + 2 * 4
    assert lanes.LANE.isalignedstruct
    assert lanes.CONVERSATION.isalignedstruct
