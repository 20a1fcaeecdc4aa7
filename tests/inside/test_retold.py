"""Each protocol over HTTP/2, in TLS, from the middle and behind holes: as it is in the clear.

What was recorded from a program is told again, so that nothing differs but how it is carried.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import pandas as pd
import pytest
from oracle import http2, retold
from test_captures import CAPTURES

NAMES = (
    *("action-cable", "centrifugo", "chromium-cdp", "ddp", "graphql-transport-ws", "graphql-ws"),
    *("home-assistant", "json-rpc", "jupyter-v1", "kubernetes-v4", "kubernetes-v5", "mqtt-3"),
    *("mqtt-5", "mqtt-split", "ocpp-16", "ocpp-201", "phoenix", "pusher", "rfb", "signalr-json"),
    *("signalr-messagepack", "sip", "sockjs-stomp-websocket", "sockjs-websocket", "socket-io-2"),
    *("socket-io-python", "socket-io-room", "spring-chat", "stomp", "stomp-rabbitmq-10"),
    *("stomp-rabbitmq-12", "tunnel-ssh", "wamp-cbor", "wamp-json", "wamp-msgpack", "xmpp"),
)
PATHS = {name: CAPTURES / f"{name}.pcap" for name in NAMES}
WITHOUT_CALLS = {"kubernetes-v4", "kubernetes-v5", "rfb", "tunnel-ssh", "sockjs-websocket"}
BY_BEGINNING = {"kubernetes-v4", "kubernetes-v5", "rfb", "tunnel-ssh"}
"""Bytes behind it may be anything's; a first byte, or none, is all that distinguishes them."""
IN_PIECES = {"mqtt-3", "mqtt-5", "mqtt-split"}
"""MQTT.js on Node writes most packets as several messages, which from the middle are short
binary ones: no sign of WebSocket, or of MQTT."""


def keys_of(calls):
    """Caller, time of the request, and place among those of its time, of each call in order."""
    counts = Counter()
    for row in calls.itertuples():
        key = row.caller, row.requested_at
        yield *key, counts[key]
        counts[key] += 1


def outcomes(calls):
    """Outcome and reply_us of each call."""
    waits = [None if pd.isna(wait) else wait for wait in calls["reply_us"]]
    return dict(zip(keys_of(calls), zip(calls["outcome"], waits, strict=True), strict=True))


@cache
def in_the_clear(name):
    """Return what was said, and its analysis."""
    told = retold.recorded(PATHS[name])
    return told, retold.analysed(http2.capture(told.steps()))


@pytest.mark.parametrize("name", NAMES)
def test_told_again(name, tmp_path):
    """In one test, since each needs the capture's messages and what they say in the clear."""
    told, clear = in_the_clear(name)
    said = retold.words(clear)
    assert len(said) == len(told.messages)
    assert {row[2] for row in said} != {None}
    assert bool(retold.calls(clear)) == (name not in WITHOUT_CALLS)
    over_http2(told, clear)
    in_tls(told, clear, tmp_path)
    from_the_middle(told, clear)
    if name not in WITHOUT_CALLS:
        without_an_answer(told, clear)


def over_http2(told, clear):
    found = retold.analysed(retold.over_http2(told))
    assert set(found.connections["http_version"]) == {"2"}
    assert retold.words(found) == retold.words(clear)
    assert retold.calls(found) == retold.calls(clear)


def in_tls(told, clear, folder):
    data, log = retold.in_tls(told, folder)
    found = retold.analysed(data, keys=[str(log)])
    assert set(found.connections["scheme"]) == {"wss"}
    assert retold.words(found) == retold.words(clear)
    assert retold.calls(found) == retold.calls(clear)


def from_the_middle(told, clear):
    """What is said is what is said in the whole, or not known; no call is invented."""
    whole = {row[0]: row for row in retold.words(clear)}
    found = retold.analysed(retold.from_the_middle(told, len(told.messages) // 2))
    messages = retold.words(found)
    # A few binary messages do not show that it is WebSocket; nothing is said of them.
    assert messages or set(found.findings["id"]) == {"websocket-maybe"}
    moved = len(whole) - len(messages)
    for number, *said in messages:
        _, *expected = whole[number + moved]
        assert said[0] == expected[0]
        pairs = zip(retold.WORDS[1:], said, expected, strict=True)
        differ = {word: (got, right) for word, got, right in pairs if got not in (None, right)}
        assert not differ
    right = outcomes(clear.calls)
    for request, call in outcomes(found.calls).items():
        assert call == right[request]
    return found


@pytest.mark.parametrize("name", sorted({*NAMES} - BY_BEGINNING - IN_PIECES))
def test_named_in_the_middle(name):
    told, clear = in_the_clear(name)
    [inner] = set(clear.connections["inner"])
    count = len(told.messages)
    # Behind the opening, and with enough left for two of those that are distinguished.
    for first in {3, count // 4, count // 2}:
        found = retold.analysed(retold.from_the_middle(told, first))
        assert set(found.connections["inner"]) == {inner}, first


@pytest.mark.parametrize("name", sorted(BY_BEGINNING))
def test_not_named_in_the_middle(name):
    told = retold.recorded(PATHS[name])
    # Enough of it to see that it is WebSocket.
    long = told._replace(messages=told.messages * 8)
    found = retold.analysed(retold.from_the_middle(long, 3))
    assert len(found.messages)
    assert set(found.connections["inner"].isna()) == {True}


@pytest.mark.parametrize("name", sorted(IN_PIECES))
def test_mqtt_in_whole_packets(name):
    """As browsers' clients write it: the same is said, and it is named from its middle too."""
    told = retold.recorded(PATHS[name])
    whole = told._replace(messages=in_whole_packets(told.messages))
    clear = retold.words(retold.analysed(http2.capture(whole.steps())))
    assert len(clear) == len(whole.messages)
    if name != "mqtt-split":  # where some messages hold several packets
        in_pieces = retold.words(retold.analysed(http2.capture(told.steps())))
        assert [row[1:] for row in clear] == [row[1:] for row in in_pieces if row[3] is not None]
    # Long enough to see that it is WebSocket; without its CONNECT, CONNACK and DISCONNECT.
    long = whole._replace(messages=whole.messages[2:-1] * 8)
    found = retold.analysed(retold.from_the_middle(long, 1))
    assert set(found.connections["inner"]) == {"mqtt"}
    said = retold.words(found)
    begins = len(long.messages) - len(said)
    for number, *words in said:
        right = clear[2 + (number + begins) % (len(whole.messages) - 3)][1:]
        pairs = zip(retold.WORDS[1:], words, right, strict=True)
        assert not {pair for pair in pairs if pair[1] not in (None, pair[2])}


def in_whole_packets(messages):
    """Put each packet of MQTT in a message of its own: by remaining length (3.1.1, 2.2.3)."""
    held, out = {0: b"", 1: b""}, []
    for side, opcode, payload in messages:
        held[side] += payload
        while (size := size_of(held[side])) is not None:
            out.append((side, opcode, held[side][:size]))
            held[side] = held[side][size:]
    assert not any(held.values())
    return out


def size_of(data):
    length, shift = 0, 0
    for place, byte in enumerate(data[1:5], 2):
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return place + length if place + length <= len(data) else None
    return None


def without_an_answer(told, clear):
    """It is lost, not slow; the others are as they were."""
    calls = clear.calls
    answered = calls[calls["outcome"].isin(["ok", "error"]) & calls["reply"].notna()]
    chosen = answered.sort_values("requested_at").iloc[len(answered) // 2]
    gone = int(chosen["reply"])
    found = outcomes(retold.analysed(retold.without(told, gone, gone)).calls)
    numbers = dict(zip(keys_of(calls), calls.itertuples(), strict=True))
    for request, call in outcomes(calls).items():
        row = numbers[request]
        if row.outcome not in ("ok", "error"):
            continue
        if row.reply == gone:
            assert found[request][0] == "lost"
        elif row.request < gone < row.reply:
            assert found[request] == call or found[request][0] == "lost"
        else:
            assert found[request] == call
