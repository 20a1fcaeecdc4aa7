"""WAMP, version 2: calls, registrations, subscriptions; in JSON, MessagePack or CBOR.

Source: "The Web Application Messaging Protocol", draft-oberstet-hybi-tavendo-wamp, 6 (message
codes) and 3.3 (transports: batched ones have a byte 30 after each message of JSON, four bytes of
length before one of the others). Topics of events and procedures of invocations are known from
what was subscribed and registered before. Knows one connection's messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from analyzer.inside import cbor_text
from analyzer.inside.item import Item
from analyzer.inside.json_text import ERRORS, elements
from analyzer.inside.protocol import (
    ASK,
    CANCEL,
    DELIVER,
    PUBLISH,
    REPLY,
    REPLY_ERROR,
    STREAM,
    SUBSCRIBE,
    Decoder,
    Setting,
    plain,
    short,
)
from analyzer.lazy_pattern import lazy_pattern

INNER: Final = "wamp"

_GOODBYE, _ERROR, _PUBLISH, _PUBLISHED = 6, 8, 16, 17
_SUBSCRIBE, _SUBSCRIBED, _UNSUBSCRIBE, _UNSUBSCRIBED, _EVENT = 32, 33, 34, 35, 36
_CALL, _CANCEL, _RESULT = 48, 49, 50
_REGISTER, _REGISTERED, _UNREGISTER, _UNREGISTERED = 64, 65, 66, 67
_INVOCATION, _INTERRUPT, _YIELD = 68, 69, 70
_NAMES: Final = {
    **{1: "HELLO", 2: "WELCOME", 3: "ABORT", 4: "CHALLENGE", 5: "AUTHENTICATE", 6: "GOODBYE"},
    **{8: "ERROR", 16: "PUBLISH", 17: "PUBLISHED", 32: "SUBSCRIBE", 33: "SUBSCRIBED"},
    **{34: "UNSUBSCRIBE", 35: "UNSUBSCRIBED", 36: "EVENT", 48: "CALL", 49: "CANCEL"},
    **{50: "RESULT", 64: "REGISTER", 65: "REGISTERED", 66: "UNREGISTER", 67: "UNREGISTERED"},
    **{68: "INVOCATION", 69: "INTERRUPT", 70: "YIELD"},
}
_ANSWERS: Final = {
    _PUBLISHED: _PUBLISH,
    _SUBSCRIBED: _SUBSCRIBE,
    _UNSUBSCRIBED: _UNSUBSCRIBE,
    _RESULT: _CALL,
    _REGISTERED: _REGISTER,
    _UNREGISTERED: _UNREGISTER,
    _YIELD: _INVOCATION,
}
_MAX_KNOWN: Final = 8192
"""Subscriptions and registrations remembered, each, with what they are of."""
_MAX_BATCH: Final = 4096
_LONGEST: Final = 7
"""Elements of an array: code, two numbers, options, URI, arguments, arguments by name."""
_PACKED_CONTAINERS: Final = {0xDC: "l", 0xDD: "l", 0xDE: "d", 0xDF: "d"}
"""Arrays and maps of MessagePack with more than 15 elements."""

_PACKED: Final = msgspec.msgpack.Decoder(list[Raw])
_PACKED_VALUE: Final = msgspec.msgpack.Decoder(int | str)
_JSON_VALUE: Final = msgspec.json.Decoder(int | str)

Split = Callable[[bytes], Sequence[bytes]]
Value = Callable[[bytes], Any]


def _split_json(message: bytes) -> Sequence[bytes]:
    found = elements(message)
    if found is None:
        raise ValueError
    return [bytes(each) for each in found]


def _split_packed(message: bytes) -> Sequence[bytes]:
    return [bytes(each) for each in _PACKED.decode(message)]


_FORMATS: Final[dict[str, tuple[Split, Value]]] = {
    "json": (_split_json, _JSON_VALUE.decode),
    "msgpack": (_split_packed, _PACKED_VALUE.decode),
    "cbor": (cbor_text.elements, cbor_text.value),
}


class Wamp(Decoder):
    """Reads one connection."""

    inner = INNER

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        words = setting.subprotocol.split(".")
        form = words[2] if len(words) > 2 and words[2] in _FORMATS else "json"
        self._is_json = form == "json"
        self._split, self._value = _FORMATS[form]
        self._is_known = len(words) > 2
        self._batched = words[-1] == "batched"
        self._due: dict[tuple[int, Any], str | None] = {}
        self._topics: dict[Any, str | None] = {}
        self._procedures: dict[Any, str | None] = {}

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message, or a batch of them."""
        if not (self._is_known or is_text):
            # Joined in its middle: the first byte tells what binary form it is.
            form = _packed_form(payload)
            self._is_json, self._is_known = False, True
            self._split, self._value = _FORMATS[form or "msgpack"]
        messages = self._messages(payload) if self._batched else [payload]
        if messages is None:
            return None
        items: list[Item] = []
        for message in messages:
            try:
                item = self._item(self._split(message))
            except (*ERRORS, IndexError, TypeError):
                item = None
            if item is None:
                return items or None
            items.append(item)
        return items or None

    def _messages(self, payload: bytes) -> list[bytes] | None:
        if self._is_json:
            return [each for each in payload.split(b"\x1e", _MAX_BATCH) if each]
        messages: list[bytes] = []
        at = 0
        while at + 4 <= len(payload) and len(messages) < _MAX_BATCH:
            length = int.from_bytes(payload[at : at + 4])
            messages.append(payload[at + 4 : at + 4 + length])
            at += 4 + length
        return messages if at == len(payload) else None

    def _item(self, parts: Sequence[bytes]) -> Item | None:
        code = self._value(parts[0])
        name = _NAMES.get(code) if isinstance(code, int) else None
        if name is None:
            return None
        if code < _ERROR:
            return Item(name)
        if code in (_PUBLISH, _SUBSCRIBE, _CALL, _REGISTER):
            return self._named(code, name, parts)
        if code in (_UNSUBSCRIBE, _UNREGISTER):
            return self._ended(code, name, parts)
        if code in _ANSWERS:
            return self._answer(code, name, parts)
        if code == _ERROR:
            asked, request = self._value(parts[1]), self._value(parts[2])
            item = Item(name, None, None, plain(request), None, REPLY_ERROR, (asked, request))
            self._due.pop((asked, request), None)
            return item
        if code == _EVENT:
            topic = self._topics.get(self._value(parts[1]))
            body = b"".join(parts[4:])
            return Item(
                name, topic, plain(self._value(parts[2])), topic=topic, spread=DELIVER, body=body
            )
        return self._invocation(code, name, parts)

    def _named(self, code: int, name: str, parts: Sequence[bytes]) -> Item:
        """Read what names a topic or a procedure."""
        request, uri = self._value(parts[1]), short(plain(self._value(parts[3])))
        item = Item(name, uri, plain(request), topic=uri if code < _CALL else None)
        # A publication is answered only if that is asked for (WAMP, "Acknowledge").
        if code != _PUBLISH or b"acknowledge" in parts[2]:
            item.role, item.key = ASK, (code, request)
        if code == _PUBLISH:
            item.spread, item.body = PUBLISH, b"".join(parts[4:])
        elif code == _SUBSCRIBE:
            item.spread = SUBSCRIBE
        if code in (_SUBSCRIBE, _REGISTER):
            _remember(self._due, (code, request), uri)
        return item

    def _ended(self, code: int, name: str, parts: Sequence[bytes]) -> Item:
        request, number = self._value(parts[1]), self._value(parts[2])
        known = self._topics if code == _UNSUBSCRIBE else self._procedures
        uri = known.pop(number, None)
        topic = uri if code == _UNSUBSCRIBE else None
        return Item(name, uri, plain(request), None, topic, ASK, (code, request))

    def _answer(self, code: int, name: str, parts: Sequence[bytes]) -> Item:
        asked, request = _ANSWERS[code], self._value(parts[1])
        if code in (_SUBSCRIBED, _REGISTERED):
            known = self._topics if code == _SUBSCRIBED else self._procedures
            _remember(known, self._value(parts[2]), self._due.pop((asked, request), None))
        role = REPLY
        if code in (_RESULT, _YIELD) and b"progress" in parts[2]:
            role = STREAM
        return Item(name, None, None, plain(request), None, role, (asked, request))

    def _invocation(self, code: int, name: str, parts: Sequence[bytes]) -> Item:
        request = self._value(parts[1])
        told = plain(request)
        if code == _INVOCATION:
            uri = self._procedures.get(self._value(parts[2]))
            return Item(name, uri, told, None, None, ASK, (code, request))
        asked = _CALL if code == _CANCEL else _INVOCATION
        return Item(name, None, None, told, None, CANCEL, (asked, request))


def _remember(known: dict[Any, str | None], key: Any, uri: str | None) -> None:
    known[key] = uri
    if len(known) > _MAX_KNOWN:
        del known[next(iter(known))]


_HELLO: Final = lazy_pattern(
    rb'\[\s*(?:1\s*,\s*"[^"]{1,256}"\s*,\s*\{.{0,65536}"roles"|2\s*,\s*\d{1,16}\s*,'
    rb'\s*\{.{0,65536}"roles")',
    re.DOTALL,
)


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message opens a session of WAMP in JSON (HELLO, WELCOME)."""
    return _HELLO.match(payload) is not None


def _packed_form(payload: bytes) -> str | None:
    """Return what an array of at most 15 elements is written in, by its first byte."""
    first = payload[:1]
    if b"\x80" <= first <= b"\x8f":
        return "cbor"  # RFC 8949, 3.1: major type 4
    return "msgpack" if b"\x90" <= first <= b"\x9f" else None


_URI: Final = lazy_pattern(r"(?:[^\s.#]{1,256}\.){1,32}[^\s.#]{1,256}")
_ARGUMENTS: Final = "(?:ld?)?"
_SHAPES: Final = {
    **{
        1: "[tu]d",
        2: "id",
        3: "du",
        4: "[tu]d",
        5: "[tu]d",
        _GOODBYE: "du",
        _ERROR: "iidu" + _ARGUMENTS,
    },
    **{_PUBLISH: "idu" + _ARGUMENTS, _PUBLISHED: "ii", _EVENT: "iid" + _ARGUMENTS},
    **{_SUBSCRIBE: "idu", _SUBSCRIBED: "ii", _UNSUBSCRIBE: "ii", _UNSUBSCRIBED: "id?"},
    **{_CALL: "idu" + _ARGUMENTS, _CANCEL: "id", _RESULT: "id" + _ARGUMENTS},
    **{_REGISTER: "idu", _REGISTERED: "ii", _UNREGISTER: "ii", _UNREGISTERED: "id?"},
    **{_INVOCATION: "iid" + _ARGUMENTS, _INTERRUPT: "id", _YIELD: "id" + _ARGUMENTS},
}
"""What follows the code (6): i a number, d a map, u a URI, t another text, l a list."""


def _shape(payload: bytes, is_text: bool) -> str | None:
    """Return what follows the code of a message, as in `_SHAPES`; None if it is not WAMP's."""
    form = "json" if is_text else _packed_form(payload)
    if form is None:
        return None
    split, value = _FORMATS[form]
    try:
        parts = split(payload)
        code = value(parts[0])
        wanted = _SHAPES.get(code) if isinstance(code, int) else None
        if wanted is None or len(parts) > _LONGEST:
            return None
        found = "".join(_letter(part, form, value) for part in parts[1:])
    except (*ERRORS, IndexError, TypeError):
        return None
    return found if re.fullmatch(wanted, found) else None


def _letter(part: bytes, form: str, value: Value) -> str:
    """Return what an element is: a letter of `_SHAPES`, or a blank."""
    first = part[0]
    if form == "json":
        container = {0x7B: "d", 0x5B: "l"}.get(first)
    elif form == "cbor":
        container = {4: "l", 5: "d"}.get(first >> 5)
    else:
        container = {0x80: "d", 0x90: "l"}.get(first & 0xF0) or _PACKED_CONTAINERS.get(first)
    if container is not None:
        return container
    read = value(part)
    if isinstance(read, int):
        return "i" if read >= 0 else " "
    if isinstance(read, str):
        return "u" if _URI.fullmatch(read) else "t"
    return " "


def middle(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message has a URI or arguments where WAMP has them.

    Numbers alone, or a number and a map, are what many programs put in an array.
    """
    shape = _shape(payload, is_text)
    if shape is None:
        return is_text and looks(payload, sender, is_text)
    return "u" in shape or "l" in shape


def fits(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message has a shape that WAMP allows."""
    return _shape(payload, is_text) is not None or looks(payload, sender, is_text)
