"""Rows that wait: kept apart, and handed on when it is clear what they say."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from oracle.captures import pcap
from oracle.mutations import packets_of

from analyzer import pipeline
from analyzer.analysis import Collector
from analyzer.columns import empty
from analyzer.inside.waiting import Chosen, WaitingRows, joined
from analyzer.options import Options
from analyzer.tables.schema import MESSAGES
from analyzer.websocket.frames import MESSAGE

CAPTURES = Path(__file__).parents[2] / "captures"


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
    assert joined(rows((3, 2)), ready)["message"].tolist() == [0, 1, 2]


def test_nothing_waits():
    waiting = WaitingRows()
    assert waiting.split(rows((1, 0)), []) == (None, [])
    waiting.wait(100)
    assert waiting.split(rows((1, 0), (500, 0)), [])[0] is None
    assert waiting.find(1, 0) is None


def test_chosen():
    chosen = Chosen([b"a", b"b", b"c"], [2, 0], [b"x"])
    assert list(chosen) == [b"x", b"c", b"a"]
    laid = chosen.pieces()
    assert [laid.data[at : at + 1].tobytes() for at in laid.starts] == [b"x", b"c", b"a"]
    assert len(chosen) == 3
    assert np.array_equal(len(Chosen([], [])), 0)


@pytest.mark.parametrize("size", [100, 512, 4096, 2**20])
def test_rows_of_a_side_stay_in_order_however_batches_are_cut(size):
    # With these packets gone, a protocol is clear in the batch that brings a later message.
    link, packets = packets_of((CAPTURES / "why-blocked-loop.pcap").read_bytes())
    packets = [each for at, each in enumerate(packets, 1) if at not in (68, 77, 87, 158)]
    collector = Collector()
    file = BytesIO(pcap(packets, link_type=link, nanoseconds=True))
    pipeline.run(["-"], Options(batch_bytes=size), [collector], stdin=file)
    # Writers get them in this order; a DataFrame is sorted.
    values = collector.rows(MESSAGES).values
    for key in set(zip(values["connection"], values["direction"], strict=True)):
        of_it = (values["connection"] == key[0]) & (values["direction"] == key[1])
        assert (np.diff(values["message"][of_it]) > 0).all()
