"""Stands in for analyzer.pipeline: hands out made-up rows and remembers how it was called."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, BinaryIO

from oracle.sample import batches

from analyzer.options import Options
from analyzer.report.output import Writer
from analyzer.tables.schema import TableRows
from analyzer.tables.summary import Capture, Summary


class FakePipeline:
    """Has `run` as the pipeline has it."""

    def __init__(self, rows: Sequence[TableRows] | None = None) -> None:
        self.rows = batches() if rows is None else list(rows)
        self.calls: list[tuple[list[str], Options, bytes | None]] = []
        self.only: list[Collection[int] | None] = []
        self.fronts: list[int] = []
        self.error: BaseException | None = None

    def run(
        self,
        paths: Sequence[Any],
        options: Options,
        writers: Sequence[Writer] = (),
        on_progress: Callable[[int, int | None], None] | None = None,
        stdin: BinaryIO | None = None,
        only: Collection[int] | None = None,
        listener: Any = None,
        fronts: int = 0,
    ) -> Summary:
        read = stdin.read() if stdin is not None else None
        self.only.append(only)
        self.fronts.append(fronts)
        self.calls.append(([str(path) for path in paths], options, read))
        summary = Summary()
        summary.capture = Capture(files=[str(path) for path in paths], packets=48)
        for rows in self.rows:
            summary.add(rows)
            for writer in writers:
                writer.write(rows)
        if self.error is not None:
            for writer in writers:
                writer.abort()
            raise self.error
        for writer in writers:
            writer.close()
        return summary
