"""Row classes: what the schema makes of them."""

from __future__ import annotations

from pathlib import Path

from analyzer import rows
from analyzer.options import Options
from analyzer.tables import schema
from analyzer.tables.row_classes import source


def test_the_module_is_up_to_date() -> None:
    # python -m analyzer.tables.row_classes > analyzer/rows.py
    assert Path(rows.__file__).read_text(encoding="utf-8") == source()


def test_fields_are_the_columns() -> None:
    assert rows.Message._fields == tuple(column.name for column in schema.MESSAGES.columns)
    assert rows.OptionValues.__annotations__.keys() == Options.__annotations__.keys()
