"""Topics: who publishes, who gets it, and how long that takes.

A delivery belongs to a publication of the same topic and the same body on a connection to the
same server: the earliest that its receiver has not had yet, and that came after the receiver
was there. Knows items; must not know protocols. Used by inside.stage.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from analyzer.columns import NULL
from analyzer.inside._publications import Publications
from analyzer.inside.item import DELIVER, PUBLISH, PUBLISH_MAYBE, SUBSCRIBE
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options

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


TopicKey = tuple[Server, str, str]
"""Server, inner protocol, topic."""
Mark = tuple[int, int, int]
"""Hash of a topic, hash and length of a body."""


def mark_of(key: TopicKey, body: bytes) -> Mark:
    """Return what a publication and its deliveries have in common.

    Python keys its hash of strings and bytes at random in each process, so that an attacker
    cannot make two topics or bodies collide; and two that do by chance would have to have the
    same length.
    """
    return hash(key), hash(body), len(body)


class Spreading:
    """All topics, and the publications whose deliveries may still come.

    Attributes:
        deliveries: matched; the caller empties it.
        limited: name of the limit that was reached; "".
        publications: whose deliveries may still come.
    """

    def __init__(self, options: Options) -> None:
        self._most_topics = options.max_inside_topics
        self._most_members = options.max_inside_subscriptions
        self._topics: dict[tuple[Server, str, str], Topic] = {}
        self.publications = Publications(options.max_inside_publications)
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
                is_sure = spread == PUBLISH
                self.publications.remember(
                    mark_of(key, body), member, stands, time, counted=is_sure
                )
        else:
            found = None
            if body is not None:
                found = self.publications.match(mark_of(key, body), member, since, time)
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
        found: tuple[int, int, int, int, bool] | None,
        time: int,
    ) -> None:
        topic = self._topic(key)
        if topic is None:
            return
        topic.deliveries += 1
        self._member(topic, "subscribers", member)
        if found is None:
            return
        publisher, connection, message, published, is_first = found
        if is_first:
            # Only now it is known that it was one.
            self._published(key, publisher)
        topic.add_time(time - published)
        self.deliveries.append(Delivery(key[2], connection, message, *stands, time - published))
