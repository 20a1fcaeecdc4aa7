"""Findings of HTTP/2 (RFC 9113) and of WebSocket over it (RFC 8441)."""

from __future__ import annotations

from analyzer.findings.kinds import ERROR, NOTE, WARNING
from analyzer.findings.kinds import kind_of as _kind

HTTP2_MALFORMED = _kind(
    "http2-malformed", ERROR, "RFC 9113 5.4.1", "A rule of HTTP/2 is broken: {detail}."
)
HTTP2_HEADS_UNKNOWN = _kind(
    "http2-heads-unknown", WARNING, "RFC 7541 2.2", "Headers cannot be decoded, {detail}."
)
HTTP2_LOST = _kind(
    "http2-lost", WARNING, "", "The position of the next HTTP/2 frame is not known, {detail}."
)
HTTP2_FOUND_AGAIN = _kind(
    "http2-found-again", NOTE, "", "HTTP/2 frames were found again: several valid ones in a row."
)
HTTP2_FLOOD = _kind("http2-flood", WARNING, "RFC 9113 10.5", "A flood of frames: {detail}.")
HTTP2_BLOCK_LIMIT = _kind(
    "http2-block-limit", WARNING, "RFC 9113 10.5.1", "A header block was not decoded: {detail}."
)
HTTP2_STREAM_LIMIT = _kind(
    "http2-stream-limit", WARNING, "RFC 9113 5.1.2", "Streams were dropped: {detail}."
)
HTTP2_STREAM_RESET = _kind(
    "http2-stream-reset", NOTE, "RFC 9113 6.4", "A stream ended abnormally: {detail}."
)
HTTP2_GOAWAY = _kind("http2-goaway", NOTE, "RFC 9113 6.8", "GOAWAY: {detail}.")
HTTP2_STALL = _kind("http2-stall", NOTE, "RFC 9113 5.2", "Flow control blocked a sender: {detail}.")
HTTP2_WINDOW_EXCEEDED = _kind(
    "http2-window-exceeded", ERROR, "RFC 9113 6.9.1", "Flow control was violated: {detail}."
)
HTTP2_CONNECT_NOT_ENABLED = _kind(
    "http2-connect-not-enabled",
    ERROR,
    "RFC 8441 3",
    "The client sent an extended CONNECT although the server had not sent "
    "SETTINGS_ENABLE_CONNECT_PROTOCOL.",
)
HTTP2_CONNECT_SETTING = _kind(
    "http2-connect-setting",
    ERROR,
    "RFC 8441 3",
    "SETTINGS_ENABLE_CONNECT_PROTOCOL has a value that is not allowed: {detail}.",
)
HTTP2_CONNECT_INVALID = _kind(
    "http2-connect-invalid", ERROR, "RFC 8441 4", "The extended CONNECT breaks a rule: {detail}."
)
HTTP2_CONNECT_INCOMPLETE = _kind(
    "http2-connect-incomplete", ERROR, "RFC 8441 4", "The extended CONNECT lacks fields: {detail}."
)
