"""Topics: who publishes, who gets it, and how long that takes.

A delivery belongs to a publication of the same topic and the same body on a connection to the
same server: the earliest that its receiver has not had yet, and that came after the receiver
was there. What the server's code says again under another topic is matched by inside.crossing.
Knows items; must not know protocols. Used by inside.stage.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.inside._compact import compact
from analyzer.inside._publications import Publications
from analyzer.inside.crossing import Crossed, Crossings, Mark, Server, TopicKey
from analyzer.inside.protocol import DELIVER, PUBLISH, PUBLISH_MAYBE, SUBSCRIBE
from analyzer.lazy_dataclass import dataclass, field
from analyzer.named_tuple import NamedTuple
from analyzer.options import Options

_JSON: Final = frozenset({b"{", b"[", b'"'})
"""First bytes of bodies that are compared as JSON."""
_SAMPLES: Final = 4096
"""Times kept of a topic for median and 95 %; of more, every second, fourth, ..."""


class Deliveries(NamedTuple):
    """Deliveries of publications, in the order in which they came.

    Attributes:
        topics: names of topics by number; it grows with the run.
        rows: int64, (deliveries, 6): number of the topic, connection and message of the
            publication, connection and message of the delivery, ns from the one to the other.
    """

    topics: list[str]
    rows: npt.NDArray[np.int64]


@dataclass(slots=True)
class Topic:
    """What was seen of one topic on one server.

    Attributes:
        number: from 0 in order of appearance.
        times: ns from publications to deliveries: of `seen` the first, and every `step`th.
    """

    inner: str
    topic: str
    number: int
    publishers: set[int] = field(default_factory=set)
    subscribers: set[int] = field(default_factory=set)
    messages: int = 0
    deliveries: int = 0
    step: int = 1
    seen: int = 0
    times: list[int] = field(default_factory=list)

    def add_times(self, times: npt.NDArray[np.int64]) -> None:
        """Count times from publication to delivery (ns)."""
        while len(times):
            first = -self.seen % self.step
            room = _SAMPLES + 1 - len(self.times)
            chosen = times[first :: self.step][:room]
            self.times += chosen.tolist()
            if len(chosen) < room:
                self.seen += len(times)
                return
            taken = first + (room - 1) * self.step + 1
            self.seen += taken
            times = times[taken:]
            self.times = self.times[::2]
            self.step *= 2

    def quantile(self, share: float) -> int:
        """Return the time (ns) below which `share` of all are; NULL without any."""
        return round(float(np.quantile(self.times, share))) if self.times else NULL


def mark_of(key: TopicKey, body: bytes) -> Mark:
    """Return what a publication and its deliveries have in common.

    Python keys its hash of strings and bytes at random in each process, so that an attacker
    cannot make two topics or bodies collide; and two that do by chance would have to have the
    same length. JSON that a server wrote anew is the same as long as it says the same.
    """
    if body[:1] in _JSON:
        body = compact(body)
    return hash(key), hash(body), len(body)


class Spreading:
    """All topics, and the publications whose deliveries may still come.

    Attributes:
        limited: name of the limit that was reached; "".
        publications: whose deliveries may still come.
    """

    def __init__(self, options: Options) -> None:
        self._most_topics = options.max_inside_topics
        self._most_members = options.max_inside_subscriptions
        self._topics: dict[TopicKey, Topic] = {}
        self._numbered: list[Topic] = []
        self._names: list[str] = []
        self.publications = Publications(options.max_inside_publications)
        self._crossings = Crossings(self.publications, options.max_inside_topics)
        self._members = 0
        self.limited = ""

    def take(
        self,
        spread: int,
        where: tuple[Server, str, int, int],
        stands: tuple[int, int],
        topic: str | None,
        body: bytes | None,
        time: int,
    ) -> None:
        """Take an item's part in a topic.

        Args:
            spread: PUBLISH to DELIVER_MAYBE.
            where: server, inner protocol, who speaks or hears, and ns since which that one is
                known to get all that is sent to it.
            stands: connection and message; NULL both over plain HTTP.
            topic: name of the topic.
            body: what a publication and its deliveries have in common; None: not known.
            time: ns: first byte of a publication, last byte of a delivery.
        """
        if topic is None:
            return
        server, inner, member, since = where
        key = (server, inner, topic)
        if spread == SUBSCRIBE:
            about = self.topic(key)
            if about is not None:
                self.subscribe(about, member)
        elif spread in (PUBLISH, PUBLISH_MAYBE):
            about = self.topic(key) if spread == PUBLISH else None
            if about is not None:
                self.published(about, member)
            if body is not None:
                mark, is_sure = mark_of(key, body), spread == PUBLISH
                self.publications.remember(mark, member, stands, time, counted=is_sure)
                if is_sure:
                    self._crossings.published(key, mark, time)
        else:
            heard = None if body is None else mark_of(key, body)
            found = None
            if heard is not None:
                found = self.publications.match(heard, member, since, time)
            if found is not None:
                self._delivered(key, member, stands, found, time)
                return
            about = self.topic(key) if spread == DELIVER else None
            if about is not None:
                about.deliveries += 1
                self.subscribe(about, member)
                if heard is not None:
                    receiver = (member, since)
                    crossed = self._crossings.delivered(key, heard, receiver, stands, time)
                    self._crossed(about, crossed)

    def _crossed(self, topic: Topic, crossed: list[Crossed]) -> None:
        """Note deliveries of what was published under another topic."""
        if self._crossings.is_full:
            self.limited = self.limited or "max_inside_topics"
        for publisher, is_first, cells in crossed:
            # It counted when it came; take_deliveries counts it with its time.
            topic.deliveries -= 1
            if is_first:
                self.published(topic, publisher)
            self.publications.add_delivery(topic.number, cells)

    def take_deliveries(self) -> Deliveries:
        """Return the deliveries that were matched, once."""
        rows = self.publications.take_deliveries()
        if not len(rows):
            return Deliveries(self._names, rows)
        order = np.argsort(rows[:, 0], kind="stable")
        numbers, begins = np.unique(rows[order, 0], return_index=True)
        times = np.split(rows[order, 5], begins[1:])
        for number, some in zip(numbers.tolist(), times, strict=False):
            self._numbered[number].deliveries += len(some)
            self._numbered[number].add_times(some)
        return Deliveries(self._names, rows)

    def finish(self) -> list[Topic]:
        """Return all topics."""
        return list(self._topics.values())

    # --- topics

    def topic(self, key: TopicKey) -> Topic | None:
        """Return a topic; None if there is no room for it."""
        topic = self._topics.get(key)
        if topic is None:
            if len(self._topics) >= self._most_topics:
                self.limited = self.limited or "max_inside_topics"
                return None
            topic = self._topics[key] = Topic(key[1], key[2], len(self._names))
            self._numbered.append(topic)
            self._names.append(key[2])
        return topic

    def subscribe(self, topic: Topic, member: int) -> None:
        """Count a subscriber."""
        self._member(topic.subscribers, member)

    def _member(self, members: set[int], member: int) -> None:
        if member not in members:
            if self._members >= self._most_members:
                self.limited = self.limited or "max_inside_subscriptions"
                return
            self._members += 1
            members.add(member)

    def published(self, topic: Topic, member: int) -> None:
        """Count a publication."""
        topic.messages += 1
        self._member(topic.publishers, member)

    def _delivered(
        self,
        key: TopicKey,
        member: int,
        stands: tuple[int, int],
        found: tuple[int, int, bool],
        time: int,
    ) -> None:
        topic = self.topic(key)
        if topic is None:
            return
        row, publisher, is_first = found
        self.subscribe(topic, member)
        if is_first:
            # Only now it is known that it was one.
            self.published(topic, publisher)
        self.publications.deliver(topic.number, row, stands, time)
