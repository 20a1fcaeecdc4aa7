"""Heads: RFC 6455's own key, and fields that tell of somebody."""

from __future__ import annotations

import base64
import hashlib

import pytest

from analyzer.share.anonymize.heads import Keys, rewritten
from analyzer.share.anonymize.words import Words

WORDS = Words(bytes(range(32)))
REQUEST = (
    b"GET /rooms/annual-report?token=s3cr3tvalue HTTP/1.1\r\nHost: intranet.acme.example:8080\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v12.stomp, bearer-abcdef123\r\n"
    b"Cookie: session=verysecret; theme=dark\r\nX-Acme-Employee: 4711\r\n folded-name\r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def field(head: bytes, name: bytes) -> bytes:
    (line,) = [line for line in head.split(b"\r\n") if line.lower().startswith(name + b":")]
    return line.partition(b":")[2].strip()


def test_nothing_that_tells_of_somebody_is_left() -> None:
    made = rewritten(REQUEST, WORDS, Keys(WORDS))
    assert len(made) == len(REQUEST)
    for secret in (b"annual", b"s3cr3t", b"intranet", b"acme", b"verysecret", b"abcdef", b"4711"):
        assert secret not in made.lower()
    assert b"folded-name" not in made
    assert b"Employee" not in made


def test_the_protocol_stays() -> None:
    made = rewritten(REQUEST, WORDS, Keys(WORDS))
    assert made.startswith(b"GET /")
    assert field(made, b"upgrade") == b"websocket"
    assert field(made, b"host").endswith(b":8080")
    assert field(made, b"sec-websocket-protocol").startswith(b"v12.stomp, ")
    assert [line[:1] for line in made.split(b"\r\n")[-3:]] == [b" ", b"", b""]


def test_key_and_accept_are_a_pair() -> None:
    # RFC 6455 1.3 has this key and this answer to it.
    keys = Keys(WORDS)
    key = field(rewritten(REQUEST, WORDS, keys), b"sec-websocket-key")
    accept = field(rewritten(RESPONSE, WORDS, keys), b"sec-websocket-accept")
    assert key != b"dGhlIHNhbXBsZSBub25jZQ=="
    assert len(base64.b64decode(key)) == 16
    guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    assert base64.b64decode(accept) == hashlib.sha1(key + guid).digest()


def test_a_wrong_answer_stays_wrong() -> None:
    keys = Keys(WORDS)
    key = field(rewritten(REQUEST, WORDS, keys), b"sec-websocket-key")
    wrong = RESPONSE.replace(b"s3pPLMBi", b"AAAALMBi")
    accept = field(rewritten(wrong, WORDS, keys), b"sec-websocket-accept")
    guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    assert base64.b64decode(accept) != hashlib.sha1(key + guid).digest()
    assert len(accept) == 28


@pytest.mark.parametrize(
    ("line", "stays"),
    [
        (b"HTTP/1.1 101 Switching Protocols", True),
        (b"HTTP/1.1 200 OK", True),
        (b"HTTP/1.1 404", True),
        (b"HTTP/1.1 403 Margarethe may not", False),
        (b"HTTP/1.1  Margarethe", False),
    ],
)
def test_a_reason_of_its_own_is_replaced(line: bytes, stays: bool) -> None:
    made = rewritten(line + b"\r\n\r\n", WORDS, Keys(WORDS))
    assert len(made) == len(line) + 4
    assert (made[:-4] == line) is stays
    assert made[:8] == line[:8]
    assert b"Margarethe" not in made
