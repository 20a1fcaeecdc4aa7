"""Phoenix: arrays, objects and binary messages, as its serializers make them."""

from analyzer.inside.phoenix import Phoenix, looks
from analyzer.inside.protocol import ASK, ASK_OPEN, REPLY, REPLY_ERROR, Setting
from analyzer.inside.registry import PHOENIX_BY_PATH as BY_PATH

JOIN = b'["1","2","room:lobby","phx_join",{"a":1}]'
OK = b'["1","2","room:lobby","phx_reply",{"status":"ok","response":{}}]'


def take(payload, sender=0, is_text=True):
    items = Phoenix(Setting()).take(payload, sender, is_text)
    return None if items is None else items[0]


def test_arrays():
    asked, answer = take(JOIN), take(OK, 1)
    assert (asked.kind, asked.name, asked.topic) == ("message", "phx_join", "room:lobby")
    assert (asked.role, answer.role, asked.key) == (ASK, REPLY, answer.key)
    assert answer.reply_to == "2"
    failed = take(b'["1","3","room:lobby","phx_reply",{"response":{},"status":"error"}]', 1)
    assert failed.role == REPLY_ERROR
    pushed = take(b'["1","4","room:lobby","shout",{"body":"hi"}]')
    assert (pushed.role, pushed.id, pushed.name) == (ASK_OPEN, "4", "shout")
    told = take(b'[null,null,"room:lobby","shout",{"body":"hi"}]', 1)
    assert (told.role, told.body) == (0, pushed.body)


def test_objects():
    item = take(b'{"topic":"room:1","event":"new_msg","payload":{"b":2},"ref":"7"}')
    assert (item.name, item.topic, item.id) == ("new_msg", "room:1", "7")


def test_heartbeats():
    assert take(b'[null,"5","phoenix","heartbeat",{}]').kind == "heartbeat"
    answer = b'[null,"5","phoenix","phx_reply",{"response":{},"status":"ok"}]'
    assert take(answer, 1).kind == "heartbeat"


def test_binary():
    # phoenix.js, serializer.js, binaryEncode: kind and four lengths.
    push = bytes([0, 1, 1, 6, 4]) + b"12" + b"room:1" + b"blob" + b"\1\2"
    item = take(push, 0, False)
    assert (item.name, item.topic, item.id, item.body) == ("blob", "room:1", "2", b"\1\2")
    reply = bytes([1, 1, 1, 6, 2]) + b"12" + b"room:1" + b"ok" + b"\3"
    answer = take(reply, 1, False)
    assert (answer.role, answer.reply_to, answer.key) == (REPLY, "2", item.key)
    broadcast = bytes([2, 6, 4]) + b"room:1" + b"blob" + b"\1\2"
    assert take(broadcast, 1, False).body == b"\1\2"
    assert take(push[:9], 0, False) is None
    assert take(b"\7", 0, False) is None


def test_others_and_recognition():
    for text in (b"[1,2,3]", b"{}", b'[null,null,1,"a",{}]', b"x", b""):
        assert take(text) is None
    assert looks(JOIN, 0, True)
    assert looks(OK, 1, True)
    assert not looks(b'["1","2","room","shout",{}]', 0, True)
    assert BY_PATH.path.match("/socket/websocket?token=x&vsn=2.0.0")
    assert not BY_PATH.path.match("/socket/websocket?x=1")
