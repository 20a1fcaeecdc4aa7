"""Ways between two legs of a conversation: messages of one side, matched, with their transit.

Knows messages as digests with times. Must not know why two connections are taken for legs.
Used by tables.legs and tables.leg_pairs, and across captures by tables.paths.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from analyzer.columns import NULL
from analyzer.lazy_dataclass import dataclass, field
from analyzer.named_tuple import NamedTuple
from analyzer.tables.samples import Samples

_SAMPLES = 4_096
"""Transit times kept of a direction, for its median."""
_TOGETHER_NS = 1_000_000
"""Messages that leave a hop within this leave together: one write, or one wake of its loop."""
_APART_NS = 20_000_000
"""What reaches a hop as far apart, and leaves it together, was collected: a frame of a screen."""
_DISTINCT = 16
"""Different messages counted as evidence; more prove nothing more."""
_SHORTEST = 4
"""Payload bytes of a message that is evidence: heartbeats such as "2" and "{}" are alike
everywhere."""


class Seen(NamedTuple):
    """A message on one leg.

    Attributes:
        digest: over its length and how it begins; 0 where that is not known.
        size: payload bytes; NULL where not known.
        time: of its last byte (ns).
        packet: with which it was complete.
        hindered: whether loss, a closed window or a delayed ACK held it up.
    """

    digest: int
    size: int
    time: int
    packet: int
    hindered: bool


@dataclass(slots=True)
class Held:
    """Messages that a hop let go together with a later one.

    Attributes:
        count: of such messages.
        longest: how much earlier the first of a group came than its last (ns); 0 without.
    """

    count: int = 0
    longest: int = 0
    _came: int = NULL
    _left: int = NULL
    _first: int = NULL

    def take(self, came: int, left: int, *, hindered: bool) -> None:
        """Take a message: when it came to the hop, and left it."""
        together = self._left != NULL and 0 <= left - self._left <= _TOGETHER_NS and not hindered
        if not together:
            self._first = came
        elif came - self._came >= _APART_NS:
            self.count += 1
            self.longest = max(self.longest, came - self._first)
        self._came, self._left = came, NULL if hindered else left


@dataclass(slots=True)
class Way:
    """One direction between two legs: messages that wait for their match, by leg.

    Attributes:
        first: the leg that the messages pass first.
        waiting: of each leg, the last ones.
        transit: times between the legs (ns).
        held: what was collected between them.
        matched: messages that were found on both legs.
        missed: messages of one leg that were passed over: the other has later ones.
        early: matches against the order: first on the leg that they reach second.
        distinct: digests of different messages among the matched.
    """

    first: int
    waiting: tuple[deque[Seen], deque[Seen]]
    transit: Samples = field(default_factory=lambda: Samples(_SAMPLES))
    held: Held = field(default_factory=Held)
    matched: int = 0
    missed: int = 0
    early: int = 0
    distinct: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, first: int, most: int) -> Way:
        """Return a way on which `most` messages of each leg wait."""
        return cls(first, (deque(maxlen=most), deque(maxlen=most)))

    def widen(self, most: int) -> None:
        """Let more messages wait from now on."""
        one, other = (deque(each, maxlen=most) for each in self.waiting)
        self.waiting = one, other

    def take(self, leg: int, seen: Seen) -> tuple[Seen, Seen] | None:
        """Match a message with the first alike that waits on the other leg.

        What waits before that one never came through, or was not captured.

        Returns:
            Both as they passed, the leg that is `first` first; None without a match.
        """
        others = self.waiting[1 - leg]
        for place, other in enumerate(others):
            if other[:2] != seen[:2]:
                continue
            for _ in range(place + 1):
                others.popleft()
            self.missed += place
            passed = (seen, other) if leg == self.first else (other, seen)
            self._match(*passed)
            return passed
        self.waiting[leg].append(seen)
        return None

    def _match(self, before: Seen, behind: Seen) -> None:
        self.matched += 1
        if before.digest and before.size >= _SHORTEST and len(self.distinct) < _DISTINCT:
            self.distinct.add(before.digest)
        if NULL in (before.time, behind.time):
            return
        took = behind.time - before.time
        self.early += took < 0
        self.transit.add(np.array([took], np.int64), np.zeros(1, np.int64))
        self.held.take(before.time, behind.time, hindered=before.hindered or behind.hindered)
