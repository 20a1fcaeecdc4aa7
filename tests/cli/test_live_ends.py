"""How live runs end, as processes: whatever ends one, what was seen is written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from oracle import namespaces

import analyzer
from analyzer.cli import live, main
from analyzer.errors import ReportError
from analyzer.tables.schema import TABLES

ROOT = Path(__file__).parents[2]
CAPTURE = ROOT / "captures" / "npm-ws-basic.pcap"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "analyzer.cli.main", *map(str, arguments)]


def fed(*arguments: object) -> tuple[int, str]:
    """Run to the end of the capture; return status and standard error."""
    done = subprocess.run(
        command("live", "-", "-q", "--user", "root", *arguments), input=CAPTURE.read_bytes(),
        capture_output=True, check=False, cwd=ROOT,
    )  # fmt: skip
    return done.returncode, done.stderr.decode()


class Piped:
    """A live run that reads a capture from a pipe which stays open."""

    def __init__(self, *arguments: object, **changes: Any) -> None:
        changes.setdefault("stdout", subprocess.PIPE)
        self.process = subprocess.Popen(
            command("live", "-", "--user", "root", *arguments),
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, **changes,
        )  # fmt: skip
        assert self.process.stdin is not None
        self.process.stdin.write(CAPTURE.read_bytes())
        self.process.stdin.flush()

    def end(self, *numbers: int) -> tuple[int, str, str]:
        for number in numbers:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=180)
        return self.process.returncode, (out or b"").decode(), err.decode()


def has_rows(path: Path) -> bool:
    """Whether rows of a table reached the disk."""
    return path.exists() and path.read_bytes().count(b"\n") > 3


def messages(folder: Path) -> list[Any]:
    found = analyzer.read_csv(folder).messages
    return found.drop(columns=["payload"], errors="ignore").astype(str).values.tolist()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("file")
    assert main.main([str(CAPTURE), "-q", "--csv", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_ends_it_as_ctrl_c_does(tmp_path: Path, expected: Path, number: int) -> None:
    run = Piped("--csv", tmp_path / "c", "--no-screen")
    namespaces.wait_for(lambda: has_rows(tmp_path / "c" / "messages.csv.part"))
    status, out, _ = run.end(number)
    assert status == 0
    assert "WebSocket connection" in out
    for table in TABLES:
        file = f"{table.name}.csv"
        assert (tmp_path / "c" / file).read_bytes() == (expected / file).read_bytes(), file
    assert list(tmp_path.rglob("*.part")) == []


def test_what_a_killed_run_saw_is_recovered(tmp_path: Path, expected: Path) -> None:
    c, p, j = tmp_path / "c", tmp_path / "p", tmp_path / "j.json"
    run = Piped("-q", "--csv", c, "--parquet", p, "--json", j)
    namespaces.wait_for(lambda: has_rows(c / "messages.csv.part"))
    namespaces.wait_for(lambda: has_rows(tmp_path / "j.json.messages.part"))
    stream = p / "messages.parquet.part"
    begin = stream.stat().st_size
    namespaces.wait_for(lambda: stream.stat().st_size > begin)
    status, _, _ = run.end(signal.SIGKILL)
    assert status == -signal.SIGKILL
    # As power that goes may leave it.
    with (c / "messages.csv.part").open("ab") as file:
        file.write(b"3,1,7")
    with stream.open("ab") as file:
        file.write(b"\xff\xff\xff\xff\x10")
    done = subprocess.run(
        command("recover", c, p, tmp_path), capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert [line.split(": ")[1].split(",")[0] for line in done.stdout.splitlines()] == [
        *("CSV", "Parquet", "JSON"),
    ]
    whole = messages(expected)
    seen = messages(c)
    assert seen
    assert [row for row in seen if row not in whole] == []
    import pyarrow.parquet as pq

    table = pq.read_table(p / "messages.parquet")
    document = json.loads(j.read_text())
    assert len(seen) == table.num_rows == len(document["messages"])
    assert set(document) == {each.name for each in TABLES}
    assert list(tmp_path.rglob("*.part")) == []
    again = subprocess.run(
        command("recover", tmp_path), capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert again.returncode == 2
    assert "nothing to recover" in again.stderr


def test_the_next_run_finds_what_a_dead_one_left(tmp_path: Path) -> None:
    c = tmp_path / "c"
    run = Piped("-q", "--csv", c)
    namespaces.wait_for(lambda: has_rows(c / "messages.csv.part"))
    left = (c / "messages.csv.part").read_bytes()
    run.end(signal.SIGKILL)
    status, err = fed("--csv", c)
    assert status == 0
    line = next(line for line in err.splitlines() if "wsanalyze recover" in line)
    place = Path(line.partition("wsanalyze recover ")[2].split(" makes")[0])
    assert place.parent == c
    assert (place / "messages.csv.part").read_bytes() == left
    subprocess.run(command("recover", place), check=True, cwd=ROOT, capture_output=True)
    assert (place / "messages.csv").read_bytes() == left
    status, err = fed("--csv", c)
    assert "recover" not in err


def test_a_second_run_on_a_folder_is_refused(tmp_path: Path) -> None:
    run = Piped("-q", "--csv", tmp_path / "c")
    namespaces.wait_for(lambda: has_rows(tmp_path / "c" / "messages.csv.part"))
    before = (tmp_path / "c" / "messages.csv.part").read_bytes()
    status, err = fed("--csv", tmp_path / "c")
    assert status == 2
    assert "another run of wsanalyze writes there" in err
    done = subprocess.run(
        command("recover", tmp_path / "c"), capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 2
    assert "at work" in done.stderr
    assert (tmp_path / "c" / "messages.csv.part").read_bytes() == before
    assert run.end()[0] == 0


def test_a_second_rotating_run_on_a_folder_is_refused(tmp_path: Path) -> None:
    run = Piped("-q", "--csv", tmp_path / "c", "--rotate", "1h")
    namespaces.wait_for(lambda: any(tmp_path.glob("c/*/messages.csv.part")))
    status, err = fed("--csv", tmp_path / "c", "--rotate", "1h")
    assert status == 2
    assert "another run of wsanalyze writes there" in err
    run.end(signal.SIGKILL)
    _, err = fed("--csv", tmp_path / "c", "--rotate", "1h")
    assert f"wsanalyze recover {tmp_path / 'c'} makes" in err


def test_a_reader_of_events_that_goes_away(tmp_path: Path, expected: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    run = Piped("--csv", tmp_path / "c", "--events", "messages", stdout=writer)
    os.close(writer)
    status, _, err = run.end()
    assert status == 141
    assert "went away: ended; all that was seen until then is written" in err
    assert "WebSocket connection" in err  # the report
    whole = messages(expected)
    seen = messages(tmp_path / "c")
    assert seen
    assert [row[:3] for row in seen] == [row[:3] for row in whole[: len(seen)]]


FULL = """
import resource, signal, sys
from analyzer.cli import live, main
from analyzer.errors import ReportError
# A limit on the size of files is a disk that is full: writing fails in the middle of a row.
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
sys.exit(main.main(sys.argv[1:]))
"""


def test_a_full_disk(tmp_path: Path, expected: Path) -> None:
    header = (expected / "messages.csv").read_bytes().index(b"\n") + 1
    limit = header + 1234
    assert (expected / "messages.csv").stat().st_size > limit
    run = [sys.executable, "-c", FULL.format(limit=limit), "live", "-", "--user", "root"]
    done = subprocess.run(
        [*run, "--csv", tmp_path / "c", "--no-screen"], input=CAPTURE.read_bytes(),
        capture_output=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.decode().splitlines() if line.startswith("error")]
    assert "cannot write" in line
    assert b"WebSocket connection" in done.stdout
    found = (tmp_path / "c" / "messages.csv").read_bytes()
    assert found.endswith(b"\n")
    assert (expected / "messages.csv").read_bytes().startswith(found)
    assert list(tmp_path.rglob("*.part")) == []


FAULT = """
import sys
from analyzer.cli import live, main
from analyzer.errors import ReportError
from analyzer.report.event_lines import EventWriter
def fails(self, rows):
    raise AssertionError("our own")
EventWriter.news = fails
sys.exit(main.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_fault_of_our_own(tmp_path: Path, debug: str) -> None:
    run = [sys.executable, "-c", FAULT, "live", "-", "--user", "root", "--events", "messages"]
    done = subprocess.run(
        [*run, "--csv", tmp_path / "c"], input=CAPTURE.read_bytes(), capture_output=True,
        check=False, cwd=ROOT, env={**os.environ, "WSANALYZE_DEBUG": debug},
    )  # fmt: skip
    assert done.returncode == 2
    assert b"a fault of wsanalyze itself: AssertionError: our own" in done.stderr
    assert (b"Traceback" in done.stderr) == bool(debug)
    assert messages(tmp_path / "c")


def test_it_ends_at_the_first_finding_that_is_asked_for(tmp_path: Path) -> None:
    capture = ROOT / "captures" / "npm-ws-closes.pcap"
    found = tmp_path / "found"
    script = tmp_path / "note"
    script.write_text(f"#!/bin/sh\ncat >> {found}\n")
    script.chmod(0o755)
    run = command("live", "-", "--user", "root", "--until", "note", "--events", "findings",
                  "--exec", script, "--exec-events", "findings")  # fmt: skip
    with subprocess.Popen(
        run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdin is not None
        process.stdin.write(capture.read_bytes())
        process.stdin.flush()  # and the pipe stays open
        assert process.wait(300) == 1
        assert process.stdout is not None
        assert process.stderr is not None
        events, err = process.stdout.read().splitlines(), process.stderr.read().decode()
    assert "wsanalyze: --until note websocket-close-error" in err
    assert events
    assert [json.loads(line) for line in found.read_bytes().splitlines()] == [
        json.loads(line) for line in events[: len(found.read_bytes().splitlines())]
    ]
    assert found.read_bytes()


def test_until_takes_ids_and_severities_only() -> None:
    for text in ("count(messages) > 5", "no-such-finding"):
        done = subprocess.run(
            command("live", "-", "--until", text), stdin=subprocess.DEVNULL, check=False,
            capture_output=True, cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == 2


def test_what_is_no_right_of_the_user_is_not_said_to_be_one() -> None:
    taken = ReportError("cannot serve metrics: in use", hint="another program listens there")
    assert live._as_whom(taken, "nobody") is taken
    told = live._as_whom(ReportError("cannot write x: Permission denied"), "nobody")
    assert str(told).endswith("(as user nobody)")
    assert told.hint is not None
    assert "--user NAME" in told.hint
