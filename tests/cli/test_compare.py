"""The verb `compare`: reports, errors in one line, standard input, a closed pipe."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import analyzer
from analyzer.cli import main
from analyzer.tables.comparison import METRICS

ROOT = Path(__file__).parents[2]
A = str(ROOT / "captures" / "npm-ws-basic.pcap")
B = str(ROOT / "captures" / "npm-ws-pings.pcap")
Captured = pytest.CaptureFixture[str]


def test_report(capsys: Captured) -> None:
    assert main.main(["compare", A, B]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith("A  ")
    assert lines[1].endswith("npm-ws-pings.pcap")
    assert "Opening handshakes" in lines
    assert err == ""


def test_files_hold_the_table_of_the_api(tmp_path: Path, capsys: Captured) -> None:
    csv, document = tmp_path / "c.csv", tmp_path / "c.json"
    asked = ["--csv", str(csv), "--json", str(document), "-q", "--no-progress"]
    assert main.main(["compare", A, B, *asked]) == 0
    assert capsys.readouterr() == ("", "")
    frame = analyzer.compare(A, B)
    rows = json.loads(document.read_text())["comparison"]
    assert [row["metric"] for row in rows] == list(frame["metric"])
    for name in ("a", "b", "difference", "ratio"):
        column = [None if value != value else value for value in frame[name]]
        assert [row[name] for row in rows] == column
    assert len(csv.read_text().splitlines()) == 1 + len(METRICS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.csv", "c.json"]


def test_json_has_what_lies_between_as_well(tmp_path: Path) -> None:
    ends = [str(ROOT / "captures" / f"ends-{end}.pcap") for end in ("client", "server")]
    document = tmp_path / "c.json"
    assert main.main(["compare", *ends, "--json", str(document), "-q", "--no-progress"]) == 0
    held = json.loads(document.read_text())
    assert list(held) == ["comparison", "paths", "changes"]
    # 30 messages each way, by the log of the programs.
    assert [(row["direction"], row["messages"]) for row in held["paths"]] == [
        ("client", 30),
        ("server", 30),
    ]
    assert held["changes"] == []


@pytest.mark.parametrize("option", ["--csv", "--json"])
def test_standard_output_is_the_table_alone(option: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main.main(["compare", A, B, option, "-"]) == 0
    out = capfd.readouterr().out
    assert out.startswith("metric,group" if option == "--csv" else "{\n")
    assert len(out.splitlines()) == len(METRICS) + (1 if option == "--csv" else 6)


def test_folder_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.pcap").symlink_to(A)
    options = ["--where", "server_port > 0", "-q", "--json"]
    for a, b in (("in", "-"), ("-", "in")):
        monkeypatch.chdir(tmp_path)
        stdin = io.TextIOWrapper(io.BytesIO(Path(A).read_bytes()))
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main.main(["compare", a, b, *options, "out.json"]) == 0
        rows = json.loads(Path("out.json").read_text())["comparison"]
        assert {row["difference"] for row in rows} == {0, None}
        assert rows[0]["a"] == rows[0]["b"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([A], "Missing argument 'B'"),
        ([A, B, "third"], "third"),
        ([A, B, "--no-such-option"], "No such option"),
        ([A, B, "--where", "nothing > 1"], "cannot evaluate --where"),
        ([A, "/no/such.pcap"], "/no/such.pcap cannot be read"),
        (["/no/such.pcap", B], "/no/such.pcap cannot be read"),
        ([A, __file__], "test_compare.py"),
        (["-", "-"], "only one of the two"),
        ([A, B, "--csv", "-", "--json", "-"], "standard output"),
        ([A, B, "--csv", "/no/such/folder/x"], "No such file"),
        ([A, B, "--json", "/dev"], "folder"),
    ],
)
def test_callers_errors_are_one_line(arguments: list[str], message: str, capsys: Captured) -> None:
    assert main.main(["compare", *arguments]) == 2
    out, err = capsys.readouterr()
    (error,) = err.splitlines()
    assert out == ""
    assert error.startswith("error: ")
    assert message in error


def test_report_that_cannot_be_written_is_said_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("analysed")

    monkeypatch.setattr("analyzer.analysis.compared", refuse)
    asked = ["--csv", str(tmp_path / "c.csv"), "--json", str(tmp_path)]
    assert main.main(["compare", A, B, *asked]) == 2
    assert "it is a folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_error_of_the_input_leaves_no_half_report(tmp_path: Path) -> None:
    assert main.main(["compare", A, "/no/such", "--csv", str(tmp_path / "c.csv")]) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help(arguments: list[str], capsys: Captured) -> None:
    assert main.main(["compare", *arguments]) == 0
    out = capsys.readouterr().out
    assert "wsanalyze compare" in out
    assert "--where" in out


@pytest.mark.parametrize("report", [[], ["--json", "-"], ["--csv", "-"]])
def test_reader_that_goes_away(report: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as broken:
        run = subprocess.run(
            [sys.executable, "-m", "analyzer.cli.main", "compare", A, B, *report],
            cwd=ROOT,
            stdout=broken,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (run.returncode, run.stderr) == (141, "")


def test_verbs_of_live_capture_are_there(capsys: Captured) -> None:
    for verb in ("live", "interfaces"):
        assert main.main([verb, "--help"]) == 0
        assert f"wsanalyze {verb}" in capsys.readouterr().out
    assert main.main(["live"]) == 0
    assert "IFACE" in capsys.readouterr().out


def test_compare_decrypts_with_keys(capsys):
    captures = Path(__file__).parents[2] / "captures"
    names = [str(captures / name) for name in ("wss-tls13.pcap", "wss-tls12.pcap")]
    keys = [word for name in names for word in ("--keys", name.replace(".pcap", ".keys"))]
    assert main.main(["compare", *names, *keys, "--csv", "-"]) == 0
    rows = [line.split(",") for line in capsys.readouterr().out.splitlines()]
    (messages,) = [row for row in rows if row[0] == "messages"]
    assert [float(value) for value in messages[3:5]] == [16, 24]
