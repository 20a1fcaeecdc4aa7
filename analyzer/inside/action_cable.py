"""Action Cable, of Ruby on Rails.

Source: Rails guides, "Action Cable Overview", and actioncable/lib/action_cable
(INTERNAL: message_types, protocols actioncable-v1-json). The identifier is JSON in a string, with
the channel's name. Knows one connection's messages.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from analyzer.inside.item import Item
from analyzer.inside.json_text import NOTHING, decoded, members
from analyzer.inside.protocol import (
    ASK,
    DELIVER,
    HEARTBEAT,
    PUBLISH_MAYBE,
    REPLY,
    REPLY_ERROR,
    SUBSCRIBE,
    Decoder,
    short,
)

INNER: Final = "action-cable"

_COMMANDS: Final = frozenset({"subscribe", "unsubscribe", "message", "whisper"})
_TYPES: Final = frozenset(
    {"welcome", "disconnect", "ping", "confirm_subscription", "reject_subscription"}
)


class _Head(msgspec.Struct, gc=False):
    command: str | None = None
    type: str | None = None
    identifier: str | None = None
    message: Raw = NOTHING
    data: str | None = None


class _Identifier(msgspec.Struct, gc=False):
    channel: str | None = None


_HEAD: Final = msgspec.json.Decoder(_Head)
_IDENTIFIER: Final = msgspec.json.Decoder(_Identifier)


class ActionCable(Decoder):
    """Reads one connection."""

    inner = INNER

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message."""
        head = decoded(_HEAD, payload)
        if head is None:
            return None
        name = _channel(head.identifier)
        if head.command is not None:
            if head.command not in _COMMANDS:
                return None
            item = Item(head.command, name, topic=name)
            if head.command == "subscribe":
                item.role, item.key, item.spread = ASK, head.identifier, SUBSCRIBE
            elif head.command == "message":
                item.spread = PUBLISH_MAYBE
                data = None if head.data is None else head.data.encode("utf-8", "surrogatepass")
                item.body = None if data is None else _body(data)
            return [item]
        if head.type is not None:
            if head.type not in _TYPES:
                return None
            if head.type == "ping":
                return [Item(HEARTBEAT)]
            item = Item(head.type, name, topic=name, key=head.identifier)
            if head.type == "confirm_subscription":
                item.role = REPLY
            elif head.type == "reject_subscription":
                item.role = REPLY_ERROR
            return [item]
        if not bytes(head.message) or head.identifier is None:
            return None
        return [Item("message", name, topic=name, spread=DELIVER, body=_body(head.message))]


def _body(data: bytes | Raw) -> bytes:
    """Return data as it is compared: without the action, which says what the channel does with it.

    `perform("speak", data)` of the client adds it; what a channel broadcasts may have it or not.
    """
    found = members(data)
    if found is None or found.pop("action", None) is None:
        return bytes(data)
    cells = [msgspec.json.encode(key) + b":" + bytes(value) for key, value in found.items()]
    return b"{" + b",".join(cells) + b"}"


def _channel(identifier: str | None) -> str | None:
    if identifier is None:
        return None
    found = decoded(_IDENTIFIER, identifier.encode("utf-8", "surrogatepass"))
    return short(found.channel if found is not None and found.channel else identifier)


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message subscribes, or is a type that only Action Cable has."""
    head = decoded(_HEAD, payload) if payload[:1] == b"{" else None
    if head is None:
        return False
    if head.command in _COMMANDS and head.identifier is not None:
        return '"channel"' in head.identifier
    return head.type in ("confirm_subscription", "reject_subscription")


def middle(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is of a channel, as its identifier names it."""
    head = decoded(_HEAD, payload) if payload[:1] == b"{" else None
    if head is None or head.identifier is None or '"channel"' not in head.identifier:
        return False
    return bool(bytes(head.message)) or looks(payload, sender, is_text)


def fits(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is one of Action Cable at all."""
    return is_text and ActionCable.take(_ANY, payload, sender, is_text) is not None


_ANY: Final = ActionCable.__new__(ActionCable)
