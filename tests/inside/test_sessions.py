"""Sessions over plain HTTP: asked by POST, answered in a poll; and those that go on elsewhere."""

import base64
import json

import numpy as np
import pytest
from oracle.spoken import heard, said, upgrade
from oracle.stages import CLIENT, SERVER, TEXT, client, server

from analyzer.http.delivery.carried import READ, Carried
from analyzer.inside import stage
from analyzer.options import Options
from analyzer.tcp.bytestream import CONNECTION, Connection

MS = 1000.0
"""Packets are a millisecond apart."""
CUTS = [(), range(1, 200)]
POLLING = "/socket.io/?EIO=4&transport=polling"


def asked(method, target, body=b""):
    head = f"{method} {target} HTTP/1.1\r\nHost: a.example\r\n"
    return CLIENT, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def ok(body=b"ok", kind="text/plain", status="200 OK", length=None):
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n\r\n"
    return SERVER, head.encode() + body


def opened(sid="abc"):
    body = b'0{"sid":"%s","upgrades":["websocket"],"pingInterval":25000}' % sid.encode()
    return [asked("GET", POLLING), ok(body)]


def posted(*packets, sid="abc"):
    return [asked("POST", f"{POLLING}&sid={sid}", b"\x1e".join(packets)), ok()]


def polled(*packets, sid="abc"):
    return [asked("GET", f"{POLLING}&sid={sid}"), ok(b"\x1e".join(packets))]


def calls(tables, *names):
    frame = tables["calls"][list(names)].astype(object)
    return [tuple(row) for row in frame.where(frame.notna(), None).itertuples(index=False)]


@pytest.mark.parametrize("places", CUTS)
def test_calls_over_the_requests_of_a_session(places):
    talk = [
        *opened(),
        *posted(b"40"),
        *posted(b'420["add",1]', b'421["sub",2]', b'422["never"]'),
        *polled(b'40{"sid":"x"}', b"431[1]", b'42["news"]'),
        *polled(b"2", b"430[3]", b"b" + base64.b64encode(b"\x1e\0")),
    ]
    tables = heard([talk], places)
    columns = ("name", "inner", "connection", "session", "request", "reply", "reply_us", "outcome")
    # The POST is the fifth packet, the polls are answered with the eighth and the tenth.
    assert sorted(calls(tables, *columns)) == [
        ("add", "socket.io", None, 0, None, None, 5 * MS, "ok"),
        ("never", "socket.io", None, 0, None, None, None, "unanswered"),
        ("sub", "socket.io", None, 0, None, None, 3 * MS, "ok"),
    ]
    by_name = {row[0]: row[1:] for row in calls(tables, "name", "request_packet", "reply_packet")}
    assert by_name["add"] == (5, 10)
    assert tables["http_groups"]["group"].tolist() == [0]
    assert tables["findings"]["id"].str.startswith("inside").sum() == 0
    assert len(tables["messages"]) == 0


@pytest.mark.parametrize("places", CUTS)
def test_sessions_have_ids_of_their_own(places):
    one = [*opened("a"), *posted(b'421["one"]', sid="a"), *polled(b"431[]", sid="a")]
    other = [*opened("b"), *posted(b'421["other"]', sid="b"), *polled(b"2", sid="b")]
    tables = heard([one, other], places)
    assert sorted(calls(tables, "name", "session", "outcome")) == [
        ("one", 0, "ok"),
        ("other", 1, "unanswered"),
    ]


@pytest.mark.parametrize("places", CUTS)
def test_revision_3_has_lengths(places):
    target = "/socket.io/?EIO=3&transport=polling"
    opening = '0{"sid":"é","upgrades":[]}'
    asks, answers = '427["größer","€"]', "437[1]"
    talk = [
        asked("GET", target),
        ok(f"{len(opening)}:{opening}".encode()),
        asked("POST", target + "&sid=s", f"{len(asks)}:{asks}".encode()),
        ok(),
        asked("GET", target + "&sid=s"),
        # The form for binary: 0 for text, digits, 255.
        ok(b"\0\6\xff" + answers.encode() + b"\1\3\xff\4ab", "application/octet-stream"),
    ]
    assert calls(heard([talk], places), "name", "outcome") == [("größer", "ok")]


@pytest.mark.parametrize("places", CUTS)
def test_an_upgrade_goes_on_as_one_conversation(places):
    polling = [
        *opened(),
        *posted(b'421["before"]', b'422["across"]'),
        *polled(b"431[]"),
        *[(CLIENT, b"")] * 8,
        *polled(b"6"),
    ]
    socket = [
        *[(CLIENT, b"")] * 6,
        *upgrade("/socket.io/?EIO=4&transport=websocket&sid=abc"),
        client(TEXT, b"2probe"),
        server(TEXT, b"3probe"),
        client(TEXT, b"5"),
        server(TEXT, b"432[]"),
        client(TEXT, b'423["after"]'),
        server(TEXT, b"433[]"),
    ]
    tables = heard([polling, socket], places)
    columns = ("name", "connection", "session", "request", "reply", "outcome")
    assert calls(tables, *columns) == [
        ("before", None, 0, None, None, "ok"),
        ("across", 0, 0, None, 3, "ok"),
        ("after", 0, None, 4, 5, "ok"),
    ]
    kinds = ["heartbeat", "heartbeat", "upgrade", "ack", "event", "ack"]
    assert [kind for (kind,) in said(tables, "kind")] == kinds
    assert tables["connections"]["inner"].tolist() == ["socket.io"]


@pytest.mark.parametrize("places", CUTS)
def test_a_call_over_websocket_is_answered_in_a_poll(places):
    """The next connection with the session's name is a conversation of its own."""
    path = "/socket.io/?EIO=4&transport=websocket&sid=abc"
    asks = [client(TEXT, b"2probe"), client(TEXT, b'42["x"]'), client(TEXT, b'421["over"]')]
    polling = [*opened(), *[(CLIENT, b"")] * 10, *polled(b"431[]")]
    socket = [*[(CLIENT, b"")] * 3, *upgrade(path), *asks]
    again = [*[(CLIENT, b"")] * 7, *upgrade(path), *asks]
    columns = ("name", "connection", "session", "request", "outcome")
    assert calls(heard([polling, socket, again], places), *columns) == [
        ("over", 0, 0, 2, "ok"),
        ("over", 1, None, 2, "unanswered"),
    ]


@pytest.mark.parametrize("places", CUTS)
def test_answers_that_were_lost(places):
    body = b'42["x"]\x1e431[1]'
    talk = [
        *opened(),
        *posted(b'421["cut"]'),
        asked("GET", POLLING + "&sid=abc"),
        ok(body[:4], length=len(body)),
        (SERVER, len(body) - 4),
        *polled(b"2"),
        *posted(b'422["whole"]'),
        *polled(b"2"),
    ]
    tables = heard([talk], places)
    outcomes = [("cut", "lost"), ("whole", "unanswered")]
    assert calls(tables, "name", "outcome") == outcomes


@pytest.mark.parametrize("places", CUTS)
def test_a_capture_that_begins_in_the_middle_of_a_session(places):
    talk = [*posted(b'421["add"]'), *polled(b"431[1]")]
    assert calls(heard([talk], places), "name", "session", "outcome") == [("add", 0, "ok")]


@pytest.mark.parametrize("places", CUTS)
def test_what_is_no_payload_is_a_finding_and_three_give_it_up(places):
    talk = [*opened()]
    for _ in range(4):
        talk += polled(b"<html>")
    ids = heard([talk], places)["findings"]["id"].tolist()
    assert ids.count("inside-unparsed") == 3
    assert ids.count("inside-given-up") == 1


# --- SockJS


def stomp(text):
    # As JSON in a frame of SockJS.
    return '["' + text.replace("\n", "\\n") + '\\u0000"]'


def chunk(line):
    return SERVER, b"%x\r\n%s\r\n" % (len(line), line)


SEND = "SEND\ndestination:/topic/a\nreceipt:r1\n\nhi"
MESSAGE = "MESSAGE\ndestination:/topic/a\nmessage-id:1\nsubscription:0\n\nhi"


def sending(name):
    base = f"/chat/123/{name}"
    for body in (
        stomp("CONNECT\naccept-version:1.2\n\n"),
        stomp("SUBSCRIBE\nid:0\ndestination:/topic/a\n\n"),
        stomp(SEND),
    ):
        yield asked("POST", base + "/xhr_send", body.encode())
        yield ok(b"", status="204 No Content")


STREAMS = {
    "xhr_streaming": ("POST", "application/javascript", b"h" * 2048 + b"\n", b"%s\n"),
    "eventsource": ("GET", "text/event-stream", b"\r\n", b"data: %s\r\n\r\n"),
    "htmlfile": ("GET", "text/html", b"<html><script>\n", b"<script>\np(%s);\n</script>\r\n"),
}


@pytest.mark.parametrize("places", CUTS)
@pytest.mark.parametrize("kind", STREAMS)
def test_streams_of_sockjs_carry_stomp(kind, places):
    method, content_type, prelude, form = STREAMS[kind]

    def line(frame):
        escaped = frame.replace("\\", "\\\\").replace('"', '\\"')
        return form % (f'"{escaped}"' if kind == "htmlfile" else frame).encode()

    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n".encode()
    reader = [
        asked(method, f"/chat/123/ada/{kind}"),
        (SERVER, head + b"Transfer-Encoding: chunked\r\n\r\n"),
        chunk(prelude),
        chunk(line("o")),
        *[(CLIENT, b"")] * 5,
        chunk(line("a" + stomp("CONNECTED\nversion:1.2\n\n"))),
        chunk(line("a" + stomp(MESSAGE))),
        chunk(line("a" + stomp("RECEIPT\nreceipt-id:r1\n\n"))),
    ]
    writer = [*[(CLIENT, b"")] * 4, *sending("ada")]
    tables = heard([reader, writer], places)
    columns = ("inner", "name", "session", "outcome")
    assert calls(tables, *columns) == [("stomp", "/topic/a", 0, "ok")]
    fanout = tables["fanout"]
    assert fanout["topic"].tolist() == ["/topic/a"]
    assert fanout[["publish_connection", "connection", "message"]].isna().all(axis=None)
    (topic,) = tables["topics"].to_dict("records")
    assert (topic["publishers"], topic["subscribers"]) == (1, 1)
    assert tables["findings"]["id"].str.startswith("inside").sum() == 0


@pytest.mark.parametrize("places", CUTS)
def test_a_publication_by_post_reaches_a_websocket(places):
    """Who publishes and who reads meet in a topic, whatever carries them."""
    writer = [
        asked("POST", "/chat/123/ada/xhr"),
        ok(b"o\n", "application/javascript"),
        *[(CLIENT, b"")] * 6,
        *sending("ada"),
    ]
    reader = [
        *upgrade("/ws", "v12.stomp"),
        client(TEXT, b"SUBSCRIBE\nid:0\ndestination:/topic/a\n\n\0"),
        *[(CLIENT, b"")] * 11,
        server(TEXT, MESSAGE.encode() + b"\0"),
    ]
    fanout = heard([writer, reader], places)["fanout"]
    assert fanout["connection"].tolist() == [0]
    assert fanout["message"].tolist() == [1]
    assert fanout["publish_connection"].isna().all()


@pytest.mark.parametrize("places", CUTS)
def test_sessions_beyond_the_limit_are_settled(places):
    talk = []
    for number in range(6):
        talk += opened(f"s{number}")
        talk += posted(b'421["add"]', sid=f"s{number}")
    talk += polled(b"431[]", sid="s5")
    tables = heard([talk], places, Options(max_inside_sessions=2))
    outcomes = [outcome for _, outcome in sorted(calls(tables, "call", "outcome"))]
    assert outcomes == ["unanswered"] * 5 + ["ok"]
    limits = tables["findings"]
    (told,) = limits[limits["id"] == "inside-limit"]["text"]
    assert "max_inside_sessions" in told


def test_short_messages_do_not_wait_by_the_million(monkeypatch):
    """A heartbeat is one byte, and takes far more while it waits."""
    monkeypatch.setattr(stage, "_FLUSH_BYTES", 10_000)
    inside = stage.InsideStage(Options(), {})
    tcp = Connection(*np.zeros(1, CONNECTION).tolist()[0])
    most = 0
    for packet in range(1, 500):
        where = ("sockjs", "ada", "/chat/123/ada/xhr", 0, tcp, 0, -1, SERVER)
        inside.carry(Carried(READ, *where, b"h", True, packet, packet, packet, packet))
        most = max(most, len(inside._carried))
    assert 1 < most < 50


def test_what_sessions_hold_is_counted():
    """A STOMP frame without its end (STOMP 1.2, "STOMP Frames") waits in its session."""
    inside = stage.InsideStage(Options(), {})
    tcp = Connection(*np.zeros(1, CONNECTION).tolist()[0])
    news = b"MESSAGE\ndestination:/topic/prices\n"
    frames = [b"CONNECTED\nversion:1.2\n\n\0", news + b"\n\0", news + b"\n\0", news]
    for packet, frame in enumerate(frames, 1):
        where = ("sockjs", "ada", "/chat/123/ada/xhr", 0, tcp, 0, -1, SERVER)
        payload = b"a" + json.dumps([frame.decode()]).encode()
        inside.carry(Carried(READ, *where, payload, True, packet, packet, packet, packet))
    inside._read_carried()
    assert inside.held_bytes == len(news)
