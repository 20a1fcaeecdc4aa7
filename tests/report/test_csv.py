"""The CSV folder: what is written is read back exactly, and appears whole or not at all."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle.rows import Row, rows, table_rows

from analyzer.columns import NULL
from analyzer.errors import ReportError
from analyzer.report.csv import CsvWriter, read_rows, restored
from analyzer.tables.schema import (
    CONNECTIONS,
    FINDINGS,
    HANDSHAKES,
    PINGS,
    TABLES,
    TableRows,
)

FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def written(folder: Path, *batches: TableRows) -> Path:
    writer = CsvWriter(folder)
    for batch in batches:
        writer.write(batch)
    writer.close()
    return folder


def same(one: TableRows, other: TableRows) -> None:
    assert one.count == other.count
    for column in one.table.columns:
        left, right = one.values[column.name], other.values[column.name]
        if column.type in ("text", "payload"):
            assert list(left) == list(right), column.name
        else:
            expected = np.asarray(left)
            if column.type == "ratio":
                expected = np.round(expected, 6)
            np.testing.assert_array_equal(expected, np.asarray(right), column.name)


@FEW
@given(st.data())
def test_round_trip(tmp_path: Path, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(TABLES))
    some = table_rows(table, data.draw(rows(table)))
    same(some, read_rows(written(tmp_path / "out", some), table))


def test_every_row_is_one_line(tmp_path: Path) -> None:
    text = "a\nb\r\nc\0\u2028"
    row: Row = {"id": "x", "severity": "note", "text": text, "count": 1}
    folder = written(tmp_path / "out", table_rows(FINDINGS, [row]))
    assert (folder / "findings.csv").read_bytes().count(b"\n") == 2
    assert read_rows(folder, FINDINGS).values["text"] == [text]


def test_all_files_are_there_with_their_headers(tmp_path: Path) -> None:
    folder = written(tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{table.name}.csv" for table in TABLES
    )
    for table in TABLES:
        with (folder / f"{table.name}.csv").open(newline="") as file:
            assert list(csv.reader(file)) == [[column.name for column in table.columns]]
        assert read_rows(folder, table).count == 0


def test_other_readers_agree(tmp_path: Path) -> None:
    path = '/a "quoted", path'
    row: Row = {"handshake": 0, "path": path, "outcome": "refused", "status": 401}
    folder = written(tmp_path / "out", table_rows(HANDSHAKES, [row]))
    with (folder / "handshakes.csv").open(newline="") as file:
        read: dict[str, Any] = next(csv.DictReader(file))
    assert (read["path"], read["outcome"], read["status"]) == (path, "refused", "401")
    assert read["accept"] == ""


def test_old_files_stay_until_the_new_ones_are_complete(tmp_path: Path) -> None:
    folder = written(tmp_path / "out")
    before = (folder / "connections.csv").read_bytes()
    writer = CsvWriter(folder)
    writer.write(table_rows(CONNECTIONS, [{"connection": 7}]))
    assert (folder / "connections.csv").read_bytes() == before
    writer.abort()
    assert (folder / "connections.csv").read_bytes() == before
    assert len(list(folder.iterdir())) == len(TABLES)


@pytest.mark.parametrize(
    ("cell", "text"), [("'=1", "=1"), ("''", "'"), (r"'a\\\x1bb", "a\\\x1bb"), (r"a\\b", r"a\\b")]
)
def test_restored(cell: str, text: str) -> None:
    assert restored(cell) == text


def test_missing_or_other_files_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="connections"):
        read_rows(tmp_path, CONNECTIONS)
    (tmp_path / "connections.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ReportError, match="connections"):
        read_rows(tmp_path, CONNECTIONS)


def test_durations_of_other_lengths_are_read_too(tmp_path: Path) -> None:
    """As another program may write them: 1.5 us for 1.500."""
    some: list[Row] = [{"connection": 0, "rtt_us": 1_500}, {"connection": 1, "rtt_us": None}]
    folder = written(tmp_path / "out", table_rows(PINGS, some))
    path = folder / "pings.csv"
    text = path.read_text(encoding="utf-8")
    assert ",1.500," in text
    path.write_text(text.replace(",1.500,", ",1.5,"), encoding="utf-8")
    assert np.asarray(read_rows(folder, PINGS).values["rtt_us"]).tolist() == [1_500, NULL]
