"""The run loop of a live analysis: packets as they come, until someone ends it.

    source.read -> keep (packet files) -> pipeline.push -> observers' tick

Knows time, and the wish to end. Must not know interfaces or reports. Called by cli.live. A file
that is given to it yields what pipeline.run makes of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from analyzer.capture.live import LiveSource
from analyzer.capture.records import RecordBatch
from analyzer.capture.stats import CaptureStats
from analyzer.findings import CAPTURE_NOT_READ, Finding
from analyzer.lazy_dataclass import dataclass
from analyzer.live.guard import Guarded, first_failure, guarded
from analyzer.live.stop import Hurried, Stop
from analyzer.options import Options
from analyzer.pipeline import Pipeline
from analyzer.report.output import Writer
from analyzer.tables.chosen import Decide
from analyzer.tables.running import Snapshot
from analyzer.tables.schema import TableRows
from analyzer.tables.summary import Summary

TICK_S = 0.1
"""Observers are called at least so often."""
_SHARE = 0.08
"""Of a processor: where batches that come at Options.live_pace_s take more, they come less often.
A batch of few packets costs as much as one of twice as many."""
_LONGEST_PACE_S = 0.08
"""With a block of the ring (live_block_ms) and news_wait_s, an event is out within 0.2 s."""


class Observer(Protocol):
    """A writer (report.output.Writer) that is also called as time passes."""

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


class Seeks(Writer, Protocol):
    """Looks for something in rows (tables.conditions)."""

    def reasons(self) -> list[str]:
        """Return what was found, one sentence each."""


class UntilFound:
    """Asks for the end when something is found (report.observer.Observer).

    Diagnoses are rows only when the run ends: until then they are news.

    Args:
        seeks: looks for it.
        stop: how to ask.
    """

    def __init__(self, seeks: Seeks, stop: Stop) -> None:
        self._seeks = seeks
        self._stop = stop

    def attach(self, snapshot: Callable[[], Snapshot]) -> None:
        """Do nothing (Observer)."""

    def news(self, rows: TableRows) -> None:
        """Look at early rows (Observer)."""
        if rows.table.name == "diagnoses":
            self.write(rows)

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """Do nothing (Observer)."""

    def write(self, rows: TableRows) -> None:
        """Look at rows (Writer)."""
        self._seeks.write(rows)
        if rows.table.name in ("findings", "diagnoses") and self._seeks.reasons():
            self._stop.asked = True

    def close(self) -> None:
        """Do nothing (Writer)."""

    def abort(self) -> None:
        """Do nothing (Writer)."""


@dataclass(slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        summary: what the terminal report shows, of all that was seen.
        failure: what ended it before its time; None: nothing did.
        hurried: the end was asked for twice: there is no comparison with other transports.
        left_out: there is none because the time after SIGTERM was over.
    """

    summary: Summary
    failure: Exception | None = None
    hurried: bool = False
    left_out: bool = False


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
    """Analyse as `outcome_of` does; return the summary.

    Raises:
        Exception: What ended the run before its time, when all that was seen is written.
        KeyboardInterrupt: Asked for the end twice.
    """
    outcome = outcome_of(
        source, options, writers, observers, until=until, stop=stop, keeper=keeper, clock=clock
    )
    if outcome.failure is not None:
        raise outcome.failure
    if outcome.hurried:
        raise KeyboardInterrupt
    return outcome.summary


def outcome_of(
    source: LiveSource,
    options: Options,
    writers: Sequence[Writer] = (),
    observers: Sequence[Observer] = (),
    *,
    until: Until | None = None,
    stop: Stop | None = None,
    keeper: Keeper | None = None,
    ending: Callable[[], None] | None = None,
    decide: Decide | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Analyse what `source` gives until it ends, `until` holds, or `stop` is asked for.

    Whatever ends it, writers are closed with the rows that were complete. After a fault of one
    writer all others get the rows of a run that ended well; after a fault of a stage, those up
    to it, and of what was open those that the stages can still make.

    Args:
        source: closed when all is done.
        options: limits and switches.
        writers: take the rows as they are complete.
        observers: writers that are also called as time passes.
        until: when to end by itself.
        stop: how others ask for the end.
        keeper: keeps the packets.
        ending: called when no packet is read any more: observers hear nothing of time from then on.
        decide: says which connections are wanted, when they open; None: all.
        clock: seconds, for tests.

    Returns:
        The summary, and what went wrong.

    Raises:
        WsanalyzeError: It cannot begin; writers were aborted.
    """
    guards = guarded([*writers, *observers])
    pipeline = _begun(options, guards, source, decide)
    stop = stop or Stop()
    outcome = Outcome(pipeline.summary)
    loop = _Loop(source, pipeline, guards, keeper, until or Until(), stop, clock)
    try:
        _read(loop, options.live_pace_s, ending)
        outcome.left_out = not _finish(pipeline, stop) and not stop.hurried
    except (KeyboardInterrupt, Hurried):
        outcome.hurried = True
    except Exception as error:
        outcome.failure = error
        if loop.broken:
            pipeline.salvage()
        else:
            # The source failed, not the stages: they can say what is open.
            _settle(pipeline, outcome)
    finally:
        _close(source, keeper, guards, outcome)
    outcome.summary.capture.files = list(source.names)
    outcome.hurried = outcome.hurried or stop.hurried
    outcome.failure = outcome.failure or first_failure(guards)
    return outcome


def _begun(
    options: Options, guards: Sequence[Guarded], source: LiveSource, decide: Decide | None
) -> Pipeline:
    try:
        return Pipeline(options, guards, decide=decide)
    except BaseException:
        for each in guards:
            each.abort()
        source.close()
        raise


def _read(loop: _Loop, pace_s: float, ending: Callable[[], None] | None) -> None:
    try:
        loop.run(pace_s)
    finally:
        if ending is not None:
            ending()


def _finish(pipeline: Pipeline, stop: Stop) -> bool:
    """Give the rows of what is open; of the comparison, unless the end is hurried.

    Returns:
        Whether the comparison is there.
    """
    pipeline.settle()
    made: list[TableRows] | None = None
    if not stop.hurried and not stop.over:
        try:
            stop.optional = True
            made = pipeline.compared()
        except Hurried:
            made = None
        finally:
            stop.optional = False
    pipeline.deliver(made or [])
    pipeline.diagnose()
    return made is not None


def _settle(pipeline: Pipeline, outcome: Outcome) -> None:
    try:
        _finish(pipeline, Stop())
    except Exception as error:
        outcome.failure = outcome.failure or error


def _close(
    source: LiveSource, keeper: Keeper | None, guards: Sequence[Guarded], outcome: Outcome
) -> None:
    """Close all, each whatever becomes of the others."""
    actions = [*([] if keeper is None else [keeper.close]), source.close]
    actions += [each.close for each in guards]
    for action in actions:
        try:
            action()
        except Exception as error:
            outcome.failure = outcome.failure or error


def _pace(least_s: float, spent_s: float) -> float:
    """Return the time from batch to batch, by what the last one took."""
    return max(least_s, min(spent_s / _SHARE, _LONGEST_PACE_S)) if least_s else 0.0


class _Loop:
    def __init__(
        self,
        source: LiveSource,
        pipeline: Pipeline,
        observers: Sequence[Guarded],
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
        self.broken = False  # a fault left the stages in the middle of a batch
        self._packets = 0
        self._fresh = False  # packets came since the last tick
        self._ticked = clock()
        self._end = None if until.seconds is None else self._ticked + until.seconds

    def run(self, pace_s: float) -> None:
        """Read until the source has no more."""
        stopping = False
        # Observers know the time before the first packets.
        self._tick(self._clock())
        while True:
            if not stopping and self._over():
                self._source.stop()
                stopping = True
            begin = self._clock()
            batch = self._source.read(self._timeout(begin))
            if batch is None:
                return
            came = self._clock()
            if self._stop.late or self._stop.hurried:
                self._leave(batch)
                return
            self._take(batch)
            now = self._clock()
            if len(batch.rows) or now - self._ticked >= TICK_S:
                self._tick(now)
            if self._reached():
                return
            if len(batch.rows) and not self._source.more and not stopping:
                # Few packets: the next ones wait a little for each other.
                now = self._clock()
                self._pause(_pace(pace_s, now - came) - (now - begin))

    def _over(self) -> bool:
        late = self._end is not None and self._clock() >= self._end
        return late or self._stop.asked or first_failure(self._observers) is not None

    def _reached(self) -> bool:
        """Return whether to end without what is there still."""
        most = self._until.packets
        return most is not None and self._packets >= most

    def _leave(self, batch: RecordBatch) -> None:
        """End without the packets that wait, and say so; they are kept where packets are."""
        stats = self._source.stats()
        left = max(stats.received - stats.dropped - self._packets, len(batch.rows))
        kept = 0
        rest: RecordBatch | None = batch
        findings: list[Finding] = []
        while rest is not None:
            if self._keeper is not None:
                self._keeper.keep(rest)
                kept += len(rest.rows)
            findings += rest.findings
            if self._keeper is None or self._stop.over or self._stop.hurried:
                break
            rest = self._source.read(0.0)
        findings += self._source.last_words()
        if left:
            detail = f"{left:,} behind packet {self._packets:,}"
            if self._keeper is not None:
                detail += f", {max(left - kept, 0):,} of them not written to a file either"
            findings.append(Finding(CAPTURE_NOT_READ, detail=detail, count=left))
        self._push(RecordBatch(findings=findings))

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
        self._push(batch)
        self._fresh = True

    def _tick(self, now: float) -> None:
        self._ticked = now
        stats = self._source.stats()
        if not self._fresh:
            self._push(None)
        self._fresh = False
        for observer in self._observers:
            observer.tick(time.time_ns(), stats)

    def _push(self, batch: RecordBatch | None) -> None:
        self.broken = True
        if batch is None:
            self._pipeline.tick()
        else:
            self._pipeline.push(batch)
        self.broken = False
