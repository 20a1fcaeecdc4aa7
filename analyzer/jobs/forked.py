"""Processes that are forked: they need not load all modules again.

That takes a quarter of a second of a processor, as long as some hundred thousand packets. Only
where this process has one thread: locks that others hold would stay locked in the child. Knows
processes. Must not know what they do. Used by jobs.remote and shards.team.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from typing import IO, NoReturn

Work = Callable[[IO[bytes], IO[bytes]], None]
"""Takes orders from one pipe and answers on another, until the orders end."""

_ours: weakref.WeakSet[IO[bytes]] = weakref.WeakSet()
"""This process's ends of the pipes to all its children: a later child that kept them open would
keep an earlier one from seeing that its orders have ended."""


def may_fork() -> bool:
    """Return whether this process can be forked: it has one thread, and it is Linux.

    Elsewhere frameworks of the system do not bear it.
    """
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


class Forked:
    """A child of this process; what is used of subprocess.Popen.

    Args:
        work: what it does. It ends with status 0 when that returns, or at SystemExit.
        stdin: whether it has this process's standard input.

    Attributes:
        pid: number of the process.
        stdin: takes its orders.
        stdout: brings its answers.

    Raises:
        OSError: The system starts no process.
    """

    def __init__(self, work: Work, *, stdin: bool = False) -> None:
        orders, writes = os.pipe()
        reads, answers = os.pipe()
        # What waits there would be written by both.
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            self.pid = os.fork()
        except OSError:
            for end in (orders, writes, reads, answers):
                os.close(end)
            raise
        if not self.pid:
            for end in (writes, reads, *(pipe.fileno() for pipe in _ours if not pipe.closed)):
                os.close(end)
            _ours.clear()
            _work(work, orders, answers, stdin)
        os.close(orders)
        os.close(answers)
        self.stdin: IO[bytes] = os.fdopen(writes, "wb")
        self.stdout: IO[bytes] = os.fdopen(reads, "rb")
        _ours.update((self.stdin, self.stdout))
        self._status: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Return its status when it has ended, as subprocess has it.

        Raises:
            subprocess.TimeoutExpired: It has not by then.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while self._status is None:
            pid, status = os.waitpid(self.pid, 0 if until is None else os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
            elif until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("a child", timeout or 0)
            else:
                time.sleep(0.001)
        return self._status

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self._status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def end(process: Forked | subprocess.Popen[bytes], patience: float) -> None:
    """Have a process end, whatever it does, and close the pipes.

    Args:
        process: a child of this one.
        patience: seconds that it has before it is killed.
    """
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        # What was not written yet cannot be.
        with contextlib.suppress(BrokenPipeError):
            if pipe is not None:
                pipe.close()


def _work(work: Work, orders: int, answers: int, stdin: bool) -> NoReturn:
    """Work as a child, and end."""
    status = 1
    try:
        # Ctrl-C is for the parent, which tells this one to end.
        os.setpgid(0, 0)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        if not stdin:
            os.dup2(nothing, 0)
        # Nobody but the parent hears of what it does.
        os.dup2(nothing, 1)
        with os.fdopen(orders, "rb") as source, os.fdopen(answers, "wb") as pipe:
            work(source, pipe)
        status = 0
    except (SystemExit, BrokenPipeError):
        status = 0
    finally:
        # Nothing of the parent's is to be flushed or closed here.
        os._exit(status)
