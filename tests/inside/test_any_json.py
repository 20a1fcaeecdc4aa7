"""Any JSON: feeds of exchanges as they document them, and calls by ids that come back."""

import json

import pytest
from oracle.spoken import heard, said, upgrade
from oracle.stages import BINARY, TEXT, client, server

from analyzer.inside.any_json import AnyJson, looks
from analyzer.inside.protocol import Setting


def take(*messages):
    decoder = AnyJson(Setting())
    return [decoder.take(json.dumps(each).encode(), 1, True)[0].name for each in messages]


def test_names():
    trade = {"e": "trade", "E": 123456789, "s": "BNBBTC", "t": 12345}
    ticker = {"type": "ticker", "sequence": 1, "product_id": "BTC-USD"}
    assert take(trade, ticker, {"op": "subscribe"}, {"a": 1}) == [
        *("trade", "ticker", "subscribe", None),
    ]


def test_text_is_no_name():
    assert take({"msg": "hello there"}, {"type": {"a": 1}}, {"event": ""}) == [None] * 3
    texts = [{"msg": f"word{number}", "op": "x"} for number in range(300)]
    assert take(*texts)[-1] == "x"


@pytest.mark.parametrize("places", [(), range(1, 60)])
def test_calls_are_what_is_answered(places):
    def say(side, **message):
        return side(TEXT, json.dumps(message).encode())

    talk = [
        *upgrade("/ws"),
        say(client, method="SUBSCRIBE", params=["a"], id=1),
        say(server, result=None, id=1),
        say(server, e="trade", id=77),
        say(client, op="order", requestId="x"),
        say(server, op="order", requestId="x", error="no"),
        say(client, op="chat", id=5),
    ]
    tables = heard([talk], places)
    assert said(tables, "inner", "name", "id", "reply_to") == [
        ("json", "SUBSCRIBE", "1", None),
        ("json", "SUBSCRIBE", None, "1"),
        ("json", "trade", "77", None),
        ("json", "order", "x", None),
        ("json", "order", None, "x"),
        ("json", "chat", "5", None),
    ]
    calls = tables["calls"]
    assert calls["name"].tolist() == ["SUBSCRIBE", "order"]
    assert calls["outcome"].tolist() == ["ok", "error"]


def test_objects_with_a_name_alone():
    assert looks(b'{"type":"a"}', 0, True)
    for payload in (b'{"a":1}', b'{"type":"some words"}', b"[1]", b"1", b"{", b"hello", b""):
        assert not looks(payload, 0, True)
    assert AnyJson(Setting()).take(b"x", 0, True) is None


FEEDS = {
    "stream": ({"stream": "btcusdt@trade", "data": {"e": "trade"}}, "btcusdt@trade"),
    "channel of a change": ({"channel": "ticker", "type": "update", "data": []}, "ticker"),
    "table of a change": ({"table": "trade", "action": "insert"}, "trade"),
    "change alone": ({"type": "snapshot", "channel": ""}, "snapshot"),
    "channel of a message": ({"type": "message", "channel": "C024BE91L"}, "message"),
    "argument": ({"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": []}, "trades"),
    "header": ({"header": {"type": "tick"}, "payload": {"p": 1}}, "tick"),
    "objects": ([{"T": "t", "S": "AAPL"}, {"T": "q", "S": "MSFT"}], "t"),
    "word in front": (["EVENT", "sub1", {"kind": 1}], "EVENT"),
    "word behind a number": ([321, [["5541.2", "0.15"]], "trade", "XBT/USD"], "trade"),
    "numbers alone": ([17470, [1, 2, 3], "12"], None),
    "code": ({"op": 10, "d": {"interval": 41250}}, "10"),
    "word before code": ({"op": 6, "d": {"requestType": "GetVersion"}}, "GetVersion"),
    "too large a code": ({"type": 1000, "value": 1}, None),
}


@pytest.mark.parametrize("message", FEEDS)
def test_names_of_feeds(message):
    value, name = FEEDS[message]
    assert take(value) == [name]
    assert looks(json.dumps(value).encode(), 1, True) == (name is not None)


def test_array_of_objects_and_lines():
    decoder = AnyJson(Setting())
    both = decoder.take(b'[{"ev":"T"},{"ev":"Q"}]', 1, True)
    assert [each.name for each in both] == ["T", "Q"]
    lines = decoder.take(b'{"type":"a"}\n{"type":"b"}\n', 1, True)
    assert [each.name for each in lines] == ["a", "b"]
    assert decoder.take(b'{"type":"a"}\nend', 1, True) is None


def words(*messages):
    tables = heard([[*upgrade("/ws"), *messages]])
    found = tables["findings"]["id"]
    assert not found.str.startswith("inside").any()
    return tables


def test_what_is_no_json_is_no_fault():
    """Commands in words, sound in binary messages: the other side speaks JSON."""
    talk = [client(TEXT, b"SUB a"), server(TEXT, b'{"type":"tick"}')] * 3
    talk += [client(BINARY, b"\1\2\3")] * 4 + [client(TEXT, b"ping"), server(TEXT, b"pong")]
    tables = words(*talk)
    assert tables["connections"]["inner"].tolist() == ["json"]
    said_ = said(tables, "inner", "kind", "name")
    assert said_[:6] == [(None, None, None), ("json", "json", "tick")] * 3
    assert set(said_[6:10]) == {(None, None, None)}
    assert said_[10:] == [("json", "heartbeat", None)] * 2


def test_json_in_binary_messages_and_behind_white_space():
    plain, spaced = b'{"type":"tick"}', b' \r\n{\n  "type" : "tick"\n}\n'
    for message in (
        server(BINARY, plain),
        server(TEXT, spaced),
        server(TEXT, b"\xef\xbb\xbf" + plain),
    ):
        assert said(words(*[message] * 3), "name") == [("tick",)] * 3


def test_calls_whose_ids_stand_within():
    talk = [
        server(TEXT, b'{"op":0,"d":{"rpcVersion":1}}'),
        client(TEXT, b'{"op":6,"d":{"requestType":"GetVersion","requestId":"f8"}}'),
        server(TEXT, b'{"op":7,"d":{"requestType":"GetVersion","requestId":"f8"}}'),
        client(TEXT, b'{"method":"subscribe","req_id":1}'),
        server(TEXT, b'{"method":"subscribe","req_id":1,"error":"no"}'),
    ]
    calls = words(*talk)["calls"]
    assert calls["name"].tolist() == ["GetVersion", "subscribe"]
    assert calls["outcome"].tolist() == ["ok", "error"]
