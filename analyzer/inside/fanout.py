"""Topics: who publishes, who gets it, and how long that takes.

A delivery belongs to a publication of the same topic and the same body on a connection to the
same server: the earliest that its receiver has not had yet, and that came after the receiver
was there. Knows items; must not know protocols. Used by inside.stage.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, NamedTuple

import numpy as np

from analyzer.columns import NULL
from analyzer.inside.item import DELIVER, PUBLISH, PUBLISH_MAYBE, SUBSCRIBE
from analyzer.options import Options

_WAITING_NS: Final = 60_000_000_000
"""A publication is remembered for so long: a delivery later than that is that of a queue."""
_SAMPLES: Final = 4096
"""Times kept of a topic for median and 95 %; of more, every second, fourth, ..."""

Server = tuple[object, ...]


class Delivery(NamedTuple):
    """One delivery of a publication; times in ns."""

    topic: str
    publish_connection: int
    publish_message: int
    connection: int
    message: int
    delivered_ns: int


@dataclass(slots=True)
class Topic:
    """What was seen of one topic on one server."""

    inner: str
    topic: str
    publishers: set[int] = field(default_factory=set)
    subscribers: set[int] = field(default_factory=set)
    messages: int = 0
    deliveries: int = 0
    step: int = 1
    seen: int = 0
    times: list[int] = field(default_factory=list)

    def add_time(self, time: int) -> None:
        """Count one time from publication to delivery."""
        if self.seen % self.step == 0:
            self.times.append(time)
            if len(self.times) > _SAMPLES:
                self.times = self.times[::2]
                self.step *= 2
        self.seen += 1

    def quantile(self, share: float) -> int:
        """Return the time (ns) below which `share` of all are; NULL without any."""
        return round(float(np.quantile(self.times, share))) if self.times else NULL


@dataclass(slots=True)
class _Published:
    member: int
    stands: tuple[int, int]
    time: int
    counted: bool


class Spreading:
    """All topics, and the publications whose deliveries may still come.

    Attributes:
        deliveries: matched; who takes them empties it.
        limited: name of the limit that was reached; "".
    """

    def __init__(self, options: Options) -> None:
        self._most_topics = options.max_inside_topics
        self._most_waiting = options.max_inside_publications
        self._most_members = options.max_inside_subscriptions
        self._topics: dict[tuple[Server, str, str], Topic] = {}
        self._waiting: dict[tuple[Server, str, str, bytes], deque[_Published]] = {}
        self._order: deque[tuple[int, tuple[Server, str, str, bytes]]] = deque()
        self._had: dict[tuple[int, tuple[Server, str, str, bytes]], int] = {}
        self._members = 0
        self.deliveries: list[Delivery] = []
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
            self._member(self._topic(key), "subscribers", member)
        elif spread in (PUBLISH, PUBLISH_MAYBE):
            if spread == PUBLISH:
                self._published(key, member)
            if body is not None:
                digest = blake2b(body, digest_size=12).digest()
                published = _Published(member, stands, time, spread == PUBLISH)
                self._remember((*key, digest), published)
        else:
            found = None
            if body is not None:
                digest = blake2b(body, digest_size=12).digest()
                found = self._match((*key, digest), member, since, time)
            if spread == DELIVER or found is not None:
                self._delivered(key, member, stands, found, time)

    def finish(self) -> list[Topic]:
        """Return all topics."""
        return list(self._topics.values())

    # --- topics

    def _topic(self, key: tuple[Server, str, str]) -> Topic | None:
        topic = self._topics.get(key)
        if topic is None:
            if len(self._topics) >= self._most_topics:
                self.limited = self.limited or "max_inside_topics"
                return None
            topic = self._topics[key] = Topic(key[1], key[2])
        return topic

    def _member(self, topic: Topic | None, kind: str, member: int) -> None:
        if topic is None:
            return
        members: set[int] = getattr(topic, kind)
        if member not in members:
            if self._members >= self._most_members:
                self.limited = self.limited or "max_inside_subscriptions"
                return
            self._members += 1
            members.add(member)

    def _published(self, key: tuple[Server, str, str], member: int) -> None:
        topic = self._topic(key)
        if topic is not None:
            topic.messages += 1
            self._member(topic, "publishers", member)

    def _delivered(
        self,
        key: tuple[Server, str, str],
        member: int,
        stands: tuple[int, int],
        published: _Published | None,
        time: int,
    ) -> None:
        topic = self._topic(key)
        if topic is None:
            return
        topic.deliveries += 1
        self._member(topic, "subscribers", member)
        if published is None:
            return
        if not published.counted:
            # Only now it is known that it was one.
            published.counted = True
            self._published(key, published.member)
        topic.add_time(time - published.time)
        self.deliveries.append(
            Delivery(
                *(key[2], *published.stands, *stands),
                time - published.time,
            )
        )

    # --- publications

    def _remember(self, key: tuple[Server, str, str, bytes], published: _Published) -> None:
        self._waiting.setdefault(key, deque()).append(published)
        self._order.append((published.time, key))
        while self._order and (
            len(self._order) > self._most_waiting
            or self._order[0][0] + _WAITING_NS < published.time
        ):
            _, oldest = self._order.popleft()
            waiting = self._waiting[oldest]
            waiting.popleft()
            if not waiting:
                del self._waiting[oldest]

    def _match(
        self, key: tuple[Server, str, str, bytes], member: int, since: int, time: int
    ) -> _Published | None:
        """Return the publication that is delivered."""
        mark = (member, key)
        after = max(self._had.get(mark, NULL), since - 1)
        for published in self._waiting.get(key, ()):
            if after < published.time <= time:
                self._had.pop(mark, None)
                self._had[mark] = published.time
                if len(self._had) > self._most_waiting:
                    del self._had[next(iter(self._had))]
                return published
        return None
