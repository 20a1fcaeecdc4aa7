"""Streams: HTTP that gives way to WebSocket, bodies, gaps, and what is not understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.share.anonymize.stream import Dialogue, Direction, File

FILE = File(bytes(range(32)))
WORDS = FILE.words
UPGRADE = (
    b"GET /private/place HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SETTINGS = bytes.fromhex("000006040000000000000300000064")
TEXT = b"\x81\x0aMargarethe"


def rewritten(data: bytes, size: int = 1000, dialogue: Dialogue | None = None) -> bytes:
    walker = Direction(dialogue or Dialogue(FILE))
    made = b"".join(walker.feed(data[at : at + size]) for at in range(0, len(data), size))
    return made + walker.finish()


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_request_and_the_frames_behind_it(size: int) -> None:
    made = rewritten(UPGRADE + TEXT * 2, size)
    assert len(made) == len(UPGRADE + TEXT * 2)
    assert b"private" not in made
    assert made.endswith((TEXT[:2] + WORDS.text(TEXT[2:])) * 2)


def test_a_refused_upgrade_and_the_next_request() -> None:
    made = rewritten(UPGRADE + b"GET /elsewhere HTTP/1.1\r\nHost: h\r\n\r\n")
    assert b"elsewhere" not in made
    assert made.endswith(b" HTTP/1.1\r\nHost: h\r\n\r\n")


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_chunked_and_counted_bodies(size: int) -> None:
    one = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (
        b"14;x=secretword\r\n" + b'{"name":"Margarethe"' + b"\r\n1\r\n}\r\n0\r\n\r\n"
    )
    two = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + b"data: Secret\n"
    made = rewritten(one + two, size)
    assert len(made) == len(one + two)
    assert b"Margarethe" not in made
    assert b"ecret" not in made
    assert b"\r\n1\r\n}\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\ndata: " in made


def test_an_answer_to_head_has_no_body() -> None:
    dialogue = Dialogue(FILE)
    rewritten(b"HEAD /x HTTP/1.1\r\n\r\n", dialogue=dialogue)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
    assert rewritten(answer * 2, dialogue=dialogue)[: len(answer) * 2] == answer * 2


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9 host.example",
        b"\x05\x01\0host.example",
        b"220 host.example ESMTP\r\n",
    ],
)
def test_what_is_not_understood_is_overwritten(data: bytes) -> None:
    dialogue = Dialogue(FILE)
    made = rewritten(data, dialogue=dialogue)
    assert len(made) == len(data)
    assert b"host" not in made
    assert dialogue.overwritten()["other"] == len(data)


def test_http2_behind_its_preface_and_behind_settings() -> None:
    ping = bytes.fromhex("000008060000000000")
    client = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS + ping + b"Margaret"
    for data in (client, SETTINGS + ping + b"Margaret"):
        made = rewritten(data, size=5)
        assert made[: len(data) - 8] == data[:-8]
        assert made[-8:] == WORDS.noise(b"Margaret")


def test_an_upgrade_to_http2() -> None:
    dialogue = Dialogue(FILE)
    request = b"GET /private HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    rewritten(request, dialogue=dialogue)
    answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + SETTINGS
    assert rewritten(answer, dialogue=dialogue) == answer
    assert not dialogue.overwritten()["other"]


def test_an_alert_in_answer_to_a_hello() -> None:
    dialogue = Dialogue(FILE)
    hello = b"\x16\3\1\0\x2a\1\0\0\x26\3\3" + bytes(36)
    rewritten(hello, dialogue=dialogue)
    alert = b"\x15\3\3\0\2\2\x28"
    assert rewritten(alert, dialogue=dialogue) == alert
    assert rewritten(alert) != alert  # no hello came before


def test_frames_without_a_handshake() -> None:
    false = TEXT[:2] + WORDS.text(TEXT[2:])
    assert rewritten(TEXT * 3) == false * 3
    walker = Direction(Dialogue(FILE))
    made = walker.gap(40) + walker.feed(TEXT * 2) + walker.finish()
    assert made == bytes(40) + false * 2


def test_gaps() -> None:
    walker = Direction(Dialogue(FILE))
    made = walker.feed(UPGRADE + TEXT[:6]) + walker.gap(3) + walker.feed(TEXT[9:] + TEXT)
    assert len(made) == len(UPGRADE + TEXT * 2)
    assert made.endswith(TEXT[:2] + WORDS.text(TEXT[2:]))
    # Bytes of a header are lost: frames begin again where a packet begins with them.
    made = walker.gap(5) + walker.feed(TEXT[3:]) + walker.feed(TEXT) + walker.finish()
    assert len(made) == 5 + 2 * len(TEXT) - 3
    assert made.endswith(TEXT[:2] + WORDS.text(TEXT[2:]))
    assert b"Marg" not in made


@given(st.lists(st.binary(max_size=30) | st.sampled_from([UPGRADE, TEXT, b"\x16\x03\x01\0\x05"])))
def test_as_many_bytes_come_out_as_went_in(pieces: list[bytes]) -> None:
    walker = Direction(Dialogue(FILE))
    made = b"".join(map(walker.feed, pieces)) + walker.finish()
    assert len(made) == sum(map(len, pieces))
