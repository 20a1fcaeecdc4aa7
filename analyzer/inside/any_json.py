"""Any other JSON: named by the member that says what a message is.

Feeds of exchanges, chats and games have a member `type`, `event`, `op` or the like. A number or
text that comes back from the other side as `id` or `requestId` pairs a call; what is never
answered is none. Knows one connection's messages.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec
from msgspec import Raw

from analyzer.inside.item import ASK_MAYBE, REPLY, REPLY_ERROR, Decoder, Item, Protocol, Setting
from analyzer.inside.json_text import NOTHING, decoded, is_given, name_of, text_of
from analyzer.lazy_pattern import lazy_pattern

INNER: Final = "json"

_KEYS: Final = (
    *("type", "event", "action", "op", "method", "msg", "cmd", "command", "e", "kind", "topic"),
)
"""Asked for in this order; of one with too many values the next is taken."""
_MANY: Final = 256
"""Different values with which a member is taken for text, not for a name."""
MAX_ASKED: Final = 1024
"""Ids of a side that may come back: of more, the oldest is forgotten."""
_WORD: Final = lazy_pattern(r"[\w.:/@\-]{1,64}")


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
    topic: Raw = NOTHING
    id: Raw = NOTHING
    requestId: Raw = NOTHING
    request_id: Raw = NOTHING
    error: Raw = NOTHING


HEADS: Final = msgspec.json.Decoder(Head)


class AnyJson(Decoder):
    """Reads one connection."""

    inner = INNER

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        # Of each member the names it had, and how they were written: most come again.
        self.values: list[tuple[str, set[str], dict[bytes, str]]] = [
            (key, set(), {}) for key in _KEYS
        ]
        # Ordered ones: to find the oldest of a dict takes the longer, the more left it before.
        self.asked: tuple[OrderedDict[bytes, None], OrderedDict[bytes, None]] = (
            OrderedDict(),
            OrderedDict(),
        )

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message; what is no object has no name."""
        if payload[:1] != b"{":
            return [Item("json")] if payload[:1] == b"[" else None
        head = decoded(HEADS, payload)
        if head is None:
            return None
        item = Item("json", self.name(head))
        token = bytes(head.id) or bytes(head.requestId) or bytes(head.request_id)
        told = text_of(token) if token else None
        if told is None:
            return [item]
        theirs = self.asked[1 - sender]
        if token in theirs:
            del theirs[token]
            item.reply_to = told
            item.role = REPLY_ERROR if is_given(head.error) else REPLY
        else:
            item.id, item.role = told, ASK_MAYBE
            self.ask(sender, token)
        item.key = token
        return [item]

    def ask(self, sender: int, token: bytes) -> None:
        """Note an id that may come back from the other side."""
        mine = self.asked[sender]
        mine[token] = None
        if len(mine) > MAX_ASKED:
            mine.popitem(last=False)

    def name(self, head: Head) -> str | None:
        """Return what the message is called by one of its members; None without a name."""
        for key, seen, written in self.values:
            value = getattr(head, key)
            if value is NOTHING:
                continue
            raw = bytes(value)
            name = written.get(raw)
            if name is not None:
                return name
            name = name_of(value)
            if name is None or not _WORD.fullmatch(name):
                continue
            if name not in seen:
                if len(seen) >= _MANY:
                    continue
                seen.add(name)
            if len(written) < _MANY:
                written[raw] = name
            return name
        return None


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is an object with a member that names it.

    Without one there is nothing to say of it, and nothing to read it for.
    """
    head = decoded(HEADS, payload) if is_text and payload[:1] == b"{" else None
    return head is not None and any(
        value is not NOTHING and _WORD.fullmatch(name_of(value) or "") is not None
        for value in (getattr(head, key) for key in _KEYS)
    )


PROTOCOL: Final = Protocol(
    INNER, AnyJson, looks, begins=b"{", needs=tuple(f'"{key}"'.encode() for key in _KEYS)
)
