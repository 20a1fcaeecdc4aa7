"""What stands out: two lines each, at most seven, and all there is with --why."""

from __future__ import annotations

import io
import json

import pytest
from oracle.rows import Row, table_rows

from analyzer.report.diagnoses import COLUMNS, section, why
from analyzer.report.layout import make_console
from analyzer.tables.schema import DIAGNOSES
from analyzer.tables.summary import Summary

HOSTILE = 'Close 1008 "\x1b[31m[bold]\u202etoken" ' + "of a very long reason " * 20


def row(number: int, **more: object) -> Row:
    evidence = {"packets": [91, 103], "T_s": 60.0, "silent": "the server", "nothing": None,
                "acknowledged": True, "parts": {"dns_us": 5.0}, "connections": []}  # fmt: skip
    made = {"diagnosis": number, "id": "idle-timeout", "severity": "warning", "connections": 6}
    words = {"text": f"Cause {number}: 6 of 6.", "evidence": json.dumps(evidence)}
    return {**made, **words, "advice": "Send pings.", **more}


def shown(rows: list[Row], what=section, width: int = 100) -> list[str]:  # type: ignore[no-untyped-def]
    summary = Summary()
    summary.add(table_rows(DIAGNOSES, rows))
    console = make_console(io.StringIO())
    console.width = width
    what(summary, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_nothing_is_one_line() -> None:
    assert shown([])[1:] == [
        "What stands out",
        "  nothing: no known cause was found",
    ]


@pytest.mark.parametrize("width", [60, 80, 140])
def test_two_lines_each_within_80_columns(width: int) -> None:
    lines = shown([row(0, text=HOSTILE), row(1)], width=width)
    assert max(map(len, lines)) <= min(width, COLUMNS)
    assert all(line.isprintable() for line in lines)
    assert lines[3].endswith("…")
    assert lines[4].startswith("  ▲ idle-timeout: Cause 1: 6 of 6.")
    assert len(lines) == 6


@pytest.mark.parametrize("text", ["Six of six.", "A sentence of many words " * 20])
def test_where_it_was_first_seen_stands_at_the_end(text: str) -> None:
    lines = shown([row(0, text=text, packet=4711)])
    assert lines[-2].endswith(" (from packet 4711).")
    assert len(lines) <= 5
    assert max(map(len, lines)) <= COLUMNS
    named = shown([row(0, text="The worst in packet 4711.", packet=4711)])
    assert "from packet" not in "".join(named)
    assert "(from packet 47)." in "".join(shown([row(0, text="In packet 4711.", packet=47)]))
    assert "(from packet 4711)." in "\n".join(shown([row(0, packet=4711)], why))


def test_at_most_seven() -> None:
    lines = shown([row(number) for number in range(9)])
    assert sum(line.startswith("  ▲") for line in lines) == 7
    assert lines[-1] == "  and 2 more; --why shows evidence and advice."


def test_why_has_all() -> None:
    text = "\n".join(shown([row(number, text=HOSTILE) for number in range(9)], why))
    assert text.count("▲ warning") == 9
    assert text.count("advice: Send pings.") == 9
    assert "frame.number in {91, 103}" in text
    assert "T s: 60.000" in text
    assert "acknowledged: yes" in text
    assert "parts: dns_us 5.000" in text
    assert "nothing" not in text
    assert "connections" not in text
    assert text.replace("\n", "").isprintable()


def test_why_of_nothing() -> None:
    assert shown([], why)[-1].startswith("  nothing")
