"""The Chrome DevTools Protocol: commands, answers, events; sessions apart."""

from analyzer.inside.cdp import Cdp, looks, looks_named
from analyzer.inside.protocol import ASK, REPLY, REPLY_ERROR, Setting
from analyzer.inside.registry import CDP_BY_PATH as BY_PATH


def take(text, sender=0):
    items = Cdp(Setting()).take(text.encode(), sender, True)
    return None if items is None else items[0]


def test_messages():
    asked = take('{"id":3,"method":"Page.navigate","params":{"url":"about:blank"},"sessionId":"A"}')
    assert (asked.kind, asked.name, asked.id, asked.topic) == ("request", "Page.navigate", "3", "A")
    answer = take('{"id":3,"result":{"frameId":"F"},"sessionId":"A"}', 1)
    assert (asked.role, answer.role, asked.key) == (ASK, REPLY, answer.key)
    other = take('{"id":3,"error":{"code":-32601,"message":"x"},"sessionId":"B"}', 1)
    assert (other.kind, other.role) == ("error", REPLY_ERROR)
    assert other.key != asked.key
    event = take('{"method":"Network.requestWillBeSent","params":{}}', 1)
    assert (event.kind, event.name, event.role) == ("notification", "Network.requestWillBeSent", 0)


def test_others_and_recognition():
    for text in ("{}", "[]", '{"id":"x","result":1}', '{"id":1}', "x"):
        assert take(text) is None
    assert looks(b'{"id":1,"method":"Runtime.enable"}', 0, True)
    assert not looks(b'{"id":1,"method":"chat.send"}', 0, True)
    assert not looks(b'{"jsonrpc":"2.0","id":1,"method":"Page.enable"}', 0, True)
    assert looks_named(b'{"id":1,"result":{}}', 1, True)
    assert BY_PATH.path.match("/devtools/page/8A2F")
    assert BY_PATH.path.match("/devtools/browser/e1c0")
