"""What stands in each stream instead: false content by stream offset, in a temporary file.

A reading of the input fills it, and the next one asks it for what a segment holds, in whatever
order and however often that was sent. Knows streams. Used by share.pcapng.
"""

from __future__ import annotations

import contextlib
from array import array
from collections import Counter
from collections.abc import Iterator

import numpy as np

from analyzer.packets.segments import SegmentBatch
from analyzer.report.har import spool_file
from analyzer.share.anonymize.session import key_log
from analyzer.share.anonymize.stream import Dialogue, Direction, File
from analyzer.share.flows import Flows, Numbers
from analyzer.tcp.bytestream import DATA, GAP_CUT, StreamBatch

_HALF = 1 << 31


class Spool:
    """Bytes by direction and offset; 24 bytes a piece stay in memory, and pieces are joined."""

    def __init__(self) -> None:
        self._file = spool_file()
        self._written = 0
        self._pieces: dict[int, array[int]] = {}  # offset, length, place

    def add(self, direction: int, offset: int, data: bytes) -> None:
        """Take bytes of a direction, each offset behind the ones before."""
        pieces = self._pieces.setdefault(direction, array("q"))
        if (
            pieces
            and pieces[-3] + pieces[-2] == offset
            and pieces[-1] + pieces[-2] == self._written
        ):
            pieces[-2] += len(data)
        else:
            pieces.extend((offset, len(data), self._written))
        self._file.seek(self._written)
        self._file.write(data)
        self._written += len(data)

    def read(self, direction: int, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Yield what is known of offsets `begin` to `end`: offset, bytes."""
        pieces = self._pieces.get(direction)
        if pieces is None:
            return
        table = np.frombuffer(pieces, np.int64).reshape(-1, 3)
        at = max(0, int(np.searchsorted(table[:, 0], begin, "right")) - 1)
        while at < len(table):
            offset, length, place = table[at].tolist()
            if offset >= end:
                return
            first, last = max(begin, offset), min(end, offset + length)
            if first < last:
                self._file.seek(place + first - offset)
                yield first, self._file.read(last - first)
            at += 1

    def close(self) -> None:
        """Forget all."""
        with contextlib.suppress(OSError):
            self._file.close()


class FalseContent:
    """The streams of chosen connections with false names.

    Args:
        file: that is written.
        flows: the chosen connections.

    Attributes:
        overwritten: bytes by kind: `compressed` messages, `encrypted` records of TLS, `other`:
            what is neither HTTP, WebSocket nor TLS, or follows a gap; and how many sessions
            of TLS were `sealed` with other keys, how many directions were `given_up` since too much
            waited in them.
    """

    def __init__(self, file: File, flows: Flows) -> None:
        self._file = file
        self._words = file.words
        self._flows = flows
        self._spool = Spool()
        self._dialogues: dict[int, Dialogue] = {}
        self._open: dict[int, tuple[Direction, int]] = {}
        self._bases: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._waiting = 0
        """Bytes that all open directions hold."""
        self._overwritten: Counter[str] = Counter()

    @property
    def overwritten(self) -> Counter[str]:
        """Bytes, sessions and directions by what became of them."""
        return self._overwritten + Counter(given_up=self._file.room.given_up)

    def keys(self) -> bytes:
        """Return the key log of records that were encrypted anew."""
        return key_log(self._file.log)

    def push(self, segments: SegmentBatch, stream: StreamBatch) -> None:
        """Take a batch of segments, and what became readable with it."""
        rows = stream.rows
        rows = rows[(rows["kind"] <= GAP_CUT) & (rows["length"] > 0)]
        if len(rows):
            slots = rows["direction"] >> 1
            directions = 2 * stream.connections["first_packet"][slots] + (rows["direction"] & 1)
            self._find_bases(segments, rows, directions)
            data = stream.records.data
            for row, direction in zip(rows, directions.tolist(), strict=True):
                self._row(row, direction, data)
        for slot in stream.ended:
            self._end(int(stream.connections["first_packet"][slot]))

    def _find_bases(self, segments: SegmentBatch, rows: np.ndarray, directions: Numbers) -> None:
        """Learn the sequence number of each stream's first byte, from any segment of it."""
        fresh, first = np.unique(directions, return_index=True)
        missing = [
            place for each, place in zip(fresh, first, strict=True) if each not in self._bases
        ]
        if not missing or not len(segments.rows):
            return
        packets = segments.rows["packet"]
        for place in np.flatnonzero(np.isin(directions, directions[missing])).tolist():
            direction = int(directions[place])
            at = int(np.searchsorted(packets, rows["packet"][place]))
            if (
                direction in self._bases
                or at >= len(packets)
                or packets[at] != rows["packet"][place]
            ):
                continue
            row = segments.rows[at]
            begin = int(rows["offset"][place]) - int(rows["into"][place])
            is_syn = bool(int(row["flags"]) & 2)
            self._bases[direction] = int(row["seq"]) + is_syn - begin & 0xFFFFFFFF

    def _row(self, row: np.void, direction: int, data: np.ndarray) -> None:
        known = self._open.get(direction)
        if known is None:
            if not self._flows.has(direction):
                return
            dialogue = self._dialogues.setdefault(direction >> 1, Dialogue(self._file))
            known = Direction(dialogue), int(row["offset"])
        walker, offset = known
        before = walker.waiting
        start, length = int(row["start"]), int(row["length"])
        if row["kind"] == DATA:
            made = walker.feed(data[start : start + length].tobytes())
        else:
            made = walker.gap(length)
        self._open[direction] = walker, self._keep(direction, offset, made)
        self._waiting += walker.waiting - before
        while self._waiting > self._file.options.max_anonymized_held_bytes_total:
            self._give_up()

    def _give_up(self) -> None:
        """Make noise of the direction that holds most."""
        worst = max(self._open, key=lambda each: self._open[each][0].waiting)
        walker, offset = self._open[worst]
        before = walker.waiting
        made = walker.give_up()
        if walker.waiting == before:
            made += walker.finish()
        self._open[worst] = walker, self._keep(worst, offset, made)
        self._waiting += walker.waiting - before
        self._file.room.given_up += 1

    def _keep(self, direction: int, offset: int, made: bytes) -> int:
        if made:
            self._spool.add(direction, offset, made)
        return offset + len(made)

    def _end(self, first: int) -> None:
        for direction in (2 * first, 2 * first + 1):
            known = self._open.pop(direction, None)
            if known is not None:
                self._waiting -= known[0].waiting
                self._keep(direction, known[1], known[0].finish())
        dialogue = self._dialogues.pop(first, None)
        if dialogue is not None:
            self._overwritten += dialogue.overwritten()

    # --- the next reading

    def payload(self, direction: int, seq: int, length: int) -> bytes:
        """Return what a segment holds instead.

        Args:
            direction: as Flow has it.
            seq: sequence number of its first payload byte.
            length: bytes captured.
        """
        made = bytearray(self._words.noise(seq.to_bytes(4, "big").ljust(length, b"\0")[:length]))
        base = self._bases.get(direction)
        if base is None:
            return bytes(made)
        last = self._last.get(direction, 0)
        distance = (seq - base - last) & 0xFFFFFFFF
        begin = last + distance - (distance >= _HALF) * (1 << 32)
        self._last[direction] = begin
        for offset, piece in self._spool.read(direction, begin, begin + length):
            made[offset - begin : offset - begin + len(piece)] = piece
        return bytes(made)

    def close(self) -> None:
        """Forget all."""
        self._spool.close()
