"""What a worker does: one capture, whose tables become a part of the dataset.

    OUT/messages/capture=a.pcap/part-0.parquet   as report.dataset has it
    OUT/_captures/a.pcap.json                    that a.pcap is done, and of which state
    OUT/summary.json                             what became of all

A capture is done when its file in `_captures` is there: it is written last, and removed before
parts are replaced. What is done is left alone as long as the capture, its keys, the options and the
version are the same. Called by distributed.run, on workers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from analyzer.distributed.store import Store, is_url, store_of
from analyzer.distributed.survey import state_of
from analyzer.errors import CaptureAccessError, KeyLogError, NotACaptureError, OptionError
from analyzer.named_tuple import NamedTuple
from analyzer.options import Options
from analyzer.report.dataset import PART, part_folder
from analyzer.report.each import Outcome, outcome_of
from analyzer.report.output import Writer
from analyzer.report.parquet import ParquetWriter, file_name
from analyzer.tables.schema import TABLES
from analyzer.tables.summary import Summary
from analyzer.version import __version__

SUMMARY: Final = "summary.json"
_alone = threading.Lock()
"""A worker with several threads analyses one capture at a time: kernels hold the interpreter's
lock, so a second would take memory, and no time less."""


class Task(NamedTuple):
    """A capture to be analysed.

    Attributes:
        name: in the dataset.
        paths: of its files; one may be a URL.
        in_folder: whether it was found in a folder; then it may be no capture.
        folder: of the dataset.
        options: limits and switches.
        where: keep only connections for which this holds.
    """

    name: str
    paths: tuple[str, ...]
    in_folder: bool
    folder: str
    options: Options
    where: str | None = None


def work(task: Task) -> Outcome:
    """Analyse a capture, unless that was done; return what became of it.

    Raises:
        WsanalyzeError: It cannot be read or written at present.
    """
    store = store_of(task.folder)
    try:
        mark = _mark(task)
        before = _before(store, task.name, mark)
        if before is not None:
            return before
        with _alone:
            return _analyse(task, store, mark)
    except NotACaptureError as error:
        if task.in_folder:
            return Outcome(task.name, is_capture=False)
        return Outcome(task.name, error=str(error), hint=error.hint)
    except (OptionError, KeyLogError) as error:
        return Outcome(task.name, error=str(error), hint=error.hint, option_fault=True)


def conclude(folder: str, outcomes: Sequence[Outcome]) -> None:
    """Write the summary of a dataset, and remove what workers that died left in it.

    Raises:
        ReportError: It cannot be written.
    """
    store = store_of(folder)
    read = [each for each in outcomes if each.is_capture]
    counts = ("packets", "connections", "messages", "errors", "warnings")
    totals = {name: sum(getattr(each, name) for each in read) for name in counts}
    captures = [
        {key: value for key, value in _cells(each).items() if key != "before"}
        | ({} if each.error is None else {"error": each.error})
        for each in read
    ]
    said = {"wsanalyze": __version__, "totals": totals, "captures": captures}
    store.write(SUMMARY, json.dumps(said, indent=1).encode())
    store.tidy()


def _mark(task: Task) -> str:
    """Return what differs where the tables may.

    Raises:
        CaptureAccessError: A file is missing.
    """
    options = dict(vars(task.options))
    keys = options.get("keys") or ()
    logs = (keys,) if isinstance(keys, str) else tuple(keys)
    try:
        key_logs = [state_of(str(each)) for each in logs]
    except CaptureAccessError as error:
        raise KeyLogError(str(error)) from error
    said = __version__, options, task.where, task.paths, [*map(state_of, task.paths)], key_logs
    text = json.dumps(said, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _entry(name: str) -> str:
    return f"_captures/{quote(name, safe=' +,@')}.json"


def part_name(table: str, capture: str) -> str:
    """Return the name of a part in the dataset."""
    return (part_folder(Path(), table, capture) / PART).as_posix()


def _before(store: Store, name: str, mark: str) -> Outcome | None:
    """Return what became of a capture in an earlier run, if all of that is there."""
    written = store.read(_entry(name))
    if written is None:
        return None
    try:
        entry: dict[str, Any] = json.loads(written)
        if entry["mark"] != mark:
            return None
        for table, size in entry["parts"].items():
            if store.size(part_name(table, name)) != size:
                return None
        cells = entry["outcome"]
        return Outcome(**cells | {"name": name, "causes": tuple(cells["causes"]), "before": True})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # not ours, or of another version


def _cells(outcome: Outcome) -> dict[str, Any]:
    names = ("name", "packets", "connections", "messages", "errors", "warnings", "causes", "before")
    return {name: getattr(outcome, name) for name in names}


def _analyse(task: Task, store: Store, mark: str) -> Outcome:
    with store.staging() as staged:
        summary = _tables(task, staged / "tables")
        outcome = outcome_of(task.name, summary)
        store.remove(_entry(task.name))
        sizes = {
            table.name: store.place(
                staged / "tables" / file_name(table.name), part_name(table.name, task.name)
            )
            for table in TABLES
        }
        entry = {"mark": mark, "parts": sizes, "outcome": _cells(outcome)}
        store.write(_entry(task.name), json.dumps(entry).encode())
    return outcome


def _tables(task: Task, folder: Path) -> Summary:
    """Write the tables of a capture as Parquet; return its summary."""
    writer = ParquetWriter(folder)
    try:
        return _run(task, writer)
    except BaseException:
        writer.abort()
        raise


def _run(task: Task, writer: Writer) -> Summary:
    """Analyse a capture."""
    from analyzer.analysis import run

    if not is_url(task.paths[0]):
        return run([Path(each) for each in task.paths], task.options, [writer], task.where)
    import fsspec

    (url,) = task.paths
    try:
        with fsspec.open(url, "rb") as file:
            return run([Path("-")], task.options, [writer], task.where, stdin=file)
    except NotACaptureError as error:
        raise NotACaptureError(str(error).replace("standard input", url), hint=error.hint) from None
