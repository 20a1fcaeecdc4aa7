"""Keeping: payload of plain exchanges that is kept for who samples it (alternatives).

Knows how much of whom is kept; whether an exchange is of use is known only when its kind is, so
that what turns out not to be is dropped again. Must not know what is made of it. Used by
http.delivery.deliveries, requests and groups.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from analyzer.http.exchanges import Exchange
from analyzer.options import Options

CLIENT, SERVER = 0, 1
_NEVER: Final = ("html", "css", "javascript", "ecmascript", "xml", "image/", "font", "wasm")
"""Types of pages and their parts: they bring no messages."""


def may_tell(kind: str) -> bool:
    """Return whether content of a media type may be messages."""
    return not any(word in kind for word in _NEVER)


class Told:
    """The payloads of one body's messages, from its first on, as long as there is room.

    Attributes:
        payloads: so far.
    """

    __slots__ = ("_closed", "_keeping", "_key", "payloads")

    def __init__(self, keeping: Keeping, key: tuple[int, int]) -> None:
        self._keeping, self._key = keeping, key
        self.payloads: list[bytes] = []
        self._closed = False

    @property
    def room(self) -> int:
        """Bytes that may follow; the message that passes the limit is taken whole."""
        return max(0, self._keeping.room(self._key))

    def add(self, payload: bytes, size: int) -> None:
        """Take a message of `size` bytes, of which `payload` is known."""
        if len(payload) != size or self.room <= 0:
            # What follows could not be told from what is missing.
            self._closed = True
        if not self._closed:
            self.payloads.append(payload)
            self._keeping.count(self._key, size, 1)

    def forget(self) -> None:
        """Drop what was taken."""
        self._keeping.count(self._key, -sum(map(len, self.payloads)), -len(self.payloads))
        self.payloads = []

    def give(self, exchange: Exchange, body: bytes | None = None) -> None:
        """Hand what was taken to an exchange, and the whole body, if there was room for all."""
        if self._key[1] == CLIENT:
            exchange.asked = self.payloads
        else:
            exchange.told = self.payloads
            if body is not None and not self._closed:
                exchange.body = body
                self._keeping.count(self._key, *_beside(exchange))
        exchange.kept_by = self._key[0]
        self.payloads = []
        self._closed = True


def _beside(exchange: Exchange) -> tuple[int, int]:
    """Return the bytes that a body has besides its messages, and how many it counts for."""
    # One without any message is deflated as well.
    told = exchange.told
    return max(0, len(exchange.body or b"") - sum(map(len, told))), int(not told)


class Keeping:
    """Counts what is kept: of each client and direction, and in all.

    Attributes:
        wanted: says whether an exchange whose kind is known is of use; None: nothing is kept.
    """

    def __init__(self, options: Options) -> None:
        self.wanted: Callable[[Exchange], bool] | None = None
        self._clients = options.max_gzip_connections
        self._each = options.max_gzip_bytes, options.max_gzip_messages
        # Bytes and messages that may still be kept, in all, and by client and direction.
        self._all = [options.max_gzip_bytes_total, options.max_gzip_messages_total]
        self._left: dict[tuple[int, int], list[int]] = {}

    def told(self, client: int, side: int) -> Told | None:
        """Return what takes the payload of a body of a client's exchange; None if nothing is."""
        if self.wanted is None or min(self._all) <= 0:
            return None
        key = client, side
        if key not in self._left:
            if len(self._left) >= 2 * self._clients:
                return None
            self._left[key] = [*self._each]
        return Told(self, key) if self.room(key) > 0 else None

    def room(self, key: tuple[int, int]) -> int:
        """Return how many bytes a client's direction may still keep."""
        (left, most), (room, messages) = self._left[key], self._all
        return min(left, room) if most > 0 and messages > 0 else 0

    def count(self, key: tuple[int, int], size: int, messages: int) -> None:
        """Count what is kept, or (negative) no more."""
        for each in (self._left[key], self._all):
            each[0] -= size
            each[1] -= messages

    def release(self, exchange: Exchange) -> None:
        """Drop what an exchange keeps if, its kind known, it is of no use."""
        if exchange.kept_by < 0 or (self.wanted is not None and self.wanted(exchange)):
            return
        client = exchange.kept_by
        if exchange.asked:
            self.count((client, CLIENT), -sum(map(len, exchange.asked)), -len(exchange.asked))
        if exchange.told or exchange.body is not None:
            size, messages = _beside(exchange) if exchange.body is not None else (0, 0)
            told = exchange.told
            self.count((client, SERVER), -size - sum(map(len, told)), -messages - len(told))
        exchange.told, exchange.asked, exchange.body = [], [], None
