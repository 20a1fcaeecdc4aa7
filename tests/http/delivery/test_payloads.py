"""Messages in whole bodies: JSON, Engine.IO (examples of its documentation), SockJS."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.http.delivery.payloads import (
    engine_io_carried,
    engine_io_messages,
    engine_io_session,
    json_messages,
    sockjs_frame,
    sockjs_messages,
)


def sizes(found):
    return None if found is None else list(found.sizes)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'[{"a":1}, {"b": 22} ,3]', [7, 9, 1]),
        (b' [ "\\u00e9", "x" ] ', [8, 3]),
        ('["é"]'.encode(), [4]),
        (b'{"messages":[{"t":"a"},{"t":"bc"}],"last":12}', [9, 10]),
        (b'{"a":[{},{},{},{}],"b":[1,2]}', [2, 2, 2, 2]),
        (b'{"a":[{},{},{}],"b":[1,2]}', [len(b'{"a":[{},{},{}],"b":[1,2]}')]),
        (b'{"a":[1,2,3,4],"b":[1]}', [len(b'{"a":[1,2,3,4],"b":[1]}')]),
        (b'{"a":[],"b":{"c":1}}', [len(b'{"a":[],"b":{"c":1}}')]),
        (b'{"price": 3}', [12]),
        (b'{"m":[1],"m":[2, 33]}', [1, 2]),
        (b'{"x":{"m":[9]},"m" : [22, 3]}', [2, 1]),
        (b"12", [2]),
        (b"false", [5]),
        (b"\xef\xbb\xbf[1]", [1]),
        *((empty, []) for empty in (b"[]", b" {} ", b"null", b'""')),
        (b'{"messages":[],"last":12}', []),
        (b'{"messages":[],"more":{}}', []),
        (b'{"more":{}}', [11]),
        *((none, None) for none in (b"", b"[1,", b"[1] x", b"\xff", b"hello", b"[" * 100_000)),
        *(
            (none, None)
            for none in (b"[1 2]", b"[1,]", b"[,1]", b"[", b'{"a":1', b'{"a" 1}', b"{1:2}")
        ),
        *((none, None) for none in (b'{"a":1,}', b'{"a":1 "b":2}', b'{"a":[1,2]}]', b"null x")),
    ],
)
def test_json(body, expected):
    assert sizes(json_messages(body)) == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(st.lists(VALUES, min_size=1, max_size=6), st.sampled_from(["", " ", "\n\t"]))
def test_elements_are_as_long_as_they_were_written(values, space):
    written = [json.dumps(value, ensure_ascii=False) for value in values]
    body = f"{space}[{space}{f'{space},{space}'.join(written)}{space}]{space}".encode()
    assert sizes(json_messages(body)) == [len(each.encode()) for each in written]


@given(st.binary(max_size=60) | st.text("[]{}:,\"'1 \\x1e4b6:=d", max_size=40).map(str.encode))
def test_what_json_refuses_is_none(body):
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text)
    except ValueError:
        assert json_messages(body) is None
    else:
        found = json_messages(body)
        assert found is not None
        if isinstance(value, list):
            assert len(found.sizes) == len(value)


@given(st.binary(max_size=60) | st.text("[]{}:,\"'1 \\x1e4b6:=d", max_size=40).map(str.encode))
def test_nothing_raises(body):
    json_messages(body)
    sockjs_frame(body)
    sockjs_messages(body)
    for version in (3, 4):
        engine_io_messages(body, version)
        engine_io_session(body, version)


# engine.io-protocol: "Payload", and its changelog's examples of both revisions.
@pytest.mark.parametrize(
    ("body", "version", "expected"),
    [
        ("4hello\x1e4€€€".encode(), 4, [5, 9]),
        (b"4hello\x1ebAQID", 4, [5, 3]),
        ("6:4hello4:4€€€".encode(), 3, [5, 9]),
        (bytes.fromhex("0006ff3468656c6c6f0104ff04010203"), 3, [5, 3]),
        (b"10:b4AQIDBA==2:40", 3, [4, 1]),
        ("3:4\U0001f600".encode(), 3, [4]),
        (b'0{"sid":"abc"}', 4, []),
        (b"2\x1e6\x1e3probe\x1e1\x1e5", 4, []),
        (b"1:21:6", 3, []),
        (b'___eio[4]("6:4hello");', 3, [5]),
        (b"d=6%3A4hello", 3, [5]),
        (b"4", 4, [0]),
        *((none, 4, None) for none in (b"", b"ok", b"4a\x1e", b"<html>")),
        *((none, 3, None) for none in (b"6:4he", b"x", b":4", b"99999999999:4", b"\0\xff4")),
    ],
)
def test_engine_io(body, version, expected):
    found = engine_io_messages(body, version)
    # A payload of revision 3 without a packet has no length at all.
    assert sizes(found) == expected


@given(st.binary(max_size=40))
def test_engine_io_binary_counts_what_base64_stands_for(data):
    assert sizes(engine_io_messages(b"b" + base64.b64encode(data), 4)) == [len(data)]


def test_engine_io_session():
    assert engine_io_session(b'0{"sid":"abc","upgrades":[]}\x1e40', 4) == "abc"
    assert engine_io_session(b'13:0{"sid":"abc"}', 3) is None
    assert engine_io_session(b'14:0{"sid":"abc"}', 3) == "abc"
    for other in (b"0[]", b'0{"sid":1}', b"0{", b"4x", b""):
        assert engine_io_session(other, 4) is None


# sockjs-protocol 0.3.3: "SockJS framing".
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"o", []),
        (b"h", []),
        (b"h" * 2048, []),
        (b'c[3000,"Go away!"]', []),
        (b'a["message"]', [7]),
        ('a["é","\\u00e9","{\\"b\\":1}"]'.encode(), [2, 2, 7]),
        (b'm"x\\n"', [2]),
        (b'callback("a[\\"x\\"]");', [1]),
        (b'p("a[\\"x\\",\\"yz\\"]");', [1, 2]),
        *((none, None) for none in (b"a[", b"ax", b"<script>", b"q", b'p("a[1]')),
    ],
)
def test_sockjs_frames(line, expected):
    assert sizes(sockjs_frame(line)) == expected


def test_sockjs_requests():
    assert sizes(sockjs_messages('["hello","é"]'.encode())) == [5, 2]
    assert sizes(sockjs_messages(b'"hello"')) == [5]
    assert sizes(sockjs_messages(b"d=%5B%22hello%22%5D")) == [5]
    assert sockjs_messages(b"{") is None
    assert sockjs_messages(b"1") is None


@pytest.mark.parametrize(
    ("body", "version", "sizes"),
    [
        # Open, ping and messages with their types; binary as what base64 decodes to.
        (b'0{"sid":"x"}', 4, [12]),
        (b'2\x1e42["a"]\x1ebAQID', 4, [1, 7, 3]),
        (b"3", 4, [1]),
        # What only polling has: close, upgrade, noop.
        (b"1", 4, []),
        (b"6", 4, []),
        (b"5\x1e4x", 4, [2]),
        (b'7:42["a"]1:6', 3, [7]),
        (b"no payload", 4, []),
        (b"", 4, []),
    ],
)
def test_packets_that_websocket_would_carry(body: bytes, version: int, sizes: list[int]) -> None:
    assert [len(data) for data in engine_io_carried(body, version)] == sizes
