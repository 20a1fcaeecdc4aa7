"""SignalR hubs, with the JSON and the MessagePack protocol.

Source: ASP.NET Core, src/SignalR/docs/specs/HubProtocol.md. Handshake and JSON messages end
with a byte 0x1e; MessagePack messages begin with their length (7 bits a byte, low ones first),
and several of either may share a message of WebSocket. Knows one connection's messages.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from analyzer.inside.item import Item
from analyzer.inside.json_text import ERRORS, NOTHING, decoded, is_given
from analyzer.inside.protocol import (
    ASK,
    CANCEL,
    CLIENT,
    HEARTBEAT,
    REPLY,
    REPLY_ERROR,
    STREAM,
    Decoder,
    Setting,
    plain,
    short,
)

INNER: Final = "signalr"

_END: Final = b"\x1e"
_MAX_ITEMS: Final = 4096
"""Messages of SignalR in one of WebSocket that are read."""
_KINDS: Final = {
    1: "invocation",
    2: "stream_item",
    3: "completion",
    4: "stream_invocation",
    5: "cancel",
    6: HEARTBEAT,
    7: "close",
    8: "ack",
    9: "sequence",
}


class _Head(msgspec.Struct, gc=False):
    type: int | None = None
    target: str | None = None
    invocationId: str | None = None
    error: Raw = NOTHING
    protocol: str | None = None


_HEAD: Final = msgspec.json.Decoder(_Head)
_PACKED: Final = msgspec.msgpack.Decoder(list[Raw])
_VALUE: Final = msgspec.msgpack.Decoder(int | str | None)


class SignalR(Decoder):
    """Reads one connection."""

    inner = INNER

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._greeted = [False, False]

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message."""
        if payload[:1] in (b"{", b"[") and payload.endswith(_END):
            return self._texts(payload, sender)
        return None if is_text else self._packed(payload)

    def _texts(self, payload: bytes, sender: int) -> list[Item] | None:
        items: list[Item] = []
        for text in payload.split(_END, _MAX_ITEMS)[:-1]:
            head = decoded(_HEAD, text)
            if head is None:
                return items or None
            if head.type is None:
                # The handshake: a protocol's name, and an empty object or an error.
                if head.protocol is None and self._greeted[sender]:
                    return items or None
                kind = "handshake"
                self._greeted[sender] = True
                items.append(Item(kind, short(head.protocol)))
                continue
            item = _item(head.type, head.invocationId, head.target, failed=is_given(head.error))
            if item is None:
                return items or None
            items.append(item)
        return items or None

    def _packed(self, payload: bytes) -> list[Item] | None:
        items: list[Item] = []
        at = 0
        while at < len(payload) and len(items) < _MAX_ITEMS:
            length, at = _length(payload, at)
            if length < 0 or at + length > len(payload):
                return items or None
            item = _packed(payload[at : at + length])
            if item is None:
                return items or None
            items.append(item)
            at += length
        return items or None


def _length(payload: bytes, at: int) -> tuple[int, int]:
    """Return the length before a message, of at most five bytes, and where it ends; or -1."""
    value = 0
    for place in range(5):
        if at + place >= len(payload):
            return -1, at
        byte = payload[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    return -1, at


def _packed(message: bytes) -> Item | None:
    try:
        parts = _PACKED.decode(message)
        kind = _VALUE.decode(parts[0]) if parts else None
        if not isinstance(kind, int) or kind not in _KINDS:
            return None
        if kind >= 6:
            return Item(_KINDS[kind])
        id_ = _VALUE.decode(parts[2])
        if kind in (1, 4):
            target = _VALUE.decode(parts[3])
            return _item(kind, plain(id_), plain(target), failed=False) if target else None
        failed = kind == 3 and _VALUE.decode(parts[3]) == 1  # ResultKind: 1 is an error
        return _item(kind, plain(id_), None, failed=failed)
    except (*ERRORS, IndexError):
        return None


def _item(kind: int, id_: str | None, target: str | None, *, failed: bool) -> Item | None:
    word = _KINDS.get(kind)
    if word is None or (kind in (1, 4) and target is None):
        return None
    told = short(id_)
    if kind in (1, 4):
        item = Item(word, short(target), told)
        if id_ is not None:
            item.role, item.key = ASK, id_
        return item
    if kind in (2, 3, 5):
        role = {2: STREAM, 3: REPLY_ERROR if failed else REPLY, 5: CANCEL}[kind]
        return Item(word, None, None, told, None, role, id_)
    return Item(word)


_ARITIES: Final = {1: (5, 6), 2: (4,), 3: (4, 5), 4: (5, 6), 5: (3,), 6: (1,), 7: (2, 3)}
"""Elements of the arrays of MessagePack, by type."""
_HEADERS: Final = msgspec.msgpack.Decoder(dict[str, str])
_ARGUMENTS: Final = msgspec.msgpack.Decoder(list[Raw])


def _kinds(payload: bytes) -> list[int] | None:
    """Return the types of the messages of MessagePack; None if it is not only these."""
    kinds: list[int] = []
    at = 0
    while at < len(payload) and len(kinds) < _MAX_ITEMS:
        length, at = _length(payload, at)
        if length < 1 or at + length > len(payload):
            return None
        kind = _strict(payload[at : at + length])
        if kind is None:
            return None
        kinds.append(kind)
        at += length
    return kinds or None


def _strict(message: bytes) -> int | None:
    """Return a message's type if each of its elements is what the specification says."""
    try:
        parts = _PACKED.decode(message)
        kind = _VALUE.decode(parts[0]) if parts else None
        if not isinstance(kind, int) or len(parts) not in _ARITIES.get(kind, ()):
            return None
        if kind >= 6:
            return kind
        _HEADERS.decode(parts[1])
        id_ = _VALUE.decode(parts[2])
        if not (isinstance(id_, str) or (id_ is None and kind == 1)):
            return None
        if kind in (1, 4):
            target = _VALUE.decode(parts[3])
            _ARGUMENTS.decode(parts[4])
            return kind if isinstance(target, str) and target else None
        if kind == 3 and _VALUE.decode(parts[3]) not in (1, 2, 3):
            return None
        return kind
    except (*ERRORS, IndexError):
        return None


def middle(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is SignalR's with its end, or in MessagePack more than a ping."""
    if is_text:
        return looks(payload, sender, is_text)
    kinds = _kinds(payload)
    return kinds is not None and min(kinds) < 6


def fits(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message may be one: JSON with its end, or whole ones of MessagePack."""
    if payload[:1] in (b"{", b"[") and payload.endswith(_END):
        return True
    return not is_text and _kinds(payload) is not None


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is the handshake, or a JSON message with its end."""
    if not payload.endswith(_END) or payload[:1] != b"{":
        return False
    if payload == b"{}\x1e":
        return sender != CLIENT
    head = decoded(_HEAD, payload.split(_END, 1)[0])
    if head is None:
        return False
    return head.protocol in ("json", "messagepack") or head.type in _KINDS
