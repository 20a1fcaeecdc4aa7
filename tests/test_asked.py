"""Generators of captures make what they are asked for, and nothing where they are not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from asked import asked

ROOT = Path(__file__).parents[1]


def test_all_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["make.py"])
    assert asked("Makes.", ("one", "two")) == ["one", "two"]
    assert asked("Makes.") == []


def test_those_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["make.py", "two"])
    assert asked("Makes.", ("one", "two")) == ["two"]


@pytest.mark.parametrize("names", [(), ("one", "two")])
@pytest.mark.parametrize("word", ["three", "--all"])
def test_other_words_are_refused(
    word: str,
    names: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["make.py", word])
    with pytest.raises(SystemExit, match="2"):
        asked("Makes.", names)
    assert word in capsys.readouterr().err


def test_help_rewrites_no_reports() -> None:
    reports = sorted((ROOT / "reports").rglob("*"))
    before = [path.stat().st_mtime_ns for path in reports]
    script = ROOT / "captures" / "make" / "golden.py"
    done = subprocess.run(
        [sys.executable, str(script), "--help"], capture_output=True, text=True, check=True
    )
    assert "Write the reports of some captures" in done.stdout
    assert [path.stat().st_mtime_ns for path in reports] == before
