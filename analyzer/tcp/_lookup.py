"""The lookup: which connection a segment belongs to, and which side sent it.

An open-addressing table over both ends in any order. Knows addresses and ports. Must
not know what a segment does. The sixth of the kernels that make the assembly (see
_state).
"""

from __future__ import annotations

import cython
import numpy as np

from analyzer.columns import Rows
from analyzer.tcp import connections

if cython.compiled:
    from cython.cimports.analyzer.fetching import fetch
    from cython.cimports.analyzer.tcp._ordering import Ordering
    from cython.cimports.analyzer.tcp.sequence import wide, wide_unsigned
else:
    from analyzer.tcp._ordering import Ordering
    from analyzer.tcp.sequence import wide, wide_unsigned

_RECENTS = cython.declare(cython.longlong, connections.RECENTS)
_LOW_HALF = cython.declare(cython.ulonglong, 0xFFFFFFFF)


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
class Lookup(Ordering):
    """Finds connections by their ends."""

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _warm(self, begin: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
        """Hash the segments [begin, end), and have their connections' state fetched.

        The loads of a block do not wait for each other, as they would segment by
        segment. What they find is only a guess: the table may change within the block.
        """
        i: cython.Py_ssize_t
        s: cython.Py_ssize_t
        both: cython.ulonglong
        hashed: cython.longlong
        key0: cython.ulonglong = self.key0
        key1: cython.ulonglong = self.key1
        key2: cython.ulonglong = self.key2
        mask: cython.Py_ssize_t = self.table.shape[0] - 1
        at: cython.Py_ssize_t
        number: cython.longlong
        for i in range(begin, end):
            # A sum, so that both directions of a connection have the same hash.
            both = wide_unsigned(
                _mixed(
                    self.segments[i].source_high,
                    self.segments[i].source_low,
                    self.segments[i].source_port,
                    key0,
                    key1,
                    key2,
                )
                + _mixed(
                    self.segments[i].destination_high,
                    self.segments[i].destination_low,
                    self.segments[i].destination_port,
                    key0,
                    key1,
                    key2,
                )
            )
            hashed = (both ^ (both >> 32)) & _LOW_HALF
            self.hashes[i - begin] = hashed
            self.guesses[i - begin] = self.table[hashed & mask].slot
            if cython.compiled:
                fetch(cython.address(self.index[self._recent_place(i, hashed)]))
        if not cython.compiled:
            return 0
        for i in range(end - begin):
            s = self.guesses[i] - 1
            if s >= 0:
                fetch(cython.address(self.slots[s]))
                fetch(cython.address(self.tracks[2 * s]))
                fetch(cython.address(self.tracks[2 * s + 1]))
                fetch(cython.address(self.counts[2 * s]))
                fetch(cython.address(self.counts[2 * s + 1]))
        for i in range(begin, end):
            at = self._recent_place(i, self.hashes[i - begin])
            number = self.index[at]
            if number > 0 and number > self.recent_head - _RECENTS:
                fetch(cython.address(self.recents[number & (_RECENTS - 1)]))
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _find(self, i: cython.Py_ssize_t, wanted: cython.uint) -> cython.Py_ssize_t:
        """Return the slot of segment `i`'s connection, -1 if none; sets side."""
        mask: cython.Py_ssize_t = self.table.shape[0] - 1
        at: cython.Py_ssize_t = wide(wanted) & mask
        s: cython.Py_ssize_t
        while self.table[at].slot != 0:
            if self.table[at].hash == wanted:
                s = wide(self.table[at].slot) - 1
                if self._is_between(i, s):
                    return s
            at = (at + 1) & mask
        return -1

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _is_between(self, i: cython.Py_ssize_t, s: cython.Py_ssize_t) -> cython.bint:
        """Return whether segment `i` has the ends of connection `s`; sets side."""
        high: cython.bint = (self.segments[i].source_high | self.segments[i].destination_high) != 0
        if self.segments[i].version != self.slots[s].version or high != self.slots[s].high:
            return False
        if (
            self.segments[i].source_port == self.slots[s].port0
            and self.segments[i].destination_port == self.slots[s].port1
            and self.segments[i].source_low == self.slots[s].low0
            and self.segments[i].destination_low == self.slots[s].low1
            and (
                not high
                or self._has_halves(
                    s, self.segments[i].source_high, self.segments[i].destination_high
                )
            )
        ):
            self.side = 0
            return True
        if (
            self.segments[i].source_port == self.slots[s].port1
            and self.segments[i].destination_port == self.slots[s].port0
            and self.segments[i].source_low == self.slots[s].low1
            and self.segments[i].destination_low == self.slots[s].low0
            and (
                not high
                or self._has_halves(
                    s, self.segments[i].destination_high, self.segments[i].source_high
                )
            )
        ):
            self.side = 1
            return True
        return False

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _has_halves(
        self, s: cython.Py_ssize_t, high0: cython.ulonglong, high1: cython.ulonglong
    ) -> cython.bint:
        """Compare the upper halves of addresses; those of IPv4 are 0, and not fetched."""
        return self.links[s].high0 == high0 and self.links[s].high1 == high1

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _name_ends(self, i: cython.Py_ssize_t, s: cython.Py_ssize_t) -> cython.int:
        """Keep the ends of segment `i`, sent by `side`, as those of connection `s`."""
        if self.side == 0:
            self.links[s].high0 = self.segments[i].source_high
            self.links[s].low0 = self.segments[i].source_low
            self.links[s].port0 = self.segments[i].source_port
            self.links[s].high1 = self.segments[i].destination_high
            self.links[s].low1 = self.segments[i].destination_low
            self.links[s].port1 = self.segments[i].destination_port
        else:
            self.links[s].high1 = self.segments[i].source_high
            self.links[s].low1 = self.segments[i].source_low
            self.links[s].port1 = self.segments[i].source_port
            self.links[s].high0 = self.segments[i].destination_high
            self.links[s].low0 = self.segments[i].destination_low
            self.links[s].port0 = self.segments[i].destination_port
        self.links[s].version = self.segments[i].version
        self.slots[s].low0 = self.links[s].low0
        self.slots[s].low1 = self.links[s].low1
        self.slots[s].port0 = self.links[s].port0
        self.slots[s].port1 = self.links[s].port1
        self.slots[s].version = self.links[s].version
        self.slots[s].high = 1 if self.links[s].high0 or self.links[s].high1 else 0
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _map(self, s: cython.Py_ssize_t) -> cython.int:
        """Enter slot `s` in the table under its hash."""
        mask: cython.Py_ssize_t = self.table.shape[0] - 1
        at: cython.Py_ssize_t = wide(self.slots[s].hash) & mask
        while self.table[at].slot != 0:
            at = (at + 1) & mask
        self.table[at].hash = self.slots[s].hash
        self.table[at].slot = s + 1
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _unmap(self, s: cython.Py_ssize_t) -> cython.int:
        """Take slot `s` out of the table; entries after it move up."""
        mask: cython.Py_ssize_t = self.table.shape[0] - 1
        hole: cython.Py_ssize_t = wide(self.slots[s].hash) & mask
        at: cython.Py_ssize_t
        home: cython.Py_ssize_t
        while self.table[hole].slot != s + 1:
            hole = (hole + 1) & mask
        at = (hole + 1) & mask
        while self.table[at].slot != 0:
            home = wide(self.table[at].hash) & mask
            # An entry may move into the hole unless its home is after the hole.
            if ((at - home) & mask) >= ((at - hole) & mask):
                self.table[hole] = self.table[at]
                hole = at
            at = (at + 1) & mask
        self.table[hole].slot = 0
        self.mapped -= 1
        self.left_streams.pop(self.links[s].tcp_stream, None)
        self.retired.append(s)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _grow_table(self) -> cython.int:
        """Double the table, so that it is never more than half full."""
        slot: cython.Py_ssize_t
        old: Rows = self.arrays["table"]
        self.arrays["table"] = np.zeros(2 * len(old), connections.ENTRY)
        self._bind()
        for number in old["slot"][old["slot"] > 0].tolist():
            slot = number - 1
            self._map(slot)
        return 0
