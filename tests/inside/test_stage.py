"""The stage: conversations from bytes to rows, whatever the batches."""

import pytest
from oracle.spoken import heard, said, upgrade
from oracle.stages import BINARY, CLIENT, SERVER, TEXT, client, server

from analyzer.options import Options

MS = 1000.0
"""Packets are a millisecond apart."""
RPC = '{"jsonrpc":"2.0",'


def text(payload):
    return payload.encode() if isinstance(payload, str) else payload


def ask(number, method="add"):
    return client(TEXT, text(f'{RPC}"method":"{method}","id":{number}}}'))


def answer(number):
    return server(TEXT, text(f'{RPC}"result":1,"id":{number}}}'))


CUTS = [(), range(1, 200), range(0, 200, 7)]


@pytest.mark.parametrize("places", CUTS)
def test_calls(places):
    talk = [*upgrade(), ask(1), ask(2, "sub"), answer(2), answer(1), ask(3)]
    tables = heard([talk], places)
    assert said(tables, "inner", "kind", "name", "id", "reply_to", "reply_us") == [
        ("json-rpc", "request", "add", "1", None, None),
        ("json-rpc", "request", "sub", "2", None, None),
        ("json-rpc", "response", "sub", None, "2", MS),
        ("json-rpc", "response", "add", None, "1", 3 * MS),
        ("json-rpc", "request", "add", "3", None, None),
    ]
    calls = tables["calls"]
    assert calls["call"].tolist() == [0, 1, 2]
    assert calls["outcome"].tolist() == ["ok", "ok", "unanswered"]
    assert calls["request"].tolist() == [0, 1, 4]
    assert calls["reply"].fillna(-1).tolist() == [3, 2, -1]
    assert calls["request_packet"].tolist() == [3, 4, 7]
    assert calls["reply_packet"].fillna(-1).tolist() == [6, 5, -1]
    assert tables["connections"]["inner"].tolist() == ["json-rpc"]
    assert tables["findings"]["id"].str.startswith("inside").sum() == 0


@pytest.mark.parametrize("places", CUTS)
def test_one_message_confirms_nothing(places):
    tables = heard([[*upgrade(), ask(1)]], places)
    assert said(tables, "inner", "kind", "inner_items") == [(None, None, None)]
    assert len(tables["calls"]) == 0
    assert tables["connections"]["inner"].isna().all()


@pytest.mark.parametrize("places", CUTS)
def test_a_topic_over_several_connections(places):
    def stomp(frame):
        return text(frame + "\0")

    def subscriber(late):
        return [
            *upgrade("/ws", "v12.stomp"),
            client(TEXT, stomp("SUBSCRIBE\nid:0\ndestination:/topic/a\n\n")),
            *[(CLIENT, "ack")] * late,
            server(TEXT, stomp("MESSAGE\ndestination:/topic/a\nmessage-id:1\n\nhi")),
        ]

    publisher = [
        *upgrade("/ws", "v12.stomp"),
        client(TEXT, stomp("SEND\ndestination:/topic/a\n\nhi")),
    ]
    tables = heard([publisher, subscriber(2), subscriber(3)], places)
    columns = ["publish_connection", "publish_message", "connection", "message", "delivered_us"]
    # Published with its third packet, delivered with the sixth and the seventh.
    assert tables["fanout"][columns].values.tolist() == [[0, 0, 1, 1, 3 * MS], [0, 0, 2, 1, 4 * MS]]
    (topic,) = tables["topics"].to_dict("records")
    assert (topic["topic"], topic["publishers"], topic["subscribers"]) == ("/topic/a", 1, 2)
    assert (topic["messages"], topic["deliveries"]) == (1, 2)
    assert topic["delivered_us_median"] == 3.5 * MS


@pytest.mark.parametrize("places", CUTS)
def test_a_reply_that_was_lost_is_not_slow(places):
    lost = answer(1)[1]
    talk = [*upgrade(), ask(0), answer(0), ask(1), (SERVER, len(lost)), ask(2), answer(2)]
    tables = heard([talk], places)
    assert tables["calls"]["outcome"].tolist() == ["ok", "lost", "ok"]


def test_packets_of_mqtt_across_messages():
    connect = bytes.fromhex("100e00044d51545404020 03c00026d65".replace(" ", ""))
    publish = b"\x30\x05\0\1ahi"
    talk = [
        *upgrade("/mqtt", "mqtt"),
        client(BINARY, connect[:5]),
        client(BINARY, connect[5:] + publish + b"\xc0\0"),
        server(BINARY, b"\xd0\0"),
    ]
    assert said(heard([talk]), "kind", "name", "inner_items") == [
        (None, None, 0),
        ("CONNECT", None, 3),
        ("heartbeat", None, 1),
    ]


def test_wrong_messages_are_findings_and_end_it():
    talk = [*upgrade("/", "v12.stomp"), *[client(TEXT, b"{}")] * 5]
    tables = heard([talk])
    assert said(tables, "inner") == [(None,)] * 5
    ids = tables["findings"]["id"].tolist()
    assert ids.count("inside-unparsed") == 3
    assert ids.count("inside-given-up") == 1


def test_fragments_and_compression():
    import zlib

    deflater = zlib.compressobj(wbits=-15)

    def deflated(payload):
        return (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]

    first, second = (text(f'{RPC}"method":"m{n}","id":{n}}}') for n in (1, 2))
    packed = deflated(second)
    talk = [
        *upgrade(extension="permessage-deflate"),
        client(TEXT, first[:9], fin=False),
        client(0, first[9:]),
        client(TEXT, packed[:4], fin=False, rsv=4),
        client(0, packed[4:]),
        client(TEXT, deflated(first), rsv=4),
    ]
    for places in CUTS:
        tables = heard([talk], places)
        assert said(tables, "name", "id") == [("m1", "1"), ("m2", "2"), ("m1", "1")]


@pytest.mark.parametrize("places", CUTS)
def test_too_long_a_message_is_said_to_be(places):
    options = Options(max_inside_bytes=100)
    long = client(TEXT, text(f'{RPC}"method":"m","params":"{"x" * 100}","id":9}}'))
    parts = [client(TEXT, b"x" * 60, fin=False), client(0, b"x" * 60)]
    tables = heard([[*upgrade(), ask(1), ask(2), long, *parts, answer(1)]], places, options)
    kinds = [row[0] for row in said(tables, "kind")]
    assert kinds == ["request", "request", None, None, "response"]
    assert tables["findings"]["id"].tolist().count("inside-message-limit") == 2


@pytest.mark.parametrize("places", CUTS)
def test_rows_wait_no_longer_than_the_limit(places):
    options = Options(inside_wait_messages=2)
    talks = [[*upgrade(f"/{n}"), ask(1), answer(1)] for n in range(5)]
    tables = heard(talks, places, options)
    # Of the first three connections the first rows left before the second came.
    inner = said(tables, "inner")
    assert inner[0:6:2] == [(None,)] * 3
    assert inner[6:] == [("json-rpc",)] * 4
    assert "inside-limit" in tables["findings"]["id"].tolist()


@pytest.mark.parametrize("places", CUTS)
def test_payload_waits_no_longer_than_the_limit(places):
    options = Options(max_inside_wait_bytes=100)
    talks = [[*upgrade(f"/{n}"), ask(1), answer(1)] for n in range(5)]
    tables = heard(talks, places, options)
    inner = said(tables, "inner")
    # A request has 45 bytes: with the third the first, with the fourth the second, ...
    assert inner[0:6:2] == [(None,)] * 3
    assert inner[6:] == [("json-rpc",)] * 4
    (text_,) = tables["findings"].query("id == 'inside-limit'")["text"]
    assert "max_inside_wait_bytes" in text_


def test_it_can_be_switched_off_by_who_uses_it():
    assert Options().inside
    assert not Options(inside=False).inside
