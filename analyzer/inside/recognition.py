"""Recognition: which protocol a connection speaks.

A subprotocol's name is enough. Else two of a connection's first messages must be clearly of
one protocol; those that the path names are asked first. Never on mere likeness: each protocol's
file has its `looks`. Used by inside.talk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analyzer.inside.item import Protocol, Setting

TRIES: Final = 8
"""Messages that are looked at; what two of them do not show is not searched for any longer."""
CONFIRMED: Final = 2
GENERIC_FROM: Final = 4
"""Messages after which a protocol of any JSON is taken although a better one fits one of them."""


class Recogniser:
    """Looks at the first messages of one connection.

    Attributes:
        named: protocol that the subprotocol names, or None.
        exhausted: none was recognised, and none will be.
    """

    __slots__ = (
        *("_candidates", "_counts", "_first_generic", "_generic", "_named", "_protocols", "_seen"),
        *("exhausted", "named"),
    )

    def __init__(
        self, setting: Setting, protocols: Sequence[Protocol], generic: Protocol | None
    ) -> None:
        self.named = _by_subprotocol(setting, protocols)
        by_path = [
            each for each in protocols if each.path is not None and each.path.match(setting.path)
        ]
        others = [each for each in protocols if not each.needs_path and each not in by_path]
        self._candidates = [*by_path, *others]
        self._counts = [0] * len(self._candidates)
        self._generic = self._first_generic = generic
        self._protocols = protocols
        self._named = 0
        self._seen = 0
        self.exhausted = False

    def again(self) -> Recogniser:
        """Return another for what a protocol carries, which neither path nor name identify."""
        return Recogniser(Setting(), self._protocols, self._first_generic)

    def see(self, payload: bytes, sender: int, is_text: bool) -> Protocol | None:
        """Look at one more message; return the protocol, if it is clear now."""
        self._seen += 1
        best = 0
        for place, each in enumerate(self._candidates):
            if each.looks(payload, sender, is_text):
                self._counts[place] += 1
                if self._counts[place] >= CONFIRMED:
                    return each
            best = max(best, self._counts[place])
        generic = self._generic
        if generic is not None:
            self._named += generic.looks(payload, sender, is_text)
            enough = self._seen >= (GENERIC_FROM if best else CONFIRMED)
            if enough and self._named >= CONFIRMED and 2 * self._named > self._seen:
                return generic
        self.exhausted = self._seen >= TRIES
        return None


def _by_subprotocol(setting: Setting, protocols: Sequence[Protocol]) -> Protocol | None:
    name = setting.subprotocol
    if not name:
        return None
    for each in protocols:
        if each.subprotocols is not None and each.subprotocols.fullmatch(name):
            return each
    return None
