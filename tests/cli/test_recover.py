"""The verb `recover`: what it says, and what it refuses. tests/cli/test_live_ends.py kills runs."""

import pytest

from analyzer.cli import main
from analyzer.report.csv import LastingCsvWriter


def test_it_says_what_it_made(tmp_path, capsys):
    writer = LastingCsvWriter(tmp_path / "c")
    writer.flush()
    writer._output.leave()
    assert main.main(["recover", str(tmp_path / "c")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'c'}: CSV, 0 rows in 0 tables\n"


@pytest.mark.parametrize("name", [".", "none"])
def test_nothing_to_recover_is_the_callers_error(tmp_path, capsys, name):
    assert main.main(["recover", str(tmp_path / name)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1


def test_help(capsys):
    assert main.main(["recover"]) == 0
    assert "*.part" in capsys.readouterr().out
