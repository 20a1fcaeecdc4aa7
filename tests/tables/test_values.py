"""Conversion to Arrow and pandas: types and nulls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from oracle.rows import table_rows

from analyzer.columns import NULL
from analyzer.tables.schema import FRAMES, Column, Table, Type
from analyzer.tables.values import arrow_field, clean_text, concatenated, to_arrow, to_series

CASES: list[tuple[Type, Any, str, Any, Any]] = [
    ("int", 2**62 + 1, "Int64", 2**62 + 1, pa.int64()),
    ("bool", True, "boolean", True, pa.bool_()),
    ("text", "\ud800a", "string", "?a", pa.string()),
    ("enum", "b", "category", "b", pa.dictionary(pa.int8(), pa.string())),
    ("time", 6, "datetime64[ns, UTC]", pd.Timestamp(6, tz="UTC"), pa.timestamp("ns", "UTC")),
    ("us", 26_039_123, "float64", 26039.123, pa.float64()),
    ("seconds", 1_250_000_000, "float64", 1.25, pa.float64()),
    ("ratio", 0.123456789, "float64", 0.123457, pa.float64()),
    ("key", 0xA, "string", "0000000a", pa.string()),
    ("payload", b"\0", "object", b"\0", pa.binary()),
]


@pytest.mark.parametrize(("type_", "value", "dtype", "shown", "arrow"), CASES)
def test_value_and_null(type_: Type, value: Any, dtype: str, shown: Any, arrow: Any) -> None:
    column = Column("x", type_, "unknown", "A sentence.", ("a", "b") if type_ == "enum" else ())
    values = table_rows(Table("t", "", (column,)), [{"x": value}, {"x": None}]).values["x"]
    series = to_series(column, values)
    assert str(series.dtype) == dtype
    assert series.name == "x"
    assert series[0] == shown
    assert pd.isna(series[1])
    array = to_arrow(column, values)
    assert array.type == arrow
    assert array.null_count == 1
    assert array.to_pylist()[0] == shown
    assert arrow_field(column).metadata[b"description"] == b"A sentence."


def test_batches_are_joined() -> None:
    first, second = table_rows(FRAMES, [{"frame": 1}]), table_rows(FRAMES, [{"frame": None}])
    column = FRAMES.columns[1]
    np.testing.assert_array_equal(np.asarray(concatenated(column, [first, second])), [1, NULL])
    for other in FRAMES.columns:
        assert len(to_series(other, concatenated(other, []))) == 0


def test_clean_text_keeps_what_utf8_can_hold() -> None:
    assert clean_text("caf\u00e9 \U0001d11e\0") == "caf\u00e9 \U0001d11e\0"
