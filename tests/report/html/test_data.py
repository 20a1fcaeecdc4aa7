"""Typed columns for the page: read back as report.js does."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.rows import HOSTILE_TEXT, Row, cells, table_rows

from analyzer.report.html import data
from analyzer.report.html.data import Kept, packed
from analyzer.report.wording import printable
from analyzer.tables.schema import CONNECTIONS, FRAMES, MESSAGES

Columns = dict[str, list[Any]]


def unpacked(text: str) -> tuple[dict[str, Any], Columns]:
    """Return header and columns; the twin of read() and value() in report.js."""
    whole = gzip.decompress(base64.b64decode(text))
    head = json.loads(whole[4 : 4 + int.from_bytes(whole[:4], "little")])
    found: Columns = {}
    for column in head["columns"]:
        assert column["at"] % 8 == 0  # else typed arrays refuse it
        body = whole[column["at"] : column["at"] + column["size"]]
        if column["kind"] == "text":
            found[column["name"]] = json.loads(body)
        elif column["kind"] == "u1":
            labels = [*column["labels"], *[None] * (256 - len(column["labels"]))]
            found[column["name"]] = [labels[code] for code in body]
        elif column["kind"] == "i4":
            numbers = np.frombuffer(body, "<i4").tolist()
            found[column["name"]] = [None if n == -(2**31) else n for n in numbers]
        else:
            doubles = np.frombuffer(body, "<f8").tolist()
            found[column["name"]] = [None if n != n else n for n in doubles]
    return head, found


def test_types_and_nulls() -> None:
    rows = [
        {"connection": 3, "direction": "server", "compressed": True, "payload_bytes": 5_000_000_000,
         "time_first": 1_767_323_045_123_456_000, "delivery_us": 1500, "overhead_ratio": 0.5,
         "name": "a\u202eb", "payload": b"whole"},
        {},
    ]  # fmt: skip
    head, found = unpacked(
        packed(table_rows(MESSAGES, rows), ["name"], {"tcp_stream": np.array([7, 8])})
    )
    assert (head["rows"], head["shown"]) == (2, ["name"])
    expected = {
        **{"connection": [3, None], "direction": ["server", None], "compressed": ["yes", None]},
        **{"payload_bytes": [5e9, None], "time_first": [1_767_323_045_123_456.0, None]},
        **{"delivery_us": [1.5, None], "overhead_ratio": [0.5, None], "tcp_stream": [7, 8]},
    }
    assert {name: found[name] for name in expected} == expected
    assert found["name"] == ["a\\u202eb", None]


@given(st.lists(st.fixed_dictionaries({c.name: cells(c) for c in FRAMES.columns}), max_size=5))
def test_any_frames(rows: list[Row]) -> None:
    head, found = unpacked(packed(table_rows(FRAMES, rows), []))
    assert head["rows"] == len(rows)
    assert found["opcode"] == [row["opcode"] for row in rows]
    for row, number in zip(rows, found["packet_first"], strict=True):
        assert number == pytest.approx(row["packet_first"], rel=1e-15)


@given(st.lists(HOSTILE_TEXT, max_size=5))
def test_text_cannot_leave_its_place(texts: list[str]) -> None:
    made = packed(table_rows(CONNECTIONS, [{"host": text} for text in texts]), [])
    assert set(made) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
    _, found = unpacked(made)
    assert all(printable(text) == text for text in found["host"])


def test_long_cells_end() -> None:
    _, found = unpacked(packed(table_rows(CONNECTIONS, [{"path": "x" * 10_000_000}]), []))
    assert found["path"] == ["x" * data.MAX_CELL + "…"]


def test_first_rows_are_kept_in_order_and_further_ones_counted() -> None:
    kept = Kept(MESSAGES, 3, ("message", "connection"))
    kept.add(
        table_rows(MESSAGES, [{"message": 9, "connection": 1}, {"message": 2, "connection": 1}])
    )
    kept.add(
        table_rows(MESSAGES, [{"message": 5, "connection": 0}, {"message": 1, "connection": 0}])
    )
    kept.add(table_rows(MESSAGES, [{"message": 0, "connection": 0}]))
    assert (kept.seen, kept.count) == (5, 3)
    found = kept.ordered(("connection", "message"))
    assert [column.name for column in found.table.columns] == ["connection", "message"]
    assert np.asarray(found.values["message"]).tolist() == [5, 2, 9]


def test_text_is_kept_as_long_as_it_is_shown() -> None:
    paths = ["x" * data.MAX_CELL, "x" * 60_000, None]
    kept = Kept(CONNECTIONS, 10)
    kept.add(table_rows(CONNECTIONS, [{"connection": n, "path": p} for n, p in enumerate(paths)]))
    held = kept.column("path")
    assert [each and len(each) for each in held] == [data.MAX_CELL, data.MAX_CELL + 1, None]
    _, columns = unpacked(packed(kept.ordered(["connection"]), ["path"]))
    assert columns["path"] == ["x" * data.MAX_CELL, "x" * data.MAX_CELL + "…", None]


def test_columns_without_any_value_are_not_shown() -> None:
    rows: list[Row] = [{"connection": 0, "direction": "client", "reply_us": None}, {"name": ""}]
    names = ["connection", "direction", "type", "compressed", "name", "reply_us", "overhead_ratio"]
    head, found = unpacked(packed(table_rows(MESSAGES, rows), names))
    assert head["shown"] == ["connection", "direction"]
    assert found["reply_us"] == [None, None]  # rows that are opened have all columns
    head, _ = unpacked(packed(table_rows(MESSAGES, []), names))
    assert head["shown"] == names
