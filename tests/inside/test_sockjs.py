"""SockJS: frames unwrapped, and what they carry recognised."""

import json

import pytest
from oracle.spoken import heard, said, upgrade
from oracle.stages import TEXT, client, server

from analyzer.inside.protocol import Setting
from analyzer.inside.registry import SOCKJS as PROTOCOL
from analyzer.inside.sockjs import SockJs, unwrap

PATH = "/chat/123/abcdefgh/websocket"
CUTS = [(), range(1, 100)]


def up(*texts):
    return client(TEXT, json.dumps(texts).encode())


def down(*texts):
    return server(TEXT, b"a" + json.dumps(texts).encode())


@pytest.mark.parametrize("places", CUTS)
def test_stomp_in_sockjs(places):
    talk = [
        *upgrade(PATH),
        server(TEXT, b"o"),
        up("CONNECT\naccept-version:1.2\n\n\0"),
        down("CONNECTED\nversion:1.2\n\n\0"),
        server(TEXT, b"h"),
        up("SEND\ndestination:/app/a\nreceipt:1\n\nhi\0", "SEND\ndestination:/app/b\n\nho\0"),
        down("RECEIPT\nreceipt-id:1\n\n\0"),
        server(TEXT, b'c[3000,"Go away!"]'),
    ]
    tables = heard([talk], places)
    assert said(tables, "inner", "kind", "name", "inner_items") == [
        ("sockjs", "open", None, 1),
        ("stomp", "CONNECT", None, 1),
        ("stomp", "CONNECTED", None, 1),
        ("sockjs", "heartbeat", None, 1),
        ("stomp", "SEND", "/app/a", 2),
        ("stomp", "RECEIPT", "/app/a", 1),
        ("sockjs", "close", None, 1),
    ]
    assert tables["calls"]["outcome"].tolist() == ["ok"]
    assert tables["calls"]["inner"].tolist() == ["stomp"]


@pytest.mark.parametrize("places", CUTS)
def test_nothing_known_inside(places):
    talk = [*upgrade(PATH), server(TEXT, b"o"), up("hello"), down("a", "b"), server(TEXT, b"h")]
    assert said(heard([talk], places), "inner", "kind", "inner_items") == [
        *(("sockjs", "open", 1), ("sockjs", "message", 1), ("sockjs", "message", 2)),
        ("sockjs", "heartbeat", 1),
    ]


@pytest.mark.parametrize(
    ("payload", "sender", "strings"),
    [
        (b"o", 1, []),
        (b'a["x","\\u00e9"]', 1, [b"x", "é".encode()]),
        (b'm"x"', 1, [b"x"]),
        (b'c[1000,"x"]', 1, []),
        (b'["x"]', 0, [b"x"]),
        (b'"x"', 0, [b"x"]),
        (b"o", 0, None),
        (b"a[1]", 1, None),
        (b"a[", 1, None),
        (b"x", 1, None),
        (b"", 1, None),
        (b"a" + b"[" * 100_000, 1, None),
    ],
)
def test_frames(payload, sender, strings):
    assert unwrap(payload, sender) == strings
    if strings is None:
        assert SockJs(Setting()).take(payload, sender, True) is None


def test_recognition():
    assert PROTOCOL.path.match(PATH)
    assert not PROTOCOL.path.match("/chat/websocket")
