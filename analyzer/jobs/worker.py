"""A process that formats and writes reports, while another one analyses.

It takes orders from standard input and answers on standard output (jobs.wire): `make` a report,
`rows`, `again` (the rows before, for another report), `captured`, `close`. Where the input ends,
reports that were not closed are undone: the analysis failed, or is gone. Knows the reports. Must
not know traffic. Started by jobs.remote.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, Final

from analyzer.errors import ReportError
from analyzer.jobs import wire
from analyzer.report.hiding import WHOLE, Hiding
from analyzer.report.output import WantsCapture, Writer

if TYPE_CHECKING:
    from pathlib import Path

UNDO: Final = signal.SIGTERM
"""Asks to undo what was not closed, also in the middle of it."""


def main() -> None:
    """Work until standard input ends."""
    serve(sys.stdin.buffer, replies())


def replies() -> IO[bytes]:
    """Make this a process that answers another one on standard output; return what to write to.

    UNDO then ends it as an error would, so that whatever it writes is undone.
    """
    # As the command line has it: rows are many objects that form no cycles.
    gc.set_threshold(200_000, 20, 20)
    signal.signal(UNDO, undo)
    answers = os.fdopen(os.dup(1), "wb")
    # What anything prints goes nowhere: the pipe is for answers alone.
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)
    return answers


def work(orders: IO[bytes], answers: IO[bytes]) -> None:
    """Do what is ordered, in a process that was forked."""
    signal.signal(UNDO, undo)
    serve(orders, answers)


def serve(orders: IO[bytes], replies: IO[bytes]) -> None:
    """Do what is ordered, until the orders end or one fails."""
    reports = _Reports()
    unpack = wire.Unpacker().unpack
    packer = wire.Packer()
    try:
        while (packed := wire.read(orders)) is not None:
            name, *arguments = unpack(packed)
            reply = reports.do(name, *arguments)
            if reply is not None:
                wire.write(replies, packer.pack(reply))
    except Exception as error:  # whatever it is, the analysis must hear of it
        with contextlib.suppress(OSError):
            wire.write(replies, packer.pack(_failure(error)))
    finally:
        reports.abort()


def _failure(error: Exception) -> tuple[str, str, str | None]:
    if isinstance(error, ReportError):
        return "failed", str(error), error.hint
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return "failed", f"the process that writes reports failed: {what}", None


def undo(*_: object) -> None:
    """End as an error would (a signal's handler), so that whatever is written is undone."""
    raise SystemExit


class _Reports:
    """The reports of this process, by number."""

    def __init__(self) -> None:
        self._writers: dict[int, Writer] = {}
        self._made: dict[int, Path] = {}
        self._before: Any = None

    def do(self, name: str, number: int, *arguments: Any) -> tuple[str, int] | None:
        """Do one thing to a report; return what to answer."""
        if name == "make":
            kind, target, hides, made_folder = arguments
            if made_folder:
                self._made[number] = target
            writer = _maker(kind)(target)
            self._writers[number] = Hiding(writer, WHOLE) if hides else writer
            return None
        report = self._writers[number]
        if name == "rows":
            (self._before,) = arguments
            report.write(self._before)
        elif name == "again":
            report.write(self._before)
        elif name == "captured":
            if isinstance(report, WantsCapture):
                report.captured(*arguments)
        else:
            report.close()
            del self._writers[number]
            self._made.pop(number, None)
            return "closed", number
        return None

    def abort(self) -> None:
        """Undo what was not closed."""
        for writer in self._writers.values():
            writer.abort()
        self._writers.clear()
        for folder in self._made.values():
            # Somebody else's report may be in it.
            with contextlib.suppress(OSError):
                folder.rmdir()
        self._made.clear()


def _maker(kind: str) -> Callable[[Any], Writer]:
    if kind == "csv":
        from analyzer.report.csv import CsvWriter

        return CsvWriter
    if kind == "parquet":
        from analyzer.report.parquet import ParquetWriter

        return ParquetWriter
    from analyzer.report.json import JsonWriter

    return JsonWriter
