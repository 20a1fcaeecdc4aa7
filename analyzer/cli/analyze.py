"""`wsanalyze FILE...`: from what is asked to an analysis, a report, an exit status.

Needs no verb. Must not know how arguments are parsed (cli.analyze_arguments). Whatever is slow to
import is imported by the functions that need it, so that a small capture takes no longer than its
analysis. Called by cli.main and cli.analyze_arguments.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from analyzer.cli.outputs import (
    Payload,
    conditions,
    failed,
    made,
    model,
    possible_jobs,
    remote_reports,
    reports,
    shared_files,
)
from analyzer.cli.shared import input_bytes, pipes, progress, say_if_slow
from analyzer.errors import OptionError
from analyzer.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.options import Options
    from analyzer.report.connection import ConnectionReport
    from analyzer.report.handshake import HandshakeReport
    from analyzer.report.output import Writer
    from analyzer.report.text import Console
    from analyzer.tables.conditions import Conditions
    from analyzer.tables.summary import Summary

OK, FOUND = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for, as parsed; defaults are those without options."""

    files: Sequence[str | Path]
    csv: Path | None = None
    parquet: Path | None = None
    json: str | None = None
    har: Path | None = None
    html: Path | None = None
    pcapng: Path | None = None
    embed_keys: bool = False
    anonymize: bool = False
    payload: Payload = "preview"
    every: float = 1.0
    keys: list[Path] = field(default_factory=list)
    where: str | None = None
    connection: int | None = None
    handshake: int | None = None
    late: bool = False
    sort: Literal["delivery", "stall", "reply", "gap", "bytes"] | None = None
    top: int | None = None
    no_control: bool = False
    show_secrets: bool = False
    fail_on: list[str] = field(default_factory=list)
    why: bool = False
    quiet: bool = False
    no_progress: bool = False
    interval: list[str] = field(default_factory=lambda: ["1"])
    clients: list[str] = field(default_factory=list)
    hold: float = 30.0
    buffered: str | None = None
    no_keep_alive: bool = False
    no_alternatives: bool = False
    no_inside: bool = False
    jobs: int | None = None
    each: bool = False

    @property
    def json_to_stdout(self) -> bool:
        """Whether the JSON document takes standard output."""
        return self.json == "-"


def analyze_files(files: Sequence[str]) -> int:
    """Analyse files without any option; return the exit status."""
    return answered(Request(files=[_as_path(each) for each in files]))


def _as_path(name: str) -> str | Path:
    """Return what names a file as a parsed one does; few are not so as they are."""
    if name and os.sep == "/" and "//" not in f"{name}/" and "/./" not in f"/{name}/":
        return name
    from pathlib import Path

    return Path(name)


def answered(request: Request, do: Callable[[Request], int] | None = None) -> int:
    """Do what is asked (default `run`), unless nobody reads it any more; return the exit status."""
    with pipes():
        return (do or run)(request)


def run(request: Request) -> int:
    """Do what is asked; return the exit status.

    Raises:
        WsanalyzeError: It cannot be done; the caller's problem.
    """
    say_if_slow(request.files)
    console = _console(request)
    single = _single(request, console)
    summary, watched = analysed(request, single)
    if console is not None:
        _print(request, console, summary, single)
    return FOUND if failed(watched) else OK


def analysed(
    request: Request,
    single: ConnectionReport | HandshakeReport | None = None,
    capture: str | None = None,
) -> tuple[Summary, Conditions | None]:
    """Analyse what is asked for, and write its reports.

    Args:
        request: what to do.
        single: gets all rows, too.
        capture: what a dataset of several captures names this one; Parquet then goes into it.

    Returns:
        What was found, and what watched for the conditions of --fail-on.

    Raises:
        WsanalyzeError: It cannot be done.
    """
    from analyzer import pipeline
    from analyzer.options import Options

    shape = request.interval, request.clients, request.hold, request.buffered
    options = Options(
        payload=_payload(request),
        series_every_s=request.every,
        show_secrets=request.show_secrets,
        keys=tuple(map(str, request.keys)),
        **model(*shape, not request.no_keep_alive, not request.no_alternatives),
        inside=not request.no_inside,
    )
    watched = conditions(request.fail_on)
    # Once: what is idle differs from one look to the next, and with the first process.
    jobs = _jobs(request)
    writers = made(_makers(request, options, capture, jobs))
    try:
        with progress(request.files, wanted=not request.no_progress) as on_progress:
            every = [*writers, *(each for each in (single, watched) if each is not None)]
            fronts = _fronts(request, jobs)
            if request.where is None:
                summary = pipeline.run(
                    request.files, options, every, on_progress=on_progress, fronts=fronts
                )
            else:
                from analyzer.analysis import run as analyse

                summary = analyse(
                    _paths(request), options, every, request.where, on_progress, fronts=fronts
                )
    except BaseException:
        for writer in writers:
            writer.abort()
        raise
    return summary, watched


def _console(request: Request) -> Console | None:
    """Return the console of the report; None where none is printed."""
    for name, given in (("--late", request.late), ("--sort", request.sort), ("--top", request.top)):
        if given:
            raise OptionError(f"{name} is about a list", hint=f"--messages {name} ...")
    numbers_asked = (request.connection, request.handshake)
    if request.json_to_stdout and numbers_asked != (None, None):
        raise OptionError(
            "--json - and what is shown on the terminal both want standard output",
            hint="give --json a file name",
        )
    if request.quiet or request.json_to_stdout:
        return None
    from analyzer.report.layout import make_console

    return make_console(sys.stdout)


def _single(request: Request, console: Console | None) -> ConnectionReport | HandshakeReport | None:
    """Return what keeps the rows of the one connection or handshake that is asked for."""
    if request.handshake is not None and request.connection is not None:
        raise OptionError("--handshake shows one handshake and nothing else")
    if console is None:
        return None
    if request.handshake is not None:
        from analyzer.report.handshake import HandshakeReport

        return HandshakeReport(request.handshake)
    if request.connection is not None:
        from analyzer.report.connection import ConnectionReport

        return ConnectionReport(request.connection)
    return None


def _payload(request: Request) -> Payload:
    """Return how much of payloads is kept: all for a HAR file, unless none is asked for."""
    return "full" if request.har is not None and request.payload == "preview" else request.payload


def _makers(
    request: Request, options: Options, capture: str | None, jobs: int
) -> Iterator[Callable[[], Writer]]:
    yield from _tables(request, capture, jobs)
    yield from shared_files(request.har, request.html, request.payload)
    if request.pcapng is not None:
        from analyzer.share.pcapng import PcapngWriter

        yield partial(
            PcapngWriter,
            request.pcapng,
            _paths(request),
            options,
            everything=request.where is None,
            embed_keys=request.embed_keys,
            anonymize=request.anonymize,
        )
    elif request.embed_keys or request.anonymize:
        name = "--embed-keys" if request.embed_keys else "--anonymize"
        raise OptionError(f"{name} is about a capture to be written", hint="--pcapng FILE")


def _tables(request: Request, capture: str | None, jobs: int) -> Iterator[Callable[[], Writer]]:
    """Yield what makes the reports of all tables."""
    hides = _payload(request) != request.payload
    json = request.json
    if capture is not None:
        here = reports(request.csv, None, json, dataset=(request.parquet, capture))
    elif jobs > 1:
        other = None if request.json_to_stdout else json
        yield from remote_reports(request.csv, request.parquet, other, jobs, hides=hides)
        here = reports(None, None, json if request.json_to_stdout else None)
    else:
        here = reports(request.csv, request.parquet, json)
    for make in here:
        yield partial(_without_payload, make) if hides else make


def _paths(request: Request) -> list[Path]:
    from pathlib import Path

    return [Path(each) for each in request.files]


def _jobs(request: Request) -> int:
    """Return how many processes may work."""
    if request.jobs is not None:
        return possible_jobs(request.jobs)
    from analyzer.jobs.cores import fitting

    return possible_jobs(fitting(input_bytes(request.files), _written(request)))


def _written(request: Request) -> int:
    """Return how many reports other processes can write."""
    written = (request.csv, request.parquet, None if request.json_to_stdout else request.json)
    return sum(each is not None for each in written)


def _fronts(request: Request, jobs: int) -> int:
    """Return how many processes follow connections: those that write no reports."""
    return max(0, jobs - 1 - _written(request))


def _without_payload(make: Callable[[], Writer]) -> Writer:
    from analyzer.report.hiding import WHOLE, Hiding

    return Hiding(make(), WHOLE)


def _print(
    request: Request,
    console: Console,
    summary: Summary,
    single: ConnectionReport | HandshakeReport | None,
) -> None:
    if single is not None and not single.found:
        what = "connection" if request.handshake is None else "handshake"
        asked = request.connection if request.handshake is None else request.handshake
        held = summary.rows[f"{what}s"]
        raise OptionError(
            f"there is no {what} {asked}", hint=f"the input holds {held}, numbered from 0"
        )
    if single is not None:
        single.render(console, control=not request.no_control)
    else:
        from analyzer.report import terminal

        shown = terminal.why if request.why else terminal.render
        shown(summary, console)
