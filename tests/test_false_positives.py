"""Traffic that is not WebSocket: no connection, frame or message may be invented."""

from __future__ import annotations

import contextlib
import random
import shutil
import ssl
import struct

import pytest
from conversation import Conversation
from oracle import tls_ends
from oracle.whole import assert_ties_out, tables_of


def led(*turns: tuple[str, bytes], port: int = 9999, opened: bool = True) -> Conversation:
    """A connection on which client and server say these things."""
    one = Conversation(server_port=port)
    if opened:
        one.open()
    for side, data in turns:
        one.send(side, data)
    return one


def exchange_of(randomness: random.Random, make, turns: int = 12) -> list[tuple[str, bytes]]:
    return [(side, make(randomness)) for _ in range(turns) for side in ("client", "server")]


def noise(randomness: random.Random) -> bytes:
    return randomness.randbytes(randomness.choice([1, 2, 6, 20, 200, 1400, 4000]))


def dns(randomness: random.Random) -> bytes:
    """DNS over TCP: a length of two bytes, then header and question (RFC 1035 4.2.2)."""
    name = bytes(randomness.choice(b"abcdefgh") for _ in range(randomness.randint(3, 40)))
    body = randomness.randbytes(2) + b"\x01\x00\0\1\0\0\0\0\0\0"
    body += bytes([len(name)]) + name + b"\0\0\1\0\1"
    return struct.pack(">H", len(body)) + body


def lines(randomness: random.Random) -> bytes:
    """A protocol of text lines, such as SMTP or Redis."""
    return b"".join(b"+OK %d\r\n" % randomness.randrange(10**9) for _ in range(3))


def framed(randomness: random.Random) -> bytes:
    """Records with a length of four bytes before each, as in gRPC or Kafka."""
    body = randomness.randbytes(randomness.randint(10, 300))
    return struct.pack(">I", len(body)) + body


def http(randomness: random.Random) -> list[tuple[str, bytes]]:
    turns = []
    for _ in range(8):
        body = randomness.randbytes(randomness.randint(0, 3000))
        turns.append(("client", b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % randomness.randrange(99)))
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        turns.append(("server", head + body))
    return turns


def mqtt(randomness: random.Random) -> bytes:
    """MQTT PUBLISH packets: a first byte 0x30 or 0x32, a length of 7 bits (3.3)."""
    body = struct.pack(">H", 4) + b"home" + randomness.randbytes(randomness.randint(1, 100))
    return bytes([randomness.choice([0x30, 0x32]), len(body)]) + body


def zeros(randomness: random.Random) -> bytes:
    return bytes(randomness.randint(1, 1500))


def records(randomness: random.Random) -> bytes:
    """Noise in what looks like records of TLS handshake messages."""
    body = bytes([randomness.choice([1, 2])]) + randomness.randbytes(randomness.randint(4, 300))
    return b"\x16\x03\x01" + struct.pack(">H", len(body)) + body


MADE = {"noise": noise, "dns": dns, "lines": lines, "framed": framed, "mqtt": mqtt, "zeros": zeros}
MADE["records"] = records


def assert_nothing(one: Conversation, sessions: int = 0) -> None:
    tables = tables_of(one.pcap())
    assert (tables.count("handshakes"), tables.count("tls_sessions")) == (0, sessions)
    assert_ties_out(tables)
    counts = {name: tables.count(name) for name in ("connections", "frames", "messages", "pings")}
    assert counts == {"connections": 0, "frames": 0, "messages": 0, "pings": 0}


@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize("kind", MADE)
def test_other_protocols(kind, opened):
    for seed in range(25):
        turns = exchange_of(random.Random(f"{kind} {seed}"), MADE[kind])
        assert_nothing(led(*turns, opened=opened))


@pytest.mark.parametrize("start", range(4))
def test_http_from_its_middle(start):
    for seed in range(10):
        assert_nothing(led(*http(random.Random(seed))[start:], opened=start == 0))


def test_http_bodies_that_begin_in_the_middle():
    """The capture begins within a long download: only bytes, no head."""
    for seed in range(25):
        randomness = random.Random(seed)
        turns = [("server", randomness.randbytes(60_000)), ("client", b"GET / HTTP/1.1\r\n\r\n")]
        assert_nothing(led(*turns, opened=False))


def tls_turns(folder) -> list[tuple[str, bytes]]:
    """Both ends of a TLS connection by the standard library, in memory."""
    contexts = dict(zip(("client", "server"), tls_ends.contexts(folder), strict=True))
    pipes = {side: (ssl.MemoryBIO(), ssl.MemoryBIO()) for side in contexts}
    ends = {
        side: contexts[side].wrap_bio(*pipes[side], server_side=side == "server")
        for side in contexts
    }
    turns: list[tuple[str, bytes]] = []

    def carry() -> None:
        for side, other in (("client", "server"), ("server", "client")):
            data = pipes[side][1].read()
            if data:
                turns.append((side, data))
                pipes[other][0].write(data)

    for _ in range(4):
        for end in ends.values():
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
            carry()
    for number in range(60):
        for side, end in ends.items():
            end.write(b"a record of application data %d " % number * (number % 7 + 1))
            carry()
            if side == "client":
                ends["server"].read(65536)
    return turns


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl for a certificate")
def test_tls(tmp_path):
    turns = tls_turns(tmp_path)
    assert len(turns) > 100
    for start in (0, 4, 5, 11, 40):
        # From turn 1 on at the latest, no hello of the client's is in it.
        assert_nothing(led(*turns[start:], port=443, opened=start == 0), int(start == 0))
