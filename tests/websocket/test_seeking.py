"""Frames found again behind gaps, and WebSocket found in unknown traffic."""

import random

import pytest
from conversation import Conversation, encapsulate
from oracle.captures import pcap
from oracle.stages import (
    BINARY,
    CLIENT,
    CLOSE,
    KEY,
    PING,
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
from oracle.whole import tables_of

from analyzer.options import Options
from analyzer.websocket import kept_rows

CUTS = [(), range(200), range(0, 200, 3)]


def texts(result, sender):
    return result.sent(sender)


# --- behind a gap


@pytest.mark.parametrize("places", CUTS)
@pytest.mark.parametrize(("sender", "make"), [(CLIENT, client), (SERVER, server)])
def test_gap_over_whole_frames(sender, make, places):
    lost = len(make(TEXT, b"lost message")[1])
    steps = [*handshake(), make(TEXT, b"before"), (sender, lost)]
    steps += [make(TEXT, b"after"), make(TEXT, b"and more")]
    result = talk(steps, Options(), places)
    assert texts(result, sender) == [b"before", b"after", b"and more"]
    assert result.only().lost_bytes == lost
    assert result.ids() == ["websocket-framing-lost", "websocket-resynchronised"]
    (again,) = result.found("websocket-resynchronised")
    assert again.detail == 0
    assert again.text == "Frames were found again, and no captured byte was skipped for it."
    # Nothing behind the gap was lost, so that nothing here is an error.
    assert "error" not in {each.kind.severity for each in result.findings}


def test_gap_within_a_payload_of_known_length_loses_no_boundary():
    whole = frame(TEXT, b"0123456789")
    steps = [*handshake(), (SERVER, whole[:6]), (SERVER, 3), (SERVER, whole[9:])]
    steps += [server(TEXT, b"next")]
    result = talk(steps)
    assert texts(result, SERVER) == [None, b"next"]
    assert [(each.kind.id, each.detail) for each in result.findings] == [
        ("websocket-payload-lost", 3)
    ]


@pytest.mark.parametrize("places", CUTS)
def test_gap_in_a_header_behind_which_part_of_a_frame_comes_first(places):
    whole = frame(BINARY, b"\xf7" * 300, mask=KEY)
    steps = [*handshake(), (CLIENT, whole[:1]), (CLIENT, 10), (CLIENT, whole[11:])]
    steps += [client(TEXT, b"found again"), client(TEXT, b"and again")]
    result = talk(steps, Options(), places)
    assert texts(result, CLIENT) == [b"found again", b"and again"]
    (found,) = result.found("websocket-resynchronised")
    assert (found.detail, found.packet) == (len(whole) - 11, 6)


@pytest.mark.parametrize("places", CUTS)
def test_frames_longer_than_what_is_kept(places):
    options = Options(max_probe_bytes=4096)
    long = frame(BINARY, b"\xf7" * 30_000)
    steps = [*handshake(), (SERVER, 100)]
    for _ in range(4):
        steps += [(SERVER, long[at : at + 1000]) for at in range(0, len(long), 1000)]
    result = talk(steps, options, places)
    # The third header is the third piece of evidence; those before were let go.
    assert [row["payload_bytes"] for row in result.frames] == [30_000, 30_000]
    assert result.found("websocket-resynchronised")[0].detail == 2 * len(long)


def test_second_gap_begins_the_search_anew():
    steps = [*handshake(), (SERVER, 7), (SERVER, frame(TEXT, b"a")[:2]), (SERVER, 1)]
    steps += [server(TEXT, b"whole text")]
    result = talk(steps)
    assert texts(result, SERVER) == [b"whole text"]
    assert result.found("websocket-resynchronised")[0].detail == 2


def test_what_is_never_found_again_is_said():
    steps = [*handshake(), (SERVER, 100), *[(SERVER, b"\xf7" * 500)] * 3]
    result = talk(steps)
    assert result.messages == []
    assert {(each.kind.id, each.detail) for each in result.findings} == {
        ("websocket-framing-lost", 0),
        ("websocket-not-resynchronised", 1500),
    }


def test_other_direction_goes_on_during_the_search():
    steps = [*handshake(), (SERVER, 100), (SERVER, b"\xf7" * 9), client(TEXT, b"still here")]
    assert texts(talk(steps), CLIENT) == [b"still here"]


def test_random_payload_does_not_become_frames():
    randomness = random.Random(3)
    noise = [(SERVER, randomness.randbytes(1400)) for _ in range(60)]
    result = talk([*handshake(), (SERVER, 100), *noise])
    assert result.frames == []


def test_searches_are_bounded_together():
    # Rows of one byte cost what a row costs, not one byte.
    limit = 20 * kept_rows.ROW_BYTES
    options = Options(max_probe_bytes_total=limit)
    talks = [[*handshake(), (SERVER, 100), *[(SERVER, b"\xf7")] * 30] for _ in range(3)]
    result = run(batches_of(talks), options)
    lost = [each.detail for each in result.findings if "not-resync" in each.kind.id]
    assert lost == [30, 30, 30]


# --- is it WebSocket?


@pytest.mark.parametrize("places", CUTS)
def test_middle_of_a_connection_in_both_directions(places):
    steps = [client(TEXT, b"asked"), server(TEXT, b"answered")] * 3
    result = talk(steps, Options(), places, sides_known=False)
    assert texts(result, CLIENT) == [b"asked"] * 3
    assert texts(result, SERVER) == [b"answered"] * 3
    one = result.only()
    assert (one.handshake, one.client_side, one.opened_at) == (None, 0, at(1))
    assert result.ids() == ["websocket-mid-stream"]


@pytest.mark.parametrize("places", CUTS)
def test_a_side_that_is_silent_at_first_lost_nothing(places):
    steps = [client(TEXT, b"asked")] * 4 + [server(TEXT, b"answered")] * 4
    result = talk(steps, Options(), places, sides_known=False)
    assert texts(result, SERVER) == [b"answered"] * 4
    assert result.ids() == ["websocket-mid-stream"]
    # It begins within a frame.
    steps[4:4] = [(SERVER, frame(TEXT, b"\xf7" * 30)[9:])]
    result = talk(steps, Options(), places, sides_known=False)
    assert result.found("websocket-resynchronised")[0].detail == 23


def test_mask_names_the_client_whoever_spoke_first():
    steps = [server(TEXT, b"told before"), client(TEXT, b"and answered")] * 3
    turned = [(1 - side, payload) for side, payload in steps]
    result = talk(turned, sides_known=False)
    assert result.only().client_side == 1
    assert texts(result, SERVER) == [b"told before"] * 3


@pytest.mark.parametrize(("sender", "make"), [(CLIENT, client), (SERVER, server)])
def test_capture_of_one_direction(sender, make):
    sent = [b"one of many texts %d" % number for number in range(8)]
    result = talk([make(TEXT, text) for text in sent], sides_known=False)
    assert texts(result, sender) == sent
    assert result.only().client_side == 0


@pytest.mark.parametrize("places", CUTS)
@pytest.mark.parametrize("lost", [1, 40, 100_000])
def test_gap_before_the_frames_that_tell(places, lost):
    steps = [(CLIENT, b"\xf7" * 20), (SERVER, b"\xf7" * 5), (SERVER, lost), (CLIENT, lost)]
    steps += [client(TEXT, b"asked again"), server(TEXT, b"answered")] * 3
    result = talk(steps, Options(), places, sides_known=False)
    assert texts(result, CLIENT) == [b"asked again"] * 3
    assert texts(result, SERVER) == [b"answered"] * 3


def test_side_that_is_recognised_later_is_searched():
    steps = [(SERVER, b"\xf7" * 30)] + [client(TEXT, b"asked many times")] * 10
    steps += [server(TEXT, b"answered at last"), server(TEXT, b"and again")]
    result = talk(steps, sides_known=False)
    assert texts(result, SERVER) == [b"answered at last", b"and again"]
    assert "websocket-resynchronised" in result.ids()


@pytest.mark.parametrize(
    "payload",
    [
        b"\x16\x03\x03\x01\x00" + bytes(range(256)),  # TLS
        b"220 mail.example.com ESMTP\r\n",
        b"\x00\x1d\xaa\xbb\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01",
        b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n",
    ],
)
def test_other_protocols_are_left_alone(payload):
    steps = [(CLIENT, payload), (SERVER, payload[::-1])] * 40
    for sides_known in (False, True):
        result = talk(steps, sides_known=sides_known)
        assert (result.ended, result.frames, result.findings) == ([], [], [])


def test_stream_seen_from_its_start_that_is_no_http_is_not_probed():
    # "The client's opening handshake" is missing (RFC 6455 4.1), however it goes on.
    steps = [client(TEXT, b"asked"), server(TEXT, b"answered")] * 5
    assert talk(steps, sides_known=True).ended == []


def test_unknown_connections_are_bounded_together():
    options = Options(max_probe_bytes_total=3 * (100 + kept_rows.ROW_BYTES))
    unknown = [(CLIENT, b"\xf7" * 100)]
    talks = [unknown * 3, [client(TEXT, b"text of a client")] * 4]
    result = run(batches_of(talks, sides_known=False), options)
    assert texts(result, CLIENT) == [b"text of a client"] * 4
    # The oldest was given up: what comes later is not looked at any more.
    talks = [unknown * 3 + [client(TEXT, b"text of a client")] * 9, unknown * 3]
    result = run(batches_of(talks, sides_known=False), options)
    assert result.ended == []


def test_close_is_understood_in_the_middle():
    steps = [client(TEXT, b"text of a client")] * 3
    steps += [client(CLOSE, close(1001)), server(CLOSE, close(1001)), server(PING)]
    one = talk(steps, sides_known=False).only()
    assert one.close_kind == "clean"


@pytest.mark.parametrize("kept", [62, 64, 80, 150])
def test_a_faulty_frame_that_a_snap_length_cut_ends_where_its_segment_does(kept):
    # A Ping of 200 bytes, fragmented, with RSV2: three faults, and one frame all the same.
    one = Conversation().upgrade()
    faulty = frame(PING, b"p" * 200, mask=KEY, fin=False, rsv=2)
    one.client(faulty).client(frame(TEXT, b"after", mask=KEY))
    packets = [(each.time_ns, encapsulate(each.data, "ethernet")[1]) for each in one.packets]
    cut = [(when, data[: kept if faulty in data else None], len(data)) for when, data in packets]
    tables = tables_of(pcap(cut))
    assert list(tables["frames"]["payload_bytes"]) == [200, 5]
    assert "websocket-not-frames" not in set(tables["findings"]["id"])
