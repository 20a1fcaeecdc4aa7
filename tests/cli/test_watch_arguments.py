"""Options of a verb that is watched, led through typer as the verb will."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
import typer

from analyzer.cli import watch_arguments as options
from analyzer.cli.watch_arguments import watch_request
from analyzer.live.watch import WatchRequest

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
made: list[WatchRequest] = []


@app.command()
def verb(
    csv: Annotated[Path | None, typer.Option()] = None,
    parquet: Annotated[Path | None, typer.Option()] = None,
    events: options.Events = None,
    no_screen: options.NoScreen = False,
    metrics: options.Metrics = None,
    metrics_labels: options.MetricsLabels = "",
    max_metric_labels: options.MaxMetricLabels = 100,
    rotate: options.Rotate = None,
    rotate_size: options.RotateSize = None,
    rotate_keep: options.RotateKeep = 0,
    keep: options.Keep = [],  # noqa: B006
    exec: options.Exec = None,
    exec_events: options.ExecEvents = "findings,diagnoses",
    idle: options.Idle = None,
) -> None:
    made.append(watch_request(locals(), "eth0", screen=True))


def parsed(*arguments: str) -> WatchRequest:
    app(list(arguments), standalone_mode=False)
    return made.pop()


def test_nothing_is_a_screen_alone():
    assert parsed() == WatchRequest(source="eth0", screen=True, keep=[])
    assert not parsed("--no-screen").screen


def test_all_of_them():
    given = "--events a,b --metrics :1 --metrics-labels host --max-metric-labels 7 --csv x"
    given += " --parquet y --rotate 1h --rotate-size 1GB --rotate-keep 3 --keep 1GB"
    given += " --keep 7d --exec page --exec-events closes --idle 5m"
    assert parsed(*given.split()) == WatchRequest(
        source="eth0",
        screen=True,
        events="a,b",
        metrics=":1",
        metrics_labels="host",
        max_metric_labels=7,
        csv=Path("x"),
        parquet=Path("y"),
        rotate="1h",
        rotate_size="1GB",
        rotate_keep=3,
        keep=["1GB", "7d"],
        exec="page",
        exec_events="closes",
    )


@pytest.mark.parametrize("given", ["--rotate-keep=-1", "--max-metric-labels=0"])
def test_numbers_out_of_range(given):
    with pytest.raises(Exception, match="is not in the range"):
        parsed(given)
