"""Layout: only flexible columns give way, bars are in proportion, pipes get plain text."""

from __future__ import annotations

import io

import pytest
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


def test_severity_needs_no_colour() -> None:
    assert layout.severity(Console(file=io.StringIO()), "warning").plain == "▲ warning"


def test_traffic_is_escaped() -> None:
    assert layout.traffic("\x1b[0m[b]").plain == "\\x1b[0m[b]"
    assert layout.traffic(None).plain == "-"
