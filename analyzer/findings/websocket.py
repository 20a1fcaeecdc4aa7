"""Findings of frames and messages (RFC 6455 5 to 8)."""

from __future__ import annotations

from analyzer.findings.kinds import ERROR, NOTE, WARNING
from analyzer.findings.kinds import kind_of as _kind

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
    "websocket-data-after-close",
    ERROR,
    "RFC 6455 5.5.1",
    "A data frame follows the sender's own Close.",
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
    total="Streams end within a frame {where}: {detail} bytes are missing.",
)
WEBSOCKET_MESSAGE_UNFINISHED = _kind(
    "websocket-message-unfinished",
    WARNING,
    "RFC 6455 5.4",
    "The stream ends within a message: its last frame was not seen.",
)
WEBSOCKET_PAYLOAD_LOST = _kind(
    "websocket-payload-lost",
    WARNING,
    "",
    "{detail} bytes of a frame's payload were not captured.",
    total="{detail} bytes of the payload of frames {where} were not captured.",
    has_culprit=False,
)
WEBSOCKET_FRAMING_LOST = _kind(
    "websocket-framing-lost",
    WARNING,
    "",
    "The frame boundary was lost after a gap or an error; the search for frames starts again.",
    has_culprit=False,
)
WEBSOCKET_RESYNCHRONISED = _kind(
    "websocket-resynchronised",
    NOTE,
    "",
    "Frames were found again after {detail} bytes that could not be read.",
    total="Frames were found again {where} after {detail} bytes that could not be read.",
    none="Frames were found again, and no captured byte was skipped for it.",
    has_culprit=False,
)
WEBSOCKET_NOT_RESYNCHRONISED = _kind(
    "websocket-not-resynchronised",
    ERROR,
    "",
    "No frame boundary was found again; {detail} bytes were not read.",
    total="No frame boundary was found again {where}; {detail} bytes were not read.",
    has_culprit=False,
)
WEBSOCKET_MID_STREAM = _kind(
    "websocket-mid-stream",
    NOTE,
    "",
    "The handshake was not captured; frames were recognised by their form.",
    has_culprit=False,
)
WEBSOCKET_UNKNOWN_EXTENSION = _kind(
    "websocket-unknown-extension",
    NOTE,
    "RFC 6455 9.1",
    "An accepted extension is not decoded, so payload is shown as sent: {detail}.",
    has_culprit=False,
)
WEBSOCKET_CLOSE_ABNORMAL = _kind(
    "websocket-close-abnormal",
    WARNING,
    "RFC 6455 7.1.5",
    "The connection ended without Close frames in both directions: {detail}.",
    has_culprit=False,  # a peer that fails a connection may end it this way (RFC 6455 7.1.7)
)
WEBSOCKET_CLOSE_ERROR = _kind(
    "websocket-close-error",
    NOTE,
    "RFC 6455 7.4.1",
    "The connection was closed with {detail}.",
    has_culprit=False,
)
MESSAGE_LIMIT = _kind(
    "websocket-message-limit",
    WARNING,
    "",
    "A message is longer than max_message_bytes; its payload was not kept.",
    has_culprit=False,
)
PINGS_LIMIT = _kind(
    "websocket-pings-limit",
    NOTE,
    "",
    "More pings wait for a pong than max_pending_pings.",
    has_culprit=False,
)
WEBSOCKET_NOT_FRAMES = _kind(
    "websocket-not-frames",
    ERROR,
    "RFC 6455 5.2",
    "Bytes that are not a frame appear where a frame must begin: {detail}.",
)
WEBSOCKET_TORN_WRITE = _kind(
    "websocket-torn-write",
    ERROR,
    "RFC 6455 5.2",
    "A frame was not written in one piece: {detail}.",
)
WEBSOCKET_MAYBE = _kind(
    "websocket-maybe",
    NOTE,
    "",
    "This may be WebSocket whose handshake was not captured: {detail}.",
    has_culprit=False,
)
WEBSOCKET_OLD_DRAFT = _kind(
    "websocket-old-draft",
    WARNING,
    "",
    "The connection uses an older draft of WebSocket, which is not decoded: {detail}.",
)
