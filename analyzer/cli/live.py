"""The verbs `live` and `interfaces`: packets as they come, and where they may come from.

Knows the terminal, and the order in which rights are used and given up: interfaces are
opened first, then the process becomes an ordinary user, then files of reports are opened.
Must not know how packets are captured. Called by verbs. Whatever is slow to import is
imported by the functions that need it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from analyzer.cli.arguments import (
    STDOUT,
    Clients,
    CsvFolder,
    FailOn,
    Hold,
    Interval,
    JsonFile,
    KeptPayload,
    Keys,
    NoAlternatives,
    NoInside,
    NoKeepAlive,
    ParquetFolder,
    ShowSecrets,
    conditions,
    failed,
    made,
    model,
    reports,
)
from analyzer.cli.shared import Quiet, pipes
from analyzer.cli.watch_arguments import (
    Events,
    Idle,
    MaxMetricLabels,
    Metrics,
    MetricsLabels,
    NoScreen,
    Rotate,
    RotateKeep,
    RotateSize,
    watch_request,
)
from analyzer.errors import OptionError, ReportError

if TYPE_CHECKING:
    from analyzer.capture.live import LiveSource
    from analyzer.live.run import Keeper, Observer
    from analyzer.live.watch import WatchRequest
    from analyzer.options import Options
    from analyzer.report.output import Writer
    from analyzer.tables.summary import Summary

OK, FOUND = 0, 1
STDIN = "-"

Backend = Literal["ring", "scapy", "pcapy"]

_CAPTURE = "Capture"
_KEEP = "Packet files"

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_UNITS_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9,
                "kib": 2**10, "mib": 2**20, "gib": 2**30}  # fmt: skip

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# --- values ----------------------------------------------------------------------------


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


# --- live ------------------------------------------------------------------------------


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
    quiet: bool
    watch: WatchRequest


Interfaces = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="IFACE...",
        help="Interfaces to capture on (wsanalyze interfaces lists them); any is all of "
        "them, - reads a capture from standard input as it comes.",
        show_default=False,
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


@app.command()
def live(
    interfaces: Interfaces = None,
    filter: Filter = "tcp or udp port 53",
    duration: For = None,
    count: Count = None,
    promiscuous: Promiscuous = False,
    backend: BackendName = None,
    user: UserName = None,
    follow: Follow = None,
    write: Write = None,
    write_size: WriteSize = None,
    write_files: WriteFiles = None,
    csv: CsvFolder = None,
    parquet: ParquetFolder = None,
    json: JsonFile = None,
    rotate: Rotate = None,
    rotate_size: RotateSize = None,
    rotate_keep: RotateKeep = 0,
    events: Events = None,
    no_screen: NoScreen = False,
    metrics: Metrics = None,
    metrics_labels: MetricsLabels = "",
    max_metric_labels: MaxMetricLabels = 100,
    idle: Idle = None,
    payload: KeptPayload = "preview",
    show_secrets: ShowSecrets = False,
    keys: Keys = [],  # noqa: B006
    fail_on: FailOn = [],  # noqa: B006
    quiet: Quiet = False,
    interval: Interval = ["1"],  # noqa: B006  typer copies it
    clients: Clients = [],  # noqa: B006
    hold: Hold = 30.0,
    no_keep_alive: NoKeepAlive = False,
    no_alternatives: NoAlternatives = False,
    no_inside: NoInside = False,
) -> int:
    """Analyse WebSocket traffic while it happens.

    Ctrl-C ends it with the report and the tables that a file would give;
    a second one ends at once, without.

    Exit status: 0 ended as asked, 1 a condition of --fail-on holds,
    2 cannot be done, 130 interrupted twice.
    """
    return _start(locals())


def _start(given: dict[str, Any]) -> int:
    """Do what the parameters of the verb ask for; return the exit status."""
    from analyzer.live.watch import live_options
    from analyzer.options import Options

    follow, named = given["follow"], given["interfaces"] or []
    source = str(follow) if follow is not None else ", ".join(named)
    free = not given["quiet"] and given["json"] != STDOUT
    same: tuple[str, ...] = ("filter", "promiscuous", "backend", "follow", "user", "count")
    same += ("write", "write_files", "csv", "parquet", "json", "fail_on", "quiet")
    duration, most = given["duration"], given["write_size"]
    request = LiveRequest(
        interfaces=named,
        duration=None if duration is None else seconds(duration),
        write_size=None if most is None else size(most),
        watch=watch_request(given, source, screen=free),
        **{name: given[name] for name in same},
    )
    shape = given["interval"], given["clients"], given["hold"]
    options = Options(
        payload=given["payload"],
        show_secrets=given["show_secrets"],
        keys=tuple(map(str, given["keys"])),
        follow_keys=bool(given["keys"]),
        inside=not given["no_inside"],
        **model(*shape, not given["no_keep_alive"], not given["no_alternatives"]),
    )
    if given["idle"] is not None:
        options = replace(options, max_idle_s=seconds(given["idle"]))
    with pipes():
        return run(request, live_options(options))


def run(request: LiveRequest, options: Options) -> int:
    """Do what is asked; return the exit status.

    Raises:
        WsanalyzeError: It cannot be done; the caller's problem.
    """
    from analyzer.live import run as loop

    _check(request)
    watched = conditions(request.fail_on)
    with loop.signals() as stop:
        source = opened(request, options)
        keeper: Keeper | None = None
        watchers: list[Observer] = []
        writers: list[Writer] = []
        try:
            who = give_up_rights(request)
            try:
                csv, parquet = request.csv, request.parquet
                if request.watch.rotates:
                    csv = parquet = None
                writers = made(reports(csv, parquet, request.json))
                writers += [] if watched is None else [watched]
                keeper = _keeper(request, source)
                watchers = observers(request)
            except ReportError as error:
                raise _as_whom(error, who) from error
        except BaseException:
            for writer in writers:
                writer.abort()
            source.close()
            raise
        until = loop.Until(seconds=request.duration, packets=request.count)
        summary = loop.run(
            source, options, writers, watchers, until=until, stop=stop, keeper=keeper
        )
    if not request.quiet and request.json != STDOUT:
        # Where events take standard output, words have no place there.
        _print(summary, sys.stderr if request.watch.streams_events else sys.stdout)
    return FOUND if failed(watched) else OK


def observers(request: LiveRequest) -> list[Observer]:
    """Return who watches while it runs: what is asked for, and words on standard error."""
    from analyzer.live.watch import build_observers
    from analyzer.report.notices import Notices

    watchers: list[Observer] = [*build_observers(request.watch)]
    # A screen has a place for them.
    return watchers if request.watch.has_screen else [*watchers, Notices(sys.stderr)]


def opened(request: LiveRequest, options: Options) -> LiveSource:
    """Return the source that is asked for.

    Raises:
        CaptureError: It cannot be opened.
        OptionError: The filter or the backend is not possible.
    """
    if request.follow is not None or request.interfaces == [STDIN]:
        from analyzer.capture.follow import Followed, Piped

        return Piped(options) if request.follow is None else Followed(request.follow, options)
    from analyzer.capture.live import open_live

    return open_live(
        request.interfaces,
        options,
        expression=request.filter,
        promiscuous=request.promiscuous,
        backend=request.backend,
    )


def give_up_rights(request: LiveRequest) -> str | None:
    """Become an ordinary user; return its name, or None where nothing changed."""
    from analyzer.capture import privileges

    user = privileges.target(request.user)
    if user is None:
        privileges.give_up_capabilities()
        return None
    # A user may not be able to read the folder that this program lies in.
    _load_all(request)
    privileges.drop(user)
    return user.name


def _load_all(request: LiveRequest) -> None:
    """Load what may be needed later, libraries and codecs among it."""
    from analyzer.live.loading import load_all
    from analyzer.live.watch import modules

    load_all(modules(request.watch), tables=request.csv is not None or request.parquet is not None)


def _as_whom(error: ReportError, who: str | None) -> ReportError:
    if who is None:
        return error
    return ReportError(
        f"{error} (as user {who})",
        hint=f"name a place that {who} may write to, or --user NAME; --user root stays root",
    )


def _check(request: LiveRequest) -> None:
    """Raise OptionError where options contradict each other."""
    if request.follow is not None and request.interfaces:
        raise OptionError("--follow FILE takes the place of interfaces")
    if request.follow is None and not request.interfaces:
        raise OptionError("no interface is named", hint="wsanalyze interfaces lists them")
    if STDIN in request.interfaces and len(request.interfaces) > 1:
        raise OptionError("standard input takes the place of interfaces")
    if request.write is None and (request.write_size or request.write_files):
        raise OptionError("--write-size and --write-files need --write FILE")
    if request.write_files is not None and request.write_size is None:
        raise OptionError("--write-files needs --write-size")


def _keeper(request: LiveRequest, source: LiveSource) -> Keeper | None:
    if request.write is None:
        return None
    from analyzer.capture.keep import PacketFiles

    return PacketFiles(
        request.write,
        source.names,
        source.stats,
        most_bytes=request.write_size,
        most_files=request.write_files,
    )


def _print(summary: Summary, stream: TextIO) -> None:
    from analyzer.report.layout import make_console
    from analyzer.report.terminal import render

    render(summary, make_console(stream))


def run_live(arguments: Sequence[str]) -> int:
    """Run the verb `live`; without arguments it shows its help."""
    return _status(app(list(arguments) or ["--help"], **_called("live")))


def _called(name: str) -> dict[str, Any]:
    return {"prog_name": f"wsanalyze {name}", "standalone_mode": False}


def _status(answer: Any) -> int:
    return answer if isinstance(answer, int) else OK
