"""The verb `cluster`: what is asked, and what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analyzer import distributed
from analyzer.cli.cluster import run_cluster
from analyzer.cli.main import main
from analyzer.report.each import Outcome

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    given: list[Any] = []

    def analyze(*args: Any, **options: Any) -> list[Outcome]:
        given.extend((args, options))
        options["on_progress"](1, 2)
        return [Outcome("a.pcap", 5, 1, 3), Outcome("b.pcap", error="the workers died")]

    monkeypatch.setattr(distributed, "analyze", analyze)
    return given


def test_what_is_asked_reaches_the_cluster(asked: list[Any], capsys: Captured) -> None:
    options = ["--scheduler", "tcp://10.0.0.1:8786", "--payload", "none", "--interval", "2,3"]
    assert run_cluster(["s3://b/*.pcap", "c", "--parquet", "out", *options]) == 2
    args, given = asked
    assert args == (["s3://b/*.pcap", "c"], "tcp://10.0.0.1:8786")
    assert given["folder"] == "out"
    assert (given["payload"], given["poll_intervals_s"], given["inside"]) == ("none", (2, 3), True)
    said = " ".join(capsys.readouterr().out.split())
    assert "1 capture, each analysed by itself; 1 could not be analysed" in said
    assert "b.pcap: the workers died" in said


def test_quiet_says_errors(asked: list[Any], capsys: Captured) -> None:
    assert run_cluster(["a", "--parquet", "out", "-q"]) == 2
    assert asked[0] == (["a"], None)
    out, errors = capsys.readouterr()
    assert (out, errors) == ("", "error: b.pcap: the workers died\n")


def test_folders_as_one(asked: list[Any]) -> None:
    run_cluster(["/x/edge-1", "/x/edge-2/", "--as-one", "--parquet", "out", "-q"])
    assert asked[0][0] == {"edge-1": ["/x/edge-1"], "edge-2": ["/x/edge-2"]}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["/x/a", "/y/a", "--as-one"], "two folders are named a"),
        (["s3://b/a", "--as-one"], "--as-one takes folders, not s3://b/a"),
        (["a", "--scheduler", "tcp://h:1", "--workers", "2"], "--workers is about this machine"),
        (["a", "--buffered", "x"], "--buffered takes bytes and seconds"),
    ],
)
def test_what_is_refused(
    asked: list[Any], tmp_path: Path, capsys: Captured, options: list[str], error: str
) -> None:
    assert main(["cluster", *options, "--parquet", str(tmp_path)]) == 2
    assert not asked
    assert error in capsys.readouterr().err
