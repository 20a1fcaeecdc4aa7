"""Findings of the opening handshake (RFC 6455 4)."""

from __future__ import annotations

from analyzer.findings.kinds import ERROR, INFO, NOTE, WARNING
from analyzer.findings.kinds import kind_of as _kind

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
HANDSHAKE_OTHER_VERSIONS = _kind(
    "handshake-other-versions",
    INFO,
    "RFC 6455 4.4",
    "The server refused and named the versions that it speaks: {detail}.",
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
    "Upgrade of the 101 must be websocket, and nothing else: {detail}.",
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
HANDSHAKE_FRAGMENT = _kind(
    "handshake-fragment",
    ERROR,
    "RFC 6455 3",
    "The request target has a fragment, which the URI of a WebSocket cannot have: {detail}.",
)
HANDSHAKE_UNASKED_101 = _kind(
    "handshake-unasked-101",
    ERROR,
    "RFC 9110 7.8",
    "The server switched to a protocol that the request did not ask for: {detail}.",
)
HANDSHAKE_BODY_IN_101 = _kind(
    "handshake-body-in-101",
    ERROR,
    "RFC 9110 8.6",
    "The 101 has a field that describes a body: {detail}.",
)
HANDSHAKE_BAD_SUBPROTOCOL = _kind(
    "handshake-bad-subprotocol",
    ERROR,
    "RFC 6455 4.1",
    "The subprotocols that the client offers break a rule: {detail}.",
)
HANDSHAKE_NO_SUBPROTOCOL = _kind(
    "handshake-no-subprotocol",
    NOTE,
    "RFC 6455 4.2.2",
    "The server chose none of the offered subprotocols; browsers then fail the "
    "connection: {detail}.",
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
    "The client sent {detail} bytes before the answer arrived.",
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
