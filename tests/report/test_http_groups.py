"""The section on messages over plain HTTP, rendered to text."""

from __future__ import annotations

import io

import pytest
from oracle.rows import Row, table_rows

from analyzer.report.http_groups import SHOWN_GROUPS, section
from analyzer.report.layout import make_console
from analyzer.tables.schema import HTTP_GROUPS
from analyzer.tables.summary import Summary

MS = 1_000_000


def group(number: int, **more: object) -> Row:
    ends = {"client_ip": "10.0.0.1", "server_ip": "10.0.0.2", "server_port": 80, "host": "h"}
    counts = {"tcp_connections": 1, "requests": 10, "answered": 8, "messages": 4}
    answers = {"empty_answers": 1, "unchanged_answers": 3, "message_bytes": 40}
    costs = {"wire_bytes": 4000 - number, "wire_bytes_per_message": 1000.0}
    times = {"interval_s": 1000 * MS, "interval_spread_s": 2 * MS, "delay_us": 500 * MS}
    row = {"group": number, "kind": "poll", "path": "/news", **ends, **counts, **answers}
    return {**row, **costs, **times, **more}


def rendered(rows: list[Row], width: int = 100) -> str:
    summary = Summary()
    summary.add(table_rows(HTTP_GROUPS, rows))
    console = make_console(io.StringIO())
    console.width = width
    section(summary, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_nothing_without_groups() -> None:
    assert rendered([]) == ""


@pytest.mark.parametrize("width", [80, 100, 120])
def test_figures(width: int) -> None:
    text = rendered([group(0)], width)
    (line,) = [line for line in text.splitlines() if "/news" in line]
    # 1 empty and 3 unchanged of 8 answers brought nothing.
    for expected in ("poll", "10", "1.00 s", "50.0 %", "4", "1.00 kB", "500 ms"):
        assert f" {expected} " in f"{line} "
    assert ("10.0.0.1" in line) == ("2.00 ms" in line) == (width >= 100)
    assert max(map(len, text.splitlines())) <= width


def test_what_is_not_known_is_a_dash() -> None:
    unknown = {"interval_s": None, "interval_spread_s": None, "delay_us": 0}
    nothing = {"wire_bytes_per_message": None, "answered": 0, "path": None}
    text = rendered([group(0, kind="sse", **unknown, **nothing)])
    (line,) = [line for line in text.splitlines() if "SSE" in line]
    assert line.split()[2:] == ["10.0.0.1", "-", "10", "-", "-", "-", "4", "-", "0"]


def test_a_narrow_terminal_has_room_for_long_values() -> None:
    text = rendered([group(0, kind="long-poll", transport="engine.io", path="/socket.io/x")], 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "/socket.io/x" in text


def test_transport_is_named_and_hostile_text_is_harmless() -> None:
    text = rendered([group(0, kind="long-poll", transport="engine.io", path="/\x1b[31m")])
    assert "long poll (engine.io)" in text
    assert "\\x1b[31m" in text
    assert "\x1b" not in text


def test_many_groups_end_with_their_number() -> None:
    text = rendered([group(number) for number in range(SHOWN_GROUPS + 3)])
    assert "and 3 more groups; --csv DIR has them all" in text
    assert text.count("/news") == SHOWN_GROUPS
