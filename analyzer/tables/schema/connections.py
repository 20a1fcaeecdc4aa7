"""Connections and the handshakes that open them."""

from __future__ import annotations

from analyzer.tables.declare import (
    ADDRESSES,
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
from analyzer.tables.schema.inside import INNER_COLUMN
from analyzer.tables.schema.labels import (
    CLOSE_KINDS,
    CONNECTION,
    DIRECTIONS,
    NO_HANDSHAKE,
    OUTCOMES,
    SCHEMES,
)
from analyzer.tables.schema.tls import HANDSHAKE_COLUMNS

NO_END = "none of these seen, or not known"

CONNECTIONS = Table(
    "connections",
    "One row for each WebSocket connection.",
    (
        CONNECTION,
        TCP_STREAM,
        integer("http2_stream", "HTTP/1.1", "Stream that carries it on an HTTP/2 connection."),
        enum("scheme", SCHEMES, NEVER, "ws: unencrypted; wss: over TLS."),
        text("http_version", NO_HANDSHAKE, "HTTP version of the handshake, such as 1.1."),
        *ADDRESSES,
        text("host", NO_HANDSHAKE, "Host that the client asked for."),
        text("path", NO_HANDSHAKE, "Path and query that the client asked for; secrets are hidden."),
        text("subprotocol", "none agreed", "Subprotocol that the server chose."),
        text("extensions", "none agreed", "Extensions that the server accepted, as sent."),
        time("opened_at", NEVER, "End of the 101 response; if not captured, the first frame."),
        time("closed_at", "still open", "Last packet of the connection."),
        Column("duration_s", "seconds", "still open", "From opened_at to closed_at."),
        boolean("handshake_seen", NEVER, "Whether the whole opening handshake was captured."),
        integer("client_frames", NEVER, "Frames from the client, including control frames."),
        integer("server_frames", NEVER, "Frames from the server, including control frames."),
        integer("client_messages", NEVER, "Messages from the client."),
        integer("server_messages", NEVER, "Messages from the server."),
        integer(
            "client_payload_bytes", NEVER, "Payload of its messages, as the application sees it."
        ),
        integer(
            "server_payload_bytes", NEVER, "Payload of its messages, as the application sees it."
        ),
        integer(
            "wire_bytes",
            NEVER,
            "All packets of its TCP connection; with HTTP/2, its share of them.",
        ),
        enum(
            "close_kind",
            CLOSE_KINDS,
            NEVER,
            "clean: Close frames in both directions; fin, reset: TCP ended without them; "
            "timeout: fell silent; open: the capture ended first.",
        ),
        integer("close_code", "no Close frame with a code", "Code of the first Close frame."),
        text("close_reason", "no Close frame with a reason", "Reason in that Close frame."),
        enum(
            "closed_by",
            DIRECTIONS,
            "still open, or an earlier Close may be in lost bytes",
            "Who sent Close, FIN or RST first.",
        ),
        integer(
            "lost_bytes", NEVER, "Bytes that were sent but never captured, in both directions."
        ),
        INNER_COLUMN,
        Column(
            "client_idle_s",
            "seconds",
            NO_END,
            "From the client's last byte above TCP before the first Close, close_notify, "
            "FIN or RST up to that event.",
        ),
        Column("server_idle_s", "seconds", NO_END, "The same for the server."),
        integer("end_packet", "none seen", "Packet of that Close, close_notify, FIN or RST."),
        us(
            "close_us",
            "no Close frames in both directions",
            "From the first Close frame to that of the other side.",
        ),
        Column(
            "keepalive_s",
            "seconds",
            "fewer than 2 from either side",
            "Median interval of pings; without pings, of unsolicited pongs.",
        ),
        integer(
            "client_logs",
            "not proven",
            "Close code that the client's library reports; 1005: a Close without code, "
            "1006: no Close arrived.",
        ),
        integer("server_logs", "not proven", "Close code that the server's library reports."),
        time("client_last_at", "nothing captured", "Last packet of the client, of any kind."),
        time("server_last_at", "nothing captured", "Last packet of the server, of any kind."),
        Column(
            "client_window_closed_s",
            "seconds",
            "nothing captured",
            "For how long the client's receive window was closed: the server could not send.",
        ),
        Column(
            "server_window_closed_s",
            "seconds",
            "nothing captured",
            "For how long the server's receive window was closed: the client could not send.",
        ),
        integer(
            "leg",
            "no other leg in the capture",
            "Number of the conversation that it is a leg of; the other legs have the same number.",
        ),
    ),
)

HANDSHAKES = Table(
    "handshakes",
    "One row for each attempt to open a WebSocket connection, including refused ones.",
    (
        integer("handshake", NEVER, "Number of the attempt, from 0 in order of appearance."),
        integer("connection", "not accepted", "The WebSocket connection that it opened."),
        TCP_STREAM,
        *ADDRESSES,
        enum("scheme", SCHEMES, NEVER, "ws: unencrypted; wss: over TLS."),
        text("http_version", NOT_SEEN, "HTTP version of the request, such as 1.1."),
        text("host", NOT_SENT, "Host field of the request."),
        text("path", NOT_SEEN, "Path and query of the request target; secrets in it are hidden."),
        text("origin", NOT_SENT, "Origin field: the page that made the request."),
        text("user_agent", NOT_SENT, "User-Agent field."),
        text("version", NOT_SENT, "Sec-WebSocket-Version of the request."),
        text("key", NOT_SENT, "Sec-WebSocket-Key."),
        text("accept", NOT_SENT, "Sec-WebSocket-Accept."),
        boolean("accept_valid", "key or accept not seen", "Whether accept matches the key."),
        integer("status", "no response seen", "Status code of the response."),
        enum("outcome", OUTCOMES, NEVER, "Result of the attempt."),
        text("outcome_reason", "nothing to report", "Why it was not accepted, or what is unusual."),
        text("subprotocols_offered", NOT_SENT, "Subprotocols that the client offered."),
        text("subprotocol", "none agreed", "Subprotocol that the server chose."),
        text("extensions_offered", NOT_SENT, "Extensions that the client offered, as sent."),
        text("extensions", "none agreed", "Extensions that the server accepted, as sent."),
        integer("request_bytes", NOT_SEEN, "Request line and fields."),
        integer(
            "response_bytes",
            "no response seen",
            "Status line and fields; for a refusal also the body.",
        ),
        time("started_at", NEVER, "First packet of the attempt: the SYN, or else the request."),
        integer("syn_retries", "SYN not captured", "Retransmitted SYNs."),
        us(
            "tcp_us",
            "not captured or an older connection",
            "From the SYN to the ACK that completes the connection.",
        ),
        us("tls_us", "no TLS or not captured", "From the ClientHello to the last Finished."),
        us(
            "upgrade_us",
            "not captured completely",
            "From the first byte of the request to the last byte of the response.",
        ),
        us(
            "total_us",
            "not captured completely",
            "From started_at to the last byte of the response.",
        ),
        us(
            "first_message_us",
            "no data frame seen",
            "From the end of the response to the first data frame.",
        ),
        integer("request_packet", NOT_SEEN, "Packet with the end of the request's headers."),
        integer(
            "response_packet", "no response seen", "Packet with the end of the response's headers."
        ),
        *HANDSHAKE_COLUMNS,
        integer("http2_stream", "HTTP/1.1", "Stream that carries it on an HTTP/2 connection."),
        time("request_at", NOT_SEEN, "First byte of the request."),
        us(
            "idle_us",
            "a part not captured",
            "total_us minus tcp_us, tls_us and upgrade_us: time in which the client did "
            "other things.",
        ),
        text("server", NOT_SENT, "Server field of the answer."),
        text(
            "refusal_preview",
            "no refusal, or without a body",
            "First bytes of a refusal's body, shown as in payload_preview; secrets in it "
            "are hidden.",
        ),
        us(
            "dns_us",
            "no lookup seen right before",
            "From the first DNS query for the host to the last answer before the connect.",
        ),
        integer(
            "attempts",
            "SYN not captured",
            "Connects to other addresses of the same name that had no answer yet when this "
            "one began.",
        ),
        us(
            "attempts_us",
            "no such attempts",
            "From the SYN of the first of these to the SYN of this one.",
        ),
        us(
            "overall_us",
            "not captured completely",
            "From the first query or attempt to the last byte of the response.",
        ),
    ),
)
