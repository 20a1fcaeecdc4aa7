"""Paths: connections that two captures both hold, and what lay between the two points.

Finds them by Sec-WebSocket-Key, else by messages that only one connection of each capture has;
estimates how the clocks differ (tables.clocks), and with it how long messages took, which were
lost, and what something in between changed (tables.changes). Knows Talks of two captures. Called by
analysis.compared.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median

from analyzer.columns import NULL
from analyzer.lazy_dataclass import dataclass, field
from analyzer.tables.changes import Change, changes
from analyzer.tables.clocks import Clocks, Point, clocks
from analyzer.tables.schema import CHANGES, DIRECTIONS, PATHS, TableRows
from analyzer.tables.talks import Key, Said, Talk, Talks
from analyzer.tables.timing import columns_of

_SHARED = 3
"""Messages that one connection of each capture has, and no other, which make them one."""
_EACH = 4
"""Messages of each side whose times must fit where the keys do not tell."""
_SHORTEST = 4
"""Payload bytes of a message that can tell a connection: heartbeats are alike everywhere."""

Span = tuple[int, int]
"""First and last packet of a capture (ns)."""


@dataclass(slots=True)
class Matched:
    """Messages of one direction of a connection that both captures hold.

    Attributes:
        points: when each passed both points; only those of which it is certain which is which.
        count: of all that are in both.
        alone: times (ns) of those that one point alone has, by point.
    """

    points: list[Point] = field(default_factory=list)
    count: int = 0
    alone: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))


@dataclass(slots=True)
class Path:
    """A connection that both captures hold: at the client's point, and at the server's."""

    near: Talk
    far: Talk
    ways: tuple[Matched, Matched]

    @property
    def is_one(self) -> bool:
        """Whether it is one connection, and no other one that says the same.

        Two runs of one script say the same, at other moments: no difference of clocks makes
        each message leave before it comes, of many both ways.
        """
        if self.near.key is not None and self.near.key == self.far.key:
            return True
        there, back = (way.points for way in self.ways)
        if min(len(there), len(back)) < _EACH:
            return False
        turned = [[(b, a) for a, b in points] for points in (there, back)]
        found = clocks(there, back), clocks(*turned)
        return any(each is not None and each.uncertainty >= 0 for each in found)


class Between:
    """What lies between two points of capture.

    Attributes:
        paths: connections that are in both.
        swapped: whether the first capture was made on the server's side.
        clocks: None where nothing went both ways.
        cut: whether a limit left something out.
    """

    def __init__(self, a: Talks, b: Talks, spans: tuple[Span, Span]) -> None:
        self.cut = any(a.cut) or any(b.cut)
        made = (Path(one, other, _ways(one, other)) for one, other in pairs(a, b))
        self.paths = [path for path in made if path.is_one]
        self.swapped = False
        self._spans = spans
        self.clocks = self._clocks()
        if self.clocks is not None and self.clocks.uncertainty < 0:
            self._swap()

    @property
    def changes(self) -> list[Change]:
        """What was changed between, by kind and what it became."""
        found = [
            change
            for path in self.paths
            for change in changes(path.near, path.far, swapped=self.swapped)
        ]
        return sorted(found, key=lambda each: (each.what, each.connection_a))

    def paths_rows(self) -> TableRows:
        """Return rows of the table `paths`, two for each connection."""
        rows = [self.cells(path, sender) for path in self.paths for sender in (0, 1)]
        return TableRows(PATHS, columns_of(PATHS.columns, rows), len(rows))

    def changes_rows(self) -> TableRows:
        """Return rows of the table `changes`."""
        rows = [each.cells() for each in self.changes]
        return TableRows(CHANGES, columns_of(CHANGES.columns, rows), len(rows))

    def cells(self, path: Path, sender: int) -> tuple[object, ...]:
        """Return the cells of a row of `paths`."""
        way, known = path.ways[sender], self.clocks
        ends = path.far, path.near
        numbers = [each.connection for each in (ends if self.swapped else ends[::-1])]
        took = sorted(self.took(way, sender))
        sender_talk, reader_talk = (path.near, path.far) if sender == 0 else (path.far, path.near)
        return (
            *numbers,
            sender,
            way.count,
            self.lost(way, sender),
            NULL if known is None else known.offset * (-1 if self.swapped else 1),
            round(median(took)) if took else NULL,
            NULL if known is None else known.uncertainty,
            took[min(len(took) - 1, round(0.95 * len(took)))] if took else NULL,
            took[-1] if took else NULL,
            max(0, sender_talk.resent[sender] - reader_talk.resent[sender]),
        )

    def took(self, way: Matched, sender: int) -> Iterator[int]:
        """Yield how long messages took from the first point to the second (ns)."""
        if self.clocks is not None:
            for a, b in way.points:
                took = b - a - self.clocks.at(a)
                yield took if sender == 0 else -took

    def lost(self, way: Matched, sender: int) -> int:
        """Return how many messages left the sender's point and never reached the other one.

        Those that the other capture cannot have, since it had not begun or was over, do not count.
        """
        if self.clocks is None:
            return 0
        first, last = self._spans[1 - sender]
        slack = max((abs(took) for took in self.took(way, sender)), default=0)
        slack += max(self.clocks.uncertainty, 0)
        there = self.clocks.there if sender == 0 else self.clocks.back
        shown = [there(time) for time in way.alone[sender] if time != NULL]
        return sum(first <= time <= last - slack for time in shown)

    def _clocks(self) -> Clocks | None:
        there, back = list(self._opening(0)), list(self._opening(1))
        for path in self.paths:
            there += path.ways[0].points
            back += path.ways[1].points
        return clocks(there, back)

    def _opening(self, sender: int) -> Iterator[Point]:
        """Yield when packets of the opening passed, where nobody between made others."""
        for path in self.paths:
            if path.near.key == path.far.key:
                for a, b in zip(path.near.sent[sender], path.far.sent[sender], strict=True):
                    if NULL not in (a, b):
                        yield a, b

    def _swap(self) -> None:
        """The order was the other one, if that explains the times."""
        paths, spans = self.paths, self._spans
        self.paths = [
            Path(path.far, path.near, (_turned(path.ways[0]), _turned(path.ways[1])))
            for path in self.paths
        ]
        self._spans = spans[1], spans[0]
        turned = self._clocks()
        if turned is not None and turned.uncertainty >= 0:
            self.clocks, self.swapped = turned, True
        else:
            self.paths, self._spans = paths, spans


def _turned(way: Matched) -> Matched:
    return Matched([(b, a) for a, b in way.points], way.count, way.alone[::-1])


# --- which connections are in both


def pairs(a: Talks, b: Talks) -> list[tuple[Talk, Talk]]:
    """Return the connections that both captures hold."""
    found: list[tuple[Talk, Talk]] = []
    ones, others = _by_key(a), _by_key(b)
    for key in ones.keys() & others.keys():
        found += _same_key(ones[key], others[key])
    known = [{pair[side].connection for pair in found} for side in (0, 1)]
    left, right = (
        [talk for number, talk in each.talks.items() if number not in done]
        for each, done in zip((a, b), known, strict=True)
    )
    found += _same_messages(left, right)
    return sorted(found, key=lambda pair: pair[0].connection)


def _by_key(talks: Talks) -> dict[str, list[Talk]]:
    found: dict[str, list[Talk]] = defaultdict(list)
    for talk in talks.talks.values():
        if talk.key:
            found[talk.key].append(talk)
    return found


def _same_key(ones: Sequence[Talk], others: Sequence[Talk]) -> Iterator[tuple[Talk, Talk]]:
    """Yield pairs of a key: the only ones, else those with the same ports at both ends.

    Both legs of a proxy, which one capture may hold, have the same key.
    """
    if len(ones) == len(others) == 1:
        yield ones[0], others[0]
        return
    ends = {other.ends: other for other in others}
    alike = [(one, ends[one.ends]) for one in ones if one.ends in ends]
    yield from alike


def _same_messages(ones: Sequence[Talk], others: Sequence[Talk]) -> Iterator[tuple[Talk, Talk]]:
    """Yield pairs that share messages which no other connection has."""
    theirs = _owners(others)
    votes: dict[int, Counter[int]] = defaultdict(Counter)
    for key, number in _owners(ones).items():
        if key in theirs:
            votes[number][theirs[key]] += 1
    ones_by, others_by = ({talk.connection: talk for talk in some} for some in (ones, others))
    taken: set[int] = set()
    for number, counted in sorted(votes.items(), key=lambda each: -each[1].total()):
        (other, count), *rest = counted.most_common(2)
        second = rest[0][1] if rest else 0
        if count >= _SHARED and count > 2 * second and other not in taken:
            taken.add(other)
            yield ones_by[number], others_by[other]


def _owners(talks: Sequence[Talk]) -> Mapping[tuple[int, Key], int]:
    """Return whose each message is that one connection alone has, by sender and key."""
    found: dict[tuple[int, Key], int] = {}
    for talk in talks:
        for sender, said in enumerate(talk.said):
            for key in set(said.keys):
                if key[0] and key[1] >= _SHORTEST:
                    at = (sender, key)
                    found[at] = talk.connection if at not in found else NULL
    return {at: number for at, number in found.items() if number != NULL}


# --- which messages are in both


def _ways(near: Talk, far: Talk) -> tuple[Matched, Matched]:
    return matched(near.said[0], far.said[0]), matched(near.said[1], far.said[1])


def matched(one: Said, other: Said) -> Matched:
    """Match messages of one direction at two points, in order.

    Messages that are there once at each point are anchors. Between two of them the rest is alike
    if it is the same at both points; else the messages that either has more of are alone, and
    it is not certain which of equal ones they are.
    """
    out = Matched()
    anchors = [(-1, -1), *_anchors(one.keys, other.keys), (len(one.keys), len(other.keys))]
    for (i, j), (k, m) in pairwise(anchors):
        if i >= 0:
            _both(out, one, other, i, j)
        _between(out, one, other, (i + 1, k), (j + 1, m))
    return out


def _both(out: Matched, one: Said, other: Said, i: int, j: int) -> None:
    out.count += 1
    if NULL not in (one.times[i], other.times[j]):
        out.points.append((one.times[i], other.times[j]))


def _between(out: Matched, one: Said, other: Said, ones: Span, others: Span) -> None:
    here, there = one.keys[slice(*ones)], other.keys[slice(*others)]
    if here == there:
        for place in range(len(here)):
            _both(out, one, other, ones[0] + place, others[0] + place)
        return
    for said, span, theirs, alone in (
        (one, ones, Counter(there), out.alone[0]),
        (other, others, Counter(here), out.alone[1]),
    ):
        for place in range(*span):
            if theirs[said.keys[place]] > 0:
                theirs[said.keys[place]] -= 1
                out.count += said is one
            else:
                alone.append(said.times[place])


def _anchors(ones: Sequence[Key], others: Sequence[Key]) -> list[tuple[int, int]]:
    """Return places of messages that each point has once, in the order of both.

    The longest rising run of places (patience sorting): what came in another order is left out.
    """
    counts, places = Counter(ones), Counter(others)
    at = {key: place for place, key in enumerate(others) if places[key] == 1 and key[0]}
    found = [(i, at[key]) for i, key in enumerate(ones) if counts[key] == 1 and key in at]
    tops: list[int] = []
    chain: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(found):
        pile = bisect_left(tops, place)
        if pile == len(tops):
            tops.append(place)
            chain.append(number)
        else:
            tops[pile], chain[pile] = place, number
        before.append(chain[pile - 1] if pile else -1)
    run: list[tuple[int, int]] = []
    number = chain[-1] if chain else -1
    while number >= 0:
        run.append(found[number])
        number = before[number]
    return run[::-1]


__all__ = ["DIRECTIONS", "Between", "Matched", "Path", "matched", "pairs"]
