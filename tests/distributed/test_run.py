"""A cluster of two workers on this machine; one of them is killed in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

distributed = pytest.importorskip("distributed", reason="the extra [dask] is not installed")
# ruff: noqa: E402

from analyzer.cli.main import main
from analyzer.distributed import analyze, run
from analyzer.distributed.store import UNFINISHED
from analyzer.distributed.survey import Look
from analyzer.distributed.task import Task, part_name
from analyzer.errors import CaptureAccessError, JobError, OptionError
from analyzer.options import Options
from analyzer.report.each import Outcome
from analyzer.tables.schema import TABLES

CAPTURES = Path(__file__).parents[2] / "captures"
NAMES = ("lossy.pcap", "deep/tomcat-chat.pcap")

# What Dask leaves to the garbage collector, or warns of on slow machines.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_cluster_of_two_workers(tmp_path: Path) -> None:
    # One test, so that tests that run side by side start one cluster.
    cluster = distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=50,
    )
    with cluster, distributed.Client(cluster) as client:
        for check in (dataset, several, errors, refused, killed):
            folder = tmp_path / check.__name__
            folder.mkdir()
            check(client, folder)


def parts(out: Path, name: str) -> dict[str, bytes]:
    return {each.name: (out / part_name(each.name, name)).read_bytes() for each in TABLES}


def dataset(client: Any, tmp_path: Path) -> None:
    """The dataset is that of one process, and a second run leaves it alone."""
    folder, out, here = tmp_path / "in", tmp_path / "out", tmp_path / "here"
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CAPTURES / Path(name).name, folder / name)
    (folder / "build.log").write_text("no capture\n")
    told: list[tuple[int, int]] = []
    outcomes = analyze(folder, client, folder=out, on_progress=lambda *each: told.append(each))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [each.name for each in outcomes if each.is_capture] == sorted(NAMES)
    assert main(["--each", str(folder), "--parquet", str(here), "--jobs", "1", "--quiet"]) == 0
    for name in NAMES:
        assert parts(out, name) == parts(here, name)
    inside = folder / "out"
    out.rename(inside)
    again = analyze(folder, client, folder=inside)
    assert [each.before for each in again] == [each.is_capture for each in again]
    assert [each._replace(before=False) for each in again] == outcomes


def several(client: Any, tmp_path: Path) -> None:
    """Several files are one capture."""
    files = [CAPTURES / "price-feed.pcap", CAPTURES / "tomcat-chat.pcap"]
    (outcome,) = analyze({"both": files}, client, folder=tmp_path / "out")
    assert outcome.name == "both"
    assert main([*map(str, files), "--parquet", str(tmp_path / "here"), "--quiet"]) == 0
    alone = (tmp_path / "here" / "messages.parquet").read_bytes()
    assert parts(tmp_path / "out", "both")["messages"] == alone


def errors(client: Any, tmp_path: Path) -> None:
    """An error is told, and costs no other capture."""
    named = [CAPTURES / "tomcat-chat.pcap", CAPTURES / "README.md"]
    made = analyze(named, client, folder=tmp_path / "out")
    good, bad = sorted(made, key=lambda each: each.error or "")
    assert good.messages == 39
    assert "README.md is not a capture" in (bad.error or "")


def refused(client: Any, tmp_path: Path) -> None:
    """What only workers can tell is an error here."""
    (tmp_path / "a.txt").write_text("x")
    capture = CAPTURES / "lossy.pcap"
    cases: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        ("/no/such/file", {}, CaptureAccessError, "/no/such/file cannot be read"),
        ("no-such-scheme://a", {}, OptionError, "no-such-scheme"),
        (capture, {"where": "none > 3"}, OptionError, "none"),
        (tmp_path, {}, CaptureAccessError, "holds no captures"),
    ]
    for paths, options, error, words in cases:
        with pytest.raises(error, match=words):
            analyze(paths, client, **{"folder": tmp_path / "out", **options})


def killed(client: Any, tmp_path: Path) -> None:
    """A worker that is killed in the middle costs nothing."""
    if not Path("/proc/self").exists():
        return  # looks at processes of Linux
    # A pipe: whoever opens it to read has begun, and gets no further than it is fed.
    pipe = tmp_path / "pipe.pcap"
    os.mkfifo(pipe)
    content = (CAPTURES / "price-feed.pcap").read_bytes()
    pids = client.run(os.getpid)
    dead: list[int] = []

    def feed() -> None:
        with pipe.open("wb", buffering=0) as file:
            file.write(content[: len(content) // 2])
            busy = [address for address, keys in client.processing().items() if keys]
            for address in busy:
                os.kill(pids[address], signal.SIGKILL)
                dead.append(pids[address])
                # As long as it has the pipe open, what is written is lost.
                while Path(f"/proc/{pids[address]}").exists():
                    time.sleep(0.01)
        with pipe.open("wb") as file:
            file.write(content)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    outcomes = analyze([pipe], client, folder=tmp_path / "out")
    feeder.join(120)
    assert len(dead) == 1
    assert [each.error for each in outcomes] == [None]
    here = tmp_path / "here"
    assert main([str(CAPTURES / "price-feed.pcap"), "--parquet", str(here), "--quiet"]) == 0
    for table, written in parts(tmp_path / "out", "pipe.pcap").items():
        assert written == (here / f"{table}.parquet").read_bytes()
    assert not (tmp_path / "out" / UNFINISHED).exists()


# --- without a cluster


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ("-", "not standard input"),
        ({"a": ["s3://b/c", "d"]}, "have to be paths"),
        ({"a": []}, "no file is named for a"),
    ],
)
def test_what_is_refused(tmp_path: Path, paths: Any, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        analyze(paths, folder=tmp_path / "out")


def ended(status: str, error: Exception | None = None, result: Any = None) -> Any:
    return SimpleNamespace(status=status, exception=lambda: error, result=lambda: result)


TASK = Task("a", ("/a",), False, "/out", Options())


def test_what_became_of_a_task() -> None:
    done = Outcome("a", 3)
    assert run._outcome(TASK, ended("finished", result=done)) is done
    told = run._outcome(TASK, ended("error", CaptureAccessError("/a is gone", hint="mount it")))
    assert (told.error, told.hint) == ("/a is gone", "mount it")
    killed = distributed.scheduler.KilledWorker("key", SimpleNamespace(address="tcp://h:1"), 3)
    assert run._outcome(TASK, ended("error", killed)).error == "the workers that analysed it died"
    fault = run._outcome(TASK, ended("error", ZeroDivisionError("x"))).error
    assert fault == "a fault of wsanalyze itself: ZeroDivisionError: x"
    with pytest.raises(JobError, match="connection to the scheduler"):
        run._outcome(TASK, ended("cancelled"))


def test_a_capture_whose_machine_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_LOOK_S", 0.01)
    monkeypatch.setattr(run, "LOST_S", 0.05)
    cluster = SimpleNamespace(nthreads=lambda: {"tcp://10.0.0.2:1": 1})
    future = Mock()
    begun = time.monotonic()
    with pytest.raises(JobError, match="no worker is left that can read a"):
        list(run._ended(cluster, {future: 0}, [(TASK, 0, ("10.0.0.1",))]))
    assert time.monotonic() - begun >= 0.05


def test_workers_of_another_version() -> None:
    cluster = SimpleNamespace(run=lambda *_: {"tcp://10.0.0.1:1": Look("0.0.1", [], {})})
    with pytest.raises(JobError, match=r"tcp://10\.0\.0\.1:1 has wsanalyze 0\.0\.1"):
        run._survey(cluster, [], "/out")

    def lacks(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'analyzer'")

    with pytest.raises(JobError, match="No module named 'analyzer'"):
        run._survey(SimpleNamespace(run=lacks), [], "/out")


def test_without_dask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(OptionError, match=r"a cluster needs dask\.distributed") as raised:
        analyze("a", folder=tmp_path)
    assert "[dask]" in (raised.value.hint or "")


def test_no_scheduler_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run, "ARRIVAL_S", 0.2)
    with pytest.raises(JobError, match="no scheduler at tcp://127"):
        analyze("a", "tcp://127.0.0.1:9", folder=tmp_path)
