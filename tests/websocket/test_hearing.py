"""Hearing: payloads in the order in which their messages were complete."""

import zlib

import pytest
from oracle.stages import BINARY, CLIENT, PING, SERVER, TEXT, batches_of, client, handshake, server

from analyzer.http.stage import HttpStage
from analyzer.options import DEFAULT, Options
from analyzer.websocket import hearing
from analyzer.websocket.stage import WebSocketStage

DEFLATE = "permessage-deflate"


def heard(steps, places=(), options=DEFAULT, leave_after=None):
    """Return (sender, payload, too long) of what is heard; None for what was lost."""
    http, stage = HttpStage(options), WebSocketStage(options)
    found = []

    def listen(said):
        senders = said.rows["sender"].tolist()
        for at, (place, payload) in enumerate(zip(said.places, said.payloads, strict=True)):
            known = (senders[at], payload, at in said.too_long)
            found.append(None if place < 0 else known)

    stage.hearing.listener = listen
    for number, batch in enumerate(batches_of([steps], places)):
        stage.push(http.push(batch))
        if number == leave_after:
            stage.hear_no_more([0, 1])
    assert stage.held_bytes >= 0
    return found


STEPS = [
    *handshake(),
    client(TEXT, b"one"),
    server(TEXT, b"tw", fin=False),
    client(BINARY, b"three"),
    server(PING, b"p"),
    server(0, b"o"),
    client(TEXT, b""),
    client(TEXT, b"x" * 40),
]
EXPECTED = [
    (CLIENT, b"one", False),
    (CLIENT, b"three", False),
    (SERVER, b"two", False),
    (CLIENT, b"", False),
    (CLIENT, b"x" * 40, False),
]


@pytest.mark.parametrize("places", [(), range(1, 50), range(0, 50, 7)])
def test_order_is_that_of_their_ends(places):
    assert heard(STEPS, places) == EXPECTED


@pytest.mark.parametrize("payload", ["none", "preview", "full"])
def test_whatever_payload_is_kept(payload):
    assert heard(STEPS, (), Options(payload=payload)) == EXPECTED


@pytest.mark.parametrize("places", [(), range(1, 50)])
def test_too_long(places):
    found = heard(STEPS, places, Options(max_inside_bytes=4))
    assert found == [
        (CLIENT, b"one", False),
        (CLIENT, None, True),
        (SERVER, b"two", False),
        (CLIENT, b"", False),
        (CLIENT, None, True),
    ]


@pytest.mark.parametrize("places", [(), range(1, 50)])
@pytest.mark.parametrize("flush", [1, 1 << 23])
def test_compressed_ones_stand_among_the_others(places, flush, monkeypatch):
    monkeypatch.setattr(hearing, "_FLUSH_BYTES", flush)
    deflater = zlib.compressobj(wbits=-15)
    packed = [
        (deflater.compress(each) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]
        for each in (b"first", b"second")
    ]
    steps = [
        *handshake(DEFLATE),
        client(TEXT, b"plain"),
        server(TEXT, packed[0], rsv=4),
        client(TEXT, b"pl", fin=False),
        server(TEXT, packed[1], rsv=4),
        client(0, b"ain"),
        server(TEXT, b"\xff\xff", rsv=4),
    ]
    assert heard(steps, places) == [
        (CLIENT, b"plain", False),
        (SERVER, b"first", False),
        (SERVER, b"second", False),
        (CLIENT, b"plain", False),
        (SERVER, None, False),
    ]


@pytest.mark.parametrize("places", [(), range(1, 50)])
def test_what_is_lost_is_said(places):
    frame = client(TEXT, b"lost")[1]
    steps = [*handshake(), client(TEXT, b"a"), (CLIENT, len(frame)), client(TEXT, b"b")]
    found = heard(steps, places)
    assert found[:2] == [(CLIENT, b"a", False), None]
    cut = [*handshake(), (CLIENT, client(TEXT, b"begin and end")[1][:10]), (CLIENT, 9)]
    assert heard(cut, places) == [(CLIENT, None, False)]


def test_who_is_not_listened_to_is_not_heard():
    found = heard(STEPS, range(1, 50), leave_after=2)
    assert found == EXPECTED[:1]
