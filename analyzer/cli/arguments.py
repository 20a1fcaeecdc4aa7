"""Options that several verbs of the command line have.

Knows their names and their help. Must not know what they do (cli.outputs). Used by all verbs that
parse arguments. Imports nothing slow but typer, so that --help is there at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from analyzer.cli.outputs import Payload

REPORTS = "Reports"
SELECTION = "Selection"
_MODEL = "Against plain HTTP"

Where = Annotated[
    str | None,
    typer.Option(
        metavar="EXPR",
        help="Only connections for which this holds, such as "
        "\"server_port == 8080 and path.str.startswith('/chat')\". Reads the input twice.",
        rich_help_panel=SELECTION,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no report on the terminal.")]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="Show no progress bar.")]

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
Anonymize = Annotated[
    bool,
    typer.Option(
        "--anonymize",
        help="With --pcapng: replace addresses, names and payload by others of the same length.",
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
Jobs = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Processes at most; default as many as cores. With --each: captures at a time. "
        "Without: others write --csv, --parquet and --json, and follow connections, while one "
        "joins them; by default for 32 MB and more, on idle cores.",
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
Buffered = Annotated[
    str | None,
    typer.Option(
        metavar="BYTES,S",
        help="Model a stream behind a proxy that holds it back until so many bytes or seconds "
        "have come together; without seconds: until it closes.",
        rich_help_panel=_MODEL,
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
