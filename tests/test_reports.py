"""The committed reports are those of the program, cell by cell."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import golden
import pytest

import analyzer
from analyzer.tables.schema import TABLES

ROOT = Path(__file__).parents[1]
REPORTS = ROOT / "reports"


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    @cache
    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp("report") / golden.folder_of(name)
        golden.write(name, folder)
        return folder

    return make


def cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    # Rows leave as they are complete; their order is no part of the result.
    return [header, *sorted(rows)]


@pytest.mark.parametrize("name", golden.NAMES)
def test_tables(name, made):
    for table in TABLES:
        committed = REPORTS / golden.folder_of(name) / f"{table.name}.csv"
        assert cells(made(name) / committed.name) == cells(committed), table.name


@pytest.mark.parametrize("name", golden.NAMES)
def test_report_of_the_terminal(name, made):
    committed = REPORTS / golden.folder_of(name) / golden.REPORT
    made_lines = (made(name) / golden.REPORT).read_text(encoding="utf-8").splitlines()
    assert made_lines == committed.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", golden.NAMES)
def test_committed_tables_are_read_back(name):
    tables = analyzer.read_csv(REPORTS / golden.folder_of(name))
    fresh = analyzer.analyze(golden.CAPTURES / name)
    for table in TABLES:
        read, expected = getattr(tables, table.name), getattr(fresh, table.name)
        assert list(read.dtypes) == list(expected.dtypes)
        assert len(read) == len(expected)


def test_every_folder_has_its_capture():
    folders = {path.name for path in REPORTS.iterdir() if path.is_dir()}
    assert folders == {golden.folder_of(name) for name in golden.NAMES}
