"""Writers and observers whose faults end a run without taking the others with them.

A full disk, a reader of events that went away, or a fault in one report must not cost the rows
that others have seen. Knows the protocols alone. Called by live.run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from analyzer.capture.stats import CaptureStats
from analyzer.report.observer import Observer, PayloadObserver
from analyzer.report.output import Lasting, Writer
from analyzer.tables.running import Snapshot
from analyzer.tables.schema import TableRows
from analyzer.websocket.hearing import Said

FLUSH_NS = 1_000_000_000
"""What was seen stands on the disk at the latest after this time, whatever ends the run."""


@runtime_checkable
class Ticking(Protocol):
    """A writer that is also called as time passes (live.run.Observer)."""

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """Look at the clock."""


class Guarded:
    """A writer that takes no rows after its first fault, which it keeps.

    Args:
        writer: whom it stands for.
    """

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.failure: Exception | None = None
        self._flushed = 0
        # Asked once: protocols are slow to answer.
        self._ticking = writer if isinstance(writer, Ticking) else None

    def write(self, rows: TableRows) -> None:
        """Hand rows on (Writer)."""
        self._do(lambda: self.writer.write(rows))

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """Hand time on, and let rows reach the disk."""
        ticking = self._ticking
        if ticking is not None:
            self._do(lambda: ticking.tick(now_ns, stats))
        if not self._flushed <= now_ns < self._flushed + FLUSH_NS:
            self._flushed = now_ns
            if isinstance(self.writer, Lasting):
                self._do(self.writer.flush)

    def close(self) -> None:
        """Put in place what is whole, after a fault as well."""
        before, self.failure = self.failure, None
        self._do(self.writer.close)
        self.failure = before or self.failure

    def abort(self) -> None:
        """Undo (Writer)."""
        self._do(self.writer.abort)

    def _do(self, action: Callable[[], None]) -> None:
        if self.failure is not None:
            return
        try:
            action()
        except Exception as error:
            self.failure = error


class GuardedObserver(Guarded):
    """The same of an observer (report.observer)."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(observer)
        self._observer = observer

    def attach(self, snapshot: Callable[[], Snapshot]) -> None:
        """Hand on the state of the run (Observer)."""
        self._do(lambda: self._observer.attach(snapshot))

    def news(self, rows: TableRows) -> None:
        """Hand on early rows (Observer)."""
        self._do(lambda: self._observer.news(rows))


class GuardedPayloadObserver(GuardedObserver):
    """The same of an observer that is shown payloads."""

    def __init__(self, observer: PayloadObserver) -> None:
        super().__init__(observer)
        self._listener = observer

    def heard(self, said: Said) -> None:
        """Hand on payloads (PayloadObserver)."""
        self._do(lambda: self._listener.heard(said))


def guarded(writers: Sequence[Writer]) -> list[Guarded]:
    """Return writers with their guards."""
    return [_guard(each) for each in writers]


def _guard(writer: Writer) -> Guarded:
    if isinstance(writer, PayloadObserver):
        return GuardedPayloadObserver(writer)
    return GuardedObserver(writer) if isinstance(writer, Observer) else Guarded(writer)


def first_failure(guards: Sequence[Guarded]) -> Exception | None:
    """Return the first fault; None where there is none."""
    return next((each.failure for each in guards if each.failure is not None), None)
