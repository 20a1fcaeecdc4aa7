"""Payloads as files with an index."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from oracle.rows import table_rows

from analyzer.errors import ReportError
from analyzer.report import payloads
from analyzer.report.payloads import PayloadFolder
from analyzer.tables.schema import FRAMES, MESSAGES

ROWS = [
    {"connection": 0, "message": 0, "type": "text", "payload": b'{"a":1}', "name": "=cmd()"},
    {"connection": 0, "message": 1, "type": "binary", "payload": b"\x00\xff"},
    {"connection": 12, "message": 3, "type": "text", "payload": "é/../x".encode()},
    {"connection": 12, "message": 4, "type": "text", "payload": None},
]


def test_files_and_index(tmp_path: Path) -> None:
    folder = PayloadFolder(tmp_path / "out")
    folder.write(table_rows(FRAMES, [{"connection": 0}]))
    folder.write(table_rows(MESSAGES, ROWS[:1]))
    folder.write(table_rows(MESSAGES, ROWS[1:]))
    folder.close()
    assert (folder.saved, folder.left_out) == (3, 1)
    with (tmp_path / "out" / "index.csv").open(newline="") as file:
        index = list(csv.DictReader(file))
    assert [row["file"] for row in index] == [
        "00000-000000.json",
        "00000-000001.bin",
        "00012-000003.txt",
        "",
    ]
    for row, saved in zip(ROWS, index, strict=True):
        assert int(saved["message"]) == row["message"]
        if row["payload"] is not None:
            assert (tmp_path / "out" / saved["file"]).read_bytes() == row["payload"]
    assert index[0]["name"].startswith("'=")  # no formula for a spreadsheet


def test_limit_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "MAX_FILES", 1)
    folder = PayloadFolder(tmp_path / "out")
    folder.write(table_rows(MESSAGES, ROWS))
    folder.close()
    assert (folder.saved, folder.left_out) == (1, 3)
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_abort_removes_what_was_written(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    for folder in (PayloadFolder(tmp_path / "made"), PayloadFolder(there)):
        folder.write(table_rows(MESSAGES, ROWS))
        folder.abort()
        folder.abort()
    assert list(tmp_path.iterdir()) == [there]
    assert list(there.iterdir()) == []


def test_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(ReportError, match="no empty folder"):
        PayloadFolder(tmp_path)
    with pytest.raises(ReportError, match="no empty folder"):
        PayloadFolder(tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "x"


def test_a_link_that_came_meanwhile_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("x")
    folder = PayloadFolder(tmp_path / "out")
    (tmp_path / "out" / "00000-000000.json").symlink_to(victim)
    with pytest.raises(ReportError, match="File exists"):
        folder.write(table_rows(MESSAGES, ROWS))
    folder.abort()
    assert victim.read_text() == "x"
