"""The verb `live`: packets as they come.

Knows the terminal, and the order in which rights are used and given up: interfaces are
opened first, then the process becomes an ordinary user, then files of reports are opened.
Must not know how packets are captured. Called by verbs. Whatever is slow to import is
imported by the functions that need it.
"""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from analyzer.cli.arguments import (
    Buffered,
    Clients,
    CsvFolder,
    FailOn,
    Hold,
    Interval,
    JsonFile,
    Keys,
    NoAlternatives,
    NoInside,
    NoKeepAlive,
    ParquetFolder,
    Quiet,
    ShowSecrets,
)
from analyzer.cli.live_arguments import (
    BackendName,
    Count,
    Filter,
    Follow,
    For,
    Interfaces,
    LivePayload,
    LiveRequest,
    Promiscuous,
    UserName,
    WhereOpened,
    Write,
    WriteFiles,
    WriteSize,
    seconds,
    size,
)
from analyzer.cli.outputs import STDOUT, conditions, failed, made, model, reports
from analyzer.cli.shared import pipes
from analyzer.cli.watch_arguments import (
    Events,
    Exec,
    ExecEvents,
    Idle,
    Keep,
    MaxMetricLabels,
    Metrics,
    MetricsLabels,
    NoScreen,
    Rotate,
    RotateKeep,
    RotateSize,
    UntilFound,
    watch_request,
)
from analyzer.errors import KeyLogError, OptionError, ReportError, WsanalyzeError

if TYPE_CHECKING:
    from analyzer.capture.live import LiveSource
    from analyzer.live.choice import Choice
    from analyzer.live.ready import Readiness
    from analyzer.live.run import Keeper, Observer, Outcome
    from analyzer.live.stop import Stop
    from analyzer.options import Options
    from analyzer.report.output import Writer
    from analyzer.tables.conditions import Conditions
    from analyzer.tables.summary import Summary

OK, FOUND, INTERRUPTED = 0, 1, 130
_GONE = (errno.EPIPE, errno.EIO, errno.EBADF)
"""Of a pipe without a reader, and of a terminal that was closed."""
STDIN = "-"

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    where: WhereOpened = None,
    csv: CsvFolder = None,
    parquet: ParquetFolder = None,
    json: JsonFile = None,
    rotate: Rotate = None,
    rotate_size: RotateSize = None,
    rotate_keep: RotateKeep = 0,
    keep: Keep = [],  # noqa: B006
    events: Events = None,
    no_screen: NoScreen = False,
    metrics: Metrics = None,
    metrics_labels: MetricsLabels = "",
    max_metric_labels: MaxMetricLabels = 100,
    until: UntilFound = [],  # noqa: B006
    exec: Exec = None,
    exec_events: ExecEvents = "findings,diagnoses",
    idle: Idle = None,
    payload: LivePayload = None,
    show_secrets: ShowSecrets = False,
    keys: Keys = [],  # noqa: B006
    fail_on: FailOn = [],  # noqa: B006
    quiet: Quiet = False,
    interval: Interval = ["1"],  # noqa: B006  typer copies it
    clients: Clients = [],  # noqa: B006
    hold: Hold = 30.0,
    buffered: Buffered = None,
    no_keep_alive: NoKeepAlive = False,
    no_alternatives: NoAlternatives = False,
    no_inside: NoInside = False,
) -> int:
    """Analyse WebSocket traffic while it happens.

    Ctrl-C, SIGTERM and SIGHUP end it with the report and the tables that a file
    would give; a second one leaves out the comparison with other transports.

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
    same += ("write", "write_files", "csv", "parquet", "json", "fail_on", "until", "quiet", "where")
    duration, most = given["duration"], given["write_size"]
    # A pipe, a log file or a journal gets no payload unless somebody asked for it.
    hides = given["payload"] is None and not sys.stdout.isatty()
    request = LiveRequest(
        interfaces=named,
        duration=None if duration is None else seconds(duration),
        write_size=None if most is None else size(most),
        watch=watch_request(given, source, screen=free, hides_payload=hides),
        hides_payload=hides,
        keys=given["keys"],
        **{name: given[name] for name in same},
    )
    shape = given["interval"], given["clients"], given["hold"], given["buffered"]
    options = Options(
        payload=given["payload"] or "preview",
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
    from analyzer.live.stop import signals

    _check(request)
    watched, awaited = conditions(request.fail_on), _awaited(request.until)
    decide = _choice(request.where)
    with signals(options.live_end_s) as stop:
        source = opened(request, options)
        keeper: Keeper | None = None
        watchers: list[Observer] = []
        writers: list[Writer] = []
        try:
            who = give_up_rights(request)
            _say_missing_keys(request)
            try:
                csv, parquet = request.csv, request.parquet
                if request.watch.rotates:
                    csv = parquet = None
                say_left_behind(request)
                writers = made(reports(csv, parquet, request.json, lasting=True))
                if request.json == STDOUT and request.hides_payload:
                    from analyzer.report.hiding import Hiding

                    writers[-1] = Hiding(writers[-1])
                writers += [] if watched is None else [watched]
                if awaited is not None:
                    writers.append(loop.UntilFound(awaited, stop))
                keeper = _keeper(request, source)
                watchers = observers(request, options, stop)
            except ReportError as error:
                raise _as_whom(error, who) from error
        except BaseException:
            for writer in writers:
                writer.abort()
            source.close()
            raise
        until = loop.Until(seconds=request.duration, packets=request.count)
        ready = _tell_ready(request)
        try:
            outcome = loop.outcome_of(
                source,
                options,
                writers,
                [*watchers, ready],
                until=until,
                stop=stop,
                keeper=keeper,
                ending=ready.stopping,
                decide=decide,
            )
        except KeyLogError as error:
            raise _as_whom(error, who) from error
    return _answer(request, outcome, watched, awaited)


def _choice(where: str | None) -> Choice | None:
    if where is None:
        return None
    from analyzer.live.choice import Choice

    return Choice(where)


def _awaited(given: Sequence[str]) -> Conditions | None:
    """Return what watches for --until.

    Raises:
        OptionError: One is neither a severity nor an id.
    """
    for text in given:
        if "(" in text:
            raise OptionError(f"--until takes an id or a severity, not {text!r}")
    return conditions(given)


def _answer(
    request: LiveRequest,
    outcome: Outcome,
    watched: Conditions | None,
    awaited: Conditions | None,
) -> int:
    """Print the report, say what ended the run before its time, and return the exit status.

    Raises:
        Exception: That which ended it, for main to say.
    """
    from analyzer.live.stop import NotRead

    failure = outcome.failure
    gone = isinstance(failure, OSError) and failure.errno in _GONE
    if not request.quiet and request.json != STDOUT:
        # Where events take standard output, words have no place there.
        stream = sys.stderr if request.watch.streams_events else sys.stdout
        # A terminal that was closed, and a report that a fault left in the middle.
        with contextlib.suppress(*((OSError,) if failure is None else (Exception,))):
            _print(outcome.summary, stream)
    if gone:
        did = "does not read" if isinstance(failure, NotRead) else "went away"
        _say(f"who read the output {did}: ended; all that was seen until then is written")
        raise BrokenPipeError
    if failure is not None:
        raise failure
    if outcome.hurried:
        _say("asked twice to end: written without the comparison with other transports")
        return INTERRUPTED
    if outcome.left_out:
        _say(
            "the end took too long after SIGTERM: written without the comparison "
            "with other transports"
        )
    for reason in [] if awaited is None else awaited.reasons():
        _say(f"--until {reason}")
    found = awaited is not None and bool(awaited.reasons())
    return FOUND if failed(watched) or found else OK


def _say(text: str) -> None:
    from analyzer.report.wording import printable

    with contextlib.suppress(OSError):  # a terminal that was closed
        sys.stderr.write(printable(f"wsanalyze: {text}") + "\n")
        sys.stderr.flush()


def _tell_ready(request: LiveRequest) -> Readiness:
    """Report that packets are captured: a person, a script, systemd."""
    from analyzer.live.ready import Readiness

    if request.follow is not None:
        text = f"following {request.follow}"
    elif request.interfaces == [STDIN]:
        text = "reading standard input"
    else:
        chosen = request.backend or "ring"
        what = f"filter {request.filter!r}" if request.filter else "no filter"
        text = f"capturing on {', '.join(request.interfaces)}, {what}, by {chosen}"
    if not request.watch.has_screen:
        _say(text)
        _say_bridges(request)
    return Readiness(text)


def _say_bridges(request: LiveRequest) -> None:
    """Say what a bridge keeps from who captures on it: a container's traffic with another."""
    from analyzer.capture import interfaces

    names = [] if request.promiscuous else [*request.interfaces]
    with contextlib.suppress(OSError):  # not Linux
        for name in names:
            found = interfaces.named(name)
            if found is not None and found.bridge:
                _say(f"{name} is a bridge: what passes between its ports needs --promiscuous")


def _say_missing_keys(request: LiveRequest) -> None:
    for path in request.keys:
        try:
            path.lstat()
        except FileNotFoundError:
            _say(f"--keys {path} is not there yet: it is read when it appears")
        except OSError:
            continue  # is said where it is read


def say_left_behind(request: LiveRequest) -> None:
    """Say what runs that died left in the folders of this one, and put it aside.

    Raises:
        ReportError: It cannot be put aside.
    """
    from analyzer.report.recovery import left_behind

    json = None if request.json in (None, STDOUT) else Path(str(request.json))
    for place in left_behind(request.csv, request.parquet, json, rotates=request.watch.rotates):
        _say(f"a run that died left rows behind: wsanalyze recover {place} makes tables of them")


def observers(request: LiveRequest, options: Options, stop: Stop | None = None) -> list[Observer]:
    """Return the observers of the run: what is asked for, and words on standard error."""
    from analyzer.live.key_watch import KeyWatch
    from analyzer.live.watch import build_observers
    from analyzer.report.notices import Notices

    watchers: list[Observer] = [*build_observers(request.watch, options, stop)]
    say: Callable[[str], None] = _say
    if request.watch.has_screen:
        # A screen has a place for words.
        from analyzer.report.live_view import LiveView

        say = next(each.warn for each in watchers if isinstance(each, LiveView))
    else:
        watchers.append(Notices(sys.stderr))
    return [*watchers, KeyWatch(request.keys, say)] if request.keys else watchers


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
    # The user may not be allowed to read the folder that this program is in.
    _load_all(request)
    privileges.drop(user)
    return user.name


def _load_all(request: LiveRequest) -> None:
    """Load what may be needed later, libraries and codecs among it."""
    from analyzer.live.loading import load_all
    from analyzer.live.watch import modules

    # A condition takes pandas, as tables do.
    wanted = (request.csv, request.parquet, request.where)
    load_all(modules(request.watch), tables=any(each is not None for each in wanted))


def _as_whom(error: WsanalyzeError, who: str | None) -> WsanalyzeError:
    if who is None or (isinstance(error, ReportError) and error.hint):
        return error  # what it needs is no right
    if isinstance(error, KeyLogError):
        hint = f"let {who} read it, or --user NAME; --user root stays root"
        return KeyLogError(f"{error} (as user {who})", hint=hint)
    return ReportError(
        f"{error} (as user {who})",
        hint=f"name a folder that user {who} can write to, or --user NAME; --user root stays root",
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
