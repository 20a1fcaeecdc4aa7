"""Every finding: a stable id, a severity, the rule it breaks, and a sentence.

A finding is an oddity seen in traffic or in a capture file. Ids are stable: scripts
filter on them. A stage makes one with `Finding(KIND, ...)`; only the tables stage
turns them into rows and counts floods of the same kind.
"""

from __future__ import annotations

from analyzer.findings_http2 import HTTP2_BLOCK_LIMIT as HTTP2_BLOCK_LIMIT
from analyzer.findings_http2 import HTTP2_CONNECT_INCOMPLETE as HTTP2_CONNECT_INCOMPLETE
from analyzer.findings_http2 import HTTP2_CONNECT_NOT_ENABLED as HTTP2_CONNECT_NOT_ENABLED
from analyzer.findings_http2 import HTTP2_FLOOD as HTTP2_FLOOD
from analyzer.findings_http2 import HTTP2_FOUND_AGAIN as HTTP2_FOUND_AGAIN
from analyzer.findings_http2 import HTTP2_GOAWAY as HTTP2_GOAWAY
from analyzer.findings_http2 import HTTP2_HEADS_UNKNOWN as HTTP2_HEADS_UNKNOWN
from analyzer.findings_http2 import HTTP2_LOST as HTTP2_LOST
from analyzer.findings_http2 import HTTP2_MALFORMED as HTTP2_MALFORMED
from analyzer.findings_http2 import HTTP2_STALL as HTTP2_STALL
from analyzer.findings_http2 import HTTP2_STREAM_LIMIT as HTTP2_STREAM_LIMIT
from analyzer.findings_http2 import HTTP2_STREAM_RESET as HTTP2_STREAM_RESET
from analyzer.findings_http2 import HTTP2_WINDOW_EXCEEDED as HTTP2_WINDOW_EXCEEDED
from analyzer.findings_tls import TLS_ALERT as TLS_ALERT
from analyzer.findings_tls import TLS_ATTEMPT_LIMIT as TLS_ATTEMPT_LIMIT
from analyzer.findings_tls import TLS_CANNOT_DECRYPT as TLS_CANNOT_DECRYPT
from analyzer.findings_tls import TLS_HELD_LIMIT as TLS_HELD_LIMIT
from analyzer.findings_tls import TLS_HELLO_LIMIT as TLS_HELLO_LIMIT
from analyzer.findings_tls import TLS_INNER_ALERT as TLS_INNER_ALERT
from analyzer.findings_tls import TLS_KEY_LOG_LINES as TLS_KEY_LOG_LINES
from analyzer.findings_tls import TLS_KEYS_INCOMPLETE as TLS_KEYS_INCOMPLETE
from analyzer.findings_tls import TLS_MALFORMED as TLS_MALFORMED
from analyzer.findings_tls import TLS_NO_FORWARD_SECRECY as TLS_NO_FORWARD_SECRECY
from analyzer.findings_tls import TLS_NO_KEYS as TLS_NO_KEYS
from analyzer.findings_tls import TLS_OLD_VERSION as TLS_OLD_VERSION
from analyzer.findings_tls import TLS_RECORDS_LOST as TLS_RECORDS_LOST
from analyzer.findings_tls import TLS_RECORDS_MISSING as TLS_RECORDS_MISSING
from analyzer.findings_tls import TLS_UNREADABLE as TLS_UNREADABLE
from analyzer.kinds import BY_ID as BY_ID
from analyzer.kinds import ERROR, INFO, NOTE, WARNING
from analyzer.kinds import KINDS as KINDS
from analyzer.kinds import SEVERITIES as SEVERITIES
from analyzer.kinds import Finding as Finding
from analyzer.kinds import Kind as Kind
from analyzer.kinds import kind_of as _kind

# --- capture ---------------------------------------------------------------------
CAPTURE_CUT = _kind("capture-cut", WARNING, "", "The capture ends within a record: {detail}.")
CAPTURE_DAMAGED = _kind(
    "capture-damaged", ERROR, "", "The capture is damaged; what follows was not read: {detail}."
)
CAPTURE_SKIPPED = _kind(
    "capture-skipped",
    WARNING,
    "",
    "Records of the capture contradict themselves and were skipped: {detail}.",
)
CAPTURE_UNREADABLE = _kind(
    "capture-unreadable", ERROR, "", "One of the files was not read: {detail}."
)
CAPTURE_EMPTY = _kind("capture-empty", NOTE, "", "The capture holds no packets.")
CAPTURE_DROPS = _kind(
    "capture-drops", WARNING, "", "The capturing program says that it dropped packets: {detail}."
)
CAPTURE_NO_TIME = _kind(
    "capture-no-time", NOTE, "", "Packets without a time stamp (simple packet blocks): {detail}."
)
CAPTURE_INTERFACE_DOWN = _kind(
    "capture-interface-down",
    WARNING,
    "",
    "The interface went down or away; nothing is captured until it is back: {detail}.",
)
CAPTURE_INTERFACE_UP = _kind(
    "capture-interface-up", NOTE, "", "The interface is back, and captured on again: {detail}."
)
CAPTURE_CLOCK = _kind(
    "capture-clock", WARNING, "", "The clock of the packets' times stepped back: {detail}."
)
CAPTURE_NOT_KEPT = _kind(
    "capture-not-kept",
    ERROR,
    "",
    "From here on packets are analysed, but not kept in files: {detail}.",
)
CAPTURE_REPLACED = _kind(
    "capture-replaced",
    NOTE,
    "",
    "The file that is followed was replaced or cut; reading goes on with the new one: {detail}.",
)

# --- packets ---------------------------------------------------------------------
PACKETS_UNKNOWN_LINK_TYPE = _kind(
    "packets-unknown-link-type",
    WARNING,
    "",
    "Packets of a link type that is not decoded: {detail}.",
)
PACKETS_SNAPLEN = _kind(
    "packets-snaplen", WARNING, "", "Packets were cut by the capture's snap length: {detail}."
)
PACKETS_MALFORMED = _kind(
    "packets-malformed", NOTE, "", "Packets whose headers contradict themselves: {detail}."
)
PACKETS_FRAGMENT_LOST = _kind(
    "packets-fragment-lost", WARNING, "RFC 791 3.2", "IP datagrams never completed: {detail}."
)
PACKETS_FRAGMENT_OVERLAP = _kind(
    "packets-fragment-overlap", WARNING, "RFC 5722", "IP fragments overlap: {detail}."
)
PACKETS_FRAGMENT_LIMIT = _kind(
    "packets-fragment-limit",
    WARNING,
    "",
    "Datagrams given up by max_fragmented_datagrams or max_fragments: {detail}.",
)
PACKETS_TUNNEL_DEPTH = _kind(
    "packets-tunnel-depth", WARNING, "", "Tunnels nested deeper than max_tunnel_depth: {detail}."
)

# --- tcp -------------------------------------------------------------------------
TCP_OVERLAP_DIFFERS = _kind(
    "tcp-overlap-differs",
    WARNING,
    "RFC 9293 3.10.7.4",
    "Bytes sent again differ from those sent first, at stream offset {detail}.",
)
TCP_LOST = _kind(
    "tcp-lost",
    WARNING,
    "",
    "{detail} bytes were acknowledged by the receiver or skipped over, but never captured.",
)
TCP_ZERO_WINDOW = _kind(
    "tcp-zero-window", WARNING, "RFC 9293 3.8.6", "The receiver closed its window ({detail} times)."
)
TCP_RETRANSMISSIONS = _kind(
    "tcp-retransmissions", NOTE, "RFC 9293 3.8.1", "{detail} segments were sent again."
)
TCP_HELD_LIMIT = _kind(
    "tcp-held-limit",
    WARNING,
    "",
    "Out-of-order bytes reached max_held_bytes; the hole before them was given up: {detail} bytes.",
)
TCP_CONNECTION_LIMIT = _kind(
    "tcp-connection-limit",
    WARNING,
    "",
    "Connections let go because max_connections were open: {detail}.",
)
TCP_IDLE = _kind(
    "tcp-idle",
    NOTE,
    "",
    "The connection was silent for longer than max_idle_s and was let go: {detail}.",
)
TCP_CONNECT_REFUSED = _kind(
    "tcp-connect-refused", WARNING, "RFC 9293 3.5.2", "A connect was refused by {detail}."
)
TCP_CONNECT_UNANSWERED = _kind(
    "tcp-connect-unanswered", WARNING, "RFC 9293 3.8.1", "A connect to {detail} was not answered."
)
TCP_CONNECT_LIMIT = _kind(
    "tcp-connect-limit",
    WARNING,
    "",
    "Failed connects beyond max_failed_connects were not looked at: {detail}.",
)
TCP_LATE = _kind(
    "tcp-late", NOTE, "", "Packets came after their connection's rows had left: {detail}."
)
TCP_DATA_AFTER_FIN = _kind(
    "tcp-data-after-fin",
    WARNING,
    "RFC 9293 3.6",
    "Data beyond the sender's own FIN was ignored: {detail} bytes.",
)
TCP_OUT_OF_WINDOW = _kind(
    "tcp-out-of-window",
    NOTE,
    "RFC 9293 3.4",
    "Bytes lie {detail} beyond what was expected, further than any window; they were ignored.",
)

# --- http ------------------------------------------------------------------------
HTTP_MALFORMED = _kind(
    "http-malformed", WARNING, "RFC 9112 2.2", "A message head cannot be read: {detail}."
)
HTTP_HEAD_LIMIT = _kind(
    "http-head-limit",
    WARNING,
    "RFC 9112 2.3",
    "A message head is longer than max_head_bytes: {detail}.",
)
HTTP_PIPELINE_LIMIT = _kind(
    "http-pipeline-limit", WARNING, "", "More requests wait for a response than max_pipelined."
)
HTTP_EARLY_LIMIT = _kind(
    "http-early-limit", WARNING, "", "More bytes follow an unanswered upgrade than max_early_bytes."
)
HTTP_DELIVERY_LIMIT = _kind(
    "http-delivery-limit",
    INFO,
    "",
    "An answer is longer than max_delivery_body_bytes: it counts as one message.",
)
HTTP_GROUP_LIMIT = _kind(
    "http-group-limit",
    NOTE,
    "",
    "More plain HTTP is in progress than {detail}: its kinds are told from less than all of it.",
)
HTTP_GROUPS_LIMIT = _kind(
    "http-groups-limit",
    NOTE,
    "",
    "More groups of deliveries are counted than max_http_groups: rows of old ones left early.",
)
HTTP_LOST = _kind("http-lost", WARNING, "", "Bytes of an HTTP message were not captured: {detail}.")

# --- the opening handshake ---------------------------------------------------------
HANDSHAKE_REFUSED = _kind(
    "handshake-refused", WARNING, "RFC 6455 4.1", "The server refused the upgrade: {detail}."
)
HANDSHAKE_BAD_ACCEPT = _kind(
    "handshake-bad-accept",
    ERROR,
    "RFC 6455 4.1",
    "Sec-WebSocket-Accept does not fit the key: {detail}.",
)
HANDSHAKE_MISSING_ACCEPT = _kind(
    "handshake-missing-accept", ERROR, "RFC 6455 4.2.2", "The 101 has no Sec-WebSocket-Accept."
)
HANDSHAKE_MISSING_KEY = _kind(
    "handshake-missing-key", ERROR, "RFC 6455 4.1", "The upgrade request has no Sec-WebSocket-Key."
)
HANDSHAKE_BAD_KEY = _kind(
    "handshake-bad-key",
    ERROR,
    "RFC 6455 4.1",
    "Sec-WebSocket-Key is not 16 bytes in base64: {detail}.",
)
HANDSHAKE_KEY_REUSED = _kind(
    "handshake-key-reused",
    WARNING,
    "RFC 6455 4.1",
    "Sec-WebSocket-Key was used before; it must be random for each connection: {detail}.",
)
HANDSHAKE_BAD_VERSION = _kind(
    "handshake-bad-version", ERROR, "RFC 6455 4.1", "Sec-WebSocket-Version is not 13: {detail}."
)
HANDSHAKE_BAD_HTTP_VERSION = _kind(
    "handshake-bad-http-version",
    ERROR,
    "RFC 6455 4.1",
    "The upgrade request is not HTTP/1.1: {detail}.",
)
HANDSHAKE_BAD_METHOD = _kind(
    "handshake-bad-method", ERROR, "RFC 6455 4.1", "The upgrade request is not a GET: {detail}."
)
HANDSHAKE_BAD_CONNECTION = _kind(
    "handshake-bad-connection", ERROR, "RFC 6455 4.1", "Connection does not name Upgrade: {detail}."
)
HANDSHAKE_BAD_UPGRADE = _kind(
    "handshake-bad-upgrade",
    ERROR,
    "RFC 6455 4.2.2",
    "The 101 does not upgrade to websocket: {detail}.",
)
HANDSHAKE_MISSING_UPGRADE = _kind(
    "handshake-missing-upgrade",
    ERROR,
    "RFC 6455 4.1",
    "The upgrade request does not name websocket in Upgrade: {detail}.",
)
HANDSHAKE_MISSING_HOST = _kind(
    "handshake-missing-host", ERROR, "RFC 6455 4.1", "The upgrade request has no Host."
)
HANDSHAKE_REPEATED_HEADER = _kind(
    "handshake-repeated-header",
    ERROR,
    "RFC 6455 11.3",
    "A field that must appear once is repeated: {detail}.",
)
HANDSHAKE_UNOFFERED_SUBPROTOCOL = _kind(
    "handshake-unoffered-subprotocol",
    ERROR,
    "RFC 6455 4.1",
    "The server chose a subprotocol that was not offered: {detail}.",
)
HANDSHAKE_UNOFFERED_EXTENSION = _kind(
    "handshake-unoffered-extension",
    ERROR,
    "RFC 6455 9.1",
    "The server chose an extension that was not offered: {detail}.",
)
HANDSHAKE_BAD_EXTENSION = _kind(
    "handshake-bad-extension",
    ERROR,
    "RFC 7692 7.1",
    "An extension's parameters are not allowed: {detail}.",
)
HANDSHAKE_EARLY_DATA = _kind(
    "handshake-early-data",
    NOTE,
    "RFC 6455 4.1",
    "The client sent {detail} bytes before the 101 arrived.",
)
HANDSHAKE_NO_ANSWER = _kind(
    "handshake-no-answer", WARNING, "RFC 6455 4.1", "The upgrade request was never answered."
)
HANDSHAKE_RESET = _kind(
    "handshake-reset",
    WARNING,
    "RFC 6455 4.1",
    "The connection ended before the upgrade was answered: {detail}.",
)

# --- websocket frames and messages -------------------------------------------------
WEBSOCKET_UNMASKED_CLIENT_FRAME = _kind(
    "websocket-unmasked-client-frame",
    ERROR,
    "RFC 6455 5.1",
    "A client frame is not masked.",
)
WEBSOCKET_MASKED_SERVER_FRAME = _kind(
    "websocket-masked-server-frame", ERROR, "RFC 6455 5.1", "A server frame is masked."
)
WEBSOCKET_RSV = _kind(
    "websocket-rsv",
    ERROR,
    "RFC 6455 5.2",
    "A reserved bit is set that no extension defines: {detail}.",
)
WEBSOCKET_RSV1 = _kind(
    "websocket-rsv1",
    ERROR,
    "RFC 7692 6",
    "RSV1 is set where it must not be (compression not negotiated, control frame or continuation).",
)
WEBSOCKET_RESERVED_OPCODE = _kind(
    "websocket-reserved-opcode", ERROR, "RFC 6455 5.2", "Opcode {detail} is reserved."
)
WEBSOCKET_CONTROL_TOO_LONG = _kind(
    "websocket-control-too-long",
    ERROR,
    "RFC 6455 5.5",
    "A control frame has {detail} bytes of payload; 125 are allowed.",
)
WEBSOCKET_CONTROL_FRAGMENTED = _kind(
    "websocket-control-fragmented", ERROR, "RFC 6455 5.5", "A control frame is fragmented."
)
WEBSOCKET_LONE_CONTINUATION = _kind(
    "websocket-lone-continuation",
    ERROR,
    "RFC 6455 5.4",
    "A continuation frame has no message to continue.",
)
WEBSOCKET_INTERRUPTED_MESSAGE = _kind(
    "websocket-interrupted-message",
    ERROR,
    "RFC 6455 5.4",
    "A new message begins before the last one has ended.",
)
WEBSOCKET_LENGTH_NOT_MINIMAL = _kind(
    "websocket-length-not-minimal",
    ERROR,
    "RFC 6455 5.2",
    "The payload length {detail} is not in its shortest form.",
)
WEBSOCKET_LENGTH_TOO_BIG = _kind(
    "websocket-length-too-big",
    ERROR,
    "RFC 6455 5.2",
    "The most significant bit of a 64-bit payload length is set.",
)
WEBSOCKET_BAD_UTF8 = _kind(
    "websocket-bad-utf8", ERROR, "RFC 6455 8.1", "A text message is not valid UTF-8."
)
WEBSOCKET_CLOSE_BODY = _kind(
    "websocket-close-body", ERROR, "RFC 6455 5.5.1", "A Close frame has a body of 1 byte."
)
WEBSOCKET_CLOSE_CODE = _kind(
    "websocket-close-code", ERROR, "RFC 6455 7.4", "Close code {detail} must not be sent."
)
WEBSOCKET_CLOSE_UTF8 = _kind(
    "websocket-close-utf8", ERROR, "RFC 6455 5.5.1", "A Close reason is not valid UTF-8."
)
WEBSOCKET_DATA_AFTER_CLOSE = _kind(
    "websocket-data-after-close", ERROR, "RFC 6455 5.5.1", "A frame follows the sender's own Close."
)
WEBSOCKET_REPEATED_KEY = _kind(
    "websocket-repeated-key",
    WARNING,
    "RFC 6455 5.3",
    "Masking keys repeat or are predictable: {detail}.",
)
WEBSOCKET_FRAME_CUT = _kind(
    "websocket-frame-cut",
    WARNING,
    "",
    "The stream ends within a frame: {detail} bytes are missing.",
)
WEBSOCKET_MESSAGE_UNFINISHED = _kind(
    "websocket-message-unfinished",
    WARNING,
    "RFC 6455 5.4",
    "The stream ends within a message: its last frame was not seen.",
)
WEBSOCKET_PAYLOAD_LOST = _kind(
    "websocket-payload-lost", WARNING, "", "{detail} bytes of a frame's payload were not captured."
)
WEBSOCKET_FRAMING_LOST = _kind(
    "websocket-framing-lost",
    WARNING,
    "",
    "The frame boundary was lost behind a gap or a fault; frames are searched for again.",
)
WEBSOCKET_RESYNCHRONISED = _kind(
    "websocket-resynchronised",
    NOTE,
    "",
    "Frames were found again after {detail} bytes that could not be read.",
)
WEBSOCKET_NOT_RESYNCHRONISED = _kind(
    "websocket-not-resynchronised",
    ERROR,
    "",
    "No frame boundary was found again; {detail} bytes were not read.",
)
WEBSOCKET_MID_STREAM = _kind(
    "websocket-mid-stream",
    NOTE,
    "",
    "The handshake was not captured; frames were recognised by their form.",
)
WEBSOCKET_UNKNOWN_EXTENSION = _kind(
    "websocket-unknown-extension",
    NOTE,
    "RFC 6455 9.1",
    "An accepted extension is not decoded, so that payload is taken as sent: {detail}.",
)
WEBSOCKET_CLOSE_ABNORMAL = _kind(
    "websocket-close-abnormal",
    WARNING,
    "RFC 6455 7.1.5",
    "The connection ended without Close frames in both directions: {detail}.",
)
WEBSOCKET_CLOSE_ERROR = _kind(
    "websocket-close-error", NOTE, "RFC 6455 7.4.1", "The connection was closed with {detail}."
)
MESSAGE_LIMIT = _kind(
    "websocket-message-limit",
    WARNING,
    "",
    "A message is longer than max_message_bytes; its payload was not kept.",
)
PINGS_LIMIT = _kind(
    "websocket-pings-limit", NOTE, "", "More pings wait for a pong than max_pending_pings."
)

# --- permessage-deflate ------------------------------------------------------------
DEFLATE_BAD_DATA = _kind(
    "deflate-bad-data",
    ERROR,
    "RFC 7692 7.2.2",
    "A compressed message cannot be inflated: {detail}.",
)
DEFLATE_CONTEXT_LOST = _kind(
    "deflate-context-lost",
    WARNING,
    "RFC 7692 7.2.2",
    "A compressed message needs earlier ones that were not captured; it is not shown.",
)
DEFLATE_LIMIT = _kind(
    "deflate-limit", ERROR, "", "A compressed message is larger than max_inflated_bytes."
)
DEFLATE_ESTIMATE_LIMIT = _kind(
    "deflate-estimate-limit",
    INFO,
    "",
    "What permessage-deflate would save is not estimated from here on: {detail} is reached.",
)

# --- what was compared with other transports -------------------------------------------
COMPARED_LIMIT = _kind(
    "compared-limit",
    INFO,
    "",
    "Not all was compared with other transports to its full: {detail}.",
)
