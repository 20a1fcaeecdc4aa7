"""Packets of MQTT, as they stand in bytes: lengths, strings, properties; and strict reading.

Sources: MQTT Version 3.1.1 and Version 5.0 (OASIS), sections 1.5 (data), 2 (packet format), 3
(packets). Strict reading says whether bytes are whole packets and nothing else, for a connection
that was joined in its middle. Knows bytes; must not know what was said before. Used by
inside.mqtt.
"""

from __future__ import annotations

from typing import Final

from analyzer.inside.protocol import CLIENT
from analyzer.named_tuple import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = range(1, 8)
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(8, 16)
FROM_CLIENT: Final = frozenset({CONNECT, SUBSCRIBE, UNSUBSCRIBE, PINGREQ})
FROM_SERVER: Final = frozenset({CONNACK, SUBACK, UNSUBACK, PINGRESP})
FLAGS: Final = {PUBREL: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2}
"""Reserved bits of the first byte (2.1.3); 0 of all others but PUBLISH."""
FAILURE: Final = 0x80
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
_NOT_IN_NAMES: Final = frozenset(range(0x20)) | frozenset(range(0x7F, 0xA0))
"""Control characters: text "SHOULD NOT" have them (1.5.3), and names of topics have none."""
_WILDCARDS: Final = frozenset(b"+#")
_MAX_PACKETS: Final = 256
"""Packets of one message that are read strictly."""


class Short(Exception):
    """More bytes are needed."""


class Malformed(Exception):
    """It is no packet of MQTT."""


class Properties(NamedTuple):
    """Those of calls and aliases.

    Attributes:
        alias: topic alias; 0 without one.
        response_topic: whether an answer is wanted.
        correlation: data that a request and its answer share.
        end: where the properties end.
    """

    alias: int = 0
    response_topic: bool = False
    correlation: bytes | None = None
    end: int = 0


def length_at(data: bytes, at: int) -> tuple[int, int]:
    """Return a variable byte integer of at most four bytes (1.5.5), and where it ends."""
    value = 0
    for place in range(4):
        if at + place >= len(data):
            raise Short
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise Malformed


def number_at(data: bytes, at: int, end: int) -> int:
    """Return a number of two bytes in a packet that ends at `end`."""
    if at + 2 > end:
        raise Malformed
    if at + 2 > len(data):
        raise Short
    return int.from_bytes(data[at : at + 2])


def string_at(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """Return a string with its length before it (1.5.4), and where it ends."""
    length = number_at(data, at, end)
    behind = at + 2 + length
    if behind > end:
        raise Malformed
    if behind > len(data):
        raise Short
    return data[at + 2 : behind], behind


def properties_at(data: bytes, at: int, end: int) -> Properties:
    """Read the properties at `at` (5.0, 2.2.2): those of calls and aliases."""
    length, at = length_at(data, at)
    behind = at + length
    if behind > end:
        raise Malformed
    if behind > len(data):
        raise Short
    alias, response, correlation = 0, False, None
    while at < behind:
        kind = data[at]
        at += 1
        if kind in _FIXED:
            if kind == _ALIAS:
                alias = number_at(data, at, behind)
            at += _FIXED[kind]
        elif kind in _STRINGS:
            text, at = string_at(data, at, behind)
            if kind == _CORRELATION:
                correlation = text
            response = response or kind == _RESPONSE_TOPIC
        elif kind == _PAIR:
            _, at = string_at(data, at, behind)
            _, at = string_at(data, at, behind)
        elif kind == _VARIABLE:
            _, at = length_at(data, at)
        else:
            raise Malformed
    if at != behind:
        raise Malformed
    return Properties(alias, response, correlation, behind)


# --- strict reading ------------------------------------------------------------


class Whole(NamedTuple):
    """What a message of whole packets is.

    Attributes:
        versions: protocol levels (4: 3.1 and 3.1.1, 5) by which all of it is right; never empty.
        clear: one of its packets is a publication with a topic, a subscription or a ping. The
            two numbers of an acknowledgement are as likely something else.
    """

    versions: frozenset[int]
    clear: bool


def whole(payload: bytes, sender: int) -> Whole | None:
    """Return what whole packets a message holds; None if it holds anything else."""
    versions, clear, at = frozenset({4, 5}), False, 0
    for _ in range(_MAX_PACKETS):
        try:
            length, begin = length_at(payload, at + 1)
            end = begin + length
            if end > len(payload):
                return None
            kind, flags = payload[at] >> 4, payload[at] & 15
            versions &= _allowed(kind, flags, payload[begin:end], sender)
        except (Short, Malformed):
            return None
        if not versions:
            return None
        # Sent again and retained ones are rare, and would double the first bytes that count.
        is_named = kind == PUBLISH and not flags & 9 and payload[begin : begin + 2] != b"\0\0"
        clear = clear or is_named or kind in (SUBSCRIBE, UNSUBSCRIBE, PINGREQ, PINGRESP, CONNECT)
        at = end
        if at == len(payload):
            return Whole(versions, clear)
    return None


def _allowed(kind: int, flags: int, body: bytes, sender: int) -> frozenset[int]:
    """Return the versions by which a packet is right."""
    if kind in (FROM_SERVER if sender == CLIENT else FROM_CLIENT):
        return frozenset()
    # The packet that sets bit 3 was sent before, which quality of service 0 never is (3.3.1.1).
    if kind == PUBLISH and (flags & 6 == 6 or flags & 14 == 8):
        return frozenset()
    if kind != PUBLISH and flags != FLAGS.get(kind, 0):
        return frozenset()
    return frozenset(version for version in (4, 5) if _is_right(kind, flags, body, version))


def _is_right(kind: int, flags: int, body: bytes, version: int) -> bool:
    try:
        if kind == PUBLISH:
            return _is_publication(flags, body, version)
        if kind in (PINGREQ, PINGRESP):
            return not body
        if kind == CONNECT:
            return _is_connect(body, version)
        if kind in (DISCONNECT, AUTH) and version == 4:
            return kind == DISCONNECT and not body
        if kind in (DISCONNECT, AUTH):
            return not body or len(body) == 1 or properties_at(body, 1, len(body)).end == len(body)
        if kind == CONNACK:
            if len(body) < 2 or body[0] > 1:
                return False
            ends = 2 if version == 4 else properties_at(body, 2, len(body)).end
            return ends == len(body) and (version == 5 or body[1] <= 5)
        if kind == 0 or number_at(body, 0, len(body)) == 0:
            return False  # no packet has the identifier 0 (2.2.1)
        if kind in (SUBSCRIBE, UNSUBSCRIBE):
            return bool(filters_of(body, version, with_options=kind == SUBSCRIBE))
        if kind in (SUBACK, UNSUBACK):
            return _is_list_of_codes(kind, body, version)
        return _is_acknowledgement(body, version)
    except (Short, Malformed):
        return False


def _is_connect(body: bytes, version: int) -> bool:
    name, at = string_at(body, 0, len(body))
    levels = {b"MQTT": (4, 5), b"MQIsdp": (3,)}.get(name, ())
    level = body[at] & 0x7F if at < len(body) else 0  # the high bit is that of bridges
    return level in levels and version == max(4, level)


def _is_publication(flags: int, body: bytes, version: int) -> bool:
    topic, at = string_at(body, 0, len(body))
    if flags & 6:
        if number_at(body, at, len(body)) == 0:
            return False
        at += 2
    if version == 4:
        return bool(topic) and _is_name(topic) and not _WILDCARDS.intersection(topic)
    alias = properties_at(body, at, len(body)).alias
    # Without a topic it is that of its alias (5.0, 3.3.2.3.4).
    return (_is_name(topic) and not _WILDCARDS.intersection(topic)) if topic else alias > 0


def _is_name(topic: bytes) -> bool:
    try:
        return not _NOT_IN_NAMES.intersection(map(ord, topic.decode()))
    except UnicodeDecodeError:
        return False


def filters_of(body: bytes, version: int, *, with_options: bool) -> list[bytes]:
    """Return the topic filters of SUBSCRIBE (with options) or UNSUBSCRIBE; none if it is none.

    Raises:
        Short, Malformed: It is not one of this version.
    """
    at = 2 if version == 4 else properties_at(body, 2, len(body)).end
    found: list[bytes] = []
    while at < len(body):
        topic, at = string_at(body, at, len(body))
        if not topic or not _is_name(topic):
            return []
        if with_options:
            # Quality of service; from version 5 on No Local, Retain As Published, Retain
            # Handling, and two reserved bits (5.0, 3.8.3.1).
            most = 0x2E if version == 5 else 2
            if at >= len(body) or body[at] > most or body[at] & 3 == 3:
                return []
            at += 1
        found.append(topic)
    return found


def _is_list_of_codes(kind: int, body: bytes, version: int) -> bool:
    if version == 4:
        codes = body[2:]
        return not codes if kind == UNSUBACK else bool(codes) and set(codes) <= {0, 1, 2, FAILURE}
    codes = body[properties_at(body, 2, len(body)).end :]
    return bool(codes) and all(code in (0, 1, 2, 0x11) or 0x80 <= code <= 0xA2 for code in codes)


def _is_acknowledgement(body: bytes, version: int) -> bool:
    """Return whether it is PUBACK, PUBREC, PUBREL or PUBCOMP, whose numbers are not checked."""
    if len(body) == 2:
        return True
    if version == 4 or not (body[2] in (0, 0x10) or 0x80 <= body[2] <= 0x99):
        return False
    return len(body) == 3 or properties_at(body, 3, len(body)).end == len(body)
