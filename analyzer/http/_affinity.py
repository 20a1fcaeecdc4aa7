"""Which shard each connection is in, by its ends, however many there are.

An open-addressing table over a keyed hash of both ends, in any order. Knows addresses, ports and
flags. Must not know what bytes mean: http.affinity, which uses it, says that.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.analyzer.packets.segments import Segment
    from cython.cimports.analyzer.tcp.sequence import wide_unsigned
else:
    from analyzer.tcp.sequence import wide_unsigned

_BEGIN = cython.declare(cython.Py_ssize_t, 1024)
_SYN = cython.declare(cython.int, 2)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _mixed(
    high: cython.ulonglong,
    low: cython.ulonglong,
    port: cython.ulonglong,
    key0: cython.ulonglong,
    key1: cython.ulonglong,
    key2: cython.ulonglong,
) -> cython.ulonglong:
    """Return the keyed hash of one end of a connection."""
    mixed: cython.ulonglong
    mixed = wide_unsigned(
        wide_unsigned(high) * key0 + wide_unsigned(low) * key1 + wide_unsigned(port) * key2
    )
    mixed ^= mixed >> 32
    mixed = wide_unsigned(mixed * key0)
    return mixed ^ (mixed >> 29)


@cython.cclass
class Ends:
    """The connections that were seen, numbered in order of appearance.

    Args:
        shards: how many, up to 255.
        keys: three odd numbers of 64 bits: the same in all processes, and random, so that no
            traffic can make its ends collide.

    Attributes:
        count: of connections.
    """

    def __init__(self, shards: int, keys: tuple[int, int, int]) -> None:
        self.shards_count = shards
        self.key0, self.key1, self.key2 = keys
        self.hashes = np.zeros(_BEGIN, np.uint64)
        self.chosen = np.zeros(_BEGIN, np.uint8)  # 0: not yet; else the shard, from 1
        self.begun = np.zeros(_BEGIN, np.uint8)  # its SYN was seen
        self.buckets = np.full(2 * _BEGIN, -1, np.int64)
        self.count = 0

    def run(
        self, at: cython.Py_ssize_t, segments: Any, out: cython.longlong[::1]
    ) -> cython.Py_ssize_t:
        """Number the connections of segments from `at` on.

        Args:
            at: index of a segment.
            segments: dtype SEGMENT.
            out: takes the number of each one's connection.

        Returns:
            The first that brings payload of a connection that is in no shard yet; their count
            without one. `choose` is to be called for it.
        """
        rows: Segment[::1] = segments
        count: cython.Py_ssize_t = rows.shape[0]
        key0: cython.ulonglong = self.key0
        key1: cython.ulonglong = self.key1
        key2: cython.ulonglong = self.key2
        hashed: cython.ulonglong
        number: cython.Py_ssize_t
        flags: cython.int
        while at < count:
            # A sum, so that both directions of a connection have the same hash.
            hashed = wide_unsigned(
                _mixed(
                    rows[at].source_high,
                    rows[at].source_low,
                    rows[at].source_port,
                    key0,
                    key1,
                    key2,
                )
                + _mixed(
                    rows[at].destination_high,
                    rows[at].destination_low,
                    rows[at].destination_port,
                    key0,
                    key1,
                    key2,
                )
            )
            number = self._find(hashed)
            out[at] = number
            if cython.compiled:  # noqa: SIM108
                flags = rows[at].flags
            else:
                flags = int(rows[at]["flags"])  # numpy has its own `flags`
            if flags & _SYN:
                self.begun[number] = 1
            if rows[at].length > 0 and self.chosen[number] == 0:
                return at
            at += 1
        return at

    def has_begun(self, number: cython.Py_ssize_t) -> bool:
        """Return whether a SYN of a connection was seen."""
        return bool(self.begun[number])

    def choose(self, number: cython.Py_ssize_t, shard: cython.int) -> None:
        """Put a connection into a shard; -1: into the one that its ends give."""
        if shard < 0:
            shard = int((self.hashes[number] >> 32) % self.shards_count)
        self.chosen[number] = shard + 1

    def shards(self, numbers: Any) -> Any:
        """Return the shards of connections, uint8; those that are in none are in the first now."""
        chosen = np.asarray(self.chosen)
        found = chosen.take(numbers)
        late = numbers[found == 0]
        if len(late):
            chosen[late] = 1
            found = chosen.take(numbers)
        return found - 1

    @cython.cfunc
    def _find(self, hashed: cython.ulonglong) -> cython.Py_ssize_t:
        """Return the number of a connection."""
        mask: cython.Py_ssize_t = self.buckets.shape[0] - 1
        at: cython.Py_ssize_t = hashed & cython.cast(cython.ulonglong, mask)
        while self.buckets[at] >= 0:
            if self.hashes[self.buckets[at]] == hashed:
                return self.buckets[at]
            at = (at + 1) & mask
        number: cython.Py_ssize_t = self.count
        if number == self.hashes.shape[0]:
            self._spread()
            mask = self.buckets.shape[0] - 1
            at = hashed & cython.cast(cython.ulonglong, mask)
            while self.buckets[at] >= 0:
                at = (at + 1) & mask
        self.count = number + 1
        self.hashes[number] = hashed
        self.buckets[at] = number
        return number

    @cython.cfunc
    def _spread(self) -> cython.int:
        """Make room for as many again."""
        have: cython.Py_ssize_t = self.hashes.shape[0]
        self.hashes = np.concatenate([self.hashes, np.zeros(have, np.uint64)])
        self.chosen = np.concatenate([self.chosen, np.zeros(have, np.uint8)])
        self.begun = np.concatenate([self.begun, np.zeros(have, np.uint8)])
        self.buckets = np.full(4 * have, -1, np.int64)
        mask: cython.Py_ssize_t = self.buckets.shape[0] - 1
        at: cython.Py_ssize_t
        i: cython.Py_ssize_t
        for i in range(have):
            at = self.hashes[i] & cython.cast(cython.ulonglong, mask)
            while self.buckets[at] >= 0:
                at = (at + 1) & mask
            self.buckets[at] = i
        return 0
