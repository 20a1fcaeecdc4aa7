from __future__ import annotations

from pathlib import Path

from analyzer.findings import KINDS
from analyzer.tables.finding_glossary import markdown, stage

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"


def test_page_is_what_the_kinds_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown()


def test_each_kind_has_one_row_in_the_section_of_its_stage() -> None:
    section = ""
    seen: list[tuple[str, str]] = []
    for line in markdown().splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("| `"):
            seen.append((section, line.split("`")[1]))
    assert sorted(seen) == sorted((stage(kind), kind.id) for kind in KINDS)


def test_each_stage_has_one_section() -> None:
    headings = [line for line in markdown().splitlines() if line.startswith("## ")]
    assert len(headings) == len(set(headings)) > 1


def test_rows_have_four_cells_and_hide_the_placeholder() -> None:
    rows = [line for line in markdown().splitlines() if line.startswith("| `")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {5}
    assert "{detail}" not in markdown()
