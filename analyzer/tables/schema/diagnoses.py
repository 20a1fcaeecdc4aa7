"""Diagnoses: causes, as analyzer.diagnosis states them."""

from __future__ import annotations

from analyzer.findings import SEVERITIES
from analyzer.tables.declare import NEVER, Column, Table, enum, integer, text

DIAGNOSES = Table(
    "diagnoses",
    "One row for each cause found in the other tables, the most costly first: by "
    "connections that it ended, then seconds, then bytes. See diagnosis.md for the "
    "rules.",
    (
        integer("diagnosis", NEVER, "Number of the diagnosis, from 0, the most costly first."),
        text("id", NEVER, "Stable name of the cause."),
        enum("severity", SEVERITIES, NEVER, "Severity, as in findings."),
        integer("connections", NEVER, "How many connections, or attempts to open one, show it."),
        integer("connection", "none opened", "The first of these WebSocket connections."),
        integer("packet", "no single packet", "First packet to look at."),
        Column("seconds", "seconds", "no time lost", "Time lost because of it, in total."),
        integer("bytes", "no bytes wasted", "Bytes wasted because of it, or that could be saved."),
        text("text", NEVER, "What happened, with numbers."),
        text("evidence", NEVER, "JSON: packets, connections, and the values behind the text."),
        text("advice", NEVER, "What to check or change."),
    ),
)
