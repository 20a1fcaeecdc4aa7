"""GraphQL: messages as in PROTOCOL.md of graphql-ws and of subscriptions-transport-ws."""

import json

import pytest
from oracle.spoken import heard, said, upgrade
from oracle.stages import TEXT, client, server

from analyzer.inside.graphql import NEW, OLD, Graphql, looks
from analyzer.inside.protocol import Setting
from analyzer.inside.registry import GRAPHQL as PROTOCOL

QUERY = "subscription Ticks($n: Int) { tick(n: $n) }"


def say(side, **message):
    return side(TEXT, json.dumps(message).encode())


@pytest.mark.parametrize(
    ("name", "begin", "result"), [(NEW, "subscribe", "next"), (OLD, "start", "data")]
)
def test_a_subscription_is_answered_by_its_first_result(name, begin, result):
    talk = [
        *upgrade("/graphql", name),
        say(client, type="connection_init"),
        say(server, type="connection_ack"),
        say(client, id="1", type=begin, payload={"query": QUERY}),
        say(server, id="1", type=result, payload={"data": {"tick": 1}}),
        say(server, id="1", type=result, payload={"data": {"tick": 2}}),
        say(server, id="1", type="complete"),
    ]
    tables = heard([talk])
    rows = said(tables, "inner", "kind", "name", "id", "reply_to", "reply_us")
    assert rows[2:] == [
        (name, begin, "Ticks", "1", None, None),
        (name, result, "Ticks", None, "1", 1000.0),
        (name, result, "Ticks", None, "1", None),
        (name, "complete", "Ticks", None, "1", None),
    ]
    (call,) = tables["calls"].to_dict("records")
    assert (call["name"], call["outcome"], call["items"]) == ("Ticks", "ok", 2)
    assert (call["reply_us"], call["request"], call["reply"]) == (1000.0, 2, 3)


def test_errors_and_cancelling():
    talk = [
        *upgrade("/graphql", NEW),
        say(client, id="a", type="subscribe", payload={"operationName": "A", "query": "{ x }"}),
        say(server, id="a", type="error", payload=[{"message": "no"}]),
        say(client, id="b", type="subscribe", payload={"operationName": "B", "query": "{ x }"}),
        say(server, id="b", type="next", payload={"errors": [{"message": "no"}], "data": None}),
        say(server, id="b", type="complete"),
        say(client, id="c", type="subscribe", payload={"operationName": "C", "query": "{ x }"}),
        say(client, id="c", type="complete"),
        say(client, id="d", type="subscribe", payload={"query": "{ x }"}),
        say(server, id="d", type="next", payload={"data": {}}),
    ]
    calls = heard([talk])["calls"]
    assert calls["name"].tolist() == ["A", "B", "C", "subscribe"]
    assert calls["outcome"].tolist() == ["error", "error", "cancelled", "ok"]


@pytest.mark.parametrize("kind", ["ka", "ping", "pong"])
def test_heartbeats(kind):
    (item,) = Graphql(Setting()).take(json.dumps({"type": kind}).encode(), 1, True)
    assert item.kind == "heartbeat"


def test_others_and_recognition():
    for text in (b"{}", b'{"type":"chat"}', b"[]", b"x", b'{"type":1}'):
        assert Graphql(Setting()).take(text, 0, True) is None
        assert not looks(text, 0, True)
    assert looks(b'{"type":"connection_init"}', 0, True)
    assert not looks(b'{"type":"ping"}', 0, True)
    assert not looks(b'{"type":"start","id":1}', 0, True)
    assert PROTOCOL.subprotocols.fullmatch(OLD)
    assert PROTOCOL.subprotocols.fullmatch(NEW)
