"""Rows of what records hold, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.sealed import Traffic, seal

from analyzer.tcp.bytestream import DATA, FRAMING, GAP_CUT
from analyzer.tls import records as layout
from analyzer.tls._laying import RecordLay
from analyzer.tls.records import CLOSED, PASSED, TAKEN


def cut(traffic: Traffic, modes=(TAKEN, TAKEN)):
    made = RecordLay()
    made.reserve(2)
    batch = traffic.batch(0, len(traffic.rows), slots=1, last=True)
    found = made.cut(batch.rows, batch.records.data, np.array(modes, np.uint8))
    return made, batch, found


@pytest.mark.parametrize(
    ("mode", "kind", "length"), [(PASSED, DATA, 5), (CLOSED, FRAMING, 0)], ids=["passed", "closed"]
)
def test_directions_that_are_not_taken(mode, kind, length):
    traffic = Traffic()
    traffic.data(0, b"hello")
    traffic.ack(1)
    made, _, found = cut(traffic, (mode, mode))
    assert len(found) == 0
    rows = made.lay()
    assert (int(rows["kind"][0]), int(rows["length"][0])) == (kind, length)
    assert len(rows) == 2
    assert made.tls_bytes(0) == 0


def test_what_a_record_holds_is_laid_over_its_pieces():
    traffic = Traffic()
    record = seal(0, b"abcdef")
    traffic.data(0, record[:11])
    traffic.data(0, record[11:])
    made, batch, found = cut(traffic)
    found["fate"], found["content"], found["skip"] = layout.OPENED_RECORD, 6, 4
    rows = made.lay()
    assert rows["length"].tolist() == [2, 4]
    assert rows["span"].tolist() == [11, len(record) - 11]
    assert rows["tls"].tolist() == [9, len(record) - 15]
    assert made.tls_bytes(0) == len(record) - 6
    # Where in the buffer the content lies, which the caller writes there.
    assert rows["start"].tolist() == [9, 11]
    assert batch.rows["offset"].tolist() == rows["offset"].tolist()


def test_a_record_that_stays_shut_is_a_gap_of_what_it_may_hold():
    traffic = Traffic()
    record = seal(0, b"x" * 100)
    traffic.data(0, record[:50])
    traffic.data(0, record[50:])
    made, _, found = cut(traffic)
    found["fate"], found["content"] = layout.SHUT_RECORD, 100
    rows = made.lay()
    assert rows["kind"].tolist() == [GAP_CUT, GAP_CUT]
    assert rows["length"].sum() == 100
    assert made.tls_bytes(0) == 5


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.integers(0, 300),
            st.integers(0, 300),
            st.sampled_from([layout.OPENED_RECORD, layout.SHUT_RECORD]),
        ),
        max_size=40,
    )
)
def test_sums_of_what_was_opened(listed):
    traffic = Traffic()
    for direction, content, _, _ in listed:
        traffic.data(direction, seal(0, bytes(content)))
    made = RecordLay()
    made.reserve(6)
    batch = traffic.batch(0, len(listed), slots=3, last=True)
    found = made.cut(batch.rows, batch.records.data, np.full(6, TAKEN, np.uint8))
    if listed:
        _, _, found["content"], found["fate"] = (
            list(column) for column in zip(*listed, strict=True)
        )
    for _ in range(2):  # the second time as the first: nothing is left of it
        sums = {row[3]: row for row in made.opened()}
        expected = {}
        for row in found[found["fate"] == layout.OPENED_RECORD].tolist():
            one = dict(zip(layout.RECORD.names, row, strict=True))
            expected.setdefault(one["direction"], []).append(one)
        assert set(sums) == set(expected)
        for direction, ones in expected.items():
            beside = [one["length"] - one["content"] for one in ones]
            content, length = (sum(one[name] for one in ones) for name in ("content", "length"))
            counted = direction, len(ones), min(beside), max(beside)
            assert sums[direction] == (ones[0]["done_time"], content, length, *counted)
