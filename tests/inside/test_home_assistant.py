"""Home Assistant: messages as in its developer documentation."""

from analyzer.inside.home_assistant import HomeAssistant, looks
from analyzer.inside.protocol import ASK, REPLY, REPLY_ERROR, Setting
from analyzer.inside.registry import HOME_ASSISTANT as PROTOCOL


def take(text, sender=0):
    return HomeAssistant(Setting()).take(text.encode(), sender, True)


def test_messages():
    (asked,) = take(
        '{"id":24,"type":"call_service","domain":"light","service":"turn_on","service_data":{}}'
    )
    (answer,) = take('{"id":24,"type":"result","success":true,"result":{}}', 1)
    (failed,) = take('{"id":24,"type":"result","success":false,"error":{}}', 1)
    assert (asked.kind, asked.name, asked.role) == ("call_service", "light.turn_on", ASK)
    assert (answer.role, failed.role, answer.key) == (REPLY, REPLY_ERROR, asked.key)
    (event,) = take('{"id":18,"type":"event","event":{"event_type":"state_changed"}}', 1)
    assert (event.kind, event.reply_to, event.role) == ("event", "18", 0)
    assert take('{"type":"auth_required","ha_version":"2024.1"}', 1)[0].kind == "auth_required"
    assert take('{"id":19,"type":"ping"}')[0].kind == "heartbeat"


def test_several_in_an_array():
    text = '[{"id":1,"type":"result","success":true},{"id":2,"type":"event","event":{}}]'
    assert [item.kind for item in take(text, 1)] == ["result", "event"]


def test_others_and_recognition():
    for text in ("{}", "[]", "x", '{"type":1}'):
        assert take(text) is None
    assert PROTOCOL.path.match("/api/websocket")
    assert not PROTOCOL.path.match("/api/websockets")
    assert looks(b'{"type":"auth","access_token":"x"}', 0, True)
