"""Publications whose deliveries may still come, and who has had which, as rows of numbers.

A publication is found by its mark: hash of its topic, hash and length of its body. Knows numbers
only; must not know topics, protocols or tables. Used by inside.fanout, and by inside._quick for
events without objects. As dicts of objects (tests/oracle/publications.py) it took a third of the
run of 680,000 events of Socket.IO, most of it in memory that was cold.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer.inside._had import more

if cython.compiled:
    from cython.cimports.analyzer.inside._had import Had
else:
    from analyzer.inside._had import Had

_NULL = cython.declare(cython.longlong, -(2**63))
_WAITING_NS = cython.declare(cython.longlong, 60_000_000_000)
"""A publication is remembered for so long: a delivery later than that is that of a queue."""
_BEGIN = cython.declare(cython.Py_ssize_t, 256)
_FEW = cython.declare(cython.Py_ssize_t, 16)

# Columns of publications.
_KEY = cython.declare(cython.int, 0)
_BODY = cython.declare(cython.int, 1)
_SIZE = cython.declare(cython.int, 2)
_MEMBER = cython.declare(cython.int, 3)
_CONNECTION = cython.declare(cython.int, 4)
_MESSAGE = cython.declare(cython.int, 5)
_TIME = cython.declare(cython.int, 6)
_COUNTED = cython.declare(cython.int, 7)
_NEXT = cython.declare(cython.int, 8)  # in its chain of the hash table; of those free
_MANY = cython.declare(cython.int, 9)  # from 1: where all of its mark are, in `many`; 0: nowhere
_COLUMNS = cython.declare(cython.int, 10)

_HAD_TIME = cython.declare(cython.int, 4)  # as in _had


@cython.cclass
class Equals:
    """Rows of publications of one mark, in order of time.

    Who repeats itself has thousands of them: none is found by looking at each, and to forget
    the earliest moves none of the others.
    """

    def __init__(self) -> None:
        self.cells = np.zeros((_FEW, 2), np.int64)  # time and row
        self.begin = self.end = 0  # those before `begin` are forgotten

    @cython.cfunc
    def _add(self, time: cython.longlong, row: cython.longlong) -> cython.int:
        """Put one in its place, mostly the last."""
        if self.end == len(self.cells):
            self._make_room()
        at: cython.Py_ssize_t = self.end
        if at > self.begin and self.cells[at - 1, 0] > time:
            at = self._behind(time)
            cells = np.asarray(self.cells)
            cells[int(at) + 1 : int(self.end) + 1] = cells[int(at) : int(self.end)].copy()
        self.cells[at, 0] = time
        self.cells[at, 1] = row
        self.end += 1
        return 0

    @cython.cfunc
    def _make_room(self) -> cython.int:
        """Leave out what is forgotten, if that is half: so each is moved once on average."""
        begin: cython.Py_ssize_t = self.begin
        kept: cython.Py_ssize_t = self.end - begin
        if 2 * kept > len(self.cells):
            self.cells = more(np.asarray(self.cells), 2 * len(self.cells))
            return 0
        i: cython.Py_ssize_t
        for i in range(kept):
            self.cells[i, 0] = self.cells[begin + i, 0]
            self.cells[i, 1] = self.cells[begin + i, 1]
        self.begin, self.end = 0, kept
        return 0

    @cython.cfunc
    def _behind(self, time: cython.longlong) -> cython.Py_ssize_t:
        """Return the place of the earliest that is later than `time`; `end` without one."""
        low: cython.Py_ssize_t = self.begin
        high: cython.Py_ssize_t = self.end
        while low < high:
            middle: cython.Py_ssize_t = (low + high) >> 1
            if self.cells[middle, 0] > time:
                high = middle
            else:
                low = middle + 1
        return low


@cython.cclass
class Publications(Had):
    """The publications of a run that are remembered.

    Args:
        most: how many; of those who have had one as well.
    """

    def __init__(self, most: int) -> None:
        Had.__init__(self, most)
        self.many, self.free_many = [], []
        self.rows = np.zeros((0, _COLUMNS), np.int64)
        self.free_row = -1
        self.buckets = np.full(1, -1, np.int64)
        self.order = np.zeros((_BEGIN, 3), np.int64)
        self.order_begin = self.order_count = 0
        self.deliveries = np.zeros((_BEGIN, 6), np.int64)
        self.delivery_count = 0

    def __len__(self) -> int:
        """Return how many are remembered."""
        return int(self.order_count)

    def remember(
        self,
        mark: tuple[int, int, int],
        member: int,
        stands: tuple[int, int],
        time: int,
        *,
        counted: bool,
    ) -> None:
        """Keep a publication until its deliveries have come, or there are too many.

        Args:
            mark: hash of topic, hash of body, length of body.
            member: who published.
            stands: connection and message.
            time: ns of its first byte.
            counted: it is sure to be one.
        """
        self._remember(mark[0], mark[1], mark[2], member, stands[0], stands[1], time, counted)

    def match(
        self, mark: tuple[int, int, int], member: int, since: int, time: int
    ) -> tuple[int, int, bool] | None:
        """Return the publication that is delivered; None if there is none.

        Args:
            mark: hash of topic, hash of body, length of body.
            member: who gets it.
            since: ns from which that one was there.
            time: ns of the last byte of the delivery.

        Returns:
            Its row, which stays until another is remembered; who published; and whether only now
            it is known that it was a publication.
        """
        row: cython.longlong = self._match(mark[0], mark[1], mark[2], member, since, time)
        if row < 0:
            return None
        return int(row), int(self.rows[row, _MEMBER]), bool(self._is_first(row))

    def deliver(self, topic: int, row: int, stands: tuple[int, int], time: int) -> None:
        """Note a delivery.

        Args:
            topic: its number.
            row: of the publication.
            stands: connection and message of the delivery.
            time: ns of its last byte.
        """
        self._deliver(topic, row, stands[0], stands[1], time)

    def said(self, row: int) -> tuple[int, int, int]:
        """Return connection, message and time (ns) of a publication."""
        return (
            int(self.rows[row, _CONNECTION]),
            int(self.rows[row, _MESSAGE]),
            int(self.rows[row, _TIME]),
        )

    def add_delivery(self, topic: int, cells: tuple[int, int, int, int, int]) -> None:
        """Note a delivery whose publication is known: topic and the other cells of a row."""
        at = int(self.delivery_count)
        if at == len(self.deliveries):
            self.deliveries = more(np.asarray(self.deliveries), 2 * at)
        np.asarray(self.deliveries)[at] = (topic, *cells)
        self.delivery_count = at + 1

    def take_deliveries(self) -> Any:
        """Return the deliveries, int64 by fanout.Deliveries, once."""
        deliveries = np.asarray(self.deliveries)[: int(self.delivery_count)].copy()
        self.delivery_count = 0
        return deliveries

    # --- deliveries

    @cython.cfunc
    def _is_first(self, row: cython.longlong) -> cython.bint:
        """Return whether a publication was not known to be one, and note that it is."""
        before: cython.longlong = self.rows[row, _COUNTED]
        self.rows[row, _COUNTED] = 1
        return not before

    @cython.cfunc
    def _deliver(
        self,
        topic: cython.longlong,
        row: cython.longlong,
        connection: cython.longlong,
        message: cython.longlong,
        time: cython.longlong,
    ) -> cython.int:
        at: cython.Py_ssize_t = self.delivery_count
        if at == len(self.deliveries):
            self.deliveries = more(np.asarray(self.deliveries), 2 * at)
        self.deliveries[at, 0] = topic
        self.deliveries[at, 1] = self.rows[row, _CONNECTION]
        self.deliveries[at, 2] = self.rows[row, _MESSAGE]
        self.deliveries[at, 3] = connection
        self.deliveries[at, 4] = message
        self.deliveries[at, 5] = time - self.rows[row, _TIME]
        self.delivery_count = at + 1
        return 0

    # --- publications

    @cython.cfunc
    def _bucket(self, key: cython.longlong, body: cython.longlong) -> cython.Py_ssize_t:
        """Return where a mark is searched: both are hashes already, keyed at random."""
        return (key ^ body) & (len(self.buckets) - 1)

    @cython.cfunc
    def _find(
        self, key: cython.longlong, body: cython.longlong, size: cython.longlong
    ) -> cython.longlong:
        """Return the row by which a mark is found; -1 without one."""
        row: cython.longlong = self.buckets[self._bucket(key, body)]
        while row >= 0:
            if (
                self.rows[row, _BODY] == body
                and self.rows[row, _KEY] == key
                and self.rows[row, _SIZE] == size
            ):
                break
            row = self.rows[row, _NEXT]
        return row

    @cython.cfunc
    def _new_row(self) -> cython.longlong:
        """Return a row that is free."""
        if self.free_row < 0:
            self._grow()
        row: cython.longlong = self.free_row
        self.free_row = self.rows[row, _NEXT]
        return row

    @cython.cfunc
    def _grow(self) -> cython.int:
        """Make room for as many rows again, and spread them over as many more buckets."""
        have: cython.Py_ssize_t = len(self.rows)
        count: cython.Py_ssize_t = max(_BEGIN, 2 * have)
        self.rows = more(np.asarray(self.rows), count)
        i: cython.Py_ssize_t
        for i in range(have, count):
            self.rows[i, _NEXT] = self.free_row
            self.free_row = i
        before: cython.longlong[::1] = self.buckets
        self.buckets = np.full(2 * count, -1, np.int64)
        bucket: cython.Py_ssize_t
        row: cython.longlong
        following: cython.longlong
        for i in range(len(before)):
            row = before[i]
            while row >= 0:
                following = self.rows[row, _NEXT]
                bucket = self._bucket(self.rows[row, _KEY], self.rows[row, _BODY])
                self.rows[row, _NEXT] = self.buckets[bucket]
                self.buckets[bucket] = row
                row = following
        return 0

    @cython.cfunc
    def _remember(
        self,
        key: cython.longlong,
        body: cython.longlong,
        size: cython.longlong,
        member: cython.longlong,
        connection: cython.longlong,
        message: cython.longlong,
        time: cython.longlong,
        counted: cython.bint,
    ) -> cython.int:
        """Keep a publication, and forget the oldest beyond the limit."""
        row: cython.longlong = self._new_row()
        self.rows[row, _KEY] = key
        self.rows[row, _BODY] = body
        self.rows[row, _SIZE] = size
        self.rows[row, _MEMBER] = member
        self.rows[row, _CONNECTION] = connection
        self.rows[row, _MESSAGE] = message
        self.rows[row, _TIME] = time
        self.rows[row, _COUNTED] = counted
        self.rows[row, _MANY] = 0
        head: cython.longlong = self._find(key, body, size)
        if head < 0:
            bucket: cython.Py_ssize_t = self._bucket(key, body)
            self.rows[row, _NEXT] = self.buckets[bucket]
            self.buckets[bucket] = row
        else:
            if not self.rows[head, _MANY]:
                # Mostly there is one: a list of its own costs as much as all the rest.
                self.rows[head, _MANY] = self._new_many()
                self._equals(head)._add(self.rows[head, _TIME], head)
            self._equals(head)._add(time, row)
        self._note(key, body, size)
        if self.order_count > self.most:
            self._forget_oldest()
        return 0

    @cython.cfunc
    def _note(
        self, key: cython.longlong, body: cython.longlong, size: cython.longlong
    ) -> cython.int:
        """Note the mark of the newest."""
        room: cython.Py_ssize_t = len(self.order)
        if self.order_count == room:
            turned = np.roll(np.asarray(self.order), -int(self.order_begin), axis=0)
            self.order = more(turned, 2 * room)
            self.order_begin = 0
            room = 2 * room
        at: cython.Py_ssize_t = (self.order_begin + self.order_count) & (room - 1)
        self.order[at, 0] = key
        self.order[at, 1] = body
        self.order[at, 2] = size
        self.order_count += 1
        return 0

    @cython.cfunc
    def _forget_oldest(self) -> cython.int:
        """Forget the earliest of the mark that was noted first."""
        at: cython.Py_ssize_t = self.order_begin
        key: cython.longlong = self.order[at, 0]
        body: cython.longlong = self.order[at, 1]
        size: cython.longlong = self.order[at, 2]
        self.order_begin = (at + 1) & (len(self.order) - 1)
        self.order_count -= 1
        head: cython.longlong = self._find(key, body, size)
        if not self.rows[head, _MANY]:
            self._unlink(head, -1)
            return 0
        equals: Equals = self._equals(head)
        row: cython.longlong = equals.cells[equals.begin, 1]
        equals.begin += 1
        if equals.begin == equals.end:
            if len(equals.cells) > _FEW:
                equals.cells = np.zeros((_FEW, 2), np.int64)
            equals.begin = equals.end = 0
            self.free_many.append(int(self.rows[head, _MANY]))
            self._unlink(head, -1)
        elif row == head:
            self._unlink(head, equals.cells[equals.begin, 1])
        else:
            self.rows[row, _NEXT] = self.free_row
            self.free_row = row
        return 0

    @cython.cfunc
    def _new_many(self) -> cython.longlong:
        """Return where an empty list of equals is, from 1."""
        if not self.free_many:
            self.many.append(Equals())
            self.free_many.append(len(self.many))
        return self.free_many.pop()

    @cython.cfunc
    def _equals(self, head: cython.longlong) -> Equals:
        """Return all of the mark that is found by a row which has others."""
        equals: Equals = self.many[self.rows[head, _MANY] - 1]
        return equals

    @cython.cfunc
    def _unlink(self, row: cython.longlong, instead: cython.longlong) -> cython.int:
        """Free a row that a mark is found by; `instead` takes its place, unless it is -1."""
        bucket: cython.Py_ssize_t = self._bucket(self.rows[row, _KEY], self.rows[row, _BODY])
        following: cython.longlong = self.rows[row, _NEXT]
        if instead >= 0:
            self.rows[instead, _NEXT] = following
            self.rows[instead, _MANY] = self.rows[row, _MANY]
            following = instead
        before: cython.longlong = self.buckets[bucket]
        if before == row:
            self.buckets[bucket] = following
        else:
            while self.rows[before, _NEXT] != row:
                before = self.rows[before, _NEXT]
            self.rows[before, _NEXT] = following
        self.rows[row, _NEXT] = self.free_row
        self.free_row = row
        return 0

    @cython.cfunc
    def _match(
        self,
        key: cython.longlong,
        body: cython.longlong,
        size: cython.longlong,
        member: cython.longlong,
        since: cython.longlong,
        time: cython.longlong,
    ) -> cython.longlong:
        """Return the row of the publication that is delivered; -1 without one."""
        row: cython.longlong = self._find(key, body, size)
        if row < 0:
            return -1
        after: cython.longlong = time - _WAITING_NS - 1
        if since != _NULL and since - 1 > after:
            after = since - 1
        entry: cython.longlong = self._find_had(key, body, size, member)
        if entry >= 0 and self.had[entry, _HAD_TIME] > after:
            after = self.had[entry, _HAD_TIME]
        if self.rows[row, _MANY]:
            equals: Equals = self._equals(row)
            at: cython.Py_ssize_t = equals._behind(after)
            row = equals.cells[at, 1] if at < equals.end else -1
        elif self.rows[row, _TIME] <= after:
            return -1
        if row < 0 or self.rows[row, _TIME] > time:
            return -1
        self._note_had(entry, key, body, size, member, self.rows[row, _TIME])
        return row
