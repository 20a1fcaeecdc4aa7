"""What a worker makes of one capture."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from analyzer.cli.main import main
from analyzer.distributed.store import UNFINISHED
from analyzer.distributed.task import Task, conclude, part_name, work
from analyzer.errors import CaptureAccessError, ReportError
from analyzer.options import Options
from analyzer.report.each import Outcome
from analyzer.tables.schema import TABLES

CAPTURES = Path(__file__).parents[2] / "captures"
TOMCAT = CAPTURES / "tomcat-chat.pcap"


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    copy = tmp_path / "t.pcap"
    shutil.copy(TOMCAT, copy)
    return copy


def task(path: Path | str, out: Path | str, **options: object) -> Task:
    name = os.path.basename(path)
    return Task(name, (str(path),), False, str(out), Options(**options))  # type: ignore[arg-type]


def parts(out: Path, name: str) -> dict[str, bytes]:
    return {each.name: (out / part_name(each.name, name)).read_bytes() for each in TABLES}


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_parts_are_those_of_a_dataset_made_here(capture: Path, tmp_path: Path, scheme: str) -> None:
    pytest.importorskip("fsspec", reason="the extra [dask] brings it")
    here, out = tmp_path / "here", tmp_path / "out"
    assert main(["--each", str(capture), "--parquet", str(here), "--quiet"]) == 0
    outcome = work(task(f"{scheme}{capture}", f"{scheme}{out}"))
    assert outcome[:5] == ("t.pcap", 103, 2, 39, 0)
    assert parts(out, "t.pcap") == parts(here, "t.pcap")
    frame = pd.read_parquet(out / "messages")
    assert set(frame["capture"]) == {"t.pcap"}
    assert not any((out / UNFINISHED).iterdir())


def later(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def grow(path: Path) -> None:
    path.write_bytes((CAPTURES / "lossy.pcap").read_bytes())


@pytest.mark.parametrize(
    ("change", "options", "done"),
    [
        (lambda path: None, {}, True),
        (later, {}, False),
        (grow, {}, False),
        (lambda path: None, {"payload": "none"}, False),
    ],
)
def test_what_is_done_is_left_alone_until_it_changes(
    capture: Path,
    tmp_path: Path,
    change: Callable[[Path], None],
    options: dict[str, object],
    done: bool,
) -> None:
    out = tmp_path / "out"
    first = work(task(capture, out))
    part = out / part_name("messages", "t.pcap")
    written = part.stat().st_ino
    change(capture)
    again = work(task(capture, out, **options))
    assert again.before is done
    assert (part.stat().st_ino == written) is done
    assert again._replace(before=False) == first or change is grow


def cut(out: Path) -> None:
    part = out / part_name("frames", "t.pcap")
    part.write_bytes(part.read_bytes()[:-1])


def lose(out: Path) -> None:
    (out / part_name("frames", "t.pcap")).unlink()


def scribble(out: Path) -> None:
    (out / "_captures" / "t.pcap.json").write_text('{"mark": ')


@pytest.mark.parametrize("damage", [cut, lose, scribble])
def test_what_is_damaged_is_made_again(
    capture: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    out = tmp_path / "out"
    work(task(capture, out))
    whole = parts(out, "t.pcap")
    damage(out)
    assert not work(task(capture, out)).before
    assert parts(out, "t.pcap") == whole


def test_keys_count_as_part_of_a_capture(tmp_path: Path) -> None:
    log = tmp_path / "keys"
    shutil.copy(CAPTURES / "npm-wss.keys", log)
    wss = task(CAPTURES / "npm-wss.pcap", tmp_path / "out", keys=(str(log),))
    assert not work(wss).before
    assert work(wss).before
    later(log)
    assert not work(wss).before
    log.unlink()
    failed = work(wss)
    assert failed.option_fault
    assert "keys cannot be read" in (failed.error or "")


def test_errors_that_may_pass_are_raised_and_others_told(tmp_path: Path) -> None:
    text = tmp_path / "a.log"
    text.write_text("no capture\n")
    out = tmp_path / "out"
    assert "is not a capture" in (work(task(text, out)).error or "")
    url = f"file://{text}"
    assert f"{url} is not a capture" in (work(task(url, out)).error or "")
    assert work(task(text, out)._replace(in_folder=True)) == Outcome("a.log", is_capture=False)
    with pytest.raises(CaptureAccessError):
        work(task(tmp_path / "none", out))
    with pytest.raises(ReportError):
        work(task(TOMCAT, text))
    refused = work(task(TOMCAT, out)._replace(where="no_column > 3"))
    assert refused.option_fault
    assert not (out / part_name("messages", TOMCAT.name)).exists()
    assert not any((out / UNFINISHED).iterdir())


def test_the_summary_adds_up(tmp_path: Path) -> None:
    (tmp_path / UNFINISHED / "left").mkdir(parents=True)
    outcomes = [
        Outcome("a", 10, 1, 5, 0, 2, ("nagle",), before=True),
        Outcome("b", error="gone"),
        Outcome("c", 1, 1, 1),
        Outcome("d", is_capture=False),
    ]
    conclude(str(tmp_path), outcomes)
    said = json.loads((tmp_path / "summary.json").read_text())
    assert said["totals"]["packets"] == 11
    assert [each["name"] for each in said["captures"]] == ["a", "b", "c"]
    assert said["captures"][0]["causes"] == ["nagle"]
    assert said["captures"][1]["error"] == "gone"
    assert not (tmp_path / UNFINISHED).exists()
