"""Hops: what is between two legs of one conversation."""

from __future__ import annotations

from analyzer.tables.declare import NEVER, Table, enum, integer, us
from analyzer.tables.schema.labels import DIRECTIONS

MATCHED_BY = ("key", "payload")

_PLAIN = "a stream of plain HTTP"
_WEBSOCKET = "a WebSocket"

HOPS = Table(
    "hops",
    "Two rows, one a direction, for each proxy, balancer or NAT of whose two sides the capture "
    "has the connections; of a stream of plain HTTP one, for the server's messages. numbers.md "
    "has the rules.",
    (
        integer("hop", NEVER, "Number of the hop, from 0 in order of appearance."),
        integer("connection_a", _PLAIN, "Connection on the client's side of it."),
        integer("connection_b", _PLAIN, "Connection on the server's side of it."),
        enum("direction", DIRECTIONS, NEVER, "Who sent the messages."),
        enum("matched_by", MATCHED_BY, NEVER, "By Sec-WebSocket-Key, or by payloads."),
        integer("messages", NEVER, "Messages that were found on both sides."),
        us("transit_us_median", "no such messages", "End on one side to end on the other."),
        us("transit_us_p95", "no such messages", "95 % took no longer."),
        us("transit_us_max", "no such messages", "The longest."),
        integer(
            "held_messages",
            NEVER,
            "Messages that came 20 ms or more before the next, and left the hop together with it.",
        ),
        us("held_us_max", "held_messages is 0", "The longest that one waited for others so."),
        integer("tcp_stream_a", NEVER, "TCP connection on the client's side of it."),
        integer("tcp_stream_b", NEVER, "TCP connection on the server's side of it."),
        integer("exchange_a", _WEBSOCKET, "Exchange with the stream on the client's side."),
        integer("exchange_b", _WEBSOCKET, "The same on the server's side."),
    ),
)
