"""Each stage alone: `python -m benchmarks.kernels [--only WORKLOAD]`.

The stages are chained as in the pipeline and each one's pushes are timed, so that every
kernel works on what it gets in earnest: batches of a real size, warm from the stage
before. What is still open at the end of the file is left out. A stage that is not there
is skipped with a word, and so are those behind it.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import workloads

STAGES = (
    # Name, module, class, and what its rows are called: rows are counted as they leave.
    ("packets: header decode", "analyzer.packets.decode", "PacketDecoder", "segments"),
    ("tcp: assembly", "analyzer.tcp.reassembly", "Reassembler", "chunks"),
    ("tls: record walk, hellos", "analyzer.tls.stage", "TlsStage", "chunks passed"),
    ("http: heads, upgrades", "analyzer.http.stage", "HttpStage", "chunks passed"),
    ("websocket: frame walk, unmasking", "analyzer.websocket.stage", "WebSocketStage", "frames"),
    ("tables: build", "analyzer.tables.build", "TableBuilder", "rows of all tables"),
)


@dataclass
class Timed:
    """What one stage did in one pass over a file.

    Attributes:
        name: of the stage.
        unit: what its rows are.
        push: the stage's own.
        rows: handed on.
        seconds: spent in it, those before it not counted.
    """

    name: str
    unit: str
    push: Callable[[Any], Any]
    rows: int = 0
    seconds: float = 0.0

    def __call__(self, batch: Any) -> Any:
        """Push a batch and note the time."""
        begin = time.perf_counter()
        result = self.push(batch)
        self.seconds += time.perf_counter() - begin
        self.rows += rows_of(result) if result is not None else 0
        return result


def rows_of(result: Any) -> int:
    """Return how many rows a stage handed on."""
    if isinstance(result, list):  # of TableRows
        return sum(table.count for table in result)
    rows = result.frames if hasattr(result, "frames") else result.rows
    return len(rows)


@dataclass
class Chain:
    """The stages that are there, and the names of those that are not."""

    stages: list[Timed] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def chain(folder: Path) -> Chain:
    """Return fresh stages, in order, the CSV report last."""
    out = Chain()
    options = importlib.import_module("analyzer.options").DEFAULT
    for name, module, kind, unit in STAGES:
        try:
            stage = getattr(importlib.import_module(module), kind)(options)
        except (ImportError, AttributeError) as error:
            out.missing.append(f"{name}: {error}")
            return out
        push = rows_alone(stage.push) if name.startswith("tls") else stage.push
        out.stages.append(Timed(name, unit, push))
    summary = importlib.import_module("analyzer.tables.summary").Summary()
    writer = importlib.import_module("analyzer.report.csv").CsvWriter(folder)
    for name, take in (("tables: summary", summary.add), ("report: cells as CSV", writer.write)):
        out.stages.append(Timed(name, "rows of all tables", each(take)))
    return out


def rows_alone(push: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a push that hands on the stream below, as the pipeline does."""
    return lambda batch: push(batch).stream


def each(take: Callable[[Any], None]) -> Callable[[list[Any]], list[Any]]:
    """Return a push that gives every table's rows to `take` and hands them on."""

    def push(tables: list[Any]) -> list[Any]:
        for table in tables:
            take(table)
        return tables

    return push


def one_pass(path: Path) -> Chain:
    """Push a file through all stages; the file reader is the first of them."""
    options = importlib.import_module("analyzer.options").DEFAULT
    open_capture = importlib.import_module("analyzer.capture.source").open_capture
    with tempfile.TemporaryDirectory(prefix="wsanalyze-benchmark-") as folder:
        chained = chain(Path(folder) / "csv")
        batches = iter(open_capture([path], options))
        reader = Timed("capture: file, record walk", "records", lambda _: next(batches, None))
        while (batch := reader(None)) is not None:
            for stage in chained.stages:
                batch = stage(batch)
        chained.stages.insert(0, reader)
    return chained


def measure(path: Path, passes: int) -> list[str]:
    """Return a Markdown line for each stage, with the median of several passes."""
    runs = [one_pass(path) for _ in range(passes)]
    out = []
    for index, stage in enumerate(runs[0].stages):
        seconds = statistics.median(run.stages[index].seconds for run in runs)
        each = seconds / max(stage.rows, 1) * 1e9
        rate = stage.rows / seconds / 1e6
        out.append(
            f"| {stage.name} | {stage.rows:,} {stage.unit} | {seconds * 1e3:.1f} ms "
            f"| {each:.0f} ns | {rate:.1f} M/s |"
        )
    return [*out, *(f"| {text} | skipped | | | |" for text in runs[0].missing)]


def main() -> None:
    """Print a table for each workload."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__)
    parser.add_argument("--passes", type=int, default=3, help="passes (default 3)")
    parser.add_argument("--quick", action="store_true", help="small files")
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    arguments = parser.parse_args()
    for workload in workloads.all_workloads(quick=arguments.quick):
        if arguments.only not in workload.path.name or workload.name.startswith("long"):
            continue
        workload.make()
        sys.stdout.write(f"\n{workload.path.name}\n\n| stage | rows | time | each | rate |\n")
        sys.stdout.write("|---|---|---|---|---|\n")
        sys.stdout.write("\n".join(measure(workload.path, arguments.passes)) + "\n")


if __name__ == "__main__":
    main()
