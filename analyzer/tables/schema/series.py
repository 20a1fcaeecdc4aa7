"""Sums over time."""

from __future__ import annotations

from analyzer.tables.declare import NEVER, Column, Table, integer, time, us

_NONE_TIMED = "no message in it was timed"

SERIES = Table(
    "series",
    "What happened when: one row for each second, or interval of --every, from the first to the "
    "last in which a WebSocket was opened, open, or carried a message. A message counts where its "
    "first byte was seen, with all that it cost.",
    (
        time("second", NEVER, "Start of the interval: a multiple of its length since 1970."),
        integer(
            "connections_open", NEVER, "WebSocket connections that were open at some moment of it."
        ),
        integer(
            "handshakes",
            NEVER,
            "Attempts to open a connection that began in it, including failed ones.",
        ),
        integer("client_messages", NEVER, "Messages from clients that began in it."),
        integer("server_messages", NEVER, "Messages from servers that began in it."),
        integer("client_payload_bytes", NEVER, "Their payload, as the application sees it."),
        integer("server_payload_bytes", NEVER, "The same for servers."),
        integer("client_wire_bytes", NEVER, "Their cost on the wire: sum of wire_bytes."),
        integer("server_wire_bytes", NEVER, "The same for servers."),
        us("delivery_us_median", _NONE_TIMED, "Median of delivery_us, for messages of both sides."),
        us("delivery_us_p95", _NONE_TIMED, "Their 95th percentile."),
        Column("seconds", "seconds", NEVER, "Length of the interval."),
    ),
)
