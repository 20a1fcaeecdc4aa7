"""Centrifugo and Centrifuge, client protocol 2 (and 1), in JSON and Protobuf.

Source: centrifugal/protocol, definitions/client.proto. Commands and replies are objects, several
in a message with line feeds between; in Protobuf each after its length. A command's name is
the member that it has; an empty command or reply is a ping or pong. Knows one connection's
messages.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from analyzer.inside.item import Item
from analyzer.inside.json_text import NOTHING, decoded, is_given, members
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
    Setting,
    short,
)

INNER: Final = "centrifugo"

_MAX_ITEMS: Final = 4096
_FIRST_FIELD: Final = 4
_COMMANDS: Final = (
    *("connect", "subscribe", "unsubscribe", "publish", "presence", "presence_stats"),
    *("history", "ping", "send", "rpc", "refresh", "sub_refresh"),
)
"""Commands by their field in Protobuf, from 4 on; by their method in protocol 1, from 0 on."""
_REPLIES: Final = (
    *("push", "connect", "subscribe", "unsubscribe", "publish", "presence", "presence_stats"),
    *("history", "ping", "rpc", "refresh", "sub_refresh"),
)
_PUSHES: Final = {
    **{4: "pub", 5: "join", 6: "leave", 7: "unsubscribe", 8: "message", 9: "subscribe"},
    **{10: "connect", 11: "disconnect", 12: "refresh"},
}


class _Body(msgspec.Struct, gc=False):
    channel: str | None = None
    method: str | None = None
    data: Raw = NOTHING


class _Push(msgspec.Struct, gc=False):
    channel: str | None = None
    pub: _Body | None = None
    join: Raw = NOTHING
    leave: Raw = NOTHING
    unsubscribe: Raw = NOTHING
    message: Raw = NOTHING
    subscribe: Raw = NOTHING
    connect: Raw = NOTHING
    disconnect: Raw = NOTHING
    refresh: Raw = NOTHING


class _Head(msgspec.Struct, gc=False):
    id: int = 0
    error: Raw = NOTHING
    push: _Push | None = None
    method: int | str | None = None
    params: _Body | None = None
    result: Raw = NOTHING
    connect: Raw = NOTHING
    subscribe: Raw = NOTHING
    unsubscribe: Raw = NOTHING
    publish: Raw = NOTHING
    presence: Raw = NOTHING
    presence_stats: Raw = NOTHING
    history: Raw = NOTHING
    ping: Raw = NOTHING
    send: Raw = NOTHING
    rpc: Raw = NOTHING
    refresh: Raw = NOTHING
    sub_refresh: Raw = NOTHING


_HEAD: Final = msgspec.json.Decoder(_Head)
_BODY: Final = msgspec.json.Decoder(_Body)


class Centrifugo(Decoder):
    """Reads one connection."""

    inner = INNER

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._is_packed = setting.subprotocol.endswith("protobuf") or (
            "format=protobuf" in setting.path
        )

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message: commands or replies."""
        if not is_text or self._is_packed:
            return _packed(payload, sender)
        items: list[Item] = []
        for line in payload.split(b"\n", _MAX_ITEMS):
            if not line.strip():
                continue
            item = _read(line, sender)
            if item is None:
                return items or None
            items.append(item)
        return items or None


def _read(line: bytes, sender: int) -> Item | None:
    head = decoded(_HEAD, line)
    if head is None:
        return None
    told, key = (str(head.id), head.id) if head.id else (None, None)
    if sender != CLIENT:
        if head.push is not None:
            return _push(head.push)
        if not head.id:
            return Item(HEARTBEAT) if line.strip() == b"{}" else None
        name = _member(head) or "reply"
        role = REPLY_ERROR if is_given(head.error) else REPLY
        return Item("error" if role == REPLY_ERROR else name, None, None, told, None, role, key)
    command = _member(head)
    body = head.params
    if command is None:
        if isinstance(head.method, int) and 0 <= head.method < len(_COMMANDS):
            command = _COMMANDS[head.method]
        elif isinstance(head.method, str):
            command = head.method if head.method in _COMMANDS else None
        elif head.id and head.params is not None:
            command = "connect"  # method 0 is left out
    else:
        body = decoded(_BODY, getattr(head, command))
    if command is None:
        return Item(HEARTBEAT) if line.strip() == b"{}" else None
    return _command(command, body, told, key)


def _member(head: _Head) -> str | None:
    return next((name for name in _COMMANDS if bytes(getattr(head, name))), None)


def _command(command: str, body: _Body | None, told: str | None, key: object) -> Item:
    channel = short(body.channel) if body is not None else None
    name = short(body.method) if body is not None and body.method else channel or command
    if command == "ping":
        return Item(HEARTBEAT)
    item = Item(command, name, told, topic=channel)
    if told is not None:
        item.role, item.key = ASK, key
    if command == "publish" and body is not None:
        item.spread, item.body = PUBLISH, bytes(body.data)
    elif command == "subscribe":
        item.spread = SUBSCRIBE
    return item


def _push(push: _Push) -> Item:
    channel = short(push.channel)
    if push.pub is not None:
        return Item("pub", channel, topic=channel, spread=DELIVER, body=bytes(push.pub.data))
    names = (name for name in _PUSHES.values() if name != "pub")
    kind = next((name for name in names if bytes(getattr(push, name))), "push")
    return Item(kind, channel, topic=channel)


# --- Protobuf ----------------------------------------------------------------------


def _packed(payload: bytes, sender: int) -> list[Item] | None:
    items: list[Item] = []
    at = 0
    while at < len(payload) and len(items) < _MAX_ITEMS:
        length, at = _varint(payload, at)
        if length < 0 or at + length > len(payload):
            return items or None
        item = _packed_item(payload[at : at + length], sender)
        if item is None:
            return items or None
        items.append(item)
        at += length
    return items or None


def _packed_item(message: bytes, sender: int) -> Item | None:
    if not message:
        return Item(HEARTBEAT)
    fields = _fields(message)
    if fields is None:
        return None
    number = fields.pop(1, 0)
    if not isinstance(number, int):
        return None
    told = str(number) if number else None
    names = _COMMANDS if sender == CLIENT else _REPLIES
    if sender != CLIENT and 2 in fields:
        return Item("error", None, None, told, None, REPLY_ERROR, number)
    known = [place for place in fields if 0 <= place - _FIRST_FIELD < len(names)]
    if not known:
        return None
    word, body = names[known[0] - _FIRST_FIELD], fields[known[0]]
    inner = _fields(body) if isinstance(body, bytes) else None
    if inner is None:
        return None
    if word == "push":
        return _packed_push(inner)
    if sender != CLIENT:
        return Item(word, None, None, told, None, REPLY, number)
    # Channel is the first field of subscribe, unsubscribe, publish, presence and history.
    has_channel = word in _COMMANDS[1:7]
    data = inner.get(2)
    method = inner.get(2) if word == "rpc" else None
    return _command(
        word,
        _Body(
            _text(inner.get(1)) if has_channel else None,
            _text(method),
            Raw(data) if isinstance(data, bytes) and word == "publish" else NOTHING,
        ),
        told,
        number,
    )


def _packed_push(push: dict[int, int | bytes]) -> Item:
    channel = short(_text(push.get(2)))
    kinds = [name for place, name in _PUSHES.items() if place in push]
    kind = kinds[0] if kinds else "push"
    if kind != "pub":
        return Item(kind, channel, topic=channel)
    publication = push[4]
    fields = _fields(publication) if isinstance(publication, bytes) else None
    data = (fields or {}).get(4)
    body = data if isinstance(data, bytes) else None
    return Item("pub", channel, topic=channel, spread=DELIVER, body=body)


def _text(value: int | bytes | None) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else None


def _fields(message: bytes) -> dict[int, int | bytes] | None:
    """Return the fields of a Protobuf message, of each number the last; None if it is none."""
    found: dict[int, int | bytes] = {}
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag < 8:
            return None
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            if value < 0:
                return None
            found[tag >> 3] = value
            continue
        if kind == 2:
            length, at = _varint(message, at)
        else:
            length = {1: 8, 5: 4}.get(kind, -1)
        if length < 0 or at + length > len(message):
            return None
        found[tag >> 3] = message[at : at + length]
        at += length
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, and where it ends; -1 if there is none."""
    value = 0
    for place in range(10):
        if at + place >= len(data):
            break
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    return -1, at


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message may be one, where path or subprotocol name the protocol."""
    if not is_text:
        return _packed(payload, sender) is not None
    return payload[:1] == b"{" and _read(payload.split(b"\n", 1)[0], sender) is not None


_ONLY_PUSH: Final = frozenset({"push"})
_ONLY_RPC: Final = frozenset({"rpc"})
_WITH_CHANNEL: Final = frozenset(_COMMANDS[1:7]) | {"sub_refresh"}


def middle(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is a push, or a command to a channel, and has nothing else.

    Protobuf is not recognised: its numbers are as likely something else.
    """
    if not is_text:
        return False
    line = payload.split(b"\n", 1)[0]
    found, head = members(line), decoded(_HEAD, line)
    if found is None or head is None:
        return False
    if sender != CLIENT:
        push = head.push
        return push is not None and found.keys() == _ONLY_PUSH and _push(push).kind != "push"
    named = found.keys() - {"id"}
    body = decoded(_BODY, found[min(named)]) if head.id > 0 and len(named) == 1 else None
    if body is None:
        return False
    return (
        bool(body.method) if named == _ONLY_RPC else bool(body.channel and named <= _WITH_CHANNEL)
    )


def fits(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message may be one in JSON."""
    return is_text and payload[:1] == b"{" and looks(payload, sender, is_text)
