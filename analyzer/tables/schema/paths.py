"""Paths and changes: what lies between two points at which one connection was captured."""

from __future__ import annotations

from analyzer.tables.declare import NEVER, Table, enum, integer, text, us
from analyzer.tables.schema.labels import DIRECTIONS

CHANGE_KINDS = ("address", "key", "request", "response", "compression", "mss")

_NO_CLOCKS = "nothing was seen at both points in both directions"

PATHS = Table(
    "paths",
    "Two rows, one a direction, for each connection that both captures hold (`wsanalyze compare "
    "CLIENT SERVER`). An analysis of one capture has no such table. numbers.md has the rules.",
    (
        integer("connection_a", NEVER, "Connection in the first capture."),
        integer("connection_b", NEVER, "The same connection in the second."),
        enum("direction", DIRECTIONS, NEVER, "Who sent the messages."),
        integer("messages", NEVER, "Messages that both captures hold."),
        integer(
            "lost",
            NEVER,
            "Messages that passed their sender's point and never the other one, although that "
            "capture went on.",
        ),
        us(
            "offset_us",
            _NO_CLOCKS,
            "The second capture's clock less the first one's; where it drifts, at the beginning.",
        ),
        us("one_way_us_median", "no such messages", "From their sender's point to the other one."),
        us("uncertainty_us", _NO_CLOCKS, "How far offset and one-way times are off at most."),
        us("one_way_us_p95", "no such messages", "95 % took no longer."),
        us("one_way_us_max", "no such messages", "The longest."),
        integer(
            "lost_bytes",
            NEVER,
            "Payload of TCP that was sent again since it, or its ACK, was lost between the points.",
        ),
    ),
)
"""Not in TABLES: analyses have none."""

CHANGES = Table(
    "changes",
    "What is different at the two points of a connection that both captures hold.",
    (
        integer("connection_a", NEVER, "Connection in the first capture."),
        integer("connection_b", NEVER, "The same connection in the second."),
        enum("kind", CHANGE_KINDS, NEVER, "What it belongs to."),
        text("name", NEVER, "Field of the head; or whose address or MSS it is."),
        text("client_side", "absent there", "What it is at the point on the client's side."),
        text("server_side", "absent there", "What it is at the other point."),
    ),
)
"""Not in TABLES: analyses have none."""
