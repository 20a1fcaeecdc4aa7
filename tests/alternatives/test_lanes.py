"""The layout of a schedule's counters."""

import numpy as np
import pytest

from analyzer.alternatives import lanes


def test_lanes_do_not_overlap():
    numbers = [lanes.POSTS, lanes.PUSHES, lanes.WRITES, lanes.LONG_POLL]
    numbers += [lanes.REPLIES, lanes.FOLLOWERS, lanes.SHORT_POLL]
    assert numbers == list(range(7))


def test_polled_is_the_mean_of_phases():
    """Two phases bring 2 answers, two bring 3; over all phases there would be 2.2."""
    rows = np.zeros((1, lanes.SHORT_POLL + 2 * lanes.PHASES), lanes.LANE)
    sizes = np.zeros((*rows.shape, lanes.SIZE_CLASSES), np.int32)
    mine = slice(lanes.SHORT_POLL + lanes.PHASES, None)
    rows["answers"][0, mine] = 2, 3, 2, 3
    sizes[0, mine, 5] = 2, 3, 2, 3
    rows["expected"][0, mine.start] = 2.2
    rows["messages"][0, mine] = 4
    rows["payload_bytes"][0, mine] = 440
    found = lanes.polled(rows, sizes, 1)
    assert found.answers == 2.2
    assert found.sizes.sum() == pytest.approx(2.2)
    assert (found.messages, found.payload_bytes) == (4, 440)
    assert found.mean_payload == pytest.approx(200)
    assert found.mean_messages == pytest.approx(4 / 2.2)
    assert lanes.polled(rows, sizes, 0).answers == 0


def test_rows_are_structs_of_c():
    """Aligned, and of the sizes that _schedule.pxd declares: 11 and 10 words, 4 int."""
    assert lanes.LANE.itemsize == 11 * 8
    assert lanes.CONVERSATION.itemsize == 10 * 8 + 4 * 4
    assert lanes.LANE.isalignedstruct
    assert lanes.CONVERSATION.isalignedstruct
