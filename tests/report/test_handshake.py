"""--handshake: an attempt in full, its reason never cut."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from analyzer.analysis import run
from analyzer.cli.main import main
from analyzer.options import Options
from analyzer.report.handshake import HandshakeReport
from analyzer.report.layout import make_console

CASES = Path(__file__).parents[1] / "cases"


def shown(name: str, number: int) -> str:
    report, out = HandshakeReport(number), io.StringIO()
    run([CASES / f"{name}.pcap"], Options(), [report])
    assert report.found
    report.render(make_console(out))
    return out.getvalue()


@pytest.mark.parametrize(("number", "packets"), [(0, (4, 6)), (1, (15, 17)), (2, (26, 28))])
def test_a_failed_attempt_has_its_fields_and_its_findings(
    number: int, packets: tuple[int, int]
) -> None:
    text = shown("stripped_upgrade_426", number)
    words = " ".join(text.split())
    assert "The server asks for an upgrade (426, Upgrade: websocket)" in words
    assert "websocket in Upgrade: no Upgrade." in words
    assert "This service requires use of the WebSocket protocol." in words
    assert "…" not in text
    for packet in packets:
        assert f"packet {packet}\n" in text
    assert sum(line.strip().startswith("✖") for line in text.splitlines()) == 2
    assert max(map(len, text.splitlines())) <= 100


def test_each_attempt_of_a_connection_has_its_own_findings() -> None:
    first, second = (shown("outside/bad-101-then-http", number) for number in (0, 1))
    assert "handshake-bad-method" in first
    assert "handshake-bad-method" not in second
    assert "handshake-key-reused" in second
    assert "--connection 0" in second


def test_there_must_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(CASES / "stripped_upgrade_426.pcap")
    assert main([file, "--handshake", "3"]) == 2
    assert "there is no handshake 3" in capsys.readouterr().err
    assert main([file, "--handshake", "1", "--connection", "0"]) == 2
    assert main([file, "--handshake", "1"]) == 0
    assert "Handshake 1" in capsys.readouterr().out


def test_the_report_has_reasons_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(CASES / "stripped_upgrade_426.pcap")]) == 0
    words = " ".join(capsys.readouterr().out.split())
    begin = words.index("Handshakes that failed")
    section = words[begin : words.index("Findings")]
    assert "name websocket in Upgrade: no Upgrade." in section
    assert "This service requires use of the WebSocket protocol." in section
    assert "…" not in section
