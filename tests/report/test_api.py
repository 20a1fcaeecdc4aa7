"""What an analysis in Python can do with itself."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pandas as pd
import pytest
from oracle.rows import table_rows

import analyzer
from analyzer.report import api
from analyzer.tables.schema import DIAGNOSES, TABLES
from analyzer.tables.summary import Summary

CAPTURE = Path(__file__).parents[2] / "captures" / "socket-io-room.pcap"


@pytest.fixture(scope="module")
def analysis() -> analyzer.Analysis:
    return analyzer.analyze(CAPTURE, payload="full")


def test_prints_a_summary(analysis: analyzer.Analysis) -> None:
    text = repr(analysis)
    assert "3 WebSocket connections" in text
    assert "111: 1.71 kB of payload" not in text  # that is payload as sent
    assert "111: 7.57 kB of payload, 17.7 kB on the wire" in text
    assert "<td>3 WebSocket connections</td>" in analysis._repr_html_()
    assert "What stands out" in api.report(analysis.summary)


def test_text_from_traffic_is_escaped_in_notebooks() -> None:
    summary = Summary()
    row = {"id": "x", "severity": "note", "text": "<script>\x1b[31m", "connections": 1}
    summary.add(table_rows(DIAGNOSES, [row]))
    assert "<script>" not in api.html(summary)
    assert "\x1b" not in api.text(summary)


def test_pickles(analysis: analyzer.Analysis) -> None:
    again = pickle.loads(pickle.dumps(analysis))
    assert repr(again) == repr(analysis)
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(again, table.name), getattr(analysis, table.name))


def test_writes_every_format(analysis: analyzer.Analysis, tmp_path: Path) -> None:
    analysis.to_csv(tmp_path / "csv")
    read = analyzer.read_csv(tmp_path / "csv")
    pd.testing.assert_frame_equal(read.messages, analysis.messages)
    analysis.to_json(tmp_path / "x.json")
    assert len(json.loads((tmp_path / "x.json").read_text())["messages"]) == 111
    analysis.to_har(tmp_path / "x.har")
    entries = json.loads((tmp_path / "x.har").read_text())["log"]["entries"]
    assert any(m["data"] == "40" for m in entries[0]["_webSocketMessages"])
    analysis.to_html(tmp_path / "x.html")
    assert ">215</b>packets" in (tmp_path / "x.html").read_text()
    read.to_html(tmp_path / "y.html")  # of tables alone: without what was read
    assert "What stands out" in (tmp_path / "y.html").read_text()


def test_what_cannot_be_written_leaves_nothing(analysis: analyzer.Analysis, tmp_path: Path) -> None:
    with pytest.raises(analyzer.ReportError):
        analysis.to_html(tmp_path / "none" / "x.html")
    assert list(tmp_path.iterdir()) == []
