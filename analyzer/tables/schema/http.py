"""Plain HTTP exchanges, and the groups of them that deliver messages."""

from __future__ import annotations

from analyzer.tables.declare import (
    NEVER,
    NOT_SEEN,
    NOT_SENT,
    TCP_STREAM,
    Column,
    Table,
    boolean,
    enum,
    integer,
    text,
    time,
    us,
)
from analyzer.tables.schema.labels import HTTP_KINDS, HTTP_TRANSPORTS

HTTP = Table(
    "http",
    "One row for each plain HTTP exchange.",
    (
        TCP_STREAM,
        integer("exchange", NEVER, "Number of the exchange on its TCP connection, from 0."),
        text("method", NOT_SEEN, "Method of the request."),
        text("host", NOT_SENT, "Host field of the request."),
        text("path", NOT_SEEN, "Request target; secrets in its query are hidden."),
        integer("status", "no response seen", "Status code of the final response."),
        enum("kind", HTTP_KINDS, NEVER, "How it delivers messages; sse is text/event-stream."),
        integer("request_header_bytes", NEVER, "Request line and fields."),
        integer("request_body_bytes", NEVER, "Body as sent, with chunk sizes."),
        integer("response_header_bytes", NEVER, "Status line and fields, including 1xx responses."),
        integer("response_body_bytes", NEVER, "Body as sent, with chunk sizes."),
        integer(
            "wire_bytes",
            NEVER,
            "Packets in both directions until the next request; with HTTP/2, its share of them.",
        ),
        time("started_at", "no request or response seen", "First byte of the exchange."),
        us(
            "wait_us",
            "not captured completely",
            "From the end of the request to the first byte of the response.",
        ),
        us("total_us", "not captured completely", "From the first byte to the last byte."),
        integer("group", "plain", "Group that it belongs to: a row of http_groups."),
        integer("messages", "no response seen", "Messages that the response brought."),
        integer("message_bytes", "no response seen", "Their size, as the application sees them."),
        boolean("empty", "no complete answer", "Whether the answer brought no message."),
        integer("http2_stream", "HTTP/1.1", "Stream that carries it on an HTTP/2 connection."),
    ),
)

HTTP_GROUPS = Table(
    "http_groups",
    "One row for each group of plain HTTP exchanges that deliver messages: one "
    "client's requests for the same resource, or the responses that stream to it. "
    "See numbers.md for the rules.",
    (
        integer("group", NEVER, "Number of the group, from 0 in the order of recognition."),
        enum("kind", HTTP_KINDS, NEVER, "How it delivers messages."),
        enum("transport", HTTP_TRANSPORTS, "none recognised by name", "Transport of the requests."),
        text("client_ip", NEVER, "Address of the client."),
        text("server_ip", NEVER, "Address of the server."),
        integer("server_port", NEVER, "TCP port of the server."),
        text("host", NOT_SENT, "Host field of the requests."),
        text("path", NOT_SEEN, "Request target without its query."),
        integer("tcp_connections", NEVER, "TCP connections that carried its requests."),
        integer("requests", NEVER, "Requests."),
        integer("answered", NEVER, "Requests whose answer was captured completely."),
        integer("empty_answers", NEVER, "Answers that brought no message."),
        integer("unchanged_answers", NEVER, "Answers equal to the one before: nothing new."),
        Column(
            "empty_share", "ratio", "none answered", "Share of answers that brought nothing new."
        ),
        integer("messages", NEVER, "Messages that the responses brought."),
        integer("message_bytes", NEVER, "Their size, as the application sees them."),
        integer("wire_bytes", NEVER, "Packets of all its exchanges, in both directions."),
        Column("wire_bytes_per_message", "ratio", "no message", "wire_bytes / messages."),
        Column(
            "interval_s",
            "seconds",
            "one request",
            "Median time from the start of a request to the start of the next.",
        ),
        Column("interval_spread_s", "seconds", "fewer than 3 requests", "Its interquartile range."),
        us(
            "delay_us",
            "not known for any message",
            "Estimated mean time that a message waits for the next answer that can carry it.",
        ),
        time("started_at", "no time stamps", "First byte of the first request."),
        time("ended_at", "no time stamps", "Last byte of the last answer, or request."),
        integer(
            "timed_messages", NEVER, "Messages of streams whose JSON says when they came about."
        ),
        integer(
            "held_messages",
            NEVER,
            "Those of them that came together with later ones, though by their times they came "
            "about apart.",
        ),
        us("held_us_max", "held_messages is 0", "The longest that one waited for others so."),
    ),
)
