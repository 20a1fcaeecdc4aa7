"""Phoenix channels, serializers 1 (objects) and 2 (arrays, and binary messages).

Source: Phoenix, lib/phoenix/socket/serializers/v2_json_serializer.ex and assets/js/phoenix
(serializer.js): `[join_ref, ref, topic, event, payload]`; binary messages begin with 0 (push),
1 (reply) or 2 (broadcast) and lengths. A push has a reference
by which it may be answered, and need not be. Knows one connection's
messages.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from analyzer.inside.item import Item
from analyzer.inside.json_text import decoded, elements, name_of, text_of
from analyzer.inside.protocol import (
    ASK,
    ASK_OPEN,
    CLIENT,
    DELIVER_MAYBE,
    HEARTBEAT,
    PUBLISH_MAYBE,
    REPLY,
    REPLY_ERROR,
    SERVER,
    SUBSCRIBE,
    Decoder,
    short,
)
from analyzer.lazy_pattern import lazy_pattern

INNER: Final = "phoenix"

_PUSH, _REPLY, _BROADCAST = 0, 1, 2
_OWN: Final = frozenset({"phx_join", "phx_leave", "phx_reply", "phx_close", "phx_error"})


class _Object(msgspec.Struct, gc=False):
    topic: str
    event: str
    payload: Raw
    ref: Raw = Raw(b"null")


class _Status(msgspec.Struct, gc=False):
    status: str | None = None


_REF: Final = lazy_pattern(rb'"\d{1,19}"')
_TOPIC: Final = lazy_pattern(r"\w[\w.\-]{0,255}:[^\s]{1,1024}")
"""Topic and subtopic, as channels are declared: `channel "room:*"`."""

_OBJECT: Final = msgspec.json.Decoder(_Object)
_STATUS: Final = msgspec.json.Decoder(_Status)


class Phoenix(Decoder):
    """Reads one connection."""

    inner = INNER

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message."""
        if not is_text:
            return self._binary(payload, sender)
        if payload[:1] == b"[":
            parts = elements(payload)
            if parts is None or len(parts) != 5:
                return None
            topic, event = name_of(parts[2]), name_of(parts[3])
            ref, body = text_of(parts[1]), bytes(parts[4])
            if topic is None or event is None:
                return None
        else:
            one = decoded(_OBJECT, payload)
            if one is None:
                return None
            topic, event, ref = short(one.topic) or "", short(one.event) or "", text_of(one.ref)
            body = bytes(one.payload)
        status = ""
        if event == "phx_reply":
            found = decoded(_STATUS, body)
            status = (found.status or "") if found is not None else ""
        return [_item(topic, event, ref, body, status, sender)]

    def _binary(self, payload: bytes, sender: int) -> list[Item] | None:
        kind = payload[0] if payload else 255
        # Lengths of join_ref, ref, topic and event; the server's own pushes have no ref.
        names = {
            (_PUSH, CLIENT): ("join", "ref", "topic", "event"),
            (_PUSH, SERVER): ("join", "topic", "event"),
            (_REPLY, SERVER): ("join", "ref", "topic", "status"),
            (_BROADCAST, SERVER): ("topic", "event"),
        }.get((kind, sender))
        if names is None or len(payload) < 1 + len(names):
            return None
        at, parts = 1 + len(names), {}
        for name, length in zip(names, payload[1:at], strict=False):
            parts[name] = payload[at : at + length].decode("utf-8", "replace")
            at += length
        if at > len(payload):
            return None
        event = "phx_reply" if kind == _REPLY else parts["event"]
        ref = parts.get("ref") or None
        return [_item(parts["topic"], event, ref, payload[at:], parts.get("status", ""), sender)]


def _item(topic: str, event: str, ref: str | None, body: bytes, status: str, sender: int) -> Item:
    if topic == "phoenix" and event in ("heartbeat", "phx_reply"):
        return Item(HEARTBEAT)
    item = Item("message", event, topic=topic, body=body)
    key = (topic, ref)
    if event == "phx_reply":
        item.reply_to, item.key, item.name = ref, key, None
        item.role = REPLY if status == "ok" else REPLY_ERROR
        item.name = event
    elif ref is not None and sender == CLIENT:
        item.id, item.key = ref, key
        item.role = ASK if event in _OWN else ASK_OPEN
    if event == "phx_join":
        item.spread = SUBSCRIBE
    elif event not in _OWN:
        item.spread = PUBLISH_MAYBE if sender == CLIENT else DELIVER_MAYBE
    return item


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message joins a channel, answers, or is a heartbeat."""
    if not is_text or (b'"phx_' not in payload and b'"phoenix"' not in payload):
        return False
    items = Phoenix.take(_ANY, payload, sender, is_text)
    return items is not None and (items[0].kind == HEARTBEAT or items[0].name in _OWN)


def looks_named(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message may be one, where the path names the protocol."""
    return Phoenix.take(_ANY, payload, sender, is_text) is not None


def middle(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is of the protocol's own, or to a topic as serializer 2 has it."""
    if looks(payload, sender, is_text):
        return True
    parts = elements(payload) if is_text and payload[:1] == b"[" else None
    if parts is None or len(parts) != 5 or bytes(parts[4])[:1] != b"{":
        return False
    topic, event = name_of(parts[2]), name_of(parts[3])
    refs = (bytes(part) for part in parts[:2])
    is_pushed = all(ref == b"null" or _REF.fullmatch(ref) for ref in refs)
    return is_pushed and bool(event) and _TOPIC.fullmatch(topic or "") is not None


_ANY: Final = Phoenix.__new__(Phoenix)
