"""GraphQL over WebSocket, in both of its protocols.

Sources: graphql-ws, PROTOCOL.md (subprotocol graphql-transport-ws); subscriptions-transport-ws,
PROTOCOL.md (subprotocol graphql-ws). An operation is answered by its first result; it ends with
`complete` or `error`. Knows one connection's messages.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from analyzer.inside.item import Item
from analyzer.inside.json_text import NOTHING, decoded, is_given, members, text_of
from analyzer.inside.protocol import (
    ASK,
    CANCEL_END,
    END,
    FIRST,
    FIRST_ERROR,
    HEARTBEAT,
    REPLY_ERROR,
    SERVER,
    Decoder,
    Setting,
    short,
)
from analyzer.lazy_pattern import lazy_pattern

OLD: Final = "graphql-ws"
NEW: Final = "graphql-transport-ws"

_HEARTBEATS: Final = frozenset({"ka", "ping", "pong"})
_ASKS: Final = frozenset({"start", "subscribe"})
_RESULTS: Final = frozenset({"data", "next"})
_OF_RESULTS: Final = frozenset({"data", "errors", "extensions"})
_OF_OLD: Final = frozenset(
    {"ka", "start", "stop", "data", "connection_error", "connection_terminate"}
)
_OF_NEW: Final = frozenset({"ping", "pong", "subscribe", "next"})
_TYPES: Final = frozenset(
    {
        *("connection_init", "connection_ack", "connection_error", "connection_terminate"),
        *("ka", "ping", "pong", "start", "subscribe", "data", "next", "error", "complete", "stop"),
    }
)
_NAMED: Final = lazy_pattern(r"\s*(?:query|mutation|subscription)\s+([_A-Za-z][_0-9A-Za-z]{0,255})")


class _Head(msgspec.Struct, gc=False):
    type: str
    id: Raw = NOTHING
    payload: Raw = NOTHING


class _Operation(msgspec.Struct, gc=False):
    operationName: str | None = None
    query: str | None = None


class _Result(msgspec.Struct, gc=False):
    errors: Raw = NOTHING


_HEAD: Final = msgspec.json.Decoder(_Head)
_OPERATION: Final = msgspec.json.Decoder(_Operation)
_RESULT: Final = msgspec.json.Decoder(_Result)


class Graphql(Decoder):
    """Reads one connection."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.inner = OLD if setting.subprotocol == OLD else NEW

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message."""
        head = decoded(_HEAD, payload)
        if head is None or head.type not in _TYPES:
            return None
        kind = head.type
        if self.setting.subprotocol not in (OLD, NEW) and kind in _OF_OLD | _OF_NEW:
            # The handshake was not captured.
            self.inner = OLD if kind in _OF_OLD else NEW
        if kind in _HEARTBEATS:
            return [Item(HEARTBEAT)]
        token = bytes(head.id)
        item = Item(kind, key=token)
        if kind in _ASKS:
            item.id, item.role, item.name = text_of(token), ASK, _name(head.payload)
        elif kind in _RESULTS:
            result = decoded(_RESULT, head.payload)
            failed = result is not None and bytes(result.errors) not in (b"", b"null", b"[]")
            item.reply_to, item.role = text_of(token), FIRST_ERROR if failed else FIRST
        elif kind == "error":
            item.reply_to, item.role = text_of(token), REPLY_ERROR
        elif kind == "complete" and sender == SERVER:
            item.reply_to, item.role = text_of(token), END
        elif kind in ("complete", "stop"):
            item.reply_to, item.role = text_of(token), CANCEL_END
        return [item]


def _name(payload: Raw) -> str | None:
    operation = decoded(_OPERATION, payload) if is_given(payload) else None
    if operation is None:
        return None
    if operation.operationName:
        return short(operation.operationName)
    match = _NAMED.match(operation.query or "")
    return match[1] if match else None


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is one that opens a connection of GraphQL, or an operation."""
    head = decoded(_HEAD, payload) if payload[:1] == b"{" else None
    if head is None:
        return False
    if head.type in ("connection_init", "connection_ack"):
        return True
    if head.type in _ASKS:
        operation = decoded(_OPERATION, head.payload) if is_given(head.payload) else None
        return operation is not None and operation.query is not None
    return head.type in ("data", "next") and b'"data"' in bytes(head.payload)[:16]


def fits(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is of a type that one of the protocols has."""
    head = decoded(_HEAD, payload) if is_text else None
    return head is not None and head.type in _TYPES


def middle(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is an operation, or its result (GraphQL, 7.1)."""
    if looks(payload, sender, is_text):
        return True
    head = decoded(_HEAD, payload) if payload[:1] == b"{" else None
    if head is None or head.type not in _RESULTS or not is_given(head.id):
        return False
    found = members(head.payload) or {}
    return found.keys() <= _OF_RESULTS and not _OF_RESULTS.isdisjoint(found)
