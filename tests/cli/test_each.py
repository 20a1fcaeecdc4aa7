"""`--each`: every capture by itself, with the reports that it has alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from analyzer.cli import each
from analyzer.cli.analyze import Request
from analyzer.cli.main import main
from analyzer.errors import OptionError

CAPTURES = Path(__file__).parents[2] / "captures"
NAMES = ("lossy.pcap", "tomcat-chat.pcap", "deep/er/price-feed.pcap")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "artifacts"
    for name in NAMES:
        (found / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CAPTURES / Path(name).name, found / name)
    (found / "build.log").write_text("no capture\n")
    (found / ".hidden.pcap").write_bytes(b"no capture either")
    return found


def said(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    taken = capsys.readouterr()
    return taken.out, taken.err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_reports_are_those_that_each_has_alone(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], jobs: str
) -> None:
    out = {kind: tmp_path / kind for kind in ("csv", "json", "parquet", "html", "har")}
    options = [part for kind, path in out.items() for part in (f"--{kind}", str(path))]
    assert main(["--each", str(folder), "--jobs", jobs, *options]) == 0
    text, errors = said(capsys)
    assert errors == ""
    assert text.startswith("3 captures, each analysed by itself; 1 other file left out\n")
    for name in NAMES:
        alone = tmp_path / "alone" / jobs / Path(name).name
        alone.parent.mkdir(parents=True, exist_ok=True)
        written = [f"--csv={alone}", f"--har={alone}.har", "--quiet"]
        assert main([str(folder / name), *written]) == 0
        for path in alone.iterdir():
            assert (out["csv"] / name / path.name).read_bytes() == path.read_bytes()
        assert (out["har"] / f"{name}.har").read_bytes() == Path(f"{alone}.har").read_bytes()
        assert (out["json"] / f"{name}.json").is_file()
        assert (out["html"] / f"{name}.html").is_file()
        parts = pd.read_parquet(out["parquet"] / "frames")
        assert (parts["capture"] == name).sum() == len(pd.read_csv(alone / "frames.csv"))
    assert len(list(out["json"].rglob("*.json"))) == len(NAMES)


def test_a_capture_that_cannot_be_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Named by the user, so that it is not left out as it is in a folder.
    assert main(["--each", str(folder / "tomcat-chat.pcap"), str(folder / "build.log")]) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert "1 capture, each analysed by itself; 1 could not be analysed" in said
    assert "build.log is not a capture: it looks like text; printed packets" in said


def test_fail_on_names_the_capture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--each", str(folder), "--fail-on", "count(late-by-loss) > 0"]) == 1
    _, errors = said(capsys)
    (line,) = errors.splitlines()
    assert line.startswith("wsanalyze: lossy.pcap: --fail-on count(late-by-loss) > 0: ")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--where", "no_column > 3"], "no column 'no_column'"),
        (["--keys", "/no/such/log"], "no such key log"),
        (["--connection", "0"], "--connection is about one capture"),
        (["--handshake", "0"], "--handshake is about one capture"),
        (["--why"], "--why is about one capture"),
        (["--json", "-"], "--json - is about one capture"),
        (["-"], "reads files, not standard input"),
        (["/no/such/folder"], "/no/such/folder cannot be read"),
        (["--fail-on", "p95("], "--fail-on"),
    ],
)
def test_what_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], error: str
) -> None:
    assert main(["--each", str(folder), *options]) == 2
    text, errors = said(capsys)
    assert text == ""
    assert len(errors.splitlines()) == 1
    assert errors.startswith("error: ")
    assert error in errors


def test_a_folder_without_captures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("x")
    assert main(["--each", str(tmp_path)]) == 2
    assert "holds no captures" in said(capsys)[1]
    (tmp_path / "a.txt").unlink()
    assert main(["--each", str(tmp_path)]) == 2
    assert "holds no files" in said(capsys)[1]


def test_two_of_one_name(folder: Path) -> None:
    files = [folder, folder / "deep" / "er" / ".." / ".." / "lossy.pcap"]
    with pytest.raises(OptionError, match=r"would both be named lossy\.pcap"):
        list(each.tasks_of(Request(files=files)))


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "html", "har", "pcapng"])
def test_reports_within_the_folder_are_no_captures(folder: Path, kind: str) -> None:
    out = folder / "out"
    (out / "deep").mkdir(parents=True)
    shutil.copy(folder / "lossy.pcap", out / "deep" / "lossy.pcap.pcapng")
    asked = str(out) if kind == "json" else out
    tasks = each.tasks_of(Request(files=[folder], **{kind: asked}))  # type: ignore[arg-type]
    assert sorted(task.name for task in tasks) == sorted([*NAMES, "build.log"])


def test_links_to_folders_are_not_followed(folder: Path) -> None:
    (folder / "deep" / "loop").symlink_to(folder)
    tasks = list(each.tasks_of(Request(files=[folder])))
    assert sorted(task.name for task in tasks) == sorted([*NAMES, "build.log"])


def test_a_fault_in_one_capture(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(each, "analysed", fails)
    (task, *_) = each.tasks_of(Request(files=[folder / "lossy.pcap"]))
    outcome = each.analyse(task)
    assert outcome.error == "a fault of wsanalyze itself: ZeroDivisionError: of ours"


RUNS = "import sys\nfrom analyzer.cli.entry import main\nsys.exit(main())"
DIES = "import os, analyzer.pipeline as it\nit.run = lambda *_, **__: os.kill(os.getpid(), 9)\n"


def started(*arguments: str, begin: str = "") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", begin + RUNS, *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_killed_process_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    kinds = ("csv", "parquet", "json", "html", "har")
    reports = [f"--{kind}={out}" for kind in kinds]
    file = folder / "lossy.pcap"
    with started("--each", str(file), "--jobs", "1", *reports, begin=DIES) as process:
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert files_in(out)
    request = Request(files=[file], csv=out, parquet=out, json=str(out), html=out, har=out)
    (task,) = each.tasks_of(request)
    each._clean(task, process.pid)
    assert files_in(out) == []


def test_what_is_no_file_is_not_waited_for(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(folder / "pipe.pcap")
    with started("--each", str(folder), "--jobs", "2") as process:
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")
    assert out.startswith(b"3 captures")


def test_ctrl_c_ends_all_processes(folder: Path, tmp_path: Path) -> None:
    # A pipe without a writer holds up the process that reads it; one that is named is read.
    pipe = tmp_path / "pipe.pcap"
    os.mkfifo(pipe)
    out = tmp_path / "out"
    names = [str(pipe), str(folder / "lossy.pcap"), str(folder / "tomcat-chat.pcap")]
    with started("--each", *names, "--jobs", "2", f"--csv={out}") as process:
        while len(list(out.glob("*/connections.csv"))) < 2:
            time.sleep(0.02)
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, b"")
    # None holds the pipe open any more.
    with pytest.raises(OSError, match="No such device"):
        os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
