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
        integer("link_bytes", NEVER, "All below the innermost IP header, tunnels and padding too."),
        integer("ip_bytes", NEVER, "IP headers."),
        integer("tcp_bytes", NEVER, "TCP headers with options."),
        integer("duplicate_bytes", NEVER, "Packets that the capture holds twice, whole."),
        integer("retransmitted_bytes", NEVER, "Payload sent again."),
        integer("tls_bytes", NEVER, "TLS handshake, record headers, tags and padding."),
        integer(
            "http_bytes",
            NEVER,
            "HTTP headers and bodies, the upgrade included; HTTP/2's framing.",
        ),
        integer("ws_header_bytes", NEVER, "WebSocket frame headers."),
        integer("ws_control_bytes", NEVER, "Payload of Ping, Pong and Close."),
        integer("transfer_bytes", NEVER, "Payload of data frames as sent."),
        integer("unparsed_bytes", NEVER, "Payload not understood: after a gap, cut, encrypted."),
        integer("packets", NEVER, "Packets; a count, not part of the sum."),
        integer("pure_acks", NEVER, "Packets that only acknowledge."),
        integer("pure_ack_bytes", NEVER, "Original lengths of those packets."),
        integer("lost_bytes", NEVER, "Proven by sequence numbers, never captured."),
    ),
)
