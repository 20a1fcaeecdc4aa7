"""Rows of a table as CSV or JSON text: prepares columns for the kernel in `_cells`.

Knows the schema's types and how each reads in text. Must not know files. Used by
report.csv and report.json.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL, Bytes
from analyzer.report import _cells
from analyzer.tables.schema import Column, Table, TableRows, Type, Values
from analyzer.tables.texts import Texts, laid

Dialect = Literal["csv", "json"]

ROWS_AT_ONCE = 4096
"""The prepared numbers of that many rows (30 columns, 8 bytes) stay in the cache."""

PAYLOAD_AT_ONCE = 4 * 1024 * 1024
"""Bytes of payload in one piece: full payloads may be large."""

_KIND: dict[Type, str] = {
    "int": "int",
    "bool": "label",
    "text": "text",
    "enum": "label",
    "time": "time",
    "us": "thousandths",
    "seconds": "billionths",
    "ratio": "millionths",
    "key": "hex32",
    "payload": "verbatim",
}

_LARGEST_RATIO = 1e12
"""Six digits after it still fit an int64 (and a double holds them exactly)."""


class Formatter:
    """Formats rows of one table, column after column in the schema's order."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        """Prepare for `table`; see report.csv and report.json for what cells look like."""
        self.table = table
        self._preparing = [(c.name, _PREPARED.get(c.type, _numbers)) for c in table.columns]
        labels = [_labels(column, dialect) for column in table.columns]
        prefixes = _csv_prefixes(table) if dialect == "csv" else _json_prefixes(table)
        ends = [b"\n", b""] if dialect == "csv" else [b"},\n", b"null"]
        first_label = np.cumsum([len(prefixes) + 2] + [len(some) for some in labels])[:-1]
        self._cells = _cells.Cells(
            _cells.DIALECTS[dialect],
            np.array([_cells.KINDS[_KIND[c.type]] for c in table.columns], np.int64),
            [*prefixes, *ends, *(label for some in labels for label in some)],
            np.ascontiguousarray(first_label, np.int64),
        )

    def format(self, rows: TableRows) -> Iterator[memoryview]:
        """Yield `rows` as UTF-8 text in pieces, each good until the next is asked for."""
        columns = [prepare(rows.values[name], rows.count) for name, prepare in self._preparing]
        for start, end in pairwise(_cuts(columns, self.table, rows.count)):
            numbers = np.empty((len(columns), end - start), np.int64)
            text: list[Any] = []
            text_at = np.zeros(len(columns), np.int64)
            taken = 0
            for place, column in enumerate(columns):
                if isinstance(column, np.ndarray):
                    numbers[place] = column[start:end]
                    continue
                joined: Bytes | bytes
                if isinstance(column, Texts):
                    joined, numbers[place] = _slice(column, start, end, taken)
                else:
                    joined, numbers[place] = _joined(column[start:end], taken)
                text_at[place] = taken
                taken += len(joined)
                text.append(joined)
            buffer = np.frombuffer(bytearray().join([*text, b"\0"]), np.uint8)
            yield memoryview(cast("Any", self._cells.format(numbers, buffer, text_at)))


def _labels(column: Column, dialect: Dialect) -> list[bytes]:
    """Return the cells of an enum or bool column, by code."""
    if column.type == "bool":
        return [b"false", b"true"]
    if dialect == "csv":
        return [label.encode() for label in column.labels]
    return [json.dumps(label).encode() for label in column.labels]


def _csv_prefixes(table: Table) -> list[bytes]:
    return [b"", *(b"," for _ in table.columns[1:])]


def _json_prefixes(table: Table) -> list[bytes]:
    names = [json.dumps(column.name).encode() + b":" for column in table.columns]
    return [b"{" + names[0], *(b"," + name for name in names[1:])]


Integers = npt.NDArray[np.int64]
_Prepared = Integers | Texts | list[bytes | None]
"""What the kernel needs of a column: int64, or the cells' text or bytes."""


def _numbers(values: Values, count: int) -> _Prepared:
    return np.asarray(values).astype(np.int64, copy=False)


def _codes(values: Values, count: int) -> _Prepared:
    codes = np.asarray(values).astype(np.int64)
    codes[codes < 0] = NULL
    return codes


def _ratios(values: Values, count: int) -> _Prepared:
    numbers = np.asarray(values)
    known = np.abs(numbers) < _LARGEST_RATIO  # neither nan nor infinite
    return np.where(known, np.rint(np.where(known, numbers, 0) * 1e6).astype(np.int64), NULL)


def _texts(values: Values, count: int) -> _Prepared:
    cells = laid(values)
    return cells if cells.known.any() else np.full(count, NULL, np.int64)


def _payloads(values: Values, count: int) -> _Prepared:
    cells = list(cast("Sequence[bytes | None]", values))
    if cells.count(None) == count:
        return np.full(count, NULL, np.int64)
    return [None if value is None else base64.b64encode(value) for value in cells]


_PREPARED: dict[Type, Callable[[Values, int], _Prepared]] = {
    "bool": _codes,
    "enum": _codes,
    "ratio": _ratios,
    "text": _texts,
    "payload": _payloads,
}
"""By type of column; all others are numbers."""


def _cuts(columns: Sequence[Any], table: Table, count: int) -> list[int]:
    """Return where to cut `count` rows into pieces, both ends among them."""
    cuts = list(range(0, count, ROWS_AT_ONCE))
    for column, declared in zip(columns, table.columns, strict=True):
        if declared.type == "payload" and isinstance(column, list):
            size = np.cumsum([0 if cell is None else len(cell) for cell in column])
            cuts += list(np.flatnonzero(np.diff(size // PAYLOAD_AT_ONCE)) + 1)
    return [*sorted({int(cut) for cut in cuts} - {count}), count] if count else []


def _slice(column: Texts, start: int, end: int, taken: int) -> tuple[Bytes, npt.NDArray[np.int64]]:
    """Return the bytes of some cells, and where each ends after `taken`: NULL if null."""
    offsets = column.offsets[start : end + 1]
    ends = np.where(column.known[start:end], offsets[1:] - offsets[0] + taken, NULL)
    return column.data[offsets[0] : offsets[-1]], ends


def _joined(cells: Sequence[bytes | None], taken: int) -> tuple[bytes, npt.NDArray[np.int64]]:
    """Return the same of cells that are bytes."""
    known = [cell for cell in cells if cell is not None]
    ends = taken + np.cumsum(np.fromiter(map(len, known), np.int64, len(known)))
    numbers = np.full(len(cells), NULL, np.int64)
    numbers[[cell is not None for cell in cells]] = ends
    return b"".join(known), numbers
