"""DDP, of Meteor.

Source: Meteor, packages/ddp/DDP.md ("Establishing a DDP Connection", "Managing Data", "Remote
Procedure Calls"). Knows one connection's messages.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from analyzer.inside.item import Item
from analyzer.inside.json_text import NOTHING, decoded, is_given
from analyzer.inside.protocol import ASK, HEARTBEAT, REPLY, REPLY_ERROR, Decoder, short

INNER: Final = "ddp"

_DATA: Final = frozenset({"added", "changed", "removed", "addedBefore", "movedBefore"})
_MESSAGES: Final = _DATA | {
    *("connect", "connected", "failed", "ping", "pong", "sub", "unsub", "nosub", "ready"),
    *("method", "result", "updated", "error"),
}


class _Head(msgspec.Struct, gc=False):
    msg: str | None = None
    id: str | None = None
    method: str | None = None
    name: str | None = None
    collection: str | None = None
    subs: list[str] | None = None
    methods: list[str] | None = None
    error: Raw = NOTHING
    server_id: str | None = None


_HEAD: Final = msgspec.json.Decoder(_Head)


class Ddp(Decoder):
    """Reads one connection."""

    inner = INNER

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message."""
        head = decoded(_HEAD, payload)
        if head is None:
            return None
        kind = head.msg
        if kind is None:
            # Servers greet with {"server_id": "0"}.
            return [] if head.server_id is not None else None
        if kind not in _MESSAGES:
            return None
        if kind in ("ping", "pong"):
            return [Item(HEARTBEAT)]
        told = short(head.id)
        if kind == "method":
            return [Item(kind, short(head.method), told, None, None, ASK, ("method", head.id))]
        if kind == "sub":
            return [Item(kind, short(head.name), told, None, None, ASK, ("sub", head.id))]
        if kind == "result":
            role = REPLY_ERROR if is_given(head.error) else REPLY
            return [Item(kind, None, None, told, None, role, ("method", head.id))]
        if kind == "nosub":
            return [Item(kind, None, None, told, None, REPLY_ERROR, ("sub", head.id))]
        if kind == "ready":
            # One answer for several subscriptions: each is an item.
            subs = (head.subs or [])[:1024]
            return [
                Item(kind, None, None, short(each), None, REPLY, ("sub", each)) for each in subs
            ] or [Item(kind)]
        topic = short(head.collection) if kind in _DATA else None
        return [Item(kind, None, told, topic=topic)]


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message opens a session of DDP, or calls in the way that it does."""
    head = decoded(_HEAD, payload) if payload[:1] == b"{" and b'"msg"' in payload else None
    if head is None:
        return False
    if head.msg == "connect":
        return b'"support"' in payload
    if head.msg == "connected":
        return b'"session"' in payload
    if head.msg in _DATA:
        return head.collection is not None and head.id is not None
    return (head.msg == "method" and head.method is not None and head.id is not None) or (
        head.msg == "sub" and head.name is not None and head.id is not None
    )


def fits(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message may be one."""
    head = decoded(_HEAD, payload) if is_text and payload[:1] == b"{" else None
    return head is not None and (head.msg in _MESSAGES or head.server_id is not None)


def middle(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is also an answer as DDP has it."""
    if looks(payload, sender, is_text):
        return True
    head = decoded(_HEAD, payload) if payload[:1] == b"{" else None
    if head is None:
        return False
    if head.msg in ("result", "nosub"):
        return bool(head.id)
    return (head.msg == "ready" and bool(head.subs)) or (
        head.msg == "updated" and bool(head.methods)
    )
