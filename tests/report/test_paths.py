"""Connections that two captures hold, on the terminal."""

from __future__ import annotations

import io
from pathlib import Path

from analyzer.analysis import compared
from analyzer.options import Options
from analyzer.report.comparison import render
from analyzer.report.layout import make_console

CAPTURES = Path(__file__).parents[2] / "captures"


def shown(a: str, b: str) -> str:
    file = io.StringIO()
    made = compared([CAPTURES / a], [CAPTURES / b], Options(payload="none"))
    render(made, (a, b), make_console(file))
    return file.getvalue()


def test_clocks_and_ways() -> None:
    text = shown("ends-client.pcap", "ends-server.pcap")
    assert "1 connection in both. B's clock is" in text
    assert "ahead of A's, give or take 15." in text
    assert "Nothing was changed between" in text
    (line,) = [line for line in text.splitlines() if line.split()[:4] == ["0", "is", "0", "client"]]
    assert line.split()[4:6] == ["30", "0"]


def test_order_is_told() -> None:
    text = shown("ends-server.pcap", "ends-client.pcap")
    assert "B is on the client's side. B's clock is" in text


def test_nothing_in_common() -> None:
    assert "Between the two captures" not in shown("ends-client.pcap", "npm-ws-basic.pcap")
