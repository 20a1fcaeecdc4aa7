"""Recognition: which protocol a connection speaks.

A subprotocol's name is enough. Else two of a connection's first messages must be clearly of
one protocol; those that the path names are asked first. Of a connection that was joined in its
middle neither is known: there two different messages must be clear, and none may deny it.
Never on mere likeness: each protocol's file has its `looks`. Used by inside.talk.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from analyzer.inside._mute import Mute, Words
from analyzer.inside.protocol import CLIENT, SERVER, Protocol, Setting
from analyzer.named_tuple import NamedTuple

TRIES: Final = 8
"""Messages that are looked at; what two of them do not show is not searched for any longer."""
CONFIRMED: Final = 2
GENERIC_FROM: Final = 4
"""Messages after which a protocol of any JSON is taken although a better one fits one of them."""
_SAYS_NOTHING: Final = 2
"""Bytes of messages that no protocol is recognised by, heartbeats of most: they are no tries."""
_MOST: Final = 4 * TRIES
"""Messages that are looked at, those as well."""
_ESCAPE: Final = b"\\"
"""With it JSON may write any character of a word."""


class _Candidates:
    """The protocols that some connections may speak, in the order of asking."""

    def __init__(self, protocols: Sequence[Protocol], generic: Protocol | None) -> None:
        self._all = tuple(enumerate(protocols))
        self._generic = generic
        self._by_first: dict[bytes, tuple[_Chosen, _Chosen, Words | None]] = {}
        self.mute = Mute(self._words_of, generic.beats if generic is not None else frozenset())

    def of(self, payload: bytes) -> _Chosen:
        """Return those that a message may be of, as far as a search for a few words tells."""
        first = payload[:1]
        found = self._by_first.get(first)
        if found is None:
            found = self._by_first[first] = self._beginning(first)
        each, few, needed = found
        return few if needed is not None and not needed.are_in(payload) else each

    def _beginning(self, first: bytes) -> tuple[_Chosen, _Chosen, Words | None]:
        """Return the candidates for a first byte; those without needs; what the others need."""
        chosen = [one for one in self._all if _may_begin(one[1], first)]
        generic = self._generic if self._generic and _may_begin(self._generic, first) else None
        few = _Chosen([one for one in chosen if not one[1].needs], generic)
        needs = {need for _, each in chosen for need in each.needs}
        return _Chosen(chosen, generic), few, Words({*needs, _ESCAPE}) if needs else None

    def _words_of(self, first: bytes) -> set[bytes] | None:
        """Return words of which a message with a first byte has one if it says anything.

        None where a protocol needs none, or not only words.
        """
        chosen, few, _ = self._beginning(first)
        if few.protocols:
            return None
        words = {_ESCAPE}.union(*(each.needs for _, each in chosen.protocols))
        if chosen.generic is not None:
            if first != b"{" or not chosen.generic.names:
                return None
            words.update(chosen.generic.names)
        return words


class _Chosen(NamedTuple):
    """Protocols that a message may be of, each with its place; and the one of any JSON."""

    protocols: list[tuple[int, Protocol]]
    generic: Protocol | None


_NONE: Final = _Chosen([], None)


def _may_begin(protocol: Protocol, first: bytes) -> bool:
    return not protocol.begins or first in protocol.begins


# Most paths name none, or the same ones.
_candidates = lru_cache(maxsize=64)(_Candidates)


# Many connections have the same path; of those with a token in it only the last ones are kept.
@lru_cache(maxsize=64)
def _candidates_of(
    path: str, protocols: Sequence[Protocol], generic: Protocol | None
) -> _Candidates:
    """Return what connections with a path may speak; those that it names come first."""
    by_path = [each for each in protocols if each.path is not None and each.path.match(path)]
    others = [each for each in protocols if not each.needs_path and each not in by_path]
    return _candidates((*by_path, *others), generic)


class Recogniser:
    """Looks at the first messages of one connection.

    Args:
        setting: what is known of it.
        protocols: that it may speak: registry.JOINED where its beginning was not captured.
        generic: what reads any JSON, or None.

    Attributes:
        named: protocol that the subprotocol names, or None.
        exhausted: none was recognised, and none will be.
    """

    __slots__ = (
        *("_by_side", "_candidates", "_counts", "_denied", "_firsts", "_generic", "_is_joined"),
        *("_looked", "_named", "_protocols", "_seen", "exhausted", "named"),
    )

    def __init__(
        self, setting: Setting, protocols: Sequence[Protocol], generic: Protocol | None
    ) -> None:
        self.named = _by_subprotocol(setting, protocols)
        self._candidates = _candidates_of(setting.path, tuple(protocols), generic)
        self._counts: dict[int, int] = {}
        self._generic = generic
        self._protocols = protocols
        self._is_joined = setting.joined
        self._denied: set[int] = set()
        self._firsts: dict[int, int] = {}
        """Of a connection that was joined: hash of what was clear first, by its protocol."""
        self._named = [0, 0]
        """Of each side, messages so far that have a name in JSON; below, all."""
        self._by_side = [0, 0]
        self._seen = 0
        self._looked = 0
        self.exhausted = False

    def again(self) -> Recogniser:
        """Return another for what a protocol carries, which neither path nor name identify."""
        return Recogniser(Setting(joined=self._is_joined), self._protocols, self._generic)

    def see(self, payload: bytes, sender: int, is_text: bool) -> Protocol | None:
        """Look at one more message; return the protocol, if it is clear now."""
        self._looked += 1
        if not self._is_joined and self._candidates.mute.is_mute(payload, is_text):
            says = len(payload) > _SAYS_NOTHING
            self._seen += says
            self._by_side[sender] += says
            self.exhausted = self._seen >= TRIES or self._looked >= _MOST
            return self.generic() if self._may_be_generic(_NONE) else None
        says = len(payload) > _SAYS_NOTHING and not self._is_beat(payload, sender, is_text)
        self._seen += says
        self._by_side[sender] += says
        counts = self._counts
        chosen = self._candidates.of(payload)
        for place, each in chosen.protocols:
            if self._is_joined and not self._allows(place, each, payload, sender, is_text):
                continue
            if each.looks(payload, sender, is_text) and self._is_new(place, payload):
                counts[place] = counts.get(place, 0) + 1
                if counts[place] >= CONFIRMED:
                    return each
        if chosen.generic is not None and says:
            self._named[sender] += chosen.generic.looks(payload, sender, is_text)
        self.exhausted = self._seen >= TRIES or self._looked >= _MOST
        return self.generic() if self._may_be_generic(chosen) else None

    @property
    def mute(self) -> tuple[Mute, int, int] | None:
        """What tells messages that say nothing from others, how many such it would still look at.

        That is how many tries, and with heartbeats. None where even such a message may decide.
        """
        if self._is_joined or sum(self._named) >= CONFIRMED:
            return None
        return self._candidates.mute, TRIES - self._seen, _MOST - self._looked

    def learn(self, looked: int, client: int, server: int) -> None:
        """Take messages that say nothing, without being shown them.

        Args:
            looked: how many.
            client: of these, tries by the client.
            server: by the server.
        """
        self._looked += looked
        self._seen += client + server
        self._by_side[CLIENT] += client
        self._by_side[SERVER] += server

    def _is_beat(self, payload: bytes, sender: int, is_text: bool) -> bool:
        generic = self._generic
        if generic is None or generic.is_beat is None:
            return False
        return payload in generic.beats or generic.is_beat(payload, sender, is_text)

    def _allows(
        self, place: int, protocol: Protocol, payload: bytes, sender: int, is_text: bool
    ) -> bool:
        """Return whether a protocol allows all messages so far, this one as well."""
        if protocol.fits is None:
            return True
        if place not in self._denied and not protocol.fits(payload, sender, is_text):
            self._denied.add(place)
            self._counts.pop(place, None)
        return place not in self._denied

    def _is_new(self, place: int, payload: bytes) -> bool:
        """Return whether it is a sign; in the middle the same message again is none.

        A feed may say for ever what looks like a packet.
        """
        first = self._firsts.setdefault(place, hash(payload)) if self._is_joined else 0
        return not self._is_joined or place not in self._counts or first != hash(payload)

    def _may_be_generic(self, chosen: _Chosen) -> bool:
        """Return whether no better protocol is waited for."""
        if not self._is_joined:
            return self._seen >= (GENERIC_FROM if self._counts else CONFIRMED)
        allowed = any(
            each.fits is not None and place not in self._denied for place, each in chosen.protocols
        )
        return self._seen >= (TRIES if self._counts or allowed else CONFIRMED)

    def generic(self) -> Protocol | None:
        """Return the protocol of any JSON, if most of what was seen has a name; else None.

        One side may be enough: the other may say commands in words, or send sound.
        """
        if self._is_joined and self._counts and self._seen < TRIES:
            return None  # the little there was looked like another
        sides = zip(self._named, self._by_side, strict=True)
        for named, seen in ((sum(self._named), self._seen), *sides):
            if named >= CONFIRMED and 2 * named > seen:
                return self._generic
        return None


def _by_subprotocol(setting: Setting, protocols: Sequence[Protocol]) -> Protocol | None:
    name = setting.subprotocol
    if not name:
        return None
    for each in protocols:
        if each.subprotocols is not None and each.subprotocols.fullmatch(name):
            return each
    return None
