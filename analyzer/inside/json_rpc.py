"""JSON-RPC 2.0: requests, notifications, responses, and batches of them.

Source: JSON-RPC 2.0 Specification, sections 4 to 6. LSP and many others speak it; bridges to
language servers may leave the head of LSP's base protocol before it. A request without `id` is a
notification (4.1); a response has `result` or `error` (5). Knows one connection's messages; pairs
nothing itself.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from analyzer.inside.item import Item
from analyzer.inside.json_text import NOTHING, decoded, is_given, text_of
from analyzer.inside.protocol import ASK, QUICK_JSON_RPC, REPLY, REPLY_ERROR, Decoder, short
from analyzer.lazy_pattern import lazy_pattern

INNER: Final = "json-rpc"


class Head(msgspec.Struct, gc=False):
    """The members of a call that are wanted; the first are JSON-RPC's own."""

    jsonrpc: Raw = NOTHING
    method: str | None = None
    id: Raw = NOTHING
    error: Raw = NOTHING
    result: Raw = NOTHING


HEADS: Final = msgspec.json.Decoder(Head)
_BATCH: Final = msgspec.json.Decoder(list[Head])
_VERSION: Final = b'"2.0"'
_HEAD: Final = lazy_pattern(rb"\A(?:Content-(?:Length|Type): [^\r\n]{1,128}\r\n){1,2}\r\n")
"""LSP 3.17, "Base Protocol", header part."""


class JsonRpc(Decoder):
    """Reads one connection."""

    inner = INNER
    quick = QUICK_JSON_RPC

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message: one call, or a batch (section 6)."""
        if payload[:8] == b"Content-":
            payload = _HEAD.sub(b"", payload, 1)
            if not payload:
                return []  # the call is the next message
        if payload[:1] == b"{":
            head = decoded(HEADS, payload)
            if head is None:
                return None
            if not bytes(head.jsonrpc):
                # Libraries send events of their own between: those of rpc-websockets are
                # objects with "notification" and "params".
                return []
            item = item_of(head)
            return None if item is None else [item]
        heads = decoded(_BATCH, payload)
        if not heads:
            return None
        items = [item_of(each) for each in heads]
        return [item for item in items if item is not None] or None


def item_of(head: Head) -> Item | None:
    """Return what one call of JSON-RPC says; None if it is none."""
    token = bytes(head.id)
    if bytes(head.jsonrpc) != _VERSION:
        return None
    method = head.method
    if method is not None:
        if not token:
            return Item("notification", short(method))
        return Item("request", short(method), text_of(token), role=ASK, key=token)
    if is_given(head.error):
        # An id of null: the request could not be read (section 5).
        return Item("error", None, None, text_of(token), role=REPLY_ERROR, key=token)
    if bytes(head.result) and token:
        return Item("response", None, None, text_of(token), role=REPLY, key=token)
    return None


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is JSON-RPC 2.0: each one names its version (section 4)."""
    if payload[:1] not in (b"{", b"[", b"C") or b'"jsonrpc"' not in payload:
        return False
    return bool(JsonRpc.take(_ANY, payload, sender, is_text))


_ANY: Final = JsonRpc.__new__(JsonRpc)
