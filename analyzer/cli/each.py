"""`wsanalyze --each FOLDER...`: every capture by itself, several at a time.

A capture is a task (`analyse`), done here or by a process of jobs.pool. One that cannot be read,
or whose process dies, is said and does not keep the others from being analysed. Called by
cli.analyze_arguments.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from analyzer.capture.folders import named
from analyzer.cli.analyze import FOUND, OK, Request, analysed
from analyzer.cli.shared import progress_of_tasks
from analyzer.errors import (
    CaptureAccessError,
    KeyLogError,
    NotACaptureError,
    OptionError,
    WsanalyzeError,
)
from analyzer.named_tuple import NamedTuple
from analyzer.report.dataset import staging
from analyzer.report.each import Outcome, outcome_of, render

CALLERS_ERROR = 2


class Task(NamedTuple):
    """A capture to be analysed.

    Attributes:
        name: below the folder that was asked for, with "/" between folders.
        found: whether it was found in a folder; then it may be no capture.
        request: what to do with it, and where its reports go.
    """

    name: str
    found: bool
    request: Request


def run_each(request: Request) -> int:
    """Analyse every capture by itself; return the exit status.

    Raises:
        WsanalyzeError: Nothing can be analysed, or an option is wrong.
    """
    _check(request)
    tasks = list(tasks_of(request))
    outcomes: list[Outcome | None] = [None] * len(tasks)

    with progress_of_tasks(wanted=not request.no_progress) as on_progress:
        for done, (place, outcome) in enumerate(_outcomes(tasks, request.jobs), 1):
            if outcome.option_fault:
                raise OptionError(outcome.error or "", hint=outcome.hint)
            outcomes[place] = outcome
            on_progress(done, len(tasks))
    known = [each for each in outcomes if each is not None]
    if not any(each.is_capture for each in known):
        where = ", ".join(map(str, request.files))
        raise CaptureAccessError(f"{where} holds no captures.")
    return _told(request, known)


def _check(request: Request) -> None:
    """Refuse what is about one capture."""
    if any(str(path) == "-" for path in request.files):
        raise OptionError("--each reads files, not standard input")
    single = {
        "--connection": request.connection is not None,
        "--handshake": request.handshake is not None,
        "--why": request.why,
        "--json -": request.json_to_stdout,
    }
    for name, given in single.items():
        if given:
            raise OptionError(f"{name} is about one capture", hint="leave out --each")


# --- what there is to do


def tasks_of(request: Request) -> Iterator[Task]:
    """Yield a task for each file that is named or in a folder that is named, by name.

    Raises:
        CaptureAccessError: A path does not exist, or a folder cannot be listed.
        OptionError: Two captures would have the same name.
    """
    names: dict[str, Path] = {}
    reports = (request.csv, request.json, request.html, request.har, request.pcapng)
    outputs = [Path(each) for each in (*reports, request.parquet) if each is not None]
    for name, path, found in named([Path(each) for each in request.files], outputs):
        other = names.setdefault(name, path)
        if other != path:
            raise OptionError(
                f"{other} and {path} would both be named {name}",
                hint="analyse them in two runs, or name the folder above both",
            )
        yield Task(name, found, _of_one(request, name, path))


def _of_one(request: Request, name: str, path: Path) -> Request:
    """Return what is asked of one capture; its reports are named as it is."""

    def beside(folder: Path | None, ending: str) -> Path | None:
        return None if folder is None else folder / f"{name}{ending}"

    return replace(
        request,
        each=False,
        files=[path],
        csv=beside(request.csv, ""),
        json=None if request.json is None else str(beside(Path(request.json), ".json")),
        html=beside(request.html, ".html"),
        har=beside(request.har, ".har"),
        pcapng=beside(request.pcapng, ".pcapng"),
        quiet=True,
        no_progress=True,
        jobs=1,
    )


# --- one capture


def analyse(task: Task) -> Outcome:
    """Analyse one capture; errors are part of the outcome. Also called in other processes."""
    from analyzer.capture.source import open_capture
    from analyzer.options import DEFAULT

    (path,) = task.request.files
    try:
        # Before anything is made for its reports.
        open_capture([path], DEFAULT).close()
        _make_folders(task.request)
        summary, watched = analysed(task.request, capture=task.name)
    except NotACaptureError as error:
        if task.found:
            return Outcome(task.name, is_capture=False)
        return Outcome(task.name, error=str(error), hint=error.hint)
    except (OptionError, KeyLogError) as error:
        return Outcome(task.name, error=str(error), hint=error.hint, option_fault=True)
    except WsanalyzeError as error:
        return Outcome(task.name, error=str(error), hint=error.hint)
    except Exception as error:
        # A fault of ours in one capture must not cost the report of the others.
        what = f"a fault of wsanalyze itself: {type(error).__name__}: {error}"
        return Outcome(task.name, error=what, hint="please report it")
    reasons = () if watched is None else tuple(watched.reasons())
    return outcome_of(task.name, summary)._replace(reasons=reasons)


def _make_folders(request: Request) -> None:
    """Make the folders that the reports go to, as far as writers do not make them.

    Raises:
        ReportError: One cannot be made.
    """
    from analyzer.report.output import report_errors

    files = (request.csv, request.json, request.html, request.har, request.pcapng)
    for file in files:
        if file is not None:
            folder = Path(file).parent
            with report_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)


# --- all captures


def _outcomes(tasks: Sequence[Task], jobs: int | None) -> Iterator[tuple[int, Outcome]]:
    """Yield each task's place and outcome, as they are done."""
    from analyzer.jobs.cores import cores
    from analyzer.jobs.pool import Died, Pool
    from analyzer.jobs.remote import possible

    processes = min(cores() if jobs is None else jobs, len(tasks))
    if processes == 1 or not possible():
        for place, task in enumerate(tasks):
            yield place, analyse(task)
        return
    with Pool("analyzer.cli.each:analyse", processes) as pool:
        for place, result in pool.results(tasks):
            if isinstance(result, Died):
                _clean(tasks[place], result.pid)
                error = f"the process that analysed it {result.how}"
                result = Outcome(tasks[place].name, error=error)
            yield place, result


def _clean(task: Task, process: int) -> None:
    """Remove what a process left of a capture's reports when it died."""
    from analyzer.report.output import remove_partial

    request = task.request
    for file in (request.json, request.html, request.har, request.pcapng):
        if file is not None:
            remove_partial(Path(file), process, made_folder=False)
    if request.csv is not None:
        remove_partial(request.csv, process, made_folder=True)
    if request.parquet is not None:
        shutil.rmtree(staging(request.parquet, task.name, process), ignore_errors=True)


def _told(request: Request, outcomes: Sequence[Outcome]) -> int:
    """Print the report and what --fail-on found; return the exit status."""
    from analyzer.report.layout import make_console
    from analyzer.report.wording import printable

    if not request.quiet:
        render(outcomes, make_console(sys.stdout))
    for each in outcomes:
        for reason in each.reasons:
            line = f"wsanalyze: {printable(each.name)}: --fail-on {printable(reason)}"
            sys.stderr.write(line + "\n")
        if each.error is not None and request.quiet:
            sys.stderr.write(f"error: {printable(each.name)}: {printable(each.error)}\n")
    if any(each.error is not None for each in outcomes):
        return CALLERS_ERROR
    return FOUND if any(each.reasons for each in outcomes) else OK
