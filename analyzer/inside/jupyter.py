"""Jupyter kernels behind a server: the default encoding and v1.kernel.websocket.jupyter.org.

Sources: jupyter_client, "Messaging in Jupyter"; jupyter_server, "WebSocket kernel wire protocols"
(default: one JSON object, or in binary messages with buffers after offsets of 32 bits, big end
first; v1: offsets of 64 bits, little end first, of channel, header, parent header, metadata,
content, buffers). Knows one connection's messages.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import msgspec
from msgspec import Raw

from analyzer.inside.item import Item
from analyzer.inside.json_text import NOTHING, decoded
from analyzer.inside.protocol import (
    ASK,
    REPLY,
    REPLY_ERROR,
    STREAM,
    Decoder,
    Setting,
    short,
)

INNER: Final = "jupyter"

V1: Final = "v1.kernel.websocket.jupyter.org"
_CHANNELS: Final = frozenset({"shell", "control", "stdin", "iopub", "hb"})
_PARTS: Final = 5
"""Channel, header, parent header, metadata and content; buffers may follow."""
_OF_HEADERS: Final = (b'"msg_id"', b'"msg_type"', b'"session"', b'"version"')
_MAX_OFFSETS: Final = 1024


class _Header(msgspec.Struct, gc=False):
    msg_id: str | None = None
    msg_type: str | None = None


class _Content(msgspec.Struct, gc=False):
    status: str | None = None


class _Message(msgspec.Struct, gc=False):
    header: _Header
    channel: str | None = None
    parent_header: Raw = NOTHING
    content: Raw = NOTHING


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_HEADER: Final = msgspec.json.Decoder(_Header)
_CONTENT: Final = msgspec.json.Decoder(_Content)


class Jupyter(Decoder):
    """Reads one connection."""

    inner = INNER

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._v1 = setting.subprotocol == V1

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message."""
        if is_text:
            return _whole(payload)
        if self.setting.joined:
            return _cut(payload) or _with_buffers(payload)
        return _cut(payload) if self._v1 else _with_buffers(payload)


def _whole(payload: bytes) -> list[Item] | None:
    message = decoded(_MESSAGE, payload)
    if message is None:
        return None
    return _item(message.channel, message.header, message.parent_header, message.content)


def _with_buffers(payload: bytes) -> list[Item] | None:
    """Read a message of the default encoding with binary buffers after it."""
    count = int.from_bytes(payload[:4])
    if not 0 < count <= _MAX_OFFSETS or len(payload) < 4 * (count + 1):
        return None
    begin = int.from_bytes(payload[4:8])
    end = int.from_bytes(payload[8:12]) if count > 1 else len(payload)
    return _whole(payload[begin:end])


def _cut(payload: bytes) -> list[Item] | None:
    """Read a message of version 1."""
    count = int.from_bytes(payload[:8], "little")
    if not _PARTS < count <= _MAX_OFFSETS or len(payload) < 8 * (count + 1):
        return None
    offsets = [
        int.from_bytes(payload[8 * place : 8 * place + 8], "little")
        for place in range(1, _PARTS + 2)
    ]
    if any(begin > end for begin, end in pairwise(offsets)):
        return None
    parts = [payload[begin:end] for begin, end in pairwise(offsets)]
    header = decoded(_HEADER, parts[1])
    if header is None:
        return None
    channel = parts[0][:32].decode("utf-8", "replace")
    return _item(channel, header, Raw(parts[2]), Raw(parts[4]))


def _item(channel: str | None, header: _Header, parent_header: Raw, body: Raw) -> list[Item] | None:
    name = short(header.msg_type)
    if name is None or (channel is not None and channel not in _CHANNELS):
        return None
    item = Item("message", name, topic=channel)
    parent = decoded(_HEADER, parent_header) if bytes(parent_header) else None
    asked = parent.msg_id if parent is not None else None
    if name.endswith("_request"):
        item.id, item.role, item.key = short(header.msg_id), ASK, header.msg_id
    elif asked is not None:
        item.reply_to, item.key = short(asked), asked
        item.role = STREAM
        if name.endswith("_reply"):
            content = decoded(_CONTENT, body) if bytes(body) else None
            failed = content is not None and content.status in ("error", "aborted", "abort")
            item.role = REPLY_ERROR if failed else REPLY
    return [item]


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message may be one, where path or subprotocol name the protocol."""
    items = _whole(payload) if is_text else _with_buffers(payload)
    return items is not None


def fits(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message may be one, in any of the encodings."""
    return looks(payload, sender, is_text) or (not is_text and _cut(payload) is not None)


def middle(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether its header also has the members that every header must have."""
    return all(each in payload for each in _OF_HEADERS) and fits(payload, sender, is_text)
