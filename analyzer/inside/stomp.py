"""STOMP 1.0, 1.1 and 1.2: commands, destinations, receipts.

Source: STOMP Protocol Specification 1.2 (and 1.1, 1.0): "STOMP Frames", "Value Encoding",
"Standard Headers", "Heart-beating". A message of WebSocket holds a frame, several, or part of
one (clients cut large frames): each direction is a stream of frames, with line feeds between
them that are heart-beats. A frame's item is emitted when its headers are complete; its body is
skipped.
Knows one connection's messages.
"""

from __future__ import annotations

import re
from typing import Final

from analyzer.inside.item import Item
from analyzer.inside.protocol import (
    ASK,
    DELIVER,
    HEARTBEAT,
    PUBLISH,
    REPLY,
    REPLY_ERROR,
    SERVER,
    SUBSCRIBE,
    Decoder,
    Setting,
    short,
)
from analyzer.lazy_pattern import lazy_pattern

INNER: Final = "stomp"

_CLIENT: Final = frozenset(
    {
        *(b"CONNECT", b"STOMP", b"SEND", b"SUBSCRIBE", b"UNSUBSCRIBE", b"ACK", b"NACK"),
        *(b"BEGIN", b"COMMIT", b"ABORT", b"DISCONNECT"),
    }
)
_SERVER: Final = frozenset({b"CONNECTED", b"MESSAGE", b"RECEIPT", b"ERROR"})
_COMMANDS: Final = _CLIENT | _SERVER
_LONGEST: Final = max(map(len, _COMMANDS))
_UNESCAPED: Final = {b"\\n": b"\n", b"\\c": b":", b"\\\\": b"\\", b"\\r": b"\r"}
_ESCAPE: Final = lazy_pattern(rb"\\.", re.DOTALL)
_MAX_HEADERS: Final = 256
"""Header lines of a frame that are read: brokers allow 100 to 1,000, of which few matter."""
_END_OF_HEAD: Final = lazy_pattern(rb"\r?\n\r?\n")
_WANTED: Final = frozenset(
    {
        *(b"destination", b"receipt", b"receipt-id", b"correlation-id", b"reply-to"),
        *(b"subscription", b"id", b"message-id", b"content-length", b"transaction"),
    }
)
_WITHOUT_ESCAPES: Final = (b"CONNECT", b"CONNECTED")
"""For compatibility with STOMP 1.0 they do not escape (1.2, "Value Encoding")."""


class _Stream:
    """One direction: what is not whole, and how much of a body is to be skipped."""

    __slots__ = ("held", "skip", "to_nul")

    def __init__(self) -> None:
        self.held = b""
        self.skip = 0
        self.to_nul = False


class Stomp(Decoder):
    """Reads one connection."""

    inner = INNER
    is_stream = True

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._streams = (_Stream(), _Stream())
        self._subscribed: dict[str, str] = {}

    @property
    def held_bytes(self) -> int:
        """Bytes of heads that are not whole."""
        return sum(len(each.held) for each in self._streams)

    def is_within(self, sender: int) -> bool:
        """Return whether the head of a frame is not whole."""
        return bool(self._streams[sender].held)

    def lost(self, sender: int) -> None:
        """Go on with the next message that begins with a command."""
        self._streams[sender].__init__()  # type: ignore[misc]

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message."""
        stream = self._streams[sender]
        between = not (stream.held or stream.skip or stream.to_nul)
        if between and payload in (b"\n", b"\r\n"):
            return [Item(HEARTBEAT)]
        data, at = stream.held + payload, 0
        stream.held = b""
        items: list[Item] = []
        while True:
            at = self._behind_body(stream, data, at)
            while at < len(data) and data[at] in b"\r\n":
                at += 1
            if at >= len(data):
                return items
            match = _END_OF_HEAD.search(data, at, at + self.setting.max_bytes)
            if match is None:
                return self._part(stream, data[at:], items)
            item, at = self._frame(stream, data, at, match.start(), match.end(), sender)
            if item is None:
                return items or None
            items.append(item)

    def _part(self, stream: _Stream, rest: bytes, items: list[Item]) -> list[Item] | None:
        """Keep a head that is not whole; None if it is none."""
        line = rest.split(b"\n", 1)[0].rstrip(b"\r")
        known = line in _COMMANDS if b"\n" in rest else _is_part(line)
        if not known or len(rest) > self.setting.max_bytes:
            return items or None
        stream.held = rest
        return items

    def _behind_body(self, stream: _Stream, data: bytes, at: int) -> int:
        """Return where the body that is being skipped ends, or how much there is."""
        if stream.skip:
            taken = min(stream.skip, len(data) - at)
            stream.skip -= taken
            at += taken
            if stream.skip:
                return at
        if stream.to_nul:
            end = data.find(b"\0", at)
            if end < 0:
                return len(data)
            stream.to_nul = False
            at = end + 1
        return at

    def _frame(
        self, stream: _Stream, data: bytes, at: int, head_end: int, body: int, sender: int
    ) -> tuple[Item | None, int]:
        """Read a frame whose head is whole; return its item and where to go on."""
        lines = data[at:head_end].split(b"\n", _MAX_HEADERS)
        command = lines[0].rstrip(b"\r")
        if command not in _COMMANDS:
            return None, at
        escaped = command not in _WITHOUT_ESCAPES
        headers = _headers(lines[1:], escaped=escaped)
        length = headers.get("content-length", "")
        whole: bytes | None = None
        if length.isascii() and length.isdigit() and len(length) <= 12:
            stream.skip = int(length)
            if len(data) - body >= stream.skip:
                whole = data[body : body + stream.skip]
        else:
            end = data.find(b"\0", body)
            whole = data[body:end] if end >= 0 else None
        # A NUL follows a body of known length as well.
        stream.to_nul = True
        return self._item(command.decode(), headers, whole, sender), body

    def _item(self, command: str, headers: dict[str, str], body: bytes | None, sender: int) -> Item:
        get = headers.get
        destination = short(get("destination"))
        item = Item(command, destination, topic=destination, body=body)
        receipt = get("receipt")
        if receipt is not None and sender != SERVER:
            # Frames of clients ask for it; RabbitMQ hands that of SEND on in MESSAGE.
            item.id, item.role, item.key = short(receipt), ASK, ("receipt", receipt)
        if command == "MESSAGE":
            item.id, item.spread = short(get("message-id")), DELIVER
        elif command == "SEND":
            item.spread = PUBLISH
        elif command in ("RECEIPT", "ERROR"):
            self._answer(item, get("receipt-id"))
        elif command == "SUBSCRIBE" and destination is not None:
            item.spread = SUBSCRIBE
            item.id = item.id or short(get("id"))
            self._remember(get("id", ""), destination)
        elif command == "UNSUBSCRIBE":
            item.id = item.id or short(get("id"))
            item.name = item.topic = self._subscribed.pop(get("id", ""), destination)
        elif command in ("ACK", "NACK"):
            item.reply_to = short(get("message-id", get("id")))
        correlation = get("correlation-id")
        if correlation is not None and command in ("SEND", "MESSAGE"):
            _correlate(item, correlation, asks="reply-to" in headers)
        if sender == SERVER and command in ("SEND", "SUBSCRIBE"):
            item.spread = 0
        return item

    def _remember(self, id_: str, destination: str) -> None:
        self._subscribed[id_] = destination
        if len(self._subscribed) > 4096:
            del self._subscribed[next(iter(self._subscribed))]

    def _answer(self, item: Item, receipt: str | None) -> None:
        if receipt is not None:
            item.reply_to = short(receipt)
            item.role = REPLY if item.kind == "RECEIPT" else REPLY_ERROR
            item.key = ("receipt", receipt)


def _correlate(item: Item, correlation: str, *, asks: bool) -> None:
    """Note a call by correlation-id: who gives reply-to asks."""
    key = ("correlation", correlation)
    if item.role:
        item.also = (ASK if asks else REPLY, key)
    else:
        item.role, item.key = (ASK if asks else REPLY), key
    if asks:
        item.id = item.id if item.kind == "SEND" and item.id else short(correlation)
    else:
        item.reply_to = short(correlation)


def _headers(lines: list[bytes], *, escaped: bool) -> dict[str, str]:
    """Return the headers that are wanted; of one repeated the first counts (1.2)."""
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.rstrip(b"\r").partition(b":")
        if not colon or name not in _WANTED:
            continue
        if escaped and b"\\" in value:
            value = _ESCAPE.sub(lambda match: _UNESCAPED.get(match[0], match[0]), value)
        headers.setdefault(name.decode(), value[:4096].decode("utf-8", "replace"))
    return headers


def _is_part(line: bytes) -> bool:
    """Return whether a command may begin so."""
    return len(line) <= _LONGEST and any(each.startswith(line) for each in _COMMANDS)


_FIRST: Final = lazy_pattern(
    rb"(?:\r?\n)*(?:(?:CONNECT|STOMP|SEND|SUBSCRIBE|UNSUBSCRIBE|N?ACK|BEGIN|COMMIT|ABORT|DISCONNECT"
    rb"|CONNECTED|MESSAGE|RECEIPT|ERROR)\r?\n(?:[!-9;-~][^\n:]{0,255}:[^\n]{0,4096}\n)*\r?\n)"
)


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message begins with a frame of STOMP, its head whole."""
    match = _FIRST.match(payload, 0, 65536)
    if match is None:
        return False
    command = match[0].split(maxsplit=1)[0]
    return command in (_SERVER if sender == SERVER else _CLIENT)
