"""WAMP: messages as in the draft's examples, in all three serializations."""

import json

import cbor2
import msgspec
import pytest
from oracle.spoken import heard, said, upgrade
from oracle.stages import BINARY, TEXT, client, server

from analyzer.inside.protocol import ASK, REPLY_ERROR, STREAM, Setting
from analyzer.inside.registry import WAMP as PROTOCOL
from analyzer.inside.wamp import Wamp, looks

FORMS = {
    "json": (TEXT, lambda message: json.dumps(message).encode()),
    "msgpack": (BINARY, msgspec.msgpack.encode),
    "cbor": (BINARY, cbor2.dumps),
}


@pytest.mark.parametrize("form", FORMS)
def test_calls_and_topics(form):
    opcode, encode = FORMS[form]

    def up(*message):
        return client(opcode, encode(message))

    def down(*message):
        return server(opcode, encode(message))

    talk = [
        *upgrade("/ws", f"wamp.2.{form}"),
        up(1, "realm1", {"roles": {}}),
        down(2, 9129137332, {"roles": {}}),
        up(48, 7814135, {}, "com.myapp.ping", [1]),
        down(50, 7814135, {}, ["pong"]),
        up(32, 713845233, {}, "com.myapp.mytopic1"),
        down(33, 713845233, 5512315355),
        up(16, 239714735, {}, "com.myapp.mytopic1", ["Hello"]),
        down(36, 5512315355, 4429313566, {}, ["Hello"]),
        up(64, 25349185, {}, "com.myapp.add2"),
        down(65, 25349185, 2103333224),
        down(68, 6131533, 2103333224, {}, [23, 7]),
        up(70, 6131533, {}, [30]),
    ]
    tables = heard([talk])
    assert [row[0] for row in said(tables, "kind")] == [
        *("HELLO", "WELCOME", "CALL", "RESULT", "SUBSCRIBE", "SUBSCRIBED", "PUBLISH", "EVENT"),
        *("REGISTER", "REGISTERED", "INVOCATION", "YIELD"),
    ]
    names = [row[0] for row in said(tables, "name")]
    assert names[2:] == [
        *("com.myapp.ping",) * 2,
        *("com.myapp.mytopic1",) * 4,
        *("com.myapp.add2",) * 4,
    ]
    calls = tables["calls"]
    assert calls["outcome"].tolist() == ["ok"] * 4  # a publication without acknowledge is none
    assert calls["caller"].tolist() == ["client", "client", "client", "server"]
    (topic,) = tables["topics"].to_dict("records")
    assert (topic["topic"], topic["messages"], topic["deliveries"]) == ("com.myapp.mytopic1", 1, 1)
    assert tables["fanout"]["delivered_us"].tolist() == [1000.0]


def take(text, sender=0, subprotocol="wamp.2.json"):
    return Wamp(Setting(subprotocol)).take(text, sender, True)


def test_errors_and_progress():
    (failed,) = take(b'[8, 48, 7814135, {}, "com.myapp.error"]', 1)
    (asked,) = take(b'[48, 7814135, {}, "com.myapp.x"]')
    assert (failed.role, failed.key) == (REPLY_ERROR, asked.key)
    (part,) = take(b'[50, 7814135, {"progress": true}, [1]]', 1)
    assert part.role == STREAM
    (sent,) = take(b'[16, 239714735, {"acknowledge": true}, "com.myapp.t", ["x"]]')
    assert sent.role == ASK


def test_batches():
    one, two = b'[48,1,{},"a.b"]', b'[48,2,{},"a.c"]'
    items = take(one + b"\x1e" + two + b"\x1e", 0, "wamp.2.json.batched")
    assert [item.name for item in items] == ["a.b", "a.c"]
    packed = [msgspec.msgpack.encode(json.loads(each)) for each in (one, two)]
    payload = b"".join(len(each).to_bytes(4) + each for each in packed)
    items = Wamp(Setting("wamp.2.msgpack.batched")).take(payload, 0, False)
    assert [item.name for item in items] == ["a.b", "a.c"]


@pytest.mark.parametrize("text", [b"[]", b"[99,1]", b'["a"]', b"{}", b"x", b"[48,1]", b"[48]"])
def test_others(text):
    assert take(text) is None


def test_recognition():
    assert looks(b'[1, "realm1", {"roles": {"caller": {}}}]', 0, True)
    assert not looks(b'[1, "realm1", {}]', 0, True)
    assert PROTOCOL.subprotocols.fullmatch("wamp.2.cbor.batched")
