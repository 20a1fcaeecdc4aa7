"""The worker's orders, in this process: reports whole, or none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from analyzer.jobs import wire, worker
from analyzer.report.csv import CsvWriter
from analyzer.tables.schema import SERIES, TABLES, TableRows


def some_rows() -> TableRows:
    dtypes = {"ratio": np.float64, "bool": np.int8, "enum": np.int8}
    values = {each.name: np.ones(3, dtypes.get(each.type, np.int64)) for each in SERIES.columns}
    return TableRows(SERIES, values, 3)


def served(*orders: tuple[object, ...]) -> list[tuple[object, ...]]:
    packer, out = wire.Packer(), io.BytesIO()
    orders_in = io.BytesIO()
    for order in orders:
        wire.write(orders_in, packer.pack(order))
    orders_in.seek(0)
    worker.serve(orders_in, out)
    out.seek(0)
    answers, unpacker = [], wire.Unpacker()
    while (packed := wire.read(out)) is not None:
        answers.append(unpacker.unpack(packed))
    return answers


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_reports_are_those_of_the_writer(tmp_path: Path) -> None:
    answers = served(
        ("make", 0, "csv", tmp_path / "a", False, False),
        ("make", 1, "csv", tmp_path / "b", True, False),
        ("rows", 0, some_rows()),
        ("again", 1),
        ("captured", 0, None),
        ("close", 0),
        ("close", 1),
    )
    assert answers == [("closed", 0), ("closed", 1)]
    writer = CsvWriter(tmp_path / "c")
    writer.write(some_rows())
    writer.close()
    expected = files_of(tmp_path / "c")
    assert len(expected) == len(TABLES)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b") == expected


def test_what_is_not_closed_is_undone(tmp_path: Path) -> None:
    assert served(("make", 0, "csv", tmp_path / "a", False, False), ("rows", 0, some_rows())) == []
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    ((name, text, _),) = served(("make", 0, "csv", tmp_path / "file", False, False), ("close", 0))
    assert name == "failed"
    assert text == f"cannot write {tmp_path / 'file'}: it is a file, not a folder"


def test_any_other_fault_is_said(tmp_path: Path) -> None:
    ((name, text, _),) = served(("make", 0, "csv", tmp_path / "a", False, False), ("rows", 0, None))
    assert name == "failed"
    assert "AttributeError" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["parquet", "json"])
def test_other_formats(kind: str, tmp_path: Path) -> None:
    assert served(("make", 0, kind, tmp_path / "a", False, False), ("close", 0)) == [("closed", 0)]
    assert (tmp_path / "a").exists()


def test_a_folder_that_was_made_for_it_goes_with_a_report_that_is_undone(tmp_path: Path) -> None:
    for name, made in (("made", True), ("found", False)):
        (tmp_path / name).mkdir()
        assert served(("make", 0, "csv", tmp_path / name, False, made)) == []
    (tmp_path / "kept").mkdir()
    orders = ("make", 0, "csv", tmp_path / "kept", False, True), ("close", 0)
    assert served(*orders) == [("closed", 0)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found", "kept"]
