"""Values of labels that come from traffic, bounded: the most frequent have their own.

A label's value is a time series for each metric that has it, and traffic makes as many values as
it likes: paths with an id in them, close codes that applications invent. Knows text and counts.
Must not know metrics. Used by report.metrics.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from analyzer.lazy_pattern import lazy_pattern

WILDCARD: Final = "*"
MAX_CHILDREN: Final = 20
"""Names of one place in paths; with more of them they are taken for ids. Routes of programs are
written by people, who rarely put more names below one."""
MAX_PLACES: Final = 1000
"""Places that are remembered, some 100 bytes and MAX_CHILDREN names each."""
MAX_SEGMENTS: Final = 8
"""Segments of a template; what is deeper is one wildcard."""
MAX_SEGMENT: Final = 40
"""Characters of a name; what is longer is an id."""
HALF_LIFE_NS: Final = 600_000_000_000
"""Counts are halved after this time, so that what was frequent an hour ago makes room."""
_CANDIDATES: Final = 10
"""Values that are counted, for each one that has a label."""
_OVERTAKES: Final = 2.0
"""A value gets the label of another when it is so many times as frequent: two that are about
as frequent would take turns, and each turn begins new series."""

_ID = lazy_pattern(
    r"\d+|[0-9a-f]{8,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?=[^/]*\d)[a-z0-9_-]{12,}={0,2}",
    re.IGNORECASE,
)
"""Numbers, hexadecimal digits, UUIDs (RFC 9562), and long names with a digit, as tokens are."""

T = TypeVar("T", bound=Hashable)


class Templates:
    """Makes templates of paths: `/room/17?x=1` becomes `/room/*`.

    Segments that look like ids are wildcards, and so are all below a place that had more than
    MAX_CHILDREN different ones.

    Attributes:
        wildcards: places that became one for that reason: templates made before may differ.
    """

    def __init__(self) -> None:
        self._children: dict[str, set[str] | None] = {}
        self.wildcards = 0

    def of(self, path: str) -> str:
        """Return the template of a path; its query is left out."""
        segments = path.partition("?")[0].split("/")
        made = segments[0][:MAX_SEGMENT]
        for number, segment in enumerate(segments[1:]):
            if number == MAX_SEGMENTS:
                return f"{made}/{WILDCARD}"
            made = f"{made}/{self._name(made, segment)}"
        return made

    def _name(self, place: str, segment: str) -> str:
        if not segment:
            return segment
        if len(segment) > MAX_SEGMENT or _ID.fullmatch(segment):
            return WILDCARD
        known = self._children.get(place, set())
        if known is None:
            return WILDCARD
        if place not in self._children:
            if len(self._children) >= MAX_PLACES:
                return WILDCARD
            self._children[place] = known
        known.add(segment)
        if len(known) > MAX_CHILDREN:
            self._children[place] = None
            self.wildcards += 1
            return WILDCARD
        return segment


class MostFrequent(Generic[T]):
    """Says which values have a label of their own: the most frequent of the last time.

    Args:
        most: so many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._own: dict[T, float] = {}
        self._others: dict[T, float] = {}
        self._halved_ns: int | None = None

    def take(self, value: T, count: int = 1) -> tuple[bool, T | None]:
        """Count a value; return whether it has a label, and whose label it took."""
        if value in self._own:
            self._own[value] += count
            return True, None
        if len(self._own) < self._most:
            self._own[value] = count + self._others.pop(value, 0.0)
            return True, None
        seen = self._others.get(value, 0.0) + count
        rarest = min(self._own, key=self._own.__getitem__)
        if seen > _OVERTAKES * self._own[rarest]:
            self._others.pop(value, None)
            self._others[rarest] = self._own.pop(rarest)
            self._own[value] = seen
            return True, rarest
        self._others[value] = seen
        if len(self._others) > _CANDIDATES * self._most:
            del self._others[min(self._others, key=self._others.__getitem__)]
        return False, None

    def has_label(self, value: T) -> bool:
        """Return whether a value has a label now; count nothing."""
        return value in self._own

    def tick(self, now_ns: int) -> None:
        """Let time pass."""
        if self._halved_ns is None:
            self._halved_ns = now_ns
        if not self._halved_ns <= now_ns < self._halved_ns + HALF_LIFE_NS:
            self._halved_ns = now_ns
            for counts in (self._own, self._others):
                for value in counts:
                    counts[value] /= 2
