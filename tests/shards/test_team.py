"""Fronts in processes: the same bytes, and clear errors where one fails or dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from analyzer import pipeline
from analyzer.errors import CaptureAccessError, JobError
from analyzer.options import Options
from analyzer.report.csv import CsvWriter
from analyzer.shards import team
from analyzer.tables.schema import TableRows

CAPTURES = Path(__file__).parents[2] / "captures"


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_reports_are_the_same_bytes(tmp_path: Path) -> None:
    path, seen = CAPTURES / "socket-io-room.pcap", []
    one = pipeline.run(path, Options(), [CsvWriter(tmp_path / "one")])
    other = pipeline.run(
        path, Options(), [CsvWriter(tmp_path / "other")], lambda *at: seen.append(at), fronts=1
    )
    assert files(tmp_path / "one") == files(tmp_path / "other")
    for name in ("files", "packets", "wire_bytes", "first_time", "last_time", "options"):
        assert getattr(other.capture, name) == getattr(one.capture, name)
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)


def test_input_that_cannot_be_read_is_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(CaptureAccessError, match="nowhere"):
        pipeline.run("/nowhere.pcap", Options(), [CsvWriter(tmp_path / "csv")], fronts=1)
    assert list(tmp_path.iterdir()) == []


class Killer:
    """A writer that kills the front after some rows, as a system without memory does."""

    def __init__(self) -> None:
        self.pid = 0

    def write(self, rows: TableRows) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def test_a_front_that_dies_leaves_no_report(tmp_path: Path, monkeypatch) -> None:
    killer, begin = Killer(), team.FrontProcess.__init__

    def begun(self, job) -> None:
        begin(self, job)
        killer.pid = self.pid

    monkeypatch.setattr(team.FrontProcess, "__init__", begun)
    # Far more than a pipe holds: the process is at work when it is killed.
    paths = [tmp_path / f"{number}.pcap" for number in range(100)]
    content = (CAPTURES / "socket-io-room.pcap").read_bytes()
    for path in paths:
        path.write_bytes(content)
    with pytest.raises(JobError, match="killed by SIGKILL"):
        pipeline.run(paths, Options(), [CsvWriter(tmp_path / "csv"), killer], fronts=1)
    assert not (tmp_path / "csv").exists()


def test_a_fault_of_a_front_is_told(monkeypatch) -> None:
    error = team._failure("", "ValueError: a fault", None, "Traceback ...")
    assert isinstance(error, JobError)
    assert "ValueError: a fault" in str(error)
    assert error.__notes__ == ["Traceback ..."]


def test_a_system_that_starts_no_process_is_told(monkeypatch) -> None:
    def none(module: str) -> object:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(team, "started", none)
    with pytest.raises(JobError, match="Resource temporarily unavailable"):
        pipeline.run(CAPTURES / "npm-ws-basic.pcap", Options(), fronts=1)
