"""Reports that another process writes: the same bytes, and none where that process dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.errors import ReportError
from analyzer.jobs import remote
from analyzer.options import Options
from analyzer.pipeline import run
from analyzer.report.csv import CsvWriter
from analyzer.report.json import JsonWriter
from analyzer.report.output import Writer
from analyzer.tables.schema import TableRows

ROOT = Path(__file__).parents[2]
CAPTURES = [
    "captures/socket-io-room.pcap",
    "captures/http2-clear.pcap",
    "captures/chat-long-poll.pcap",
    "captures/connect-proxy.pcap",
]
"""What applications say, HTTP/2, plain HTTP, legs of one conversation."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders of reports, of writers here and of one other process, from one analysis each."""
    here, there = (tmp_path_factory.mktemp(name) for name in ("here", "there"))
    process = remote.WriterProcess()
    pairs: list[tuple[list[Writer], str]] = []
    for number, name in enumerate(CAPTURES):
        writers: list[Writer] = [
            CsvWriter(here / f"csv{number}"),
            JsonWriter(here / f"{number}.json"),
            process.report("csv", there / f"csv{number}"),
            process.report("json", there / f"{number}.json"),
        ]
        pairs.append((writers, name))
    for writers, name in pairs:
        run([ROOT / name], Options(payload="full"), writers)
    return here, there


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_reports_are_the_same_bytes(both: tuple[Path, Path]) -> None:
    here, there = files(both[0]), files(both[1])
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []
    # What is compared has rows of the kinds that go in a form of their own.
    assert here["csv0/messages.csv"].count(b"\n") > 1
    assert here["csv0/frames.csv"].count(b"\n") > 1


class Killer:
    """A writer that kills a process after some rows, as a system without memory does."""

    def __init__(self, process: remote.WriterProcess, after: int) -> None:
        self._process = process
        self._left = after

    def write(self, rows: TableRows) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


@pytest.fixture
def process() -> Iterator[remote.WriterProcess]:
    made = remote.WriterProcess()
    yield made
    made.abort()
    assert_gone(made.pid)


def assert_gone(pid: int) -> None:
    """No process of that number is left, not even one that nobody waited for."""
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def test_a_process_that_is_killed_leaves_no_report(
    process: remote.WriterProcess, tmp_path: Path
) -> None:
    report = process.report("csv", tmp_path / "csv")
    with pytest.raises(ReportError, match="was killed by SIGKILL") as caught:
        run([ROOT / CAPTURES[0]], Options(), [report, Killer(process, 3)])
    assert str(caught.value).startswith(f"cannot write {tmp_path / 'csv'}: ")
    assert list(tmp_path.iterdir()) == []
    assert_gone(process.pid)


def test_a_report_that_cannot_be_written(process: remote.WriterProcess, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"cannot write .*: No such file or directory"):
        process.report("csv", tmp_path / "no" / "such")
    assert_gone(process.pid)
    other = remote.WriterProcess()
    report = other.report("json", tmp_path / "no" / "such.json")
    with pytest.raises(ReportError, match=r"cannot write .*: No such file or directory"):
        run([ROOT / CAPTURES[0]], Options(), [report])
    assert_gone(other.pid)
    assert list(tmp_path.iterdir()) == []


def test_reports_of_several_processes_may_be_in_one_new_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    first, second = remote.WriterProcess(), remote.WriterProcess()
    writers = [
        first.report("csv", folder),
        second.report("parquet", folder),
        second.report("json", folder / "all.json"),
    ]
    # There before any process has come to its order.
    assert folder.is_dir()
    run([ROOT / CAPTURES[0]], Options(), writers)
    assert {path.suffix for path in folder.iterdir()} >= {".csv", ".parquet", ".json"}
    assert not list(folder.glob(".*"))


def test_a_folder_that_was_made_goes_when_the_analysis_fails(
    process: remote.WriterProcess, tmp_path: Path
) -> None:
    process.report("csv", tmp_path / "new").abort()
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_stays_when_the_analysis_fails(
    process: remote.WriterProcess, tmp_path: Path
) -> None:
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "mine").write_bytes(b"x")
    report = process.report("csv", tmp_path / "csv")
    report.abort()
    report.abort()
    assert files(tmp_path) == {"csv/mine": b"x"}


def test_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote.sys, "executable", "/no/such/python")
    with pytest.raises(ReportError, match=r"cannot start a process .*No such file"):
        remote.WriterProcess()
    monkeypatch.setattr(remote.sys, "executable", "")
    assert not remote.possible()
