"""Every table and column, declared once: name, type, unit, null rule, a sentence.

CSV headers, Parquet types, JSON, DataFrames and docs/tables.md all come from here.
Knows no packets and no report formats. Used by tables.build (which fills rows), by
the reports (which write them) and by analyzer.read_csv (which restores them).
"""

from __future__ import annotations

from collections.abc import Mapping

from analyzer.findings import SEVERITIES
from analyzer.tables.declare import ADDRESSES as _ADDRESSES
from analyzer.tables.declare import NEVER, NOT_SEEN, NOT_SENT
from analyzer.tables.declare import TCP_STREAM as _TCP_STREAM
from analyzer.tables.declare import Column as Column
from analyzer.tables.declare import Table as Table
from analyzer.tables.declare import TableRows as TableRows
from analyzer.tables.declare import Type as Type
from analyzer.tables.declare import Values as Values
from analyzer.tables.declare import boolean as _bool
from analyzer.tables.declare import enum as _enum
from analyzer.tables.declare import integer as _int
from analyzer.tables.declare import text as _text
from analyzer.tables.declare import time as _time
from analyzer.tables.declare import us as _us
from analyzer.tables.tls_schema import HANDSHAKE_COLUMNS
from analyzer.tables.tls_schema import TLS_SESSIONS as TLS_SESSIONS
from analyzer.websocket import opcodes

# --- labels, in the order of their codes ------------------------------------------
DIRECTIONS = ("client", "server")
OPCODES = opcodes.OPCODES
"""Opcode labels: the code is the opcode itself."""
MESSAGE_TYPES = ("text", "binary")
SCHEMES = ("ws", "wss")
CLOSE_KINDS = ("clean", "fin", "reset", "timeout", "open")
OUTCOMES = (
    *("accepted", "refused", "bad-accept", "bad-response", "reset"),
    *("no-answer", "syn-refused", "syn-unanswered", "encrypted", "cut"),
)
HTTP_KINDS = ("plain", "poll", "long-poll", "stream", "sse")
HTTP_TRANSPORTS = ("engine.io", "sockjs")
TRANSPORTS = (
    *("websocket", "request", "short-poll", "long-poll", "stream", "sse"),
    *("short-poll-h2", "long-poll-h2", "sse-h2"),
)
SOURCES = ("measured", "observed", "modelled")
SCOPES = ("connection", "session", "connections", "sessions")

# --- null rules that many columns share -------------------------------------------
NO_HANDSHAKE = "handshake not captured"


_CONNECTION = _int("connection", NEVER, "WebSocket connection, from 0 in order of appearance.")
_SENDER = _enum("direction", DIRECTIONS, NEVER, "Who sent it.")

CONNECTIONS = Table(
    "connections",
    "One row for each WebSocket connection.",
    (
        _CONNECTION,
        _TCP_STREAM,
        _int("http2_stream", "HTTP/1.1", "Stream that carries it on an HTTP/2 connection."),
        _enum("scheme", SCHEMES, NEVER, "ws in the clear, wss over TLS."),
        _text("http_version", NO_HANDSHAKE, "HTTP version of the handshake, such as 1.1."),
        *_ADDRESSES,
        _text("host", NO_HANDSHAKE, "Host that the client asked for."),
        _text("path", NO_HANDSHAKE, "Request target; secrets in its query are hidden."),
        _text("subprotocol", "none agreed", "Subprotocol that the server chose."),
        _text("extensions", "none agreed", "Extensions that the server accepted, as sent."),
        _time("opened_at", NEVER, "End of the 101 response; without it, the first frame."),
        _time("closed_at", "still open", "Last packet of the connection."),
        Column("duration_s", "seconds", "still open", "From opened_at to closed_at."),
        _bool("handshake_seen", NEVER, "Whether the opening handshake was captured whole."),
        _int("client_frames", NEVER, "Frames from the client, control frames too."),
        _int("server_frames", NEVER, "Frames from the server, control frames too."),
        _int("client_messages", NEVER, "Messages from the client."),
        _int("server_messages", NEVER, "Messages from the server."),
        _int("client_payload_bytes", NEVER, "Payload of its messages as the application sees it."),
        _int("server_payload_bytes", NEVER, "Payload of its messages as the application sees it."),
        _int(
            "wire_bytes",
            NEVER,
            "All packets of its TCP connection, or its share of HTTP/2's.",
        ),
        _enum(
            "close_kind",
            CLOSE_KINDS,
            NEVER,
            "clean: Close frames both ways; fin, reset: TCP ended without them; "
            "timeout: fell silent; open: the capture ended first.",
        ),
        _int("close_code", "no Close frame with a code", "Code of the first Close frame."),
        _text("close_reason", "no Close frame with a reason", "Reason in that Close frame."),
        _enum("closed_by", DIRECTIONS, "still open", "Who sent Close, FIN or RST first."),
        _int("lost_bytes", NEVER, "Bytes that were sent but never captured, both ways."),
    ),
)

HANDSHAKES = Table(
    "handshakes",
    "One row for each attempt to open a WebSocket connection, refused ones too.",
    (
        _int("handshake", NEVER, "Number of the attempt, from 0 in order of appearance."),
        _int("connection", "not accepted", "The WebSocket connection that it opened."),
        _TCP_STREAM,
        *_ADDRESSES,
        _enum("scheme", SCHEMES, NEVER, "ws in the clear, wss over TLS."),
        _text("http_version", NOT_SEEN, "HTTP version of the request, such as 1.1."),
        _text("host", NOT_SENT, "Host field of the request."),
        _text("path", NOT_SEEN, "Request target; secrets in its query are hidden."),
        _text("origin", NOT_SENT, "Origin field: the page that asked."),
        _text("user_agent", NOT_SENT, "User-Agent field."),
        _text("version", NOT_SENT, "Sec-WebSocket-Version of the request."),
        _text("key", NOT_SENT, "Sec-WebSocket-Key."),
        _text("accept", NOT_SENT, "Sec-WebSocket-Accept."),
        _bool("accept_valid", "key or accept not seen", "Whether accept fits the key."),
        _int("status", "no response seen", "Status code of the response."),
        _enum("outcome", OUTCOMES, NEVER, "What became of the attempt."),
        _text("outcome_reason", "nothing to say", "Why it was not accepted, or what is odd."),
        _text("subprotocols_offered", NOT_SENT, "Subprotocols that the client offered."),
        _text("subprotocol", "none agreed", "Subprotocol that the server chose."),
        _text("extensions_offered", NOT_SENT, "Extensions that the client offered, as sent."),
        _text("extensions", "none agreed", "Extensions that the server accepted, as sent."),
        _int("request_bytes", NOT_SEEN, "Request line and fields."),
        _int(
            "response_bytes", "no response seen", "Status line and fields; of a refusal the body."
        ),
        _time("started_at", NEVER, "First packet of the attempt: SYN, else request."),
        _int("syn_retries", "SYN not captured", "SYNs sent again."),
        _us("tcp_us", "not captured or an older connection", "SYN to the ACK that completes."),
        _us("tls_us", "no TLS or not captured", "ClientHello to the last Finished."),
        _us(
            "upgrade_us",
            "not captured whole",
            "First byte of the request to the last byte of the response.",
        ),
        _us("total_us", "not captured whole", "started_at to the last byte of the response."),
        _us("first_message_us", "no data frame seen", "End of response to first data frame."),
        _int("request_packet", NOT_SEEN, "Packet with the end of the request head."),
        _int("response_packet", "no response seen", "Packet with the end of the response head."),
        *HANDSHAKE_COLUMNS,
        _int("http2_stream", "HTTP/1.1", "Stream that carries it on an HTTP/2 connection."),
    ),
)

FRAMES = Table(
    "frames",
    "One row for each WebSocket frame.",
    (
        _CONNECTION,
        _int("frame", NEVER, "Number of the frame in its connection, from 0, both ways."),
        _SENDER,
        _enum("opcode", OPCODES, NEVER, "What kind of frame."),
        _bool("fin", NEVER, "Last frame of its message."),
        _bool("rsv1", NEVER, "First reserved bit: compressed, with permessage-deflate."),
        _bool("rsv2", NEVER, "Second reserved bit."),
        _bool("rsv3", NEVER, "Third reserved bit."),
        _bool("masked", NEVER, "Whether the payload is masked."),
        Column("masking_key", "key", "not masked", "Masking key, in hexadecimal."),
        _int("header_bytes", NEVER, "Length of the frame header."),
        _int("payload_bytes", NEVER, "Length of the payload on the wire."),
        _int("message", "control frame", "Message that it belongs to."),
        _int("packet_first", NEVER, "Packet with its first byte."),
        _int("packet_last", NEVER, "Packet with its last byte."),
        _time("time_first", NEVER, "Time of its first byte."),
        _time("time_last", NEVER, "Time of its last byte."),
        _int("close_code", "no Close frame with a code", "Code in a Close frame."),
    ),
)

MESSAGES = Table(
    "messages",
    "One row for each WebSocket message, with what it cost on the wire.",
    (
        _CONNECTION,
        _int("message", NEVER, "Number of the message in its connection, from 0, both ways."),
        _SENDER,
        _enum("type", MESSAGE_TYPES, NEVER, "Type of its first frame."),
        _int("frames", NEVER, "How many frames carry it."),
        _bool("compressed", NEVER, "Sent with permessage-deflate."),
        _int("payload_bytes", "cannot be inflated", "Payload as the application sees it."),
        _int("transfer_bytes", NEVER, "Payload as sent: compressed, if it is."),
        _int("ws_header_bytes", NEVER, "Headers of its frames."),
        _int("http_bytes", NEVER, "Its share of HTTP/2 framing."),
        _int("tls_bytes", NEVER, "Its share of TLS record headers, tags and padding."),
        _int("packet_header_bytes", NEVER, "Its share of link, IP and TCP headers."),
        _int("ack_bytes", NEVER, "Pure ACKs that newly acknowledge it."),
        _int("retransmitted_bytes", NEVER, "Payload of it that was sent again."),
        _int("wire_bytes", NEVER, "All of these together, from transfer_bytes on."),
        Column(
            "overhead_ratio",
            "ratio",
            "nothing on the wire",
            "(wire_bytes - transfer_bytes) / wire_bytes.",
        ),
        _int("packet_first", NEVER, "Packet with its first byte."),
        _int("packet_last", NEVER, "Packet with its last byte."),
        _time("time_first", NEVER, "Time of its first byte."),
        _time("time_last", NEVER, "When its last byte was there, and all before it."),
        _us("delivery_us", NEVER, "time_first to time_last."),
        _us("stall_us", NEVER, "Part of delivery_us spent waiting for a hole to fill."),
        _text("payload_preview", "not kept", "How it begins, made readable."),
        Column("payload", "payload", "not asked for, or not kept", "The whole payload."),
        _int(
            "deflate_saved_bytes",
            "not compressed, or cannot be inflated",
            "payload_bytes - transfer_bytes; below 0 where compression made it larger.",
        ),
        _int(
            "deflate_estimate_bytes",
            "not estimated",
            "What permessage-deflate would have saved, where it was offered and not accepted.",
        ),
    ),
)

PINGS = Table(
    "pings",
    "One row for each Ping, with the Pong that answers it.",
    (
        _CONNECTION,
        _enum("direction", DIRECTIONS, NEVER, "Who sent the Ping."),
        _int("ping_frame", NEVER, "Frame number of the Ping."),
        _int("pong_frame", "not answered", "Frame number of the Pong."),
        _int("payload_bytes", NEVER, "Payload of the Ping."),
        _us("rtt_us", "not answered", "Ping to Pong, where the capture was made."),
    ),
)

HTTP = Table(
    "http",
    "One row for each plain HTTP exchange.",
    (
        _TCP_STREAM,
        _int("exchange", NEVER, "Number of the exchange on its TCP connection, from 0."),
        _text("method", NOT_SEEN, "Method of the request."),
        _text("host", NOT_SENT, "Host field of the request."),
        _text("path", NOT_SEEN, "Request target; secrets in its query are hidden."),
        _int("status", "no response seen", "Status code of the final response."),
        _enum("kind", HTTP_KINDS, NEVER, "How it delivers: sse is text/event-stream."),
        _int("request_header_bytes", NEVER, "Request line and fields."),
        _int("request_body_bytes", NEVER, "Body as sent, with chunk sizes."),
        _int("response_header_bytes", NEVER, "Status line and fields, of 1xx responses too."),
        _int("response_body_bytes", NEVER, "Body as sent, with chunk sizes."),
        _int(
            "wire_bytes",
            NEVER,
            "Packets both ways until the next request; its share of HTTP/2's.",
        ),
        _time("started_at", "no request or response seen", "First byte of the exchange."),
        _us("wait_us", "not captured whole", "End of the request to first byte of the response."),
        _us("total_us", "not captured whole", "First byte to last byte."),
        _int("group", "plain", "Group of deliveries that it belongs to: a row of http_groups."),
        _int("messages", "no response seen", "Messages that the response brought."),
        _int("message_bytes", "no response seen", "Their size, as the application sees them."),
        _bool("empty", "not answered whole", "Whether the answer brought no message."),
        _int("http2_stream", "HTTP/1.1", "Stream that carries it on an HTTP/2 connection."),
    ),
)

HTTP_GROUPS = Table(
    "http_groups",
    "One row for each group of plain HTTP exchanges that deliver messages: one client's requests "
    "for the same, or the responses that stream to it. numbers.md has the rules.",
    (
        _int("group", NEVER, "Number of the group, from 0 in the order of recognition."),
        _enum("kind", HTTP_KINDS, NEVER, "How it delivers."),
        _enum("transport", HTTP_TRANSPORTS, "none known by name", "Transport of the requests."),
        _text("client_ip", NEVER, "Address of the client."),
        _text("server_ip", NEVER, "Address of the server."),
        _int("server_port", NEVER, "TCP port of the server."),
        _text("host", NOT_SENT, "Host field of the requests."),
        _text("path", NOT_SEEN, "Request target without its query."),
        _int("tcp_connections", NEVER, "TCP connections that its requests came over."),
        _int("requests", NEVER, "Requests."),
        _int("answered", NEVER, "Requests whose answer was captured whole."),
        _int("empty_answers", NEVER, "Answers that brought no message."),
        _int("unchanged_answers", NEVER, "Answers equal to the one before: nothing new."),
        Column(
            "empty_share", "ratio", "none answered", "Share of answers that brought nothing new."
        ),
        _int("messages", NEVER, "Messages that the responses brought."),
        _int("message_bytes", NEVER, "Their size, as the application sees them."),
        _int("wire_bytes", NEVER, "Packets of all its exchanges, both ways."),
        Column("wire_bytes_per_message", "ratio", "no message", "wire_bytes / messages."),
        Column("interval_s", "seconds", "one request", "Start of a request to the next, median."),
        Column("interval_spread_s", "seconds", "fewer than 3 requests", "Its interquartile range."),
        _us(
            "delay_us",
            "not known of any message",
            "Estimate of the mean wait of a message for the next answer that could take it.",
        ),
        _time("started_at", "no time stamps", "First byte of the first request."),
        _time("ended_at", "no time stamps", "Last byte of the last answer, or request."),
    ),
)

LEDGER = Table(
    "ledger",
    "Every byte accounted for once: one row for each connection and direction.",
    (
        _int("connection", "not WebSocket", "WebSocket connection."),
        _TCP_STREAM,
        _SENDER,
        _int("wire_bytes", NEVER, "Original lengths of all packets: the sum up to unparsed_bytes."),
        _int("link_bytes", NEVER, "All below the innermost IP header, tunnels and padding too."),
        _int("ip_bytes", NEVER, "IP headers."),
        _int("tcp_bytes", NEVER, "TCP headers with options."),
        _int("duplicate_bytes", NEVER, "Packets that the capture holds twice, whole."),
        _int("retransmitted_bytes", NEVER, "Payload sent again."),
        _int("tls_bytes", NEVER, "TLS handshake, record headers, tags and padding."),
        _int("http_bytes", NEVER, "HTTP heads and bodies, the upgrade too, and HTTP/2's framing."),
        _int("ws_header_bytes", NEVER, "WebSocket frame headers."),
        _int("ws_control_bytes", NEVER, "Payload of Ping, Pong and Close."),
        _int("transfer_bytes", NEVER, "Payload of data frames as sent."),
        _int("unparsed_bytes", NEVER, "Payload not understood: behind a gap, cut, encrypted."),
        _int("packets", NEVER, "Packets; a count beside the sum."),
        _int("pure_acks", NEVER, "Packets that only acknowledge."),
        _int("pure_ack_bytes", NEVER, "Original lengths of those packets."),
        _int("lost_bytes", NEVER, "Proven by sequence numbers, never captured."),
    ),
)

_ALTERNATIVE = (
    _enum("transport", TRANSPORTS, NEVER, "Way to deliver; -h2: over HTTP/2."),
    Column("interval_s", "seconds", "does not poll", "Start of a poll to start of the next."),
    _enum(
        "source",
        SOURCES,
        NEVER,
        "measured: in this capture; observed: modelled with heads of real exchanges with "
        "the host; modelled: with heads made from the opening handshake.",
    ),
)

ALTERNATIVES = Table(
    "alternatives",
    "What the same messages at the same times cost over each transport: one row for each "
    "connection and transport, and one for all connections. alternatives.md has the rules.",
    (
        _int("connection", "session, or a total", "WebSocket connection."),
        *_ALTERNATIVE,
        _int("requests", NEVER, "HTTP requests, the upgrade among them."),
        _int("packets", NEVER, "Packets both ways, SYN to last."),
        _int("header_bytes", NEVER, "Application bytes that are no payload of a message."),
        _int("application_bytes", NEVER, "All bytes above TCP, both ways."),
        _int("wire_bytes", NEVER, "All packets' bytes, both ways."),
        Column(
            "ratio_application", "ratio", "no WebSocket bytes", "application_bytes to WebSocket's."
        ),
        Column("ratio_wire", "ratio", "no WebSocket bytes", "wire_bytes to WebSocket's."),
        Column(
            "added_latency_ms_mean",
            "ratio",
            "no message of the server, or not defined",
            "Milliseconds that a message of the server waits longer than over WebSocket.",
        ),
        Column(
            "added_latency_ms_p95",
            "ratio",
            "no message of the server, or not defined",
            "The same, 95th percentile.",
        ),
        _int("empty_polls", "does not poll", "Answers that bring no message."),
        _enum(
            "scope",
            SCOPES,
            NEVER,
            "connection: WebSocket; session: a client's messages over plain HTTP; connections, "
            "sessions: the sum of all.",
        ),
        _int("session", "not a session", "Session of plain HTTP: its group in http_groups."),
        _int("tcp_connections", NEVER, "TCP connections."),
        _int("messages", NEVER, "Messages delivered, both ways."),
        _int("payload_bytes", NEVER, "Their payload as the application sees it."),
        Column("duration_s", "seconds", "not known", "Time that all this goes over."),
        Column("requests_per_s", "ratio", "no time passes", "Requests that the server gets."),
        Column(
            "break_even_per_s",
            "ratio",
            "one of the two is cheaper at every rate",
            "Messages of the server a second at which it costs as much on the wire as WebSocket.",
        ),
    ),
)

SCALING = Table(
    "scaling",
    "Rates of a transport for so many clients, each like the mean connection (--clients).",
    (
        _enum("scope", SCOPES, NEVER, "connections: WebSocket; sessions: plain HTTP."),
        *_ALTERNATIVE,
        _int("clients", NEVER, "How many clients at once."),
        Column("requests_per_s", "ratio", "no time passes", "Requests that the server gets."),
        Column("packets_per_s", "ratio", "no time passes", "Packets both ways."),
        Column(
            "header_bits_per_s",
            "ratio",
            "no time passes",
            "Application bits that are no payload, without what opens and closes connections.",
        ),
        Column("application_bits_per_s", "ratio", "no time passes", "All bits above TCP."),
        Column("wire_bits_per_s", "ratio", "no time passes", "All bits on the wire."),
    ),
)

FINDINGS = Table(
    "findings",
    "One row for each oddity; what they mean stands in findings.md.",
    (
        _text("id", NEVER, "Stable name of the kind of finding."),
        _enum("severity", SEVERITIES, NEVER, "How grave."),
        _int("connection", "concerns none", "WebSocket connection."),
        _int("tcp_stream", "concerns none", "TCP connection, as tcp.stream in Wireshark."),
        _int("packet", "no packet to blame", "Packet at which it showed."),
        _int("frame", "no frame to blame", "Frame of the connection."),
        _text("rfc", "breaks no rule", "Document and section of the rule."),
        _text("text", NEVER, "A sentence."),
        _int("count", NEVER, "How many oddities this row stands for."),
    ),
)

_NO_DEFLATE = "not negotiated, handshake not captured, or all connections"

COMPRESSION = Table(
    "compression",
    "What permessage-deflate saved, or would have: one row for each direction of connections "
    "that offered or used it, and one for each direction of all of these together.",
    (
        _int("connection", "all connections", "WebSocket connection."),
        _SENDER,
        _bool("offered", "request not captured", "The client offered permessage-deflate."),
        _bool("negotiated", "handshake not captured", "The server accepted it."),
        _bool("context_takeover", _NO_DEFLATE, "Messages may refer to those before them."),
        _int("window_bits", _NO_DEFLATE, "Largest window of the sender: 8 to 15, of 2^bits bytes."),
        _int("messages", NEVER, "All messages, compressed or not."),
        _int("compressed_messages", NEVER, "Messages sent compressed."),
        _int("inflated_messages", NEVER, "Those of them that could be inflated."),
        _int("payload_bytes", NEVER, "Payload of these as the application sees it."),
        _int("transfer_bytes", NEVER, "Payload of the same as sent."),
        _int("saved_bytes", NEVER, "payload_bytes - transfer_bytes."),
        Column("saved_ratio", "ratio", "no payload inflated", "saved_bytes / payload_bytes."),
        _int("grown_messages", NEVER, "Messages that compression made larger."),
        _int("grown_bytes", NEVER, "By how much, in sum."),
        _int("estimated_messages", NEVER, "Messages with a deflate_estimate_bytes."),
        _int("estimated_payload_bytes", NEVER, "Payload of these."),
        _int("estimated_saved_bytes", NEVER, "What permessage-deflate would have saved of it."),
        Column(
            "estimated_ratio",
            "ratio",
            "no payload estimated",
            "estimated_saved_bytes / estimated_payload_bytes.",
        ),
    ),
)

COMPARISON_GROUPS = (
    *("capture", "handshake", "messages", "overhead", "compression"),
    *("delay", "closes", "findings", "http", "delivery"),
)
COMPARISON = Table(
    "comparison",
    "Two captures side by side (`wsanalyze compare A B`): the same rows in the same order "
    "whatever they hold. An analysis of one capture has no such table.",
    (
        _text("metric", NEVER, "Stable name of the figure."),
        _enum("group", COMPARISON_GROUPS, NEVER, "What it is about."),
        _enum("unit", ("count", "bytes", "us", "s", "ratio"), NEVER, "Of a, b, difference."),
        Column("a", "ratio", "no such value in A", "The figure of the first capture."),
        Column("b", "ratio", "no such value in B", "The figure of the second."),
        Column("difference", "ratio", "a or b is null", "b - a."),
        Column("ratio", "ratio", "a or b is null, or a is 0", "b / a."),
        _int("samples_a", "a total", "Handshakes, messages, ... that a goes over."),
        _int("samples_b", "a total", "The same of b."),
    ),
)
"""Not in TABLES: analyses have none."""

TABLES = (
    *(CONNECTIONS, HANDSHAKES, FRAMES, MESSAGES, PINGS, HTTP, LEDGER, FINDINGS),
    *(COMPRESSION, ALTERNATIVES, SCALING, HTTP_GROUPS, TLS_SESSIONS),
)
"""All tables, in the order of the reports."""

BY_NAME: Mapping[str, Table] = {table.name: table for table in TABLES}

LEDGER_PARTS = tuple(column.name for column in LEDGER.columns[4:15])
"""The ledger's summands: link_bytes to unparsed_bytes make wire_bytes."""
