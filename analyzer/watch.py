"""Who watches a live run: what was asked for on the command line, made into observers.

Knows the observers and the terminal. Must not know captures. Called by the verb `live`, before
rights are given up: a port may need them, and so may nothing else here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from analyzer.errors import OptionError
from analyzer.options import Options
from analyzer.report.observer import Observer

MAX_IDLE_S = 3600.0
"""Options.max_idle_s of a live run."""
LINGER_S = 2.0
"""Options.closed_linger_s of a live run: who watches waits for it; segments are sent again
within a second."""
MAX_FAILED_CONNECTS = 8192
"""Options.max_failed_connects of a live run: a kB each."""

MAX_SAMPLES = 32_768
"""Options.max_samples of a live run: enough for a 95th percentile, a quarter of a MB each."""
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


def live_options(options: Options) -> Options:
    """Return options with the limits of a run without end, where they were left alone."""
    usual = Options()
    limits = {
        "max_idle_s": MAX_IDLE_S,
        "closed_linger_s": LINGER_S,
        "max_failed_connects": MAX_FAILED_CONNECTS,
        "max_samples": MAX_SAMPLES,
        "max_session_connections": MAX_SESSION_CONNECTIONS,
    }
    changes = {
        name: value
        for name, value in limits.items()
        if getattr(options, name) == getattr(usual, name)
    }
    return replace(options, **changes)  # type: ignore[arg-type]


def build_observers(request: WatchRequest) -> list[Observer]:
    """Return the observers that are asked for; each has checked that it can work.

    Raises:
        OptionError: An option makes no sense.
        ReportError: A port is taken, or a folder cannot be written.
    """
    made: list[Observer] = []
    try:
        _build(request, made)
    except BaseException:
        for observer in made:
            observer.abort()
        raise
    return made


def _build(request: WatchRequest, made: list[Observer]) -> None:
    if request.metrics is not None:
        from analyzer.report.metrics import MetricsServer, address_of, labels_of

        labels = labels_of(request.metrics_labels)
        made.append(MetricsServer(address_of(request.metrics), labels, request.max_metric_labels))
    elif request.metrics_labels:
        raise OptionError("--metrics-labels needs --metrics")
    made += _reports(request)
    shown = _screen(request)
    if shown is not None:
        made.append(shown)
    elif request.events is not None or request.screen:
        from analyzer.report.events import EventWriter, kinds

        stream = request.events_stream or sys.stdout.buffer
        made.append(EventWriter(stream, kinds(request.events or "")))


def _screen(request: WatchRequest) -> Observer | None:
    """Return the live view; None where there is no terminal for it, or events are wanted."""
    if not request.screen or request.events is not None or not sys.stdout.isatty():
        return None
    from analyzer.report.layout import make_console
    from analyzer.report.live_view import LiveView, can_show

    if not can_show(make_console(sys.stdout)):
        return None
    return LiveView(sys.stdout, request.source, request.interval_s)


def _reports(request: WatchRequest) -> list[Observer]:
    """Return rotating reports; without --rotate the verb's own writers write one part."""
    if request.rotate is None and request.rotate_size is None:
        return []
    if request.csv is None and request.parquet is None:
        raise OptionError("--rotate and --rotate-size need --csv or --parquet")
    from analyzer.report.rotation import RotatingWriter, bytes_of, seconds_of

    every = 0.0 if request.rotate is None else seconds_of(request.rotate)
    most = 0 if request.rotate_size is None else bytes_of(request.rotate_size)
    out: list[Observer] = []
    if request.csv is not None:
        from analyzer.report.csv import CsvWriter

        folder = Path(request.csv)
        out.append(
            RotatingWriter(
                folder, CsvWriter, every_s=every, max_bytes=most, keep=request.rotate_keep
            )
        )
    if request.parquet is not None:
        from analyzer.report.parquet import ParquetWriter

        folder = Path(request.parquet)
        out.append(
            RotatingWriter(
                folder, ParquetWriter, every_s=every, max_bytes=most, keep=request.rotate_keep
            )
        )
    return out
