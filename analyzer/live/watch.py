"""The observers of a live run: what was asked for on the command line, made into observers.

Knows the observers and the terminal. Must not know captures. Called by the verb `live` after
rights are given up: threads that are started here must have none, and files belong to who writes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from analyzer.errors import OptionError
from analyzer.lazy_dataclass import dataclass
from analyzer.live.stop import Stop, WaitedFor
from analyzer.options import DEFAULT, Options
from analyzer.report.observer import Observer

MAX_IDLE_S = 3600.0
"""Options.max_idle_s of a live run."""
LINGER_S = 2.0
"""Options.closed_linger_s of a live run: an observer waits for it; segments are sent again
within a second."""
MAX_FAILED_CONNECTS = 8192
"""Options.max_failed_connects of a live run: a kB each."""

MAX_COMPARED_CONNECTIONS = 512
"""Options.max_compared_connections of a live run: its end may be weeks away, and a block of
more takes tens of MB while rows are made of it."""
MAX_SAMPLES = 32_768
"""Options.max_samples of a live run: enough for a 95th percentile, a quarter of a MB each."""
MAX_DIAGNOSED_CONNECTIONS = 8192
"""Options.max_diagnosed_connections of a live run: 3 kB each, and rules look at all of them every
10 s. What ended long ago is no news."""
MAX_SESSION_CONNECTIONS = 2048
"""Options.max_session_connections of a live run: 3 kB each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRequest:
    """What is asked for.

    Attributes:
        source: what is watched, for the screen: the name of an interface or a file.
        screen: show the live view where standard output is a terminal.
        events: kinds, such as "messages,closes"; "" for the usual ones; None: no events,
            but where the screen was wanted and there is no terminal for it.
        events_stream: where events go; None: standard output.
        metrics: ADDRESS:PORT to serve metrics at.
        metrics_labels: of "host,path".
        max_metric_labels: combinations of these.
        csv, parquet: folders of rotating reports, if rotate or rotate_size is given.
        rotate: a new part after this time, such as 1h.
        rotate_size: a new part at this size, such as 100MB.
        rotate_keep: parts that stay; 0: all.
        interval_s: of the short polling that the screen models.
        keep: what of all parts stays, such as 10GB or 7d.
        exec: a command that is run for events.
        exec_events: kinds of these.
        hides_payload: events say nothing of what messages hold.
    """

    source: str = ""
    screen: bool = False
    events: str | None = None
    events_stream: IO[bytes] | None = None
    metrics: str | None = None
    metrics_labels: str = ""
    max_metric_labels: int = 100
    csv: str | Path | None = None
    parquet: str | Path | None = None
    rotate: str | None = None
    rotate_size: str | None = None
    rotate_keep: int = 0
    interval_s: float = 1.0
    hides_payload: bool = False
    keep: Sequence[str] = ()
    exec: str | None = None
    exec_events: str = "findings,diagnoses"

    @property
    def has_screen(self) -> bool:
        """Whether there is a live view: wanted, and a terminal for it."""
        if not self.screen or self.events is not None or not sys.stdout.isatty():
            return False
        from analyzer.report.layout import make_console
        from analyzer.report.live_view import can_show

        return can_show(make_console(sys.stdout))

    @property
    def streams_events(self) -> bool:
        """Whether events take standard output: nothing else may be written there."""
        wanted = self.events is not None or (self.screen and not self.has_screen)
        return wanted and self.events_stream is None

    @property
    def rotates(self) -> bool:
        """Whether CSV and Parquet come in parts, from here and not from the verb."""
        return self.rotate is not None or self.rotate_size is not None


def modules(request: WatchRequest) -> list[str]:
    """Return the modules that it takes, libraries among them.

    Whoever gives up rights imports them before: the user that it becomes may not be able to
    read them.
    """
    wanted: dict[str, bool] = {
        "analyzer.report.metrics": request.metrics is not None,
        "prometheus_client": request.metrics is not None,
        "analyzer.report.rotation": request.rotates,
        "analyzer.report.live_view": request.has_screen,
        # report.keys imports them when the screen begins.
        "termios": request.has_screen,
        "tty": request.has_screen,
        "analyzer.report.event_lines": not request.has_screen,
    }
    # What is not installed is said when it is used.
    return [name for name, is_wanted in wanted.items() if is_wanted and find_spec(name)]


def live_options(options: Options) -> Options:
    """Return options with the limits of a run without end, where they were left alone."""
    usual = Options()
    limits = {
        "max_idle_s": MAX_IDLE_S,
        "closed_linger_s": LINGER_S,
        "max_failed_connects": MAX_FAILED_CONNECTS,
        "max_compared_connections": MAX_COMPARED_CONNECTIONS,
        "max_samples": MAX_SAMPLES,
        "max_diagnosed_connections": MAX_DIAGNOSED_CONNECTIONS,
        "max_session_connections": MAX_SESSION_CONNECTIONS,
    }
    changes = {
        name: value
        for name, value in limits.items()
        if getattr(options, name) == getattr(usual, name)
    }
    return replace(options, **changes)  # type: ignore[arg-type]


def build_observers(
    request: WatchRequest, options: Options = DEFAULT, stop: Stop | None = None
) -> list[Observer]:
    """Return the observers that are asked for; each has checked that it can work.

    Args:
        request: what is asked for.
        options: of the run: limits of the screen, and whether it may show payload.
        stop: tells how long a reader of events is waited for.

    Raises:
        OptionError: An option makes no sense.
        ReportError: A port is taken, or a folder cannot be written.
    """
    made: list[Observer] = []
    try:
        _build(request, options, made, stop or Stop())
    except BaseException:
        for observer in made:
            observer.abort()
        raise
    return made


def _build(request: WatchRequest, options: Options, made: list[Observer], stop: Stop) -> None:
    if request.metrics is not None:
        from analyzer.report.metrics import MetricsServer, address_of, labels_of

        labels = labels_of(request.metrics_labels)
        made.append(MetricsServer(address_of(request.metrics), labels, request.max_metric_labels))
    elif request.metrics_labels:
        raise OptionError("--metrics-labels needs --metrics")
    made += _reports(request)
    if request.exec is not None:
        from analyzer.live.hooks import Commands
        from analyzer.report.event_lines import CommandEvents, kinds

        commands = Commands(request.exec, _say)
        made.append(CommandEvents(commands, kinds(request.exec_events)))
    if request.has_screen:
        from analyzer.report.live_view import LiveView

        made.append(LiveView(sys.stdout, request.source, request.interval_s, options))
    elif request.events is not None or request.screen:
        from analyzer.report.event_lines import EventWriter, kinds
        from analyzer.report.hiding import HidingObserver

        stream: Any = request.events_stream or sys.stdout.buffer
        events = EventWriter(WaitedFor(stream, stop), kinds(request.events or ""))
        made.append(HidingObserver(events) if request.hides_payload else events)


def _say(text: str) -> None:
    print(f"wsanalyze: {text}", file=sys.stderr)


def _reports(request: WatchRequest) -> list[Observer]:
    """Return rotating reports; without --rotate the verb's own writers write one part."""
    if not request.rotates:
        if request.keep:
            raise OptionError("--keep needs --rotate or --rotate-size")
        return []
    if request.csv is None and request.parquet is None:
        raise OptionError("--rotate and --rotate-size need --csv or --parquet")
    from analyzer.report.rotation import RotatingWriter, bytes_of, keep_of, seconds_of

    every = 0.0 if request.rotate is None else seconds_of(request.rotate)
    most = 0 if request.rotate_size is None else bytes_of(request.rotate_size)
    limits = keep_of(request.keep)
    out: list[Observer] = []
    if request.csv is not None:
        from analyzer.report.csv import LastingCsvWriter

        folder = Path(request.csv)
        out.append(
            RotatingWriter(
                folder,
                LastingCsvWriter,
                every_s=every,
                max_bytes=most,
                keep=request.rotate_keep,
                limits=limits,
                kind="csv",
            )
        )
    if request.parquet is not None:
        from analyzer.report.parquet import LastingParquetWriter

        folder = Path(request.parquet)
        out.append(
            RotatingWriter(
                folder,
                LastingParquetWriter,
                every_s=every,
                max_bytes=most,
                keep=request.rotate_keep,
                limits=limits,
                kind="parquet",
            )
        )
    return out
