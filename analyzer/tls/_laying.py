"""Kernel: lays rows over records that were cut: rows of their plaintext, or of framing alone.

Knows how rows of records become rows of what they hold. Must not know keys: between `cut` and
`lay` tls.unwrapping says what came of each record. The second of two kernels (see _cutting).
"""

from __future__ import annotations

from typing import Any

import cython

from analyzer.tcp import bytestream
from analyzer.tls import records as layout

if cython.compiled:
    from cython.cimports.analyzer.tls._cutting import RecordCut
else:
    from analyzer.tls._cutting import RecordCut

# C copies of names: a kernel reads a C integer where it would else look up a
# Python object per row; so it would for literals beyond 31 bits.
_DATA = cython.declare(cython.int, bytestream.DATA)
_GAP_CUT = cython.declare(cython.int, bytestream.GAP_CUT)
_FRAMING = cython.declare(cython.int, bytestream.FRAMING)
_HEADER = cython.declare(cython.int, layout.HEADER_BYTES)
_HOLE = cython.declare(cython.int, layout.HOLE)
_OPENED = cython.declare(cython.int, layout.OPENED_RECORD)
_FRAMING_RECORD = cython.declare(cython.int, layout.FRAMING_RECORD)
_WAITING = cython.declare(cython.int, layout.WAITING_RECORD)
_FAR = cython.declare(cython.longlong, 1 << 30)


@cython.cclass
class RecordLay(RecordCut):
    """Cuts one batch at a time, and lays its rows."""

    def opened(self) -> list[tuple[int, ...]]:
        """Return the fields of SUM of each direction of which records were opened."""
        r: cython.Py_ssize_t
        d: cython.Py_ssize_t
        s: cython.Py_ssize_t
        n: cython.Py_ssize_t = 0
        beside: cython.int
        for r in range(self._count):
            if self.records[r].fate != _OPENED:
                continue
            d = self.records[r].direction
            beside = self.records[r].length - cython.cast(cython.int, self.records[r].content)
            s = self.sides[d].added - 1
            if s < 0:
                s = n
                n += 1
                self.sides[d].added = cython.cast(cython.int, n)
                if s >= self.sums.shape[0]:
                    self._grow("sums", n)
                self.sums[s].time = self.records[r].done_time
                self.sums[s].direction = cython.cast(cython.int, d)
                self.sums[s].content = self.sums[s].length = self.sums[s].count = 0
                self.sums[s].least = self.sums[s].most = beside
            self.sums[s].content += self.records[r].content
            self.sums[s].length += self.records[r].length
            self.sums[s].count += 1
            if beside < self.sums[s].least:
                self.sums[s].least = beside
            if beside > self.sums[s].most:
                self.sums[s].most = beside
        for s in range(n):
            self.sides[self.sums[s].direction].added = 0
        return self._arrays["sums"][:n].tolist()  # type: ignore[no-any-return]

    def lay(self) -> Any:
        """Return the rows, dtype CHUNK: plaintext where records were opened."""
        k: cython.Py_ssize_t
        r: cython.Py_ssize_t
        o: cython.Py_ssize_t = 0
        begun: cython.Py_ssize_t = 0
        last: cython.Py_ssize_t = -1
        if self._cuts > self.out.shape[0]:
            self._grow("out", self._cuts)
        for k in range(self._cuts):
            r = self.cuts[k].record
            if r < 0:
                if self._is_stopped(self.cuts[k].row):
                    continue
                self.out[o] = self.rows[self.cuts[k].row]
                if r == -2:
                    self.out[o].kind = _FRAMING
                    self.out[o].length = 0
                o += 1
                continue
            if self.records[r].fate == _WAITING:
                continue
            if r != last:
                begun = o
                last = r
            self._piece(o, k, r)
            o += 1
            if self.cuts[k].at + self.out[o - 1].span >= self.records[r].wire:
                self._turn(begun, o)
        return self._arrays["out"][:o].copy()

    @cython.cfunc
    def _is_stopped(self, i: cython.Py_ssize_t) -> cython.bint:
        """Return whether a row follows a record that waits."""
        stop: cython.int = self.sides[self.rows[i].direction].stop
        return 0 < stop <= i + 1

    @cython.cfunc
    def _piece(
        self, o: cython.Py_ssize_t, k: cython.Py_ssize_t, r: cython.Py_ssize_t
    ) -> cython.int:
        """Write the row of one piece of a record."""
        i: cython.Py_ssize_t = self.cuts[k].row
        d: cython.Py_ssize_t = self.rows[i].direction
        at: cython.longlong = self.cuts[k].at
        fate: cython.int = self.records[r].fate
        into: cython.longlong = self.cuts[k].begin
        span: cython.longlong = self.cuts[k].count
        own: cython.longlong
        self.out[o] = self.rows[i]
        self.out[o].offset += into
        self.out[o].into += cython.cast(cython.int, into)
        self.out[o].start += into
        self.out[o].span = cython.cast(cython.int, span)
        if into:
            self.out[o].wire = 0
        if fate == _FRAMING_RECORD:
            self.out[o].kind = _FRAMING
            self.out[o].length = 0
            own = span
        elif fate == _OPENED:
            own = self._open(o, r, at, span)
        else:
            own = self._shut(o, r, at, span)
        self.out[o].tls = cython.cast(cython.int, own)
        self.sides[d].tls_bytes += own
        if self.records[r].done_packet != self.out[o].packet or (
            self.records[r].done_time != self.out[o].ready
        ):
            self.out[o].done_packet = self.records[r].done_packet
            self.out[o].done_time = self.records[r].done_time
        return 0

    @cython.cfunc
    def _open(
        self, o: cython.Py_ssize_t, r: cython.Py_ssize_t, at: cython.longlong, span: cython.longlong
    ) -> cython.longlong:
        """Make a row one of plaintext; return the bytes of it that are TLS's."""
        low: cython.longlong = _HEADER + self.records[r].skip
        high: cython.longlong = low + self.records[r].content
        if low < at:
            low = at
        if high > at + span:
            high = at + span
        if high < low:
            low = high = at
        self.out[o].kind = _DATA
        self.out[o].start += low - at
        self.out[o].length = cython.cast(cython.int, high - low)
        return span - (high - low)

    @cython.cfunc
    def _shut(
        self, o: cython.Py_ssize_t, r: cython.Py_ssize_t, at: cython.longlong, span: cython.longlong
    ) -> cython.longlong:
        """Make a row a gap in the plaintext; return the bytes of it that are TLS's.

        Of plaintext that is missing each piece has its share; a loss of unknown size counts
        as more than any frame has left.
        """
        content: cython.longlong = self.records[r].content
        wire: cython.longlong = self.records[r].wire
        length: cython.longlong
        is_last: cython.bint = at + span >= wire
        if content >= 0:
            length = (at + span) * content // wire - at * content // wire
        else:
            length = _FAR if is_last else span
        own: cython.longlong = 0
        if self.out[o].kind == _DATA:
            self.out[o].kind = _GAP_CUT
            # Content 0: its session was closed. What comes with later batches is not even cut
            # into records, so that no header of it is counted here either.
            if at < _HEADER and content and self.records[r].fate != _HOLE:
                own = _HEADER - at if _HEADER - at < span else span
        if length == 0:
            self.out[o].kind = _FRAMING
        self.out[o].start = 0
        self.out[o].length = cython.cast(cython.int, length)
        return own

    @cython.cfunc
    def _turn(self, begin: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
        """Put rows that only end a record before the last one that has bytes of it.

        What they cost then belongs to those bytes, and not to whatever comes next.
        """
        k: cython.Py_ssize_t = end - 1
        m: cython.Py_ssize_t
        while k >= begin and (self.out[k].kind != _DATA or self.out[k].length == 0):
            k -= 1
        if k < begin or k == end - 1:
            return 0
        self.turned[0] = self.out[k]
        for m in range(k, end - 1):
            self.out[m] = self.out[m + 1]
        self.out[end - 1] = self.turned[0]
        return 0
