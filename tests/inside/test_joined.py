"""Shards put together say what one process says."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle.split import in_one, in_shards

from analyzer.options import Options

CAPTURES = Path(__file__).parents[2] / "captures"
NAMED = """
    action-cable.pcap centrifugo.pcap chromium-cdp.pcap ddp.pcap engine-io-delay-polling.pcap
    engine-io-delay-websocket.pcap engine-io-polling.pcap engine-io-websocket.pcap
    graphql-transport-ws.pcap graphql-ws.pcap home-assistant.pcap json-rpc-deflate.pcap
    json-rpc.pcap jupyter-v1.pcap mqtt-3.pcap mqtt-5.pcap mqtt-split.pcap ocpp-16.pcap
    ocpp-201.pcap phoenix.pcap price-feed.pcap pusher.pcap signalr-json-deflate.pcap
    signalr-json.pcap signalr-messagepack.pcap sip.pcap socket-io-2.pcap
    socket-io-calls-polling.pcap socket-io-polling.pcap socket-io-python.pcap
    socket-io-room-tls.pcap socket-io-room-upgrade.pcap socket-io-room.pcap
    socket-io-upgrade.pcap sockjs-stomp-eventsource.pcap sockjs-stomp-websocket.pcap
    sockjs-stomp-xhr-polling.pcap sockjs-stomp-xhr-streaming.pcap spring-chat.pcap
    stomp-rabbitmq-10.pcap stomp-rabbitmq-11.pcap stomp-rabbitmq-12.pcap stomp.pcap
    wamp-cbor.pcap wamp-json.pcap wamp-msgpack.pcap xmpp.pcap
"""
"""Captures with calls or topics."""


def options_of(name: str, batch_bytes: int) -> Options:
    keys = (CAPTURES / name).with_suffix(".keys")
    return Options(keys=(str(keys),) if keys.exists() else (), batch_bytes=batch_bytes)


@pytest.mark.parametrize(("count", "batch_bytes"), [(2, 1 << 16), (3, 2_000)])
@pytest.mark.parametrize("name", NAMED.split())
def test_captures(name, count, batch_bytes):
    data, options = (CAPTURES / name).read_bytes(), options_of(name, batch_bytes)
    whole = in_one(data, options)
    turn = iter(range(10**9))
    split = in_shards(data, options, whole, count, lambda _: next(turn) % count)
    assert any(whole.cells().values())
    assert split.cells() == whole.cells()
    assert split.inner == whole.inner
    assert split.labels == whole.labels
    assert split.said == whole.said
    waited = [each[: len(some)] for each, some in zip(whole.messages, split.messages, strict=True)]
    assert split.messages == waited
