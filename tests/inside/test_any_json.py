"""Any JSON: feeds of exchanges as they document them, and calls by ids that come back."""

import json

import pytest
from oracle.spoken import heard, said, upgrade
from oracle.stages import TEXT, client, server

from analyzer.inside.any_json import AnyJson, looks
from analyzer.inside.item import Setting


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
