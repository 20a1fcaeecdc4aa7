"""HTTP/2 with false content, as h2 reads it."""

from __future__ import annotations

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest

from analyzer.share.anonymize.coded_words import CodedWords
from analyzer.share.anonymize.frames import Frames
from analyzer.share.anonymize.http2 import Http2, Tunnels
from analyzer.share.anonymize.words import Words

KEY = bytes(range(32))
WORDS = Words(KEY)
TEXT = b"\x81\x0aMargarethe"
ASK = [
    *((":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http")),
    *((":authority", "geheim.example"), (":path", "/geheim"), ("sec-websocket-version", "13")),
]
GET = [
    *((":method", "POST"), (":scheme", "http"), (":authority", "geheim.example")),
    *((":path", "/geheim/brief"), ("content-type", "application/json")),
]
SPLIT = len(TEXT) + 5


def walkers(counted: list[Frames]) -> tuple[Http2, Http2]:
    tunnels = Tunnels()
    one, other = (Http2(WORDS, CodedWords(KEY), tunnels, counted) for _ in range(2))
    return one, other


def dialogue() -> tuple[bytes, bytes]:
    """Return what a client and a server send: a WebSocket on stream 1, a POST on 3."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    client.initiate_connection()
    server.local_settings = h2.settings.Settings(
        client=False, initial_values={h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
    )
    server.initiate_connection()
    forth, back = client.data_to_send(), server.data_to_send()
    client.receive_data(back)
    server.receive_data(forth)
    client.send_headers(1, ASK)
    client.send_headers(3, GET)
    client.send_data(3, b'{"name": "Marga', pad_length=7)
    more = client.data_to_send()
    server.receive_data(more)
    forth += more
    server.send_headers(1, [(":status", "200")])
    server.send_headers(3, [(":status", "200"), ("content-type", "text/plain")])
    server.send_data(1, (TEXT * 2)[:SPLIT])
    server.send_data(3, b"hello Margarethe", end_stream=True)
    server.send_data(1, (TEXT * 2)[SPLIT:], end_stream=True)
    client.send_data(1, TEXT)
    client.ping(b"Margaret")
    client.send_data(3, b'rethe"}', end_stream=True)
    client.close_connection(additional_data=b"Margarethe left")
    return forth + client.data_to_send(), back + server.data_to_send()


def read(data: bytes, *, client_side: bool) -> list[h2.events.Event]:
    reader = h2.connection.H2Connection(h2.config.H2Configuration(client_side=client_side))
    if client_side:
        reader.initiate_connection()
        reader.send_headers(1, ASK)
        reader.send_headers(3, GET)
    else:
        reader.local_settings = h2.settings.Settings(
            client=False, initial_values={h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
        )
        reader.initiate_connection()
    return reader.receive_data(data)


def content(events: list[h2.events.Event], stream: int) -> bytes:
    return b"".join(
        each.data
        for each in events
        if isinstance(each, h2.events.DataReceived) and each.stream_id == stream
    )


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_another_reader_finds_the_same(size: int) -> None:
    one, other = walkers([])
    forth, back = dialogue()
    made = [
        b"".join(walker.feed(data[at : at + size]) for at in range(0, len(data), size))
        + walker.finish()
        for walker, data in ((one, forth), (other, back))
    ]
    assert [len(each) for each in made] == [len(forth), len(back)]
    assert not any(word in each for each in made for word in (b"argar", b"eheim", b"brief"))
    requests, answers = read(made[0], client_side=False), read(made[1], client_side=True)
    false = TEXT[:2] + WORDS.text(TEXT[2:])
    assert content(answers, 1) == false * 2
    assert content(requests, 1) == false
    assert content(answers, 3) == WORDS.text(b"hello Margarethe")
    assert content(requests, 3) == WORDS.text(b'{"name": "Margarethe"}')
    kinds = [type(each) for each in requests]
    assert kinds == [type(each) for each in read(forth, client_side=False)]
    (ended,) = [each for each in requests if isinstance(each, h2.events.ConnectionTerminated)]
    assert ended.last_stream_id == 0


def test_a_gap_in_data_loses_nothing_else() -> None:
    one, other = walkers([])
    forth, back = dialogue()
    one.feed(forth)
    begin = back.index(b"Marg") + 2
    made = other.feed(back[:begin]) + other.gap(3) + other.feed(back[begin + 3 :]) + other.finish()
    assert len(made) == len(back)
    assert made[begin : begin + 3] == bytes(3)
    answers = read(made, client_side=True)
    assert content(answers, 3) == WORDS.text(b"hello Margarethe")
    assert other.overwritten == 0


def test_what_follows_a_gap_of_unknown_framing_is_noise() -> None:
    _, other = walkers([])
    _, back = dialogue()
    made = other.feed(back[:20]) + other.gap(30) + other.feed(back[50:]) + other.finish()
    assert len(made) == len(back)
    assert other.is_lost
    assert b"argarethe" not in made


def test_a_message_that_never_ends_is_overwritten() -> None:
    counted: list[Frames] = []
    one, other = walkers(counted)
    forth, _ = dialogue()
    one.feed(forth)
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    server.initiate_connection()
    server.data_to_send()
    head = bytes.fromhex("000001010400000001") + b"\x88"  # :status 200 on stream 1
    # The beginning of a compressed message, and DATA of another stream behind it.
    begun = bytes.fromhex("000006000000000001417d") + b"Marg"
    rest = bytes.fromhex("000004000000000005") + b"text"
    made = other.feed(head + begun) + other.feed(rest)
    assert made == head + begun[:9]
    made += other.finish()
    assert len(made) == len(head + begun + rest)
    assert b"Marg" not in made
    assert [each.overwritten for each in counted if each.overwritten] == [4]
