"""docs/tables.md is what the schema says."""

from pathlib import Path

from analyzer.tables.glossary import markdown
from analyzer.tables.schema import TABLES

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"


def test_page_is_up_to_date() -> None:
    again = "python -m analyzer.tables.glossary > docs/tables.md"
    assert PAGE.read_text(encoding="utf-8") == markdown(), again


def test_every_column_has_its_row() -> None:
    rows = [line for line in markdown().splitlines() if line.count("|") == 5]
    heads_and_rules = 2 * len(TABLES)
    assert len(rows) == heads_and_rules + sum(len(table.columns) for table in TABLES)
