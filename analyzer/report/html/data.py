"""Tables for the page's script: typed columns, compressed, as base64.

A table is a header in JSON (names, types, where each column lies) and its columns as arrays of
numbers, codes of enums, or JSON lists of text, all in gzip. report.js reads it. Knows columns.
Used by html.writer.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.report.wording import printable
from analyzer.tables.declare import Column, Table, TableRows, take_rows
from analyzer.tables.values import concatenated, keys

_NO_I4: Final = -(2**31)
_NO_CODE: Final = 255
_UNITS: Final = {"time": 1e3, "us": 1e3, "seconds": 1e9}
"""Nanoseconds in the unit that the page gets; a time in microseconds is exact in a double."""
MAX_CELL: Final = 4096
"""Characters of a text cell; longer ones end with an ellipsis."""


class Kept:
    """The first rows of a table, of some of its columns.

    Args:
        table: the table.
        most: rows kept.
        names: columns kept, in their order; None: all but payload.

    Attributes:
        seen: rows that came.
        count: rows kept.
    """

    def __init__(self, table: Table, most: int, names: Sequence[str] | None = None) -> None:
        columns = [column for column in table.columns if column.type != "payload"]
        if names is not None:
            columns = [column for column in columns if column.name in names]
        self.table = Table(table.name, table.text, tuple(columns))
        self._most = most
        self._batches: list[TableRows] = []
        self.seen = self.count = 0

    def add(self, rows: TableRows) -> None:
        """Keep `rows` while there is room."""
        self.seen += rows.count
        room = min(rows.count, self._most - self.count)
        if room > 0:
            # A copy: what is made lazily would hold the payload of its whole batch.
            part = take_rows(TableRows(self.table, rows.values, rows.count), range(room))
            self._batches.append(_cut(part))
            self.count += room

    def column(self, name: str) -> Any:
        """Return the kept values of a column, as kept inside the program."""
        (column,) = [each for each in self.table.columns if each.name == name]
        return concatenated(column, self._batches)

    def ordered(self, by: Sequence[str]) -> TableRows:
        """Return the kept rows, sorted by columns of numbers."""
        values = {each.name: concatenated(each, self._batches) for each in self.table.columns}
        rows = TableRows(self.table, values, self.count)
        order = np.lexsort([np.asarray(values[name], np.int64) for name in reversed(by)])
        return take_rows(rows, order.tolist())


def _cut(rows: TableRows) -> TableRows:
    """Return rows whose text is no longer than the page shows, and one character that says so.

    A path may be as long as a head, 64 kB, in each of ten thousand rows.
    """
    values = dict(rows.values)
    for column in rows.table.columns:
        if column.type == "text":
            some: Any = values[column.name]
            values[column.name] = [None if each is None else each[: MAX_CELL + 1] for each in some]
    return TableRows(rows.table, values, rows.count)


def packed(rows: TableRows, shown: Sequence[str], more: dict[str, Any] | None = None) -> str:
    """Return rows for the page.

    Args:
        rows: all that the details of a row show.
        shown: columns of the table, in their order; those without any value are left out.
        more: further columns of whole numbers, by name, null where NULL.
    """
    kept = [column for column in rows.table.columns if column.type != "payload"]
    columns = [(column, rows.values[column.name]) for column in kept]
    for name, values in (more or {}).items():
        columns.append((Column(name, "int", "", ""), values))
    parts: list[bytes] = []
    heads: list[dict[str, Any]] = []
    taken = 0
    empty = {column.name for column, values in columns if rows.count and _is_empty(column, values)}
    for column, values in columns:
        kind, body = _packed_column(column, values)
        heads.append(
            {
                "name": column.name,
                "type": column.type,
                "text": column.text,
                "labels": list(column.labels) or ["no", "yes"],
                "kind": kind,
                "at": taken,
                "size": len(body),
            }
        )
        padded = body + b" " * (-len(body) % 8)
        taken += len(padded)
        parts.append(padded)
    used = [name for name in shown if name not in empty]
    return _blob({"rows": rows.count, "shown": used, "columns": heads}, parts)


def _is_empty(column: Column, values: Any) -> bool:
    if column.type == "text":
        return not any(values)
    numbers = np.asarray(values)
    if column.type == "ratio":
        return bool(np.isnan(numbers).all())
    if column.type in ("enum", "bool"):
        return bool((numbers < 0).all())
    return column.type != "key" and bool((numbers == NULL).all())


def _blob(head: dict[str, Any], parts: Sequence[bytes]) -> str:
    """Return all in gzip and base64; places of columns are counted from the file's start.

    The header's length depends on them, so it gets room for their digits.
    """
    room = len(json.dumps(head)) + 12 * len(head["columns"])
    start = 4 + room + (-(4 + room) % 8)
    for column in head["columns"]:
        column["at"] += start
    text = json.dumps(head).encode().ljust(start - 4)
    whole = len(text).to_bytes(4, "little") + text + b"".join(parts)
    return base64.b64encode(gzip.compress(whole, 6, mtime=0)).decode()


def _packed_column(column: Column, values: Any) -> tuple[str, bytes]:
    if column.type == "key":
        values = keys(np.asarray(values))
    if column.type in ("text", "key"):
        listed = [None if each is None else shortened(each, MAX_CELL) for each in values]
        return "text", json.dumps(listed, separators=(",", ":")).encode()
    numbers = np.asarray(values)
    if column.type in ("enum", "bool"):
        return "u1", np.where(numbers < 0, _NO_CODE, numbers).astype(np.uint8).tobytes()
    if column.type == "ratio":
        return "f8", numbers.astype("<f8").tobytes()
    return _packed_numbers(column, numbers)


def _packed_numbers(column: Column, numbers: npt.NDArray[Any]) -> tuple[str, bytes]:
    missing = numbers == NULL
    if column.type in _UNITS:
        scaled = np.where(missing, np.nan, numbers / _UNITS[column.type])
        return "f8", scaled.astype("<f8").tobytes()
    known = numbers[~missing]
    if not len(known) or (known.min() > _NO_I4 and known.max() < 2**31):
        return "i4", np.where(missing, _NO_I4, numbers).astype("<i4").tobytes()
    return "f8", np.where(missing, np.nan, numbers.astype(float)).astype("<f8").tobytes()


def shortened(text: str, most: int) -> str:
    """Return text from traffic made harmless, with an ellipsis after `most` characters."""
    shown = printable(text[: most + 1])
    return shown if len(text) <= most else shown[:most] + "…"
