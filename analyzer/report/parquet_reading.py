"""Reads back what a ParquetWriter wrote, as the program keeps it.

Knows the schema's types. Must not know how the files are written. Used by analyzer.read_parquet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from analyzer.columns import NULL
from analyzer.errors import ReportError
from analyzer.report.parquet import file_name
from analyzer.tables.schema import Column, Table, TableRows, Values
from analyzer.tables.values import unit_ns


def read_rows(folder: str | Path, table: Table) -> TableRows:
    """Return a table's rows as a ParquetWriter wrote them.

    Raises:
        ReportError: There is no such file, or it is not one that ParquetWriter wrote.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(folder) / file_name(table.name)
    names = [column.name for column in table.columns]
    try:
        read = pq.read_table(path, columns=names, partitioning=None)
        values = {c.name: _values(c, read.column(c.name).combine_chunks()) for c in table.columns}
    except (OSError, pa.ArrowException, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise ReportError(f"cannot read {path}: {reason}") from error
    return TableRows(table, values, len(read))


def _values(column: Column, cells: Any) -> Values:
    """Return a column as the program keeps it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type in ("text", "payload"):
        listed: list[Any] = cells.to_pylist()
        return listed
    if column.type == "key":
        keys = [NULL if cell is None else int(cell, 16) for cell in cells.to_pylist()]
        return np.array(keys, np.int64)
    if column.type == "enum":
        plain = cells.cast(pa.string())
        codes = pc.index_in(plain, value_set=pa.array(column.labels, pa.string()))
        return np.asarray(codes.fill_null(-1)).astype(np.int8)
    if column.type == "bool":
        return np.asarray(cells.cast(pa.int8()).fill_null(-1))
    if column.type == "ratio":
        return np.asarray(cells.fill_null(float("nan")))
    if column.type in ("us", "seconds"):
        known = np.asarray(cells.fill_null(0.0))
        scaled = np.rint(known * unit_ns(column)).astype(np.int64)
        return np.where(np.asarray(cells.is_null()), NULL, scaled)
    return np.asarray(cells.cast(pa.int64()).fill_null(NULL))
