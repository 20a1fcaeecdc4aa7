"""A capture read as one process does, and in shards: each connection in one of them.

Connections are paired by their first packet, which is the same in both; what happens within a
batch is as in one process, since all have the same batches.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.audience import Audience
from analyzer.capture.source import open_capture
from analyzer.http.affinity import Affinity
from analyzer.http.exchanges import HttpBatch
from analyzer.http.shard import JoinedHttp, ShardHttpStage
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
from analyzer.websocket.shard import ShardWebSocketStage
from analyzer.websocket.stage import WebSocketStage

Opened = tuple[int, int]
"""First packet of a TCP connection, and how many WebSocket connections it had before."""


class Front:
    """The stages from tcp to inside, of all connections or of some."""

    def __init__(self, options: Options, shard: int | None = None) -> None:
        ring = read_key_logs(tuple(options.keys), options) if options.keys else KeyRing(options)
        self.tcp, self.tls = Reassembler(options), TlsStage(options, ring, None)
        self.http = HttpStage(options) if shard is None else ShardHttpStage(options, shard)
        self.inside: InsideStage
        if shard is None:
            self.websocket = WebSocketStage(options)
            self.inside = InsideStage(options, self.websocket.by_slot)
        else:
            self.websocket = made = ShardWebSocketStage(options)
            self.inside = ShardStage(options, made, shard)
        self.http.carry_to(self.inside.carry)
        self._audience = Audience(self.websocket, self.inside, None)
        self._opened: dict[int, int] = {}
        self.opened: list[Opened] = []
        self.ended: list[int] = []
        self.below: HttpBatch | None = None

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
        self.below = http
        self.ended = [each.connection for each in batch.ended]
        out = self.inside.push(batch, last=last)
        self._audience.settle(batch)
        return out


@dataclass
class Read:
    """What was read, batch by batch: rows of tables, and what http found.

    Attributes:
        opened: WebSocket connections by number.
        ended: those that end, by batch; closed: first packets of TCP connections that do.
        attempts, exchanges: in order; found: findings of http, in any order.
        shares: the capture cannot be split.
    """

    tables: list[TableRows] = field(default_factory=list)
    inner: dict[int, str | None] = field(default_factory=dict)
    opened: list[Opened] = field(default_factory=list)
    ended: list[list[int]] = field(default_factory=list)
    closed: list[list[int]] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    said: dict[tuple[int, int], Label] = field(default_factory=dict)
    messages: list[list[tuple[int, int]]] = field(default_factory=list)
    attempts: set[tuple[Any, ...]] = field(default_factory=set)
    exchanges: list[tuple[Any, ...]] = field(default_factory=list)
    found: list[tuple[Any, ...]] = field(default_factory=list)
    shares: bool = False

    def say(self, messages: list[tuple[int, int]], codes: Codes, labels: list[Label]) -> None:
        """Note what messages say, by connection and number."""
        said = [labels[code] for code in codes.tolist()]
        self.said |= dict(zip(messages, said, strict=True))

    def below(self, http: HttpBatch) -> None:
        """Note what http found."""
        for each in (*http.upgrades, *http.handshakes):
            first = http.stream.connection(each.tcp_slot).first_packet
            self.attempts.add((each.number, first, each.key, each.outcome, each.outcome_reason))
        for one in http.exchanges:
            tcp = one.tcp or http.stream.connection(one.slot)
            place = tcp.first_packet, one.exchange, one.http2_stream
            self.exchanges.append((*place, one.kind, one.group, one.client_key, one.status))
        for each in http.findings:
            self.found.append((each.kind.id, each.packet, str(each.detail)))

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


def _segments(data: bytes, options: Options) -> Iterator[SegmentBatch]:
    decoder = PacketDecoder(options)
    for records in open_capture(["-"], options, stdin=io.BytesIO(data)):
        yield decoder.push(records)
    yield decoder.finish()


def in_one(data: bytes, options: Options) -> Read:
    """Read a capture as one process does."""
    front, out = Front(options), Read()
    for segments in (*_segments(data, options), None):
        batch = front.push(segments)
        assert batch.deliveries is not None
        assert front.below is not None
        out.below(front.below)
        stream = front.below.stream
        out.closed.append([stream.connection(slot).first_packet for slot in front.below.ended])
        out.tables.append(call_rows(batch.calls, options, batch.plain_calls))
        out.tables.append(fanout_rows(batch.deliveries, options))
        out.inner |= batch.inner
        out.ended.append(front.ended)
        out.messages.append(_messages(batch))
        out.labels = batch.says.labels.known
        out.say(out.messages[-1], batch.says.codes, out.labels)
    out.tables.append(topic_rows(front.inside.finish(), options))
    out.opened = front.opened
    return out


def in_shards(data: bytes, options: Options, whole: Read, count: int) -> Read:
    """Read a capture in shards, and put together what they found.

    Args:
        data: the capture.
        options: limits.
        whole: the same, read in one: says how connections are numbered, and in which order they
            end.
        count: of shards.
    """
    fronts = [Front(options, shard) for shard in range(count)]
    inside, http, out = Joined(options, count), JoinedHttp(options, count), Read()
    numbers = {opened: number for number, opened in enumerate(whole.opened)}
    for at, parts in enumerate(_parts(data, options, count)):
        batches = []
        for front, part in zip(fronts, parts, strict=True):
            if part is not None:
                reached = int(part.records.rows["packet"].max(initial=0))
                front.http.reach(reached)  # type: ignore[attr-defined]
                front.websocket.reach(reached)  # type: ignore[attr-defined]
                front.inside.reach(reached)  # type: ignore[attr-defined]
            batches.append(front.push(part))
        connections = [
            np.array([numbers[each] for each in front.opened], np.int64) for front in fronts
        ]
        rank = {first: rank for rank, first in enumerate(whole.closed[at])}
        below = [front.below for front in fronts]
        http.push(
            below,  # type: ignore[arg-type]
            [front.http.take_noted() for front in fronts],  # type: ignore[attr-defined]
            [
                # In a shard fewer packets say that time passed: a connection may end later.
                {
                    slot: rank.get(each.stream.connection(slot).first_packet, 0)
                    for slot in each.ended
                }
                for each in below  # type: ignore[union-attr]
            ],
        )
        for each in below:
            out.below(each)  # type: ignore[arg-type]
        noted = [front.inside.take_noted() for front in fronts]  # type: ignore[attr-defined]
        batch = inside.push(batches, noted, connections, whole.ended[at])
        messages = [_messages(*each) for each in zip(batches, connections, strict=True)]
        out.labels = inside.labels.known
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
    out.tables.append(topic_rows(inside.finish(), options))
    out.shares = http.shares or any(front.inside.shares for front in fronts)  # type: ignore[attr-defined]
    return out


def _parts(data: bytes, options: Options, count: int) -> Iterator[list[SegmentBatch] | list[None]]:
    """Yield the segments of each shard, batch by batch; at the end None for each."""
    affinity = Affinity(count, (3, 5, 7), reads_tls=bool(options.keys), ahead=1 << 16)
    for segments in _segments(data, options):
        for batch, shards in affinity.push(segments):
            yield [_part(batch, shards == shard) for shard in range(count)]
    for batch, shards in affinity.finish():
        yield [_part(batch, shards == shard) for shard in range(count)]
    yield [None] * count


def _part(segments: SegmentBatch, chosen: npt.NDArray[np.bool_]) -> SegmentBatch:
    """Return some segments of a batch, with a buffer of their own."""
    part = copy.copy(segments)
    part.records = copy.copy(segments.records)
    part.records.data = segments.records.data.copy()
    part.rows = segments.rows.take(np.flatnonzero(chosen))
    return part
