"""The rules of the opening handshake, RFC 6455 section 4."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.findings import Finding
from analyzer.http.exchanges import Handshake
from analyzer.http.head import read_head
from analyzer.http.upgrade import (
    Checks,
    accept_for,
    check_request,
    fill_request,
    has_token,
    is_attempt,
    is_key,
    parse_extensions,
    tokens,
)

GOOD = {
    "Host": "server.example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def head_of(start="GET /chat HTTP/1.1", extra="", **changes):
    fields = GOOD | {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{name}: {value}\r\n" for name, value in fields.items() if value is not None]
    return read_head(f"{start}\r\n{''.join(lines)}{extra}\r\n".encode())


def found(head) -> list[str]:
    out: list[Finding] = []
    check_request(head, Checks(out, 3, 7))
    assert all((finding.slot, finding.packet) == (3, 7) for finding in out)
    return [finding.kind.id for finding in out]


@pytest.mark.parametrize(
    ("key", "accept"),
    [
        ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),  # RFC 6455 1.3
        ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
    ],
)
def test_accept(key, accept):
    assert accept_for(key) == accept


def test_request_of_the_rfc_is_right():
    assert found(head_of()) == []
    assert found(head_of(Connection="keep-alive, UPGRADE", Upgrade="WebSocket")) == []


@pytest.mark.parametrize(
    ("head", "finding"),
    [
        (head_of("POST /chat HTTP/1.1"), "handshake-bad-method"),
        (head_of("GET /chat HTTP/1.0"), "handshake-bad-http-version"),
        (head_of(Host=None), "handshake-missing-host"),
        (head_of(Upgrade=None), "handshake-missing-upgrade"),
        (head_of(Upgrade="h2c"), "handshake-missing-upgrade"),
        (head_of(Connection="close"), "handshake-bad-connection"),
        (head_of(Connection=None), "handshake-bad-connection"),
        (head_of(Sec_WebSocket_Version="8"), "handshake-bad-version"),
        (head_of(Sec_WebSocket_Version=None), "handshake-bad-version"),
        (head_of(Sec_WebSocket_Key=None), "handshake-missing-key"),
        (head_of(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25j"), "handshake-bad-key"),
        (head_of(Sec_WebSocket_Key="!"), "handshake-bad-key"),
    ],
)
def test_each_rule_of_the_request(head, finding):
    assert found(head) == [finding]


def test_repeated_version():
    head = head_of(extra="sec-websocket-version: 13\r\n")
    assert found(head) == ["handshake-repeated-header"]


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({}, True),
        ({"Upgrade": "h2c, WebSocket"}, True),
        ({"Upgrade": None}, True),
        ({"Upgrade": None, "Sec_WebSocket_Key": None}, True),
        ({"Upgrade": "h2c", "Sec_WebSocket_Key": None, "Sec_WebSocket_Version": None}, False),
    ],
)
def test_what_is_an_attempt(changes, answer):
    assert is_attempt(head_of(**changes)) is answer


def test_fields_of_the_request():
    head = head_of(
        Origin="http://o",
        User_Agent="u",
        Sec_WebSocket_Protocol="chat, superchat",
        extra="Sec-WebSocket-Protocol: third\r\n",
    )
    handshake = Handshake(0, 0)
    fill_request(handshake, head)
    assert handshake.subprotocols_offered == ("chat", "superchat", "third")
    assert (handshake.host, handshake.path) == ("server.example.com", "/chat")
    assert (handshake.origin, handshake.user_agent, handshake.version) == ("http://o", "u", "13")


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("foo", (("foo", ()),)),
        # RFC 6455 9.1: these two are the same list.
        ("foo, bar; baz=2", (("foo", ()), ("bar", (("baz", "2"),)))),
        ('permessage-foo; use="a,b;c", x', (("permessage-foo", (("use", "a,b;c"),)), ("x", ()))),
        (
            "permessage-deflate; Client_Max_Window_Bits; server_max_window_bits=10",
            (
                (
                    "permessage-deflate",
                    (("client_max_window_bits", None), ("server_max_window_bits", "10")),
                ),
            ),
        ),
        (", ;,", ()),
        ('a; b="\\""', (("a", (("b", '"'),)),)),
        ('a; b="c', (("a", (("b", '"c'),)),)),
    ],
)
def test_extensions(text, parsed):
    assert parse_extensions(text) == parsed


@settings(deadline=None, max_examples=80)
@given(st.text('ab;,="\\ ', max_size=30))
def test_extensions_of_any_text(text):
    for name, parameters in parse_extensions(text):
        assert name
        assert all(value is None or isinstance(value, str) for _, value in parameters)


def test_tokens():
    assert tokens("a, ,b ,") == ("a", "b")
    assert has_token("keep-alive, Upgrade", "upgrade")
    assert has_token("WebSocket/13", "websocket")
    assert not has_token("websocket2", "websocket")


@settings(deadline=None, max_examples=50)
@given(st.binary(min_size=0, max_size=20))
def test_keys_are_16_bytes(raw):
    import base64

    assert is_key(base64.b64encode(raw).decode()) is (len(raw) == 16)
