"""The case: all that the rules look at, in its current state.

Keeps ended connections with their facts, attempts that failed or took long, findings of no
connection, and rows of the tables that few captures fill. Bounded by named limits; the oldest
leaves first, and is counted. Must not know causes. Filled by diagnosis.stage.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any

import numpy as np

from analyzer.columns import NULL
from analyzer.diagnosis.chatter import Chatter
from analyzer.diagnosis.facts import Ended, Facts, Found, Gatherer, codes, ended, numbers
from analyzer.diagnosis.replies import Replies
from analyzer.diagnosis.runs import Runs
from analyzer.diagnosis.stalls import Stalls
from analyzer.diagnosis.waste import CompressionSums
from analyzer.options import Options
from analyzer.tables.declare import each_row, row_values
from analyzer.tables.schema import OUTCOMES, TableRows

_ACCEPTED = OUTCOMES.index("accepted")
_ENCRYPTED = OUTCOMES.index("encrypted")

_OF_ATTEMPTS = frozenset(
    {"handshake-missing-upgrade", "handshake-bad-connection", "handshake-other-versions"}
)
"""Findings that belong to an attempt. Where a later one on the same TCP connection was accepted,
they have its connection."""

_KEPT_WHOLE = ("hops", "http_groups")
"""Tables whose rows are kept as they are: few, or one for each connection at most."""


class Case:
    """What is known of a capture.

    Args:
        options: limits and thresholds.

    Attributes:
        options: as given.
        gatherer: the facts of open connections.
        attempts: rows of `handshakes` that were not accepted, took long, or are odd.
        outcomes: attempts by outcome.
        compression: sums over rows of `compression`.
        replies: how long calls took, by name.
        chatter: small messages close to each other.
        stalls: answers that took long, and when servers sent.
        loose: findings of no connection, or of a refused attempt, by (id, tcp_stream, packet).
        kept: rows of _KEPT_WHOLE, by table.
        cut: what the limits cut, by its name.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.gatherer = Gatherer(options)
        most = options.max_diagnosed_connections
        self._ends: deque[tuple[Ended, Facts]] = deque(maxlen=most)
        self.attempts: deque[dict[str, Any]] = deque(maxlen=options.max_diagnosed_attempts)
        self.outcomes: Counter[str] = Counter()
        self.compression = CompressionSums(options)
        self.replies = Replies(options)
        self.chatter = Chatter(options)
        self.stalls = Stalls(options)
        self._runs = Runs(options)
        self.loose: dict[tuple[str, int, int], Found] = {}
        self.kept: dict[str, deque[dict[str, Any]]] = {
            name: deque(maxlen=options.max_diagnosed_attempts) for name in _KEPT_WHOLE
        }
        self.cut: Counter[str] = Counter()
        # What `ends` and `facts` gave, until there is more: a dozen rules ask for them.
        self._sorted: list[tuple[Ended, Facts]] | None = None
        self._noted: list[tuple[int, Facts]] | None = None
        self._slow = round(options.slow_handshake_s * 1e9)

    @property
    def ends(self) -> list[tuple[Ended, Facts]]:
        """Connections whose rows left, in order of their numbers, with their facts."""
        if self._sorted is None:
            self._sorted = sorted(self._ends, key=_number_of)
        return self._sorted

    @property
    def facts(self) -> Iterator[tuple[int, Facts]]:
        """All facts with their connections, in order; of open connections as well."""
        if self._noted is None:
            both = [(end.number, facts) for end, facts in self._ends if facts.found or facts.late]
            self._noted = sorted([*both, *self.gatherer.facts.items()], key=itemgetter(0))
        return iter(self._noted)

    def take(self, rows: TableRows) -> None:
        """Take rows of any table but `connections`."""
        name = rows.table.name
        self._noted = None
        if name == "handshakes":
            self._handshakes(rows)
        elif name == "compression":
            self.compression.add(rows)
        elif name == "calls":
            self.replies.add(rows)
            self.stalls.add_calls(rows)
        elif name in self.kept:
            kept = self.kept[name]
            for row in each_row(rows):
                self._append(kept, row, f"rows of {name}")
        else:
            if name == "findings":
                self._findings(rows)
            elif name == "pings":
                self.stalls.add_pings(rows)
            elif name == "messages":
                run = self._runs.follow(rows)
                self.chatter.add(rows, run)
                self.stalls.add_messages(rows, run)
            self.gatherer.take(rows)

    def end(self, rows: TableRows) -> None:
        """Take rows of `connections`, after all others of the same moment."""
        self._sorted = self._noted = None
        for each in ended(rows):
            self._append(self._ends, (each, self.gatherer.ended(each)), "connections")

    def _handshakes(self, rows: TableRows) -> None:
        self.stalls.add_handshakes(rows)
        outcomes = codes(rows, "outcome")
        counts = np.bincount(outcomes[outcomes >= 0], minlength=len(OUTCOMES)).tolist()
        self.outcomes.update(dict(zip(OUTCOMES, counts, strict=True)))
        total = np.maximum(numbers(rows, "total_us"), numbers(rows, "overall_us"))
        odd = (outcomes != _ACCEPTED) & (outcomes != _ENCRYPTED)
        odd |= total >= self._slow
        odd |= codes(rows, "accept_valid") == 0
        offered: Any = rows.values["subprotocols_offered"]
        chosen: Any = rows.values["subprotocol"]
        for place, (asked, got) in enumerate(zip(offered, chosen, strict=True)):
            if odd[place] or (asked is not None and got is None):
                row = row_values(rows, place)
                self._append(self.attempts, row, "attempts")
                if row["connection"] is not None:
                    self.gatherer.of(row["connection"]).attempt = row

    def _findings(self, rows: TableRows) -> None:
        ids: Any = rows.values["id"]
        of_attempts = np.fromiter((id_ in _OF_ATTEMPTS for id_ in ids), np.bool_, rows.count)
        loose = np.flatnonzero((numbers(rows, "connection") == NULL) | of_attempts)
        for place in loose.tolist():
            row = row_values(rows, place)
            key = (row["id"], _or_null(row["tcp_stream"]), _or_null(row["packet"]))
            side = ("client", "server").index(row["direction"]) if row.get("direction") else -1
            if len(self.loose) < self.options.max_diagnosed_attempts:
                found = self.loose.setdefault(key, Found(0, key[2], side, row["text"]))
                found.count += row["count"] or 1
            else:
                self.cut["findings"] += 1

    def _append(self, kept: deque[Any], value: object, name: str) -> None:
        if len(kept) == kept.maxlen:
            self.cut[name] += 1
        kept.append(value)


def _number_of(each: tuple[Ended, Facts]) -> int:
    return each[0].number


def _or_null(value: int | None) -> int:
    return NULL if value is None else value


def loose_of(case: Case, id_: str) -> Mapping[tuple[int, int], Found]:
    """Return the findings of a kind that concern no WebSocket connection, or an attempt."""
    return {
        (stream, packet): found
        for (id__, stream, packet), found in case.loose.items()
        if id__ == id_
    }
