"""What libraries read in the recorded messages is what the decoders read.

python-socketio (packet.Packet) and ocpp (messages.unpack) read one message at a time; paho-mqtt
packet types and properties, autobahn, cbor2 and json the messages of WAMP, graphql-core documents,
jupyter-client the messages of kernels, msgpack those of SignalR.
"""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from dataclasses import is_dataclass
from itertools import pairwise

import cbor2
import msgpack
import ocpp.v16.call
import ocpp.v201.call
import pandas as pd
import pytest
from autobahn.wamp import message
from autobahn.wamp.serializer import (
    CBORObjectSerializer,
    JsonObjectSerializer,
    MsgPackObjectSerializer,
    Serializer,
)
from graphql import GraphQLSyntaxError, OperationDefinitionNode, parse
from jupyter_client.session import Session
from ocpp.messages import Call, CallResult, unpack
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties, VariableByteIntegers
from socketio.msgpack_packet import MsgPackPacket
from socketio.packet import Packet, packet_names
from test_captures import CAPTURES, MANIFEST, logged

import analyzer
from analyzer.inside.ocpp import middle


def speaking(inner: str) -> list[str]:
    """Captures whose programs log a protocol, in clear or with keys beside them."""
    return [
        name
        for name in sorted(MANIFEST)
        if {"log", "log_decrypted"} & set(MANIFEST[name]["expected"])
        and any(event.get("inner") == inner and event["port"] for event in logged(name))
    ]


def messages(name: str, inner: str) -> pd.DataFrame:
    keys = (CAPTURES / name).with_suffix(".keys")
    keys = [str(keys)] if keys.exists() else ()
    rows = analyzer.analyze(CAPTURES / name, payload="full", keys=keys).messages
    return rows[(rows["inner"] == inner) & (rows["inner_items"] > 0)]


def or_none(value):
    return None if pd.isna(value) else value


def text(value) -> str | None:
    return None if value is None else str(value)


def test_ocpp_actions():
    """Those of which a CALL is known by itself are the library's classes, of both versions."""
    modules = (ocpp.v16.call, ocpp.v201.call)
    names = {name for each in modules for name, made in vars(each).items() if is_dataclass(made)}
    assert names
    known = {f'[2,"1","{name}",{{}}]' for name in names}
    assert {each for each in known if not middle(each.encode(), 0, True)} == set()
    assert not middle(b'[2,"1","Move",{}]', 0, True)


KINDS = {"BINARY_EVENT": "event", "BINARY_ACK": "ack"}


@pytest.mark.parametrize("name", speaking("socket.io"))
def test_socket_io(name):
    compared = 0
    for row in messages(name, "socket.io").itertuples():
        payload = row.payload
        if name == "socket-io-msgpack.pcap" and row.type == "binary":
            packet = MsgPackPacket(encoded_packet=payload)
        elif payload.startswith(b"4"):
            packet = Packet(encoded_packet=payload[1:].decode())
        else:
            continue  # Engine.IO's own
        word = packet_names[packet.packet_type]
        kind = KINDS.get(word, word.lower())
        assert row.kind == kind
        assert row.topic == (packet.namespace or "/")
        if kind == "event":
            assert (row.name, or_none(row.id)) == (packet.data[0], text(packet.id))
        if kind == "ack":
            assert row.reply_to == text(packet.id)
        compared += 1
    assert compared > 10


@pytest.mark.parametrize("name", speaking("ocpp"))
def test_ocpp(name):
    rows = messages(name, "ocpp")
    asked = {}
    for row in rows.itertuples():
        message = unpack(row.payload.decode())
        number = message.unique_id
        if isinstance(message, Call):
            asked[number] = message.action
            assert row.id == number
        else:
            assert row.reply_to == number
        if asked[number] == "Heartbeat":
            assert row.kind == "heartbeat"
            continue
        assert row.name == asked[number]
        word = "CALLRESULT" if isinstance(message, CallResult) else "CALLERROR"
        assert row.kind == ("CALL" if isinstance(message, Call) else word)
    assert len(rows) > 10


def all_messages(name: str) -> pd.DataFrame:
    return analyzer.analyze(CAPTURES / f"{name}.pcap", payload="full").messages


# --- MQTT


def packets(stream: bytes):
    """First byte and rest of each packet in what one side sent."""
    while stream:
        length, used = VariableByteIntegers.decode(stream[1:6])
        yield stream[0], stream[1 + used : 1 + used + length]
        stream = stream[1 + used + length :]


def published(first: int, body: bytes, version: int, aliases: dict[int, str]):
    """Topic and packet identifier of a PUBLISH; the topic of an alias by the aliases."""
    size = int.from_bytes(body[:2], "big")
    topic, body = body[2 : 2 + size].decode(), body[2 + size :]
    number = None
    if first & 6:
        number, body = str(int.from_bytes(body[:2], "big")), body[2:]
    if version == 5:
        properties, _ = Properties(PacketTypes.PUBLISH).unpack(body)
        alias = properties.json().get("TopicAlias")
        if alias is not None:
            topic = topic or aliases[alias]
            aliases[alias] = topic
        if "CorrelationData" in properties.json():
            number = None  # then the id is that
    return topic, number


@pytest.mark.parametrize(("name", "version"), [("mqtt-3", 3), ("mqtt-5", 5)])
def test_mqtt(name, version):
    rows = all_messages(name)
    compared = 0
    for _, some in rows.groupby(["connection", "direction"]):
        said = some[some["inner_items"] > 0]
        assert set(said["inner_items"]) == {1}
        aliases: dict[int, str] = {}
        found = list(packets(b"".join(some["payload"])))
        assert len(found) == len(said)
        for (first, body), row in zip(found, said.itertuples(), strict=True):
            word = PacketTypes.Names[first >> 4].upper()
            assert row.kind == ("heartbeat" if word.startswith("PING") else word)
            if word == "PUBLISH":
                topic, number = published(first, body, version, aliases)
                assert row.topic == topic
                assert number is None or row.id == number
            elif word in ("SUBSCRIBE", "UNSUBSCRIBE"):
                assert row.id == str(int.from_bytes(body[:2], "big"))
            elif word in ("SUBACK", "UNSUBACK", "PUBACK", "PUBREC", "PUBCOMP"):
                assert row.reply_to == str(int.from_bytes(body[:2], "big"))
            compared += 1
    assert compared > 20


# --- WAMP (the WAMP protocol, 6 to 16: what each element of a message is)

CODES = {
    **{1: "HELLO", 2: "WELCOME", 3: "ABORT", 6: "GOODBYE", 8: "ERROR", 16: "PUBLISH"},
    **{17: "PUBLISHED", 32: "SUBSCRIBE", 33: "SUBSCRIBED", 34: "UNSUBSCRIBE", 35: "UNSUBSCRIBED"},
    **{36: "EVENT", 48: "CALL", 49: "CANCEL", 50: "RESULT", 64: "REGISTER", 65: "REGISTERED"},
    **{66: "UNREGISTER", 67: "UNREGISTERED", 68: "INVOCATION", 69: "INTERRUPT", 70: "YIELD"},
}
URI_AT = {16: 3, 32: 3, 48: 3, 64: 3}
ASKS, ANSWERS = {16, 32, 34, 48, 64, 66, 68}, {17, 33, 35, 50, 65, 67, 70}


@pytest.mark.parametrize(("name", "read"), [("wamp-cbor", cbor2.loads), ("wamp-json", json.loads)])
def test_wamp(name, read):
    compared = 0
    subscribed, registered, asked = {}, {}, defaultdict(dict)
    for row in all_messages(name).itertuples():
        message = read(row.payload)
        code, here = message[0], asked[row.connection, row.direction]
        there = asked[row.connection, "server" if row.direction == "client" else "client"]
        assert row.kind == CODES[code]
        if code in URI_AT:
            here[message[1]] = message[URI_AT[code]]
            assert (row.name, row.id) == (message[URI_AT[code]], str(message[1]))
        elif code in ANSWERS and message[1] in there:
            assert (row.name, row.reply_to) == (there[message[1]], str(message[1]))
            if code in (33, 65):
                (subscribed if code == 33 else registered)[message[2]] = there[message[1]]
        elif code == 8:
            assert row.reply_to == str(message[2])
        elif code == 36:
            assert row.name == subscribed[message[1]]
        elif code == 68:
            here[message[1]] = registered[message[2]]
            assert (row.name, row.id) == (registered[message[2]], str(message[1]))
        compared += 1
    assert compared > 20


# --- GraphQL


def operation(payload: dict) -> str | None:
    """The name of the operation that a payload asks for."""
    if payload.get("operationName"):
        return payload["operationName"]
    try:
        document = parse(payload["query"])
    except GraphQLSyntaxError:
        return None
    (only,) = (each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    return only.name.value if only.name else None


@pytest.mark.parametrize("name", ["graphql-ws", "graphql-transport-ws"])
def test_graphql(name):
    rows = all_messages(name)
    asked: dict[tuple[int, str], str | None] = {}
    for row in rows.itertuples():
        message = json.loads(row.payload)
        if row.kind == "heartbeat":
            assert message["type"] in ("ka", "ping", "pong")
            continue
        assert row.kind == message["type"]
        if message["type"] in ("start", "subscribe"):
            asked[row.connection, message["id"]] = operation(message["payload"])
            assert row.id == message["id"]
        if "id" in message and (row.connection, message["id"]) in asked:
            assert or_none(row.name) == asked[row.connection, message["id"]]
    assert len(asked) > 5


# --- WAMP again, by autobahn, which builds a message of what it reads

SERIALIZERS = {
    "wamp-json": JsonObjectSerializer,
    "wamp-msgpack": MsgPackObjectSerializer,
    "wamp-cbor": CBORObjectSerializer,
}
REQUESTS = {message.Call: "procedure", message.Publish: "topic", message.Subscribe: "topic"}
REQUESTS[message.Register] = "procedure"


@pytest.mark.parametrize("name", SERIALIZERS)
def test_wamp_by_autobahn(name):
    rows = all_messages(name)
    read = SERIALIZERS[name]().unserialize
    seen = set()
    for row in rows.itertuples():
        [parts] = read(row.payload)
        found = Serializer.MESSAGE_TYPE_MAP[parts[0]].parse(parts)
        seen.add(type(found))
        assert row.kind == type(found).__name__.upper()
        if type(found) in REQUESTS:
            assert row.name == getattr(found, REQUESTS[type(found)])
            assert row.id == str(found.request)
        elif hasattr(found, "request"):
            assert str(found.request) in (or_none(row.id), or_none(row.reply_to))
    assert seen >= {message.Call, message.Result, message.Publish, message.Event, message.Error}


# --- Jupyter, by jupyter-client: a message as its Session reads it


def test_jupyter_by_its_client():
    session = Session(key=b"")
    rows = all_messages("jupyter-v1")
    for row in rows.itertuples():
        # jupyter_server, "WebSocket kernel wire protocols", v1: offsets of 64 bits.
        count = int.from_bytes(row.payload[:8], "little")
        offsets = struct.unpack_from(f"<{count}Q", row.payload, 8)
        channel, *parts = (row.payload[begin:end] for begin, end in pairwise(offsets))
        found = session.deserialize([b"", *parts])
        asked = found["parent_header"].get("msg_id")
        assert (row.topic, row.name) == (channel.decode(), found["msg_type"])
        if found["msg_type"].endswith("_request"):
            assert row.id == found["msg_id"]
        else:
            assert or_none(row.reply_to) == asked
    assert set(rows["name"]) >= {"execute_request", "execute_reply", "status", "stream"}


# --- SignalR in MessagePack, by the package msgpack

SIGNALR = {1: "invocation", 2: "stream_item", 3: "completion", 4: "stream_invocation", 5: "cancel"}
SIGNALR |= {6: "heartbeat", 7: "close"}


def test_signalr_by_msgpack():
    rows = all_messages("signalr-messagepack")
    compared = 0
    for row in rows[rows["kind"] != "handshake"].itertuples():
        # A length of 7 bits a byte, the low ones first, as in MQTT.
        length, used = VariableByteIntegers.decode(row.payload[:5])
        kind, *rest = msgpack.unpackb(row.payload[used : used + length])
        assert row.kind == SIGNALR[kind]
        if kind in (1, 4):
            assert (or_none(row.id), row.name) == (rest[1], rest[2])
        elif kind in (2, 3):
            assert row.reply_to == rest[1]
        compared += 1
    assert compared > 20
