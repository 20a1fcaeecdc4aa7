"""Frames, messages and pings."""

from __future__ import annotations

from analyzer.tables.declare import NEVER, Column, Table, boolean, enum, integer, text, time, us
from analyzer.tables.schema.inside import MESSAGE_COLUMNS
from analyzer.tables.schema.labels import CONNECTION, DIRECTIONS, MESSAGE_TYPES, OPCODES, SENDER

FRAMES = Table(
    "frames",
    "One row for each WebSocket frame.",
    (
        CONNECTION,
        integer(
            "frame",
            NEVER,
            "Number of the frame in its connection, from 0, both directions together.",
        ),
        SENDER,
        enum("opcode", OPCODES, NEVER, "Kind of the frame."),
        boolean("fin", NEVER, "Whether it is the last frame of its message."),
        boolean("rsv1", NEVER, "First reserved bit: compressed, with permessage-deflate."),
        boolean("rsv2", NEVER, "Second reserved bit."),
        boolean("rsv3", NEVER, "Third reserved bit."),
        boolean("masked", NEVER, "Whether the payload is masked."),
        Column("masking_key", "key", "not masked", "Masking key, in hexadecimal."),
        integer("header_bytes", NEVER, "Length of the frame header."),
        integer("payload_bytes", NEVER, "Length of the payload on the wire."),
        integer("message", "control frame", "Message that it belongs to."),
        integer("packet_first", NEVER, "Packet with its first byte."),
        integer("packet_last", NEVER, "Packet with its last byte."),
        time("time_first", NEVER, "Time of its first byte."),
        time("time_last", NEVER, "Time of its last byte."),
        integer("close_code", "no Close frame with a code", "Code in a Close frame."),
    ),
)

MESSAGES = Table(
    "messages",
    "One row for each WebSocket message, with what it cost on the wire.",
    (
        CONNECTION,
        integer(
            "message",
            NEVER,
            "Number of the message in its connection, from 0, both directions together.",
        ),
        SENDER,
        enum("type", MESSAGE_TYPES, NEVER, "Type of its first frame."),
        integer("frames", NEVER, "Number of frames that carry it."),
        boolean("compressed", NEVER, "Whether it was sent with permessage-deflate."),
        integer("payload_bytes", "cannot be inflated", "Payload, as the application sees it."),
        integer("transfer_bytes", NEVER, "Payload as sent, after compression if there is any."),
        integer("ws_header_bytes", NEVER, "Headers of its frames."),
        integer("http_bytes", NEVER, "Its share of HTTP/2 framing."),
        integer("tls_bytes", NEVER, "Its share of TLS record headers, tags and padding."),
        integer("packet_header_bytes", NEVER, "Its share of link, IP and TCP headers."),
        integer("ack_bytes", NEVER, "Pure ACKs that newly acknowledge it."),
        integer("retransmitted_bytes", NEVER, "Its payload that was retransmitted."),
        integer(
            "wire_bytes", NEVER, "Sum of transfer_bytes and all columns between that and this one."
        ),
        Column(
            "overhead_ratio",
            "ratio",
            "nothing on the wire",
            "(wire_bytes - transfer_bytes) / wire_bytes.",
        ),
        integer("packet_first", NEVER, "Packet with its first byte."),
        integer("packet_last", NEVER, "Packet with its last byte."),
        time("time_first", NEVER, "Time of its first byte."),
        time("time_last", NEVER, "When its last byte and everything before it had arrived."),
        us("delivery_us", NEVER, "From time_first to time_last."),
        us("stall_us", NEVER, "Part of delivery_us spent waiting for missing bytes."),
        text("payload_preview", "not kept", "Its beginning, in readable form."),
        Column("payload", "payload", "not requested, or not kept", "The whole payload."),
        integer(
            "deflate_saved_bytes",
            "not compressed, or cannot be inflated",
            "payload_bytes - transfer_bytes; negative if compression made it larger.",
        ),
        integer(
            "deflate_estimate_bytes",
            "not estimated",
            "What permessage-deflate would have saved, if it was offered and not accepted.",
        ),
        *MESSAGE_COLUMNS,
        us(
            "gap_us",
            "first of its connection, or the one before never ended",
            "End of the message before it, of either side, to its first byte; 0 where that one was "
            "not over.",
        ),
        us(
            "window_us",
            NEVER,
            "Part of delivery_us in which the receiver's window was closed; and before it, where "
            "the message left as soon as the window opened, how long it may have waited for that.",
        ),
        us("nagle_us", NEVER, "Part of delivery_us in which the sender waited for a delayed ACK."),
        us("resent_us", NEVER, "How long the sender waited before it sent bytes of it again."),
    ),
)

PINGS = Table(
    "pings",
    "One row for each Ping, with the Pong that answers it.",
    (
        CONNECTION,
        enum("direction", DIRECTIONS, NEVER, "Who sent the Ping."),
        integer("ping_frame", NEVER, "Frame number of the Ping."),
        integer("pong_frame", "not answered", "Frame number of the Pong."),
        integer("payload_bytes", NEVER, "Payload of the Ping."),
        us("rtt_us", "not answered", "From Ping to Pong, at the point of capture."),
        time("sent_at", NEVER, "Last byte of the Ping."),
        time("answered_at", "not answered", "First byte of the Pong."),
        us("acked_us", "never acknowledged", "From sent_at until TCP acknowledged the Ping."),
    ),
)
