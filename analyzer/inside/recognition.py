"""Recognition: which protocol a connection speaks.

A subprotocol's name is enough. Else two of a connection's first messages must be clearly of
one protocol; those that the path names are asked first. Never on mere likeness: each protocol's
file has its `looks`. Used by inside.talk.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from analyzer.inside.item import Protocol, Setting

TRIES: Final = 8
"""Messages that are looked at; what two of them do not show is not searched for any longer."""
CONFIRMED: Final = 2
GENERIC_FROM: Final = 4
"""Messages after which a protocol of any JSON is taken although a better one fits one of them."""


class _Candidates:
    """The protocols that connections with one path may speak, in the order in which they are asked.

    Attributes:
        count: how many.
    """

    def __init__(self, path: str, protocols: Sequence[Protocol]) -> None:
        by_path = [each for each in protocols if each.path is not None and each.path.match(path)]
        others = [each for each in protocols if not each.needs_path and each not in by_path]
        self._all = tuple(enumerate([*by_path, *others]))
        self._by_first: dict[bytes, tuple[tuple[int, Protocol], ...]] = {}
        self.count = len(self._all)

    def of(self, payload: bytes) -> tuple[tuple[int, Protocol], ...]:
        """Return those that a message may be of by its first byte, each with its place."""
        first = payload[:1]
        found = self._by_first.get(first)
        if found is None:
            found = tuple(one for one in self._all if not one[1].begins or first in one[1].begins)
            self._by_first[first] = found
        return found


# Many connections have the same path; of those with a token in it only the last ones are kept.
_candidates = lru_cache(maxsize=64)(_Candidates)


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
        self._candidates = _candidates(setting.path, tuple(protocols))
        self._counts: dict[int, int] = {}
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
        counts = self._counts
        for place, each in self._candidates.of(payload):
            if each.looks(payload, sender, is_text):
                counts[place] = counts.get(place, 0) + 1
                if counts[place] >= CONFIRMED:
                    return each
        generic = self._generic
        if generic is not None:
            self._named += generic.looks(payload, sender, is_text)
            enough = self._seen >= (GENERIC_FROM if counts else CONFIRMED)
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
