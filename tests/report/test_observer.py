"""Who watches: the protocol, and what the pipeline takes for an observer."""

from __future__ import annotations

import io

import pytest
from oracle.live import Recorder, replay

from analyzer.report.csv import CsvWriter
from analyzer.report.event_lines import EventWriter
from analyzer.report.live_view import LiveView
from analyzer.report.observer import CaptureStats, Observer
from analyzer.report.rotation import RotatingWriter
from analyzer.tables.summary import Summary


def test_observers_are_told_from_writers(tmp_path):
    assert isinstance(EventWriter(io.BytesIO()), Observer)
    assert isinstance(LiveView(io.StringIO(), "lo"), Observer)
    assert isinstance(RotatingWriter(tmp_path / "parts", CsvWriter), Observer)
    assert not isinstance(Summary(), Observer)
    writer = CsvWriter(tmp_path / "csv")
    assert not isinstance(writer, Observer)
    writer.abort()


def test_an_observer_gets_a_snapshot_before_any_row():
    recorder = Recorder()
    replay("npm-ws-basic.pcap", [recorder])
    assert recorder.snapshot is not None
    assert recorder.snapshot().tcp_connections >= 0


def test_stats_do_not_change():
    stats = CaptureStats(received=3, dropped=1, analysed=2)
    assert stats.interface_up
    with pytest.raises(AttributeError):
        stats.received = 4
