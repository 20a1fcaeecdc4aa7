"""The whole way, from a capture in memory to DataFrames."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd

from analyzer import pipeline
from analyzer.analysis import Collector, to_frame
from analyzer.options import Options
from analyzer.tables.declare import plain_values
from analyzer.tables.schema import LEDGER_PARTS, TABLES, Table

Said = dict[str, list[tuple[str, bytes | None]]]
Row = tuple[object, ...]
COMPARISON = ("alternatives", "scaling")


class Tables(Mapping[str, pd.DataFrame]):
    """The tables by name. Each DataFrame is made when it is first asked for.

    Pandas takes 100 ms for all of them however few the rows, most tests look at one or two.
    """

    def __init__(self, collector: Collector, without: Sequence[str] = ()) -> None:
        self._collector = collector
        self._tables: dict[str, Table] = {
            table.name: table for table in TABLES if table.name not in without
        }
        self._made: dict[str, pd.DataFrame] = {}
        self._plain: dict[str, list[Row]] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._made:
            self._made[name] = to_frame(self._collector.rows(self._tables[name]))
        return self._made[name]

    def count(self, name: str) -> int:
        """Return how many rows a table has."""
        return self._collector.rows(self._tables[name]).count

    def rows(self, name: str) -> list[Row]:
        """Return a table's rows as plain values. To compare them takes no DataFrames."""
        if name not in self._plain:
            found = self._collector.rows(self._tables[name])
            columns = found.table.columns
            values = [plain_values(column, found.values[column.name]) for column in columns]
            self._plain[name] = list(zip(*values, strict=True))
        return self._plain[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def differing(one: Tables, other: Tables, *, in_any_order: bool = False) -> list[str]:
    """Return the names of the tables whose rows differ, or that have others in another order."""
    compared: Callable[[list[Row]], object] = Counter if in_any_order else list
    return [
        name
        for name in one
        if one.rows(name) != other.rows(name)
        and compared(one.rows(name)) != compared(other.rows(name))
    ]


def tables_of(data: bytes, *, alternatives: bool = False, **options: object) -> Tables:
    """Analyse a capture as from a pipe.

    The comparison with other transports, more than half of the work, is made on request. Without
    it, its tables are not there.
    """
    collector = Collector()
    chosen = Options(alternatives=alternatives, **options)  # type: ignore[arg-type]
    pipeline.run(["-"], chosen, [collector], stdin=io.BytesIO(data))
    return Tables(collector, () if alternatives else COMPARISON)


def assert_ties_out(tables: Tables) -> None:
    """Assert that the ledger's parts are no less than 0, and together the whole."""
    ledger = tables["ledger"]
    parts = ledger[list(LEDGER_PARTS)]
    assert (parts.sum(axis=1) == ledger["wire_bytes"]).all()
    assert (parts >= 0).all(axis=None)


def said(tables: Tables) -> Said:
    """Return type and payload of each message by sender, in order."""
    messages = tables["messages"]
    found: Said = {"client": [], "server": []}
    columns = [messages[name] for name in ("direction", "type", "payload")]
    for direction, kind, payload in zip(*columns, strict=True):
        found[direction].append((kind, payload))
    return found


def grave(tables: Tables) -> set[str]:
    """Return the ids of findings that are warnings or errors."""
    findings = tables["findings"]
    return set(findings.loc[findings["severity"].isin(["warning", "error"]), "id"])
