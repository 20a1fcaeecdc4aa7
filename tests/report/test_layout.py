"""Layout: only flexible columns give way, bars are in proportion, pipes get plain text."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from analyzer.report import layout
from analyzer.report.layout import Head


def test_flexible_columns_give_way_to_the_others() -> None:
    heads = [Head("a"), Head("b", flexible=True, at_least=5)]
    row = [Text("x" * 10), Text("y" * 50)]
    assert layout.fitted(heads, [row], 30) == [10, 18]
    assert layout.fitted(heads, [row], 10) == [10, 5]
    assert layout.fitted(heads, [row], 100) == [10, 50]


def test_table_cuts_with_an_ellipsis() -> None:
    console = Console(file=io.StringIO(), width=20)
    layout.table(
        console, [Head("n"), Head("t", "left", flexible=True, at_least=3)], [("1", "z" * 40)]
    )
    assert console.file.getvalue().splitlines() == ["  n  t", "  1  " + "z" * 14 + "…"]


@pytest.mark.parametrize(
    ("part", "whole", "drawn"),
    [(1, 1, "████"), (1, 2, "██"), (1, 32, "▏"), (3, 16, "▊"), (0, 1, ""), (1, 10**6, "▏")],
)
def test_bar(part: int, whole: int, drawn: str) -> None:
    assert layout.bar(part, whole, 4, ascii_only=False) == drawn


def test_pipes_are_plain_and_100_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    console = layout.make_console(io.StringIO())
    assert console.width == 100
    layout.heading(console, "Head", "note")
    layout.say(console, Text("red", "red"))
    assert console.file.getvalue() == "\nHead  note\n  red\n"  # type: ignore[attr-defined]


def test_columns_of_the_environment_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert layout.make_console(io.StringIO()).width == 72
    monkeypatch.setenv("COLUMNS", "\N{SUPERSCRIPT TWO}")  # a digit, and no number
    assert layout.make_console(io.StringIO()).width == 100


def test_severity_needs_no_colour() -> None:
    assert layout.severity(Console(file=io.StringIO()), "warning").plain == "▲ warning"


def test_traffic_is_escaped() -> None:
    assert layout.traffic("\x1b[0m[b]").plain == "\\x1b[0m[b]"
    assert layout.traffic(None).plain == "-"


def shown(width: int, *addresses: str) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=width)
    heads = [Head("#"), Head("path", "left", flexible=True, at_least=16, addresses=True), Head("n")]
    rows = [(str(place), text, "12345") for place, text in enumerate(addresses)]
    layout.table(console, heads, rows)
    return stream.getvalue().splitlines()


def test_what_addresses_begin_with_alike_is_said_once():
    lines = shown(30, "/chat/lobby?user=chatter-one", "/chat/lobby?user=chatter-two")
    assert [line.split()[1] for line in lines[1:3]] == ["…chatter-one", "…chatter-two"]
    assert lines[3].strip() == "… before each:"
    assert lines[4].strip() == "/chat/lobby?user="


def test_a_port_differs_and_stays():
    lines = shown(30, "192.168.100.7:8080/feed/one", "192.168.100.7:8081/feed/one")
    assert [line.split()[1] for line in lines[1:3]] == ["…8080/feed/one", "…8081/feed/one"]


def test_addresses_that_fit_are_left_alone():
    assert [line.split()[1] for line in shown(60, "/chat/1", "/chat/2")[1:]] == [
        "/chat/1",
        "/chat/2",
    ]


def test_addresses_without_a_common_beginning_keep_their_port_and_their_end():
    lines = shown(40, "10.0.0.1:9027/api/kernels/c9ce07d9/channels?session=42", "chat.example/7")
    cell = lines[1].split()[1]
    assert cell.startswith("10.0.0.1:9027/")
    assert cell.endswith("=42")
    assert lines[2].split()[1] == "chat.example/7"
    assert all(len(line) <= 40 for line in lines)


def test_wide_characters_in_an_address_keep_the_table_in_line():
    lines = shown(30, "/部屋/" + "猫" * 40, "x")
    assert cell_len(lines[1]) <= 30
    assert lines[1].endswith("12345")
