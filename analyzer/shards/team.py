"""One analysis by several processes: fronts elsewhere, the back here.

A front reads the captures and packs each batch (shards.parcel); the back takes them as if they came
from this process. What it makes of them is the same, byte for byte. A process that fails or dies is
an error of the analysis. Knows processes. Must not know stages. Called by pipeline.
"""

from __future__ import annotations

import contextlib
import pickle
import subprocess
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

from analyzer.alternatives.sampling import sample_ways
from analyzer.back import Back
from analyzer.errors import JobError
from analyzer.jobs import wire
from analyzer.jobs.forked import Forked, end, may_fork
from analyzer.jobs.remote import END_S, enlarge, how_it_ended, started
from analyzer.jobs.slots import SlotReader, new_memory
from analyzer.options import Options
from analyzer.report.output import Writer
from analyzer.shards.answers import BATCH, BEGUN, DONE, HINT, unpacked_error
from analyzer.shards.front_job import Job
from analyzer.shards.parcel import Handed, Parcel, Receiver
from analyzer.shards.reading import Begun
from analyzer.shards.worker import work
from analyzer.tables.summary import Summary


class FrontProcess:
    """A process that is a front; a context manager, which ends it.

    Where this process has one thread it is forked: then it need not load all modules again, which
    takes as long as the analysis of some hundred thousand packets.

    Args:
        job: what it does.

    Raises:
        JobError: The system starts no process.
    """

    def __init__(self, job: Job) -> None:
        self._process: Forked | subprocess.Popen[bytes]
        self._read: Callable[[], bytearray | memoryview | None]
        try:
            if may_fork():
                memory = new_memory()
                child = self._process = Forked(partial(work, job, memory), stdin=True)
                self._read = SlotReader(memory, child.stdout, child.stdin).read
            else:
                process = self._process = _started(job)
                assert process.stdout is not None
                enlarge(process.stdout)
                self._read = partial(wire.read, process.stdout)
        except OSError as error:
            reason = error.strerror or str(error)
            raise JobError(f"cannot start a process: {reason}", hint=HINT) from error

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def __enter__(self) -> FrontProcess:
        return self

    def __exit__(self, *_: object) -> None:
        end(self._process, END_S)

    def answers(self) -> Iterator[Begun | memoryview]:
        """Yield what was begun, and packed batches.

        Raises:
            WsanalyzeError: The front raised it.
            JobError: The front failed, or the process died.
        """
        while (packed := self._read()) is not None:
            kind, rest = bytes(packed[: len(BATCH)]), memoryview(packed)[len(BATCH) :]
            if kind == BATCH:
                yield rest
            elif kind == BEGUN:
                yield pickle.loads(rest)
            elif kind == DONE:
                return
            else:
                raise unpacked_error(rest)
        how = how_it_ended(self._process.wait())
        raise JobError(f"a process that analyses {how}", hint=HINT)


def _started(job: Job) -> subprocess.Popen[bytes]:
    """Start a process anew that does a job."""
    process = started("analyzer.shards.worker")
    assert process.stdin is not None
    with contextlib.suppress(OSError):  # it is gone: its answers will say how
        wire.write(process.stdin, pickle.dumps(job))
        process.stdin.close()
    return process


class Team:
    """The back, and what feeds it.

    Args:
        options: limits and switches.
        writers: what takes the rows.
        only: WebSocket connections that are compared and diagnosed; None: all.

    Attributes:
        back: the stages behind the fronts.
    """

    def __init__(
        self, options: Options, writers: Sequence[Writer], only: Collection[int] | None = None
    ) -> None:
        self._handed = Handed(sample_ways(options))
        sampler = self._handed if options.alternatives else None
        self.back = Back(options, writers, only, sampler=sampler)

    def push(self, parcel: Parcel) -> None:
        """Take a batch."""
        self.back.original.push(parcel.records)
        if parcel.seen is not None:
            self.back.count(parcel.seen)
        self._handed.add(parcel.samples)
        self.back.push(parcel.batch)
        if parcel.rest is not None:
            self.back.finish(parcel.rest)

    def finish(self) -> Summary:
        """Give the rows that look at all others; return the summary."""
        self.back.deliver(self.back.compared())
        self.back.diagnose()
        return self.back.summary


def run(job: Job, writers: Sequence[Writer], on_progress: Any = None) -> tuple[Summary, list[str]]:
    """Analyse captures; return what the terminal report shows, and the names of the inputs.

    Args:
        job: what the front does.
        writers: what takes the rows.
        on_progress: called after each batch.

    Raises:
        CaptureError: the input cannot be read at all.
        ReportError: a writer cannot go on.
        JobError: a front failed, or its process died.
    """
    team = Team(job.options, writers, job.only)
    receiver = Receiver()
    begun = Begun([], None)
    with FrontProcess(job) as process:
        for answer in process.answers():
            if isinstance(answer, Begun):
                begun = answer
                continue
            parcel = receiver.unpack(answer)
            team.push(parcel)
            if on_progress is not None:
                on_progress(parcel.read, begun.bytes_total)
    return team.finish(), begun.names
