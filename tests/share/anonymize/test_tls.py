"""TLS hellos with false names: read back by tls.hello."""

from __future__ import annotations

from analyzer.share.anonymize.tls import Handshake
from analyzer.share.anonymize.words import Words

WORDS = Words(bytes(range(32)))


def extension(kind: int, body: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def hello(*extensions: bytes) -> bytes:
    """A ClientHello (RFC 8446 4.1.2)."""
    body = b"\3\3" + bytes(range(32)) + b"\x04SESS" + b"\0\2\x13\x01" + b"\1\0"
    joined = b"".join(extensions)
    body += len(joined).to_bytes(2, "big") + joined
    return b"\1" + len(body).to_bytes(3, "big") + body


NAME = b"intranet.example"
SERVER_NAME = extension(0, b"\0\x13\0\0\x10" + NAME)


def test_the_name_and_the_session_are_replaced_and_the_rest_stays() -> None:
    versions = extension(43, b"\2\3\4")
    old = hello(SERVER_NAME, extension(35, b"ticket-bytes"), versions)
    made = Handshake(WORDS).record(22, old)
    assert len(made) == len(old)
    assert NAME not in made
    assert b"ticket-bytes" not in made
    assert b"SESS" not in made
    assert versions in made
    assert made[:38] == old[:38]  # with the random
    assert WORDS.text(NAME) in made


def test_identities_of_tickets_are_overwritten_and_framed_as_before() -> None:
    identity = b"\0\x08identity" + bytes(4)
    psk = extension(41, b"\0\x0e" + identity + b"\0\x05\x04bind")
    old = hello(psk)
    made = Handshake(WORDS).record(22, old)
    assert b"identity" not in made
    assert made[: old.index(b"identity")][43:] == old[: old.index(b"identity")][43:]


def test_certificates_and_data_become_noise() -> None:
    session = Handshake(WORDS)
    certificate = b"\x0b\0\0\x0bCN=somebody"
    made = session.record(22, certificate[:9]) + session.record(22, certificate[9:])
    assert made[:4] == certificate[:4]
    assert b"some" not in made
    assert b"body" not in made
    assert session.record(20, b"\1") == b"\1"
    assert session.record(23, b"x" * 30) != b"x" * 30
    assert session.overwritten == 11 + 30


def test_records_that_lie_do_no_harm() -> None:
    for body in (
        b"",
        b"\1",
        b"\1\xff\xff\xff\3\3",
        hello(SERVER_NAME)[:50],
        b"\2\0\0\x26" + bytes(38),
    ):
        assert len(Handshake(WORDS).record(22, body)) == len(body)
