"""The kernel that makes packet blocks, beside the builder of the oracle."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from oracle import captures

from analyzer.capture._blocks import fill
from analyzer.capture.records import RECORD
from analyzer.columns import NULL

PACKETS = st.lists(
    st.tuples(st.integers(0, 2**62), st.binary(max_size=70), st.integers(0, 90), st.integers(0, 5)),
    max_size=12,
)


def rows_of(packets):
    data = b"".join(payload for _, payload, _, _ in packets)
    rows = np.zeros(len(packets), RECORD)
    at = 0
    for row, (time, payload, more, _) in zip(rows, packets, strict=True):
        row["time"], row["start"], row["captured"] = time, at, len(payload)
        row["original"] = len(payload) + more
        at += len(payload)
    numbers = np.array([number for *_, number in packets], np.uint32)
    return np.frombuffer(bytearray(data or b"\0"), np.uint8), rows.view(np.recarray), numbers


@given(PACKETS, st.integers(1, 400), st.integers(150, 500))
def test_as_the_oracle_builds_them(packets, most, room):
    data, rows, numbers = rows_of(packets)
    out, made, row = np.empty(room, np.uint8), b"", 0
    while row < len(rows):
        before = row
        row, used = fill(data, rows, numbers, row, out, most)
        assert row > before
        made += out[:used].tobytes()
    assert made == b"".join(
        captures.enhanced(time, payload, len(payload) + more, number)
        for time, payload, more, number in packets
    )


def test_no_room_and_no_time():
    data, rows, numbers = rows_of([(5, b"abc", 0, 0)])
    assert fill(data, rows, numbers, 0, np.empty(35, np.uint8), 99) == (0, 0)
    rows["time"] = NULL
    out = np.empty(36, np.uint8)
    assert fill(data, rows, numbers, 0, out, 99) == (1, 36)
    assert out.tobytes() == captures.enhanced(0, b"abc")
