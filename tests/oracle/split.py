"""A capture read as one process does, and in shards: each connection in one of them.

Connections are paired by their first packet, which is the same in both; what happens within a
batch is as in one process, since all have the same batches.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.audience import Audience
from analyzer.capture.source import open_capture
from analyzer.http.stage import HttpStage
from analyzer.inside.joined import Joined
from analyzer.inside.labels import Codes, Label
from analyzer.inside.shard import ShardStage
from analyzer.inside.stage import InsideBatch, InsideStage
from analyzer.options import Options
from analyzer.packets.decode import PacketDecoder
from analyzer.packets.segments import SegmentBatch
from analyzer.tables.inside import call_rows, fanout_rows, topic_rows
from analyzer.tables.schema import TableRows
from analyzer.tcp.reassembly import Reassembler
from analyzer.tls.key_files import read_key_logs
from analyzer.tls.keylog import KeyRing
from analyzer.tls.stage import TlsStage
from analyzer.websocket.stage import WebSocketStage

Ends = frozenset[tuple[int, int, int]]
Chooses = Callable[[Ends], int]
"""Returns the shard of a connection, by its ends: address and port of each."""
Opened = tuple[int, int]
"""First packet of a TCP connection, and how many WebSocket connections it had before."""


class Front:
    """The stages from tcp to inside, of all connections or of some."""

    def __init__(self, options: Options, shard: bool) -> None:
        ring = read_key_logs(tuple(options.keys), options) if options.keys else KeyRing(options)
        self.tcp, self.tls = Reassembler(options), TlsStage(options, ring, None)
        self.http, self.websocket = HttpStage(options), WebSocketStage(options)
        made = ShardStage if shard else InsideStage
        self.inside = made(options, self.websocket.by_slot)
        self.http.carry_to(self.inside.carry)
        self._audience = Audience(self.websocket, self.inside, None)
        self._opened: dict[int, int] = {}
        self.opened: list[Opened] = []
        self.ended: list[int] = []
        self.plain: set[Ends] = set()

    def push(self, segments: SegmentBatch | None) -> InsideBatch:
        last = segments is None
        stream = self.tcp.finish() if segments is None else self.tcp.push(segments)
        http = self.http.push(self.tls.push(stream).stream, last=last)
        self._audience.begin(http)
        batch = self.websocket.push(http)
        for each in batch.opened:
            first = stream.connection(each.slot).first_packet
            count = self._opened[first] = self._opened.get(first, -1) + 1
            self.opened.append((first, count))
        for exchange in http.exchanges:
            assert exchange.tcp is not None
            tcp = exchange.tcp
            ends = (tcp.high0, tcp.low0, tcp.port0), (tcp.high1, tcp.low1, tcp.port1)
            self.plain.add(frozenset(ends))
        self.ended = [each.connection for each in batch.ended]
        out = self.inside.push(batch, last=last)
        self._audience.settle(batch)
        return out


@dataclass
class Read:
    """What was read inside, as rows of tables, batch by batch."""

    tables: list[TableRows] = field(default_factory=list)
    inner: dict[int, str | None] = field(default_factory=dict)
    opened: list[Opened] = field(default_factory=list)
    ended: list[list[int]] = field(default_factory=list)
    plain: set[Ends] = field(default_factory=set)
    labels: list[Label] = field(default_factory=list)
    said: dict[tuple[int, int], Label] = field(default_factory=dict)
    messages: list[list[tuple[int, int]]] = field(default_factory=list)

    def say(self, messages: list[tuple[int, int]], codes: Codes, labels: list[Label]) -> None:
        """Note what messages say, by connection and number."""
        said = [labels[code] for code in codes.tolist()]
        self.said |= dict(zip(messages, said, strict=True))

    def cells(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return all rows by table, in order."""
        out: dict[str, list[tuple[Any, ...]]] = {}
        for rows in self.tables:
            columns = [list(rows.values[column.name]) for column in rows.table.columns]
            out.setdefault(rows.table.name, []).extend(zip(*columns, strict=True))
        return out


def _messages(
    batch: InsideBatch, numbers: npt.NDArray[np.int64] | None = None
) -> list[tuple[int, int]]:
    """Return connection and number of each message row."""
    rows = batch.messages
    connections = rows["connection"] if numbers is None else numbers[rows["connection"]]
    return list(zip(connections.tolist(), rows["message"].tolist(), strict=True))


def _segments(data: bytes, options: Options) -> Iterator[SegmentBatch | None]:
    decoder = PacketDecoder(options)
    for records in open_capture(["-"], options, stdin=io.BytesIO(data)):
        yield decoder.push(records)
    yield decoder.finish()
    yield None


def in_one(data: bytes, options: Options) -> Read:
    """Read a capture as one process does."""
    front, out = Front(options, shard=False), Read()
    for segments in _segments(data, options):
        batch = front.push(segments)
        assert batch.deliveries is not None
        out.tables.append(call_rows(batch.calls, options, batch.plain_calls))
        out.tables.append(fanout_rows(batch.deliveries, options))
        out.inner |= batch.inner
        out.ended.append(front.ended)
        out.messages.append(_messages(batch))
        out.labels = batch.says.labels.known
        out.say(out.messages[-1], batch.says.codes, out.labels)
    out.tables.append(topic_rows(front.inside.finish(), options))
    out.opened, out.plain = front.opened, front.plain
    return out


def in_shards(data: bytes, options: Options, whole: Read, count: int, chooses: Chooses) -> Read:
    """Read a capture in shards, and put together what they found.

    Args:
        data: the capture.
        options: limits.
        whole: the same, read in one: says how connections are numbered, and where plain HTTP is.
        count: of shards.
        chooses: the shard of connections that never had plain HTTP.
    """
    fronts = [Front(options, shard=True) for _ in range(count)]
    joined, out = Joined(options, count), Read()
    numbers = {opened: number for number, opened in enumerate(whole.opened)}
    known: dict[Ends, int] = dict.fromkeys(whole.plain, 0)
    for at, segments in enumerate(_segments(data, options)):
        parts = [None] * count if segments is None else _parts(segments, known, count, chooses)
        batches = []
        for front, part in zip(fronts, parts, strict=True):
            if segments is not None and len(segments.rows):
                front.inside.reach(int(segments.rows["packet"].max()))  # type: ignore[attr-defined]
            batches.append(front.push(part))
        connections = [
            np.array([numbers[each] for each in front.opened], np.int64) for front in fronts
        ]
        noted = [front.inside.take_noted() for front in fronts]  # type: ignore[attr-defined]
        batch = joined.push(batches, noted, connections, whole.ended[at])
        messages = [_messages(*each) for each in zip(batches, connections, strict=True)]
        out.labels = joined.labels.known
        for codes, some in zip(batch.codes, messages, strict=True):
            out.say(some, codes, out.labels)
        waited = [
            message
            for some, each in zip(messages, noted, strict=True)
            for message in some[: len(each.ready)]
        ]
        out.messages.append([waited[place] for place in batch.ready.tolist()])
        out.tables.append(call_rows(batch.calls, options, batch.plain_calls))
        out.tables.append(fanout_rows(batch.deliveries, options))
        out.inner |= batch.inner
    out.tables.append(topic_rows(joined.finish(), options))
    return out


def _parts(
    segments: SegmentBatch, known: dict[Ends, int], count: int, chooses: Chooses
) -> Sequence[SegmentBatch]:
    """Return the segments of each shard."""
    rows = segments.rows
    names = ("source_high", "source_low", "source_port")
    names += ("destination_high", "destination_low", "destination_port")  # type: ignore[assignment]
    shards = np.zeros(len(rows), np.int64)
    for at, cells in enumerate(zip(*(rows[name].tolist() for name in names), strict=True)):
        ends = frozenset((cells[:3], cells[3:]))
        if ends not in known:
            known[ends] = chooses(ends)
        shards[at] = known[ends]
    parts = []
    for shard in range(count):
        part = copy.copy(segments)
        part.records = copy.copy(segments.records)
        part.records.data = segments.records.data.copy()
        part.rows = rows.take(np.flatnonzero(shards == shard))
        parts.append(part)
    return parts
