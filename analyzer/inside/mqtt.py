"""MQTT 3.1, 3.1.1 and 5: packets, topics, acknowledgements.

Sources: MQTT Version 3.1.1 and Version 5.0 (OASIS): sections 2 (packet format), 3 (packets),
4.3 (quality of service), 6 (WebSocket). "A single WebSocket data frame can contain multiple
or partial MQTT Control Packets" (6): each direction is a stream of bytes. A packet's item is
emitted when it is complete, that of a long publication when its header is. Knows one connection's
messages.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from analyzer.inside.item import (
    ASK,
    CLIENT,
    DELIVER,
    HEARTBEAT,
    PUBLISH,
    REPLY,
    REPLY_ERROR,
    SERVER,
    SUBSCRIBE,
    Decoder,
    Item,
    Protocol,
    Setting,
    short,
)
from analyzer.lazy_pattern import lazy_pattern

INNER: Final = "mqtt"

_NAMES: Final = (
    *("", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP"),
    *("SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP"),
    *("DISCONNECT", "AUTH"),
)
_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _PUBREC, _PUBREL, _PUBCOMP = range(1, 8)
_SUBSCRIBE, _SUBACK, _UNSUBSCRIBE, _UNSUBACK, _PINGREQ, _PINGRESP, _DISCONNECT, _AUTH = range(8, 16)
_FROM_CLIENT: Final = frozenset({_CONNECT, _SUBSCRIBE, _UNSUBSCRIBE, _PINGREQ})
_FROM_SERVER: Final = frozenset({_CONNACK, _SUBACK, _UNSUBACK, _PINGRESP})
_FLAGS: Final = {_PUBREL: 2, _SUBSCRIBE: 2, _UNSUBSCRIBE: 2}
"""Reserved bits of the first byte (2.1.3); 0 of all others but PUBLISH."""
_FAILURE: Final = 0x80
"""Reason codes from here on are failures (5.0, 2.4); SUBACK's of 3.1.1 as well."""
_RESPONSE_TOPIC, _CORRELATION, _ALIAS = 0x08, 0x09, 0x23
_FIXED: Final = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), 2),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), 4),
}
"""Properties of so many bytes (5.0, 2.2.2.2)."""
_STRINGS: Final = frozenset({0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F})
_VARIABLE: Final = 0x0B
_PAIR: Final = 0x26
_MAX_ALIASES: Final = 4096
"""Topic aliases kept of each side; brokers announce 10 to 100 as Topic Alias Maximum."""


_MAX_WAITED: Final = 1 << 16
"""Bytes of a publication that are waited for. MQTT.js writes head, topic and payload as messages
of their own, and only with the payload it is known what was delivered to whom. Each further
message copies what is held: a limit on what one-byte messages cost."""


class _Short(Exception):
    """More bytes are needed."""


class _Malformed(Exception):
    """It is no packet of MQTT."""


class _Properties(NamedTuple):
    alias: int = 0
    response_topic: bool = False
    correlation: bytes | None = None
    end: int = 0


class _Stream:
    """One direction."""

    __slots__ = ("aliases", "held", "seeks", "skip")

    def __init__(self) -> None:
        self.held = b""
        self.skip = 0
        self.seeks = False
        self.aliases: dict[int, str] = {}


class Mqtt(Decoder):
    """Reads one connection."""

    inner = INNER

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._streams = (_Stream(), _Stream())
        self._version = 0
        """Protocol level of CONNECT; 0 where that was not seen."""

    @property
    def held_bytes(self) -> int:
        """Bytes of packets that are not whole."""
        return sum(len(each.held) for each in self._streams)

    def lost(self, sender: int) -> None:
        """The place in the stream is lost: go on where a message begins with a packet."""
        stream = self._streams[sender]
        stream.held, stream.skip, stream.seeks = b"", 0, True

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message: packets, or parts of them."""
        if is_text:
            return None  # "MUST be sent in WebSocket binary data frames" (6)
        stream = self._streams[sender]
        if stream.seeks:
            if not _begins_packet(payload, sender):
                return []
            stream.seeks = False
        if stream.skip:
            taken = min(stream.skip, len(payload))
            stream.skip -= taken
            payload = payload[taken:]
        data, at = stream.held + payload, 0
        stream.held = b""
        items: list[Item] = []
        while at < len(data):
            try:
                item, end = self._packet(stream, data, at, sender)
            except _Short:
                stream.held = data[at:]
                if len(stream.held) > self.setting.max_bytes:
                    self.lost(sender)
                return items
            except _Malformed:
                self.lost(sender)
                return items or None
            items.append(item)
            stream.skip = max(0, end - len(data))
            at = end
        return items

    def _packet(self, stream: _Stream, data: bytes, at: int, sender: int) -> tuple[Item, int]:
        """Read the packet at `at`; return its item and where it ends, perhaps after data.

        Raises:
            _Short: its head is not whole.
            _Malformed: it is none.
        """
        first = data[at]
        kind, flags = first >> 4, first & 15
        if kind == 0 or kind in (_FROM_SERVER if sender == CLIENT else _FROM_CLIENT):
            raise _Malformed
        if kind == _PUBLISH:
            if flags & 6 == 6:
                raise _Malformed  # quality of service 3 (3.3.1.2)
        elif flags != _FLAGS.get(kind, 0):
            raise _Malformed
        length, begin = _length(data, at + 1)
        end = begin + length
        if kind == _PUBLISH:
            item = self._publish(stream, data, begin, end, flags, sender)
            if len(data) < end and length <= min(_MAX_WAITED, self.setting.max_bytes):
                raise _Short
            return item, end
        if len(data) < end:
            if length > self.setting.max_bytes:
                raise _Malformed
            raise _Short
        return self._other(kind, data[begin:end], sender), end

    def _publish(
        self, stream: _Stream, data: bytes, at: int, end: int, flags: int, sender: int
    ) -> Item:
        quality = flags >> 1 & 3
        topic, at = _string(data, at, end)
        number = 0
        if quality:
            number, at = _number(data, at, end), at + 2
        found = _Properties(end=at)
        if self._version >= 5:
            found = _properties(data, at, end)
        elif not self._version and not topic:
            self._version = 5  # an empty topic refers to an alias (5.0, 3.3.2.3.4)
            found = _properties(data, at, end)
        text: str | None = topic.decode("utf-8", "replace")
        if found.alias:
            if text:
                if len(stream.aliases) < _MAX_ALIASES:
                    stream.aliases[found.alias] = text
            else:
                text = stream.aliases.get(found.alias)
        text = short(text or None)
        spread = PUBLISH if sender == CLIENT else DELIVER
        body = data[found.end : end] if end <= len(data) else None
        item = Item("PUBLISH", text, topic=text, spread=spread, body=body)
        if number:
            item.id, item.role, item.key = str(number), ASK, ("packet", number)
        if found.correlation is not None:
            _correlate(item, found)
        return item

    def _other(self, kind: int, body: bytes, sender: int) -> Item:
        name = _NAMES[kind]
        if kind in (_PINGREQ, _PINGRESP):
            if body:
                raise _Malformed
            return Item(HEARTBEAT)
        if kind == _CONNECT:
            self._version = _level(body)
            return Item(name)
        if kind in (_CONNACK, _DISCONNECT, _AUTH):
            return Item(name)
        if len(body) < 2:
            raise _Malformed
        number = int.from_bytes(body[:2])
        told = str(number)
        if kind in (_SUBSCRIBE, _UNSUBSCRIBE):
            topic = self._filter(body)
            spread = SUBSCRIBE if kind == _SUBSCRIBE else 0
            key = ("packet", number)
            return Item(name, topic, told, None, topic, ASK, key, None, spread)
        item = Item(name, None, None, told)
        if kind == _PUBREL:
            item.id = told
        item.key = ("packet", number)
        failed = self._failed(kind, body)
        if kind != _PUBREL and (kind != _PUBREC or failed):
            # PUBREC goes on with PUBREL and PUBCOMP (4.3.3), unless it refuses.
            item.role = REPLY_ERROR if failed else REPLY
        return item

    def _filter(self, body: bytes) -> str | None:
        """Return the first topic filter of SUBSCRIBE or UNSUBSCRIBE."""
        at = 2
        try:
            if self._version >= 5:
                at = _properties(body, at, len(body)).end
            text, _ = _string(body, at, len(body))
        except _Short:
            raise _Malformed from None
        return short(text.decode("utf-8", "replace"))

    def _failed(self, kind: int, body: bytes) -> bool:
        """Return whether an acknowledgement refuses."""
        if kind in (_SUBACK, _UNSUBACK):
            at = 2
            if self._version >= 5:
                try:
                    at = _properties(body, at, len(body)).end
                except _Short:
                    raise _Malformed from None
            return any(code >= _FAILURE for code in body[at:])
        return len(body) > 2 and body[2] >= _FAILURE


def _correlate(item: Item, found: _Properties) -> None:
    """Note a call by correlation data: a response topic makes a request (5.0, 4.10)."""
    assert found.correlation is not None
    shown = short(found.correlation.decode("utf-8", "backslashreplace"))
    role = ASK if found.response_topic else REPLY
    key = ("correlation", found.correlation)
    if item.role:
        item.also = (role, key)
    else:
        item.role, item.key = role, key
    if role == ASK:
        item.id = shown
    else:
        item.reply_to = shown


def _level(body: bytes) -> int:
    """Return the protocol level of CONNECT (3.1.2.2)."""
    try:
        name, at = _string(body, 0, len(body))
    except _Short:
        raise _Malformed from None
    if name not in (b"MQTT", b"MQIsdp") or at >= len(body):
        raise _Malformed
    return body[at] & 0x7F  # the high bit is that of bridges


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return a variable byte integer of at most four bytes (1.5.5), and where it ends."""
    value = 0
    for place in range(4):
        if at + place >= len(data):
            raise _Short
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise _Malformed


def _number(data: bytes, at: int, end: int) -> int:
    if at + 2 > end:
        raise _Malformed
    if at + 2 > len(data):
        raise _Short
    return int.from_bytes(data[at : at + 2])


def _string(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """Return a string with its length before it (1.5.4), and where it ends."""
    length = _number(data, at, end)
    behind = at + 2 + length
    if behind > end:
        raise _Malformed
    if behind > len(data):
        raise _Short
    return data[at + 2 : behind], behind


def _properties(data: bytes, at: int, end: int) -> _Properties:
    """Read the properties at `at` (5.0, 2.2.2): those of calls and aliases."""
    length, at = _length(data, at)
    behind = at + length
    if behind > end:
        raise _Malformed
    if behind > len(data):
        raise _Short
    alias, response, correlation = 0, False, None
    while at < behind:
        kind = data[at]
        at += 1
        if kind in _FIXED:
            if kind == _ALIAS:
                alias = _number(data, at, behind)
            at += _FIXED[kind]
        elif kind in _STRINGS:
            text, at = _string(data, at, behind)
            if kind == _CORRELATION:
                correlation = text
            response = response or kind == _RESPONSE_TOPIC
        elif kind == _PAIR:
            _, at = _string(data, at, behind)
            _, at = _string(data, at, behind)
        elif kind == _VARIABLE:
            _, at = _length(data, at)
        else:
            raise _Malformed
    if at != behind:
        raise _Malformed
    return _Properties(alias, response, correlation, behind)


def _begins_packet(payload: bytes, sender: int) -> bool:
    """Return whether a message is packets from its first byte to its last."""
    try:
        trial, at = Mqtt(Setting()), 0
        trial._version = 4
        while at < len(payload):
            kind = payload[at] >> 4
            if kind == _PUBLISH:
                length, begin = _length(payload, at + 1)
                at = begin + length
            else:
                _, at = trial._packet(trial._streams[sender], payload, at, sender)
    except (_Short, _Malformed):
        return False
    return bool(payload) and at == len(payload)


_FIRST: Final = lazy_pattern(
    rb"\x10[\x80-\xff]{0,3}[\0-\x7f](?:\0\x04MQTT[\x04\x05\x84]|\0\x06MQIsdp\x03)"
)


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is MQTT's CONNECT, or the CONNACK that answers it."""
    if is_text:
        return False
    if sender == SERVER:
        return payload[:1] == b"\x20" and 4 <= len(payload) <= 256 and payload[2] <= 1
    return _FIRST.match(payload) is not None


PROTOCOL: Final = Protocol(
    INNER,
    Mqtt,
    looks,
    subprotocols=lazy_pattern(r"mqtt|mqttv3\.1(?:\.1)?|mqttv5"),
    begins=b"\x10\x20",
)
