"""What messages say: columns of messages, calls, topics and their deliveries."""

from __future__ import annotations

from analyzer.inside.calls import OUTCOMES
from analyzer.tables.declare import NEVER, Table, enum, integer, text, time, us
from analyzer.tables.schema.labels import DIRECTIONS

CALL_OUTCOMES = OUTCOMES
_UNKNOWN = "protocol not known, or nothing is told with the message"

MESSAGE_COLUMNS = (
    us("reply_us", "answers nothing", "From its request's first byte to its own last byte."),
    text("inner", "not known", "Protocol inside WebSocket, such as socket.io."),
    text(
        "kind",
        _UNKNOWN,
        "Kind of the message, in the terms of that protocol; or heartbeat. Of a packet that is cut "
        "over messages it stands at the one that completes it.",
    ),
    text("name", "has none", "Method, event or topic; for an answer that of its request."),
    text("id", "has none", "Id by which an answer refers to it."),
    text("reply_to", "answers nothing", "The id that it answers."),
    text("topic", "has none", "Topic, channel, destination or namespace."),
    integer(
        "inner_items",
        "not known",
        "Items of that protocol that are told with it; kind to topic are those of the first. 0 "
        "where it only goes on with one, or a later message completes it.",
    ),
)

INNER_COLUMN = text("inner", "not known", "Protocol inside WebSocket, such as socket.io.")

CALLS = Table(
    "calls",
    "One row for each call of an inner protocol: a request and its outcome.",
    (
        integer("call", NEVER, "Number of the call, from 0 in the order of the requests."),
        integer("connection", "over plain HTTP", "WebSocket connection of request or answer."),
        integer(
            "session",
            "over WebSocket, or not known",
            "Group in http_groups of a session whose request or answer is over plain HTTP.",
        ),
        text("inner", NEVER, "Protocol inside."),
        text("name", NEVER, "Method, event or topic; for a request without a name its kind."),
        enum("caller", DIRECTIONS, NEVER, "Who sends the request."),
        integer("request", "over plain HTTP", "Message with the request."),
        integer("reply", "not answered, or over plain HTTP", "Message with the answer."),
        integer("request_packet", NEVER, "Packet with the first byte of the request."),
        integer("reply_packet", "not answered", "Packet with the last byte of the answer."),
        time("requested_at", "no time stamp", "When the first byte of the request was seen."),
        us(
            "reply_us",
            "not answered",
            "From the first byte of the request to the last byte of the answer.",
        ),
        enum(
            "outcome",
            CALL_OUTCOMES,
            NEVER,
            "Outcome of the call; lost: an answer may be among bytes that were not "
            "captured or read.",
        ),
        integer("items", NEVER, "Results that were streamed before the end."),
    ),
)

TOPICS = Table(
    "topics",
    "One row for each topic of a publish/subscribe protocol, on each server.",
    (
        text("inner", NEVER, "Protocol inside."),
        text("topic", NEVER, "Topic, destination, or event of Socket.IO."),
        integer("publishers", NEVER, "Connections that publish to it."),
        integer("subscribers", NEVER, "Connections that subscribe to it or receive its messages."),
        integer(
            "messages",
            NEVER,
            "Publications; also those to another topic that the server says again under this one.",
        ),
        integer("deliveries", NEVER, "Deliveries to all subscribers together."),
        us("delivered_us_median", "none matched", "From publication to delivery: the median."),
        us("delivered_us_p95", "none matched", "From publication to delivery: 95th percentile."),
    ),
)

FANOUT = Table(
    "fanout",
    "One row for each delivery whose publication was captured.",
    (
        text("topic", NEVER, "Topic, as in topics."),
        integer("publish_connection", "over plain HTTP", "Connection that published."),
        integer("publish_message", "over plain HTTP", "Its message."),
        integer("connection", "over plain HTTP", "WebSocket connection that receives it."),
        integer("message", "over plain HTTP", "Message that delivers."),
        us(
            "delivered_us",
            NEVER,
            "From the first byte of the publication to the last byte of the delivery.",
        ),
    ),
)
