"""MQTT 3.1, 3.1.1 and 5: packets, topics, acknowledgements.

Sources: MQTT Version 3.1.1 and Version 5.0 (OASIS): sections 2 (packet format), 3 (packets),
4.3 (quality of service), 6 (WebSocket). "A single WebSocket data frame can contain multiple
or partial MQTT Control Packets" (6): each direction is a stream of bytes. A packet's item is
emitted when it is complete, that of a long publication when its header is. Knows one connection's
messages.
"""

from __future__ import annotations

import contextlib
from typing import Final

from analyzer.inside import mqtt_packets as packets
from analyzer.inside.item import Item
from analyzer.inside.mqtt_packets import (
    Malformed,
    Properties,
    Short,
    length_at,
    number_at,
    properties_at,
    string_at,
)
from analyzer.inside.protocol import (
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
_MAX_ALIASES: Final = 4096
"""Topic aliases kept of each side; brokers announce 10 to 100 as Topic Alias Maximum."""


_MAX_WAITED: Final = 1 << 16
"""Bytes of a publication that are waited for. MQTT.js writes head, topic and payload as messages
of their own, and only with the payload it is known what was delivered to whom. Each further
message copies what is held: a limit on what one-byte messages cost."""


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

    def is_within(self, sender: int) -> bool:
        """Return whether the head of a packet, or one that is waited for, is not whole."""
        return bool(self._streams[sender].held)

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
            found = packets.whole(payload, sender)
            if found is None:
                return []
            stream.seeks = False
            if not self._version and len(found.versions) == 1:
                self._version = min(found.versions)
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
            except Short:
                stream.held = data[at:]
                if len(stream.held) > self.setting.max_bytes:
                    self.lost(sender)
                return items
            except Malformed:
                self.lost(sender)
                return items or None
            items.append(item)
            stream.skip = max(0, end - len(data))
            at = end
        return items

    def _packet(self, stream: _Stream, data: bytes, at: int, sender: int) -> tuple[Item, int]:
        """Read the packet at `at`; return its item and where it ends, perhaps after data.

        Raises:
            Short: its head is not whole.
            Malformed: it is none.
        """
        first = data[at]
        kind, flags = first >> 4, first & 15
        if kind == 0 or kind in (packets.FROM_SERVER if sender == CLIENT else packets.FROM_CLIENT):
            raise Malformed
        if kind == packets.PUBLISH:
            if flags & 6 == 6:
                raise Malformed  # quality of service 3 (3.3.1.2)
        elif flags != packets.FLAGS.get(kind, 0):
            raise Malformed
        length, begin = length_at(data, at + 1)
        end = begin + length
        if kind == packets.PUBLISH:
            item = self._publish(stream, data, begin, end, flags, sender)
            if len(data) < end and length <= min(_MAX_WAITED, self.setting.max_bytes):
                raise Short
            return item, end
        if len(data) < end:
            if length > self.setting.max_bytes:
                raise Malformed
            raise Short
        return self._other(kind, data[begin:end], sender), end

    def _publish(
        self, stream: _Stream, data: bytes, at: int, end: int, flags: int, sender: int
    ) -> Item:
        quality = flags >> 1 & 3
        topic, at = string_at(data, at, end)
        number = 0
        if quality:
            number, at = number_at(data, at, end), at + 2
        found = Properties(end=at)
        if self._version >= 5:
            found = properties_at(data, at, end)
        elif not self._version and not topic:
            self._version = 5  # an empty topic refers to an alias (5.0, 3.3.2.3.4)
            found = properties_at(data, at, end)
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
        if kind in (packets.PINGREQ, packets.PINGRESP):
            if body:
                raise Malformed
            return Item(HEARTBEAT)
        if kind == packets.CONNECT:
            self._version = _level(body)
            return Item(name)
        if kind in (packets.CONNACK, packets.DISCONNECT, packets.AUTH):
            return Item(name)
        if len(body) < 2:
            raise Malformed
        number = int.from_bytes(body[:2])
        told = str(number)
        if kind in (packets.SUBSCRIBE, packets.UNSUBSCRIBE):
            topic = self._filter(body, with_options=kind == packets.SUBSCRIBE)
            spread = SUBSCRIBE if kind == packets.SUBSCRIBE else 0
            key = ("packet", number)
            return Item(name, topic, told, None, topic, ASK, key, None, spread)
        item = Item(name, None, None, told)
        if kind == packets.PUBREL:
            item.id = told
        item.key = ("packet", number)
        failed = self._failed(kind, body)
        if kind != packets.PUBREL and (kind != packets.PUBREC or failed):
            # PUBREC goes on with PUBREL and PUBCOMP (4.3.3), unless it refuses.
            item.role = REPLY_ERROR if failed else REPLY
        return item

    def _filter(self, body: bytes, *, with_options: bool) -> str | None:
        """Return the first topic filter of SUBSCRIBE or UNSUBSCRIBE."""
        if not self._version:
            return self._filter_of_either(body, with_options=with_options)
        at = 2
        try:
            if self._version >= 5:
                at = properties_at(body, at, len(body)).end
            text, _ = string_at(body, at, len(body))
        except Short:
            raise Malformed from None
        return short(text.decode("utf-8", "replace"))

    def _filter_of_either(self, body: bytes, *, with_options: bool) -> str | None:
        """Return the same where CONNECT was not seen: what all of the packet is right by."""
        found: dict[int, bytes] = {}
        for version in (4, 5):
            with contextlib.suppress(Short, Malformed):
                filters = packets.filters_of(body, version, with_options=with_options)
                if filters:
                    found[version] = filters[0]
        if len(found) != 1:
            return None
        ((self._version, topic),) = found.items()
        return short(topic.decode("utf-8", "replace"))

    def _failed(self, kind: int, body: bytes) -> bool:
        """Return whether an acknowledgement refuses."""
        if kind in (packets.SUBACK, packets.UNSUBACK):
            at = 2
            if self._version >= 5:
                try:
                    at = properties_at(body, at, len(body)).end
                except Short:
                    raise Malformed from None
            return any(code >= packets.FAILURE for code in body[at:])
        return len(body) > 2 and body[2] >= packets.FAILURE


def _correlate(item: Item, found: Properties) -> None:
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
        name, at = string_at(body, 0, len(body))
    except Short:
        raise Malformed from None
    if name not in (b"MQTT", b"MQIsdp") or at >= len(body):
        raise Malformed
    return body[at] & 0x7F  # the high bit is that of bridges


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


def middle(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is whole packets, one of them with a topic, or a ping."""
    found = None if is_text else packets.whole(payload, sender)
    return found is not None and found.clear


def fits(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is whole packets."""
    return not is_text and packets.whole(payload, sender) is not None
