"""Action Cable: messages as in the Rails guides."""

import pytest
from oracle.spoken import heard, upgrade
from oracle.stages import TEXT, client, server

from analyzer.inside.action_cable import ActionCable, looks
from analyzer.inside.protocol import ASK, DELIVER, PUBLISH_MAYBE, REPLY, REPLY_ERROR, Setting
from analyzer.inside.registry import ACTION_CABLE as PROTOCOL

ID = r'"identifier":"{\"channel\":\"ChatChannel\",\"room\":\"1\"}"'


def take(text, sender=0):
    items = ActionCable(Setting()).take(text.encode(), sender, True)
    return None if items is None else items[0]


def test_messages():
    asked = take(f'{{"command":"subscribe",{ID}}}')
    assert (asked.kind, asked.name, asked.role) == ("subscribe", "ChatChannel", ASK)
    confirmed = take(f'{{{ID},"type":"confirm_subscription"}}', 1)
    rejected = take(f'{{{ID},"type":"reject_subscription"}}', 1)
    assert (confirmed.role, rejected.role) == (REPLY, REPLY_ERROR)
    assert asked.key == confirmed.key == rejected.key
    sent = take(rf'{{"command":"message",{ID},"data":"{{\"action\":\"speak\"}}"}}')
    assert (sent.kind, sent.name) == ("message", "ChatChannel")
    assert (sent.spread, sent.body) == (PUBLISH_MAYBE, b"{}")
    told = take(f'{{{ID},"message":{{"body":"hi"}}}}', 1)
    assert (told.kind, told.name, told.spread) == ("message", "ChatChannel", DELIVER)
    assert take('{"type":"welcome"}', 1).kind == "welcome"
    assert take('{"type":"ping","message":1700000000}', 1).kind == "heartbeat"


def test_others_and_recognition():
    for text in ("{}", '{"type":"chat"}', '{"command":"fly"}', "[]", "x"):
        assert take(text) is None
    assert looks(f'{{"command":"subscribe",{ID}}}'.encode(), 0, True)
    assert not looks(b'{"type":"ping"}', 1, True)
    assert PROTOCOL.subprotocols.fullmatch("actioncable-v1-json")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        # Channels broadcast what they were sent, or what was given to the action; Rails and
        # others write it anew.
        (r"{\"body\":\"h\u00e4\"}", '{"body": "hä"}'),
        (r"{\"body\":\"hi\",\"action\":\"speak\"}", '{"body":"hi"}'),
        (r"{\"body\":\"hi\",\"action\":\"speak\"}", '{"body":"hi","action":"speak"}'),
    ],
)
def test_a_message_and_what_is_said_of_it(data, message):
    side = upgrade("/cable", "actioncable-v1-json")
    asked = f'{{"command":"subscribe",{ID}}}'.encode()
    sent = f'{{"command":"message",{ID},"data":"{data}"}}'.encode()
    told = f'{{{ID},"message":{message}}}'.encode()
    talk = [*side, client(TEXT, asked), client(TEXT, sent), server(TEXT, told)]
    (topic,) = heard([talk])["topics"].to_dict("records")
    assert (topic["publishers"], topic["messages"], topic["deliveries"]) == (1, 1, 1)
