"""Heads of HTTP/1.1 with false names: paths, hosts, cookies, whatever a field says of somebody.

Lines, fields and lengths stay, and so do fields that tell only of the protocol. The new
Sec-WebSocket-Key is a key, and its Accept answers it (RFC 6455 4.2.2). Knows heads. Used by stream.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from functools import cache
from typing import Final

from analyzer.lazy_pattern import lazy_pattern
from analyzer.share.anonymize.words import Words

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_STATUS: Final = lazy_pattern(rb"(\S*)(\s*[0-9]*\s*)(.*)", re.DOTALL)
_LINE: Final = lazy_pattern(rb"([^\r\n]*)(\r*\n)")

_PLAIN_VALUES: Final = frozenset(
    b"""
    upgrade connection sec-websocket-version sec-websocket-extensions content-length
    transfer-encoding content-type content-encoding accept-encoding accept cache-control
    pragma server date user-agent keep-alive vary accept-language accept-ranges age allow te
    trailer expect http2-settings sec-fetch-dest sec-fetch-mode sec-fetch-site sec-ch-ua
    sec-ch-ua-mobile sec-ch-ua-platform upgrade-insecure-requests dnt priority retry-after
    proxy-connection access-control-allow-methods access-control-allow-credentials
    access-control-max-age x-accel-buffering strict-transport-security
    x-content-type-options x-frame-options expires
    """.split()
)
"""Fields whose values tell of programs and the protocol alone."""
_PSEUDO: Final = frozenset(b":method :scheme :status :protocol :authority :path".split())
"""RFC 9113 8.3, RFC 8441 4."""
_PLACES: Final = frozenset(
    b"""
    host origin referer location sec-websocket-origin access-control-allow-origin
    x-forwarded-for x-forwarded-host x-real-ip forwarded
    """.split()
)
NAMED: Final = (
    _PLAIN_VALUES
    | _PLACES
    | frozenset(
        b"""
        sec-websocket-key sec-websocket-accept sec-websocket-protocol authorization cookie
        set-cookie proxy-authorization www-authenticate proxy-authenticate x-forwarded-for
        x-forwarded-proto x-forwarded-host x-real-ip forwarded via from link etag
        last-modified if-none-match if-modified-since x-request-id
        access-control-allow-headers access-control-expose-headers x-powered-by
        last-event-id x-csrf-token x-requested-with content-disposition
        """.split()
    )
    | _PSEUDO
)
"""Fields whose names are known; of others the name is replaced as well."""
SUBPROTOCOLS: Final = frozenset(
    b"""
    mqtt mqttv3.1 v10.stomp v11.stomp v12.stomp wamp.2.json wamp.2.msgpack wamp.2.cbor
    wamp.2.json.batched graphql-ws graphql-transport-ws actioncable-v1-json
    actioncable-unsupported ocpp1.6 ocpp2.0 ocpp2.0.1 ocpp2.1 sip xmpp soap json chat binary
    base64 v4.channel.k8s.io v5.channel.k8s.io channel.k8s.io
    v1.kernel.websocket.jupyter.org centrifuge-json centrifuge-protobuf echo
    """.split()
)
"""Subprotocols that are public; others may hold a token."""


class Keys:
    """Pairs of Sec-WebSocket-Key and Accept: what was sent -> what stands there now."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._answers: dict[bytes, bytes] = {}

    def key(self, sent: bytes) -> bytes:
        """Return the new value for a key."""
        made = self._random(sent)
        self._answers[_accept(sent)] = _accept(made)
        if len(self._answers) > _MAX_ANSWERS:
            del self._answers[next(iter(self._answers))]
        return made

    def accept(self, sent: bytes) -> bytes:
        """Return the new value for an answer: right where that was right."""
        return self._answers.get(sent) or self._random(sent)

    def _random(self, sent: bytes) -> bytes:
        """Return a value of the same length; of what is base64 the same number of bytes."""
        try:
            raw = base64.b64decode(sent, validate=True)
        except (binascii.Error, ValueError):
            return self._words.text(sent)
        if base64.b64encode(raw) != sent:
            return self._words.text(sent)
        return base64.b64encode(self._words.noise(raw))


_MAX_ANSWERS: Final = 1024
"""Keys of one connection whose answer has not come."""


def _accept(key: bytes) -> bytes:
    return base64.b64encode(hashlib.sha1(key.strip() + _GUID, usedforsecurity=False).digest())


def rewritten(head: bytes, words: Words, keys: Keys) -> bytes:
    """Return a request's or response's head with false names, in as many bytes."""
    found: list[bytes] = []
    at = 0
    field = b""
    started = False
    for line in _LINE.finditer(head):
        at = line.end()
        content = line[1]
        if not started:
            started = bool(content)
            found.append(_start(content, words))
        elif content[:1] in (b" ", b"\t"):
            found.append(_value(field, content, words, keys))
        else:
            name, colon, value = content.partition(b":")
            field = name.strip().lower()
            if field not in NAMED:
                name = words.text(name)
            found.append(name + colon + _value(field, value, words, keys))
        found.append(line[2])
    return b"".join(found) + words.text(head[at:])


def _start(line: bytes, words: Words) -> bytes:
    if line[:5] == b"HTTP/":
        version, status, reason = _STATUS.match(line).groups()  # type: ignore[union-attr]
        return version + status + (reason if reason.lower() in _reasons() else words.text(reason))
    method, space, rest = line.partition(b" ")
    target, last, version = rest.rpartition(b" ")
    if not last:
        return method + space + words.place(rest)
    return method + space + words.place(target) + last + version


@cache
def _reasons() -> frozenset[bytes]:
    """Return what follows a status code everywhere: other text may tell of somebody."""
    from http import HTTPStatus

    older = b"ok", b"web socket protocol handshake", b"websocket protocol handshake"
    return frozenset((b"", *older, *(each.phrase.lower().encode() for each in HTTPStatus)))


def _value(field: bytes, value: bytes, words: Words, keys: Keys) -> bytes:
    stripped = value.strip()
    if field in (b"sec-websocket-key", b"sec-websocket-accept"):
        made = keys.key(stripped) if field.endswith(b"key") else keys.accept(stripped)
        begin = value.find(stripped)
        return value[:begin] + made + value[begin + len(stripped) :]
    return field_value(field, value, words)


def field_value(field: bytes, value: bytes, words: Words) -> bytes:
    """Return what stands for a field's value.

    Args:
        field: its name in lower case; of HTTP/2 also those that begin with a colon.
        value: its value.
        words: of the file.
    """
    if field in _PLAIN_VALUES:
        return value
    if field in _PLACES or field in (b":authority", b":path"):
        return words.place(value)
    if field in _PSEUDO:
        return value
    if field == b"sec-websocket-protocol":
        return b",".join(
            each if each.strip().lower() in SUBPROTOCOLS else words.text(each)
            for each in value.split(b",")
        )
    return words.text(value)
