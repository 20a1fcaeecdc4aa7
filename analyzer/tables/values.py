"""Conversion of columns, in one place: the program's own values to Arrow and pandas.

Knows the schema's types and how each is kept (see schema.Type). Must not know files.
Used by report.parquet and analyzer.analysis. pandas and pyarrow, which are slow to
import, are imported by the functions that need them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.tables.schema import Column, TableRows, Type, Values
from analyzer.tables.texts import Texts, laid

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

UNITS: dict[Type, str] = {"time": "UTC", "us": "microseconds", "seconds": "seconds"}
"""Units as the reader sees them; of sizes the name says it."""

_EMPTY: dict[Type, Any] = {"bool": np.int8, "enum": np.int8, "ratio": np.float64}


def concatenated(column: Column, batches: Sequence[TableRows]) -> Values:
    """Return a column's values of several batches as one."""
    values = [batch.values[column.name] for batch in batches]
    if column.type in ("text", "payload"):
        return [item for some in values for item in some]
    if not values:
        return np.zeros(0, _EMPTY.get(column.type, np.int64))
    return np.concatenate([np.asarray(some) for some in values])


def clean_text(text: str) -> str:
    """Return `text` with lone surrogates, which UTF-8 cannot hold, as question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def hexadecimal(key: int) -> str:
    """Return a masking key as Wireshark shows it."""
    return f"{key:08x}"


def six_digits(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return ratios rounded as CSV has them, so that both give the same DataFrame."""
    known = np.isfinite(values)
    return np.where(known, np.rint(np.where(known, values, 0) * 1e6) / 1e6, np.nan)


def scaled(values: npt.NDArray[Any], unit_ns: int) -> npt.NDArray[np.float64]:
    """Return nanoseconds in units of `unit_ns`, nan where null."""
    return np.where(values == NULL, np.nan, values / unit_ns)


def keys(values: npt.NDArray[Any]) -> list[str | None]:
    """Return masking keys in hexadecimal."""
    return [None if key == NULL else hexadecimal(key) for key in values.tolist()]


_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
_LARGEST_OFFSET = 2**31 - 1


def key_texts(values: npt.NDArray[Any]) -> Texts:
    """Return the same in one buffer."""
    known = values != NULL
    shifts = np.arange(28, -4, -4, dtype=np.int64)
    data = _DIGITS[(values[known][:, None] >> shifts) & 15].reshape(-1)
    offsets = np.zeros(len(values) + 1, np.int64)
    np.cumsum(known * 8, out=offsets[1:])
    return Texts(data, offsets, known)


def texts(values: Values) -> list[str | None]:
    """Return text that UTF-8 can hold."""
    return [None if t is None else clean_text(t) for t in cast("Sequence[str | None]", values)]


# --- Arrow -------------------------------------------------------------------------


def arrow_type(column: Column) -> pa.DataType:
    """Return the Arrow type of a column."""
    import pyarrow as pa

    types: dict[Type, Any] = {
        "int": pa.int64,
        "bool": pa.bool_,
        "text": pa.string,
        "enum": lambda: pa.dictionary(pa.int8(), pa.string()),
        "time": lambda: pa.timestamp("ns", "UTC"),
        "us": pa.float64,
        "seconds": pa.float64,
        "ratio": pa.float64,
        "key": pa.string,
        "payload": pa.binary,
    }
    return types[column.type]()


def arrow_field(column: Column) -> pa.Field:
    """Return the Arrow field of a column, its sentence and unit as metadata."""
    import pyarrow as pa

    metadata = {"description": column.text, "null": column.null}
    if column.type in UNITS:
        metadata["unit"] = UNITS[column.type]
    return pa.field(column.name, arrow_type(column), metadata=metadata)


def to_arrow(column: Column, values: Values) -> pa.Array:
    """Return a column's values as an Arrow array."""
    import pyarrow as pa

    kind = arrow_type(column)
    if column.type == "payload":
        return pa.array(list(values), kind)
    if column.type == "text":
        return _arrow_strings(laid(values))
    numbers = np.asarray(values)
    if column.type == "key":
        return _arrow_strings(key_texts(numbers))
    if column.type == "enum":
        codes = pa.array(numbers.astype(np.int8), mask=numbers < 0)
        return pa.DictionaryArray.from_arrays(codes, pa.array(column.labels, pa.string()))
    if column.type == "bool":
        return pa.array(numbers > 0, kind, mask=numbers < 0)
    if column.type == "ratio":
        floats = six_digits(numbers)
        return pa.array(floats, kind, mask=np.isnan(floats))
    missing = numbers == NULL
    if column.type in ("us", "seconds"):
        return pa.array(scaled(numbers, unit_ns(column)), kind, mask=missing)
    return pa.array(numbers, pa.int64(), mask=missing).cast(kind)


def _arrow_strings(cells: Texts) -> pa.Array:
    """Return text as Arrow's strings, over the same bytes."""
    import pyarrow as pa

    if int(cells.offsets[-1]) > _LARGEST_OFFSET:
        return pa.array(list(cells), pa.string())
    known = None if cells.known.all() else np.packbits(cells.known, bitorder="little")
    buffers = (known, cells.offsets.astype(np.int32), cells.data)
    return pa.Array.from_buffers(
        pa.string(),
        len(cells),
        [None if each is None else pa.py_buffer(each) for each in buffers],
    )


def unit_ns(column: Column) -> int:
    """Return the nanoseconds in one unit of a duration column."""
    return 1_000 if column.type == "us" else 1_000_000_000


# --- pandas ------------------------------------------------------------------------


def to_series(column: Column, values: Values) -> pd.Series[Any]:
    """Return a column's values as a Series of the dtype that schema.Type names."""
    import pandas as pd

    return pd.Series(to_pandas(column, values), name=column.name)


def to_pandas(column: Column, values: Values) -> Any:
    """Return a column's values as what a DataFrame may be made of, of the dtype of schema.Type.

    Arrays where pandas needs no index to know the dtype: a DataFrame made of Series compares
    the index of each with all the others, which takes longer than the rest for a few rows.
    """
    import pandas as pd

    if column.type == "payload":
        return pd.Series(list(values), dtype=object)
    if column.type == "text":
        return pd.array(texts(values), dtype="string")
    numbers = np.asarray(values)
    if column.type == "key":
        return pd.array(keys(numbers), dtype="string")
    if column.type == "enum":
        return pd.Categorical.from_codes(numbers.astype(np.int8), dtype=_categories(column.labels))
    if column.type == "bool":
        return pd.arrays.BooleanArray(numbers > 0, numbers < 0)
    if column.type == "ratio":
        return six_digits(numbers)
    if column.type in ("us", "seconds"):
        return scaled(numbers, unit_ns(column))
    if column.type == "time":
        # Both say "null" with the smallest int64.
        return pd.DatetimeIndex(numbers.astype("datetime64[ns]"), tz="UTC").array
    missing = numbers == NULL
    return pd.arrays.IntegerArray(np.where(missing, 1, numbers), missing)


@cache
def _categories(labels: tuple[str, ...]) -> pd.CategoricalDtype:
    import pandas as pd

    return pd.CategoricalDtype(pd.Index(list(labels)))
