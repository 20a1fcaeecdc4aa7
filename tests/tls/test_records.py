"""Record headers, and the walk over records against its plain twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import tls
from oracle.chunks import Stream

from analyzer.tls._records import RecordWalk
from analyzer.tls.records import WALK, Answer, RecordHeader, parse_header


def test_header_of_a_client_hello():
    assert parse_header(b"\x16\x03\x01\x02\x00") == RecordHeader(22, (3, 1), 512)


@pytest.mark.parametrize("length", range(5))
def test_a_cut_header_needs_more(length):
    assert parse_header(b"\x16\x03\x01\x02\x00"[:length]) is Answer.NEED_MORE


@pytest.mark.parametrize(
    "begin",
    [b"\x13", b"\x19\x03\x03", b"\x16\x02", b"\x16\x03\x05", b"GET /", b"\x80\x2e\x01\x03\x01"],
)
def test_what_cannot_begin_a_record_is_malformed_at_once(begin):
    assert parse_header(begin) is Answer.MALFORMED


@pytest.mark.parametrize(
    ("kind", "length", "clear", "fits"),
    [
        (23, 2**14 + 2048, False, True),  # RFC 5246 6.2.3
        (23, 2**14 + 2049, False, False),
        (22, 2**14, True, True),  # RFC 8446 5.1
        (22, 2**14 + 1, True, False),
        (22, 2**14 + 1, False, True),
        (22, 0, True, False),
        (21, 0, True, False),
        (23, 0, False, True),
        (20, 1, True, True),
        (20, 2, True, False),
        (20, 40, False, True),  # encrypted, in a renegotiation
    ],
)
def test_limits_of_a_length(kind, length, clear, fits):
    header = bytes([kind, 3, 3]) + length.to_bytes(2, "big")
    assert isinstance(parse_header(header, clear=clear), RecordHeader) == fits


# --- the walk

TALK = b"".join(what for side, what in tls.hellos_1_2() if side == 0) + tls.data() + tls.data(7)
"""A client's hello, key exchange, ChangeCipherSpec, Finished, and two records of data."""


def walked(stream: Stream, size: int | None = None) -> tuple[dict[str, int], bytes]:
    """Return the WALK of direction 0, and the handshake messages handed out."""
    walk = RecordWalk(1 << 16)
    walk.reserve(2)
    handed = b""
    for rows, records in stream.batches(size):
        for piece in walk.walk(rows, records.data):
            handed += records.data[piece["start"] :][: piece["length"]].tobytes()
    row = walk.take(np.asarray([0]))[0]
    return {name: int(row[name]) for name in WALK.names or ()}, handed


def twin(stream: Stream) -> dict[str, int]:
    rows = [
        (row["kind"], row["packet"], row["time"], row["length"], content)
        for row, content in stream.rows
    ]
    return tls.plain_walk(rows)


def test_the_whole_handshake_by_hand():
    stream = Stream()
    stream.data(0, TALK)
    found, handed = walked(stream)
    assert found["records"] == 2
    assert found["record_bytes"] == 57
    assert found["tls_bytes"] == len(TALK) - 57
    assert (found["finished_packet"], found["first_packet"]) == (1, 1)
    assert handed == TALK[5 : 5 + len(tls.client_hello())] + tls.message(16, bytes(66)) + bytes(40)


@pytest.mark.parametrize("place", range(1, len(TALK)))
def test_split_at_every_byte(place):
    stream = Stream()
    stream.data(0, TALK[:place])
    stream.data(0, TALK[place:])
    whole = Stream()
    whole.data(0, TALK)
    for name in ("tls_bytes", "records", "record_bytes", "state", "alert_packet"):
        assert walked(stream)[0][name] == walked(whole)[0][name]
    assert walked(stream)[1] == walked(whole)[1]


PARTS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([20, 21, 22, 23, 23, 23, 24]), st.integers(0, 40), st.just(0)
        ).map(lambda each: tls.record(each[0], bytes(each[1]))),
        st.sampled_from(
            [
                tls.record(20, b"\1"),
                tls.record(21, b"\2\x28"),
                tls.record(22, b"\1\0\0\1\0"),
                tls.record(23, bytes(30)),
                tls.record(21, b"\1\0"),
            ]
        ),
        st.binary(max_size=12),
    ),
    max_size=10,
)


@given(
    PARTS,
    st.lists(st.integers(1, 40), min_size=1, max_size=30),
    st.lists(st.integers(0, 29), max_size=3),
    st.integers(1, 9),
)
def test_like_its_plain_twin(parts, sizes, gaps, batch):
    """Records of any kind, cut into packets anywhere, some of which were not captured."""
    content, stream, at = b"".join([tls.record(22, b"\1\0\0\1\0"), *parts]), Stream(), 0
    for number, size in enumerate(sizes * len(content)):
        if at >= len(content):
            break
        part = content[at : at + size]
        if number in gaps and number % 2:
            stream.lost(0, len(part))
        elif number in gaps:
            stream.cut(0, part[: len(part) // 2], len(part) - len(part) // 2)
        else:
            stream.data(0, part)
        at += size
    found, handed = walked(stream, batch)
    expected = twin(stream)
    assert {name: found[name] for name in expected} == expected
    assert (found, handed) == walked(stream)


def test_goes_on_behind_a_gap_where_a_segment_begins_with_a_record():
    stream = Stream()
    stream.data(0, TALK)
    stream.data(0, tls.data(500)[:100])
    stream.lost(0, 600)
    stream.data(0, b"the rest of a record that was lost")
    stream.data(0, tls.data(80) + tls.data(20))
    found, _ = walked(stream)
    assert found["records"] == 2 + 1 + 2
    assert found["lost_packet"] == 3


def test_a_gap_within_a_record_loses_nothing_else():
    stream = Stream()
    stream.data(0, TALK)
    stream.data(0, tls.data(500)[:100])
    stream.lost(0, 405)
    stream.data(0, tls.data(20))
    found, _ = walked(stream)
    assert (found["records"], found["lost_packet"]) == (4, 0)


def test_handshake_messages_are_handed_out_up_to_the_limit():
    walk = RecordWalk(100)
    stream = Stream()
    for _ in range(1000):
        stream.data(0, tls.record(22, bytes(10)))
    ((rows, records),) = stream.batches()
    assert int(walk.walk(rows, records.data)["length"].sum()) == 110
    assert walk.is_done(0)


def test_a_slot_is_used_again():
    walk = RecordWalk(100)
    stream = Stream()
    stream.data(0, tls.data())
    stream.data(1, tls.record(22, bytes(10)))
    ((rows, records),) = stream.batches()
    walk.walk(rows, records.data)
    walk.reset([0])
    again = Stream()
    again.data(0, tls.record(22, bytes(10)) + tls.data())
    ((rows, records),) = again.batches()
    walk.walk(rows, records.data)
    assert walk.take(np.asarray([0, 1]))["records"].tolist() == [1, 0]


# --- what sizes and places say


@pytest.mark.parametrize("size", [1, None])
@pytest.mark.parametrize(
    ("said", "short", "pushes"),
    [
        # Requests, and their answers: a head, and a body in a record of its own.
        ([(0, 120, 1), (1, 300, 1), (0, 120, 1), (0, 30, 1), (1, 50, 1)], 0, 0),
        # An upgrade; a short frame each way.
        ([(0, 300, 1), (1, 200, 1), (0, 31, 1), (1, 27, 1), (0, 31, 1)], 2, 0),
        # The first record of all, and what may be an alert, are no turns.
        ([(0, 40, 1), (1, 300, 1), (0, 19, 1)], 0, 0),
        # A server that speaks unasked.
        ([(0, 300, 1), (1, 200, 1), (1, 90, 600), (1, 90, 499), (1, 90, 500)], 0, 2),
        ([(0, 300, 1), (1, 200, 1), (0, 200, 1), (1, 90, 600)], 0, 0),
    ],
)
def test_turns_too_short_for_a_request_and_records_that_nobody_asked_for(said, short, pushes, size):
    stream, now = Stream(), 0
    for side, what in tls.hellos_1_2():
        stream.data(side, what)
    for side, length, after in said:
        now += after * 1_000_000
        stream.data(side, tls.data(length), time=10**9 + now, ready=10**9 + now)
    walk = RecordWalk(1 << 16)
    walk.reserve(2)
    for rows, records in stream.batches(size):
        walk.walk(rows, records.data)
    client, server = walk.take(np.asarray([0, 1]))
    assert (client["short_turns"], server["pushes"]) == (short, pushes)
