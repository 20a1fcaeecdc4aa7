"""Connections that may share state with others are in one shard, with both directions."""

from __future__ import annotations

import numpy as np
import pytest

from analyzer.capture.records import RecordBatch
from analyzer.columns import empty
from analyzer.http.affinity import Affinity, key_of, may_share, new_keys
from analyzer.packets.segments import SEGMENT, SegmentBatch

REQUEST = (
    b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
UPGRADE = REQUEST % b"dGhlIHNhbXBsZSBub25jZQ=="
PLAIN = b"GET /poll HTTP/1.1\r\nHost: a\r\n\r\n"
SESSION = UPGRADE.replace(b"/chat", b"/socket.io/?EIO=4&sid=abc&transport=websocket")
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)
MASKED = b"\x81\x85\1\2\3\4abcde"
SYN = 2


def batch(*steps, size=1000):
    """Segments (client port, is from the server, payload, flags) of one client and server."""
    rows = empty(SEGMENT, len(steps))
    data = bytearray()
    for row, (port, back, payload, *flags) in zip(rows, steps, strict=True):
        ends = [(1, 50_000 + port), (2, 80)]
        (source, source_port), (other, other_port) = ends[::-1] if back else ends
        row["source_low"], row["source_port"] = source, source_port
        row["destination_low"], row["destination_port"] = other, other_port
        row["start"], row["length"] = len(data), len(payload)
        row["captured"] = len(payload)
        row["flags"] = flags[0] if flags else 0
        data += payload
    return SegmentBatch(RecordBatch(data=np.frombuffer(bytes(data), np.uint8), used=size), rows)


def affinity(shards=4, ahead=0, reads_tls=True):
    return Affinity(shards, new_keys(), reads_tls=reads_tls, ahead=ahead)


@pytest.mark.parametrize(
    ("payload", "begins", "expected"),
    [
        (PLAIN, True, True),
        (PLAIN[:9], True, True),
        (b"HTTP/1.1 200 OK\r\n", True, True),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", True, True),
        (b"\0\0\x12\4\0\0\0\0\0", True, True),  # settings of a server that speaks first
        (b"\5\1\0", True, True),  # SOCKS
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", True, True),
        (b"\x7fELF\x01", True, False),
        (MASKED, True, False),
        (MASKED, False, False),
        (b"\0\0\4\0\1\0\0\0\1abcd", False, True),  # DATA of HTTP/2
        (b"<html>", False, True),
        (b"HTTP/1.1 200 OK\r\n", False, True),
        (b"A text", False, True),
        (b"\x01\x05hello", False, False),
        (b"\xc2\x05hello", False, False),
        (b"", True, False),
        (HELLO, True, False),
        (HELLO + b"\0\x10\0\5\0\3\2h2", True, True),
        (b"\x17\3\3\1\0", False, False),
    ],
)
def test_what_may_share(payload, begins, expected):
    assert may_share(payload, begins=begins, reads_tls=True) is expected


def test_what_is_in_tls_cannot_be_read_without_keys():
    assert not may_share(HELLO + b"\2h2", begins=True, reads_tls=False)


def test_key_of_an_upgrade():
    assert key_of(UPGRADE) == b"dGhlIHNhbXBsZSBub25jZQ=="
    assert key_of(UPGRADE.replace(b"Sec-WebSocket-Key: ", b"sec-websocket-key:\t")) is not None
    for other in (UPGRADE[:-2], UPGRADE + PLAIN, PLAIN, SESSION, b"POST" + UPGRADE[3:]):
        assert key_of(other) is None
        assert may_share(other, begins=True, reads_tls=False)


def test_shares_are_first_and_the_others_are_spread():
    steps = []
    for port in range(200):
        key = b"key%d==" % port
        first = (REQUEST % key, PLAIN, SESSION, MASKED)[port % 4]
        steps += [(port, False, b"", SYN), (port, True, b"", SYN), (port, False, first)]
        steps += [(port, True, b"answer"), (port, False, PLAIN)]
    ((_, shards),) = affinity().push(batch(*steps))
    by_port = shards.reshape(200, 5)
    assert (by_port == by_port[:, :1]).all()
    assert not by_port[1::4].any()
    assert not by_port[2::4].any()
    for spread in (by_port[0::4, 0], by_port[3::4, 0]):
        assert set(spread.tolist()) == {0, 1, 2, 3}


def test_one_key_is_in_one_shard():
    ((_, shards),) = affinity().push(batch(*[(port, False, UPGRADE) for port in range(50)]))
    assert len(set(shards.tolist())) == 1


def test_a_syn_waits_for_its_payload():
    made = affinity(ahead=1500)
    assert made.push(batch((1, False, b"", SYN), (2, False, b"", SYN))) == []
    assert made.held_bytes == 1000
    assert made.push(batch((1, False, REQUEST % b"a"))) == []
    ((first, shards),) = made.push(batch((2, True, b"", SYN)))
    assert len(first.rows) == 2
    # Of the other nothing came in time: it stays in the first shard, whatever comes.
    assert shards[1] == 0
    assert made.push(batch((2, False, REQUEST % b"b")))[0][1].tolist() == [shards[0]]
    (_, third), (_, fourth) = made.finish()
    assert third.tolist() == fourth.tolist() == [0]
    assert made.held_bytes == 0


def test_a_port_that_is_used_again_stays_where_it_was():
    made = affinity(shards=255)
    steps = [(port, False, REQUEST % b"%d" % port) for port in range(30)]
    ((_, before),) = made.push(batch(*steps))
    again = [(port, False, b"", SYN) for port in range(30)]
    again += [(port, False, PLAIN) for port in range(30)]
    ((_, after),) = made.push(batch(*again))
    assert after.tolist() == [*before.tolist(), *before.tolist()]


def test_many_connections():
    made = affinity(shards=2)
    count = 5000
    rows = [(port % 15_000, False, MASKED) for port in range(count)]
    ((_, shards),) = made.push(batch(*rows))
    ((_, again),) = made.push(batch(*rows))
    assert shards.tolist() == again.tolist()
    assert 0.4 < shards.mean() < 0.6


def test_processes_decide_alike():
    keys = new_keys()
    steps = [(port, False, MASKED) for port in range(100)]
    one, other = (
        Affinity(3, keys, reads_tls=False, ahead=0).push(batch(*steps))[0][1] for _ in range(2)
    )
    assert one.tolist() == other.tolist()
