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
from typing import IO, Final, NoReturn

Work = Callable[[IO[bytes], IO[bytes]], None]
"""Takes orders from one pipe and answers on another, until the orders end."""

_TO_THE_PARENT: Final = (signal.SIGTERM, signal.SIGINT)
_STANDARD: Final = 2
"""Descriptors up to this one are standard input, output and error."""

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
        stdin: whether it has this process's standard input. Then it ends at once when this process
            does, however that ends: it may wait for packets that never come.

    Attributes:
        pid: number of the process.
        stdin: takes its orders.
        stdout: brings its answers.

    Raises:
        OSError: The system starts no process.
    """

    def __init__(self, work: Work, *, stdin: bool = False) -> None:
        _flush()
        ends: list[int] = []
        try:
            for _ in range(3):
                ends += _pipe()
            # Until the child is on its way it would answer signals as this process does.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, _TO_THE_PARENT)
            try:
                self.pid = os.fork()
            finally:
                if getattr(self, "pid", 1):
                    signal.pthread_sigmask(signal.SIG_SETMASK, before)
        except OSError:
            for end in ends:
                os.close(end)
            raise
        orders, writes, reads, answers, life, lives = ends
        if not self.pid:
            _work(work, orders, answers, life if stdin else None, (writes, reads, lives))
        for end in (orders, answers, life):
            os.close(end)
        self.stdin: IO[bytes] = os.fdopen(writes, "wb")
        self.stdout: IO[bytes] = os.fdopen(reads, "rb")
        self._lives = os.fdopen(lives, "wb")
        _ours.update((self.stdin, self.stdout, self._lives))
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


def _flush() -> None:
    """Write what waits for standard output and error: it could be written by both.

    Where that cannot be done, whoever said it will hear of it when it is tried again.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # none, broken, closed
            stream.flush()


def _pipe() -> list[int]:
    """Return both ends of a pipe, neither where a standard stream belongs, if one was closed."""
    ends = list(os.pipe())
    if min(ends) > _STANDARD:
        return ends
    import fcntl

    try:
        return [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _STANDARD + 1) for end in ends]
    finally:
        for end in ends:
            os.close(end)


def _end_with(life: int) -> None:
    """Have the system end this process when nobody has the other end of a pipe any more.

    By the signal that says that a pipe can be read, at its end too (fcntl(2), O_ASYNC). No thread
    is needed, and the process may be waiting for anything.
    """
    import fcntl

    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        os.read(life, 1)
        raise SystemExit  # it was gone before


def _work(
    work: Work, orders: int, answers: int, life: int | None, others: tuple[int, ...]
) -> NoReturn:
    """Work as a child, and end.

    Args:
        work: what to do.
        orders: end of a pipe.
        answers: end of a pipe.
        life: end of the pipe that the parent has as long as it lives; None: work has no standard
            input, and does not end with the parent.
        others: ends of pipes that are the parent's.
    """
    status = 1
    try:
        for end in (*others, *(pipe.fileno() for pipe in _ours if not pipe.closed)):
            os.close(end)
        _ours.clear()
        # Ctrl-C is for the parent, which tells this one to end.
        os.setpgid(0, 0)
        for number in _TO_THE_PARENT:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TO_THE_PARENT)
        nothing = os.open(os.devnull, os.O_RDWR)
        if life is None:
            os.dup2(nothing, 0)
        else:
            _end_with(life)
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
