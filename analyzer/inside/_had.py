"""Who has had which publication, as rows of numbers: the first part of the kernel of publications.

An entry says when the publication was made that a member had last of a mark (topic and body).
Knows numbers only. Used by inside._publications.
"""

from __future__ import annotations

import os
from typing import Any

import cython
import numpy as np

_MASK = cython.declare(cython.ulonglong, 2**64 - 1)
_BEGIN = cython.declare(cython.Py_ssize_t, 256)

# Columns of who has had what.
_HAD_KEY = cython.declare(cython.int, 0)
_HAD_BODY = cython.declare(cython.int, 1)
_HAD_SIZE = cython.declare(cython.int, 2)
_HAD_MEMBER = cython.declare(cython.int, 3)
_HAD_TIME = cython.declare(cython.int, 4)
_HAD_NEXT = cython.declare(cython.int, 5)
_OLDER = cython.declare(cython.int, 6)
_NEWER = cython.declare(cython.int, 7)
_HAD_COLUMNS = cython.declare(cython.int, 8)


def more(array: Any, rows: int) -> Any:
    """Return a 2-D array with room for more rows."""
    wider = np.zeros((rows, array.shape[1]), np.int64)
    wider[: len(array)] = array
    return wider


@cython.cclass
class Had:
    """Who has had what; the entries that were noted longest ago are forgotten first.

    Args:
        most: entries.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        # Random, so that no traffic can put all its members into one bucket.
        self.factor = int.from_bytes(os.urandom(8), "little") | 1
        self.had = np.zeros((0, _HAD_COLUMNS), np.int64)
        self.free_had = -1
        self.had_buckets = np.full(1, -1, np.int64)
        self.had_count = 0
        self.oldest = self.newest = -1

    @cython.cfunc
    def _had_bucket(
        self, key: cython.longlong, body: cython.longlong, member: cython.longlong
    ) -> cython.Py_ssize_t:
        mixed: cython.ulonglong
        if cython.compiled:
            mixed = cython.cast(cython.ulonglong, key ^ body) + member
        else:
            mixed = ((int(key) ^ int(body)) + int(member)) & _MASK
        mixed = (mixed * self.factor) & _MASK
        return (mixed >> 32) & (len(self.had_buckets) - 1)

    @cython.cfunc
    def _find_had(
        self,
        key: cython.longlong,
        body: cython.longlong,
        size: cython.longlong,
        member: cython.longlong,
    ) -> cython.longlong:
        """Return where it is noted what a member has had; -1: nowhere."""
        entry: cython.longlong = self.had_buckets[self._had_bucket(key, body, member)]
        while entry >= 0:
            if (
                self.had[entry, _HAD_BODY] == body
                and self.had[entry, _HAD_MEMBER] == member
                and self.had[entry, _HAD_KEY] == key
                and self.had[entry, _HAD_SIZE] == size
            ):
                break
            entry = self.had[entry, _HAD_NEXT]
        return entry

    @cython.cfunc
    def _note_had(
        self,
        entry: cython.longlong,
        key: cython.longlong,
        body: cython.longlong,
        size: cython.longlong,
        member: cython.longlong,
        time: cython.longlong,
    ) -> cython.int:
        """Note the latest that a member has had of a mark, by its time."""
        if entry >= 0:
            self.had[entry, _HAD_TIME] = time
            self._to_newest(entry)
            return 0
        if self.free_had < 0:
            self._grow_had()
        entry = self.free_had
        self.free_had = self.had[entry, _HAD_NEXT]
        self.had[entry, _HAD_KEY] = key
        self.had[entry, _HAD_BODY] = body
        self.had[entry, _HAD_SIZE] = size
        self.had[entry, _HAD_MEMBER] = member
        self.had[entry, _HAD_TIME] = time
        bucket: cython.Py_ssize_t = self._had_bucket(key, body, member)
        self.had[entry, _HAD_NEXT] = self.had_buckets[bucket]
        self.had_buckets[bucket] = entry
        self.had[entry, _OLDER] = self.newest
        self.had[entry, _NEWER] = -1
        if self.newest >= 0:
            self.had[self.newest, _NEWER] = entry
        else:
            self.oldest = entry
        self.newest = entry
        self.had_count += 1
        if self.had_count > self.most:
            self._forget_had()
        return 0

    @cython.cfunc
    def _grow_had(self) -> cython.int:
        """Make room for as many entries again; the entries are in the list of their age."""
        have: cython.Py_ssize_t = len(self.had)
        count: cython.Py_ssize_t = max(_BEGIN, 2 * have)
        self.had = more(np.asarray(self.had), count)
        i: cython.Py_ssize_t
        for i in range(have, count):
            self.had[i, _HAD_NEXT] = self.free_had
            self.free_had = i
        self.had_buckets = np.full(2 * count, -1, np.int64)
        entry: cython.longlong = self.oldest
        while entry >= 0:
            bucket: cython.Py_ssize_t = self._had_bucket(
                self.had[entry, _HAD_KEY], self.had[entry, _HAD_BODY], self.had[entry, _HAD_MEMBER]
            )
            self.had[entry, _HAD_NEXT] = self.had_buckets[bucket]
            self.had_buckets[bucket] = entry
            entry = self.had[entry, _NEWER]
        return 0

    @cython.cfunc
    def _to_newest(self, entry: cython.longlong) -> cython.int:
        """Put an entry behind all others in age."""
        older: cython.longlong = self.had[entry, _OLDER]
        newer: cython.longlong = self.had[entry, _NEWER]
        if newer < 0:
            return 0
        self.had[newer, _OLDER] = older
        if older >= 0:
            self.had[older, _NEWER] = newer
        else:
            self.oldest = newer
        self.had[entry, _OLDER] = self.newest
        self.had[entry, _NEWER] = -1
        self.had[self.newest, _NEWER] = entry
        self.newest = entry
        return 0

    @cython.cfunc
    def _forget_had(self) -> cython.int:
        """Forget the entry that was noted longest ago."""
        entry: cython.longlong = self.oldest
        bucket: cython.Py_ssize_t = self._had_bucket(
            self.had[entry, _HAD_KEY], self.had[entry, _HAD_BODY], self.had[entry, _HAD_MEMBER]
        )
        before: cython.longlong = self.had_buckets[bucket]
        if before == entry:
            self.had_buckets[bucket] = self.had[entry, _HAD_NEXT]
        else:
            while self.had[before, _HAD_NEXT] != entry:
                before = self.had[before, _HAD_NEXT]
            self.had[before, _HAD_NEXT] = self.had[entry, _HAD_NEXT]
        self.oldest = self.had[entry, _NEWER]
        if self.oldest >= 0:
            self.had[self.oldest, _OLDER] = -1
        else:
            self.newest = -1
        self.had[entry, _HAD_NEXT] = self.free_had
        self.free_had = entry
        self.had_count -= 1
        return 0
