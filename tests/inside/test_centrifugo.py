"""Centrifugo: commands and replies of client protocol 2, JSON and Protobuf made by hand."""

from analyzer.inside.centrifugo import Centrifugo, looks
from analyzer.inside.protocol import ASK, DELIVER, PUBLISH, REPLY, REPLY_ERROR, Setting
from analyzer.inside.registry import CENTRIFUGO as PROTOCOL


def take(payload, sender=0, subprotocol="", is_text=True):
    return Centrifugo(Setting(subprotocol)).take(payload, sender, is_text)


def test_json():
    items = take(
        b'{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"chat"}}\n'
        b'{"id":3,"publish":{"channel":"chat","data":{"a":1}}}\n{"id":4,"rpc":{"method":"add"}}'
    )
    assert [(item.kind, item.name, item.role) for item in items] == [
        *(("connect", "connect", ASK), ("subscribe", "chat", ASK)),
        *(("publish", "chat", ASK), ("rpc", "add", ASK)),
    ]
    assert (items[2].spread, items[2].body, items[2].topic) == (PUBLISH, b'{"a":1}', "chat")
    answers = take(b'{"id":2,"subscribe":{}}\n{"id":3,"error":{"code":100,"message":"x"}}', 1)
    assert [(item.role, item.key) for item in answers] == [(REPLY, 2), (REPLY_ERROR, 3)]
    (told,) = take(b'{"push":{"channel":"chat","pub":{"data":{"a":1}}}}', 1)
    assert (told.kind, told.topic, told.spread, told.body) == ("pub", "chat", DELIVER, b'{"a":1}')
    (joined,) = take(b'{"push":{"channel":"chat","join":{"info":{}}}}', 1)
    assert (joined.kind, joined.spread) == ("join", 0)
    assert take(b"{}", 1)[0].kind == take(b"{}")[0].kind == "heartbeat"


def field(number, value):
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value)]) + value


def framed(*messages):
    return b"".join(bytes([len(each)]) + each for each in messages)


def test_protobuf():
    name = "centrifuge-protobuf"
    publish = field(1, 3) + field(7, field(1, b"chat") + field(2, b'{"a":1}'))
    rpc = field(1, 4) + field(13, field(1, b"{}") + field(2, b"add"))
    items = take(framed(publish, rpc, b""), 0, name, False)
    assert [(item.kind, item.name, item.id) for item in items] == [
        *(("publish", "chat", "3"), ("rpc", "add", "4"), ("heartbeat", None, None)),
    ]
    assert items[0].body == b'{"a":1}'
    answer = field(1, 3) + field(8, b"")
    failed = field(1, 4) + field(2, field(1, 100))
    push = field(4, field(2, b"chat") + field(4, field(4, b'{"a":1}')))
    items = take(framed(answer, failed, push), 1, name, False)
    assert [(item.kind, item.role) for item in items] == [
        *(("publish", REPLY), ("error", REPLY_ERROR), ("pub", 0)),
    ]
    assert (items[2].topic, items[2].body) == ("chat", b'{"a":1}')


def test_others_and_recognition():
    for payload in (b"[]", b"x", b'{"id":"a"}', b'{"id":1}'):
        assert take(payload) is None
    for payload in (b"\xff", b"\x05\x08", b"\x02\x08\x01"):
        assert take(payload, 0, "centrifuge-protobuf", False) is None
    assert PROTOCOL.path.match("/connection/websocket")
    assert PROTOCOL.subprotocols.fullmatch("centrifuge-protobuf")
    assert looks(b'{"id":1,"connect":{}}', 0, True)
