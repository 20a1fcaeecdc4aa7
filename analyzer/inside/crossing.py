"""Crossings: what is sent to one topic and delivered under another, by the server's own code.

An application of Spring is sent a message to /app/chat and says it again to /topic/public. A
delivery is that of a publication elsewhere only if its payload proves it:

1. nobody published it under its own topic;
2. in the last minute it was published under one other topic of the server alone;
3. the way from that topic to this one has shown itself by two different bodies of 16 bytes or
   more, which were not delivered here before they were published there.

Deliveries before the second body are held, and count once it has come. Knows topics and marks;
must not know protocols. Used by inside.fanout.
"""

from __future__ import annotations

from typing import Final

from analyzer.inside._publications import Publications
from analyzer.lazy_dataclass import dataclass, field
from analyzer.named_tuple import NamedTuple

_WINDOW_NS: Final = 60_000_000_000
"""As long as a publication is remembered."""
_TELLING: Final = 16
"""Bytes of a body that says something: others are equal by chance."""
_PROOFS: Final = 2
"""Different bodies that show a way."""
_HELD: Final = 256
"""Deliveries that are held for one way; further ones stay without their publication."""

Server = tuple[object, ...]
TopicKey = tuple[Server, str, str]
"""Server, inner protocol, topic."""
Mark = tuple[int, int, int]
"""Hash of a topic, hash and length of a body."""
_Body = tuple[Server, str, int, int]
"""Server, inner protocol, hash and length of a body."""


class Crossed(NamedTuple):
    """A delivery of what was published under another topic.

    Attributes:
        publisher: who published; is_first: nobody had it under this topic before.
        cells: connection and message of the publication, of the delivery, and ns between them.
    """

    publisher: int
    is_first: bool
    cells: tuple[int, int, int, int, int]


@dataclass(slots=True)
class _Origin:
    """Where a body was published last; None: under several topics within a minute."""

    topic: TopicKey | None
    time: int


@dataclass(slots=True)
class _Way:
    """From one topic to another."""

    bodies: set[_Body] = field(default_factory=set)
    held: list[Crossed] = field(default_factory=list)

    @property
    def is_sure(self) -> bool:
        return len(self.bodies) >= _PROOFS

    def release(self) -> list[Crossed]:
        """Return what was held, once the way is sure."""
        if not self.is_sure:
            return []
        held, self.held = self.held, []
        return held


class Crossings:
    """The ways between topics of a run.

    Args:
        publications: of the run.
        most_ways: ways that are followed.

    Attributes:
        is_full: there were more ways.
    """

    def __init__(self, publications: Publications, most_ways: int) -> None:
        self._publications = publications
        self._most = publications.most
        self._most_ways = most_ways
        self.is_full = False
        self._origins: dict[_Body, _Origin] = {}
        self._ways: dict[tuple[TopicKey, TopicKey], _Way] = {}
        self._delivered: dict[tuple[TopicKey, _Body], int] = {}

    def published(self, key: TopicKey, mark: Mark, time: int) -> None:
        """Note a publication; time in ns."""
        body: _Body = (key[0], key[1], mark[1], mark[2])
        before = self._origins.pop(body, None)
        topic: TopicKey | None = key
        if before is not None and before.topic != key and time - before.time <= _WINDOW_NS:
            topic = None
        self._origins[body] = _Origin(topic, time)
        if len(self._origins) > self._most:
            del self._origins[next(iter(self._origins))]

    def delivered(
        self,
        key: TopicKey,
        mark: Mark,
        receiver: tuple[int, int],
        stands: tuple[int, int],
        time: int,
    ) -> list[Crossed]:
        """Take a delivery of what nobody published under its topic.

        Args:
            key: its topic.
            mark: of that and its body.
            receiver: who gets it, and ns since which that one is known to get all.
            stands: connection and message.
            time: ns of its last byte.

        Returns:
            The deliveries of which it is sure now that they are those of other topics, in order:
            this one, those that were held, or none.
        """
        body: _Body = (key[0], key[1], mark[1], mark[2])
        origin = self._origins.get(body)
        first = self._note(key, body, time)
        if origin is None or origin.topic is None or origin.topic == key:
            return []
        way = self._way(origin.topic, key)
        if way is None:
            return []
        if not way.is_sure and (mark[2] < _TELLING or first < origin.time):
            return []
        crossed = self._match(origin.topic, key, mark, receiver, stands, time)
        if crossed is None:
            return []
        if way.is_sure:
            return [crossed]
        way.bodies.add(body)
        if len(way.held) < _HELD:
            way.held.append(crossed)
        return way.release()

    def _way(self, begin: TopicKey, end: TopicKey) -> _Way | None:
        way = self._ways.get((begin, end))
        if way is None:
            if len(self._ways) >= self._most_ways:
                self.is_full = True
                return None
            way = self._ways[begin, end] = _Way()
        return way

    def _note(self, key: TopicKey, body: _Body, time: int) -> int:
        """Return when a body was delivered first under a topic (ns), as far as is known."""
        first = self._delivered.setdefault((key, body), time)
        if len(self._delivered) > self._most:
            del self._delivered[next(iter(self._delivered))]
        return first

    def _match(
        self,
        origin: TopicKey,
        key: TopicKey,
        mark: Mark,
        receiver: tuple[int, int],
        stands: tuple[int, int],
        time: int,
    ) -> Crossed | None:
        """Return the delivery with the publication that it belongs to."""
        there = (hash(origin), mark[1], mark[2])
        # One who reads both topics has it twice, and the topic itself once.
        member = hash((receiver[0], key))
        found = self._publications.match(there, member, receiver[1], time)
        if found is None:
            return None
        row, publisher, _ = found
        connection, message, sent = self._publications.said(row)
        is_first = self._publications.match(there, hash(key), sent, time) is not None
        return Crossed(publisher, is_first, (connection, message, *stands, time - sent))
