"""The report of --each, at the widths of a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from analyzer.report.each import Outcome, render


def shown(outcomes: list[Outcome], width: int) -> list[str]:
    file = io.StringIO()
    render(outcomes, Console(file=file, width=width, highlight=False, markup=False, emoji=False))
    return file.getvalue().splitlines()


CHAT = Outcome("nightly/2026-11-28/chat.pcap", 1203, 4, 39, 1, 20, ("late-by-loss", "nagle"))
FEED = Outcome("nightly/2026-11-28/feed.pcap", 50, 1, 0)
BROKEN = Outcome("nightly/x.pcap", error="the process that analysed it was killed by SIGKILL")
OTHER = Outcome("nightly/README", is_capture=False)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_line_for_each_and_their_sum(width: int) -> None:
    lines = shown([CHAT, FEED, BROKEN, OTHER], width)
    assert lines[0].startswith("2 captures, each analysed by itself; 1 could not be analysed; ")
    assert " ".join(lines[:2]).split(";")[2].split() == ["1", "other", "file", "left", "out"]
    assert all(len(line) <= width for line in lines)
    # What the names have in common is said once where room lacks.
    (row,) = [line.split() for line in lines if line.startswith("  ") and "feed.pcap" in line]
    assert row[1:6] == ["50", "1", "0", "0", "0"]
    said = " ".join(line.strip() for line in lines)
    assert (
        "In all 1,253 packets, 5 WebSocket connections, 39 messages, 1 error, 20 warnings;" in said
    )
    assert "something stands out in 1 of 2." in said
    assert "nightly/x.pcap: the process that analysed it" in " ".join(lines)


def test_one_capture_has_no_sum() -> None:
    assert not [line for line in shown([CHAT], 100) if line.startswith("  In all")]


def test_none_that_could_be_analysed() -> None:
    assert len(shown([BROKEN], 100)) == 2


def test_names_cannot_reach_the_terminal() -> None:
    text = "\n".join(shown([CHAT._replace(name="\x1b[2J[red]a"), BROKEN._replace(name="\x07")], 80))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]a" in text


def test_what_an_earlier_run_has_done() -> None:
    first = shown([CHAT._replace(before=True), FEED, OTHER], 100)[0]
    assert first == (
        "2 captures, each analysed by itself; 1 by an earlier run; 1 other file left out"
    )
