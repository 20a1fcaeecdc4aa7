"""The cells of reports: the kernel against its plain twin, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.cells import csv_line, json_row, json_rows
from oracle.rows import CELLS, HOSTILE_TEXT, rows, table_rows

from analyzer.columns import NULL
from analyzer.report import cells
from analyzer.report.cells import Formatter
from analyzer.tables.schema import FRAMES, TABLES, Column, Table, TableRows, Type

FEW = settings(max_examples=60, deadline=None)


def one_column(type_: Type, labels: tuple[str, ...] = ()) -> Table:
    return Table("one", "", (Column("x", type_, "unknown", "", labels),))


def csv_cell(type_: Type, value: object) -> str:
    table = one_column(type_)
    return text(Formatter(table, "csv"), table_rows(table, [{"x": value}])).removesuffix("\n")


def text(formatter: Formatter, some: TableRows) -> str:
    return b"".join(bytes(piece) for piece in formatter.format(some)).decode()


@FEW
@given(st.data())
def test_csv_is_what_the_plain_twin_writes(data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(TABLES))
    given_rows = data.draw(rows(table))
    expected = "".join(csv_line(table, row) for row in given_rows)
    assert text(Formatter(table, "csv"), table_rows(table, given_rows)) == expected


@FEW
@given(st.data())
def test_json_parses_to_the_values(data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(TABLES))
    given_rows = data.draw(rows(table))
    written = text(Formatter(table, "json"), table_rows(table, given_rows)).encode()
    assert json_rows(written) == [json_row(table, row) for row in given_rows]


@FEW
@given(st.lists(HOSTILE_TEXT, max_size=9), st.integers(1, 4))
def test_pieces_do_not_change_the_text(texts: list[str], rows_at_once: int) -> None:
    table = one_column("text")
    some = table_rows(table, [{"x": value} for value in texts])
    whole = text(Formatter(table, "csv"), some)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "ROWS_AT_ONCE", rows_at_once)
        assert text(Formatter(table, "csv"), some) == whole


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_767_323_045_000_000_006, "2026-01-02T03:04:05.000000006Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775807Z"),
        (NULL + 1, "1677-09-21T00:12:43.145224193Z"),
    ],
)
def test_times(value: int, cell: str) -> None:
    assert csv_cell("time", value) == cell


@pytest.mark.parametrize(
    ("type_", "value", "cell"),
    [
        ("int", -(2**63) + 1, "-9223372036854775807"),
        ("int", 2**63 - 1, "9223372036854775807"),
        ("int", 0, "0"),
        ("int", None, ""),
        ("us", 26_039_123, "26039.123"),
        ("us", 5, "0.005"),
        ("us", -1_500, "-1.500"),
        ("seconds", 1_250_000_000, "1.250000000"),
        ("ratio", 0.25, "0.250000"),
        ("ratio", float("inf"), ""),
        ("key", 0x0AFA213D, "0afa213d"),
        ("bool", True, "true"),
        ("payload", b"\xfb\xef", "'++8="),
        ("payload", b"", '""'),
        ("text", "", '""'),
        ("text", None, ""),
        ("text", "a,b", '"a,b"'),
        ("text", 'say "x"', '"say ""x"""'),
        ("text", "=1+1", "'=1+1"),
        ("text", "'x", "''x"),
        ("text", "-2\\3", "'-2\\\\3"),
        ("text", "a\\b", "a\\b"),
        ("text", "a\nb", "'a\\x0ab"),
        ("text", "a\x9bb", "'a\\x9bb"),
        ("text", "\uff1d1", "'\uff1d1"),
        ("text", "caf\u00e9", "caf\u00e9"),
        ("text", "\ud800x", "?x"),
    ],
)
def test_cells_by_hand(type_: Type, value: object, cell: str) -> None:
    assert csv_cell(type_, value) == cell


def test_enum_shows_its_label() -> None:
    table = one_column("enum", ("ws", "wss"))
    some = TableRows(table, {"x": np.array([1, 0, -1], np.int8)}, 3)
    assert text(Formatter(table, "csv"), some) == "wss\nws\n\n"
    assert text(Formatter(table, "json"), some) == '{"x":"wss"},\n{"x":"ws"},\n{"x":null},\n'


def test_no_rows_give_no_text() -> None:
    assert text(Formatter(FRAMES, "csv"), table_rows(FRAMES, [])) == ""


def test_large_payloads_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "PAYLOAD_AT_ONCE", 1000)
    table = one_column("payload")
    some = table_rows(table, [{"x": bytes(600)} for _ in range(4)])
    pieces = [bytes(piece) for piece in Formatter(table, "csv").format(some)]
    assert len(pieces) >= 3
    assert b"".join(pieces) == (b"A" * 800 + b"\n") * 4


def test_every_type_has_a_strategy() -> None:
    used = {column.type for table in TABLES for column in table.columns}
    assert used - {"enum"} <= set(CELLS)
    assert "payload" in used
