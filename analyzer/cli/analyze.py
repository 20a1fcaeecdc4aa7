"""`wsanalyze FILE...`: arguments to options, an analysis, a report, an exit status.

Needs no verb. Whatever is slow to import is imported by the functions that need it, so that
a small capture takes no longer than its analysis. Called by cli.main.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from analyzer.cli.arguments import (
    Clients,
    CsvFolder,
    EmbedKeys,
    Every,
    FailOn,
    HarFile,
    Hold,
    HtmlFile,
    Interval,
    JsonFile,
    KeptPayload,
    Keys,
    NoAlternatives,
    NoInside,
    NoKeepAlive,
    ParquetFolder,
    Payload,
    PcapngFile,
    ShowSecrets,
    Why,
    conditions,
    failed,
    made,
    numbers,
    reports,
    shared_files,
)
from analyzer.cli.shared import (
    SELECTION,
    NoProgress,
    Quiet,
    Where,
    pipes,
    progress,
    say_if_slow,
)
from analyzer.errors import OptionError
from analyzer.lazy_dataclass import dataclass
from analyzer.version import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from analyzer.options import Options
    from analyzer.report.connection import ConnectionReport
    from analyzer.report.handshake import HandshakeReport
    from analyzer.report.output import Writer
    from analyzer.tables.summary import Summary

OK, FOUND = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for, as parsed."""

    files: list[Path]
    csv: Path | None
    parquet: Path | None
    json: str | None
    har: Path | None
    html: Path | None
    pcapng: Path | None
    embed_keys: bool
    payload: Payload
    every: float
    keys: list[Path]
    where: str | None
    connection: int | None
    handshake: int | None
    late: bool
    sort: Literal["delivery", "stall", "reply", "gap", "bytes"] | None
    top: int | None
    no_control: bool
    show_secrets: bool
    fail_on: list[str]
    why: bool
    quiet: bool
    no_progress: bool
    interval: list[str]
    clients: list[str]
    hold: float
    no_keep_alive: bool
    no_alternatives: bool
    no_inside: bool

    @property
    def json_to_stdout(self) -> bool:
        """Whether the JSON document takes standard output."""
        return self.json == "-"


app = typer.Typer(
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"wsanalyze {__version__}")
        raise typer.Exit


Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        help="Captures (pcap, pcapng, also .gz and .zst) or folders of them, "
        "analysed as one; - is standard input.",
        show_default=False,
    ),
]
Connection = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, help="Show one in full.", rich_help_panel=SELECTION),
]
HandshakeNumber = Annotated[
    int | None,
    typer.Option(
        "--handshake",
        metavar="N",
        min=0,
        help="Show one in full, failed or not.",
        rich_help_panel=SELECTION,
    ),
]
Messages = Annotated[
    bool,
    typer.Option(
        "--messages",
        help="List messages: short for wsanalyze messages FILE, whose options it takes.",
        rich_help_panel=SELECTION,
    ),
]
Late = Annotated[
    bool,
    typer.Option(
        "--late",
        help="With --messages: those that loss, a closed window or a delayed ACK held up for "
        "20 ms or longer, with the cause.",
        rich_help_panel=SELECTION,
    ),
]
Sort = Annotated[
    Literal["delivery", "stall", "reply", "gap", "bytes"] | None,
    typer.Option(help="With --messages: the largest first.", rich_help_panel=SELECTION),
]
Top = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="With --messages: only the first N; 20 with --sort.",
        rich_help_panel=SELECTION,
    ),
]
NoControl = Annotated[
    bool,
    typer.Option(
        "--no-control",
        help="Leave out pings, pongs and closes in lists.",
        rich_help_panel=SELECTION,
    ),
]
Version = Annotated[
    bool,
    typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
]


@app.command(no_args_is_help=True)
def analyze(
    files: Files,
    csv: CsvFolder = None,
    parquet: ParquetFolder = None,
    json: JsonFile = None,
    har: HarFile = None,
    html: HtmlFile = None,
    pcapng: PcapngFile = None,
    embed_keys: EmbedKeys = False,
    payload: KeptPayload = "preview",
    every: Every = 1.0,
    show_secrets: ShowSecrets = False,
    keys: Keys = [],  # noqa: B006
    where: Where = None,
    connection: Connection = None,
    handshake: HandshakeNumber = None,
    messages: Messages = False,
    late: Late = False,
    sort: Sort = None,
    top: Top = None,
    no_control: NoControl = False,
    fail_on: FailOn = [],  # noqa: B006
    why: Why = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
    interval: Interval = ["1"],  # noqa: B006  typer copies it
    clients: Clients = [],  # noqa: B006
    hold: Hold = 30.0,
    no_keep_alive: NoKeepAlive = False,
    no_alternatives: NoAlternatives = False,
    no_inside: NoInside = False,
    version: Version = False,
) -> int:
    """Show what WebSocket traffic in captures does, and what it costs on the wire.

    Without options: what the captures hold, what stands out, handshake timings, messages,
    where the bytes went, findings, connections.
    Two captures side by side: wsanalyze compare A B.

    Exit status: 0 analysed, 1 a condition of --fail-on holds, 2 cannot be done.
    """
    given = locals()
    request = Request(**{each.name: given[each.name] for each in fields(Request)})
    with pipes():
        return run(request)


def run(request: Request) -> int:
    """Do what is asked; return the exit status.

    Raises:
        WsanalyzeError: It cannot be done; the caller's problem.
    """
    from analyzer.analysis import run as analyse
    from analyzer.options import Options

    options = Options(
        payload=_payload(request),
        series_every_s=request.every,
        show_secrets=request.show_secrets,
        keys=tuple(map(str, request.keys)),
        poll_intervals_s=numbers("--interval", request.interval, float),
        clients=numbers("--clients", request.clients, int),
        long_poll_hold_s=request.hold,
        keep_alive=not request.no_keep_alive,
        alternatives=not request.no_alternatives,
        inside=not request.no_inside,
    )
    say_if_slow(request.files)
    console = _console(request)
    single = _single(request, console)
    watched = conditions(request.fail_on)
    writers = made(_makers(request, options))
    try:
        with progress(request.files, wanted=not request.no_progress) as on_progress:
            summary = analyse(
                request.files,
                options,
                [*writers, *(each for each in (single, watched) if each is not None)],
                where=request.where,
                on_progress=on_progress,
            )
    except BaseException:
        for writer in writers:
            writer.abort()
        raise
    if console is not None:
        _print(request, console, summary, single)
    return FOUND if failed(watched) else OK


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


def _makers(request: Request, options: Options) -> Iterator[Callable[[], Writer]]:
    for make in reports(request.csv, request.parquet, request.json):
        if _payload(request) == request.payload:
            yield make
        else:
            yield partial(_without_payload, make)
    yield from shared_files(request.har, request.html, request.payload)
    if request.pcapng is not None:
        from analyzer.share.pcapng import PcapngWriter

        yield partial(
            PcapngWriter,
            request.pcapng,
            request.files,
            options,
            everything=request.where is None,
            embed_keys=request.embed_keys,
        )
    elif request.embed_keys:
        raise OptionError("--embed-keys is about a capture to be written", hint="--pcapng FILE")


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
