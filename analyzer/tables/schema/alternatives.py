"""The comparison with other transports, and what compression does."""

from __future__ import annotations

from analyzer.tables.declare import NEVER, Column, Table, boolean, enum, integer
from analyzer.tables.schema.labels import CLIENTS, CODINGS, SCOPES, SENDER, SOURCES, TRANSPORTS

_ALTERNATIVE = (
    enum(
        "transport",
        TRANSPORTS,
        NEVER,
        "Transport; -h2: over HTTP/2; -latest: only the last message of each kind; -buffered: "
        "through a proxy that holds bytes back (--buffered).",
    ),
    Column(
        "interval_s",
        "seconds",
        "does not poll",
        "From the start of a poll to the start of the next.",
    ),
    enum(
        "source",
        SOURCES,
        NEVER,
        "measured: in this capture; observed: modelled with headers of real exchanges "
        "with the host; modelled: with headers derived from the opening handshake.",
    ),
)

_NO_CODING = "a measured WebSocket, no payload read, or the client does not accept gzip"
_NO_PHASE = "not modelled short polling"

ALTERNATIVES = Table(
    "alternatives",
    "What the same messages at the same times cost over each transport: one row "
    "for each connection and transport, and one for all connections. See "
    "alternatives.md for the rules.",
    (
        integer("connection", "session, or a total", "WebSocket connection."),
        *_ALTERNATIVE,
        integer("requests", NEVER, "HTTP requests, including the upgrade."),
        integer("packets", NEVER, "Packets in both directions, from the SYN to the last."),
        integer("header_bytes", NEVER, "Application bytes that are not message payload."),
        integer("application_bytes", NEVER, "All bytes above TCP, in both directions."),
        integer("wire_bytes", NEVER, "Bytes of all packets, in both directions."),
        Column(
            "ratio_application",
            "ratio",
            "no WebSocket bytes",
            "application_bytes divided by WebSocket's.",
        ),
        Column("ratio_wire", "ratio", "no WebSocket bytes", "wire_bytes divided by WebSocket's."),
        Column(
            "added_latency_ms_mean",
            "ratio",
            "no message of the server, or not defined",
            "Milliseconds by which a message of the server arrives later than over "
            "WebSocket, mean. Of a measured stream: what messages waited that came together though "
            "the times in them are apart (held_messages of http_groups), or between both legs of a "
            "proxy (hops); 0 where neither is there.",
        ),
        Column(
            "added_latency_ms_p95",
            "ratio",
            "no message of the server, or not defined",
            "The same, 95th percentile.",
        ),
        integer("empty_polls", "does not poll", "Answers without a message."),
        enum(
            "scope",
            SCOPES,
            NEVER,
            "connection: WebSocket; session: a client's messages over plain HTTP; service: a "
            "client's requests that only ask and are answered; the plurals: the sum of all.",
        ),
        integer(
            "session",
            "no session or service",
            "Session of plain HTTP: its group in http_groups; of a service its number, from 0.",
        ),
        integer("tcp_connections", NEVER, "TCP connections."),
        integer("messages", NEVER, "Messages delivered, in both directions."),
        integer("payload_bytes", NEVER, "Their payload, as the application sees it."),
        Column("duration_s", "seconds", "not known", "Time that the row covers."),
        Column("requests_per_s", "ratio", "no time passes", "Requests that the server receives."),
        Column(
            "break_even_per_s",
            "ratio",
            "one of the two is cheaper at any rate",
            "Server messages per second at which it costs as much on the wire as WebSocket.",
        ),
        integer(
            "requests_p5",
            _NO_PHASE,
            "requests if the client polls in a favourable phase: the 5th percentile over "
            "all phases. requests is their mean.",
        ),
        integer("requests_p95", _NO_PHASE, "The same, 95th percentile."),
        Column(
            "added_latency_ms_phase_p5",
            "ratio",
            f"{_NO_PHASE}, or no message of the server",
            "Mean delay of the messages, depending on the client's phase: the 5th "
            "percentile over all phases. added_latency_ms_mean is their mean.",
        ),
        Column(
            "added_latency_ms_phase_p95",
            "ratio",
            f"{_NO_PHASE}, or no message of the server",
            "The same, 95th percentile.",
        ),
        Column(
            "application_bytes_per_s",
            "ratio",
            "no time passes",
            "application_bytes per second while the connection lasts; in totals, the mean "
            "per connection.",
        ),
        Column("wire_bytes_per_s", "ratio", "no time passes", "The same for wire_bytes."),
        Column("wire_bytes_per_message", "ratio", "no message", "wire_bytes / messages."),
        enum(
            "content_encoding",
            CODINGS,
            _NO_CODING,
            "Coding of bodies in the gzip_ columns; of a modelled WebSocket permessage-deflate. "
            "All other columns are without coding, but for what was measured with it "
            "(compressed).",
        ),
        integer(
            "gzip_application_bytes",
            _NO_CODING,
            "application_bytes with bodies in gzip: each answer separately, streams with "
            "one context and a flush for each message. Bodies that would grow stay "
            "uncompressed. Of a modelled WebSocket with permessage-deflate, both ways; of what was "
            "measured in gzip application_bytes.",
        ),
        integer("gzip_wire_bytes", _NO_CODING, "The same for wire_bytes."),
        Column(
            "gzip_ratio_application",
            "ratio",
            _NO_CODING,
            "gzip_application_bytes divided by WebSocket's application_bytes as sent, or by its "
            "gzip_application_bytes where it is modelled.",
        ),
        Column(
            "gzip_ratio_wire",
            "ratio",
            _NO_CODING,
            "The same for gzip_wire_bytes.",
        ),
        Column(
            "gzip_error_bytes",
            "ratio",
            f"{_NO_CODING}, or one answer alone was looked at",
            "Error bound in bytes in 95 of 100 cases, because only a part of the payload "
            "was deflated; 0: all of it was.",
        ),
        boolean(
            "compressed",
            "not measured, or no message read",
            "Some messages, or bodies of answers, were sent compressed.",
        ),
        boolean(
            "kinds_known",
            "not short-poll-latest",
            "A protocol inside names kinds of messages; false: which message supersedes which is a "
            "guess, by type and size.",
        ),
        enum(
            "client",
            CLIENTS,
            "not modelled, or a client that is not known: fields as in its handshake",
            "Client whose fields modelled requests have, chosen by the handshake's User-Agent; in "
            "totals that of all connections, null where they differ.",
        ),
        integer("gzip_packets", _NO_CODING, "packets with bodies in gzip."),
    ),
)

SCALING = Table(
    "scaling",
    "Rates of a transport for a number of clients, each like the mean connection (--clients).",
    (
        enum(
            "scope",
            SCOPES,
            NEVER,
            "connections: WebSocket; sessions: plain HTTP; services: requests that only ask.",
        ),
        *_ALTERNATIVE,
        integer("clients", NEVER, "Number of simultaneous clients."),
        Column("requests_per_s", "ratio", "no time passes", "Requests that the server receives."),
        Column("packets_per_s", "ratio", "no time passes", "Packets in both directions."),
        Column(
            "header_bits_per_s",
            "ratio",
            "no time passes",
            "Application bits that are not payload, without opening and closing of connections.",
        ),
        Column("application_bits_per_s", "ratio", "no time passes", "All bits above TCP."),
        Column("wire_bits_per_s", "ratio", "no time passes", "All bits on the wire."),
        Column("wire_mb_per_day", "ratio", "no time passes", "The same in 10^6 bytes per day."),
    ),
)

_NO_DEFLATE = "not negotiated, handshake not captured, or all connections"

COMPRESSION = Table(
    "compression",
    "What permessage-deflate saved, or would have saved: one row for each "
    "direction of each connection that offered or used it, and one for each "
    "direction of all of these together.",
    (
        integer("connection", "all connections", "WebSocket connection."),
        SENDER,
        boolean("offered", "request not captured", "The client offered permessage-deflate."),
        boolean("negotiated", "handshake not captured", "The server accepted it."),
        boolean("context_takeover", _NO_DEFLATE, "Whether messages may refer to earlier ones."),
        integer(
            "window_bits", _NO_DEFLATE, "Largest window of the sender: 8 to 15, of 2^bits bytes."
        ),
        integer("messages", NEVER, "All messages, compressed or not."),
        integer("compressed_messages", NEVER, "Messages sent compressed."),
        integer("inflated_messages", NEVER, "Those of them that could be inflated."),
        integer("payload_bytes", NEVER, "Payload of these, as the application sees it."),
        integer("transfer_bytes", NEVER, "Payload of these, as sent."),
        integer("saved_bytes", NEVER, "payload_bytes - transfer_bytes."),
        Column("saved_ratio", "ratio", "no payload inflated", "saved_bytes / payload_bytes."),
        integer("grown_messages", NEVER, "Messages that compression made larger."),
        integer("grown_bytes", NEVER, "By how much they grew, in total."),
        integer("estimated_messages", NEVER, "Messages with a deflate_estimate_bytes."),
        integer("estimated_payload_bytes", NEVER, "Payload of these."),
        integer(
            "estimated_saved_bytes",
            NEVER,
            "What permessage-deflate would have saved of this payload.",
        ),
        Column(
            "estimated_ratio",
            "ratio",
            "no payload estimated",
            "estimated_saved_bytes / estimated_payload_bytes.",
        ),
    ),
)
