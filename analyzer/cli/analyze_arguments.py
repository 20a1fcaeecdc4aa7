"""The options of `wsanalyze FILE...`.

Knows typer and the options. Must not know what is done with them (cli.analyze). Called by cli.main,
where there are options, and by cli.help.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Literal

import typer

from analyzer.cli.analyze import Request, answered
from analyzer.cli.arguments import (
    SELECTION,
    Anonymize,
    Buffered,
    Clients,
    CsvFolder,
    EmbedKeys,
    Every,
    FailOn,
    HarFile,
    Hold,
    HtmlFile,
    Interval,
    Jobs,
    JsonFile,
    KeptPayload,
    Keys,
    NoAlternatives,
    NoInside,
    NoKeepAlive,
    NoProgress,
    ParquetFolder,
    PcapngFile,
    Quiet,
    ShowSecrets,
    Where,
    Why,
)
from analyzer.cli.shared import version_line

app = typer.Typer(
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version_line())
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
Each = Annotated[
    bool,
    typer.Option(
        "--each",
        help="Analyse every capture by itself, those in folders within folders too. Reports "
        "are named as captures are; --parquet DIR is one dataset with a part for each.",
        rich_help_panel=SELECTION,
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
    anonymize: Anonymize = False,
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
    buffered: Buffered = None,
    no_keep_alive: NoKeepAlive = False,
    no_alternatives: NoAlternatives = False,
    no_inside: NoInside = False,
    jobs: Jobs = None,
    each: Each = False,
    version: Version = False,
) -> int:
    """Show what WebSocket traffic in captures does, and what it costs on the wire.

    Without options: what the captures hold, what stands out, handshake timings, messages,
    where the bytes went, findings, connections.
    Two captures side by side: wsanalyze compare A B.

    Exit status: 0 analysed, 1 a condition of --fail-on holds, 2 cannot be done.
    """
    given = locals()
    request = Request(**{field.name: given[field.name] for field in fields(Request)})
    if not request.each:
        return answered(request)
    from analyzer.cli.each import run_each

    return answered(request, run_each)
