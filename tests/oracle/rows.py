"""Rows of tables from plain values, for tests; and Hypothesis strategies of such values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from analyzer.columns import NULL
from analyzer.tables.schema import Column, Table, TableRows, Type, Values

Row = dict[str, Any]


def table_rows(table: Table, rows: Sequence[Row]) -> TableRows:
    """Make rows of a table: labels for enums, None for null, ns for times; absent is null."""
    values = {
        column.name: _column(column, [row.get(column.name) for row in rows])
        for column in table.columns
    }
    return TableRows(table, values, len(rows))


def _column(column: Column, values: list[Any]) -> Values:
    if column.type in ("text", "payload"):
        return values
    if column.type == "enum":
        return np.array([-1 if v is None else column.labels.index(v) for v in values], np.int8)
    if column.type == "bool":
        return np.array([-1 if v is None else int(v) for v in values], np.int8)
    if column.type == "ratio":
        return np.array([np.nan if v is None else v for v in values], np.float64)
    return np.array([NULL if v is None else v for v in values], np.int64)


_BIG = 2**63 - 1

HOSTILE_TEXT = st.text(max_size=12) | st.text(
    alphabet=st.sampled_from("=+-@'\"\\,;\n\r\t\0\x1b\x7f\x85\x9b\u202e\uff1dax1é€𝄞"), max_size=8
)
"""Text that spreadsheets run, terminals obey, and parsers stumble over."""

CELLS: dict[Type, st.SearchStrategy[Any]] = {
    "int": st.integers(-_BIG, _BIG),
    "bool": st.booleans(),
    "text": HOSTILE_TEXT,
    "time": st.integers(-_BIG, _BIG),
    "us": st.integers(0, 2**60),
    "seconds": st.integers(0, 2**60),
    "ratio": st.floats(-1e6, 1e6),
    "key": st.integers(0, 2**32 - 1),
    "payload": st.binary(max_size=12),
}


def cells(column: Column) -> st.SearchStrategy[Any]:
    """Values of a column, None among them where it may be null."""
    values = st.sampled_from(column.labels) if column.type == "enum" else CELLS[column.type]
    return values if column.null == "never" else st.none() | values


def rows(table: Table, max_size: int = 5) -> st.SearchStrategy[list[Row]]:
    """Lists of rows of a table."""
    row = st.fixed_dictionaries({column.name: cells(column) for column in table.columns})
    return st.lists(row, max_size=max_size)
