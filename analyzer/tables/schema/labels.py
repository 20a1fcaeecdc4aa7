"""Labels of columns that hold one of a few words, and columns that several tables share."""

from __future__ import annotations

from analyzer.tables.declare import NEVER, enum, integer
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
    *("short-poll-h2", "long-poll-h2", "sse-h2", "short-poll-latest"),
    "stream-buffered",
)
CODINGS = ("gzip", "permessage-deflate")
SOURCES = ("measured", "observed", "modelled")
CLIENTS = (*("chromium", "firefox", "curl", "undici", "requests", "aiohttp", "httpx", "java"),)
"""Clients whose plain requests are known: alternatives.clients."""
SCOPES = ("connection", "session", "connections", "sessions", "service", "services")

# --- null rules that many columns share -------------------------------------------
NO_HANDSHAKE = "handshake not captured"

CONNECTION = integer("connection", NEVER, "WebSocket connection, from 0 in order of appearance.")
SENDER = enum("direction", DIRECTIONS, NEVER, "Who sent it.")
