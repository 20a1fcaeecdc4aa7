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
import traceback
from typing import IO, Final

from analyzer.errors import WsanalyzeError
from analyzer.jobs import wire
from analyzer.jobs.worker import replies
from analyzer.shards.front_job import Begun, Job, batches

BEGUN: Final = b"b".ljust(64)
BATCH: Final = b"p".ljust(64)
FAILED: Final = b"f".ljust(64)
DONE: Final = b"d".ljust(64)
"""How an answer begins: a byte, and room that lets what follows begin where it is aligned."""


def main() -> None:
    """Do the job of standard input."""
    # As the command line has it: no thread of numpy's linear algebra is needed.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Whoever is told has gone: there is nothing to be said.
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, replies())


def work(job: Job, orders: IO[bytes], answers: IO[bytes]) -> None:
    """Do a job in a process that was forked, and has it already."""
    orders.close()
    do(job, answers)


def serve(orders: IO[bytes], answers: IO[bytes]) -> None:
    """Do the one job that is ordered."""
    packed = wire.read(orders)
    if packed is not None:
        do(pickle.loads(packed), answers)


def do(job: Job, answers: IO[bytes]) -> None:
    """Do a job, and answer with what becomes of it."""
    try:
        for made in batches(job):
            if isinstance(made, Begun):
                _answer(answers, BEGUN, pickle.dumps(made))
            else:
                _answer(answers, BATCH, *made)
    except WsanalyzeError as error:
        said = type(error).__name__, str(error), error.hint, ""
        _answer(answers, FAILED, pickle.dumps(said))
    except (BrokenPipeError, SystemExit):
        raise
    except BaseException as error:  # whatever it is, the analysis must hear of it
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        said = "", what, None, traceback.format_exc()
        _answer(answers, FAILED, pickle.dumps(said))
    else:
        _answer(answers, DONE, b"")


def _answer(answers: IO[bytes], kind: bytes, *packed: wire.Part) -> None:
    wire.write(answers, kind, *packed)
