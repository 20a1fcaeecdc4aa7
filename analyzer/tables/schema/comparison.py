"""The comparison of two captures."""

from __future__ import annotations

from analyzer.tables.declare import NEVER, Column, Table, enum, integer, text

COMPARISON_GROUPS = (
    *("capture", "handshake", "messages", "overhead", "compression"),
    *("delay", "closes", "findings", "http", "delivery"),
)

COMPARISON = Table(
    "comparison",
    "Two captures side by side (`wsanalyze compare A B`). The rows and their order "
    "are always the same. An analysis of one capture has no such table.",
    (
        text("metric", NEVER, "Stable name of the figure."),
        enum("group", COMPARISON_GROUPS, NEVER, "Subject of the figure."),
        enum("unit", ("count", "bytes", "us", "s", "ratio"), NEVER, "Unit of a, b and difference."),
        Column("a", "ratio", "no such value in A", "The figure of the first capture."),
        Column("b", "ratio", "no such value in B", "The figure of the second."),
        Column("difference", "ratio", "a or b is null", "b - a."),
        Column("ratio", "ratio", "a or b is null, or a is 0", "b / a."),
        integer("samples_a", "a total", "Number of handshakes, messages, ... behind a."),
        integer("samples_b", "a total", "The same for b."),
    ),
)
"""Not in TABLES: analyses have none."""
