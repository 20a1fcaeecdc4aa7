"""The page of a connection: it stays, says how it ended, and lists all that was said."""

from __future__ import annotations

import pytest
from oracle.sample import HOSTILE, MS, connection, finding
from oracle.screens import SIZES, Shown, busy, control, give, said

from analyzer.options import Options


def opened(model, size=(80, 24)):
    """Return a screen with the page of the first connection."""
    shown = Shown(model, *size)
    shown.press("enter")
    return shown


def talk(count=1, **more):
    model = busy(1, **more)
    give(model, "messages", *[said(2 * place, "client") for place in range(count)])
    give(model, "frames", control(1, "server", "ping"), control(3, "client", "pong"), final=True)
    ping = {"connection": 0, "direction": "server", "ping_frame": 1, "rtt_us": 7 * MS}
    give(model, "pings", ping, final=True)
    return model


def test_messages_pings_and_closes_in_the_order_of_time():
    model = talk(3)
    give(model, "frames", control(9, "client", "close", close_code=4001), final=True)
    lines = opened(model).lines()
    kinds = [
        line.split()[2 + line.startswith("▸")] for line in lines if ":05." in line or ":04:" in line
    ]
    assert kinds == ["text", "ping", "text", "pong", "text", "close"]
    assert any("answered after 7.00 ms" in line for line in lines)
    assert any("4001 Private use" in line for line in lines)
    assert "1 ping, last 7.00 ms" in "\n".join(lines)


def test_the_key_that_opens_is_offered_where_something_opens():
    model = talk(3)
    give(model, "frames", control(9, "client", "close", close_code=4001), final=True)
    shown = opened(model)
    assert "close" in shown.marked()
    assert "Enter" not in shown.lines()[-1]
    assert shown.press("enter")[1] == shown.lines()[1]
    shown.press("home")
    assert "text" in shown.marked()
    assert "Enter open" in shown.lines()[-1]


def test_messages_that_are_not_remembered_are_counted():
    model = talk(150)
    text = "\n".join(opened(model).lines())
    assert "50 messages not remembered" in text, "of a batch, the last 100 are looked at"
    assert "not remembered" not in "\n".join(opened(talk(100)).lines())


@pytest.mark.parametrize("size", SIZES)
def test_it_stays_when_the_connection_has_ended(size):
    model = talk(3)
    shown = opened(model, size)
    assert any(line.startswith("open for 1 s") for line in shown.lines())
    end = {"close_code": 4001, "close_reason": "go\x1bne", "closed_by": "server"}
    give(model, "connections", connection(0, **end, server_logs=1006), final=True)
    text = "\n".join(shown.lines())
    assert "closed cleanly, 4001 Private use" in text
    if size[0] > 40:
        assert "by the server, after 5.00 s" in text
        assert "reason: go\\x1bne" in text
        assert "the server logs 1006 Abnormal Closure" in text
        assert "2.00 kB on the wire" in text
    assert "↑ 2 300 B" in text, "final counters"


def test_it_stays_when_the_list_has_forgotten_it():
    model = busy(1, Options(max_screen_ended=1, max_screen_events=30))
    give(model, "messages", said(5, "client", payload_preview="first words"))
    shown = opened(model)
    give(model, "connections", connection(0, close_code=1001), final=True)
    give(model, "connections", connection(8), connection(9), final=True)
    for number in range(10, 20):
        give(model, "messages", *[said(place, "client", connection=number) for place in range(20)])
    text = "\n".join(shown.lines())
    assert "1001 Going Away" in text
    assert "first words" in text


@pytest.mark.parametrize("size", SIZES)
def test_it_scrolls_and_follows(size):
    model = talk(100)
    shown = opened(model, size)
    assert shown.press("home")[-2 if size[1] > 99 else -1]
    assert shown.marked()
    first = shown.marked()
    shown.press("end")
    assert shown.marked() != first
    give(model, "messages", said(500, "server", payload_preview="the newest"))
    if size[0] > 40:
        assert "the newest" in shown.marked()
    before = shown.press("up")
    give(model, "messages", said(501, "server", payload_preview="newer"))
    marked = shown.marked()
    assert marked in before


def test_names_where_the_protocol_is_known():
    model = busy(1)
    row = {"inner": "json-rpc", "kind": "request", "name": "add", "id": "r1"}
    give(model, "messages", said(0, "client", **row, payload_preview='{"x":1}'))
    give(model, "messages", said(1, "server", inner="json-rpc", kind="heartbeat"))
    text = "\n".join(opened(model).lines())
    assert "request add #r1" in text
    assert "heartbeat" in text
    assert "json-rpc" in text


def test_a_filter_looks_into_whole_payloads():
    model = talk(3)
    model.history._payloads.put(0, 4, b"a long payload with a needle in it")
    shown = opened(model)
    assert "/needle  1 of 5" in shown.type("needle")
    shown.press("escape")
    assert "/type:ping  1 of 5" in shown.type("type:ping")
    shown.press("escape")
    assert "/from:server  1 of 5" in shown.type("from:server")


def test_a_finding_of_it():
    model = busy(2)
    row = finding("y-z", "error", connection=0, text=HOSTILE, count=2)
    give(model, "findings", finding("a", "error", connection=1), row, final=True)
    text = "\n".join(opened(model).lines())
    assert "2 findings: " in text
    assert "[bold]hi[/bold]\\x1b" in text


def test_a_control_frame_does_not_open():
    model = talk(1)
    give(model, "frames", control(9, "client", "close"), final=True)
    shown = opened(model)
    assert shown.press("enter") == shown.lines()
    assert "no code" in shown.marked()


def test_the_connection_that_is_looked_at_is_watched():
    model = busy(3)
    shown = opened(model)
    assert model.history.watched == 0
    shown.press("escape")
    assert model.history.watched is None
