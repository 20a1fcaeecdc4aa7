"""Any other JSON: named by the member that says what a message is.

Feeds of exchanges, chats and games have a member `type`, `event`, `op` or the like, at the top or
in a header; others send arrays of such objects, or arrays with a word in front. A number or text
that comes back from the other side as `id` or `requestId` pairs a call; what is never answered is
none. No specification says what else may be sent: text that is no JSON, such as commands of one
side and `ping`, is no fault. Knows one connection's messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from analyzer.inside._asked import Asked
from analyzer.inside.item import Item
from analyzer.inside.json_hints import (
    BEAT_NAMES,
    BEATS,
    CHANGES,
    CHANNELS,
    KEYS,
    kind_of,
    trimmed,
)
from analyzer.inside.json_text import (
    NOTHING,
    decoded,
    elements,
    is_given,
    name_of,
    text_of,
)
from analyzer.inside.protocol import (
    ASK_MAYBE,
    HEARTBEAT,
    QUICK_ANY_JSON,
    REPLY,
    REPLY_ERROR,
    Decoder,
    Setting,
)
from analyzer.lazy_pattern import lazy_pattern

INNER: Final = "json"

_WITHIN: Final = ("header", "headers", "meta", "metadata", "arg", "d", "payload", "data")
"""Objects that may hold the name, where a message has none at its top."""
_CODES: Final = ("type", "event", "action", "op", "cmd", "command")
"""Members whose small numbers are names too, where there is no word."""
_MANY: Final = 256
"""Different values with which a member is taken for text, not for a name."""
_MAX_ASKED: Final = 1024
"""Ids of a side that may come back: of more, the oldest is forgotten."""
_MAX_FRONT: Final = 4
"""Elements of an array among which the word is that names it."""
_MAX_ELEMENTS: Final = 1024
"""Objects of one array that are read: of more, the first."""
_WORD: Final = lazy_pattern(r"[\w.:/@\-]{1,64}")
_FRONT_WORD: Final = lazy_pattern(rb'"[A-Za-z_][\w.:/@\-]{0,63}"')
_CODE: Final = lazy_pattern(rb"\d{1,3}")


class Head(msgspec.Struct, gc=False):
    """The members that are wanted."""

    type: Raw = NOTHING
    event: Raw = NOTHING
    action: Raw = NOTHING
    op: Raw = NOTHING
    method: Raw = NOTHING
    msg: Raw = NOTHING
    cmd: Raw = NOTHING
    command: Raw = NOTHING
    e: Raw = NOTHING
    kind: Raw = NOTHING
    messageType: Raw = NOTHING
    message_type: Raw = NOTHING
    eventType: Raw = NOTHING
    event_type: Raw = NOTHING
    requestType: Raw = NOTHING
    topic: Raw = NOTHING
    channel: Raw = NOTHING
    stream: Raw = NOTHING
    table: Raw = NOTHING
    ch: Raw = NOTHING
    janus: Raw = NOTHING
    ev: Raw = NOTHING
    T: Raw = NOTHING
    t: Raw = NOTHING
    id: Raw = NOTHING
    requestId: Raw = NOTHING
    request_id: Raw = NOTHING
    req_id: Raw = NOTHING
    transaction: Raw = NOTHING
    error: Raw = NOTHING


class Envelope(msgspec.Struct, gc=False):
    """Members that may hold the name."""

    header: Raw = NOTHING
    headers: Raw = NOTHING
    meta: Raw = NOTHING
    metadata: Raw = NOTHING
    arg: Raw = NOTHING
    d: Raw = NOTHING
    payload: Raw = NOTHING
    data: Raw = NOTHING


HEADS: Final = msgspec.json.Decoder(Head)
_ENVELOPES: Final = msgspec.json.Decoder(Envelope)


class AnyJson(Decoder):
    """Reads one connection."""

    inner = INNER
    quick = QUICK_ANY_JSON
    is_strict = False

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        # Of each member the names it had, and how they were written: most come again.
        self._values: dict[str, tuple[set[str], dict[bytes, str]]] = {}
        self._plain: list[tuple[str, dict[bytes, str]]] = [(key, {}) for key in KEYS]
        """Of each key, as they were written, names that say all: most messages have one."""
        self.asked = Asked(_MAX_ASKED), Asked(_MAX_ASKED)

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message; what is no JSON says nothing."""
        if payload in BEATS:
            return [Item(HEARTBEAT)]
        if payload[:1] == b"{":
            item = self._object(payload, sender)
            if item is not None:
                return [item]
            # Several objects, each in a line.
            lines = payload.split(b"\n", _MAX_ELEMENTS)[:_MAX_ELEMENTS]
            items = [self._object(line, sender) for line in lines if line.strip()]
            return None if not items or None in items else [each for each in items if each]
        return self._array(payload, sender) if payload[:1] == b"[" else None

    def name_in(self, payload: bytes) -> str | None:
        """Return the name of a message that is one object, which the quick way does not know."""
        return self.name(HEADS.decode(payload))

    def _object(self, payload: bytes | Raw, sender: int) -> Item | None:
        """Return what an object says; None if it is none."""
        head = decoded(HEADS, payload)
        if head is None:
            return None
        name, token, failed = self.name(head), token_of(head), is_given(head.error)
        if name is None and not self._is_answer(token, sender):
            within = envelope_of(payload)
            if within is not None:
                name, token = self.name(within), token or token_of(within)
                failed = failed or is_given(within.error)
            name = name or code_of(head)
        item = Item(kind_of(name), name)
        self._pair(item, token, sender, failed=failed)
        return item

    def _array(self, payload: bytes, sender: int) -> list[Item] | None:
        """Return what an array says: objects, or a word that stands in front."""
        found = elements(payload)
        if found is None:
            return None
        if found and bytes(found[0])[:1] == b"{":
            items = [self._object(each, sender) for each in found[:_MAX_ELEMENTS]]
            return [each for each in items if each is not None]
        for each in found[:_MAX_FRONT]:
            name = self._named("", each) if is_front(each) else None
            if name is not None:
                return [Item(kind_of(name), name)]
        return [Item("json")]

    def _pair(self, item: Item, token: bytes, sender: int, *, failed: bool) -> None:
        """Note that a message has an id which may come back, or has come back."""
        told = text_of(token) if token else None
        if told is None:
            return
        if self._is_answer(token, sender):
            self.asked[1 - sender].remove(token)
            item.reply_to = told
            item.role = REPLY_ERROR if failed else REPLY
        else:
            item.id, item.role = told, ASK_MAYBE
            self.asked[sender].add(token)
        item.key = token

    def _is_answer(self, token: bytes, sender: int) -> bool:
        return token in self.asked[1 - sender]

    def name(self, head: Head) -> str | None:
        """Return what the message is called by one of its members; None without a name."""
        for key, plain in self._plain:
            value = getattr(head, key)
            if value is NOTHING:
                continue
            name = plain.get(bytes(value))
            if name is not None:
                return name
            name = self._named(key, value)
            if name is None:
                continue
            if name in CHANGES:
                return self._channel(head, name)
            if len(plain) < _MANY:
                plain[bytes(value)] = name
            return name
        return None

    def _channel(self, head: Head, change: str) -> str:
        """Return of what a message says a change; without that the change."""
        for key in CHANNELS:
            value = getattr(head, key)
            name = self._named(key, value) if value is not NOTHING else None
            if name is not None:
                return name
        return change

    def known(self, key: str, written: bytes) -> str | None:
        """Return what a value of a member is called, if that will be the same for ever."""
        found = self._values.get(key)
        return None if found is None else found[1].get(written)

    def _named(self, key: str, value: Any) -> str | None:
        """Return a member's value if it is a name."""
        known = self._values.get(key)
        if known is None:
            known = self._values[key] = (set(), {})
        seen, written = known
        raw = bytes(value)
        name = written.get(raw)
        if name is not None:
            return name
        name = name_of(value)
        if name is None or not _WORD.fullmatch(name):
            return None
        if name not in seen:
            if len(seen) >= _MANY:
                return None
            seen.add(name)
        if len(written) < _MANY:
            written[raw] = name
        return name


def token_of(head: Head) -> bytes:
    """Return what may pair a message with its answer, as it is written; empty without one."""
    return (
        bytes(head.id)
        or bytes(head.requestId)
        or bytes(head.request_id)
        or bytes(head.req_id)
        or bytes(head.transaction)
    )


def envelope_of(payload: bytes | Raw) -> Head | None:
    """Return the first object within that has a word for a name; None if there is none."""
    outer = decoded(_ENVELOPES, payload)
    if outer is None:
        return None
    for key in _WITHIN:
        value = getattr(outer, key)
        head = decoded(HEADS, value) if bytes(value)[:1] == b"{" else None
        if head is not None and is_named(head):
            return head
    return None


def is_named(head: Head) -> bool:
    """Return whether one of the members is a word that can be a name."""
    values = [getattr(head, key) for key in KEYS]
    return any(is_word(value) for value in values if value is not NOTHING)


def code_of(head: Head) -> str | None:
    """Return the small number that says what a message is; None without one."""
    for key in _CODES:
        value = getattr(head, key)
        if value is not NOTHING and _CODE.fullmatch(bytes(value)):
            return bytes(value).decode()
    return None


def is_word(value: Any) -> bool:
    """Return whether a value, as it is written, can be a name."""
    return _WORD.fullmatch(name_of(value) or "") is not None


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is JSON with a member that names it.

    Without one there is nothing to say of it, and nothing to read it for.
    """
    if payload[:1] == b"[":
        return _is_named_array(elements(payload) or ())
    head = decoded(HEADS, payload) if payload[:1] == b"{" else None
    if head is None:
        line, _, rest = payload.partition(b"\n")
        return payload[:1] == b"{" and bool(rest) and looks(trimmed(line), sender, is_text)
    return is_named(head) or code_of(head) is not None or envelope_of(payload) is not None


def is_beat(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether an object is a heartbeat: many protocols have the same."""
    head = decoded(HEADS, payload) if payload[:1] == b"{" else None
    if head is None:
        return False
    names = (name_of(value) for value in (head.type, head.event, head.op, head.method))
    return any(name in BEAT_NAMES for name in names)


def _is_named_array(found: Sequence[Any]) -> bool:
    if found and bytes(found[0])[:1] == b"{":
        head = decoded(HEADS, found[0])
        return head is not None and is_named(head)
    return any(is_front(each) for each in found[:_MAX_FRONT])


def is_front(value: Any) -> bool:
    """Return whether an element of an array can be its name: text that is no number."""
    return _FRONT_WORD.fullmatch(bytes(value)) is not None
