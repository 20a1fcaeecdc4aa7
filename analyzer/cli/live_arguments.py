"""Options of the verb `live` that say what is captured and kept, and the request made of them.

Knows the command line. Must not know how packets are captured. Used by cli.live, whose
parameters have these types.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from analyzer.cli.arguments import REPORTS, SELECTION
from analyzer.cli.outputs import Payload
from analyzer.errors import OptionError
from analyzer.lazy_dataclass import dataclass, field
from analyzer.live.watch import WatchRequest

Backend = Literal["ring", "scapy", "pcapy"]

_CAPTURE = "Capture"
_KEEP = "Packet files"

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_UNITS_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9,
                "kib": 2**10, "mib": 2**20, "gib": 2**30}  # fmt: skip


def seconds(text: str) -> float:
    """Return a duration: 500ms, 30s, 5m, 1.5h, 2d.

    Raises:
        OptionError: It is none, or not above zero.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text.strip().lower())
    value = float(found[1]) * _UNITS_S[found[2]] if found else 0.0
    if value <= 0:
        raise OptionError(f"{text!r} is no duration", hint="such as 500ms, 30s, 5m, 1h")
    return value


def size(text: str) -> int:
    """Return a number of bytes: 500kB, 100MB, 2GiB.

    Raises:
        OptionError: It is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmg]?i?b?)", text.strip().lower())
    unit = _UNITS_BYTES.get(found[2]) if found else None
    if found is None or unit is None or float(found[1]) <= 0:
        raise OptionError(f"{text!r} is no size", hint="such as 500kB, 100MB, 2GiB")
    return int(float(found[1]) * unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRequest:
    """What `wsanalyze live` asks for, as parsed."""

    interfaces: list[str]
    filter: str
    promiscuous: bool
    backend: Backend | None
    follow: Path | None
    user: str | None
    duration: float | None
    count: int | None
    write: Path | None
    write_size: int | None
    write_files: int | None
    csv: Path | None
    parquet: Path | None
    json: str | None
    fail_on: list[str]
    until: list[str]
    quiet: bool
    watch: WatchRequest
    where: str | None = None
    keys: list[Path] = field(default_factory=list)
    hides_payload: bool = False


Interfaces = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="IFACE...",
        help="Interfaces to capture on (wsanalyze interfaces lists them); any is all of "
        "them, - reads a capture from standard input as it comes.",
        show_default=False,
    ),
]
WhereOpened = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="EXPR",
        help="Only connections for which this holds when they open, such as "
        "\"server_port == 8080 and path.str.startswith('/chat')\": addresses, ports, host, path, "
        "scheme, subprotocol, http_version.",
        rich_help_panel=SELECTION,
    ),
]
Filter = Annotated[
    str,
    typer.Option(
        "--filter",
        "-f",
        metavar="EXPR",
        help='Capture filter, such as "tcp port 8080".',
        rich_help_panel=_CAPTURE,
    ),
]
For = Annotated[
    str | None,
    typer.Option(
        "--for", metavar="TIME", help="End after 500ms, 30s, 5m, 1h.", rich_help_panel=_CAPTURE
    ),
]
LivePayload = Annotated[
    Payload | None,
    typer.Option(
        help="How much of each message to keep; default preview, and none in what goes to "
        "standard output where that is no terminal.",
        rich_help_panel=REPORTS,
    ),
]
Count = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="End after N packets.", rich_help_panel=_CAPTURE),
]
Promiscuous = Annotated[
    bool,
    typer.Option(
        "--promiscuous", help="Take packets for other hosts too.", rich_help_panel=_CAPTURE
    ),
]
BackendName = Annotated[
    Backend | None,
    typer.Option(
        "--backend", help="Who captures; default the kernel's ring.", rich_help_panel=_CAPTURE
    ),
]
UserName = Annotated[
    str | None,
    typer.Option(
        "--user",
        metavar="NAME",
        help="Who root becomes when the interface is open; default who called sudo, else "
        "nobody. root stays root.",
        rich_help_panel=_CAPTURE,
    ),
]
Follow = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Read a capture that another program is writing.",
        rich_help_panel=_CAPTURE,
    ),
]
Write = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Keep the packets, as pcapng.", rich_help_panel=_KEEP),
]
WriteSize = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Begin a new file after 100MB.", rich_help_panel=_KEEP),
]
WriteFiles = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Keep the last N files.", rich_help_panel=_KEEP),
]
