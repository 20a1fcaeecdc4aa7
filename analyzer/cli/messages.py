"""The verb `messages`: list, find, show and save messages. `--messages` is its short form.

Knows the terminal. Must not know how messages are read. Called by cli.verbs and cli.main.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from analyzer.cli.arguments import (
    SELECTION,
    CsvFolder,
    FailOn,
    JsonFile,
    KeptPayload,
    Keys,
    NoInside,
    NoProgress,
    ParquetFolder,
    Quiet,
    ShowSecrets,
)
from analyzer.cli.outputs import Payload, conditions, failed, made, reports
from analyzer.cli.shared import pipes, progress, say_if_slow
from analyzer.errors import OptionError
from analyzer.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from analyzer.options import Options
    from analyzer.report.output import Writer
    from analyzer.report.payloads import PayloadFolder
    from analyzer.report.text import Console
    from analyzer.selection import MessageFilter, Wanted
    from analyzer.tables.schema import TableRows

OK, FOUND = 0, 1

TOP = 20
"""Messages listed with --sort, where --top does not say how many: a screen."""

_MULTIPLES = {"": 1, "k": 1000, "m": 1_000_000, "g": 1_000_000_000}

SortBy = Literal["delivery", "stall", "reply", "gap", "bytes"]
View = Literal["auto", "json", "text", "hex"]
_PANEL = "One message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for, as parsed."""

    files: list[Path]
    where: str | None = None
    grep: str | None = None
    sent_by: str | None = None
    larger: str | None = None
    late: bool = False
    connection: int | None = None
    sort: SortBy | None = None
    top: int | None = None
    no_control: bool = False
    message: str | None = None
    view: View = "auto"
    save: Path | None = None
    csv: Path | None = None
    parquet: Path | None = None
    json: str | None = None
    payload: Payload = "preview"
    keys: list[Path] = field(default_factory=list)
    show_secrets: bool = False
    no_inside: bool = False
    fail_on: list[str] = field(default_factory=list)
    quiet: bool = False
    no_progress: bool = False


app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Captures; - is standard input.", show_default=False),
]
WhereMessages = Annotated[
    str | None,
    typer.Option(
        metavar="EXPR",
        help="For which this holds: columns of messages, or of their connections, such as "
        "\"name == 'chat' and payload_bytes > 1000\".",
        rich_help_panel=SELECTION,
    ),
]
Grep = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Whose payload holds TEXT, as it stands or as a regular expression.",
        rich_help_panel=SELECTION,
    ),
]
SentBy = Annotated[
    Literal["client", "server"] | None,
    typer.Option("--sent-by", help="Of one side.", rich_help_panel=SELECTION),
]
Larger = Annotated[
    str | None,
    typer.Option(
        metavar="BYTES",
        help="With more payload than this: 1000, 10k, 1M.",
        rich_help_panel=SELECTION,
    ),
]
Late = Annotated[
    bool,
    typer.Option(
        "--late",
        help="That loss, a closed window or a delayed ACK held up for 20 ms or longer, with "
        "the cause.",
        rich_help_panel=SELECTION,
    ),
]
Connection = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, help="Of one connection.", rich_help_panel=SELECTION),
]
NoControl = Annotated[
    bool,
    typer.Option(
        "--no-control", help="Leave out pings, pongs and closes.", rich_help_panel=SELECTION
    ),
]
Sort = Annotated[SortBy | None, typer.Option(help="The largest first.")]
Top = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Only the first N; 20 with --sort."),
]
OneMessage = Annotated[
    str | None,
    typer.Option(
        metavar="C:N",
        help="Show message N of connection C whole, as the list numbers it.",
        rich_help_panel=_PANEL,
    ),
]
As = Annotated[
    View,
    typer.Option(
        "--as",
        help="How: auto indents JSON, shows other text as it is, and bytes in hexadecimal.",
        rich_help_panel=_PANEL,
    ),
]
Save = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Write the payload of each message to a file there, with an index.csv.",
    ),
]


@app.command(no_args_is_help=True)
def messages(
    files: Files,
    where: WhereMessages = None,
    grep: Grep = None,
    sent_by: SentBy = None,
    larger: Larger = None,
    late: Late = False,
    connection: Connection = None,
    no_control: NoControl = False,
    sort: Sort = None,
    top: Top = None,
    message: OneMessage = None,
    view: As = "auto",
    save: Save = None,
    csv: CsvFolder = None,
    parquet: ParquetFolder = None,
    json: JsonFile = None,
    payload: KeptPayload = "preview",
    keys: Keys = [],  # noqa: B006
    show_secrets: ShowSecrets = False,
    no_inside: NoInside = False,
    fail_on: FailOn = [],  # noqa: B006
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> int:
    """List messages; find, show and save them. Control frames are listed between them.

    Reports (--csv and the like) hold all tables, of messages only those that match.
    """
    given = locals()
    with pipes():
        return run(Request(**{each.name: given[each.name] for each in fields(Request)}))


def run_messages(arguments: Sequence[str]) -> int:
    """Run the verb `messages`."""
    status: Any = app(list(arguments), prog_name="wsanalyze messages", standalone_mode=False)
    return status if isinstance(status, int) else OK


def run(request: Request) -> int:
    """Do what is asked; return the exit status.

    Raises:
        WsanalyzeError: It cannot be done; the caller's problem.
    """
    from analyzer import analysis

    options = _options(request)
    wanted = _wanted(request)
    console = _console(request)
    say_if_slow(request.files)
    watched = conditions(request.fail_on)
    wide = not request.no_progress and (request.save is not None or request.quiet)
    with (
        progress(request.files, wanted=wide) as on_progress,
        _stdin(request, wanted) as stdin,
    ):
        connections = _connections(request, options, wanted, stdin)
        shown = _shown(request, wanted, console)
        # All at once: where one cannot be made, none is left behind.
        opened = made([*_reports(request), *_folder(request)])
        saved = opened[len(opened) - (request.save is not None) :]
        lists: list[Writer] = [*_listed(shown), *saved]
        kept = _filters(wanted, connections, lists, opened[: len(opened) - len(saved)])
        writers: list[Writer] = [*kept, *([watched] if watched is not None else [])]
        analysis.run(request.files, options, writers, on_progress=on_progress, stdin=stdin())
    _say(request, console, kept[0], shown, saved)
    return FOUND if failed(watched) else OK


def _needs_whole(request: Request) -> bool:
    """Return whether payloads are looked at whole, whatever --payload says of the reports."""
    return any((request.grep, request.message, request.save))


def _options(request: Request) -> Options:
    from analyzer.options import Options

    return Options(
        payload="full" if _needs_whole(request) else request.payload,
        show_secrets=request.show_secrets,
        keys=tuple(map(str, request.keys)),
        inside=not request.no_inside,
        # They cost time, and only reports and conditions show them.
        alternatives=any((request.csv, request.parquet, request.json, request.fail_on)),
    )


def _wanted(request: Request) -> Wanted:
    from analyzer.options import Options
    from analyzer.selection import Wanted

    connection, message = request.connection, None
    if request.message is not None:
        asked = re.fullmatch(r"(\d{1,18}):(\d{1,18})", request.message)
        if asked is None:
            raise OptionError(
                f"--message takes connection:message, not {request.message!r}",
                hint="for example: --message 0:12, as the list numbers them",
            )
        connection, message = int(asked[1]), int(asked[2])
    wanted = Wanted(
        connection=connection,
        message=message,
        sent_by=request.sent_by,
        larger_than=None if request.larger is None else _bytes(request.larger),
        late_us=Options().late_us if request.late else None,
        grep=request.grep,
        where=request.where,
    )
    wanted.condition()  # what is wrong with it is said before anything is read
    return wanted


def _bytes(text: str) -> int:
    found = re.fullmatch(r"(\d{1,15})\s*([kKmMgG]?)[bB]?", text.strip())
    if found is None:
        raise OptionError(f"--larger takes bytes such as 1000, 10k or 1M, not {text!r}")
    return int(found[1]) * _MULTIPLES[found[2].lower()]


def _console(request: Request) -> Console | None:
    if request.json == "-" and not request.quiet:
        raise OptionError(
            "--json - and a list on the terminal both want standard output",
            hint="give --json a file name",
        )
    if request.quiet:
        return None
    from analyzer.report.layout import make_console

    return make_console(sys.stdout)


def _stdin(request: Request, wanted: Wanted) -> AbstractContextManager[Callable[[], Any]]:
    """Return what gives standard input; kept for a second reading only where there is one.

    Else a pipe is listed while it is written.
    """
    from analyzer.analysis import read_twice
    from analyzer.selection import connection_columns

    if connection_columns(wanted.condition()):
        return read_twice(request.files)
    return nullcontext(lambda: None)


def _connections(
    request: Request, options: Options, wanted: Wanted, stdin: Callable[[], Any]
) -> TableRows | None:
    """Return the connections, where --where needs columns of theirs; that reads the input."""
    from analyzer import analysis
    from analyzer.selection import connection_columns
    from analyzer.tables import schema

    if not connection_columns(wanted.condition()):
        return None
    collector = analysis.Collector([schema.CONNECTIONS])
    analysis.run(request.files, options, [collector], stdin=stdin())
    return collector.rows(schema.CONNECTIONS)


def _filters(
    wanted: Wanted, connections: TableRows | None, lists: Sequence[Writer], whole: Sequence[Writer]
) -> list[MessageFilter]:
    from analyzer.selection import MessageFilter

    kept = [MessageFilter(lists, wanted, connections)]
    if whole:
        kept.append(MessageFilter(whole, wanted, connections, others=True))
    return kept


def _shown(request: Request, wanted: Wanted, console: Console | None) -> Writer | None:
    """Return what goes to the terminal."""
    if console is None:
        return None
    if wanted.message is not None:
        from analyzer.report.message import MessageReport

        assert wanted.connection is not None
        return MessageReport(wanted.connection, wanted.message)
    if request.save is not None and request.sort is None and request.top is None:
        return None
    if request.late or request.sort is not None or request.top is not None:
        from analyzer.report.ranked import RankedListing

        top = TOP if request.sort is not None and request.top is None else request.top
        return RankedListing(console, request.sort or "time", top)
    from analyzer.report.listing import MessageListing

    tables = ["messages"] if request.no_control else ["messages", "frames"]
    return MessageListing(console, tables)


def _listed(shown: Writer | None) -> list[Writer]:
    """Return what lists on the terminal, as a writer that keeps no whole payloads in its rows."""
    from analyzer.report.hiding import WHOLE, Hiding
    from analyzer.report.message import MessageReport

    if shown is None:
        return []
    return [shown if isinstance(shown, MessageReport) else Hiding(shown, WHOLE)]


def _reports(request: Request) -> Iterator[Callable[[], Writer]]:
    """Yield what makes the reports; they hold as much payload as --payload says."""
    from analyzer.report.hiding import HIDDEN, WHOLE, Hiding

    def hiding(make: Callable[[], Writer]) -> Writer:
        return Hiding(make(), HIDDEN if request.payload == "none" else WHOLE)

    hides = _needs_whole(request) and request.payload != "full"
    for make in reports(request.csv, request.parquet, request.json):
        yield partial(hiding, make) if hides else make


def _folder(request: Request) -> Iterator[Callable[[], Writer]]:
    if request.save is not None:
        from analyzer.report.payloads import PayloadFolder

        folder = request.save
        yield lambda: PayloadFolder(folder)


def _say(
    request: Request,
    console: Console | None,
    kept: MessageFilter,
    shown: Writer | None,
    saved: Sequence[Writer],
) -> None:
    """Print the one message that is asked for, or how many there were."""
    from analyzer.report.layout import say
    from analyzer.report.wording import number, plural

    if console is None:
        return
    if request.message is not None:
        _show_one(request, console, shown, kept.seen)
    elif not kept.matched:
        say(console, f"0 of {plural(kept.seen, 'message')} match")
    elif kept.matched < kept.seen:
        say(console, f"{number(kept.matched)} of {plural(kept.seen, 'message')} match")
    for each in saved:
        _say_saved(console, each)


def _show_one(request: Request, console: Console, shown: Writer | None, seen: int) -> None:
    from analyzer.report.message import MessageReport

    assert isinstance(shown, MessageReport)
    if not shown.found:
        raise OptionError(
            f"there is no message {request.message}",
            hint=f"the input holds {seen} messages; wsanalyze messages FILE lists them",
        )
    shown.render(console, request.view)


def _say_saved(console: Console, folder: Any) -> None:
    from analyzer.report.layout import say
    from analyzer.report.wording import plural, printable

    out: PayloadFolder = folder
    more = ""
    if out.left_out:
        more = f"; {plural(out.left_out, 'message')} in {out.folder}/index.csv without a file"
    say(console, printable(f"wrote {plural(out.saved, 'payload')} to {out.folder}{more}"))
