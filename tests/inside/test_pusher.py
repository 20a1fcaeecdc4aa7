"""Pusher: events as in its documentation, protocol version 7."""

from analyzer.inside.protocol import ASK, DELIVER, PUBLISH, REPLY, REPLY_ERROR, Setting
from analyzer.inside.pusher import Pusher, looks
from analyzer.inside.registry import PUSHER_BY_PATH as BY_PATH


def take(text, sender=0):
    items = Pusher(Setting()).take(text.encode(), sender, True)
    return None if items is None else items[0]


def test_events():
    asked = take('{"event":"pusher:subscribe","data":{"channel":"room-1"}}')
    assert (asked.kind, asked.name, asked.topic) == ("pusher:subscribe",) * 2 + ("room-1",)
    done = take(
        '{"event":"pusher_internal:subscription_succeeded","channel":"room-1","data":"{}"}', 1
    )
    failed = take('{"event":"pusher:subscription_error","channel":"room-1"}', 1)
    assert (asked.role, done.role, failed.role) == (ASK, REPLY, REPLY_ERROR)
    assert asked.key == done.key
    told = take(r'{"event":"say","channel":"room-1","data":"{\"a\":1}"}', 1)
    sent = take('{"event":"client-say","channel":"room-1","data":{"a":1}}')
    assert (told.spread, sent.spread) == (DELIVER, PUBLISH)
    assert told.body == sent.body == b'{"a":1}'
    assert take('{"event":"pusher:ping","data":"{}"}').kind == "heartbeat"
    assert take('{"event":"pusher:pong"}', 1).kind == "heartbeat"


def test_others_and_recognition():
    for text in ("{}", '{"event":1}', "[]", "x"):
        assert take(text) is None
    assert looks(b'{"event":"pusher:connection_established","data":"{}"}', 1, True)
    assert not looks(b'{"event":"say","data":"pusher:x"}', 1, True)
    assert BY_PATH.path.match("/app/abc?protocol=7&client=js&version=8.3.0")
