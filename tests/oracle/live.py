"""Runs that go on: a capture led through the pipeline as a live run would, with who watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from analyzer.capture.records import RecordBatch
from analyzer.capture.source import open_capture
from analyzer.options import DEFAULT, Options
from analyzer.pipeline import Pipeline
from analyzer.report.observer import CaptureStats
from analyzer.tables.chosen import Decide
from analyzer.tables.running import Snapshot
from analyzer.tables.schema import LEDGER_PARTS, TableRows
from analyzer.tables.summary import row_values

CAPTURES = Path(__file__).parents[2] / "captures"
STATS = CaptureStats(10, 0, 10)


class Recorder:
    """An observer that keeps all that it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.final: list[tuple[str, dict[str, Any]]] = []
        self.ticks: list[int] = []
        self.ended = ""
        self.snapshot: Callable[[], Snapshot] | None = None

    def attach(self, snapshot: Callable[[], Snapshot]) -> None:
        self.snapshot = snapshot

    def news(self, rows: TableRows) -> None:
        self.told += [(rows.table.name, row_values(rows, place)) for place in range(rows.count)]

    def write(self, rows: TableRows) -> None:
        self.final += [(rows.table.name, row_values(rows, place)) for place in range(rows.count)]

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        self.ticks.append(now_ns)

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def news_of(self, table: str) -> list[dict[str, Any]]:
        return [row for name, row in self.told if name == table]

    def rows_of(self, table: str) -> list[dict[str, Any]]:
        return [row for name, row in self.final if name == table]


def packets_of(name: str) -> Iterator[RecordBatch]:
    """Yield a capture packet by packet."""
    for batch in open_capture([CAPTURES / name], DEFAULT):
        for row in batch.rows:
            data = batch.data[row["start"] : row["start"] + row["captured"]].copy()
            one = np.array([row], batch.rows.dtype)
            one["start"] = 0
            yield RecordBatch(one, data, len(data))


def replay(
    name: str,
    observers: Sequence[Any],
    options: Options = DEFAULT,
    *,
    ticks: bool = True,
    decide: Decide | None = None,
) -> Pipeline:
    """Lead a capture through the pipeline packet by packet, with ticks; do not finish it."""
    pipeline = Pipeline(options, observers, decide=decide)
    for count, batch in enumerate(packets_of(name), 1):
        pipeline.push(batch)
        now = pipeline.summary.capture.last_time
        if ticks:
            pipeline.tick(now)
        for observer in observers:
            observer.tick(now, CaptureStats(count, 0, count))
    return pipeline


def snapshot(**more: Any) -> Snapshot:
    """Return a made-up snapshot."""
    ledger = {name: 10 * (place + 1) for place, name in enumerate(LEDGER_PARTS)}
    ledger |= {"wire_bytes": sum(ledger.values()), "packets": 12}
    values: dict[str, Any] = {
        "tcp_connections": 7,
        "connections": 3,
        "ledger": (ledger, ledger),
        "held_bytes": {"tcp": 1000, "http": 5},
        "let_go": {"idle": 2, "limit": 0},
        "poll_heads": (400.0, 100.0),
    }
    return Snapshot(**(values | more))
