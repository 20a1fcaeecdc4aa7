"""Topics: who publishes, who gets it, and how long that takes.

A delivery belongs to a publication of the same topic and the same body on a connection to the
same server: the earliest that its receiver has not had yet, and that came after the receiver
was there. Knows items; must not know protocols. Used by inside.stage.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from typing import Final, NamedTuple

import msgspec
import numpy as np

from analyzer.columns import NULL
from analyzer.inside.item import DELIVER, PUBLISH, PUBLISH_MAYBE, SUBSCRIBE
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options

_WAITING_NS: Final = 60_000_000_000
"""A publication is remembered for so long: a delivery later than that is that of a queue."""
_MORE: Final = 64
"""So many times fewer publications than the limit are let go together: one by one costs more."""
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


class Published(msgspec.Struct):
    """A publication whose deliveries may still come.

    Attributes:
        member: who published; stands: connection and message; time: ns of its first byte.
        counted: it is sure to be one.
    """

    member: int
    stands: tuple[int, int]
    time: int
    counted: bool


class Equals:
    """Publications of one mark, in order of time.

    Who repeats itself has thousands of them: none is found by looking at each, and to forget
    the earliest moves none of the others.
    """

    __slots__ = ("_begin", "_published", "_times")

    def __init__(self) -> None:
        self._times: list[int] = []
        self._published: list[Published | None] = []
        self._begin = 0  # those before are forgotten

    def __len__(self) -> int:
        return len(self._times) - self._begin

    def add(self, published: Published) -> None:
        """Put one in its place, mostly the last."""
        times, time = self._times, published.time
        if not times or time >= times[-1]:
            times.append(time)
            self._published.append(published)
        else:
            place = bisect_right(times, time, self._begin)
            times.insert(place, time)
            self._published.insert(place, published)

    def drop(self, count: int = 1) -> None:
        """Forget the earliest."""
        begin = self._begin + count
        self._published[self._begin : begin] = [None] * count
        if 2 * begin > len(self._times):
            # Half of the list at a time, so that each number is moved once on the average.
            del self._times[:begin], self._published[:begin]
            begin = 0
        self._begin = begin

    def first_after(self, time: int) -> Published | None:
        """Return the earliest that is later than `time` (ns)."""
        place = bisect_right(self._times, time, self._begin)
        return self._published[place] if place < len(self._times) else None


TopicKey = tuple[Server, str, str]
"""Server, inner protocol, topic."""
Mark = tuple[TopicKey, int, int]
"""Topic, hash and length of a body."""


def mark_of(key: TopicKey, body: bytes) -> Mark:
    """Return what a publication and its deliveries have in common.

    Python keys its hash of bytes at random in each process, so that an attacker cannot make two
    bodies collide; and two that are by chance would have to have the same length.
    """
    return key, hash(body), len(body)


class Spreading:
    """All topics, and the publications whose deliveries may still come.

    Attributes:
        deliveries: matched; the caller empties it.
        limited: name of the limit that was reached; "".
        waiting: publications whose deliveries may still come; order: their marks.
        trim_at: how many there are when some are forgotten.
    """

    def __init__(self, options: Options) -> None:
        self._most_topics = options.max_inside_topics
        self._most_waiting = options.max_inside_publications
        self._most_members = options.max_inside_subscriptions
        self._topics: dict[tuple[Server, str, str], Topic] = {}
        self.waiting: dict[Mark, Published | Equals] = {}
        self.order: deque[Mark] = deque()
        self.trim_at = self._most_waiting + self._most_waiting // _MORE + 1
        self._had: dict[tuple[int, Mark], int] = {}
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
                published = Published(member, stands, time, spread == PUBLISH)
                self.remember(mark_of(key, body), published)
        else:
            found = None
            if body is not None:
                found = self._match(mark_of(key, body), member, since, time)
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
        published: Published | None,
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

    def remember(self, mark: Mark, published: Published) -> None:
        """Keep a publication until its deliveries have come."""
        same = self.waiting.setdefault(mark, published)
        if isinstance(same, Equals):
            same.add(published)
        elif same is not published:
            # Mostly there is one: a list of its own costs as much as all the rest.
            self.waiting[mark] = equals = Equals()
            equals.add(same)
            equals.add(published)
        self.order.append(mark)
        if len(self.order) >= self.trim_at:
            self.trim()

    def trim(self) -> None:
        """Forget publications beyond the limit, the oldest first."""
        waiting, order = self.waiting, self.order
        more = len(order) - self._most_waiting
        if more <= 0:
            return
        for oldest, count in Counter(order.popleft() for _ in range(more)).items():
            equals = waiting[oldest]
            if isinstance(equals, Published) or len(equals) == count:
                del waiting[oldest]
            else:
                equals.drop(count)

    def _match(self, mark: Mark, member: int, since: int, time: int) -> Published | None:
        """Return the publication that is delivered."""
        waiting = self.waiting.get(mark)
        if waiting is None:
            return None
        had = (member, mark)
        after = max(self._had.get(had, NULL), since - 1, time - _WAITING_NS - 1)
        found: Published | None
        if isinstance(waiting, Equals):
            found = waiting.first_after(after)
        else:
            found = waiting if waiting.time > after else None
        if found is None or found.time > time:
            return None
        self._had.pop(had, None)
        self._had[had] = found.time
        if len(self._had) > self._most_waiting:
            del self._had[next(iter(self._had))]
        return found
