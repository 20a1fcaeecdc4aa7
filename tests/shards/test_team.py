"""Fronts in processes: the same bytes, and clear errors where one fails or dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
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


def test_a_system_that_starts_no_process_is_told(monkeypatch) -> None:
    def none(module: str) -> object:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(team, "started", none)
    with pytest.raises(JobError, match="Resource temporarily unavailable"):
        pipeline.run(CAPTURES / "npm-ws-basic.pcap", Options(), fronts=1)


# --- forked: in a process that has one thread


def said_by(code: str, *arguments: str) -> str:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    ).stdout


CLI = "import sys; from analyzer.cli.entry import main; sys.exit(main())"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are started anew")
def test_the_terminal_says_the_same_with_a_front_that_was_forked() -> None:
    path = str(CAPTURES / "socket-io-room.pcap")
    one = said_by(CLI, path, "--no-progress")
    assert said_by(CLI, path, "--no-progress", "--jobs", "2") == one
    assert "socket-io-room" in one


KILLED = """
import os, signal, sys
from analyzer.options import Options
from analyzer.shards import team
from analyzer.shards.front_job import Begun, Job

assert team.may_fork()
with team.FrontProcess(Job((sys.argv[1],) , Options())) as process:
    begun = next(process.answers())
    assert isinstance(begun, Begun), begun
    os.kill(process.pid, signal.SIGKILL)
    try:
        for _ in process.answers():
            pass
    except team.JobError as error:
        print(error, error.hint)
# Nothing is left of it.
try:
    os.kill(process.pid, 0)
except ProcessLookupError:
    print("gone")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are started anew")
def test_a_front_that_was_forked_reads_standard_input() -> None:
    path = CAPTURES / "socket-io-room.pcap"
    said = []
    for jobs in ("1", "2"):
        with path.open("rb") as file:
            command = [sys.executable, "-c", COUNTED, "-", "--jobs", jobs]
            done = subprocess.run(command, stdin=file, capture_output=True, text=True, check=True)
        said.append(done.stdout.splitlines())
    assert [each[-1] for each in said] == ["forked 0", "forked 1"]
    assert said[0][:-1] == said[1][:-1]
    assert any("WebSocket" in line for line in said[0])


COUNTED = """
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
from analyzer.cli.main import main
from analyzer.jobs import cores, forked
cores.WORTH_BYTES, cores.idle = 1, lambda: int(os.environ.get("CORES", 1))
count, fork = [0], os.fork

def counted():
    count[0] += 1
    return fork()

os.fork = counted
status = main()
print("forked", count[0])
sys.exit(status)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are started anew")
def test_large_captures_are_done_by_several_processes_without_being_told(tmp_path: Path) -> None:
    path = str(CAPTURES / "socket-io-room.pcap")
    made = []
    # With nine, the front forks one that reads.
    for cores, forks in ((1, 0), (2, 1), (3, 2), (9, 2)):
        folder = tmp_path / str(cores)
        done = subprocess.run(
            [sys.executable, "-c", COUNTED, path, "--csv", str(folder), "--quiet"],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"CORES": str(cores)},
        )
        assert done.stdout == f"forked {forks}\n"
        made.append(files(folder))
    assert all(each == made[0] for each in made)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are started anew")
def test_a_front_that_was_forked_and_dies_is_told(tmp_path: Path) -> None:
    content = (CAPTURES / "socket-io-room.pcap").read_bytes()
    for number in range(200):
        (tmp_path / f"{number}.pcap").write_bytes(content)
    said = said_by(KILLED, str(tmp_path)).split("\n")
    assert (
        said[0] == "a process that analyses was killed by SIGKILL --jobs 1 analyses in one process"
    )
    assert said[1] == "gone"


ENDED = """
import sys, time
from analyzer.options import Options
from analyzer.shards import team
from analyzer.shards.front_job import Job

begun = time.monotonic()
with team.FrontProcess(Job((sys.argv[1],), Options())) as process:
    next(process.answers())
assert time.monotonic() - begun < team.END_S
print(process._process.wait())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are started anew")
def test_a_front_ends_with_the_analysis(tmp_path: Path) -> None:
    content = (CAPTURES / "socket-io-room.pcap").read_bytes()
    for number in range(200):
        (tmp_path / f"{number}.pcap").write_bytes(content)
    assert int(said_by(ENDED, str(tmp_path))) <= 0


def test_a_terminal_is_read_by_the_process_that_is_in_front(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system stops a child that reads it."""
    monkeypatch.setattr("analyzer.jobs.forked.may_fork", lambda: True)
    elsewhere = pipeline._may_be_elsewhere
    for terminal in (True, False):
        monkeypatch.setattr("os.isatty", lambda number, is_one=terminal: is_one)
        assert elsewhere([Path("-")], [], None) is not terminal
        assert elsewhere([Path("a.pcap")], [], None)
