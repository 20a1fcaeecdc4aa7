"""Messages cut from records of any size, what is kept of them, and their hash."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import tls

from analyzer.tls.handshake import HandshakeReader, Transcript

FLIGHT = [
    tls.message(1, b"hello"),
    tls.message(0, b""),
    tls.message(2, b"back"),
    tls.message(11, bytes(70_000)),
    tls.message(20, bytes(12)),
    tls.message(8, b"\0\0"),
    tls.message(16, b"key"),
]
WANTED = [(1, b"hello"), (0, b""), (2, b"back"), (11, b""), (20, b""), (8, b"\0\0"), (16, b"key")]


@given(st.lists(st.integers(1, 17_000), max_size=30))
def test_messages_and_their_hash(sizes):
    transcript = Transcript(65_536)
    reader = HandshakeReader(65_536, transcript)
    data, found = b"".join(FLIGHT), []
    for size in [*sizes, len(data)]:
        for message in reader.feed(data[:size]):
            found.append(message)
            if message[0] == 2:
                transcript.choose(("sha256",))
        data = data[size:]
        assert reader.held <= 65_536
    assert found == WANTED
    assert not reader.is_inside
    sent = b"".join(each for each in FLIGHT if each[0] != 0)
    assert transcript.value() == hashlib.sha256(sent).digest()
    assert transcript.value() is None


def test_two_hashes():
    transcript = Transcript(100)
    transcript.begin()
    transcript.add(b"x")
    transcript.choose(("md5", "sha1"))
    transcript.add(b"y")
    assert transcript.value() == hashlib.md5(b"xy").digest() + hashlib.sha1(b"xy").digest()


def test_a_transcript_without_its_beginning_is_none():
    transcript = Transcript(100)
    transcript.add(b"x")
    transcript.choose(("sha256",))
    assert transcript.value() is None


def test_a_hello_too_long_is_not_kept():
    transcript = Transcript(100)
    reader = HandshakeReader(100, transcript)
    data = tls.message(1, bytes(1000)) + tls.message(2, b"x")
    found = [
        each for place in range(0, len(data), 7) for each in reader.feed(data[place : place + 7])
    ]
    assert found == [(1, None), (2, b"x")]
    transcript.choose(("sha256",))
    assert transcript.value() is None


def test_a_message_that_has_not_ended():
    reader = HandshakeReader(100, Transcript(100))
    assert list(reader.feed(tls.message(1, bytes(10))[:8])) == []
    assert reader.is_inside
    reader.clear()
    assert not reader.is_inside
    assert list(reader.feed(tls.message(11, bytes(10))[:8])) == [(11, b"")]
    assert reader.is_inside


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (tls.message(24, b"\1"), [(24, b"\1")]),
        (tls.message(4, bytes(9)) + tls.message(24, b"\0"), [(4, b""), (24, b"\0")]),
        (tls.message(4, bytes(9))[:-1], []),
        (bytes(9), []),
        (b"", []),
    ],
)
def test_behind_a_gap_only_whole_messages_count(data, found):
    reader = HandshakeReader(100, Transcript(100))
    list(reader.feed(tls.message(1, bytes(50))[:20]))
    reader.lose()
    assert list(reader.feed(data)) == found
    assert not reader.is_inside
    assert list(reader.feed(tls.message(24, b"\1"))) == [(24, b"\1")]


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_noise(pieces):
    reader = HandshakeReader(64, Transcript(64))
    for piece in pieces:
        for kind, body in reader.feed(piece):
            assert 0 <= kind <= 255
            assert body is None or len(body) <= 64
        assert reader.held <= 64
