"""Engine.IO and Socket.IO: packets from the specifications' examples.

socket.io-protocol, revision 5, "Packet encoding" and "Examples"; engine.io-protocol,
revision 4, "Packet".
"""

import msgpack
import pytest

from analyzer.inside.engine_io import EngineIo, looks, looks_named
from analyzer.inside.protocol import ASK, REPLY, Setting
from analyzer.inside.registry import ENGINE_IO_BY_PATH as BY_PATH

PATH = "/socket.io/?EIO=4&transport=websocket"


def take(*texts, sender=0, path=PATH):
    decoder = EngineIo(Setting(path=path))
    out = []
    for text in texts:
        binary = isinstance(text, bytes)
        items = decoder.take(text if binary else text.encode(), sender, not binary)
        out.append(None if items is None else [(i.kind, i.name, i.topic) for i in items])
    return out


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("40", ("connect", None, "/")),
        ("40/admin,", ("connect", None, "/admin")),
        ("40/admin", ("connect", None, "/admin")),
        ('40/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}', ("connect", None, "/admin")),
        ("40/chat?token=secret,", ("connect", None, "/chat")),
        ('44{"message":"Not authorized"}', ("connect_error", None, "/")),
        ("41", ("disconnect", None, "/")),
        ("41/admin,", ("disconnect", None, "/admin")),
        ('42["foo"]', ("event", "foo", "/")),
        ('42/admin,["bar"]', ("event", "bar", "/admin")),
        ('4212["foo"]', ("event", "foo", "/")),
        ('42[ "a\\"b\\u00e9" , 1]', ("event", 'a"bé', "/")),
        ('43/admin,13["bar"]', ("ack", None, "/admin")),
        ('451-["baz",{"_placeholder":true,"num":0}]', ("event", "baz", "/")),
        ('461-/admin,19[{"_placeholder":true,"num":0}]', ("ack", None, "/admin")),
        ("2", ("heartbeat", None, None)),
        ("3probe", ("heartbeat", None, None)),
        ("5", ("upgrade", None, None)),
        ("6", ("noop", None, None)),
        ("1", ("close", None, None)),
        ('0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":[]}', ("open", None, None)),
    ],
)
def test_packets(text, item):
    assert take(text) == [[item]]


@pytest.mark.parametrize(
    "text", ['42["foo"', "42", "42{}", "43[1]", '45["a"]', "47", "4x", "9", "", '42[1,"a"]', "0{}"]
)
def test_what_is_no_packet(text):
    assert take(text) == [None]


def test_attachments_belong_to_the_packet_before():
    packet = '452-["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
    assert take(packet, b"\1", b"\2", '42["foo"]') == [
        *([("event", "baz", "/")], [], []),
        [("event", "foo", "/")],
    ]


def test_acks_are_answers():
    decoder = EngineIo(Setting(path=PATH))
    (asked,) = decoder.take(b'42/a,17["add",1]', 0, True)
    (answer,) = decoder.take(b"43/a,17[3]", 1, True)
    assert (asked.role, answer.role) == (ASK, REPLY)
    assert asked.key == answer.key
    assert (asked.id, answer.reply_to) == ("17", "17")
    (other,) = decoder.take(b"4317[3]", 1, True)
    assert other.key != asked.key  # another namespace


def packed(**packet):
    return msgpack.packb(packet)


@pytest.mark.parametrize("mark", [b"", b"\4"], ids=["revision 4", "revision 3"])
def test_packets_in_messagepack(mark):
    """socket.io-msgpack-parser: a map in a binary message, in revision 3 behind a byte 4."""
    asked = packed(type=2, data=["add", 1, {"a": b"\1"}], options={"compress": True}, id=7, nsp="/")
    answer = packed(type=3, data=[3], id=7, nsp="/")
    event = packed(type=2, nsp="/admin", data=["größe"])
    connect = packed(type=0, nsp="/", data={"sid": "a"})
    assert take(mark + asked, mark + answer, mark + event, mark + connect, path="/x?EIO=4") == [
        [("event", "add", "/")],
        [("ack", None, "/")],
        [("event", "größe", "/admin")],
        [("connect", None, "/")],
    ]
    decoder = EngineIo(Setting(path=PATH))
    (first,), (second,) = (decoder.take(mark + each, 0, False) for each in (asked, answer))
    assert (first.role, second.role, first.key == second.key) == (ASK, REPLY, True)
    assert first.body == msgpack.packb(["add", 1, {"a": b"\1"}])


@pytest.mark.parametrize(
    "data",
    [
        *(
            packed(type=7, nsp="/"),
            packed(type=2, nsp="/", data=[]),
            packed(type=3, nsp="/", data=[]),
        ),
        *(packed(type=2, nsp="/", data=[1]), packed(type=2, nsp="a", data=["a"]), packed(type=2)),
        *(b"", b"\4", b"\x81", b"\xdf" + b"\xff" * 4, b"\x91" * 5000, packed(type=2, nsp="/")),
    ],
)
def test_what_is_no_packet_in_messagepack(data):
    assert take(data) == [[]]


def test_engine_io_alone():
    decoder = EngineIo(Setting(path="/engine.io/?EIO=4&transport=websocket"))
    assert decoder.inner == "engine.io"
    assert [i.kind for i in decoder.take(b"4hello", 0, True)] == ["message"]
    assert [i.kind for i in decoder.take(b"\1\2", 1, False)] == ["message"]
    assert decoder.inner == "engine.io"
    decoder.take(b"40", 0, True)
    assert decoder.inner == "socket.io"


def test_recognition():
    assert BY_PATH.path.match(PATH)
    assert BY_PATH.path.match("/x?transport=websocket&EIO=3")
    assert not BY_PATH.path.match("/x?NEIO=3")
    assert looks(b'0{"sid":"a","upgrades":[]}', 1, True)
    assert looks(b'40{"token":1}', 0, True)
    assert looks(b'42["a",{}]', 0, True)
    for other in (
        b"2",
        b"4",
        b"40",
        b"42",
        b"42 is the answer",
        b"431",
        b'0{"a":1}',
        b"hello",
        b"[42]",
    ):
        assert not looks(other, 0, True), other
    assert looks_named(b"2", 0, True)
    assert not looks_named(b"hello", 0, True)
