"""The verb docs: pages as they stand in docs/."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.cli import main

DOCS = Path(__file__).parents[2] / "docs"


def test_it_lists_the_pages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["docs"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {page.stem.lower()} " in shown for page in DOCS.glob("*.md"))


@pytest.mark.parametrize("topic", ["numbers", "docs/numbers.md", "numbers.md#tls-without-keys"])
def test_it_prints_a_page(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["docs", topic]) == 0
    assert capsys.readouterr().out == (DOCS / "numbers.md").read_text(encoding="utf-8")


def test_it_knows_what_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["docs", "finding"]) == 2
    assert "did you mean findings?" in capsys.readouterr().err
    assert main.main(["docs", "../README"]) == 2
    assert main.main(["docs", "a", "b"]) == 2
    capsys.readouterr()
    assert main.main(["docs", "1006"]) == 2  # a close code: no page of its own
    assert "these have it: " in (said := capsys.readouterr().err)
    assert "glossary" in said
    assert main.main(["docs", "no such word"]) == 2
    assert "wsanalyze docs lists them" in capsys.readouterr().err
