"""Noted: what a shard notes across connections, in place of deciding it.

Topics, numbers of calls and of labels, and the order in which rows stop waiting, depend on all
connections. Where each process reads its share, these classes stand in for those that decide; a
batch's notes go to inside.joined. Knows what the inside stage shares. Used by inside.shard.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.inside._noted import Notes
from analyzer.inside.calls import Numbers
from analyzer.inside.crossing import Server, TopicKey
from analyzer.inside.fanout import Deliveries, Spreading
from analyzer.inside.item import DELIVER_MAYBE, PUBLISH_MAYBE
from analyzer.inside.labels import Label, Labels
from analyzer.inside.talk import Shared
from analyzer.inside.waiting import WaitingRows
from analyzer.options import Options

Keys = npt.NDArray[np.int64]
"""(count, 2): key, as Notes has it, and number of the connection that ends; -1 without one."""

HASHING: Final = hash(b"wsanalyze")
"""Equal in processes whose hashes can be compared: those that were forked, or were started with one
PYTHONHASHSEED. That is to be random, so that no traffic can make bodies collide."""


class Noted(NamedTuple):
    """The notes of one batch of a shard. Numbers of connections are the shard's.

    Attributes:
        parts: int64 by inside._noted.PART_COLUMNS, in order.
        topics: server, inner protocol and topic, by index.
        asked: of each call that got a number, in order of the shard's numbers.
        over: of each call that was over, in order of the shard's sequence.
        labels: new ones, in order of the shard's numbers; named: of each.
        ready: of each message row that waited, the first of the batch's rows.
        hashing: HASHING of the process.
    """

    parts: npt.NDArray[np.int64]
    topics: list[TopicKey]
    asked: Keys
    over: Keys
    labels: list[Label]
    named: Keys
    ready: Keys
    hashing: int


class NotingSpreading(Spreading):
    """Notes what items are to topics.

    Attributes:
        notes: takes it.
        batch: number of the batch: indices of topics are good for one.
    """

    def __init__(self, options: Options, notes: Notes) -> None:
        super().__init__(options)
        self.notes = notes
        self.batch = 0
        self._indices: dict[TopicKey, int] = {}

    def index(self, key: TopicKey) -> int:
        """Return the index of a topic in the batch's list."""
        return self._indices.setdefault(key, len(self._indices))

    def take(
        self,
        spread: int,
        where: tuple[Server, str, int, int],
        stands: tuple[int, int],
        topic: str | None,
        body: bytes | None,
        time: int,
    ) -> None:
        """Note an item's part in a topic; arguments as of Spreading.take."""
        if topic is None or (body is None and spread in (PUBLISH_MAYBE, DELIVER_MAYBE)):
            return
        server, inner, member, since = where
        connection, message = stands
        index = self.index((server, inner, topic))
        marked = (0, -1) if body is None else (hash(body), len(body))
        self.notes.part(spread, (member, connection, since), index, marked, message, time)

    def take_deliveries(self) -> Deliveries:
        """Return none: nothing is matched here."""
        return Deliveries([], np.zeros((0, 6), np.int64))

    def take_topics(self) -> list[TopicKey]:
        """Return the topics of a batch by index, and begin the next."""
        topics, self._indices = list(self._indices), {}
        self.batch += 1
        return topics


class NotingNumbers(Numbers):
    """Numbers the calls of a shard."""

    def __init__(self, notes: Notes) -> None:
        super().__init__()
        self._notes = notes

    def take(self) -> int:
        """Return the next number."""
        self._notes.ask()
        return super().take()


class NotingLabels(Labels):
    """Numbers the labels of a shard."""

    def __init__(self, most: int, notes: Notes) -> None:
        super().__init__(most)
        self._notes = notes
        self._named: list[tuple[int, int]] = []

    def number(self, label: Label, *, force: bool = False) -> int:
        """Return a label's number, as Labels does; note when it is a new one."""
        before = len(self.known)
        number = super().number(label, force=force)
        if len(self.known) > before:
            self._named.append(self._notes.key())
        return number

    def take_new(self) -> tuple[list[Label], Keys]:
        """Return those that are new since the last call, and their keys."""
        named, self._named = self._named, []
        return self.known[len(self.known) - len(named) :], _keys(named)


class NotingRows(WaitingRows):
    """The rows of a shard that wait."""

    def __init__(self, notes: Notes) -> None:
        super().__init__()
        self._notes = notes
        self._decided: list[tuple[int, int]] = []

    def decide(self, slot: int) -> None:
        """Let them leave, and note when."""
        before = len(self._ready)
        super().decide(slot)
        self._decided += [self._notes.key()] * (len(self._ready) - before)

    def take_keys(self) -> Keys:
        """Return the keys of the rows that left with a batch, once."""
        decided, self._decided = self._decided, []
        return _keys(decided)


class NotingShared(Shared):
    """What all talks of a shard have in common."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.notes = Notes()
        self.noting_labels = NotingLabels(options.max_inside_names, self.notes)
        self.labels = self.noting_labels
        self.numbers = NotingNumbers(self.notes)
        self.noting_spreading = NotingSpreading(options, self.notes)
        self.spreading = self.noting_spreading

    def take(self, rows: NotingRows) -> Noted:
        """Return the notes of a batch."""
        parts, asked, over = self.notes.take()
        topics = self.noting_spreading.take_topics()
        labels, named = self.noting_labels.take_new()
        return Noted(parts, topics, asked, over, labels, named, rows.take_keys(), HASHING)


def _keys(values: list[tuple[int, int]]) -> Keys:
    return np.array(values, np.int64).reshape(-1, 2)


assert NULL < -1  # of numbers of connections, -1 is none
