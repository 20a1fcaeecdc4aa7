"""One connection in full."""

from __future__ import annotations

import io

import pytest
from oracle.rows import table_rows
from oracle.sample import batches, message
from rich.console import Console

from analyzer.report import connection
from analyzer.report.connection import ConnectionReport
from analyzer.tables.schema import MESSAGES, TableRows


def rendered(number: int, *more: TableRows, control: bool = True) -> str:
    report = ConnectionReport(number)
    for rows in [*batches(), *more]:
        report.write(rows)
    assert report.found
    file = io.StringIO()
    report.render(Console(file=file, width=100), control=control)
    return "\n".join(" ".join(line.split()) for line in file.getvalue().splitlines())


def test_all_parts() -> None:
    text = rendered(0)
    for expected in (
        "Connection 0 chat.example.com/rooms/0?token=***",
        "10.0.0.1:50000 to 203.0.113.7:8080; tcp.stream eq 0",
        "closed cleanly by the client, 1000 Normal Closure: bye",
        "upgrade_us 40.0 ms",
        "request_bytes 480 B",
        "message payload 600 600 1,200 60.0 %",
        "pure ACKs 4 4 8",
        "03:04:05.000000 0 ↓ ping 4 B +0 ns",
        "server 0 1 2.00 ms",
        "server 9 - not answered",
        "✖ error websocket-unmasked-client-frame packet 12 17 times",
    ):
        assert expected in text, expected


def test_without_control_frames() -> None:
    assert "↓ ping" not in rendered(0, control=False)


def test_another_connection_has_its_own_rows() -> None:
    text = rendered(1)
    assert "/rooms/1" in text
    assert "websocket-unmasked" not in text
    assert "Messages" not in text


def test_rows_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "KEPT", 3)
    rows = table_rows(MESSAGES, [message(n, "client") for n in range(2, 9)])
    assert "and 6 more" in rendered(0, rows)


def test_unknown_connection_is_not_found() -> None:
    report = ConnectionReport(77)
    for rows in batches():
        report.write(rows)
    assert not report.found
