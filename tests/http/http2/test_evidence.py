"""HTTP/2 whose beginning was not captured."""

import random

from oracle import websocket
from oracle.captures import pcap
from oracle.http2 import CLIENT, KEY, SERVER, Talk, segments
from oracle.whole import assert_ties_out, said, tables_of

from analyzer.http.http2.evidence import (
    MAYBE,
    NO,
    YES,
    begins_with_frame,
    client_of,
    evidence,
    may_be_websocket,
)


def frame(kind, flags, stream, payload=b""):
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags))
    return head + stream.to_bytes(4, "big") + payload


PING = frame(6, 0, 0, b"12345678")


def test_both_sides_must_show_frames():
    assert evidence([PING * 3, PING]) == YES
    assert evidence([PING * 3, b""]) == MAYBE
    assert evidence([PING, PING]) == MAYBE
    assert evidence([PING * 3, b"HTTP/1.1"]) == NO
    assert evidence([PING * 2 + b"\0\0\1\x17\0\0\0\0\0", PING]) == NO


def test_random_bytes_and_websocket_are_no_evidence():
    chance = random.Random(1)
    for _ in range(2000):
        assert evidence([chance.randbytes(40), chance.randbytes(40)]) != YES
    frames = websocket.frame(1, b"hello", mask=KEY) * 5
    assert not begins_with_frame(frames)


def test_which_side_asks():
    asked, answered = frame(1, 4, 1, b"\x82\x86"), frame(1, 4, 1, b"\x88")
    masked = frame(0, 0, 1, websocket.frame(1, b"x", mask=KEY))
    assert client_of([asked, PING], (80, 5000)) == 0
    assert client_of([answered, PING], (80, 5000)) == 1
    assert client_of([PING, masked], (80, 5000)) == 1
    assert client_of([PING, PING], (80, 5000)) == 1
    assert client_of([PING, PING], (5000, 80)) == 0


def test_the_look_of_websocket():
    assert may_be_websocket(websocket.frame(1, b"x" * 300, mask=KEY), is_client=True)
    assert not may_be_websocket(websocket.frame(1, b"x", mask=KEY), is_client=False)
    assert may_be_websocket(websocket.frame(2, b"x") * 3, is_client=False)
    assert not may_be_websocket(b"<html>", is_client=False)
    assert not may_be_websocket(b"", is_client=False)


def test_websockets_are_recognised_in_the_middle():
    talk = Talk()
    talk.open(1)
    talk.open(3)
    begin = len(talk.steps)
    for number in range(8):
        for stream in (1, 3):
            talk.frame(CLIENT, stream, 1, b"from client %d" % number)
            talk.frame(SERVER, stream, 1, b"from server %d" % number)
    packets = segments(talk.steps[begin:], syn=False)
    tables = tables_of(pcap(packets, nanoseconds=True), payload="full")
    assert sorted(tables["connections"]["http2_stream"]) == [1, 3]
    assert not tables["connections"]["handshake_seen"].any()
    sent = said(tables)
    assert sorted(sent["client"]) == sorted(
        [("text", b"from client %d" % number) for number in range(8)] * 2
    )
    assert len(sent["server"]) == 16
    assert_ties_out(tables)


def test_a_connection_that_opens_later_is_known_again():
    talk = Talk()
    talk.request(1, path="/before", x_own="1")
    talk.answer(1, b"ok")
    begin = len(talk.steps)
    for side in (CLIENT, SERVER):
        for _ in range(3):
            talk.ends[side].ping(b"12345678")
        talk.flush(side)
        talk.flush(1 - side)
    talk.request(3, path="/new", x_own="1")
    talk.answer(3, b"ok")
    packets = segments(talk.steps[begin:], syn=False)
    tables = tables_of(pcap(packets, nanoseconds=True))
    (row,) = tables["http"].itertuples()
    # What was not sent before is known; what leans on the first request is not.
    assert (row.path, row.status) == ("/new", 200)
    assert tables["http"]["host"].isna().all()
    assert_ties_out(tables)
