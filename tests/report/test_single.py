"""One table alone in one file."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from oracle.rows import table_rows

from analyzer.errors import ReportError
from analyzer.report.cells import Dialect
from analyzer.report.csv import read_rows
from analyzer.report.single import SingleTable
from analyzer.tables.schema import COMPARISON

ROWS = [
    {"metric": "=x", "group": "delay", "unit": "us", "a": 1.5, "b": 3, "difference": 1.5},
    {"metric": "y", "group": "http", "unit": "count", "b": 7, "samples_b": 2},
]


def test_json_document(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    writer = SingleTable(target, [COMPARISON], "json")
    writer.write([table_rows(COMPARISON, ROWS)])
    assert not target.exists()
    writer.close()
    empty = {column.name: None for column in COMPARISON.columns}
    assert json.loads(target.read_text()) == {"comparison": [{**empty, **row} for row in ROWS]}
    assert list(tmp_path.iterdir()) == [target]


def test_csv_is_protected_as_in_the_other_reports(tmp_path: Path) -> None:
    writer = SingleTable(tmp_path / "comparison.csv", [COMPARISON], "csv")
    writer.write([table_rows(COMPARISON, ROWS)])
    writer.close()
    head, first, second = (tmp_path / "comparison.csv").read_text().splitlines()
    assert head.startswith("metric,group,unit,a,b,difference,ratio,samples_a,samples_b")
    assert first == "'=x,delay,us,1.500000,3.000000,1.500000,,,"
    assert second == "y,http,count,,7.000000,,,,2"
    assert read_rows(tmp_path, COMPARISON).values["metric"] == ["=x", "y"]


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("json", '{\n"comparison": []\n}\n'),
        ("csv", ",".join(column.name for column in COMPARISON.columns) + "\n"),
    ],
)
def test_stream_without_rows_stays_open(dialect: Dialect, text: str) -> None:
    stream = io.BytesIO()
    writer = SingleTable(stream, [COMPARISON], dialect)
    writer.write([table_rows(COMPARISON, [])])
    writer.close()
    writer.abort()
    assert stream.getvalue().decode() == text


def test_abort_leaves_what_stood_there(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("before")
    writer = SingleTable(target, [COMPARISON], "csv")
    writer.write([table_rows(COMPARISON, ROWS)])
    writer.abort()
    writer.close()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_target_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="folder"):
        SingleTable(tmp_path, [COMPARISON], "csv")
    with pytest.raises(ReportError, match="No such file"):
        SingleTable(tmp_path / "none" / "x", [COMPARISON], "json")
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(ReportError, match="space"):
        SingleTable(full, [COMPARISON], "json").write([table_rows(COMPARISON, ROWS)])
