"""Figures in anonymized files: kept whole, believed only where they fit, and never a fault."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.rows import Row, table_rows

from analyzer.alternatives import recorded
from analyzer.alternatives.recorded import Facts, instead, packed
from analyzer.options import Options
from analyzer.tables.declare import each_row
from analyzer.tables.schema import ALTERNATIVES, FINDINGS, SCALING, TableRows

FACTS = Facts(packets=10, wire_bytes=1000, first_time=5, last_time=9, connections=2)
OPTIONS = Options()
ROWS: list[Row] = [
    {"connection": 4, "transport": "websocket", "source": "measured", "scope": "connection",
     "wire_bytes": 900, "compressed": True, "ratio_wire": 1.0},
    {"connection": 7, "transport": "long-poll", "source": "modelled", "scope": "connection",
     "wire_bytes": 2**61, "interval_s": 1_500_000_000, "content_encoding": "gzip"},
    {"transport": "long-poll", "source": "modelled", "scope": "connections", "requests": 0},
]  # fmt: skip
MADE = [table_rows(ALTERNATIVES, [{"connection": 0, "wire_bytes": 1}])]


def figures() -> bytes:
    rows = [table_rows(ALTERNATIVES, ROWS[:2]), table_rows(ALTERNATIVES, ROWS[2:])]
    rows += [table_rows(SCALING, [{"clients": 100}]), table_rows(FINDINGS, [{"id": "x"}])]
    return packed(rows, FACTS, OPTIONS, {4: 0, 7: 1})


def read(
    data: list[bytes], facts: Facts = FACTS, options: Options = OPTIONS, *, chosen: bool = False
) -> tuple[list[TableRows], str]:
    found = instead(MADE, data, facts, options, chosen=chosen)
    (said,) = [each for each in found if each.table is FINDINGS]
    return [each for each in found if each is not said], str(next(iter(said.values["id"])))


def test_rows_come_back_as_they_were() -> None:
    (alternatives, scaling), said = read([figures()])
    assert said == "compared-recorded"
    assert (alternatives.table, scaling.table) == (ALTERNATIVES, SCALING)
    numbered = [{**ROWS[0], "connection": 0}, {**ROWS[1], "connection": 1}, ROWS[2]]
    expected = table_rows(ALTERNATIVES, numbered)
    assert list(each_row(alternatives)) == list(each_row(expected))
    for column in ALTERNATIVES.columns:
        one, other = (np.asarray(each.values[column.name]) for each in (alternatives, expected))
        assert one.dtype == other.dtype, column.name


@pytest.mark.parametrize(
    ("data", "changed"),
    [
        ([figures()], {"chosen": True}),
        ([figures(), figures()], {}),
        ([], {}),
        ([figures()], {"facts": FACTS._replace(packets=9)}),
        ([figures()], {"facts": FACTS._replace(connections=0)}),
        ([figures()], {"options": Options(poll_intervals_s=(3.0,))}),
    ],
)
def test_what_does_not_fit_is_not_believed(data: list[bytes], changed: dict[str, Any]) -> None:
    rows, said = read(data, **changed)
    assert (rows, said) == (MADE, "compared-false")


def test_nothing_is_said_where_nothing_is_compared() -> None:
    other = FACTS._replace(packets=9)
    assert instead([], [figures()], other, OPTIONS, chosen=False) == []
    assert instead([], [], FACTS, OPTIONS, chosen=False) == []


def test_what_false_payload_hides_comes_back() -> None:
    """Compressed answers become noise, so that nothing is found to be compared."""
    found = instead([], [figures()], FACTS, OPTIONS, chosen=False)
    assert [each.table for each in found] == [ALTERNATIVES, SCALING, FINDINGS]


def changed(**values: Any) -> bytes:
    whole = json.loads(zlib.decompress(figures()))
    columns = whole["tables"]["alternatives"]
    for name, value in values.items():
        columns[name][0] = value
    return zlib.compress(json.dumps(whole).encode())


@pytest.mark.parametrize(
    "values",
    [
        *({"wire_bytes": 2**80}, {"wire_bytes": "1"}, {"wire_bytes": 1.5}, {"wire_bytes": True}),
        *({"transport": "pigeon"}, {"transport": []}, {"ratio_wire": 1}, {"compressed": 1}),
        *({"ratio_wire": float("inf")}, {"scope": {}}),
    ],
)
def test_unsound_values_are_not_believed(values: dict[str, Any]) -> None:
    assert read([changed(**values)]) == (MADE, "compared-false")


@given(st.binary(max_size=200), st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_any_bytes_are_no_fault(data: bytes, value: object) -> None:
    assert read([data])[1] == "compared-false"
    for whole in (value, {"version": 1, "tables": value, "facts": value, "options": value}):
        assert read([zlib.compress(json.dumps(whole).encode())])[1] == "compared-false"


def test_a_bomb_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "MAX_PLAIN", 10_000)
    assert read([zlib.compress(b" " * 10_001 + b"1")])[1] == "compared-false"
    monkeypatch.setattr(recorded, "MAX_BYTES", 10)
    assert figures() == b""


def test_every_option_that_the_comparison_reads_is_recorded() -> None:
    """One that is forgotten would let rows count that were made with another value of it."""
    folder = Path(str(recorded.__file__)).parent
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
    read_there = set(re.findall(r"\b_?options\.([a-z]\w*)", source))
    assert {"buffered", "poll_intervals_s"} <= read_there
    # That a protocol inside is read at all decides which message is a reply.
    assert read_there | {"inside"} == set(recorded._OPTIONS)


def test_rows_of_another_buffer_do_not_count() -> None:
    assert read([figures()], options=Options(buffered=(4096, 1.0)))[1] == "compared-false"
    for buffered in ((4096, 1.0), (4096, float("inf"))):
        options = Options(buffered=buffered)
        data = packed([table_rows(ALTERNATIVES, ROWS[:1])], FACTS, options, {4: 0})
        assert read([data], options=options)[1] == "compared-recorded"
        assert read([data])[1] == "compared-false"
