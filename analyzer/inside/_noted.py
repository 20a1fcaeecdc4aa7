"""Notes of a shard: what one process decides across connections, as rows of numbers.

Each of some processes reads its share of the connections. What an item is to a topic, when a call
was asked and when it was over, they only note, with the packet at which that was; another process
puts the notes of all in order and decides (inside.joined). Knows numbers only, and the quick way.
Used by inside.noted and inside.joined. One process alone uses none of this.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer.inside._had import more

if cython.compiled:
    from cython.cimports.analyzer.inside._publications import Publications
    from cython.cimports.analyzer.inside._quick import Quick
else:
    from analyzer.inside._publications import Publications
    from analyzer.inside._quick import Quick

_NULL = cython.declare(cython.longlong, -(2**63))
_BEGIN = cython.declare(cython.Py_ssize_t, 256)

PART_COLUMNS = (
    *("key", "kind", "member", "connection", "since"),
    *("topic", "body", "size", "message", "time", "ending"),
)
"""Columns of parts: an item's part in a topic, as inside.fanout takes it.

key, ending: see Notes. kind: PUBLISH to DELIVER_MAYBE. topic: index in the batch's list. body:
hash of it; size: its bytes, -1 where it is not known. time: ns.
"""

# The same, and those of publications that the kernel reads.
_KIND = cython.declare(cython.int, 1)
_MEMBER = cython.declare(cython.int, 2)
_CONNECTION = cython.declare(cython.int, 3)
_SINCE = cython.declare(cython.int, 4)
_TOPIC = cython.declare(cython.int, 5)
_BODY = cython.declare(cython.int, 6)
_SIZE = cython.declare(cython.int, 7)
_MESSAGE = cython.declare(cython.int, 8)
_TIME = cython.declare(cython.int, 9)
_ENDING = cython.declare(cython.int, 10)
_PARTS = cython.declare(cython.int, 11)
_PUBLISHER = cython.declare(cython.int, 3)  # of publications, as in _publications

# Of inside.item.
_PUBLISH_MAYBE = cython.declare(cython.int, 4)
_DELIVER_MAYBE = cython.declare(cython.int, 5)


@cython.cclass
class Notes:
    """What is noted of one batch of a shard.

    A key says when something was in the order of one process: twice the number of the packet with
    which it became known, and one more for what comes when a batch is over: then connections end,
    one after the other. So the connection that ends goes with each key.

    Attributes:
        now: packet of the message in work; never less than before.
        until: the last packet of the batch, of all shards.
        is_late: the batch is over.
        ending: number of the connection that ends; -1 without one.
        part_count: parts that were noted since the last batch.
    """

    def __init__(self) -> None:
        self.now = self.until = 0
        self.is_late = False
        self.ending = -1
        self.parts = np.zeros((_BEGIN, _PARTS), np.int64)
        self.asked = np.zeros((_BEGIN, 2), np.int64)
        self.over = np.zeros((_BEGIN, 2), np.int64)
        self.part_count = self.asked_count = self.over_count = 0

    @cython.cfunc
    def _key(self) -> cython.longlong:
        if self.is_late:
            return 2 * (self.until if self.until > self.now else self.now) + 1
        return 2 * self.now

    def key(self) -> tuple[int, int]:
        """Return the key of what becomes known now, and the connection that ends."""
        return int(self._key()), int(self.ending)

    @cython.cfunc
    def _reach(self, packet: cython.longlong) -> cython.int:
        if packet > self.now:
            self.now = packet
        return 0

    def reach(self, packet: int) -> None:
        """Go on to what was complete with a packet, or behind it."""
        self._reach(packet)

    @cython.cfunc
    def _ask(self) -> cython.int:
        if self.asked_count == len(self.asked):
            self.asked = more(np.asarray(self.asked), 2 * len(self.asked))
        self.asked[self.asked_count, 0] = self._key()
        self.asked[self.asked_count, 1] = self.ending
        self.asked_count += 1
        return 0

    def ask(self) -> None:
        """Note that a call has its number."""
        self._ask()

    @cython.cfunc
    def _end(self) -> cython.int:
        if self.over_count == len(self.over):
            self.over = more(np.asarray(self.over), 2 * len(self.over))
        self.over[self.over_count, 0] = self._key()
        self.over[self.over_count, 1] = self.ending
        self.over_count += 1
        return 0

    def end(self) -> None:
        """Note that a call is over."""
        self._end()

    @cython.cfunc
    def _part(
        self,
        kind: cython.longlong,
        member: cython.longlong,
        connection: cython.longlong,
        since: cython.longlong,
        topic: cython.longlong,
        body: cython.longlong,
        size: cython.longlong,
        message: cython.longlong,
        time: cython.longlong,
    ) -> cython.int:
        at: cython.Py_ssize_t = self.part_count
        if at == len(self.parts):
            self.parts = more(np.asarray(self.parts), 2 * at)
        self.parts[at, 0] = self._key()
        self.parts[at, _KIND] = kind
        self.parts[at, _MEMBER] = member
        self.parts[at, _CONNECTION] = connection
        self.parts[at, _SINCE] = since
        self.parts[at, _TOPIC] = topic
        self.parts[at, _BODY] = body
        self.parts[at, _SIZE] = size
        self.parts[at, _MESSAGE] = message
        self.parts[at, _TIME] = time
        self.parts[at, _ENDING] = self.ending
        self.part_count = at + 1
        return 0

    def part(
        self,
        kind: int,
        who: tuple[int, int, int],
        topic: int,
        body: tuple[int, int],
        message: int,
        time: int,
    ) -> None:
        """Note an item's part in a topic.

        Args:
            kind: PUBLISH to DELIVER_MAYBE.
            who: member, connection, and ns since which it gets all.
            topic: index in the batch's list.
            body: hash and length; length -1: not known.
            message: number in its connection.
            time: ns.
        """
        self._part(kind, who[0], who[1], who[2], topic, body[0], body[1], message, time)

    def take(self) -> tuple[Any, Any, Any]:
        """Return what was noted, once: int64, rows in order.

        Returns:
            Parts by PART_COLUMNS; key and ending of each call that was asked, and that was over.
        """
        parts = np.asarray(self.parts)[: self.part_count].copy()
        asked = np.asarray(self.asked)[: self.asked_count].copy()
        over = np.asarray(self.over)[: self.over_count].copy()
        if len(parts) > _BEGIN:
            self.parts = np.zeros((_BEGIN, _PARTS), np.int64)
        self.part_count = self.asked_count = self.over_count = 0
        return parts, asked, over


@cython.cclass
class NotingQuick(Quick):
    """The quick way of a shard.

    Args:
        numbers: of calls.
        labels: of the shard.
        noting: takes parts in topics (inside.noted).
    """

    def __init__(self, numbers: Any, labels: Any, noting: Any) -> None:
        Quick.__init__(self, numbers, labels, noting)
        self.noting = noting
        self.notes = noting.notes
        self.arrivals = np.zeros(0, np.int64)

    def arrive(self, packets: Any) -> None:
        """Take the packet with which each message of the batch was complete, int64."""
        self.arrivals = packets

    def next_sequence(self) -> int:
        """Return a number that says when a call was over, and note when that is."""
        self.notes._end()
        self.sequence += 1
        return int(self.sequence)

    @cython.cfunc
    def _socket_io(
        self,
        lane: cython.Py_ssize_t,
        at: cython.Py_ssize_t,
        place: cython.Py_ssize_t,
        payload: bytes,
    ) -> cython.int:
        number: cython.longlong = self.next_number
        sequence: cython.longlong = self.sequence
        self.notes._reach(self.arrivals[at])
        code: cython.int = Quick._socket_io(self, lane, at, place, payload)
        if self.next_number > number:
            self.notes._ask()
        if self.sequence > sequence:
            self.notes._end()
        return code

    @cython.cfunc
    def _json_rpc(
        self,
        lane: cython.Py_ssize_t,
        at: cython.Py_ssize_t,
        place: cython.Py_ssize_t,
        payload: bytes,
    ) -> cython.int:
        number: cython.longlong = self.next_number
        sequence: cython.longlong = self.sequence
        self.notes._reach(self.arrivals[at])
        code: cython.int = Quick._json_rpc(self, lane, at, place, payload)
        if self.next_number > number:
            self.notes._ask()
        if self.sequence > sequence:
            self.notes._end()
        return code

    @cython.cfunc
    def _any_json(
        self,
        lane: cython.Py_ssize_t,
        at: cython.Py_ssize_t,
        place: cython.Py_ssize_t,
        payload: bytes,
    ) -> cython.int:
        number: cython.longlong = self.next_number
        sequence: cython.longlong = self.sequence
        self.notes._reach(self.arrivals[at])
        code: cython.int = Quick._any_json(self, lane, at, place, payload)
        if self.next_number > number:
            self.notes._ask()
        if self.sequence > sequence:
            self.notes._end()
        return code

    @cython.cfunc
    def _spread(
        self, lane: cython.Py_ssize_t, at: cython.Py_ssize_t, known: tuple[Any, ...], body: bytes
    ) -> cython.int:
        """Note an event that may be a publication, or the delivery of one."""
        is_heard: cython.bint = self.moments[0, at] != 0
        time: cython.longlong = self.moments[5 if is_heard else 4, at]
        if time == _NULL:
            return 0
        kept: list[Any] = known[4]
        if not kept or kept[0] != self.noting.batch:
            # Indices are good for one batch.
            kept[:] = (self.noting.batch, self.noting.index(known[2]))
        talk = self.talks[lane]
        kind: cython.longlong = _DELIVER_MAYBE if is_heard else _PUBLISH_MAYBE
        member: cython.longlong = talk.member
        connection: cython.longlong = talk.connection
        since: cython.longlong = talk.since
        topic: cython.longlong = kept[1]
        mixed: cython.longlong = hash(body)
        message: cython.longlong = self.moments[1, at]
        self.notes._part(kind, member, connection, since, topic, mixed, len(body), message, time)
        return 0


@cython.cclass
class Retaken:
    """Takes parts in topics that were noted, where no object is needed for that.

    Args:
        spreading: topics of the run.
    """

    def __init__(self, spreading: Any) -> None:
        self.spreading = spreading
        self.publications: Publications = spreading.publications
        self.rows = np.zeros((0, _PARTS), np.int64)

    def run(
        self,
        at: cython.Py_ssize_t,
        rows: cython.longlong[:, ::1],
        topics: list[Any],
        keys: cython.longlong[::1],
    ) -> cython.Py_ssize_t:
        """Take parts from `at` on; return the first that is for Spreading.take.

        Args:
            at: index of a row.
            rows: by PART_COLUMNS, in order.
            topics: their keys.
            keys: hashes of these.
        """
        count: cython.Py_ssize_t = rows.shape[0]
        topic: cython.Py_ssize_t
        self.rows = rows
        while at < count:
            if rows[at, _KIND] < _PUBLISH_MAYBE or rows[at, _SIZE] < 0:
                break
            topic = rows[at, _TOPIC]
            self._take(at, topics[topic], keys[topic])
            at += 1
        return at

    @cython.cfunc
    def _take(self, at: cython.Py_ssize_t, about: Any, key: cython.longlong) -> cython.int:
        """Take what may be a publication, or the delivery of one; as Spreading.take does."""
        publications: Publications = self.publications
        body: cython.longlong = self.rows[at, _BODY]
        size: cython.longlong = self.rows[at, _SIZE]
        member: cython.longlong = self.rows[at, _MEMBER]
        time: cython.longlong = self.rows[at, _TIME]
        if self.rows[at, _KIND] == _PUBLISH_MAYBE:
            publications._remember(
                key,
                body,
                size,
                member,
                self.rows[at, _CONNECTION],
                self.rows[at, _MESSAGE],
                time,
                False,
            )
            return 0
        if publications._find(key, body, size) < 0:
            return 0
        found: cython.longlong = publications._match(
            key, body, size, member, self.rows[at, _SINCE], time
        )
        if found < 0:
            return 0
        is_first: cython.bint = publications._is_first(found)
        topic = self.spreading.topic(about)
        if topic is None:
            return 0
        if member not in topic.subscribers:
            self.spreading.subscribe(topic, int(member))
        if is_first:
            self.spreading.published(topic, int(publications.rows[found, _PUBLISHER]))
        publications._deliver(
            topic.number, found, self.rows[at, _CONNECTION], self.rows[at, _MESSAGE], time
        )
        return 0
