"""Kernel: opens the short records of AES-GCM in a batch, those of a direction in one go.

Knows NIST SP 800-38D 7.2, RFC 8446 5.2 to 5.4 and RFC 5288 3. Must not know sessions, nor where
keys are from: between `lay` and `open` tls.ahead has the key stream made by the package
cryptography, which encrypts all blocks of a direction in one call. The second of the two kernels
that make GcmRun (see _ghash).

A record is opened only if all before it of its connection, of both sides, were opened too: what a
record that cannot be opened means is for tls.decryption to say, and may change what follows.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer.columns import grown
from analyzer.tcp._state import record_view
from analyzer.tls import gcm
from analyzer.tls import records as layout

if cython.compiled:
    from cython.cimports.analyzer.tcp.sequence import wide, wide_unsigned
    from cython.cimports.analyzer.tls._ghash import Ghash
    from cython.cimports.analyzer.tls.gcm import big, put
else:
    from analyzer.tcp.sequence import wide, wide_unsigned
    from analyzer.tls._ghash import Ghash
    from analyzer.tls.gcm import big, put

# C copies of names: a kernel reads a C integer where it would else look up a
# Python object per row; so it would for literals beyond 31 bits.
_LOW_HALF = cython.declare(cython.ulonglong, 0xFFFFFFFF)
_ALL = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
_APPLICATION = cython.declare(cython.int, layout.APPLICATION_DATA)
_WHOLE = cython.declare(cython.int, layout.WHOLE_RECORD)
_OPENED = cython.declare(cython.int, layout.OPENED_RECORD)
_BLOCK = cython.declare(cython.int, gcm.BLOCK)
_LEAST_RECORDS = cython.declare(cython.int, gcm.LEAST_RECORDS)
_MOST_BYTES = cython.declare(cython.int, gcm.MOST_BYTES)
_MOST_BLOCKS = cython.declare(cython.int, gcm.MOST_BLOCKS)
_PASSED_OVER = cython.declare(cython.int, 1)  # a record that is not even tried
_FAILED = cython.declare(cython.int, 2)


@cython.cclass
class GcmRun(Ghash):
    """Opens the records of one batch at a time: begin, add, then lay and open until the end."""

    def __init__(self) -> None:
        Ghash.__init__(self)
        self._arrays: dict[str, Any] = {
            "groups": np.zeros(16, gcm.GROUP),
            "entries": np.zeros(64, gcm.ENTRY),
            "group_of": np.zeros(0, np.int32),
            "stopped": np.zeros(0, np.uint8),
            "stream": np.zeros(0, np.uint8),
            "pads": np.zeros(0, np.uint8),
        }
        self._groups = self._entries = 0
        self.records = record_view(np.zeros(0, layout.RECORD))
        self._bind()

    def _bind(self) -> None:
        self.groups = record_view(self._arrays["groups"])
        self.entries = record_view(self._arrays["entries"])
        self.group_of = self._arrays["group_of"]
        self.stopped = self._arrays["stopped"]
        self.stream = self._arrays["stream"]
        self.pads = self._arrays["pads"]

    def _grow(self, name: str, count: int) -> None:
        self._arrays[name] = grown(self._arrays[name], count)
        self._bind()

    # --- which

    def begin(self, records: Any, data: Any) -> list[int]:
        """Take the records of a batch.

        Args:
            records: dtype RECORD, as they were cut; `open` writes into them.
            data: uint8, what they point into; `open` writes there too.

        Returns:
            The directions with so many records that it pays to open them here.
        """
        self.records = record_view(records)
        self.data = data
        found: list[int] = []
        most: cython.Py_ssize_t = -1
        r: cython.Py_ssize_t
        d: cython.Py_ssize_t
        for r in range(len(records)):
            if self.records[r].direction > most:
                most = self.records[r].direction
        if most >= self.group_of.shape[0]:
            self._grow("group_of", most + 1)
            self._grow("stopped", most // 2 + 1)
        for r in range(len(records)):
            d = self.records[r].direction
            self.group_of[d] = 0
            self.stopped[d >> 1] = 0
        for r in range(len(records)):
            if self._is_possible(r) and self.records[r].length <= _MOST_BYTES:
                d = self.records[r].direction
                self.group_of[d] += 1
                if self.group_of[d] == _LEAST_RECORDS:
                    found.append(int(d))
        for r in range(len(records)):
            self.group_of[self.records[r].direction] = -1
        self._groups = 0
        return found

    def add(
        self,
        direction: cython.Py_ssize_t,
        high: cython.ulonglong,
        low: cython.ulonglong,
        sequence: cython.ulonglong,
        explicit: cython.int,
    ) -> None:
        """Open the records of a direction that has some: the fields of GROUP."""
        g: cython.Py_ssize_t = self._groups
        if g >= self.groups.shape[0]:
            self._grow("groups", g + 1)
        self.groups[g].direction = cython.cast(cython.int, direction)
        self.groups[g].high = high
        self.groups[g].low = low
        self.groups[g].sequence = sequence
        self.groups[g].explicit = explicit
        self.group_of[direction] = cython.cast(cython.int, g)
        self._groups = g + 1

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _is_possible(self, r: cython.Py_ssize_t) -> cython.bint:
        """Return whether a record may be application data, and lies in one piece."""
        return (
            self.records[r].fate == _WHOLE
            and self.records[r].type == _APPLICATION
            and self.records[r].start >= 0
        )

    # --- counters

    def lay(self, begin: cython.Py_ssize_t) -> int:
        """Write the counter blocks of records from one on; return the first that is left."""
        g: cython.Py_ssize_t
        r: cython.Py_ssize_t = begin
        d: cython.Py_ssize_t
        blocks: cython.Py_ssize_t
        total: cython.Py_ssize_t = 0
        self._entries = 0
        for g in range(self._groups):
            self.groups[g].head = self.groups[g].tail = -1
            self.groups[g].blocks = 1
            self.groups[g].count = self.groups[g].opened = 0
        while r < self.records.shape[0] and total < _MOST_BLOCKS:
            d = self.records[r].direction
            if self.records[r].fate != _OPENED and not self.stopped[d >> 1]:
                g = self.group_of[d]
                if (
                    g < 0
                    or not self._is_possible(r)
                    or self.records[r].length < self.groups[g].explicit + _BLOCK
                ):
                    self.stopped[d >> 1] = cython.cast(cython.uchar, _PASSED_OVER)
                else:
                    blocks = 1 + (self.records[r].length - 1) // _BLOCK
                    self._enter(r, g, blocks)
                    total += blocks
            r += 1
        self._place()
        return int(r)

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _enter(
        self, r: cython.Py_ssize_t, g: cython.Py_ssize_t, blocks: cython.Py_ssize_t
    ) -> cython.int:
        """Put a record behind those of its group."""
        e: cython.Py_ssize_t = self._entries
        is_large: cython.bint = self.records[r].length > _MOST_BYTES
        if e >= self.entries.shape[0]:
            self._grow("entries", e + 1)
        self.entries[e].record = cython.cast(cython.int, r)
        self.entries[e].group = cython.cast(cython.int, g)
        self.entries[e].next = -1
        self.entries[e].order = self.groups[g].count
        self.entries[e].content = -1
        self.entries[e].large = is_large
        if self.groups[g].count:
            self.entries[self.groups[g].tail].next = cython.cast(cython.int, e)
        else:
            self.groups[g].head = cython.cast(cython.int, e)
        self.groups[g].tail = cython.cast(cython.int, e)
        self.groups[g].count += 1
        if not is_large:
            # One for the tag; of the body, which has a tag, the others are at least as many as
            # the content's.
            self.groups[g].blocks += cython.cast(cython.int, blocks)
        self._entries = e + 1
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _place(self) -> cython.int:
        """Give each group and record its blocks: first one of zeros, which makes the hash key."""
        g: cython.Py_ssize_t
        e: cython.Py_ssize_t
        place: cython.longlong = 0
        for g in range(self._groups):
            self.groups[g].begin = place
            if self.groups[g].count:
                place += self.groups[g].blocks
        # The package cryptography asks for room for one block more than it writes.
        if (place + 1) * _BLOCK > self.stream.shape[0]:
            self._grow("stream", (place + 1) * _BLOCK)
            self._grow("pads", (place + 1) * _BLOCK)
        for g in range(self._groups):
            place = self.groups[g].begin
            e = self.groups[g].head
            if e < 0:
                continue
            put(self.stream, place * _BLOCK, 0)
            put(self.stream, place * _BLOCK + 8, 0)
            place += 1
            while e >= 0:
                self.entries[e].place = place
                if not self.entries[e].large:
                    place += self._counters(e)
                e = self.entries[e].next
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _counters(self, e: cython.Py_ssize_t) -> cython.int:
        """Write the counter blocks of a record (7.1: J0 and those after it); return how many."""
        r: cython.Py_ssize_t = self.entries[e].record
        g: cython.Py_ssize_t = self.entries[e].group
        at: cython.Py_ssize_t = self.entries[e].place * _BLOCK
        start: cython.Py_ssize_t = self.records[r].start
        count: cython.int = 1 + (self.records[r].length - 1) // _BLOCK
        high: cython.ulonglong = wide_unsigned(self.groups[g].high)
        low: cython.ulonglong = wide_unsigned(self.groups[g].low)
        number: cython.ulonglong
        j: cython.int
        if start + self.records[r].length > self.data.shape[0]:
            raise IndexError("a record beyond its buffer")
        if at + count * _BLOCK > self.stream.shape[0]:
            raise IndexError("blocks beyond their buffer")
        if self.groups[g].explicit:
            number = big(self.data, start)
            high |= number >> 32
            low = number & _LOW_HALF
        else:
            # RFC 8446 5.3: the number "is padded to the left with zeros to iv_length".
            number = wide_unsigned(self.groups[g].sequence) + wide_unsigned(self.entries[e].order)
            high ^= number >> 32
            low ^= number & _LOW_HALF
        for j in range(1, count + 1):
            put(self.stream, at, high)
            put(self.stream, at + 8, low << 32 | cython.cast(cython.ulonglong, j))
            at += _BLOCK
        return count

    def key_stream(self) -> tuple[Any, Any]:
        """Return the blocks, and where they go encrypted: uint8."""
        return self._arrays["stream"], self._arrays["pads"]

    def bounds(self) -> list[tuple[int, int]]:
        """Return from which byte to which the blocks of each group are, in order of `add`."""
        g: cython.Py_ssize_t
        found: list[tuple[int, int]] = []
        begin: cython.Py_ssize_t
        for g in range(self._groups):
            begin = wide(self.groups[g].begin) * _BLOCK
            found.append(
                (begin, begin + (self.groups[g].blocks * _BLOCK if self.groups[g].count else 0))
            )
        return found

    def large(self) -> list[tuple[int, int, int, int]]:
        """Return what the library opens.

        Returns:
            Of each such record: its entry, its place among the records, its group, and how many
            of that group come before it.
        """
        e: cython.Py_ssize_t
        found: list[tuple[int, int, int, int]] = []
        for e in range(self._entries):
            if self.entries[e].large:
                one = self.entries[e].record, self.entries[e].group, self.entries[e].order
                found.append((int(e), int(one[0]), int(one[1]), int(one[2])))
        return found

    def tell(self, e: cython.Py_ssize_t, content: cython.int) -> None:
        """Take note that the library opened a record, which holds so many bytes."""
        self.entries[e].content = content

    # --- opening

    def open(self) -> list[int]:
        """Open records, in place but for large ones; return how many of each group."""
        found: list[int] = []
        g: cython.Py_ssize_t
        for g in range(self._groups):
            if self.groups[g].count:
                self._prove(g)
        self._accept()
        for g in range(self._groups):
            found.append(int(self.groups[g].opened))
            self.groups[g].sequence += wide_unsigned(self.groups[g].opened)
        return found

    def end(self) -> None:
        """Let go of the batch."""
        self.records = record_view(np.zeros(0, layout.RECORD))
        self.data = np.zeros(0, np.uint8)

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _prove(self, g: cython.Py_ssize_t) -> cython.int:
        """Find what the records of a group hold, up to the first that is not as it should be."""
        at: cython.Py_ssize_t = self.groups[g].begin * _BLOCK
        e: cython.Py_ssize_t = self.groups[g].head
        if at + self.groups[g].blocks * _BLOCK > self.pads.shape[0]:
            raise IndexError("blocks beyond their buffer")
        self._key(big(self.pads, at), big(self.pads, at + 8))
        while e >= 0:
            if not self.entries[e].large and self._is_proven(e):
                self.entries[e].content = self._content(e)
            if self.entries[e].content < 0:
                return 0
            e = self.entries[e].next
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _is_proven(self, e: cython.Py_ssize_t) -> cython.bint:
        """Return whether a record's tag is right (7.2)."""
        r: cython.Py_ssize_t = self.entries[e].record
        g: cython.Py_ssize_t = self.entries[e].group
        explicit: cython.Py_ssize_t = self.groups[g].explicit
        start: cython.Py_ssize_t = self.records[r].start + explicit
        size: cython.Py_ssize_t = self.records[r].length - explicit - _BLOCK
        at: cython.Py_ssize_t = self.entries[e].place * _BLOCK
        # Type, version and length: of the record (RFC 8446 5.2), or of what it holds (RFC 5246
        # 6.2.3.3).
        header: cython.ulonglong = wide_unsigned(self.records[r].type) << 16
        header |= wide_unsigned(self.records[r].version)
        header <<= 16
        number: cython.ulonglong
        if explicit:
            number = wide_unsigned(self.groups[g].sequence) + wide_unsigned(self.entries[e].order)
            header |= wide_unsigned(size)
            self._hash(number, header << 24, 13 * 8, start, size)
        else:
            header |= wide_unsigned(self.records[r].length)
            self._hash(header << 24, 0, 5 * 8, start, size)
        return self.y0 ^ big(self.pads, at) == big(self.data, start + size) and self.y1 ^ big(
            self.pads, at + 8
        ) == big(self.data, start + size + 8)

    @cython.cfunc
    @cython.exceptval(-2, check=True)
    def _content(self, e: cython.Py_ssize_t) -> cython.int:
        """Return how many bytes of application data a record holds; -1 if it has something else.

        RFC 8446 5.4: the last byte that is not 0 is the content type.
        """
        r: cython.Py_ssize_t = self.entries[e].record
        explicit: cython.Py_ssize_t = self.groups[self.entries[e].group].explicit
        start: cython.Py_ssize_t = self.records[r].start
        size: cython.Py_ssize_t = self.records[r].length - explicit - _BLOCK
        at: cython.Py_ssize_t = (self.entries[e].place + 1) * _BLOCK
        byte: cython.int
        if explicit:
            return cython.cast(cython.int, size)
        while size > 0:
            size -= 1
            byte = cython.cast(cython.int, wide(self.data[start + size] ^ self.pads[at + size]))
            if byte:
                return cython.cast(cython.int, size) if byte == _APPLICATION else -1
        return -1

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _accept(self) -> cython.int:
        """Write down what was opened, in order, and decrypt it."""
        e: cython.Py_ssize_t
        r: cython.Py_ssize_t
        g: cython.Py_ssize_t
        s: cython.Py_ssize_t
        for e in range(self._entries):
            r = self.entries[e].record
            g = self.entries[e].group
            s = self.records[r].direction >> 1
            if self.stopped[s] == _FAILED:
                continue
            if self.entries[e].content < 0:
                self.stopped[s] = cython.cast(cython.uchar, _FAILED)
                continue
            self.groups[g].opened += 1
            self.records[r].fate = cython.cast(cython.uchar, _OPENED)
            self.records[r].content = self.entries[e].content
            self.records[r].skip = self.groups[g].explicit
            if not self.entries[e].large:
                self._decrypt(
                    (self.entries[e].place + 1) * _BLOCK,
                    self.records[r].start + self.groups[g].explicit,
                    self.entries[e].content,
                )
        return 0

    @cython.cfunc
    @cython.boundscheck(False)
    @cython.exceptval(check=False)
    def _decrypt(
        self, at: cython.Py_ssize_t, start: cython.Py_ssize_t, size: cython.Py_ssize_t
    ) -> cython.int:
        """XOR bytes of the buffer with key stream."""
        end: cython.Py_ssize_t = start + size
        if start < 0 or at < 0 or end > self.data.shape[0] or at + size > self.pads.shape[0]:
            return 0
        while start + 8 <= end:
            put(self.data, start, big(self.data, start) ^ big(self.pads, at))
            start += 8
            at += 8
        while start < end:
            self.data[start] ^= self.pads[at]
            start += 1
            at += 1
        return 0
