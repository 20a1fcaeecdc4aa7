"""Packets of several interfaces, in the order of time however they are handed over."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.merging import Merger, merged
from analyzer.capture.records import RECORD, RecordBatch


def batch(times, name):
    rows = np.zeros(len(times), RECORD)
    rows["time"] = times
    rows["start"] = 7 + np.arange(len(rows)) * 12
    rows["captured"] = rows["original"] = 9
    content = bytes(7) + b"".join(b"%s%08d..." % (name, when) for when in times)
    data = np.frombuffer(bytearray(content), np.uint8)
    return RecordBatch(rows, data, len(data))


def content(made):
    return [made.data[row["start"] : row["start"] + row["captured"]].tobytes() for row in made.rows]


def test_as_one():
    made = merged([(0, batch([10, 30], b"a")), (4, batch([20, 30, 40], b"b"))], 5)
    assert content(made) == [b"a00000010", b"b00000020", b"a00000030", b"b00000030", b"b00000040"]
    assert list(made.interfaces) == [0, 4, 0, 4, 4]
    assert list(made.rows["packet"]) == [6, 7, 8, 9, 10]
    assert len(made.data) > made.used
    assert len(merged([], 5).rows) == 0


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 15)), min_size=1, max_size=60),
    st.integers(1, 10),
)
def test_all_come_once_in_order_if_none_is_later_than_the_hold(packets, step):
    """Packet i is sent at 100 * i, and handed over at most 15 * 100 later."""
    hold, clock = 1500, [0]
    merger = Merger(hold, lambda: clock[0])
    sent = [(100 * i, who, 100 * i + 100 * late) for i, (who, late) in enumerate(packets)]
    found, times, given_over = [], [], 0
    for now in range(0, 100 * len(packets) + 4000, 100 * step):
        clock[0] = now
        made = []
        for who in range(3):
            some = [w for w, one, at in sent if one == who and given_over <= at < now]
            made.append((who, batch(some, b"%d" % who)))
        given_over = now
        out = merger.push([each for each in made if len(each[1].rows)], len(found))
        assert list(out.rows["packet"]) == list(
            range(len(found) + 1, len(found) + 1 + len(out.rows))
        )
        found += content(out)
        times += list(out.rows["time"])
    assert not merger.holding
    assert times == [when for when, _, _ in sent]
    assert found == [b"%d%08d" % (who, when) for when, who, _ in sent]


def test_what_is_held_comes_out_at_the_end():
    merger = Merger(50, lambda: 1000)
    assert len(merger.push([(0, batch([990], b"a"))], 0).rows) == 0
    assert merger.holding
    assert content(merger.push([], 0, last=True)) == [b"a00000990"]
    assert not merger.holding


def test_packets_of_the_future_wait_for_nobody():
    merger = Merger(50, lambda: 1000)
    assert content(merger.push([(0, batch([5000, 990], b"a"))], 0)) == [b"a00005000"]
