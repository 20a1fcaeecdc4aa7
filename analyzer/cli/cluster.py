"""The verb `cluster`: many captures, each a task for a worker of dask.distributed.

Knows the terminal and the options. Must not know how work is handed out (analyzer.distributed).
Called by verbs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from analyzer.cli.arguments import (
    SELECTION,
    Buffered,
    Clients,
    Every,
    Hold,
    Interval,
    KeptPayload,
    Keys,
    NoAlternatives,
    NoInside,
    NoKeepAlive,
    NoProgress,
    Quiet,
    ShowSecrets,
    Where,
)
from analyzer.cli.outputs import model
from analyzer.cli.shared import pipes, progress_of_tasks
from analyzer.errors import OptionError
from analyzer.report.each import Outcome, render

OK, CALLERS_ERROR = 0, 2

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="Captures, folders or quoted patterns of them, or URLs that fsspec opens "
        "(s3://bucket/*.pcap), as workers see them. Each capture is analysed by itself.",
        show_default=False,
    ),
]
Dataset = Annotated[
    str,
    typer.Option(
        "--parquet",
        metavar="DIR",
        help="Write a dataset with a part for each capture; a folder that all workers can "
        "write, or a URL. Captures that are in it, and have not changed, are left alone.",
        show_default=False,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Of a Dask scheduler, such as tcp://10.0.0.1:8786. Without: processes of this "
        "machine.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Processes of this machine; default as many as cores."),
]
AsOne = Annotated[
    bool,
    typer.Option(
        "--as-one",
        help="Each folder that is named is one capture, whose files were rotated.",
        rich_help_panel=SELECTION,
    ),
]


@app.command()
def cluster(
    files: Files,
    parquet: Dataset,
    scheduler: Scheduler = None,
    workers: Workers = None,
    as_one: AsOne = False,
    payload: KeptPayload = "preview",
    every: Every = 1.0,
    show_secrets: ShowSecrets = False,
    keys: Keys = [],  # noqa: B006
    where: Where = None,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
    interval: Interval = ["1"],  # noqa: B006  typer copies it
    clients: Clients = [],  # noqa: B006
    hold: Hold = 30.0,
    buffered: Buffered = None,
    no_keep_alive: NoKeepAlive = False,
    no_alternatives: NoAlternatives = False,
    no_inside: NoInside = False,
) -> int:
    """Analyse many captures on a cluster of dask.distributed, into one Parquet dataset.

    A run that was interrupted is taken up where it ended. Needs the extra dask.

    Exit status: 0 analysed, 2 one or more could not be.
    """
    if scheduler is not None and workers is not None:
        raise OptionError("--workers is about this machine", hint="leave out --scheduler")
    options: dict[str, Any] = {
        "payload": payload,
        "series_every_s": every,
        "show_secrets": show_secrets,
        "keys": tuple(map(str, keys)),
        "inside": not no_inside,
        **model(interval, clients, hold, buffered, not no_keep_alive, not no_alternatives),
    }
    paths = _as_one(files) if as_one else files
    from analyzer.distributed import analyze

    target: dict[str, Any] = {"folder": parquet, "where": where, "workers": workers}
    with pipes():
        with progress_of_tasks(wanted=not no_progress) as on_progress:
            outcomes = analyze(paths, scheduler, on_progress=on_progress, **target, **options)
        return _told(outcomes, quiet=quiet)


def _as_one(folders: Sequence[str]) -> dict[str, list[str]]:
    """Return what is one capture each, by its name.

    Raises:
        OptionError: Two have the same name, or one is no path.
    """
    for url in folders:
        if "://" in url:
            raise OptionError(f"--as-one takes folders, not {url}")
    named: dict[str, list[str]] = {}
    for folder in dict.fromkeys(map(os.path.abspath, folders)):
        name = os.path.basename(folder)
        if name in named:
            raise OptionError(f"two folders are named {name}", hint="analyse them in two runs")
        named[name] = [folder]
    return named


def _told(outcomes: Sequence[Outcome], *, quiet: bool) -> int:
    """Print the report; return the exit status."""
    from analyzer.report.layout import make_console
    from analyzer.report.wording import printable

    failed = [each for each in outcomes if each.error is not None]
    if not quiet:
        render(outcomes, make_console(sys.stdout))
    for each in failed if quiet else ():
        sys.stderr.write(f"error: {printable(each.name)}: {printable(each.error or '')}\n")
    return CALLERS_ERROR if failed else OK


def run_cluster(arguments: Sequence[str]) -> int:
    """Run the verb `cluster`; without arguments it shows its help."""
    status: Any = app(
        list(arguments) or ["--help"], prog_name="wsanalyze cluster", standalone_mode=False
    )
    return status if isinstance(status, int) else OK
