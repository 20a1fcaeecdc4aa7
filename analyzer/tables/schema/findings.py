"""Findings."""

from __future__ import annotations

from analyzer.findings import SEVERITIES
from analyzer.tables.declare import NEVER, Table, enum, integer, text
from analyzer.tables.schema.labels import DIRECTIONS

FINDINGS = Table(
    "findings",
    "One row for each oddity. See findings.md for their meaning.",
    (
        text("id", NEVER, "Stable name of the kind of finding."),
        enum("severity", SEVERITIES, NEVER, "How serious it is."),
        integer("connection", "concerns none", "WebSocket connection."),
        integer("tcp_stream", "concerns none", "TCP connection, as tcp.stream in Wireshark."),
        integer("packet", "no packet to blame", "Packet at which it was detected."),
        integer("frame", "no frame to blame", "Frame of the connection."),
        text("rfc", "breaks no rule", "Document and section of the rule."),
        text("text", NEVER, "A sentence."),
        integer("count", NEVER, "How many oddities this row stands for."),
        enum("direction", DIRECTIONS, "nobody is at fault", "Who is at fault."),
    ),
)
