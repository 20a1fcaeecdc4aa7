"""Asked: ids of one side that may come back from the other, without an object for each.

Feeds number all that they send, and nothing of it is ever answered: an ordered dict would take
longer than reading such a message. Ids that are whole numbers are kept as they are; any other gets
a number below zero. Knows ids as they are written. Used by inside.any_json and inside._quick.
"""

from __future__ import annotations

import os

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.analyzer.inside._members import whole
else:
    from analyzer.inside._members import whole

_MASK = cython.declare(cython.ulonglong, 2**64 - 1)

# Columns of rows.
_ID = cython.declare(cython.int, 0)
_NEXT = cython.declare(cython.int, 1)  # in its chain of the hash table; of those free
_OLDER = cython.declare(cython.int, 2)
_NEWER = cython.declare(cython.int, 3)
_COLUMNS = cython.declare(cython.int, 4)
_BEGIN = cython.declare(cython.Py_ssize_t, 8)


@cython.cclass
class Asked:
    """A set of ids; of more than `most`, the one that was noted longest ago is forgotten.

    Args:
        most: ids.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        # Random, so that no traffic can put all its ids into one bucket.
        self.factor = int.from_bytes(os.urandom(8), "little") | 1
        self.rows = np.zeros((0, _COLUMNS), np.int64)
        self.buckets = np.full(1, -1, np.int64)
        self.free = self.oldest = self.newest = -1
        self.count = 0
        self.numbers: dict[bytes, int] = {}
        self.tokens: dict[int, bytes] = {}
        self.next_other = -2

    def __len__(self) -> int:
        return int(self.count)

    def __contains__(self, token: bytes) -> bool:
        number: cython.longlong = self._number_of(token)
        return bool(number != -1 and self._has(number))

    def add(self, token: bytes) -> None:
        """Note an id as it is written; one that is known already stays where it is."""
        number: cython.longlong = self._number_of(token)
        if number == -1:
            number = self.next_other
            self.next_other -= 1
            self.numbers[token] = int(number)
            self.tokens[int(number)] = token
        self._add(number)

    def remove(self, token: bytes) -> None:
        """Forget an id that is known."""
        self._remove(self._number_of(token))

    @cython.cfunc
    def _number_of(self, token: bytes) -> cython.longlong:
        """Return the number that stands for an id; -1: none yet."""
        number: cython.longlong = whole(token, 0, len(token)) if token else -1
        if number < 0:
            number = self.numbers.get(token, -1)
        return number

    @cython.cfunc
    def _bucket(self, number: cython.longlong) -> cython.Py_ssize_t:
        mixed: cython.ulonglong
        mixed = cython.cast(cython.ulonglong, number) if cython.compiled else int(number) & _MASK
        mixed = (mixed * self.factor) & _MASK
        return (mixed >> 32) & (len(self.buckets) - 1)

    @cython.cfunc
    def _find(self, number: cython.longlong) -> cython.longlong:
        """Return the row of a number; -1 without one."""
        row: cython.longlong = self.buckets[self._bucket(number)]
        while row >= 0 and self.rows[row, _ID] != number:
            row = self.rows[row, _NEXT]
        return row

    @cython.cfunc
    def _has(self, number: cython.longlong) -> cython.bint:
        return self.count > 0 and self._find(number) >= 0

    @cython.cfunc
    def _add(self, number: cython.longlong) -> cython.int:
        """Note a number."""
        if self._has(number):
            return 0
        if self.count >= self.most:
            self._remove(self.rows[self.oldest, _ID])
        elif self.free < 0:
            self._grow()
        row: cython.longlong = self.free
        bucket: cython.Py_ssize_t = self._bucket(number)
        self.free = self.rows[row, _NEXT]
        self.rows[row, _ID] = number
        self.rows[row, _NEXT] = self.buckets[bucket]
        self.rows[row, _OLDER] = self.newest
        self.rows[row, _NEWER] = -1
        self.buckets[bucket] = row
        if self.newest >= 0:
            self.rows[self.newest, _NEWER] = row
        else:
            self.oldest = row
        self.newest = row
        self.count += 1
        return 0

    @cython.cfunc
    def _remove(self, number: cython.longlong) -> cython.int:
        """Forget a number that is known."""
        row: cython.longlong = self._find(number)
        if row < 0:
            return 0
        bucket: cython.Py_ssize_t = self._bucket(number)
        before: cython.longlong = self.buckets[bucket]
        if before == row:
            self.buckets[bucket] = self.rows[row, _NEXT]
        else:
            while self.rows[before, _NEXT] != row:
                before = self.rows[before, _NEXT]
            self.rows[before, _NEXT] = self.rows[row, _NEXT]
        older: cython.longlong = self.rows[row, _OLDER]
        newer: cython.longlong = self.rows[row, _NEWER]
        if older >= 0:
            self.rows[older, _NEWER] = newer
        else:
            self.oldest = newer
        if newer >= 0:
            self.rows[newer, _OLDER] = older
        else:
            self.newest = older
        self.rows[row, _NEXT] = self.free
        self.free = row
        self.count -= 1
        if number < 0:
            del self.numbers[self.tokens.pop(int(number))]
        return 0

    @cython.cfunc
    def _grow(self) -> cython.int:
        """Make twice as many rows, and buckets for them."""
        before = np.asarray(self.rows)
        have: cython.Py_ssize_t = len(before)
        room: cython.Py_ssize_t = 2 * have if have else _BEGIN
        rows = np.zeros((room, _COLUMNS), np.int64)
        rows[:have] = before
        self.rows = rows
        self.buckets = np.full(2 * room, -1, np.int64)
        row: cython.longlong
        for row in range(have):
            bucket: cython.Py_ssize_t = self._bucket(self.rows[row, _ID])
            self.rows[row, _NEXT] = self.buckets[bucket]
            self.buckets[bucket] = row
        for row in range(have, room):
            self.rows[row, _NEXT] = self.free
            self.free = row
        return 0
