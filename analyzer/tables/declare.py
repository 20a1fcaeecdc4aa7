"""Declaring tables: what a column and a table are, and rows of them.

Knows types, and what several tables share, not tables: those are in tables.schema, which
re-exports this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, cast

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.lazy_dataclass import dataclass

Type = Literal[
    "int",  # int64
    "bool",
    "text",
    "enum",  # one of a few labels
    "time",  # UTC, nanoseconds
    "us",  # microseconds, fractions to the nanosecond
    "seconds",  # seconds, fractions to the nanosecond
    "ratio",  # float64
    "key",  # 32 bits in hexadecimal, as Wireshark shows a masking key
    "payload",  # bytes
]
"""How a column is kept inside the program, in each format, and in pandas:

| type    | inside (null)                    | CSV, JSON             | pandas              |
|---------|----------------------------------|-----------------------|---------------------|
| int     | int64 (NULL)                     | 42                    | Int64               |
| bool    | int8: 0, 1 (-1)                  | true, false           | boolean             |
| text    | list of str (None)               | text                  | string              |
| enum    | int8 index into labels (-1)      | the label             | category            |
| time    | int64 ns since 1970 UTC (NULL)   | ISO 8601, 9 digits, Z | datetime64[ns, UTC] |
| us      | int64 ns (NULL)                  | 26039.123             | float64             |
| seconds | int64 ns (NULL)                  | 1.250000000           | float64             |
| ratio   | float64 (nan)                    | 0.25 (6 digits)       | float64             |
| key     | int64, 32 bits (NULL)            | 37fa213d              | string              |
| payload | list of bytes (None)             | base64                | object (bytes)      |
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: as judges and scripts read it.
        type: see Type.
        null: when it is null, or "never".
        text: one sentence.
        labels: of an enum, in the order of their codes.
    """

    name: str
    type: Type
    null: str
    text: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its name, a sentence, its columns in order."""

    name: str
    text: str
    columns: tuple[Column, ...]


Values = npt.NDArray[np.generic] | Sequence[object]
"""One column's values as kept inside the program; see Type."""


@dataclass(slots=True)
class TableRows:
    """Some complete rows of one table.

    Attributes:
        table: what they are rows of.
        values: by column name, all of one length. Text that is expensive to make (previews)
            may be a lazy Sequence: it is made when a report reads it.
        count: how many rows.
    """

    table: Table
    values: Mapping[str, Values]
    count: int


def row_values(rows: TableRows, place: int) -> dict[str, Any]:
    """Return one row as plain values: labels for enums, None for null, times in ns."""
    found: dict[str, Any] = {}
    for column in rows.table.columns:
        value: Any = rows.values[column.name][place]
        if column.type in ("text", "payload"):
            found[column.name] = value
        elif column.type == "enum":
            found[column.name] = column.labels[value] if value >= 0 else None
        elif column.type == "bool":
            found[column.name] = bool(value) if value >= 0 else None
        elif column.type == "ratio":
            found[column.name] = float(value) if value == value else None
        else:
            found[column.name] = int(value) if value != NULL else None
    return found


def each_row(rows: TableRows) -> Iterator[dict[str, Any]]:
    """Yield all rows as `row_values` returns them, at a fifth of its cost for each."""
    columns = [plain_values(column, rows.values[column.name]) for column in rows.table.columns]
    names = [column.name for column in rows.table.columns]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def plain_values(column: Column, values: Any) -> list[Any]:
    """Return the cells of a column as `row_values` has them."""
    if column.type in ("text", "payload"):
        return list(values)
    listed = np.asarray(values).tolist()
    if column.type == "enum":
        return [column.labels[code] if code >= 0 else None for code in listed]
    if column.type == "bool":
        return [bool(code) if code >= 0 else None for code in listed]
    if column.type == "ratio":
        return [value if value == value else None for value in listed]
    return [value if value != NULL else None for value in listed]


class Picks(Protocol):
    """A lazy column that makes a few of its cells cheaper than one by one, and than all."""

    def some(self, places: Sequence[int]) -> list[Any]:
        """Return the cells at `places`, in that order."""


def some_cells(column: Values, places: Sequence[int]) -> list[Any]:
    """Return the cells of a column at `places` as they are kept inside; see Type."""
    if isinstance(column, np.ndarray):
        picked: list[Any] = column[np.asarray(places, np.int64)].tolist()
        return picked
    picks = getattr(column, "some", None)
    return [column[at] for at in places] if picks is None else cast("Picks", column).some(places)


def take_rows(rows: TableRows, places: Sequence[int]) -> TableRows:
    """Return the rows at `places`, in that order."""
    index = np.asarray(places, np.int64)
    values: dict[str, Values] = {}
    for column in rows.table.columns:
        if column.name not in rows.values:
            continue
        some: Any = rows.values[column.name]
        listed = column.type in ("text", "payload")
        values[column.name] = [some[i] for i in places] if listed else np.asarray(some)[index]
    return TableRows(rows.table, values, len(index))


def integer(name: str, null: str, text: str) -> Column:
    """Return a column of whole numbers."""
    return Column(name, "int", null, text)


def boolean(name: str, null: str, text: str) -> Column:
    """Return a column of true and false."""
    return Column(name, "bool", null, text)


def text(name: str, null: str, text: str) -> Column:
    """Return a column of text."""
    return Column(name, "text", null, text)


def time(name: str, null: str, text: str) -> Column:
    """Return a column of points in time."""
    return Column(name, "time", null, text)


def us(name: str, null: str, text: str) -> Column:
    """Return a column of durations in microseconds."""
    return Column(name, "us", null, text)


def enum(name: str, labels: tuple[str, ...], null: str, text: str) -> Column:
    """Return a column of one of a few labels."""
    return Column(name, "enum", null, text, labels)


NEVER = "never"
NOT_SENT = "not sent, or not captured"
NOT_SEEN = "not captured"

TCP_STREAM = integer("tcp_stream", NEVER, "TCP connection, as tcp.stream in Wireshark.")
ADDRESSES = (
    text("client_ip", NEVER, "Address of the client: of the TCP connection's opener."),
    integer("client_port", NEVER, "TCP port of the client."),
    text("server_ip", NEVER, "Address of the server."),
    integer("server_port", NEVER, "TCP port of the server."),
)
