"""DDP: messages as in Meteor's DDP.md."""

from analyzer.inside.ddp import Ddp, looks
from analyzer.inside.protocol import ASK, REPLY, REPLY_ERROR, Setting


def take(text, sender=0):
    return Ddp(Setting()).take(text.encode(), sender, True)


def test_methods_and_subscriptions():
    (asked,) = take('{"msg":"method","method":"add","params":[1,2],"id":"7"}')
    (answer,) = take('{"msg":"result","id":"7","result":3}', 1)
    (failed,) = take('{"msg":"result","id":"7","error":{"error":403}}', 1)
    assert (asked.kind, asked.name, asked.id) == ("method", "add", "7")
    assert (asked.role, answer.role, failed.role) == (ASK, REPLY, REPLY_ERROR)
    assert asked.key == answer.key
    (one,) = take('{"msg":"sub","id":"s1","name":"posts"}')
    ready = take('{"msg":"ready","subs":["s1","s2"]}', 1)
    assert [item.reply_to for item in ready] == ["s1", "s2"]
    assert (one.name, ready[0].key) == ("posts", one.key)
    (refused,) = take('{"msg":"nosub","id":"s1"}', 1)
    assert (refused.role, refused.key) == (REPLY_ERROR, one.key)
    # A method and a subscription may have one id.
    assert take('{"msg":"sub","id":"7","name":"x"}')[0].key != asked.key


def test_others():
    assert [item.kind for item in take('{"msg":"ping"}')] == ["heartbeat"]
    assert take('{"msg":"added","collection":"posts","id":"1","fields":{}}', 1)[0].topic == "posts"
    assert take('{"server_id":"0"}', 1) == []
    for text in ("{}", '{"msg":"chat"}', "[]", "x", '{"msg":1}'):
        assert take(text) is None


def test_recognition():
    assert looks(b'{"msg":"connect","version":"1","support":["1"]}', 0, True)
    assert looks(b'{"msg":"connected","session":"x"}', 1, True)
    assert not looks(b'{"msg":"connected"}', 1, True)
    assert not looks(b'{"msg":"ping"}', 0, True)
