"""Options that several verbs of the command line have, and the reports that they ask for.

Knows the terminal and the writers. Must not know where packets come from. Used by cli and
cli.live. Imports nothing slow, so that --help is there at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from analyzer.cli.shared import REPORTS
from analyzer.errors import OptionError

if TYPE_CHECKING:
    from analyzer.report.output import Writer
    from analyzer.tables.conditions import Conditions

T = TypeVar("T")
Payload = Literal["none", "preview", "full"]

STDOUT = "-"
_MODEL = "Against plain HTTP"

CsvFolder = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write all tables as CSV.", rich_help_panel=REPORTS),
]
ParquetFolder = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write all tables as Parquet.", rich_help_panel=REPORTS),
]
JsonFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Write all tables as one JSON document; - is standard output.",
        rich_help_panel=REPORTS,
    ),
]
HarFile = Annotated[
    Path | None,
    typer.Option(
        "--har",
        metavar="FILE",
        help="Write handshakes, whole messages and HTTP exchanges as HAR 1.2, for browsers' tools.",
        rich_help_panel=REPORTS,
    ),
]
HtmlFile = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Write one page with charts and tables that opens without a network.",
        rich_help_panel=REPORTS,
    ),
]
PcapngFile = Annotated[
    Path | None,
    typer.Option(
        "--pcapng",
        metavar="FILE",
        help="Write the packets of the connections, of those of --where alone, with what was found "
        "as packet comments. Reads the input again.",
        rich_help_panel=REPORTS,
    ),
]
EmbedKeys = Annotated[
    bool,
    typer.Option(
        "--embed-keys",
        help="With --pcapng: put the TLS keys in use into the file, which then decrypts by itself.",
        rich_help_panel=REPORTS,
    ),
]
KeptPayload = Annotated[
    Payload, typer.Option(help="How much of each message to keep.", rich_help_panel=REPORTS)
]
Keys = Annotated[
    list[Path],
    typer.Option(
        metavar="FILE",
        help="TLS key log (SSLKEYLOGFILE) to decrypt wss with; may be given several times.",
        rich_help_panel=REPORTS,
    ),
]
ShowSecrets = Annotated[
    bool,
    typer.Option(
        "--show-secrets",
        help="Show tokens in paths and subprotocols.",
        rich_help_panel=REPORTS,
    ),
]
Interval = Annotated[
    list[str],
    typer.Option(
        metavar="S",
        help="Interval of modelled short polling in seconds; several: 0.5,1,5.",
        rich_help_panel=_MODEL,
    ),
]
Clients = Annotated[
    list[str],
    typer.Option(
        metavar="N", help="State rates for N clients; several: 1000,10000.", rich_help_panel=_MODEL
    ),
]
Hold = Annotated[
    float,
    typer.Option(
        metavar="S", help="How long a modelled long poll is held.", rich_help_panel=_MODEL
    ),
]
NoKeepAlive = Annotated[
    bool,
    typer.Option(
        "--no-keep-alive",
        help="Model a TCP connection for each request.",
        rich_help_panel=_MODEL,
    ),
]
NoAlternatives = Annotated[
    bool,
    typer.Option(
        "--no-alternatives",
        help="Leave out what other transports would have cost.",
        rich_help_panel=_MODEL,
    ),
]
NoInside = Annotated[
    bool,
    typer.Option(
        "--no-inside",
        help="Do not read what messages say: protocols inside WebSocket.",
        rich_help_panel=REPORTS,
    ),
]
Every = Annotated[
    float,
    typer.Option(
        metavar="S", help="Length of an interval of the table series.", rich_help_panel=REPORTS
    ),
]
FailOn = Annotated[
    list[str],
    typer.Option(
        metavar="CONDITION",
        help="Exit with 1 if this holds: a severity (info, note, warning, error) that a finding or "
        "diagnosis reaches, the id of one, or such as 'p95(pings.rtt_us) > 50000'. Several: any.",
    ),
]
Why = Annotated[
    bool,
    typer.Option(
        "--why", help="Show all that stands out, with evidence and advice, in place of the report."
    ),
]


def conditions(given: Sequence[str]) -> Conditions | None:
    """Return what watches for the conditions of --fail-on; None where there are none.

    Raises:
        OptionError: One cannot be parsed.
    """
    if not given:
        return None
    from analyzer import findings
    from analyzer.diagnosis.causes import CAUSES
    from analyzer.tables.conditions import Conditions

    return Conditions(given, {*findings.BY_ID, *CAUSES})


def failed(watched: Conditions | None) -> bool:
    """Say on standard error which conditions hold, one line each; return whether one does."""
    if watched is None:
        return False
    from analyzer.report.wording import printable

    reasons = watched.reasons()
    for reason in reasons:
        sys.stderr.write(f"wsanalyze: --fail-on {printable(reason)}\n")
    return bool(reasons)


def numbers(name: str, given: Sequence[str], kind: Callable[[str], T]) -> tuple[T, ...]:
    """Return the numbers of an option that takes several, also with commas between.

    Raises:
        OptionError: One is no number.
    """
    texts = [text.strip() for some in given for text in some.split(",")]
    try:
        return tuple(dict.fromkeys(map(kind, texts)))
    except ValueError as error:
        kinds = "whole numbers" if kind is int else "numbers"
        raise OptionError(f"{name} takes {kinds}, not {', '.join(texts)!r}") from error


def model(
    interval: Sequence[str],
    clients: Sequence[str],
    hold: float,
    keep_alive: bool,
    alternatives: bool,
) -> dict[str, Any]:
    """Return the fields of Options that say what messages are compared with.

    Raises:
        OptionError: A number is none.
    """
    return {
        "poll_intervals_s": numbers("--interval", interval, float),
        "clients": numbers("--clients", clients, int),
        "long_poll_hold_s": hold,
        "keep_alive": keep_alive,
        "alternatives": alternatives,
    }


def made(makers: Iterable[Callable[[], Writer]]) -> list[Writer]:
    """Return the writers; each has checked that it can write.

    Raises:
        ReportError: One cannot; what was made before it is undone.
    """
    writers: list[Writer] = []
    try:
        for make in makers:
            writer = make()
            writers.append(writer)  # at once: what is made before a failure is undone
    except BaseException:
        for writer in writers:
            writer.abort()
        raise
    return writers


def reports(
    csv: Path | None, parquet: Path | None, json: str | None, *, lasting: bool = False
) -> Iterator[Callable[[], Writer]]:
    """Yield what makes each report that is asked for.

    Args:
        csv: a folder.
        parquet: a folder.
        json: a file; may be STDOUT.
        lasting: rows are to outlive a run that is killed (report.parts).
    """
    if csv is not None:
        from analyzer.report.csv import CsvWriter, LastingCsvWriter

        folder = csv
        yield lambda: LastingCsvWriter(folder) if lasting else CsvWriter(folder)
    if parquet is not None:
        from analyzer.report.parquet import LastingParquetWriter, ParquetWriter

        other = parquet
        yield lambda: LastingParquetWriter(other) if lasting else ParquetWriter(other)
    if json is not None:
        from analyzer.report.json import JsonWriter

        target: Any = sys.stdout.buffer if json == STDOUT else json
        yield lambda: JsonWriter(target, lasting=lasting)


def shared_files(
    har: Path | None, html: Path | None, payload: Payload
) -> Iterator[Callable[[], Writer]]:
    """Yield what makes the files that are made to be sent to others.

    Args:
        har: a HAR file; it has whole payloads, unless `payload` is none.
        html: a page.
        payload: what was asked of payloads.
    """
    if har is not None:
        from analyzer.report.har import HarWriter

        archive = har
        yield lambda: HarWriter(archive, payload=payload != "none")
    if html is not None:
        from analyzer.report.html.writer import HtmlWriter

        page = html
        yield lambda: HtmlWriter(page)
