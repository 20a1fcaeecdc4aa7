"""Home Assistant's WebSocket API.

Source: Home Assistant developer documentation, "WebSocket API". Messages may share an array.
Knows one connection's messages.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from analyzer.inside.item import Item
from analyzer.inside.json_text import NOTHING, decoded, members
from analyzer.inside.protocol import (
    ASK,
    CLIENT,
    HEARTBEAT,
    REPLY,
    REPLY_ERROR,
    Decoder,
    short,
)

INNER: Final = "home-assistant"

_ANSWERS: Final = frozenset({"result", "event", "pong"})
_COMMANDS: Final = frozenset(
    {
        *("subscribe_events", "unsubscribe_events", "subscribe_trigger", "subscribe_entities"),
        *("fire_event", "get_states", "get_config", "get_services", "get_panels"),
        *("validate_config", "supported_features", "render_template", "extract_from_target"),
    }
)
"""Commands of the documentation that are named like nothing else."""
_AUTH: Final = frozenset({"auth_required", "auth", "auth_ok", "auth_invalid"})


class _Head(msgspec.Struct, gc=False):
    type: str
    id: int | None = None
    success: bool | None = None
    domain: str | None = None
    service: str | None = None
    event_type: str | None = None


_ONE: Final = msgspec.json.Decoder(_Head)
_SEVERAL: Final = msgspec.json.Decoder(list[_Head])


class HomeAssistant(Decoder):
    """Reads one connection."""

    inner = INNER

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message, or several in an array."""
        if payload[:1] == b"[":
            heads = decoded(_SEVERAL, payload)
        else:
            one = decoded(_ONE, payload)
            heads = None if one is None else [one]
        return [_item(head, sender) for head in heads] if heads else None


def _item(head: _Head, sender: int) -> Item:
    told = None if head.id is None else str(head.id)
    if head.type in ("ping", "pong"):
        role = ASK if head.type == "ping" else REPLY
        return Item(HEARTBEAT, None, told if role == ASK else None, told if role == REPLY else None)
    name = None
    if head.domain is not None and head.service is not None:
        name = short(f"{head.domain}.{head.service}")
    elif head.event_type is not None:
        name = short(head.event_type)
    kind = short(head.type) or ""
    if head.id is None:
        return Item(kind, name)
    if sender == CLIENT:
        return Item(kind, name, told, None, None, ASK, head.id)
    if head.type == "result":
        role = REPLY_ERROR if head.success is False else REPLY
        return Item(kind, None, None, told, None, role, head.id)
    return Item(kind, name, None, told)


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message may be one, where the path names the protocol."""
    head = decoded(_ONE, payload) if payload[:1] == b"{" else None
    return head is not None and (head.type in _AUTH or head.id is not None)


class _Event(msgspec.Struct, gc=False):
    event_type: str
    time_fired: str


class _Own(_Head, gc=False):
    ha_version: str | None = None
    event: Raw = NOTHING
    result: Raw = NOTHING
    error: Raw = NOTHING


_OWN: Final = msgspec.json.Decoder(_Own)
_EVENT: Final = msgspec.json.Decoder(_Event)
_RESULT: Final = [{"id", "type", "success", each} for each in ("result", "error")]


def middle(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is one that only Home Assistant writes so, its path not known."""
    head = decoded(_OWN, payload) if payload[:1] == b"{" else None
    if head is None:
        return False
    if head.type in _AUTH:
        return head.ha_version is not None
    if head.id is None or head.id < 1:
        return False
    if sender == CLIENT:
        is_call = head.type == "call_service" and None not in (head.domain, head.service)
        return is_call or head.type in _COMMANDS
    if head.type == "event":
        return decoded(_EVENT, head.event) is not None
    found = members(payload) if head.type == "result" and head.success is not None else None
    return found is not None and found.keys() in _RESULT


def fits(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message may be one, or several in an array."""
    if payload[:1] == b"[":
        return is_text and decoded(_SEVERAL, payload) is not None
    head = decoded(_ONE, payload) if is_text else None
    if head is None or head.type in _AUTH:
        return head is not None
    return head.id is not None and (sender == CLIENT or head.type in _ANSWERS)
