"""Engine.IO (revisions 2 to 4), and Socket.IO inside it.

Sources: engine.io-protocol, revisions 3 and 4 ("Packet"); socket.io-protocol, revisions 3 to 5
("Packet encoding"). A text message of WebSocket is one packet of Engine.IO: a digit for its
type, then content. A `4` carries a packet of Socket.IO: type, number of attachments and `-`,
namespace and `,`, acknowledgement id, JSON. Attachments follow as binary messages, in revision
3 of Engine.IO after a byte 4. The parser socket.io-msgpack-parser writes each packet as a binary
message: a map of type, nsp, id and data. Knows one connection's messages.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import Raw

from analyzer.inside.item import Item
from analyzer.inside.json_text import ERRORS, NOTHING, text_of
from analyzer.inside.protocol import (
    ASK,
    DELIVER_MAYBE,
    HEARTBEAT,
    PUBLISH_MAYBE,
    QUICK_SOCKET_IO,
    REPLY,
    SERVER,
    Decoder,
    Setting,
    short,
)
from analyzer.lazy_pattern import lazy_pattern

ENGINE: Final = "engine.io"
SOCKET: Final = "socket.io"

_KINDS: Final = ("connect", "disconnect", "event", "ack", "connect_error", "event", "ack")
"""Types 0 to 6; 5 and 6 are events and acks with attachments."""
_ENGINE_KINDS: Final = {0x31: "close", 0x35: "upgrade", 0x36: "noop"}
_BINARY: Final = b"\x04"

_SOCKET: Final = lazy_pattern(
    rb"4([0-6])(?:(?<=[56])(\d{1,6})-)?(?:(/[^,]{0,256})(?:,|$))?(\d{1,20})?(?=[\[{\"]|$)"
)
_NAME: Final = lazy_pattern(rb'\[\s*("(?:[^"\\]|\\.){0,1024}")')
_OPEN: Final = lazy_pattern(rb'0\{[^{}\[\]]{0,512}"sid"\s*:')
_SHOWN: Final = lazy_pattern(
    rb'0\{[^{}\[\]]{0,512}"sid"\s*:|4[04](?:/[^,"]{1,256},)?\{"|42(?:/[^,"]{1,256},)?\d{0,20}\[\s*"'
    rb'|43(?:/[^,"]{1,256},)?\d{1,20}\[|4[56]\d{1,6}-(?:/[^,"]{1,256},)?\d{0,20}\[|[23]probe$'
)
"""What is clear by itself: numbers alone, such as "40", may be anything."""
_EMPTY_OK: Final = frozenset({0, 1})
"""Types that may have no content: connect and disconnect."""
_NO_EVENT: Final = frozenset({0, 1, 4})
"""Types whose content is no event and no acknowledgement."""


class Packed(msgspec.Struct, gc=False):
    """A packet of Socket.IO in MessagePack: the members that are wanted."""

    type: int
    nsp: str
    id: int | None = None
    data: Raw = NOTHING


_PACKETS: Final = msgspec.msgpack.Decoder(Packed)
_VALUES: Final = msgspec.msgpack.Decoder(list[Raw])
_TEXT: Final = msgspec.msgpack.Decoder(str)


class EngineIo(Decoder):
    """Reads one connection, or one session that began with polling."""

    inner = ENGINE

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._due = [0, 0]
        """Attachments that each side owes to its last packet."""
        if setting.path.partition("?")[0].rstrip("/").endswith("socket.io"):
            self.inner, self.quick = SOCKET, QUICK_SOCKET_IO

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message of WebSocket, or a packet of a polling payload."""
        if not is_text:
            return self._binary(payload, sender)
        first = payload[0] if payload else 0
        if first == 0x34:
            return self._message(payload, sender)
        if first in (0x32, 0x33):
            rest = payload[1:]
            return [Item(HEARTBEAT)] if not rest or len(rest) < 64 else None
        if first == 0x30:
            return [Item("open")] if _OPEN.match(payload) else None
        kind = _ENGINE_KINDS.get(first)
        return [Item(kind)] if kind is not None and len(payload) == 1 else None

    def lost(self, sender: int) -> None:
        """An attachment may have been lost: what comes is taken as it is."""
        self._due[sender] = 0

    def _binary(self, payload: bytes, sender: int) -> list[Item] | None:
        if self._due[sender]:
            self._due[sender] -= 1
            return []
        item = self._packed(payload.removeprefix(_BINARY), sender)
        if item is not None:
            self.inner, self.quick = SOCKET, QUICK_SOCKET_IO
            return [item]
        # Of Engine.IO alone, or the packet that announced it was not captured.
        return [Item("message")] if self.inner == ENGINE else []

    def _packed(self, payload: bytes, sender: int) -> Item | None:
        """Return what a packet in MessagePack says; None if it is none."""
        try:
            packet = _PACKETS.decode(payload)
            code, topic = packet.type, short(packet.nsp)
            number = None if packet.id is None else str(packet.id)
            if not 0 <= code < len(_KINDS) or not packet.nsp.startswith("/"):
                return None
            if code in _NO_EVENT:
                return Item(_KINDS[code], topic=topic)
            values = _VALUES.decode(packet.data)
            if code in (3, 6):
                return None if number is None else _ack(topic, number)
            name = short(_TEXT.decode(values[0])) if values else None
        except ERRORS:
            return None
        if name is None:
            return None
        return _event(name, topic, number, bytes(packet.data), sender)

    def _message(self, payload: bytes, sender: int) -> list[Item] | None:
        match = _SOCKET.match(payload)
        item = None if match is None else self._packet(payload, match, sender)
        if item is not None:
            self.inner, self.quick = SOCKET, QUICK_SOCKET_IO
            return [item]
        return [Item("message")] if self.inner == ENGINE else None

    def _packet(self, payload: bytes, match: re.Match[bytes], sender: int) -> Item | None:
        """Return what a packet of Socket.IO says; None if it is none."""
        kind, attachments, space, number = match.groups()
        code = kind[0] - 0x30
        at = match.end()
        if code in _EMPTY_OK:
            return Item(_KINDS[code], topic=_namespace(space)) if number is None else None
        if code == 4:
            return Item("connect_error", topic=_namespace(space)) if number is None else None
        if payload[at : at + 1] != b"[" or payload[-1:] != b"]":
            return None
        if code >= 5:
            if attachments is None:
                return None
            self._due[sender] = int(attachments)
        topic = "/" if space is None else _namespace(space)
        if code in (3, 6):
            if number is None:
                return None
            return _ack(topic, number.decode())
        named = _NAME.match(payload, at)
        if named is None:
            return None
        name = text_of(named[1])
        # What attachments hold is not in the text: equal texts say nothing.
        body = payload[at:] if code < 5 else None
        return _event(name, topic, None if number is None else number.decode(), body, sender)


def _ack(topic: str | None, told: str) -> Item:
    return Item("ack", None, None, told, topic, REPLY, (topic, told))


def _event(
    name: str | None, topic: str | None, told: str | None, body: bytes | None, sender: int
) -> Item:
    spread = DELIVER_MAYBE if sender == SERVER else PUBLISH_MAYBE
    shown = name if topic == "/" else f"{topic} {name}"
    if told is None:
        return Item("event", name, None, None, topic, 0, None, None, spread, shown, body)
    key = (topic, told)
    return Item("event", name, told, None, topic, ASK, key, None, spread, shown, body)


def _namespace(space: bytes | None) -> str | None:
    """Return a namespace without the query that clients before version 3 put after it."""
    if space is None:
        return "/"
    return short(space.partition(b"?")[0].decode("utf-8", "replace"))


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is one of Engine.IO's that nothing else looks like."""
    return is_text and _SHOWN.match(payload) is not None


def looks_named(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message may be Engine.IO's, where the path names it."""
    return not is_text or payload[:1] in (b"0", b"1", b"2", b"3", b"4", b"5", b"6")
