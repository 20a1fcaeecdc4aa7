"""Joined: the inside stages of shards, put together as one process would have it.

Takes what every shard handed on and noted of a batch of the capture (inside.shard). Numbers calls
and labels in the order of the capture, brings what was over into that order, and decides who
published and who got it (inside.fanout). Knows notes; must not know how messages look. Called by
shards, in the process that makes tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer import findings
from analyzer.findings import Finding
from analyzer.inside._noted import PART_COLUMNS, Retaken
from analyzer.inside._open_calls import DONE_COLUMNS
from analyzer.inside.calls import DoneCall, PlainCalls
from analyzer.inside.crossing import TopicKey
from analyzer.inside.fanout import Deliveries, Spreading, Topic
from analyzer.inside.labels import Codes, Labels
from analyzer.inside.noted import HASHING, Keys, Noted
from analyzer.inside.stage import InsideBatch
from analyzer.lazy_dataclass import dataclass
from analyzer.options import Options

_KEY, _KIND, _MEMBER, _CONNECTION, _SINCE, _TOPIC, _BODY, _SIZE, _MESSAGE, _TIME, _ENDING = range(
    len(PART_COLUMNS)
)
_SEQUENCE, _DONE_CONNECTION, _LABEL, _NUMBER = (
    DONE_COLUMNS.index(name) for name in ("sequence", "connection", "label", "number")
)
_LAST = 2**62
"""Rank of what ends with no connection: a session of plain HTTP, when the capture ends."""

Numbers = npt.NDArray[np.int64]


class _Body:
    """The body of an item, of which only hash and length were noted."""

    __slots__ = ("_hash", "_size")

    def __init__(self, mark: int, size: int) -> None:
        self._hash = mark
        self._size = size

    def __hash__(self) -> int:
        return self._hash

    def __len__(self) -> int:
        return self._size


class Renumbered:
    """Numbers of the whole run by those of one shard, as long as they are needed."""

    _BLOCK = 4096

    def __init__(self) -> None:
        self._numbers: dict[int, Numbers] = {}
        self._left: dict[int, int] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return how many there is room for: those of whole blocks were forgotten."""
        return len(self._numbers) * self._BLOCK

    def add(self, numbers: Numbers) -> None:
        """Take the numbers of what the shard numbered next."""
        at = 0
        while at < len(numbers):
            block, place = divmod(self._count, self._BLOCK)
            if block not in self._numbers:
                self._numbers[block] = np.zeros(self._BLOCK, np.int64)
                self._left[block] = self._BLOCK
            some = numbers[at : at + self._BLOCK - place]
            self._numbers[block][place : place + len(some)] = some
            self._count += len(some)
            at += len(some)

    def take(self, local: Numbers) -> Numbers:
        """Return the numbers of some, each of which is asked for once."""
        out = np.zeros(len(local), np.int64)
        blocks, places = local // self._BLOCK, local % self._BLOCK
        for block in np.flatnonzero(np.bincount(blocks - blocks.min(initial=0))).tolist():
            number = block + int(blocks.min())
            chosen = blocks == number
            out[chosen] = self._numbers[number][places[chosen]]
            self._left[number] -= int(chosen.sum())
            if not self._left[number]:
                del self._numbers[number], self._left[number]
        return out


@dataclass(slots=True)
class JoinedBatch:
    """What the inside stage of one process hands on besides rows of messages.

    Attributes:
        calls, plain_calls, deliveries, inner, findings: as in InsideBatch.
        codes: label of each message row of each shard.
        ready: order of the rows that waited, as indices into those of all shards, the rows of
            each shard that waited one after the other.
    """

    calls: list[DoneCall]
    plain_calls: PlainCalls
    deliveries: Deliveries
    inner: dict[int, str | None]
    findings: list[Finding]
    codes: list[Codes]
    ready: npt.NDArray[np.intp]


class Joined:
    """What all shards know together.

    Args:
        options: limits.
        shards: how many.

    Attributes:
        labels: of the run.
        renumbered: calls of each shard.
    """

    def __init__(self, options: Options, shards: int) -> None:
        self.labels = Labels(options.max_inside_names)
        self.renumbered = [Renumbered() for _ in range(shards)]
        self._spreading = Spreading(options)
        self._retaken = Retaken(self._spreading)
        self._codes = [np.zeros(1, np.int32) for _ in range(shards)]
        self._sequences = [0] * shards
        self._sequence = self._number = 0
        self._told = False

    def push(
        self,
        batches: Sequence[InsideBatch],
        noted: Sequence[Noted],
        connections: Sequence[Numbers],
        ended: Sequence[int],
    ) -> JoinedBatch:
        """Put together what the shards handed on of one batch of the capture.

        Args:
            batches: of each shard.
            noted: notes of each.
            connections: for each, numbers in the run by its own numbers of connections.
            ended: connections that end with the batch, by their numbers in the run, in the order
                in which one process has them.

        Raises:
            ValueError: a shard hashes in another way (noted.HASHING).
        """
        if any(each.hashing != HASHING for each in noted):
            raise ValueError(
                "processes hash bodies differently: start them with one PYTHONHASHSEED"
            )
        ranks = _Ranks(connections, ended)
        self._name(noted, ranks)
        self._number_calls(noted, ranks)
        calls, plain = self._calls(batches, noted, connections, ranks)
        deliveries = self._spread(noted, connections, ranks)
        inner = {
            int(connections[shard][number]): name
            for shard, batch in enumerate(batches)
            for number, name in batch.inner.items()
        }
        codes = [self._codes[at][each.says.codes] for at, each in enumerate(batches)]
        ready = ranks.order([each.ready for each in noted])
        return JoinedBatch(calls, plain, deliveries, inner, self._limits(), codes, ready)

    def finish(self) -> list[Topic]:
        """Return all topics: the capture has ended."""
        return self._spreading.finish()

    def _limits(self) -> list[Finding]:
        name = self._spreading.limited
        if not name or self._told:
            return []
        self._told = True
        return [Finding(findings.INSIDE_LIMIT, -1, 0, -1, name)]

    def _name(self, noted: Sequence[Noted], ranks: _Ranks) -> None:
        """Number the labels that are new."""
        labels = [label for each in noted for label in each.labels]
        numbers = np.zeros(len(labels), np.int32)
        for place in ranks.order([each.named for each in noted]).tolist():
            # A shard has asked already whether there is room.
            numbers[place] = self.labels.number(labels[place], force=True)
        begin = 0
        for shard, each in enumerate(noted):
            end = begin + len(each.labels)
            if end > begin:
                self._codes[shard] = np.concatenate([self._codes[shard], numbers[begin:end]])
            begin = end

    # --- calls

    def _number_calls(self, noted: Sequence[Noted], ranks: _Ranks) -> None:
        asked = [each.asked for each in noted]
        numbers = self._placed(ranks.order(asked)) + self._number
        self._number += len(numbers)
        begin = 0
        for renumbered, some in zip(self.renumbered, asked, strict=True):
            renumbered.add(numbers[begin : begin + len(some)])
            begin += len(some)

    @staticmethod
    def _placed(order: npt.NDArray[np.intp]) -> Numbers:
        """Return the place of each in an order."""
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        return places

    def _calls(
        self,
        batches: Sequence[InsideBatch],
        noted: Sequence[Noted],
        connections: Sequence[Numbers],
        ranks: _Ranks,
    ) -> tuple[list[DoneCall], PlainCalls]:
        """Return the calls that are over, with their numbers, in order."""
        over = [each.over for each in noted]
        places = self._placed(ranks.order(over)) + self._sequence + 1
        calls: list[tuple[int, DoneCall]] = []
        rows: list[Numbers] = []
        begin = 0
        for shard, batch in enumerate(batches):
            # Numbers of the shard's sequence go on from batch to batch, from 1.
            first = self._sequences[shard] + 1
            mine = places[begin : begin + len(over[shard])]
            begin += len(mine)
            self._sequences[shard] += len(mine)
            plain = batch.plain_calls
            if plain is None:
                continue
            rows.append(self._plain(shard, plain.rows, mine, first, connections[shard]))
            sequences = mine[plain.others - first].tolist()
            numbers = np.array([each.call.number for each in batch.calls], np.int64)
            taken = self.renumbered[shard].take(numbers).tolist()
            for done, sequence, number in zip(batch.calls, sequences, taken, strict=True):
                done.call.number = number
                calls.append((sequence, _moved(done, connections[shard])))
        self._sequence += len(places)
        calls.sort(key=lambda each: each[0])
        others = np.array([sequence for sequence, _ in calls], np.int64)
        joined = np.concatenate([np.zeros((0, len(DONE_COLUMNS)), np.int64), *rows])
        joined = joined.take(np.argsort(joined[:, _SEQUENCE], kind="stable"), axis=0)
        return [call for _, call in calls], PlainCalls(joined, others, self.labels)

    def _plain(
        self, shard: int, rows: Numbers, places: Numbers, first: int, connections: Numbers
    ) -> Numbers:
        """Return the calls of the quick way with numbers of the run."""
        rows = rows.copy()
        if len(rows):
            rows[:, _SEQUENCE] = places[rows[:, _SEQUENCE] - first]
            rows[:, _DONE_CONNECTION] = connections[rows[:, _DONE_CONNECTION]]
            rows[:, _LABEL] = self._codes[shard][rows[:, _LABEL]]
            rows[:, _NUMBER] = self.renumbered[shard].take(rows[:, _NUMBER])
        return rows

    # --- topics

    def _spread(
        self, noted: Sequence[Noted], connections: Sequence[Numbers], ranks: _Ranks
    ) -> Deliveries:
        """Take the items' parts in topics in order; return the deliveries that were matched."""
        topics: list[TopicKey] = []
        parts: list[Numbers] = []
        for shard, each in enumerate(noted):
            rows = each.parts.copy()
            rows[:, _TOPIC] += len(topics)
            topics += each.topics
            for column in (_MEMBER, _CONNECTION):
                local = rows[:, column]
                known = local >= 0
                # Sessions over plain HTTP have numbers below -1: only who is who counts.
                local[known] = connections[shard][local[known]]
                if column == _MEMBER:
                    local[~known] = local[~known] * len(noted) - shard
            parts.append(rows)
        order = ranks.order([rows[:, (_KEY, _ENDING)] for rows in parts])
        self._take(np.concatenate(parts).take(order, axis=0), topics)
        return self._spreading.take_deliveries()

    def _take(self, rows: Numbers, topics: list[TopicKey]) -> None:
        marks = np.array([hash(each) for each in topics], np.int64)
        at, count = 0, len(rows)
        while at < count:
            at = self._retaken.run(at, rows, topics, marks)
            if at < count:
                self._take_one(rows[at].tolist(), topics)
                at += 1

    def _take_one(self, row: list[int], topics: list[TopicKey]) -> None:
        server, inner, topic = topics[row[_TOPIC]]
        where = server, inner, row[_MEMBER], row[_SINCE]
        stands = row[_CONNECTION], row[_MESSAGE]
        body: Any = _Body(row[_BODY], row[_SIZE]) if row[_SIZE] >= 0 else None
        self._spreading.take(row[_KIND], where, stands, topic, body, row[_TIME])


class _Ranks:
    """The order of keys of several shards.

    Args:
        connections, ended: as of Joined.push.
    """

    def __init__(self, connections: Sequence[Numbers], ended: Sequence[int]) -> None:
        self._connections = connections
        self._ranks = {number: rank for rank, number in enumerate(ended)}

    def order(self, keys: Sequence[Keys]) -> npt.NDArray[np.intp]:
        """Return the order of the shards' keys, one shard after the other."""
        joined = np.concatenate([each[:, 0] for each in keys])
        late = [np.flatnonzero(each[:, 0] & 1) for each in keys]
        if not any(map(len, late)):
            return np.argsort(joined, kind="stable")
        ranks = np.zeros(len(joined), np.int64)
        begin = 0
        for shard, (each, places) in enumerate(zip(keys, late, strict=True)):
            for place in places.tolist():
                ending = int(each[place, 1])
                number = int(self._connections[shard][ending]) if ending >= 0 else -1
                ranks[begin + place] = self._ranks.get(number, _LAST)
            begin += len(each)
        return np.lexsort((ranks, joined))


def _moved(done: DoneCall, connections: Numbers) -> DoneCall:
    if done.connection < 0:
        return done
    return done._replace(connection=int(connections[done.connection]))
