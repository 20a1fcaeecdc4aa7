"""The run loop of a live analysis: packets as they come, until someone ends it.

    source.read -> keep (packet files) -> pipeline.push -> observers' tick

Knows time and signals. Must not know interfaces or reports. Called by cli.live. A file
that is given to it yields what pipeline.run makes of it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from analyzer.capture.live import LiveSource
from analyzer.capture.records import RecordBatch
from analyzer.capture.stats import CaptureStats
from analyzer.options import Options
from analyzer.pipeline import Pipeline
from analyzer.report.output import Writer
from analyzer.tables.schema import TableRows
from analyzer.tables.summary import Summary

TICK_S = 0.1
"""Observers are called at least so often."""


class Observer(Protocol):
    """A writer (report.output.Writer) that is also told that time passes."""

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """Look at the clock: called after each batch, and each TICK_S without packets.

        Args:
            now_ns: ns since 1970-01-01 UTC.
            stats: counters of the source.
        """

    def write(self, rows: TableRows) -> None:
        """Take some complete rows of one table (Writer)."""

    def close(self) -> None:
        """Finish (Writer)."""

    def abort(self) -> None:
        """Undo (Writer)."""


class Keeper(Protocol):
    """What keeps packets in files (capture.keep)."""

    def keep(self, batch: RecordBatch) -> None:
        """Write the packets of a batch; what cannot be written becomes a finding of it."""

    def close(self) -> None:
        """Finish the last file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """When to end by itself.

    Attributes:
        seconds: after so long; None: never.
        packets: after so many; None: never.
    """

    seconds: float | None = None
    packets: int | None = None


class Stop:
    """Whether someone asked for the end.

    The first signal asks for it; a second interrupt ends at once, by KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Take the signal."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def signals() -> Iterator[Stop]:
    """Turn Ctrl-C and SIGTERM into a wish to end, while the body runs."""
    stop = Stop()
    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def run(
    source: LiveSource,
    options: Options,
    writers: Sequence[Writer] = (),
    observers: Sequence[Observer] = (),
    *,
    until: Until | None = None,
    stop: Stop | None = None,
    keeper: Keeper | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Summary:
    """Analyse what `source` gives until it ends, `until` holds, or `stop` is asked for.

    Args:
        source: closed when all is done.
        options: limits and switches.
        writers: take the rows as they are complete.
        observers: writers that are also called as time passes.
        until: when to end by itself.
        stop: how others ask for the end.
        keeper: keeps the packets.
        clock: seconds, for tests.

    Returns:
        What the terminal report shows, the same as of a file.

    Raises:
        ReportError: A writer cannot go on.
        KeyboardInterrupt: Asked for the end twice.
    """
    everyone = [*writers, *observers]
    try:
        pipeline = Pipeline(options, everyone)
        loop = _Loop(source, pipeline, observers, keeper, until or Until(), stop or Stop(), clock)
        try:
            loop.run(options.live_pace_s)
        finally:
            if keeper is not None:
                keeper.close()
            source.close()
        summary = pipeline.finish()
        summary.capture.files = list(source.names)
        for writer in everyone:
            writer.close()
    except BaseException:
        for writer in everyone:
            writer.abort()
        raise
    return summary


class _Loop:
    def __init__(
        self,
        source: LiveSource,
        pipeline: Pipeline,
        observers: Sequence[Observer],
        keeper: Keeper | None,
        until: Until,
        stop: Stop,
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._pipeline = pipeline
        self._observers = observers
        self._keeper = keeper
        self._until = until
        self._stop = stop
        self._clock = clock
        self._packets = 0
        self._fresh = False  # packets came since the last tick
        self._ticked = clock()
        self._end = None if until.seconds is None else self._ticked + until.seconds

    def run(self, pace_s: float) -> None:
        """Read until the source has no more."""
        stopping = False
        while True:
            if not stopping and self._over():
                self._source.stop()
                stopping = True
            begin = self._clock()
            batch = self._source.read(self._timeout(begin))
            if batch is None:
                return
            self._take(batch)
            now = self._clock()
            if len(batch.rows) or now - self._ticked >= TICK_S:
                self._tick(now)
            if self._reached():
                return
            if len(batch.rows) and not self._source.more and not stopping:
                # Few packets: the next ones wait a little for each other.
                self._pause(pace_s - (self._clock() - begin))

    def _over(self) -> bool:
        late = self._end is not None and self._clock() >= self._end
        return late or self._stop.asked

    def _reached(self) -> bool:
        return self._until.packets is not None and self._packets >= self._until.packets

    def _timeout(self, now: float) -> float:
        until = self._ticked + TICK_S
        if self._end is not None:
            until = min(until, self._end)
        return max(0.0, until - now)

    def _pause(self, seconds: float) -> None:
        if seconds > 0 and not self._over():
            time.sleep(seconds)

    def _take(self, batch: RecordBatch) -> None:
        most = self._until.packets
        if most is not None:
            batch.rows = batch.rows[: max(0, most - self._packets)]
        self._packets += len(batch.rows)
        if not len(batch.rows) and not batch.findings:
            return
        if self._keeper is not None:
            # Before the analysis, which unmasks in place.
            self._keeper.keep(batch)
        self._pipeline.push(batch)
        self._fresh = True

    def _tick(self, now: float) -> None:
        self._ticked = now
        stats = self._source.stats()
        if not self._fresh:
            self._pipeline.tick()
        self._fresh = False
        for observer in self._observers:
            observer.tick(time.time_ns(), stats)
