"""What messages say, summed up: by name, by call, by topic.

Knows rows of `messages`, `calls` and `topics`. Memory is bounded: so many names, and so many
times of each. Part of tables.summary.
"""

from __future__ import annotations

import heapq
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.inside.labels import Label
from analyzer.inside.protocol import HEARTBEAT
from analyzer.lazy_dataclass import dataclass, field
from analyzer.tables import schema
from analyzer.tables.inside import Words, codes_of
from analyzer.tables.samples import Samples
from analyzer.tables.schema import TableRows

MAX_NAMES = 2048
"""Names of messages, and of calls, that are distinguished; further ones are OTHER."""
MAX_TIMES = 4096
"""Values kept for the median of one name's calls."""
MAX_TOPICS = 100
"""Topics kept for the table of those that are delivered most."""
OTHER = "(other names)"

Name = tuple[str, str | None, str | None]
"""Inner protocol, kind, name."""


@dataclass(slots=True)
class Calls:
    """Calls of one name; times in ns."""

    times: Samples = field(default_factory=lambda: Samples(MAX_TIMES))
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """How many there are."""
        return self.outcomes.total()


@dataclass(slots=True)
class Spoken:
    """Sums of a run.

    Attributes:
        names: by name: messages, payload_bytes, wire_bytes.
        calls: by inner protocol and name.
        topics: rows of `topics` (count of deliveries, order, row), least first.
    """

    names: dict[Name, Counter[str]] = field(default_factory=dict)
    calls: dict[tuple[str, str], Calls] = field(default_factory=dict)
    topics: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list)
    topic_count: int = 0

    @property
    def heartbeats(self) -> Counter[str]:
        """Sums of the heartbeats of all protocols."""
        total: Counter[str] = Counter()
        for name, counts in self.names.items():
            if name[1] == HEARTBEAT:
                total.update(counts)
        return total

    def add_messages(self, rows: TableRows) -> None:
        """Count messages by name."""
        codes, labels = codes_of(rows)
        if not codes.any() and labels[0].inner is None:
            return
        values: Any = rows.values
        wire = np.asarray(values["wire_bytes"], np.int64)
        payload = np.asarray(values["payload_bytes"], np.int64)
        # What cannot be inflated counts as it was sent.
        payload = np.where(payload == NULL, np.asarray(values["transfer_bytes"]), payload)
        used, places = np.unique(codes, return_inverse=True)
        counts = np.bincount(places)
        sums = (
            # Sums of floats are exact below 2^53.
            np.bincount(places, weights=each.astype(np.float64)).astype(np.int64)
            for each in (payload, np.where(wire == NULL, 0, wire))
        )
        words = values["name"]
        for code, count, size, cost in zip(used, counts, *sums, strict=True):
            label = labels[code]
            if isinstance(words, Words):
                # Labels are as they came; two that differ in a secret are one.
                label = label._replace(kind=words.show(label.kind), name=words.show(label.name))
            self._add_name(label, int(count), int(size), int(cost))

    def _add_name(self, label: Label, count: int, payload: int, wire: int) -> None:
        if label.inner is None:
            return
        name: Name = (label.inner, label.kind, label.name)
        counts = self.names.get(name)
        if counts is None:
            if len(self.names) >= MAX_NAMES:
                name = (label.inner, None, OTHER)
            counts = self.names.setdefault(name, Counter())
        counts["messages"] += count
        counts["payload_bytes"] += payload
        counts["wire_bytes"] += wire

    def add_calls(self, rows: TableRows) -> None:
        """Count calls by name."""
        values: Any = rows.values
        times: npt.NDArray[np.int64] = np.asarray(values["reply_us"], np.int64)
        owners: npt.NDArray[np.int64] = np.asarray(values["connection"], np.int64)
        outcomes = np.asarray(values["outcome"], np.int64)
        groups: dict[tuple[str, str], list[int]] = {}
        for place, pair in enumerate(zip(values["inner"], values["name"], strict=True)):
            groups.setdefault(pair, []).append(place)
        for (inner, name), places in groups.items():
            calls = self._calls_of(inner, name)
            mine = times[places]
            known = mine != NULL
            calls.times.add(mine[known], owners[places][known])
            for code, count in enumerate(np.bincount(outcomes[places]).tolist()):
                calls.outcomes[schema.CALL_OUTCOMES[code]] += count

    def _calls_of(self, inner: str, name: str) -> Calls:
        key = (inner, name)
        if key not in self.calls and len(self.calls) >= MAX_NAMES:
            key = (inner, OTHER)
        return self.calls.setdefault(key, Calls())

    def add_topic(self, row: dict[str, Any]) -> None:
        """Keep a row of `topics`, if it is one of those that are delivered most."""
        self.topic_count += 1
        entry = (row["deliveries"] + row["messages"], -self.topic_count, row)
        if len(self.topics) < MAX_TOPICS:
            heapq.heappush(self.topics, entry)
        else:
            heapq.heappushpop(self.topics, entry)
