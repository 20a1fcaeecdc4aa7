"""Pusher channels, and servers that speak like it (Soketi, Laravel Reverb).

Source: Pusher Channels documentation, "WebSocket protocol", version 7. Knows one connection's
messages.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from analyzer.inside.item import Item
from analyzer.inside.json_text import NOTHING, decoded, members, text_of
from analyzer.inside.protocol import (
    ASK,
    CLIENT,
    DELIVER,
    HEARTBEAT,
    PUBLISH,
    REPLY,
    REPLY_ERROR,
    SUBSCRIBE,
    Decoder,
    short,
)
from analyzer.lazy_pattern import lazy_pattern

INNER: Final = "pusher"

_SUBSCRIBED: Final = "pusher_internal:subscription_succeeded"
_REFUSED: Final = ("pusher:subscription_error", "pusher_internal:subscription_error")


class _Head(msgspec.Struct, gc=False):
    event: str
    channel: str | None = None
    data: Raw = NOTHING


class _Data(msgspec.Struct, gc=False):
    channel: str | None = None


_NESTED: Final = lazy_pattern(rb'"\s*[{\[]')
"""A string that holds an object or an array."""

_HEAD: Final = msgspec.json.Decoder(_Head)
_DATA: Final = msgspec.json.Decoder(_Data)


class Pusher(Decoder):
    """Reads one connection."""

    inner = INNER

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message."""
        head = decoded(_HEAD, payload)
        if head is None:
            return None
        event, channel = short(head.event) or "", head.channel
        if event in ("pusher:ping", "pusher:pong"):
            return [Item(HEARTBEAT)]
        if channel is None and event in ("pusher:subscribe", "pusher:unsubscribe"):
            data = decoded(_DATA, head.data)
            channel = None if data is None else data.channel
        topic = short(channel)
        item = Item(event, event, topic=topic, key=channel)
        if event == "pusher:subscribe":
            item.role, item.spread = ASK, SUBSCRIBE
        elif event == _SUBSCRIBED:
            item.role = REPLY
        elif event in _REFUSED:
            item.role = REPLY_ERROR
        elif channel is not None and not event.startswith(("pusher:", "pusher_internal:")):
            # Of client events ("client-...") publications are seen too.
            item.spread = PUBLISH if sender == CLIENT else DELIVER
            item.body = _body(head.data)
        return [item]


def _body(data: Raw) -> bytes:
    """Return data as it is compared: servers put JSON in a string, clients need not."""
    text = text_of(data)
    return bytes(data) if text is None else text.encode("utf-8", "surrogatepass")


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is an event of the protocol's own."""
    if payload[:1] != b"{" or b'"pusher' not in payload:
        return False
    head = decoded(_HEAD, payload)
    return head is not None and head.event.startswith(("pusher:", "pusher_internal:"))


def looks_named(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message may be one, where the path names the protocol."""
    return payload[:1] == b"{" and decoded(_HEAD, payload) is not None


_MEMBERS: Final = frozenset({"event", "channel", "data", "user_id"})


def middle(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is an event of the protocol's own, or one of a channel.

    Servers write data as JSON in a string, beside event and channel and nothing more; clients
    may only send events that begin with `client-`, to private channels.
    """
    head = decoded(_HEAD, payload) if payload[:1] == b"{" else None
    found = members(payload) if head is not None else None
    if head is None or found is None:
        return False
    if head.event.startswith(("pusher:", "pusher_internal:")):
        return True
    if head.channel is None or not found.keys() <= _MEMBERS:
        return False
    if head.event.startswith("client-"):
        return head.channel.startswith(("private-", "presence-"))
    return sender != CLIENT and _NESTED.match(bytes(head.data)) is not None
