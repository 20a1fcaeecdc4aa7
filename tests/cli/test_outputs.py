"""What verbs share: numbers with commas, and reports that appear together or not at all."""

import sys
from math import inf
from pathlib import Path

import pytest

from analyzer.cli.outputs import made, model, numbers, possible_jobs, remote_reports, reports
from analyzer.errors import OptionError, ReportError
from analyzer.options import DEFAULT, Options


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        (["1"], float, (1.0,)),
        (["0.5, 1", "5", "1.0"], float, (0.5, 1.0, 5.0)),
        (["10,10", "20"], int, (10, 20)),
        ([], int, ()),
    ],
)
def test_numbers(given, kind, expected):
    assert numbers("--x", given, kind) == expected


@pytest.mark.parametrize(("given", "kind"), [(["a"], float), (["1.5"], int), (["1,,2"], int)])
def test_no_numbers(given, kind):
    with pytest.raises(OptionError, match="--x takes"):
        numbers("--x", given, kind)


def test_reports_are_made_in_order(tmp_path):
    writers = made(reports(tmp_path / "c", tmp_path / "p", str(tmp_path / "j")))
    names = ["CsvWriter", "ParquetWriter", "JsonWriter"]
    assert [type(writer).__name__ for writer in writers] == names
    for writer in writers:
        writer.abort()
    assert list(tmp_path.iterdir()) == []
    assert made(reports(None, None, None)) == []


def test_one_that_cannot_be_made_undoes_the_others(tmp_path):
    with pytest.raises(ReportError):
        made(reports(tmp_path / "c", None, str(Path("/no/such/folder/x"))))
    assert list(tmp_path.iterdir()) == []


def test_the_model_as_it_is_by_default():
    assert Options(**model(["1"], [], 30.0, None, True, True)) == DEFAULT
    assert Options(**model(["2"], ["5"], 9.0, None, False, False)).poll_intervals_s == (2.0,)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("4096", (4096, inf)), ("8192,0.5", (8192, 0.5)), (" 1 , inf ", (1, inf)), (None, None)],
)
def test_a_buffer(given, expected):
    assert Options(**model(["1"], [], 30.0, given, True, True)).buffered == expected


@pytest.mark.parametrize("given", ["", "x", "4k", "4096,", ",1", "4096,1,2", "1e3", "4096,x"])
def test_no_buffer(given):
    with pytest.raises(OptionError, match="--buffered takes bytes and seconds"):
        model(["1"], [], 30.0, given, True, True)


def test_reports_of_other_processes(tmp_path):
    makers = remote_reports(tmp_path / "c", None, str(tmp_path / "j"), 2)
    writers = made(makers)
    assert [writer.target for writer in writers] == [tmp_path / "c", tmp_path / "j"]
    for writer in writers:
        writer.abort()
    assert list(tmp_path.iterdir()) == []


def test_as_many_processes_as_can_be(monkeypatch):
    assert [possible_jobs(asked) for asked in (1, 2, 3)] == [1, 2, 3]
    monkeypatch.setattr(sys, "executable", "")
    assert possible_jobs(3) == 1
