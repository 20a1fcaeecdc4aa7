"""Several interfaces as one: puts their packets in the order of their times.

Knows that each interface hands its packets over a little late. Must not know how they are
captured. Used by live where there is more than one interface.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from analyzer.capture.records import RECORD, RecordBatch
from analyzer.columns import Bytes
from analyzer.lazy_dataclass import dataclass

Numbered = tuple[int, RecordBatch]
"""A batch with the number of its interface."""


@dataclass(slots=True)
class LiveBatch(RecordBatch):
    """A batch of several interfaces.

    Attributes:
        interfaces: of each row, its index in LiveSource.names; None: all 0.
    """

    interfaces: Bytes | None = None


class Merger:
    """Holds packets back until no interface can come with an earlier one.

    Args:
        hold_ns: how late an interface may hand over a packet.
        now: ns since 1970, by the clock of the packets.
    """

    def __init__(self, hold_ns: int, now: Callable[[], int] = time.time_ns) -> None:
        self._hold_ns = hold_ns
        self._now = now
        self._held: list[Numbered] = []

    @property
    def holding(self) -> bool:
        """Whether packets are held back."""
        return bool(self._held)

    def push(self, made: Sequence[Numbered], packets: int, *, last: bool = False) -> LiveBatch:
        """Take batches; return the packets whose turn has come, in order.

        Args:
            made: what the interfaces have handed over by now.
            packets: number of the last packet before.
            last: nothing will come any more.
        """
        now = self._now()
        ready: list[Numbered] = []
        held: list[Numbered] = []
        for number, batch in (*self._held, *made):
            times = batch.rows["time"]
            # Of a clock that was set back: packets from the future do not wait.
            waits = (times > now - self._hold_ns) & (times <= now)
            if last or not waits.any():
                ready.append((number, batch))
                continue
            held.append((number, RecordBatch(batch.rows[waits], batch.data, batch.used)))
            if not waits.all():
                ready.append((number, RecordBatch(batch.rows[~waits], batch.data, batch.used)))
        self._held = held
        return merged([each for each in ready if len(each[1].rows)], packets)


def merged(made: Sequence[Numbered], packets: int) -> LiveBatch:
    """Return batches as one with a buffer of its own, in the order of time, numbered again."""
    if not made:
        return LiveBatch()
    # Of each, from its first row's bytes to its last's: some of a batch may be held back.
    spans = [_span(each) for _, each in made]
    used = sum(end - begin for begin, end in spans)
    data = np.empty(used + used // 4 + 4096, np.uint8)
    rows = np.empty(sum(len(each.rows) for _, each in made), RECORD)
    interfaces = np.empty(len(rows), np.uint8)
    to = row = 0
    for (number, each), (begin, end) in zip(made, spans, strict=True):
        data[to : to + end - begin] = each.data[begin:end]
        part = rows[row : row + len(each.rows)]
        part[:] = each.rows
        part["start"] += to - begin
        interfaces[row : row + len(part)] = number
        to, row = to + end - begin, row + len(part)
    order = np.argsort(rows["time"], kind="stable")
    rows = rows[order]
    rows["packet"] = np.arange(packets + 1, packets + 1 + len(rows))
    return LiveBatch(rows, data, used, interfaces=interfaces[order])


def _span(batch: RecordBatch) -> tuple[int, int]:
    starts = batch.rows["start"]
    return int(starts.min()), int((starts + batch.rows["captured"]).max())
