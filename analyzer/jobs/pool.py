"""Tasks that processes of this program do, one at a time each.

A process does many tasks, since its start costs more than a small capture. One that dies (killed,
out of memory) takes the task with it that it was doing: that task is answered with Died, another
process starts, and the others go on. Knows processes. Must not know what the tasks are: a process
imports the function that it is told the name of. Used by the command line.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from analyzer.errors import ReportError
from analyzer.jobs import wire
from analyzer.jobs.remote import END_S, how_it_ended, started
from analyzer.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Died:
    """What became of a task whose process died.

    Attributes:
        pid: number of the process, which may have left unfinished files.
        how: "was killed by SIGKILL", "ended with status 1".
    """

    pid: int
    how: str


class Pool:
    """Processes that do tasks; a context manager, which ends them.

    Args:
        function: "package.module:name" of what does a task; it takes one argument, which can be
            pickled, as what it returns.
        processes: how many at most.
    """

    def __init__(self, function: str, processes: int) -> None:
        self._function = function
        self._processes = processes
        self._changed = threading.Condition()
        self._tasks: deque[tuple[int, object]] = deque()
        self._done: deque[tuple[int, object]] = deque()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._over = False

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._over = True
            self._tasks.clear()
            running = list(self._running)
        for process in running:
            process.terminate()
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_S)
            process.kill()
            process.wait()

    def results(self, tasks: Sequence[object]) -> Iterator[tuple[int, Any]]:
        """Do all tasks; yield each one's place and result, as they come.

        The result of a task whose process died is Died.

        Raises:
            ReportError: The system starts no process.
        """
        self._tasks.extend(enumerate(tasks))
        threads = [
            threading.Thread(target=self._serve, daemon=True)
            for _ in range(min(self._processes, len(tasks)))
        ]
        for thread in threads:
            thread.start()
        for _ in tasks:
            with self._changed:
                while not self._done:
                    self._changed.wait()
                place, result = self._done.popleft()
            if isinstance(result, ReportError):
                raise result
            yield place, result
        for thread in threads:
            thread.join()

    # --- one thread for each process

    def _serve(self) -> None:
        """Have tasks done until there are no more, by one process after the other."""
        process: subprocess.Popen[bytes] | None = None
        packer, unpacker = wire.Packer(), wire.Unpacker()
        while (task := self._next()) is not None:
            place, argument = task
            try:
                if process is None:
                    process = self._start()
                    packer, unpacker = wire.Packer(), wire.Unpacker()
                result = _ask(process, packer.pack((self._function, argument)), unpacker)
            except OSError as error:
                reason = error.strerror or str(error)
                result = ReportError(
                    f"cannot start a process: {reason}", hint="--jobs 1 needs none"
                )
            if isinstance(result, Died):
                self._forget(process)
                process = None
            with self._changed:
                self._done.append((place, result))
                self._changed.notify_all()
        if process is not None and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.wait()
            self._forget(process)

    def _next(self) -> tuple[int, object] | None:
        with self._changed:
            return self._tasks.popleft() if self._tasks else None

    def _start(self) -> subprocess.Popen[bytes]:
        with self._changed:
            if self._over:
                raise OSError("the run has ended")
            process = started("analyzer.jobs.pool_worker")
            self._running.add(process)
        return process

    def _forget(self, process: subprocess.Popen[bytes] | None) -> None:
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            with self._changed:
                self._running.discard(process)


def _ask(process: subprocess.Popen[bytes], packed: bytes, unpacker: wire.Unpacker) -> Any:
    """Return what a process answers to a task, or how it died."""
    assert process.stdin is not None
    assert process.stdout is not None
    answer = None
    with contextlib.suppress(OSError):
        wire.write(process.stdin, packed)
        answer = wire.read(process.stdout)
    if answer is None:
        return Died(process.pid, how_it_ended(process.wait()))
    return unpacker.unpack(answer)
