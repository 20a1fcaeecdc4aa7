"""The cut of streams into records, against a reading of the bytes one by one."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.sealed import Traffic, seal

from analyzer.tls import records as layout
from analyzer.tls._cutting import RecordCut
from analyzer.tls.records import TAKEN, Answer, parse_header


@dataclass(frozen=True)
class Whole:
    direction: int
    type: int
    version: int
    body: bytes
    packets: tuple[int, ...]


def read_plainly(traffic: Traffic) -> list[Whole]:
    """Return the records of streams without gaps, in order of the packets that end them."""
    found: list[Whole] = []
    pending: dict[int, list[tuple[int, int]]] = {}
    for row, content in zip(traffic.rows, traffic.contents, strict=True):
        direction = row["direction"]
        kept = pending.setdefault(direction, [])
        for byte in content:
            kept.append((byte, row["packet"]))
            data = bytes(b for b, _ in kept)
            header = parse_header(data[:5])
            if isinstance(header, Answer) or len(data) < 5 + header.length:
                continue
            version = header.version[0] << 8 | header.version[1]
            packets = tuple(dict.fromkeys(packet for _, packet in kept))
            found.append(Whole(direction, header.type, version, data[5:], packets))
            kept.clear()
    return found


def cut(traffic: Traffic, modes=(TAKEN, TAKEN)):
    made = RecordCut()
    made.reserve(2)
    batch = traffic.batch(0, len(traffic.rows), slots=1, last=True)
    found = made.cut(batch.rows, batch.records.data, np.array(modes, np.uint8))
    return made, batch, found


sizes = st.lists(st.integers(0, 40), min_size=1, max_size=8)


@given(one=sizes, other=sizes, seed=st.integers(0, 2**32), biggest=st.sampled_from([1, 4, 60]))
@settings(max_examples=60, deadline=None)
def test_records_are_those_of_a_plain_reading(one, other, seed, biggest):
    source, traffic = random.Random(seed), Traffic()
    left = [
        b"".join(seal(n, source.randbytes(size)) for n, size in enumerate(listed))
        for listed in (one, other)
    ]
    while any(left):
        direction = source.choice([d for d in (0, 1) if left[d]])
        size = source.randint(1, biggest)
        traffic.data(direction, left[direction][:size])
        left[direction] = left[direction][size:]
    made, batch, found = cut(traffic)
    expected = read_plainly(traffic)
    assert len(found) == len(expected)
    for row, want in zip(found, expected, strict=True):
        assert (row["direction"], row["type"], row["version"]) == (
            *(want.direction, want.type, want.version),
        )
        assert (row["length"], row["fate"]) == (len(want.body), layout.WHOLE_RECORD)
        assert row["done_packet"] == want.packets[-1]
        pieces = made.pieces(int(row["first"]), int(row["pieces"]))
        assert tuple(traffic.rows[piece[0]]["packet"] for piece in pieces) == want.packets
        assert sum(piece[3] for piece in pieces) == row["wire"] == len(want.body) + 5
        if row["start"] >= 0:
            start = int(row["start"])
            body = batch.records.data[start : start + len(want.body)]
            assert body.tobytes() == want.body
    assert made.left() == []


def test_what_is_not_whole_is_left():
    traffic = Traffic()
    record = seal(0, b"x" * 30)
    traffic.data(0, record + record[:10])
    traffic.data(0, record[10:20])
    traffic.data(1, record[:3])
    made, _, found = cut(traffic)
    assert len(found) == 1
    assert made.left() == [(0, 0, len(record)), (1, 2, 0)]


def test_a_header_that_cannot_be_begins_a_hole_up_to_the_next():
    traffic = Traffic()
    traffic.data(0, seal(0, b"one"))
    traffic.data(0, b"\x17\x09garbage")
    traffic.data(0, b"more" + seal(1, b"a longer second one"))
    _made, _, found = cut(traffic)
    assert found["fate"].tolist() == [layout.WHOLE_RECORD, layout.HOLE, layout.WHOLE_RECORD]
    assert found["wire"].tolist() == [5 + 8 + 3, 9 + 4, 5 + 8 + 19]


def test_a_hole_that_is_not_found_out_of_leaves_in_pieces():
    """So that little is looked at again with every batch."""
    traffic = Traffic()
    traffic.data(0, b"\x00" * 5)
    for _ in range(60):
        traffic.data(0, b"\x00" * 4096)
    made, _, found = cut(traffic)
    assert set(found["fate"].tolist()) == {layout.HOLE}
    assert len(found) == 3
    assert found["skip"].tolist() == [0, 1, 1]
    assert len(made.left()) == 1
