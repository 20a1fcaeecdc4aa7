"""The ledger: every byte once."""

from __future__ import annotations

from analyzer.tables.declare import NEVER, TCP_STREAM, Table, integer
from analyzer.tables.schema.labels import SENDER

LEDGER = Table(
    "ledger",
    "Every byte accounted for once: one row for each connection and direction.",
    (
        integer("connection", "not WebSocket", "WebSocket connection."),
        TCP_STREAM,
        SENDER,
        integer(
            "wire_bytes", NEVER, "Original lengths of all packets: the sum up to unparsed_bytes."
        ),
        integer(
            "link_bytes",
            NEVER,
            "Everything below the innermost IP header, including tunnels and padding.",
        ),
        integer("ip_bytes", NEVER, "IP headers."),
        integer("tcp_bytes", NEVER, "TCP headers with options."),
        integer("duplicate_bytes", NEVER, "Packets that the capture holds twice, counted whole."),
        integer("retransmitted_bytes", NEVER, "Retransmitted payload."),
        integer("tls_bytes", NEVER, "TLS handshake, record headers, tags and padding."),
        integer(
            "http_bytes",
            NEVER,
            "HTTP headers and bodies, including the upgrade; HTTP/2 framing.",
        ),
        integer("ws_header_bytes", NEVER, "WebSocket frame headers."),
        integer("ws_control_bytes", NEVER, "Payload of Ping, Pong and Close."),
        integer("transfer_bytes", NEVER, "Payload of data frames as sent."),
        integer(
            "unparsed_bytes",
            NEVER,
            "Payload that was not interpreted: after a gap, cut off, encrypted.",
        ),
        integer("packets", NEVER, "Packets; a count, not part of the sum."),
        integer("pure_acks", NEVER, "Packets that only acknowledge."),
        integer("pure_ack_bytes", NEVER, "Original lengths of those packets."),
        integer("lost_bytes", NEVER, "Bytes proven by sequence numbers but never captured."),
    ),
)
