"""A process that is the front of an analysis.

It takes a Job from standard input and answers with what became of it on standard output: Begun,
packed batches, and at the end one empty answer; or what failed. Where nobody reads them any more it
ends. Knows shards.front_job. Started by shards.team.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from functools import partial
from mmap import mmap
from typing import IO

from analyzer.jobs import wire
from analyzer.jobs.forked import may_fork
from analyzer.jobs.slots import SlotWriter
from analyzer.jobs.worker import replies
from analyzer.shards.answers import BATCH, BEGUN, DONE, FAILED, packed_error
from analyzer.shards.front_job import Job, batches
from analyzer.shards.reading import Apart, Begun, decoded

Answer = Callable[..., None]
"""Takes the parts of an answer."""


def main() -> None:
    """Do the job of standard input."""
    # As the command line has it: no thread of numpy's linear algebra is needed.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Whoever is told has gone: there is nothing to be said.
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, replies())


def work(job: Job, memory: mmap, orders: IO[bytes], answers: IO[bytes]) -> None:
    """Do a job in a process that was forked, and has it already.

    Args:
        job: what to do.
        memory: of both (jobs.slots).
        orders: says what is free in it.
        answers: for what becomes of the job.
    """
    do(job, SlotWriter(memory, answers, orders).write)


def serve(orders: IO[bytes], answers: IO[bytes]) -> None:
    """Do the one job that is ordered."""
    packed = wire.read(orders)
    if packed is not None:
        do(pickle.loads(packed), partial(wire.write, answers))


def do(job: Job, answer: Answer) -> None:
    """Do a job, and answer with what becomes of it."""
    try:
        for made in _batches(job):
            if isinstance(made, Begun):
                answer(BEGUN, pickle.dumps(made))
            else:
                answer(BATCH, *made)
    except (BrokenPipeError, SystemExit):
        raise
    except BaseException as error:  # whatever it is, the analysis must hear of it
        answer(FAILED, packed_error(error))
    else:
        answer(DONE, b"")


def _batches(job: Job) -> Iterator[Begun | list[wire.Part]]:
    """Yield what becomes of the captures, which another process reads where that is possible."""
    if not (job.reads_apart and may_fork()):
        yield from batches(job, decoded(job.paths, job.options))
        return
    with Apart(job.paths, job.options) as captures:
        yield from batches(job, captures)
