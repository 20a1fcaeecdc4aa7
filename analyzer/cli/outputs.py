"""What options ask for: conditions, numbers of the model, and reports.

Knows the writers. Must not know where packets come from, or how arguments are parsed. Used by the
verbs. Whatever is slow to import is imported by the functions that need it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from analyzer.errors import OptionError

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.report.output import Writer
    from analyzer.tables.conditions import Conditions

T = TypeVar("T")
Payload = Literal["none", "preview", "full"]

STDOUT = "-"


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
    buffered: str | None,
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
        "buffered": _buffer(buffered),
        "keep_alive": keep_alive,
        "alternatives": alternatives,
    }


def _buffer(given: str | None) -> tuple[int, float] | None:
    """Return bytes and seconds of --buffered; without seconds it waits for ever.

    Raises:
        OptionError: One is no number.
    """
    if given is None:
        return None
    size, comma, wait = given.partition(",")
    try:
        return int(size), float(wait) if comma else float("inf")
    except ValueError as error:
        raise OptionError(f"--buffered takes bytes and seconds, not {given!r}") from error


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
    csv: Path | None,
    parquet: Path | None,
    json: str | None,
    *,
    lasting: bool = False,
    dataset: tuple[Path | None, str] = (None, ""),
) -> Iterator[Callable[[], Writer]]:
    """Yield what makes each report that is asked for.

    Args:
        csv: a folder.
        parquet: a folder.
        json: a file; may be STDOUT.
        lasting: rows are to outlive a run that is killed (report.parts).
        dataset: folder of a Parquet dataset of many captures, and the name of this one there.
    """
    if csv is not None:
        from analyzer.report.csv import CsvWriter, LastingCsvWriter

        folder = csv
        yield lambda: LastingCsvWriter(folder) if lasting else CsvWriter(folder)
    if parquet is not None:
        from analyzer.report.parquet import LastingParquetWriter, ParquetWriter

        other = parquet
        yield lambda: LastingParquetWriter(other) if lasting else ParquetWriter(other)
    if dataset[0] is not None:
        from analyzer.report.dataset import DatasetWriter

        yield partial(DatasetWriter, dataset[0], dataset[1])
    if json is not None:
        from analyzer.report.json import JsonWriter

        target: Any = sys.stdout.buffer if json == STDOUT else json
        yield lambda: JsonWriter(target, lasting=lasting)


def remote_reports(
    csv: Path | None, parquet: Path | None, json: str | None, jobs: int, *, hides: bool = False
) -> Iterator[Callable[[], Writer]]:
    """Yield what makes the same reports in other processes, up to `jobs` with this one.

    Args:
        csv: a folder.
        parquet: a folder.
        json: a file; not STDOUT.
        jobs: processes, two or more.
        hides: whether the reports get no whole payloads.
    """
    from pathlib import Path

    from analyzer.jobs.remote import Kind, WriterProcess

    asked: list[tuple[Kind, Path | None]] = [("csv", csv), ("parquet", parquet)]
    asked.append(("json", None if json is None else Path(json)))
    processes: list[WriterProcess] = []

    def make(kind: Kind, target: Path, place: int) -> Writer:
        if place == len(processes):
            processes.append(WriterProcess())
        return processes[place].report(kind, target, hides=hides)

    wanted = [(kind, target) for kind, target in asked if target is not None]
    for place, (kind, target) in enumerate(wanted):
        yield partial(make, kind, target, place % (jobs - 1))


def possible_jobs(asked: int) -> int:
    """Return how many processes may work, of those that --jobs asks for."""
    if asked == 1:
        return 1
    from analyzer.jobs.remote import possible

    return asked if possible() else 1


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
