"""Rows that wait: kept apart, and handed on when it is clear what they say."""

import numpy as np

from analyzer.columns import empty
from analyzer.inside.waiting import Chosen, WaitingRows, joined
from analyzer.websocket.frames import MESSAGE


def rows(*pairs):
    made = empty(MESSAGE, len(pairs))
    made["direction"] = [2 * slot for slot, _ in pairs]
    made["message"] = [message for _, message in pairs]
    return made


def test_rows_wait_until_their_connection_is_decided():
    waiting = WaitingRows()
    waiting.wait(3)
    places, ready = waiting.split(rows((1, 0), (3, 0), (3, 1)), [b"a", b"b", b"c"])
    assert places.tolist() == [0]
    assert ready == []
    held = waiting.find(3, 1)
    assert held.preview == b"c"
    held.code = 5
    waiting.decide(3)
    places, ready = waiting.split(rows((3, 2)), [b"d"])
    assert places is None
    assert [each.code for each in ready] == [0, 5]
    assert joined(rows((3, 2)), ready)["message"].tolist() == [2, 0, 1]


def test_nothing_waits():
    waiting = WaitingRows()
    assert waiting.split(rows((1, 0)), []) == (None, [])
    waiting.wait(100)
    assert waiting.split(rows((1, 0), (500, 0)), [])[0] is None
    assert waiting.find(1, 0) is None


def test_chosen():
    chosen = Chosen([b"a", b"b", b"c"], [2, 0], [b"x"])
    assert list(chosen) == [b"c", b"a", b"x"]
    assert len(chosen) == 3
    assert np.array_equal(len(Chosen([], [])), 0)
