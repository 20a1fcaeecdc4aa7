"""docs/tables.md is what the schema says."""

from pathlib import Path

from analyzer.tables.comparison import METRICS
from analyzer.tables.glossary import markdown
from analyzer.tables.schema import CHANGES, COMPARISON, PATHS, TABLES

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"


def test_page_is_up_to_date() -> None:
    again = "python -m analyzer.tables.glossary > docs/tables.md"
    assert PAGE.read_text(encoding="utf-8") == markdown(), again


def test_every_column_has_its_row() -> None:
    rows = [line for line in markdown().splitlines() if line.count("|") == 5]
    tables = (*TABLES, PATHS, CHANGES, COMPARISON)
    heads_and_rules = 2 * (len(tables) + 1)
    cells = sum(len(table.columns) for table in tables) + len(METRICS)
    assert len(rows) == heads_and_rules + cells
