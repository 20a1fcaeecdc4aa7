"""Kernel: cuts the streams of TLS connections into records.

Knows record headers (RFC 8446 5.1) and gaps. Must not know keys, nor what a record holds. The
first of the two kernels that make tls._laying.RecordLay; called by tls.unwrapping.

A call begins and ends at the beginning of a record in each direction: what is left over of a
batch is put before the next one's rows. Only that a direction has lost its place is kept.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer.columns import grown
from analyzer.tcp import bytestream
from analyzer.tcp._state import record_view
from analyzer.tls import records as layout

if cython.compiled:
    from cython.cimports.analyzer.tcp.sequence import wide
else:
    from analyzer.tcp.sequence import wide

# C copies of names: a kernel reads a C integer where it would else look up a
# Python object per row; so it would for literals beyond 31 bits.
_DATA = cython.declare(cython.int, bytestream.DATA)
_GAP_CUT = cython.declare(cython.int, bytestream.GAP_CUT)
_FIRST_TYPE = cython.declare(cython.int, layout.CHANGE_CIPHER_SPEC)
_LAST_TYPE = cython.declare(cython.int, layout.HEARTBEAT)
_APPLICATION = cython.declare(cython.int, layout.APPLICATION_DATA)
_HEADER = cython.declare(cython.int, layout.HEADER_BYTES)
_MAX_MINOR = cython.declare(cython.int, layout.MAX_MINOR)
_MAX_CIPHERTEXT = cython.declare(cython.int, layout.MAX_CIPHERTEXT)
_WHOLE = cython.declare(cython.int, layout.WHOLE_RECORD)
_BROKEN = cython.declare(cython.int, layout.BROKEN_RECORD)
_HOLE = cython.declare(cython.int, layout.HOLE)
_MAX_HOLE = cython.declare(cython.int, 4 * layout.MAX_CIPHERTEXT)
_PASSED = cython.declare(cython.int, layout.PASSED)
_CLOSED = cython.declare(cython.int, layout.CLOSED)


@cython.cclass
class RecordCut:
    """Cuts one batch at a time."""

    def __init__(self) -> None:
        self._arrays: dict[str, Any] = {
            "sides": np.zeros(0, layout.SIDE),
            "records": np.zeros(64, layout.RECORD),
            "links": np.zeros(64, layout.LINK),
            "cuts": np.zeros(64, layout.CUT),
            "out": np.zeros(64, bytestream.CHUNK),
            "sums": np.zeros(64, layout.SUM),
        }
        self._count = self._links = self._cuts = 0
        self.turned = record_view(np.zeros(1, bytestream.CHUNK))
        self._bind()
        self.reserve(16)

    def _bind(self) -> None:
        self.sides = record_view(self._arrays["sides"])
        self.records = record_view(self._arrays["records"])
        self.links = record_view(self._arrays["links"])
        self.cuts = record_view(self._arrays["cuts"])
        self.out = record_view(self._arrays["out"])
        self.sums = record_view(self._arrays["sums"])

    def _grow(self, name: str, count: int) -> None:
        self._arrays[name] = grown(self._arrays[name], count)
        self._bind()

    def reserve(self, directions: int) -> None:
        """Make room for so many directions."""
        old: cython.Py_ssize_t = len(self._arrays["sides"])
        if directions <= old:
            return
        self._grow("sides", directions)
        d: cython.Py_ssize_t
        for d in range(old, self.sides.shape[0]):
            self.sides[d].head = self.sides[d].tail = -1

    def reset(self, slot: int) -> None:
        """Forget a connection."""
        d: cython.Py_ssize_t
        for d in range(2 * slot, 2 * slot + 2):
            self.sides[d].lost = self.sides[d].tls_bytes = 0

    def place(self, first: cython.Py_ssize_t) -> tuple[int, int]:
        """Return the row in which a record begins, and where in it."""
        return int(self.cuts[first].row), int(self.cuts[first].begin)

    def pieces(self, first: cython.Py_ssize_t, count: int) -> list[tuple[int, int, int, int]]:
        """Return (row, where in it, where in the record, bytes) of a record's pieces."""
        cuts = self._arrays["cuts"][first : first + count]
        return [
            (row, begin, at, size) for record, row, at, begin, size in cuts.tolist() if record >= 0
        ]

    def stop(self, direction: cython.Py_ssize_t, row: int) -> None:
        """Lay nothing of a direction from a row on, in this call."""
        self.sides[direction].stop = row + 1

    def go_back(self, direction: cython.Py_ssize_t) -> None:
        """Take the place in a direction for known again: its hole is put before what comes."""
        self.sides[direction].lost = 0

    def tls_bytes(self, direction: cython.Py_ssize_t) -> int:
        """Return the bytes of TLS's own in what was laid so far."""
        return self.sides[direction].tls_bytes  # type: ignore[no-any-return]

    # --- cutting

    def cut(self, rows: Any, data: Any, taken: Any) -> Any:
        """Cut the rows of directions that are taken; let the others be.

        Args:
            rows: dtype CHUNK.
            data: what they point into.
            taken: uint8 by direction: PASSED, TAKEN, or CLOSED: it will not be read.

        Returns:
            dtype RECORD, a view: in order of the rows that made them whole. `lay` reads what
            was written into it. What is not whole is in `left`.
        """
        self.rows = record_view(rows)
        self.data = data
        self._count = self._links = self._cuts = 0
        mode: cython.uchar[::1] = taken
        i: cython.Py_ssize_t
        d: cython.Py_ssize_t
        for i in range(len(rows)):
            d = self.rows[i].direction
            if mode[d] == _PASSED:
                self._plain(i, -1)
            elif mode[d] == _CLOSED:
                self._plain(i, -2 if self.rows[i].kind <= _GAP_CUT else -1)
            elif self.rows[i].kind > _GAP_CUT or self.rows[i].length <= 0:
                if self.sides[d].head >= 0:
                    self._link(d, i, 0, 0)
                else:
                    self._plain(i, -1)
            elif self.rows[i].kind == _DATA:
                self._bytes(d, i)
            else:
                self._gap(d, i)
        return self._arrays["records"][: self._count]

    def left(self) -> list[tuple[int, int, int]]:
        """Return (direction, row, bytes of it that were read) where each leftover begins.

        The directions begin anew with the next call.
        """
        found: list[tuple[int, int, int]] = []
        i: cython.Py_ssize_t
        d: cython.Py_ssize_t
        n: cython.Py_ssize_t
        for n in range(self._links):
            i = self.links[n].row
            d = self.rows[i].direction
            if self.sides[d].head == n:
                found.append((int(d), int(i), int(self.links[n].at)))
                self.sides[d].head = self.sides[d].tail = -1
                self.sides[d].have = self.sides[d].left = self.sides[d].seen = 0
                # Whether a hole that began here goes on from one before it is found out again.
                self.sides[d].lost = self.sides[d].began_lost
        return found

    @cython.cfunc
    def _plain(self, i: cython.Py_ssize_t, record: cython.int) -> cython.int:
        """Pass a row on, or (record -2) only the fact that it was there."""
        k: cython.Py_ssize_t = self._cuts
        if k >= self.cuts.shape[0]:
            self._grow("cuts", k + 1)
        self.cuts[k].record = record
        self.cuts[k].row = cython.cast(cython.int, i)
        self.cuts[k].at = 0
        self._cuts = k + 1
        return 0

    @cython.cfunc
    def _link(
        self, d: cython.Py_ssize_t, i: cython.Py_ssize_t, at: cython.int, count: cython.int
    ) -> cython.int:
        """Add `count` bytes of row `i` from its byte `at` on to what is being cut."""
        n: cython.Py_ssize_t = self._links
        if n >= self.links.shape[0]:
            self._grow("links", n + 1)
        self.links[n].row = cython.cast(cython.int, i)
        self.links[n].at = at
        self.links[n].count = count
        self.links[n].next = -1
        if self.sides[d].head < 0:
            self.sides[d].head = cython.cast(cython.int, n)
            self.sides[d].broken = 0
            self.sides[d].began_lost = 1 if self.sides[d].lost == 1 else 0
            if self.sides[d].lost:
                self.sides[d].lost = 1
            self.sides[d].seen = 0
        else:
            self.links[self.sides[d].tail].next = cython.cast(cython.int, n)
        self.sides[d].tail = cython.cast(cython.int, n)
        self.sides[d].seen += count
        self._links = n + 1
        return 0

    @cython.cfunc
    def _bytes(self, d: cython.Py_ssize_t, i: cython.Py_ssize_t) -> cython.int:
        """Take the bytes of a row."""
        start: cython.longlong = self.rows[i].start
        length: cython.int = self.rows[i].length
        at: cython.int = 0
        begin: cython.int
        count: cython.int
        while at < length:
            if self.sides[d].lost:
                begin = self._find(start, at, length)
                if begin < 0:
                    self._extend(d, i, at, length - at)
                    # Only so much is kept, and looked at again with the next batch.
                    if self.sides[d].seen > _MAX_HOLE:
                        self._close(d, i, _HOLE)
                    return 0
                if begin > at:
                    self._extend(d, i, at, begin - at)
                self.sides[d].lost = 0
                if self.sides[d].head >= 0:
                    self._close(d, i, _HOLE)
                at = begin
            if self.sides[d].left == 0:
                begin = at
                while at < length and self.sides[d].have < _HEADER:
                    if not self._header_byte(
                        d, cython.cast(cython.int, wide(self.data[start + at]))
                    ):
                        break
                    at += 1
                if at > begin:
                    self._link(d, i, begin, at - begin)
                if self.sides[d].have < _HEADER:
                    if at == length:
                        return 0
                    self._lose(d)
                    continue
                if self.sides[d].length > _MAX_CIPHERTEXT:
                    self._lose(d)
                    continue
                self.sides[d].left = self.sides[d].length
                if self.sides[d].left == 0:
                    self._close(d, i, _WHOLE)
                    continue
            count = self.sides[d].left
            if count > length - at:
                count = length - at
            if count:
                self._extend(d, i, at, count)
                at += count
                self.sides[d].left -= count
            if self.sides[d].left == 0:
                self._close(d, i, _BROKEN if self.sides[d].broken else _WHOLE)
        return 0

    @cython.cfunc
    def _extend(
        self, d: cython.Py_ssize_t, i: cython.Py_ssize_t, at: cython.int, count: cython.int
    ) -> cython.int:
        """Add bytes to what is being cut, to the piece of the same row if that is the last."""
        n: cython.Py_ssize_t = self.sides[d].tail
        if n >= 0 and self.links[n].row == i and self.links[n].at + self.links[n].count == at:
            self.links[n].count += count
            self.sides[d].seen += count
            return 0
        return self._link(d, i, at, count)

    @cython.cfunc
    def _header_byte(self, d: cython.Py_ssize_t, byte: cython.int) -> cython.int:
        """Take a byte of a header; return 0, and take it not, if it cannot be one."""
        have: cython.int = self.sides[d].have
        if have == 0:
            if byte < _FIRST_TYPE or byte > _LAST_TYPE:
                return 0
            self.sides[d].type = byte
        elif have == 1:
            if byte != 3:
                return 0
        elif have == 2:
            if byte > _MAX_MINOR:
                return 0
            self.sides[d].version = 0x300 | byte
        elif have == 3:
            self.sides[d].length = byte << 8
        else:
            self.sides[d].length |= byte
        self.sides[d].have = have + 1
        return 1

    @cython.cfunc
    def _lose(self, d: cython.Py_ssize_t) -> cython.int:
        """Where the next record begins is not known: what was read is part of the hole."""
        self.sides[d].lost = 1 if self.sides[d].head >= 0 else 2  # 2: with the next piece
        self.sides[d].have = 0
        self.sides[d].left = 0
        return 0

    @cython.cfunc
    def _find(self, start: cython.longlong, at: cython.int, length: cython.int) -> cython.int:
        """Return where in a row a record of application data may begin; -1 if nowhere.

        Its header has 24 bits that are known, and a length that cannot be any: random bytes
        look like it once in 60 million places. The tag will prove it.
        """
        p: cython.longlong
        size: cython.int
        for p in range(start + at, start + length - 4):
            if self.data[p] == _APPLICATION and self.data[p + 1] == 3 and self.data[p + 2] == 3:
                size = cython.cast(cython.int, wide(self.data[p + 3]) << 8 | wide(self.data[p + 4]))
                if 16 < size <= _MAX_CIPHERTEXT:
                    return cython.cast(cython.int, p - start)
        return -1

    @cython.cfunc
    def _gap(self, d: cython.Py_ssize_t, i: cython.Py_ssize_t) -> cython.int:
        """Pass over bytes that were not captured."""
        length: cython.int = self.rows[i].length
        count: cython.int
        if self.sides[d].lost:
            self._link(d, i, 0, length)
            if self.sides[d].seen > _MAX_HOLE:
                self._close(d, i, _HOLE)
            return 0
        if self.sides[d].left > 0:
            count = self.sides[d].left if self.sides[d].left < length else length
            self._link(d, i, 0, count)
            self.sides[d].broken = 1
            self.sides[d].left -= count
            if self.sides[d].left == 0 and count == length:
                return self._close(d, i, _BROKEN)
            if count < length:
                # The record that is broken, and an unknown number after it.
                self._extend(d, i, count, length - count)
                self._lose(d)
            return 0
        self._link(d, i, 0, length)
        self._lose(d)
        return 0

    @cython.cfunc
    def _close(self, d: cython.Py_ssize_t, i: cython.Py_ssize_t, fate: cython.int) -> cython.int:
        """Write the record that was cut, and a row for each of its pieces."""
        r: cython.Py_ssize_t = self._count
        n: cython.Py_ssize_t = self.sides[d].head
        k: cython.Py_ssize_t = self._cuts
        j: cython.Py_ssize_t = self.links[n].row
        at: cython.int = 0
        packet: cython.longlong = 0
        time: cython.longlong = self.rows[j].time
        if r >= self.records.shape[0]:
            self._grow("records", r + 1)
        self.records[r].first = cython.cast(cython.int, k)
        self.records[r].start = -1
        if self.links[n].next < 0 and fate == _WHOLE:
            self.records[r].start = self.rows[j].start + self.links[n].at + _HEADER
        while n >= 0:
            j = self.links[n].row
            if k >= self.cuts.shape[0]:
                self._grow("cuts", k + 1)
            self.cuts[k].row = cython.cast(cython.int, j)
            self.cuts[k].record = cython.cast(cython.int, r) if self.links[n].count else -1
            self.cuts[k].at = at
            self.cuts[k].begin = self.links[n].at
            self.cuts[k].count = self.links[n].count
            at += self.links[n].count
            if self.links[n].count:
                if self.rows[j].packet > packet:
                    packet = self.rows[j].packet
                if self.rows[j].time > time:
                    time = self.rows[j].time
                if self.rows[j].ready > time:
                    time = self.rows[j].ready
            n = self.links[n].next
            k += 1
        self._cuts = k
        self.records[r].pieces = cython.cast(cython.int, k - self.records[r].first)
        self.records[r].done_packet = packet
        self.records[r].done_time = time
        self.records[r].wire = at
        self.records[r].content = 0
        self.records[r].direction = cython.cast(cython.int, d)
        self.records[r].length = at - _HEADER if fate != _HOLE else 0
        self.records[r].row = cython.cast(cython.int, i)
        self.records[r].skip = self.sides[d].began_lost if fate == _HOLE else 0
        self.records[r].version = self.sides[d].version
        self.records[r].type = self.sides[d].type
        self.records[r].fate = fate
        self._count = r + 1
        self.sides[d].head = self.sides[d].tail = -1
        self.sides[d].have = 0
        self.sides[d].left = 0
        self.sides[d].seen = 0
        return 0
