"""SockJS: frames around the messages of another protocol.

Source: sockjs-protocol 0.3.3, "SockJS framing": the server sends `o`, `h`, `a[...]`, `m...` and
`c[...]`, the client a JSON array of strings (or one string). What the strings are is read by the
decoder of the protocol inside. Knows one connection's messages.
"""

from __future__ import annotations

from typing import Final

import msgspec

from analyzer.inside.item import Item
from analyzer.inside.json_text import decoded
from analyzer.inside.protocol import CLIENT, HEARTBEAT, SERVER, Decoder, Protocol, Setting
from analyzer.lazy_pattern import lazy_pattern

INNER: Final = "sockjs"

_MAX_ITEMS: Final = 4096
_STRINGS: Final = msgspec.json.Decoder(list[str])
_STRING: Final = msgspec.json.Decoder(str)
_CLOSE: Final = lazy_pattern(rb'c\[\d{1,5},\s*"')


class SockJs(Decoder):
    """Reads one connection, or one session.

    Attributes:
        within: reads what the frames carry; None: not known.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.within: Decoder | None = None
        self._said_own = False

    @property
    def inner(self) -> str:  # type: ignore[override]
        """The protocol inside; SockJS's own name for its frames, and where none is known."""
        if self.within is None or self._said_own:
            return INNER
        return self.within.inner

    @property
    def spoken(self) -> str:
        """The protocol inside, where it is known: SockJS's own frames come between."""
        return INNER if self.within is None else self.within.inner

    def wrap(self, protocol: Protocol) -> None:
        """Read what the frames carry as `protocol`."""
        self.within = protocol.make(self.setting)
        if self.setting.joined:
            self.lost(CLIENT)
            self.lost(SERVER)

    @property
    def held_bytes(self) -> int:
        """Bytes that the decoder inside keeps."""
        return 0 if self.within is None else self.within.held_bytes

    def is_within(self, sender: int) -> bool:
        """Ask the decoder inside."""
        return self.within is not None and self.within.is_within(sender)

    def lost(self, sender: int) -> None:
        """Tell the decoder inside."""
        if self.within is not None:
            self.within.lost(sender)

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message."""
        self._said_own = True
        if sender != CLIENT:
            if payload == b"o":
                return [Item("open")]
            if payload == b"h":
                return [Item(HEARTBEAT)]
            if _CLOSE.match(payload):
                return [Item("close")]
        strings = unwrap(payload, sender)
        if strings is None:
            return None
        self._said_own = False
        if self.within is None:
            return [Item("message") for _ in strings]
        items: list[Item] = []
        for each in strings:
            found = self.within.take(each, sender, True)
            if found is None:
                return items or None
            items += found
        return items


def unwrap(payload: bytes, sender: int) -> list[bytes] | None:
    """Return the strings in a frame; none in the server's own; None if it is no frame."""
    if sender != CLIENT:
        if payload in (b"o", b"h") or _CLOSE.match(payload):
            return []
        if payload[:1] == b"m":
            one = decoded(_STRING, payload[1:])
            return None if one is None else [one.encode("utf-8", "surrogatepass")]
        if payload[:1] != b"a":
            return None
        payload = payload[1:]
    strings = decoded(_STRINGS, payload) if payload[:1] == b"[" else None
    if strings is None:
        one = decoded(_STRING, payload) if payload[:1] == b'"' and sender == CLIENT else None
        strings = None if one is None else [one]
    if strings is None:
        return None
    return [each.encode("utf-8", "surrogatepass") for each in strings[:_MAX_ITEMS]]


def looks(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is a frame, where the path names SockJS."""
    return is_text and unwrap(payload, sender) is not None


def middle(payload: bytes, sender: int, is_text: bool) -> bool:
    """Return whether a message is an array of strings as only SockJS's server writes it."""
    if not is_text or sender == CLIENT or not payload.startswith(b'a["'):
        return False
    return any(unwrap(payload, sender) or ())
