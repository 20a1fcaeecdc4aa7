"""The list of connections: order, groups, filter, and what it shows at each size."""

from __future__ import annotations

import pytest
from oracle.sample import START, connection
from oracle.screens import SIZES, S, Shown, busy, drawn, give, said

from analyzer.report.label_values import MAX_CHILDREN
from analyzer.report.screen.connections_page import SORTS, ConnectionsPage, Order, Paths
from analyzer.report.screen.model import Model


def numbers(model, order, page=None):
    page = page or ConnectionsPage(order)
    return [line.number for line in page.items(model)]


def test_sorting():
    model = busy()
    for by, first in (("messages", 29), ("payload", 29), ("age", 0), ("rate", 29)):
        order = numbers(model, Order(by))
        assert sorted(order) == list(range(30))
        assert order == sorted(range(30), reverse=first != 0), by
        assert numbers(model, Order(by, reverse=True)) == order[::-1], by
    model.tick(START + 8 * S, model.rates.stats)
    give(model, "messages", said(99, "client", connection=17))
    assert numbers(model, Order("last message")) == [17, *(n for n in range(30) if n != 17)]


def test_open_ones_ended_ones_or_all():
    model = busy(4)
    give(model, "connections", connection(1), final=True)
    assert sorted(numbers(model, Order(shown="open"))) == [0, 2, 3]
    assert numbers(model, Order(shown="ended")) == [1]
    assert sorted(numbers(model, Order(shown="all"))) == [0, 1, 2, 3]


def test_what_is_marked_is_found_again_in_any_order():
    shown = Shown(busy())
    shown.press(*["down"] * 3)
    number = shown.marked().split()[1]
    for _ in SORTS:
        shown.press("s")
        assert shown.marked().split()[1] == number


@pytest.mark.parametrize("size", SIZES)
def test_keys_act_on_the_row_that_is_marked(size):
    """At 40x10 as well: the list is there, and Enter opens what it marks."""
    shown = Shown(busy(), *size)
    shown.press(*["down"] * 4)
    number = shown.marked().split()[1]
    assert any(line.startswith(f"Connection {number}  ") for line in shown.press("enter"))


def test_a_filter_on_columns():
    shown = Shown(busy())
    lines = shown.type("path:/rooms/1 !rooms/12")
    assert "/path:/rooms/1 !rooms/12  10 of 30" in lines
    assert "12" not in [
        line.split()[1] for line in lines if "/rooms/1" in line and "of" not in line
    ]
    assert shown.press("escape")[:3] == Shown(busy()).lines()[:3]


def test_one_host_stands_above_its_paths():
    lines = drawn(ConnectionsPage(), busy(3), 80, 12)
    assert any("path on chat.example" in line for line in lines)
    model = busy(3)
    give(model, "connections", connection(7, host="other.example"))
    lines = drawn(ConnectionsPage(), model, 120, 12)
    assert any("other.example/rooms/7" in line for line in lines)


def test_groups():
    model = busy(6)
    give(model, "connections", connection(6, host="b", client_ip="10.9.9.9", path="/feed"))
    give(model, "connections", connection(5), final=True)
    shown = Shown(model, 120, 40)
    lines = shown.press("g")
    row = next(line for line in lines if "chat.example.com" in line).strip("▸ ").split()
    # Five are open, and what the sixth had counts when ended ones are shown.
    assert row[:3] == ["chat.example.com", "5", "10"]
    assert row[-2 if row[-1] == "B" else -3] == str(0 + 1 + 2 + 3 + 4)
    for shown_first, is_shown in ((["1"], (False, True)), (["5", "1"], (True, True))):
        lines = shown.press("o")
        (titles,) = [line.split() for line in lines if line.split()[:1] == ["host"]]
        assert ("open" in titles, "ended" in titles) == is_shown
        row = next(line for line in lines if "chat.example.com" in line).strip("▸ ").split()
        assert row[1 : 1 + len(shown_first)] == shown_first
    assert "ended" not in next(line for line in shown.press("o") if line.split()[:1] == ["host"])
    lines = shown.press("g")
    assert any("Grouped by path" in line for line in lines)
    assert any(line.split()[:1] == ["/feed"] or "/feed" in line for line in lines)
    lines = shown.press("g")
    assert any("10.9.9.9" in line for line in lines)
    assert any("Connections: open" in line for line in shown.press("g"))


def test_an_empty_list_says_where_connections_are():
    model = busy(2)
    shown = Shown(model)
    assert any("none has ended; o shows the 2 that are open" in line for line in shown.press("o"))
    give(model, "connections", connection(0), connection(1), final=True)
    lines = shown.press("o", "o")
    assert any("none is open; o shows the 2 that ended" in line for line in lines)
    assert any("  no connection" in line for line in Shown(Model()).lines())


def test_a_group_opens_and_has_its_members():
    model = busy(6)
    give(model, "connections", connection(6, path="/feed"))
    shown = Shown(model)
    shown.press("g", "g")
    while "/feed" not in shown.marked():
        shown.press("down")
    lines = shown.press("enter")
    assert "path /feed" in lines[1]
    assert shown.marked().split()[1] == "6"
    assert any(line.startswith("Connection 6") for line in shown.press("enter"))
    shown.press("escape", "escape")
    assert "/feed" in shown.marked()


def test_a_filter_stays_when_it_is_grouped():
    shown = Shown(busy(6))
    shown.type("rooms")
    assert any(line.startswith("/rooms  1") for line in shown.press("g", "g"))


def test_paths_become_templates_when_there_are_many():
    paths = Paths()
    names = [f"/room/{letter}{other}" for letter in "abcdef" for other in "ghijkl"]
    for name in names[:MAX_CHILDREN]:
        assert paths.of(name) == name
    assert paths.of(names[-1]) == "/room/*"
    assert {paths.of(name) for name in names} == {"/room/*"}


def test_an_end_is_said_in_the_list():
    model = busy(2)
    give(model, "connections", connection(1, close_code=4001), final=True)
    give(model, "connections", connection(0, close_code=None, close_kind="reset"), final=True)
    text = "\n".join(Shown(model).press("o"))
    assert "end 4001" in text
    assert "end reset" in text


def test_nothing_to_list():
    lines = Shown(Model()).press("down", "enter", "g", "enter", "g", "g", "o", "s", "S", "r")
    assert any("no connection" in line for line in lines)
