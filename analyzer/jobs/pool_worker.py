"""A process that does tasks for jobs.pool, one after the other.

It takes a function's name and its argument from standard input, and answers with the result on
standard output (jobs.wire), until the input ends. The functions answer all errors themselves: one
that raises ends the process, and the pool says so.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from importlib import import_module
from typing import IO

from analyzer.jobs import wire
from analyzer.jobs.worker import UNDO


def main() -> None:
    """Work until standard input ends."""
    # As the command line has it: rows are many objects that form no cycles.
    gc.set_threshold(200_000, 20, 20)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    signal.signal(UNDO, _undo)
    replies = os.fdopen(os.dup(1), "wb")
    # What anything prints goes nowhere: the pipe is for answers alone.
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)
    serve(sys.stdin.buffer, replies)


def serve(orders: IO[bytes], replies: IO[bytes]) -> None:
    """Do tasks until the orders end."""
    packer, unpacker = wire.Packer(), wire.Unpacker()
    while (packed := wire.read(orders)) is not None:
        function, argument = unpacker.unpack(packed)
        module, _, name = function.partition(":")
        result = getattr(import_module(module), name)(argument)
        wire.write(replies, packer.pack(result))


def _undo(*_: object) -> None:
    raise SystemExit
