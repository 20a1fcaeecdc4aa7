"""XMPP over WebSocket.

Sources: RFC 7395 (a message of WebSocket is one element), RFC 6120, 8 (stanzas), XEP-0199 (ping).
Only the first tag is read, and the name of the first child: no tree, no entities, so that nothing
can be expanded. Knows one connection's messages.
"""

from __future__ import annotations

from typing import Final

from analyzer.inside.item import Item
from analyzer.inside.protocol import (
    ASK,
    HEARTBEAT,
    REPLY,
    REPLY_ERROR,
    Decoder,
    Setting,
    short,
)
from analyzer.lazy_pattern import lazy_pattern

INNER: Final = "xmpp"

_TAG: Final = lazy_pattern(
    rb"\s{0,64}<(?:[A-Za-z_][\w.-]{0,63}:)?([A-Za-z_][\w.-]{0,63})"
    rb"((?:\s+[\w.:-]{1,64}\s*=\s*(?:\"[^\"<]{0,4096}\"|'[^'<]{0,4096}'))*)\s*(/?)>"
)
_ATTRIBUTE: Final = lazy_pattern(rb"\s([\w.:-]{1,64})\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)')")
_CHILD: Final = lazy_pattern(rb"\s{0,64}<(?:[A-Za-z_][\w.-]{0,63}:)?([A-Za-z_][\w.-]{0,63})")
_SPACE: Final = lazy_pattern(
    rb"\sxmlns(?::\w{1,64})?\s*=\s*[\"'](?:jabber:client|urn:ietf:params:xml:ns:xmpp-framing"
    rb"|http://etherx\.jabber\.org/streams)[\"']"
)
_PING: Final = b"urn:xmpp:ping"
_MAX_PINGS: Final = 64


class Xmpp(Decoder):
    """Reads one connection."""

    inner = INNER

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._pings: dict[tuple[int, str], None] = {}

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message."""
        if not payload.strip():
            return [Item(HEARTBEAT)]
        tag = _TAG.match(payload)
        if tag is None:
            return None
        name = tag[1].decode("ascii", "replace")
        # Late: its table of names costs start-up time, and few captures have XMPP.
        from html import unescape

        found = {
            key.decode("ascii", "replace"): unescape((one or other).decode("utf-8", "replace"))
            for key, one, other in _ATTRIBUTE.findall(tag[2])
        }
        item = Item(name, topic=short(found.get("to")))
        id_ = found.get("id")
        if name != "iq" or id_ is None:
            item.id = short(id_)
            return [item]
        return [self._query(item, id_, found.get("type", ""), payload, tag.end(), sender)]

    def _query(
        self, item: Item, id_: str, type_: str, payload: bytes, behind: int, sender: int
    ) -> Item:
        item.key = id_
        if type_ in ("get", "set"):
            item.id, item.role = short(id_), ASK
            child = _CHILD.match(payload, behind)
            if child is not None:
                item.name = child[1].decode("ascii", "replace")
                if item.name == "ping" and _PING in payload[behind : behind + 256]:
                    item.kind = HEARTBEAT
                    self._pings[sender, id_] = None
                    if len(self._pings) > _MAX_PINGS:
                        del self._pings[next(iter(self._pings))]
            return item
        item.reply_to = short(id_)
        item.role = REPLY_ERROR if type_ == "error" else REPLY
        if (1 - sender, id_) in self._pings:
            del self._pings[1 - sender, id_]
            item.kind = HEARTBEAT
        return item


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message opens a stream as RFC 7395 has it."""
    return b"urn:ietf:params:xml:ns:xmpp-framing" in payload[:1024] and (
        _TAG.match(payload) is not None
    )


def middle(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is a stanza with its name space, or one of the framing's own.

    Every element has to declare it (RFC 7395, 3.3.3).
    """
    tag = _TAG.match(payload)
    return tag is not None and _SPACE.search(tag[2]) is not None


def fits(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is one element, or white space."""
    return is_text and (not payload.strip() or _TAG.match(payload) is not None)
