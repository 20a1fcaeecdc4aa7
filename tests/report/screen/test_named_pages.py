"""The pages of one name, from the lists that count all: its last messages, its last calls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from oracle.live import STATS, snapshot
from oracle.sample import HOSTILE, MS, START, connection
from oracle.screens import SIZES, Shown, Terminal, drawn, give, said

from analyzer.report.screen.connection_page import ConnectionPage
from analyzer.report.screen.message_page import MessagePage
from analyzer.report.screen.model import Model
from analyzer.report.screen.named_pages import CallPage, NamePage


@pytest.fixture(params=SIZES, ids=str)
def terminal(request: pytest.FixtureRequest) -> Iterator[Terminal]:
    made = Terminal(*request.param)
    yield made
    made.close()


def test_the_messages_of_a_name_and_one_of_them(terminal: Terminal) -> None:
    terminal.replay("socket-io-room.pcap")
    terminal.shown()
    assert "Names" in terminal.press(b"3")[1]
    lines = terminal.press(b"\r")
    assert "36 of 36" in lines[1]
    assert any(line.startswith("▸") and '42["chat"' in line for line in lines)
    lines = terminal.press(b"\r")
    assert "line 2 of Eve" in "".join(terminal.press(b"x"))
    assert lines[2].startswith("Message 18 of connection 2")
    terminal.press(b"\x1b")
    assert "36 of 36" in terminal.press(b"")[1]


def test_the_calls_of_a_name_and_the_request_of_one(terminal: Terminal) -> None:
    # captures/logs/json-rpc.json: "slow" was called five times, the longest took 127 ms.
    terminal.replay("json-rpc.pcap")
    terminal.shown()
    terminal.press(b"4")
    lines = terminal.press(b"j\r")
    assert "Calls > slow" in lines[1]
    (marked,) = [line for line in lines if line.startswith("▸")]
    assert "127 ms" in marked
    later = terminal.press(b"s")
    assert any("the latest last" in line for line in later)
    lines = terminal.press(b"\r")
    assert lines[2].startswith("Message ")
    assert "name slow" in "".join(lines)


def spoken(count: int = 3) -> Model:
    model = Model()
    model.tick(START, STATS)
    give(model, "connections", connection(0), connection(1))
    words = {"inner": "json-rpc", "kind": "request", "name": "add"}
    rows = [said(place, "client", connection=place % 2, **words) for place in range(count)]
    rows += [said(50, "client", connection=0, inner="json-rpc", kind="request", name="sub")]
    rows += [said(51, "client", connection=0, inner="mqtt", kind="request", name="add")]
    rows += [said(52, "client", connection=7, **words)]
    give(model, "messages", *rows)
    model.tick(START + 1, STATS, snapshot())
    return model


def called(number: int, **more: object) -> dict[str, object]:
    row = {"call": number, "connection": 0, "inner": "json-rpc", "name": "add", "caller": "client"}
    row |= {"request": 900, "request_packet": number, "requested_at": START + number * MS}
    return {**row, "reply_us": (10 - number) * MS, "outcome": "ok", **more}


def test_only_messages_of_that_name_by_time() -> None:
    page, model = NamePage("json-rpc", "request", "add"), spoken()
    assert [each for each, _ in page.items(model)] == [0, 1, 0, 7]
    assert page.total(model) == 4
    page.look_for("from:server")
    assert page.items(model) == []


def test_a_message_leads_to_those_of_its_connection() -> None:
    page, model = NamePage("json-rpc", "request", "add"), spoken()
    drawn(page, model)
    page.press("home", model)
    opened = page.press("enter", model)
    assert isinstance(opened, MessagePage)
    assert [event.number for event in opened._messages] == [0, 2]
    assert isinstance(page.press("c", model), ConnectionPage)
    # Of a connection that the list has forgotten there is no page.
    page.press("end", model)
    assert page.press("enter", model) is None
    assert page.press("c", model) is None


def test_calls_slowest_first_and_those_without_an_answer() -> None:
    page, model = CallPage("json-rpc", "add"), spoken()
    never = called(5, reply_us=None, outcome="unanswered", connection=None)
    give(model, "calls", called(0), called(1), never, called(2, name="sub"), final=True)
    assert [row["call"] for row in page.items(model)] == [5, 0, 1]
    lines = drawn(page, model)
    assert "unanswered" in lines[3]
    assert page.press("c", model) is None
    page.press("s", model)
    assert [row["call"] for row in page.items(model)] == [0, 1, 5]
    drawn(page, model)
    page.press("home", model)
    # Its request is not remembered.
    assert isinstance(page.press("enter", model), ConnectionPage)
    page.look_for("outcome:unanswered")
    assert [row["call"] for row in page.items(model)] == [5]


def test_nothing_is_remembered() -> None:
    model = Model()
    for page in (NamePage("a", "b", "c"), CallPage("a", "b")):
        assert "is remembered" in drawn(page, model)[-1]
        for key in ("enter", "c", "down", "s"):
            assert page.press(key, model) is None


@pytest.mark.parametrize("size", SIZES)
def test_hostile_names(size: tuple[int, int]) -> None:
    model = Model()
    model.tick(START, STATS)
    give(model, "calls", called(0, name=HOSTILE), final=True)
    for page in (CallPage("json-rpc", HOSTILE), NamePage(HOSTILE, HOSTILE, HOSTILE)):
        assert "\x1b" not in "".join(drawn(page, model, *size))
        assert "\x1b" not in page.title
        shown = Shown(model, *size)
        shown.screen._opened.append(page)
        assert "\x1b" not in "".join(shown.lines())
