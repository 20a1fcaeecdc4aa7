"""What the messages say, on the terminal; hostile names stay harmless."""

import io

import pytest
from oracle.spoken import heard, upgrade
from oracle.stages import TEXT, client, server

from analyzer.options import Options
from analyzer.report.connection import ConnectionReport
from analyzer.report.inside import content_of, of_connection, said, section
from analyzer.report.layout import make_console
from analyzer.report.listing import MessageListing
from analyzer.tables.summary import Summary

SEND = b"SEND\ndestination:%s\nreceipt:%d\n\nhi\0"
RECEIPT = b"RECEIPT\nreceipt-id:%d\n\n\0"
TALK = [
    *upgrade("/ws", "v12.stomp"),
    client(TEXT, SEND % (b"/topic/\x1b[31mred", 1)),
    client(TEXT, SEND % (b"/topic/b", 2)),
    server(TEXT, RECEIPT % 2),
    server(TEXT, RECEIPT % 1),
    client(TEXT, SEND % (b"/topic/b", 3)),
    client(TEXT, b"\n"),
]


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    file = io.StringIO()
    return make_console(file), file.getvalue


def test_section(page):
    console, text = page
    summary = Summary()
    heard([TALK], writer=summary)
    section(summary.inside, 10_000, console)
    lines = [line.split() for line in text().splitlines()]
    assert lines[1] == ["What", "the", "messages", "say", "stomp"]
    assert ["SEND", "/topic/b", "2"] in [line[:3] for line in lines]
    assert ["/topic/b", "2", "1.00", "ms", "1.00", "ms", "1.00", "ms", "1"] in [
        line[:9] for line in lines
    ]
    assert "1 heartbeat" in text()
    assert "\x1b" not in text()


@pytest.mark.parametrize("show_secrets", [False, True])
def test_secrets_in_names_are_hidden(page, show_secrets):
    console, text = page
    summary = Summary()
    topics = [b"/topic/b?access_token=abc%d" % number for number in (1, 2)]
    talk = [*TALK[:2], *(client(TEXT, SEND % (topic, 9)) for topic in topics)]
    heard([talk], (), Options(show_secrets=show_secrets), summary)
    section(summary.inside, 10_000, console)
    assert ("abc1" in text()) == show_secrets
    rows = [line.split()[:3] for line in text().splitlines() if "access_token" in line]
    assert (["SEND", "/topic/b?access_token=***", "2"] in rows) != show_secrets


def test_nothing_recognised(page):
    console, text = page
    section(Summary().inside, 0, console)
    assert text() == ""


def test_calls_of_a_connection_slowest_first(page):
    console, text = page
    report = ConnectionReport(0)
    heard([TALK], writer=report)
    of_connection(report.rows("calls"), console)
    took = [line.split()[2:4] for line in text().splitlines() if "/topic/" in line]
    assert took == [["3.00", "ms"], ["1.00", "ms"], ["-", "unanswered"]]


def test_list_of_messages(page):
    console, text = page
    listing = MessageListing(console)
    heard([TALK], writer=listing)
    listing.close()
    assert "SEND /topic/b #2  hi" in text()
    assert "RECEIPT /topic/b to #2" in text()
    assert text().splitlines()[-1].endswith("heartbeat")


def test_said():
    row = {"kind": "request", "name": "add", "id": "17", "reply_to": None, "inner_items": 3}
    assert said(row).plain == "request add #17 and 2 more  "
    assert said({**row, "kind": None}).plain == ""


@pytest.mark.parametrize(
    ("inner", "preview", "content"),
    [
        ("stomp", r"SEND\ndestination:/topic/a\n\nhi\x00", r"hi\x00"),
        # The headers go on behind the preview.
        ("stomp", r"MESSAGE\nsubscription:sub-0\nmess", r"MESSAGE\nsubscription:sub-0\nmess"),
        ("socket.io", '4217["chat",{"a":[1]}]', '{"a":[1]}'),
        ("socket.io", '42/admin,17["ch\\"at","x"]', '"x"'),
        ("socket.io", '4317[{"ok":true}]', '[{"ok":true}]'),
        ("socket.io", '42["chat"]', ""),
        ("json-rpc", '{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}', '[1,2],"id":1}'),
        ("json-rpc", '{"method":"add","id":1}', '{"method":"add","id":1}'),
        ("mqtt", "0\\x0c", "0\\x0c"),
        (None, "hello", "hello"),
    ],
)
def test_content(inner, preview, content):
    row = {"inner": inner, "kind": "x", "inner_items": 1, "payload_preview": preview}
    assert content_of(row) == content
    several = {**row, "inner_items": 2}
    assert content_of(several) == preview
    assert content_of({**row, "payload_preview": None}) == ""
