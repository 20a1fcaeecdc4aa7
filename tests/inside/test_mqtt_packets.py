"""Strict reading of MQTT: whole packets and nothing else, by examples of the specifications."""

import random

import pytest

from analyzer.inside.mqtt_packets import filters_of, whole
from analyzer.inside.protocol import CLIENT, SERVER

BOTH = frozenset({4, 5})


def packet(first, *parts):
    body = b"".join(parts)
    assert len(body) < 128
    return bytes([first, len(body)]) + body


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return len(data).to_bytes(2, "big") + data


RIGHT = [
    # Payload of JSON cannot be properties of version 5; an empty one cannot be without any.
    (packet(0x30, text("a/b"), b'{"n":1}'), SERVER, {4}, True),
    (packet(0x30, text("a/b")), SERVER, {4}, True),
    (packet(0x30, text("a/b"), b"\0hello"), CLIENT, BOTH, True),
    (packet(0x32, text("a/b"), b"\0\x0a", b"x"), CLIENT, {4}, True),
    # Retained, or sent again: right, but no sign by itself.
    (packet(0x31, text("a/b"), b"x"), SERVER, {4}, False),
    (packet(0x3A, text("a/b"), b"\0\x0a", b"x"), SERVER, {4}, False),
    # Version 5: the topic of an alias, and properties.
    (packet(0x30, text(""), b"\x03\x23\0\x01", b"x"), SERVER, {5}, False),
    (packet(0x30, text("a"), b"\x07\x03", text("text"), b"x"), SERVER, BOTH, True),
    (packet(0x82, b"\0\x01", text("a/+"), b"\x01"), CLIENT, {4}, True),
    (packet(0x82, b"\0\x01\0", text("a/#"), b"\x29"), CLIENT, {5}, True),
    (packet(0xA2, b"\0\x01", text("a")), CLIENT, {4}, True),
    (packet(0x90, b"\0\x01\x01\x80"), SERVER, {4}, False),
    (packet(0x90, b"\0\x01\0\x87"), SERVER, {5}, False),
    (packet(0x40, b"\0\x01"), CLIENT, BOTH, False),
    (packet(0x40, b"\0\x01\x10"), SERVER, {5}, False),
    (packet(0x62, b"\0\x01"), CLIENT, BOTH, False),
    (b"\xc0\0", CLIENT, BOTH, True),
    (b"\xd0\0", SERVER, BOTH, True),
    (b"\xe0\0", CLIENT, BOTH, False),
    (packet(0xE0, b"\x8d"), SERVER, {5}, False),
    (packet(0x20, b"\0\0"), SERVER, {4}, False),
    (packet(0x20, b"\0\0\0"), SERVER, {5}, False),
    (packet(0x10, text("MQTT"), b"\x04\x02\0\x3c", text("a")), CLIENT, {4}, True),
    (b"\xc0\0" + packet(0x30, text("a"), b"x"), CLIENT, {4}, True),
]


@pytest.mark.parametrize(("payload", "sender", "versions", "clear"), RIGHT)
def test_whole(payload, sender, versions, clear):
    found = whole(payload, sender)
    assert found is not None
    assert (found.versions, found.clear) == (versions, clear)
    # Neither less nor more than whole packets.
    for size in range(len(payload)):
        cut = whole(payload[:size], sender)
        assert cut is None or payload[:2] == b"\xc0\0"
    assert whole(payload + b"\0", sender) is None


WRONG = [
    # Of the other side.
    (b"\xc0\0", SERVER),
    (packet(0x90, b"\0\x01\x01"), CLIENT),
    # Reserved bits (2.1.3); quality of service 3; sent again, with quality of service 0.
    (packet(0x80, b"\0\x01", text("a"), b"\0"), CLIENT),
    (packet(0x41, b"\0\x01"), CLIENT),
    (packet(0x36, text("a"), b"\0\x01"), CLIENT),
    (packet(0x38, text("a"), b"x"), CLIENT),
    # Packet identifier 0; no filter; a filter with quality of service 3.
    (packet(0x32, text("a"), b"\0\0"), CLIENT),
    (packet(0x40, b"\0\0"), CLIENT),
    (packet(0x82, b"\0\x01"), CLIENT),
    (packet(0x82, b"\0\x01", text("a"), b"\x03"), CLIENT),
    # Topics: wildcards, no UTF-8, control characters, longer than the packet, empty.
    (packet(0x30, text("a/#"), b"x"), CLIENT),
    (packet(0x30, text(b"a\xff"), b"x"), CLIENT),
    (packet(0x30, text("a\0"), b"x"), CLIENT),
    (packet(0x30, b"\0\x09abc"), CLIENT),
    (packet(0x30, text(""), b"x"), CLIENT),
    # A length of five bytes (2.2.3), type 0, nothing.
    (b"\x30\xff\xff\xff\xff\x01" + text("a"), CLIENT),
    (b"\0\0", CLIENT),
    (b"", CLIENT),
    (packet(0xC0, b"x"), CLIENT),
]


@pytest.mark.parametrize(("payload", "sender"), WRONG)
def test_not_whole(payload, sender):
    assert whole(payload, sender) is None


def test_random_bytes_are_rarely_packets():
    """Two bytes are right by chance once in 2^16 / 3; nothing longer with a topic was."""
    chance = random.Random(3)
    for size in (1, 3, 5, 8, 16, 64, 200):
        for _ in range(3000):
            found = whole(chance.randbytes(size), CLIENT)
            assert found is None or not found.clear


def test_filters():
    both = b"\0\x01" + text("a/b") + b"\x01" + text("c") + b"\0"
    assert filters_of(both, 4, with_options=True) == [b"a/b", b"c"]
    assert filters_of(b"\0\x01\0" + text("a/b"), 5, with_options=False) == [b"a/b"]
