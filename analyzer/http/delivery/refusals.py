"""Refusals: how the body begins that comes with the answer to an attempt.

Servers and proxies say there why they refuse. Knows content and its codings; must not know
where a body's bytes lie. Used by http.http1.conversation and http.http2.session.
"""

from __future__ import annotations

from typing import Final

from analyzer.http.delivery.inflating import CODINGS, Inflater
from analyzer.http.exchanges import Handshake
from analyzer.http.head import Head

_KEPT: Final = 1024
"""Bytes: more than is ever shown, so that a secret is seen whole before the text is cut."""


_INFLATED: Final = 128 * 1024
"""Bytes of inflated content that are looked at: the inflater's own pieces are half of that."""


class RefusalReader:
    """Takes the content of one refusal.

    Args:
        handshake: that is refused; takes what is kept.
        head: of the answer.

    Attributes:
        reading: more is wanted.
        limited: never: what is not kept is not missed.
    """

    __slots__ = ("_handshake", "_inflater", "limited", "reading")

    def __init__(self, handshake: Handshake, head: Head) -> None:
        self._handshake = handshake
        coding = head.values.get("content-encoding", "identity").strip().lower()
        self._inflater = Inflater(coding, _INFLATED) if coding in CODINGS else None
        self.reading = True
        self.limited = False

    def take(self, data: bytes, time: int) -> None:
        """Take content in its order; `time` does not matter."""
        handshake = self._handshake
        pieces = [data] if self._inflater is None else list(self._inflater.take(data))
        for piece in pieces:
            room = _KEPT - len(handshake.refusal_body)
            handshake.refusal_body += piece[:room]
            handshake.refusal_size += len(piece)
        if len(handshake.refusal_body) >= _KEPT or (self._inflater and self._inflater.failed):
            self.reading = False
            # Only whether there is more matters from here on.
            handshake.refusal_size = max(handshake.refusal_size, _KEPT + 1)

    def chunk(self, time: int) -> None:
        """A chunk ends: it says nothing of the content."""

    def lost(self) -> None:
        """Bytes of the body are missing: what follows is not its beginning."""
        self.reading = False

    def settle(self) -> None:
        """The body has ended."""
        self.reading = False
