"""Declaring tables: each short form makes a column of its type."""

from __future__ import annotations

import numpy as np
import pytest

from analyzer.columns import NULL
from analyzer.tables import declare
from analyzer.tables.declare import Column, TableRows, each_row, row_values


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (declare.integer, "int"),
        (declare.boolean, "bool"),
        (declare.text, "text"),
        (declare.time, "time"),
        (declare.us, "us"),
    ],
)
def test_short_forms(make, kind):
    assert make("a", "never", "What.") == Column("a", kind, "never", "What.")


def test_enum_has_its_labels_in_order():
    assert declare.enum("a", ("x", "y"), "never", "What.").labels == ("x", "y")


def test_each_row_as_plain_values():
    table = declare.Table(
        "t",
        "What.",
        (
            declare.integer("count", "where unknown", "What."),
            declare.boolean("is", "where unknown", "What."),
            declare.enum("which", ("x", "y"), "where unknown", "What."),
            declare.text("said", "where unknown", "What."),
            Column("part", "ratio", "where unknown", "What."),
        ),
    )
    values = {
        **{"count": np.array([5, NULL]), "is": np.array([1, -1], np.int8), "said": ["a", None]},
        **{"which": np.array([1, -1], np.int8), "part": np.array([0.5, np.nan])},
    }
    rows = TableRows(table, values, 2)
    whole = {"count": 5, "is": True, "which": "y", "said": "a", "part": 0.5}
    nothing = dict.fromkeys(whole)
    assert list(each_row(rows)) == [whole, nothing]
    assert [row_values(rows, place) for place in (0, 1)] == [whole, nothing]
    assert list(each_row(TableRows(table, {name: [] for name in values}, 0))) == []
