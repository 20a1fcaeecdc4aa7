"""The websocket stage: openings and their numbers, closes, floods, totals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.stages import (
    BINARY,
    CLIENT,
    CLOSE,
    PING,
    PONG,
    SERVER,
    TEXT,
    at,
    batches_of,
    client,
    close,
    handshake,
    run,
    server,
    talk,
)
from oracle.websocket import frame

from analyzer.columns import NULL
from analyzer.options import Options
from analyzer.websocket.frames import ODDITY
from analyzer.websocket.oddities import thinned

CLOSES = [client(CLOSE, close(1000, "bye")), server(CLOSE, close(1000, "bye"))]
MID_STREAM = [client(TEXT, b"asked once more"), server(TEXT, b"answered again")] * 3


# --- opening


def test_frames_and_messages_of_both_senders():
    steps = [
        *handshake(),
        client(TEXT, b"one", fin=False),
        server(PING, b"p"),
        client(PONG, b"p"),
        client(0, b"more"),
        server(BINARY, b"two"),
        *CLOSES,
    ]
    result = talk(steps)
    assert [(row["frame"], row["sender"], row["opcode"]) for row in result.frames] == [
        (0, CLIENT, TEXT),
        (1, SERVER, PING),
        (2, CLIENT, PONG),
        (3, CLIENT, 0),
        (4, SERVER, BINARY),
        (5, CLIENT, CLOSE),
        (6, SERVER, CLOSE),
    ]
    assert result.sent(CLIENT) == [b"onemore"]
    one = result.only()
    assert (one.opened_at, one.first_data_time) == (at(2), at(3))
    sent, answered = one.totals
    assert (sent.frames, sent.messages, sent.payload_bytes) == (4, 1, 7)
    assert (answered.frames, answered.messages, answered.payload_bytes) == (3, 1, 3)
    # A masked header has 6 bytes, an unmasked one 2; Close carries 2 + 3 bytes.
    assert (sent.ws_header_bytes, sent.ws_control_bytes, sent.transfer_bytes) == (24, 6, 7)
    assert (answered.ws_header_bytes, answered.ws_control_bytes) == (6, 6)
    assert [(ping.sender, ping.ping_frame, ping.pong_frame) for ping in result.pings] == [
        (SERVER, 1, 2)
    ]


def test_wrong_accept_without_frames_opens_nothing():
    result = talk([*handshake(accept=b"AAAAAAAAAAAAAAAAAAAAAAAAAAA="), (CLIENT, "fin")])
    assert (result.opened, result.ended) == ([], [])
    assert [each.outcome for each in result.unopened] == ["bad-accept"]


@pytest.mark.parametrize("places", [(), range(99)])
def test_wrong_accept_with_frames_is_a_connection_all_the_same(places):
    steps = [*handshake(accept=b"AAAAAAAAAAAAAAAAAAAAAAAAAAA="), client(TEXT, b"go on")]
    result = talk(steps, Options(), places)
    assert result.unopened == []
    assert result.only().handshake.outcome == "bad-accept"
    assert result.sent(CLIENT) == [b"go on"]
    assert "websocket-mid-stream" not in result.ids()


ORDERS = [
    [[*handshake(), *CLOSES], MID_STREAM],
    [[(CLIENT, "ack"), (SERVER, "ack"), *handshake(), *CLOSES], MID_STREAM],
    [MID_STREAM, [(CLIENT, "ack"), *handshake(), *CLOSES], [*handshake(), *CLOSES]],
    [[(CLIENT, "ack")] * 4 + handshake(), MID_STREAM, [*handshake(), *CLOSES]],
]


@pytest.mark.parametrize("talks", ORDERS)
def test_numbers_do_not_depend_on_the_cut(talks):
    def numbers(places):
        # The SYNs were not captured, so that what is no HTTP is looked at.
        result = run(batches_of(talks, places, sides_known=False))
        assert sorted(one.connection for one in result.ended) == list(range(len(talks)))
        opened = [one.connection for one in result.opened]
        assert opened == sorted(opened)
        return sorted((one.slot, one.connection, one.opened_at) for one in result.ended)

    whole = numbers(())
    for places in (range(99), range(0, 99, 2), range(0, 99, 3), [5], [7]):
        assert numbers(places) == whole


# --- closing


@pytest.mark.parametrize(
    ("steps", "kind", "closed_by", "closed_at"),
    [
        ([*CLOSES, (SERVER, "fin"), (CLIENT, "fin")], "clean", CLIENT, 6),
        (CLOSES, "clean", CLIENT, 4),
        (CLOSES[::-1], "clean", SERVER, 4),
        # RFC 6455 7.1.4: clean is an end of TCP after both Close frames; here it came between.
        ([CLOSES[1], (SERVER, "fin"), CLOSES[0], (CLIENT, "fin")], "fin", SERVER, 6),
        ([(SERVER, "fin"), (CLIENT, "fin")], "fin", SERVER, 4),
        ([CLOSES[0], (SERVER, "fin"), (CLIENT, "fin")], "fin", CLIENT, 5),
        ([(CLIENT, "rst")], "reset", CLIENT, 3),
        ([CLOSES[1], (CLIENT, "rst")], "reset", SERVER, 4),
        ([], "open", None, None),
        ([CLOSES[0]], "open", None, None),
    ],
)
def test_close_kinds(steps, kind, closed_by, closed_at):
    one = talk([*handshake(), *steps]).only()
    assert (one.close_kind, one.closed_by) == (kind, closed_by)
    assert one.closed_at == (NULL if closed_at is None else at(closed_at))


def test_silence_is_a_timeout():
    result = talk([*handshake(), client(TEXT, b"anybody?")], timed_out=1)
    assert (result.only().close_kind, result.only().closed_by) == ("timeout", None)
    (found,) = result.found("websocket-close-abnormal")
    assert found.detail == "no answer any more"


@pytest.mark.parametrize(
    ("steps", "detail"),
    [
        ([(SERVER, "fin")], "FIN by the server"),
        ([(CLIENT, "rst")], "RST by the client"),
        ([CLOSES[0], (SERVER, "fin")], "FIN by the server; only the client had sent Close"),
    ],
)
def test_abnormal_end_names_who_ended_tcp(steps, detail):
    (found,) = talk([*handshake(), *steps]).found("websocket-close-abnormal")
    assert found.detail == detail


def test_first_close_bears_code_and_reason():
    steps = [server(CLOSE, close(1011, "oops")), client(CLOSE, close(1011))]
    result = talk([*handshake(), *steps])
    assert (result.only().first_close.code, result.only().first_close.reason) == (1011, "oops")
    (found,) = result.findings
    assert found.kind.id == "websocket-close-error"
    assert str(found.detail).startswith("1011 (")


@pytest.mark.parametrize(
    ("body", "id_"),
    [
        (b"\x03", "websocket-close-body"),
        (close(1005), "websocket-close-code"),
        (close(999), "websocket-close-code"),
        (close(1000) + b"\xff", "websocket-close-utf8"),
    ],
)
def test_close_body_faults(body, id_):
    result = talk([*handshake(), client(CLOSE, body)])
    assert [(each.frame, each.packet) for each in result.found(id_)] == [(0, 3)]


def test_close_whose_body_was_not_captured_still_closes():
    whole = frame(CLOSE, close(1000, "bye"))
    steps = [*handshake(), CLOSES[0], (SERVER, whole[:3]), (SERVER, len(whole) - 3)]
    one = talk(steps).only()
    assert one.close_kind == "clean"
    assert one.closes[SERVER].code is None


# --- unfinished business


def test_unfinished_frame_header_and_message():
    whole = frame(BINARY, b"0123456789")
    assert talk([*handshake(), (SERVER, whole[:5])]).findings[0].detail == "7"
    (found,) = talk([*handshake(), (SERVER, whole[:1])]).findings
    assert (found.kind.id, found.detail) == ("websocket-frame-cut", "header")
    (found,) = talk([*handshake(), server(TEXT, b"begun", fin=False)]).findings
    assert found.kind.id == "websocket-message-unfinished"


def test_masking_keys_that_repeat():
    steps = [client(TEXT, b"same key")] * 3
    (found,) = talk([*handshake(), *steps]).about_keys
    assert str(found.detail).startswith("2 times")
    steps = [(CLIENT, frame(TEXT, b"x", mask=key)) for key in (b"aaaa", b"bZ3!", b"\0\xff\1\7")]
    assert talk([*handshake(), *steps]).about_keys == []


# --- floods


def test_flood_is_thinned_and_counted():
    steps = [(CLIENT, frame(TEXT, b"not masked"))] * 25
    result = talk([*handshake(), *steps], Options(findings_per_connection=4))
    assert [(each.frame, each.count) for each in result.findings] == [
        (0, 1),
        (1, 1),
        (2, 1),
        (3, 1),
        (4, 21),
    ]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=40),
    st.integers(0, 5),
)
def test_thinning_keeps_the_first_and_loses_no_count(pairs, limit):
    rows = np.zeros(len(pairs), ODDITY)
    for place, (direction, kind) in enumerate(pairs):
        rows[place]["packet"] = place
        rows[place]["direction"], rows[place]["kind"] = direction, kind
    if not pairs:
        return
    kept, counts = thinned(rows, limit)
    assert kept["packet"].tolist() == sorted(kept["packet"].tolist())
    for pair in set(pairs):
        places = [place for place, each in enumerate(pairs) if each == pair]
        own = [
            (row["packet"], count)
            for row, count in zip(kept, counts, strict=True)
            if (row["direction"], row["kind"]) == pair
        ]
        expected = [(place, 1) for place in places[:limit]]
        if len(places) > limit:
            expected.append((places[limit], len(places) - limit))
        assert own == expected


# --- batches


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 40), max_size=6))
def test_any_cut_gives_the_same(places):
    steps = [
        *handshake("permessage-deflate"),
        client(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00", rsv=4),
        server(PING, b"1"),
        server(TEXT, b"frag", fin=False),
        client(PONG, b"1"),
        (SERVER, 3),
        server(TEXT, b"found again"),
        (CLIENT, "ack"),
        client(7, b"reserved"),
        server(CLOSE, close(3000, "x")),
        client(CLOSE, close(3000)),
        (CLIENT, "fin"),
        (SERVER, "fin"),
    ]
    talks = [steps, MID_STREAM * 2]

    def everything(cut):
        result = run(batches_of(talks, cut, sides_known=False))
        found = sorted(repr(each) for each in result.findings + result.about_keys)
        names = ("connection", "message", "payload_bytes", "transfer_bytes", "packet_first")
        messages = sorted(
            (*(row[name] for name in names), payload)
            for row, payload in zip(result.messages, result.payloads, strict=True)
        )
        frames = sorted((row["connection"], row["frame"], row["opcode"]) for row in result.frames)
        ends = sorted(
            (one.connection, one.close_kind, one.closed_at, one.totals) for one in result.ended
        )
        return found, messages, frames, ends, result.pings

    assert everything(places) == everything(())
