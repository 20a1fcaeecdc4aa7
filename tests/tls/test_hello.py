"""Hellos and their parts: by the RFCs, cut anywhere, and with lengths that lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import tls

from analyzer.tls.hello import (
    ClientHello,
    Messages,
    ServerHello,
    parse_client_hello,
    parse_key_exchange,
    parse_server_hello,
)
from analyzer.tls.names import version_name
from analyzer.tls.records import Answer

FULL = tls.client_hello(
    tls.extension(0x2A2A, b""),  # GREASE
    tls.sni(b"feed.example.test"),
    tls.alpn(b"\x3a\x3a", b"h2", b"http/1.1"),
    tls.versions(0x7A7A, 0x0304, 0x0303),
    tls.extension(35, b"ticket"),
    tls.extension(42, b""),
    tls.extension(41, bytes(40)),
    session_id=bytes(32),
)[4:]


def test_client_hello():
    assert parse_client_hello(FULL) == ClientHello(
        version=0x0304,
        random=tls.CLIENT_RANDOM,
        session_id=bytes(32),
        server_name="feed.example.test",
        alpn=("h2", "http/1.1"),
        ticket=True,
        pre_shared_key=True,
        early_data=True,
        tls13_suites=(0x1301,),
    )


def test_client_hello_without_extensions():
    """RFC 5246 7.4.1.2: "the presence of extensions can be detected" by bytes that follow."""
    found = parse_client_hello(tls.client_hello(version=0x0301)[4:])
    assert isinstance(found, ClientHello)
    assert (found.version, found.server_name, found.alpn) == (0x0301, None, ())


@pytest.mark.parametrize("length", range(len(FULL)))
def test_a_client_hello_cut_short_is_malformed(length):
    found = parse_client_hello(FULL[:length])
    # Where it ends behind the compression methods, it is one without extensions.
    bare = len(tls.client_hello(session_id=bytes(32))) - 4
    assert isinstance(found, ClientHello) if length == bare else found is Answer.MALFORMED


@pytest.mark.parametrize(
    "wrong",
    [
        tls.extension(0, b"\0\5\0\0\x09name"),  # a name longer than its list
        tls.extension(0, b"\xff\xff"),
        tls.extension(16, tls.sized(b"\x09h2", 2)),
        tls.extension(16, tls.sized(b"\0", 2)),  # RFC 7301 3.1: empty names MUST NOT be there
        tls.extension(43, tls.sized(b"\3\4\3", 1)),  # an odd number of bytes
    ],
)
def test_lengths_that_lie_inside_of_extensions(wrong):
    assert parse_client_hello(tls.client_hello(wrong)[4:]) is Answer.MALFORMED


def test_bytes_behind_the_extensions_are_malformed():
    assert parse_client_hello(FULL + b"\0") is Answer.MALFORMED


def test_names_that_are_no_text_show_as_escapes_and_long_ones_are_cut():
    found = parse_client_hello(tls.client_hello(tls.sni(b"\xff\x00" + b"a" * 1000))[4:])
    assert isinstance(found, ClientHello)
    assert found.server_name == "\\xff\x00" + "a" * 253
    many = tls.client_hello(tls.alpn(*[b"x"] * 1000))[4:]
    found = parse_client_hello(many)
    assert isinstance(found, ClientHello)
    assert found.alpn == ("x",) * 8


def test_server_hello_of_tls_1_2():
    body = tls.server_hello(tls.alpn(b"http/1.1"), session_id=b"id")[4:]
    assert parse_server_hello(body) == ServerHello(
        0x0303, tls.SERVER_RANDOM, b"id", 0xC02F, "http/1.1"
    )


def test_server_hello_of_tls_1_3_has_its_version_in_an_extension():
    body = tls.server_hello(tls.CHOSE_1_3, tls.SHARE, tls.extension(41, b"\0\0"), suite=0x1301)[4:]
    found = parse_server_hello(body)
    assert found == ServerHello(0x0304, tls.SERVER_RANDOM, b"", 0x1301, None, True, 0x001D)
    assert isinstance(found, ServerHello)
    assert not found.is_retry


def test_a_draft_of_tls_1_3_counts_as_it():
    body = tls.server_hello(tls.extension(43, b"\x7f\x1c"))[4:]
    found = parse_server_hello(body)
    assert isinstance(found, ServerHello)
    assert (found.version, version_name(found.draft)) == (0x0304, "TLS 1.3 draft 28")


def test_an_early_draft_of_tls_1_3_has_no_session():
    """draft-ietf-tls-tls13-18 4.1.3: version, random, cipher suite, extensions."""
    share = tls.sized(tls.extension(40, b"\0\x1d" + tls.sized(bytes(32), 2)), 2)
    found = parse_server_hello(b"\x7f\x12" + tls.SERVER_RANDOM + b"\x13\x01" + share)
    assert isinstance(found, ServerHello)
    assert (found.version, found.cipher_suite, found.session_id) == (0x0304, 0x1301, b"")
    assert version_name(found.draft) == "TLS 1.3 draft 18"


def test_hello_retry_request():
    body = tls.server_hello(tls.CHOSE_1_3, tls.ASKS_SHARE, random=tls.RETRY_RANDOM)[4:]
    found = parse_server_hello(body)
    assert isinstance(found, ServerHello)
    assert (found.is_retry, found.group) == (True, 0x0017)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_hello_or_malformed(body):
    assert isinstance(parse_client_hello(body), ClientHello | Answer)
    assert isinstance(parse_server_hello(body), ServerHello | Answer)
    assert isinstance(parse_key_exchange(body), int | None)


@given(st.data())
def test_a_hello_with_some_bytes_changed(data):
    body = bytearray(FULL)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(parse_client_hello(bytes(body)), ClientHello | Answer)


def test_group_of_a_key_exchange():
    """RFC 8422 5.4: named_curve (3), then the group."""
    assert parse_key_exchange(b"\3\0\x1d\x20" + bytes(32)) == 0x001D
    assert parse_key_exchange(b"\1\0\x80" + bytes(200)) is None  # finite field, 2048 bits
    assert parse_key_exchange(b"\3\0") is None


# --- messages out of pieces

WANTED = frozenset((1, 2, 12))
TALK = tls.message(11, bytes(300)) + tls.message(2, b"chosen") + tls.message(12, b"key") + b"\2\0"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100, 1000])
def test_messages_of_any_cut(size):
    messages = Messages(WANTED, 64)
    found = []
    for at in range(0, len(TALK), size):
        messages.feed(TALK[at : at + size])
        while not isinstance(taken := messages.take(), Answer):
            found.append(taken)
    assert found == [(2, b"chosen"), (12, b"key")]
    assert (messages.first, messages.held) == (11, 2)


def test_a_wanted_message_longer_than_the_limit_is_malformed_and_not_held():
    messages = Messages(WANTED, 64)
    messages.feed(tls.message(1, bytes(61))[:10])
    assert messages.take() is Answer.MALFORMED


def test_the_end_of_the_servers_flight_shows():
    messages = Messages(WANTED, 64)
    messages.feed(tls.message(14, b""))
    assert messages.take() == (14, b"")
