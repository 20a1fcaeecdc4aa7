"""Declaring tables: each short form makes a column of its type."""

from __future__ import annotations

import pytest

from analyzer.tables import declare
from analyzer.tables.declare import Column


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
