"""Command-line options for the observers of a live run, as typer takes them.

Knows the command line. Must not know what observers do. Used by the verb `live`: its parameters
have these types, and `watch_request` takes their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from analyzer.cli.arguments import REPORTS
from analyzer.live.watch import WatchRequest

WATCH = "While it runs"

Events = Annotated[
    str | None,
    typer.Option(
        metavar="KINDS",
        help="Write events as lines of JSON: handshakes, connections, messages, pings, closes, "
        "findings, frames, http. The default where standard output is no terminal.",
        rich_help_panel=WATCH,
    ),
]
NoScreen = Annotated[
    bool, typer.Option("--no-screen", help="Show nothing until the end.", rich_help_panel=WATCH)
]
Metrics = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS:PORT", help="Serve metrics for Prometheus there.", rich_help_panel=WATCH
    ),
]
MetricsLabels = Annotated[
    str,
    typer.Option(metavar="NAMES", help="More labels: host,path.", rich_help_panel=WATCH),
]
MaxMetricLabels = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Combinations of these.", rich_help_panel=WATCH),
]
Rotate = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Begin a new folder of --csv and --parquet after 15m, 1h, 1d.",
        rich_help_panel=REPORTS,
    ),
]
RotateSize = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Begin a new folder at 100MB.", rich_help_panel=REPORTS),
]
RotateKeep = Annotated[
    int,
    typer.Option(
        metavar="N", min=0, help="Keep the last N folders; 0: all.", rich_help_panel=REPORTS
    ),
]
Keep = Annotated[
    list[str],
    typer.Option(
        metavar="LIMIT",
        help="With --rotate: remove the oldest folders above 10GB in all, or older than 7d; also "
        "those of runs before. May be given twice.",
        rich_help_panel=REPORTS,
    ),
]
UntilFound = Annotated[
    list[str],
    typer.Option(
        "--until",
        metavar="FINDING",
        help="End at the first finding or diagnosis of this id or severity, with exit status 1.",
        rich_help_panel=WATCH,
    ),
]
Exec = Annotated[
    str | None,
    typer.Option(
        metavar="CMD",
        help="Run a command for findings and diagnoses, with the event as JSON on its standard "
        "input; at most one a second.",
        rich_help_panel=WATCH,
    ),
]
ExecEvents = Annotated[
    str,
    typer.Option(metavar="KINDS", help="For these events, as --events.", rich_help_panel=WATCH),
]
Idle = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Let TCP connections go that were silent for so long; default 1h.",
        rich_help_panel="Capture",
    ),
]

_TAKEN = (
    *("events", "metrics", "metrics_labels", "max_metric_labels"),
    *("csv", "parquet", "rotate", "rotate_size", "rotate_keep"),
    *("keep", "exec", "exec_events"),
)


def watch_request(
    given: Mapping[str, Any], source: str, *, screen: bool, hides_payload: bool = False
) -> WatchRequest:
    """Return what is asked for.

    Args:
        given: parameters of the verb by name, such as its `locals()`; others are left alone.
        source: what is watched, for the screen.
        screen: whether a screen may be shown: standard output is free, and not --quiet.
        hides_payload: whether events say nothing of what messages hold.
    """
    taken = {name: given[name] for name in _TAKEN}
    wanted = screen and not given["no_screen"]
    return WatchRequest(source=source, screen=wanted, hides_payload=hides_payload, **taken)
