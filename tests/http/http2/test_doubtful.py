"""WebSockets over HTTP/2 whose extended CONNECT is lost, not readable, or comes behind a hole."""

import struct
from functools import cache

import pytest
from oracle.captures import pcap
from oracle.http2 import CLIENT, SERVER, Talk, segments
from oracle.whole import assert_ties_out, said, tables_of

WHOLE = 3 * (4 + 4)


def talk_of(*, page):
    talk = Talk()
    first = 1
    if page:
        talk.request(1, path="/page")
        talk.answer(1, b"ok" * 30)
        first = 3
    for stream in (first, first + 2, first + 4):
        talk.open(stream)
        for number in range(4):
            talk.frame(CLIENT, stream, 1, b"question %d" % number)
            talk.frame(SERVER, stream, 1, b"answer number %d" % number)
        talk.close(stream)
    return talk


@cache
def packets_of_talk(*, page):
    return segments(talk_of(page=page).steps)


def without(packets, *gone):
    return pcap([each for at, each in enumerate(packets) if at not in gone], nanoseconds=True)


def sent(packets, side):
    port = packets[side][1][34:36]
    return [at for at, each in enumerate(packets) if len(each[1]) > 54 and each[1][34:36] == port]


def errors(tables):
    found = tables["findings"]
    return found.loc[found["severity"] == "error", ["id", "direction"]].to_numpy().tolist()


@pytest.mark.parametrize("page", [False, True])
@pytest.mark.parametrize("part", range(4))
def test_one_lost_packet_of_the_client_costs_at_most_its_own_message(page, part):
    packets = packets_of_talk(page=page)
    for gone in sent(packets, 0)[part::4]:
        tables = tables_of(without(packets, gone), payload="full")
        streams = tables["connections"]["http2_stream"].tolist()
        assert streams == [1 + 2 * page, 3 + 2 * page, 5 + 2 * page], gone
        assert len(tables["messages"]) >= WHOLE - 1, gone
        assert len(tables["http"]) == page
        assert errors(tables) == []
        assert_ties_out(tables)


def test_a_request_that_waits_behind_a_hole_is_the_one_that_its_answer_answers():
    packets = packets_of_talk(page=True)
    request = next(at for at in sent(packets, 0) if len(packets[at][1]) - 54 == 102)
    before = [at for at in sent(packets, 0) if at < request][-1]
    tables = tables_of(without(packets, before), payload="full")
    assert tables["handshakes"]["outcome"].tolist() == ["accepted"] * 3
    assert tables["connections"]["handshake_seen"].all()
    assert len(said(tables)["client"]) == len(said(tables)["server"]) == 12
    assert "handshake-early-data" not in set(tables["findings"]["id"])


def two_streams(count):
    talk = Talk()
    for stream, path in ((1, "/one"), (3, "/two")):
        talk.open(stream, path=path)
        for _ in range(count):
            talk.frame(CLIENT, stream, 1, b"question")
            talk.frame(SERVER, stream, 1, b"answer")
    packets = segments(talk.steps)
    request = next(at for at in sent(packets, 0) if len(packets[at][1]) - 54 > 90)
    return tables_of(without(packets, request), payload="full")


def test_too_few_frames_are_no_connection_yet():
    tables = two_streams(1)
    assert tables["connections"].empty
    assert (tables["findings"]["id"] == "websocket-maybe").sum() == 2


def test_fields_that_are_not_in_doubt_are_known():
    # The second CONNECT refers to fields of the first, which was lost: its path is its own.
    tables = two_streams(4)
    assert tables["connections"]["http2_stream"].tolist() == [1, 3]
    assert not tables["connections"]["handshake_seen"].any()
    (only,) = tables["handshakes"].itertuples()
    assert (only.outcome, only.status, only.http2_stream, only.path) == ("cut", 200, 3, "/two")
    assert only.outcome_reason == "Fields of its head refer to headers that were not captured."
    assert errors(tables) == []


@pytest.mark.parametrize("size", [1, 97, 2**20])
def test_batches_do_not_matter(size):
    packets = packets_of_talk(page=True)
    capture = without(packets, sent(packets, 0)[4], sent(packets, 1)[3])
    one, other = (tables_of(capture, payload="full", batch_bytes=each) for each in (size, 2**18))
    for name in ("handshakes", "connections", "frames", "messages", "http", "findings", "ledger"):
        assert one[name].equals(other[name]), name


def grpc(content):
    return b"\0" + struct.pack(">I", len(content)) + content


@pytest.mark.parametrize("body", [b"\x82\xff\x82\x7f", b"\0\0\0\0\0", b'{"a": 1}', b"\x0a\x03abc"])
def test_plain_streams_behind_a_hole_stay_exchanges(body):
    # A service that streams both ways (gRPC: five bytes before each message).
    talk = Talk()
    for stream in (1, 3, 5):
        heads = [(":method", "POST"), (":scheme", "http"), (":authority", "example.com")]
        talk.ends[CLIENT].send_headers(
            stream, [*heads, (":path", f"/{stream}"), ("te", "trailers")]
        )
        talk.flush(CLIENT)
        for _ in range(3):
            talk.send(CLIENT, stream, grpc(body))
        talk.answer(stream, grpc(body) * 2)
    packets = segments(talk.steps)
    for gone in (*sent(packets, 0)[1:6], *sent(packets, 1)[1:4]):
        tables = tables_of(without(packets, gone), payload="full")
        assert tables["connections"].empty, gone
        assert tables["http"]["tcp_stream"].tolist()[:1] == [0]
        assert_ties_out(tables)
