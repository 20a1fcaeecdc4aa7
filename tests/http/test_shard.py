"""Shards put together find what one process finds in HTTP, or say that they cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle.split import in_one, in_shards
from oracle.spoken import upgrade
from oracle.stages import CLIENT, SERVER, batches_of

from analyzer.columns import NULL
from analyzer.http.exchanges import Handshake, HttpBatch
from analyzer.http.shard import JoinedHttp, NotedHttp, ShardHttpStage
from analyzer.options import Options
from analyzer.tcp.bytestream import StreamBatch

CAPTURES = Path(__file__).parents[2] / "captures"
PLAIN = (CLIENT, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
REFUSED = (SERVER, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


def read(name, count, batch_bytes=1 << 14):
    keys = (CAPTURES / name).with_suffix(".keys")
    options = Options(keys=(str(keys),) if keys.exists() else (), batch_bytes=batch_bytes)
    data = (CAPTURES / name).read_bytes()
    whole = in_one(data, options)
    return whole, in_shards(data, options, whole, count)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    "name",
    [
        *("nginx-proxy.pcapng", "chat-short-poll.pcap", "http2-clear.pcap", "connect-proxy.pcap"),
        *("chromium-nginx-http2.pcap", "client-heads.pcap", "calls-ajax.pcap"),
    ],
)
def test_captures(name, count):
    whole, split = read(name, count)
    assert split.attempts == whole.attempts
    assert split.exchanges == whole.exchanges
    assert sorted(split.found) == sorted(whole.found)
    assert whole.attempts or whole.exchanges
    assert not split.shares


def test_plain_http_in_tls_cannot_be_split():
    # Several connections of a client that offers no HTTP/2: one of three is not in the first shard.
    whole, split = read("curl-https.pcap", 3)
    assert len(whole.exchanges) > 1
    assert split.shares


def noted_of(talk, shard):
    stage = ShardHttpStage(Options(), shard)
    for batch in batches_of([talk]):
        stage.reach(99)
        stage.push(batch)
    return stage.take_noted()


@pytest.mark.parametrize(
    ("talk", "shares"),
    [
        (upgrade(), False),
        ([upgrade()[0], REFUSED], False),
        ([upgrade()[0], REFUSED, PLAIN], True),
        ([PLAIN], True),
        ([REFUSED], True),
    ],
)
def test_plain_http_is_noted_but_in_the_first_shard(talk, shares):
    assert noted_of(talk, 1).shares is shares
    assert not noted_of(talk, 0).shares


def test_attempts_are_noted_with_their_packets():
    batches = list(batches_of([upgrade()]))
    (first,) = noted_of(upgrade(), 1).begun.tolist()
    assert first == 2 * int(batches[0].rows["packet"][0])


# --- numbers


def attempt(number, slot=0, key=None, sent=NULL, answered=NULL):
    made = Handshake(slot, 0, number)
    made.key, made.request_first_time, made.response_last_time = key, sent, answered
    return made


def batch_of(upgrades=(), handshakes=()):
    stream = StreamBatch(None)  # type: ignore[arg-type]
    rows = np.zeros(0)
    return HttpBatch(stream, rows, list(upgrades), [], list(handshakes), [], [], rows, [])  # type: ignore[arg-type]


def noted(*begun):
    return NotedHttp(np.array(begun, np.int64), False)


def test_attempts_are_numbered_as_they_began():
    joined = JoinedHttp(Options(), 2)
    one, other, late = attempt(0), attempt(0, slot=4), attempt(1, slot=7)
    joined.push([batch_of(), batch_of()], [noted(20, 60), noted(40)], [{}, {}])
    joined.push(
        [batch_of([one], [late]), batch_of(handshakes=[other])], [noted(), noted()], [{}, {}]
    )
    assert (one.number, other.number, late.number) == (0, 1, 2)
    # An attempt comes again with its connection.
    again = attempt(0)
    joined.push([batch_of(), batch_of()], [noted(), noted()], [{}, {}], [[again], []])
    assert again.number == 0


def test_attempts_that_end_with_their_connections_are_numbered_in_that_order():
    joined = JoinedHttp(Options(), 2)
    one, other = attempt(0, slot=3), attempt(0, slot=5)
    batches = [batch_of(handshakes=[one]), batch_of(handshakes=[other])]
    joined.push(batches, [noted(201), noted(201)], [{3: 1}, {5: 0}])
    assert (one.number, other.number) == (1, 0)


@pytest.mark.parametrize(
    ("others", "shares"),
    [
        ((1, 30, 40), True),
        ((1, 15, 40), False),  # the same request, passed on by a proxy
        ((0, 30, 40), False),  # found in the shard itself
        ((1, 1, 5), True),
    ],
)
def test_a_key_that_was_used_before_in_another_shard(others, shares):
    joined = JoinedHttp(Options(), 2)
    first = batch_of([attempt(0, key="k", sent=10, answered=20)])
    joined.push([first, batch_of()], [noted(2), noted()], [{}, {}])
    shard, sent, answered = others
    batches, notes = [batch_of(), batch_of()], [noted(), noted()]
    batches[shard] = batch_of([attempt(1 - shard, key="k", sent=sent, answered=answered)])
    notes[shard] = noted(80)
    joined.push(batches, notes, [{}, {}])
    assert joined.shares is shares
