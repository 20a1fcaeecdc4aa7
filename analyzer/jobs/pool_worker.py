"""A process that does tasks for jobs.pool, one after the other.

It takes a function's name and its argument from standard input, and answers with the result on
standard output (jobs.wire), until the input ends. The functions answer all errors themselves: one
that raises ends the process, and the pool says so.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import IO

from analyzer.jobs import wire
from analyzer.jobs.worker import replies


def main() -> None:
    """Work until standard input ends."""
    # As the command line has it: no thread of numpy's linear algebra is needed.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    serve(sys.stdin.buffer, replies())


def serve(orders: IO[bytes], answers: IO[bytes]) -> None:
    """Do tasks until the orders end."""
    packer, unpacker = wire.Packer(), wire.Unpacker()
    while (packed := wire.read(orders)) is not None:
        function, argument = unpacker.unpack(packed)
        module, _, name = function.partition(":")
        result = getattr(import_module(module), name)(argument)
        wire.write(answers, packer.pack(result))
