"""Runs a command for events of a live run, the event as JSON on its standard input.

Knows processes. Must not know events: report.event_lines makes the lines. An Observer's stream,
made by analyzer.live.watch.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Final

from analyzer.errors import OptionError

MAX_PER_S: Final = 1.0
"""Commands that begin in a second, on average: what pages somebody must not page without end."""
BURST: Final = 5
"""Commands that may begin at once after a silence."""
MAX_WAITING: Final = 20
"""Events that wait for their command; further ones are left out, and counted."""
TIMEOUT_S: Final = 30.0
"""A command that runs longer is killed: the next one waits for it."""
END_S: Final = 5.0
"""When the run ends, commands of events that wait have so long."""


class Commands:
    """Takes lines as a binary stream does, and runs the command for each, one after the other.

    Args:
        command: split as a shell does; no shell runs it.
        say: called with what was left out or failed.

    Raises:
        OptionError: It is no command.
    """

    def __init__(self, command: str, say: Callable[[str], None]) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise OptionError(f"--exec {command!r}: {error}") from error
        if not self._words:
            raise OptionError("--exec takes a command")
        self._say = say
        self._waiting: queue.Queue[bytes | None] = queue.Queue(MAX_WAITING)
        self._left_out = 0
        self._failed = False
        self._over = False
        self._thread = threading.Thread(target=self._run_all, name="exec", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> int:
        """Take whole lines."""
        for line in data.splitlines(keepends=True):
            try:
                self._waiting.put_nowait(line)
            except queue.Full:
                self._left_out += 1
                if self._left_out == 1:
                    self._say("--exec: events come faster than commands may; some are left out")
        return len(data)

    def flush(self) -> None:
        """Do nothing: commands begin at once."""

    def end(self) -> None:
        """Wait a little for commands of events that wait, and say what was left out."""
        if self._over:
            return
        self._over = True
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(END_S)
        left = self._left_out + (self._waiting.qsize() if self._thread.is_alive() else 0)
        if left:
            self._say(f"--exec: {left} events were left out")

    def _run_all(self) -> None:
        """Be the thread: a bucket of BURST commands, filled at MAX_PER_S."""
        room, looked = float(BURST), time.monotonic()
        while (line := self._waiting.get()) is not None:
            now = time.monotonic()
            room, looked = min(BURST, room + (now - looked) * MAX_PER_S), now
            if room < 1 and not self._over:
                time.sleep((1 - room) / MAX_PER_S)
                room, looked = 1.0, time.monotonic()
            room -= 1
            self._run(line)

    def _run(self, line: bytes) -> None:
        try:
            # A session of its own: Ctrl-C is for the run.
            process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                process.communicate(line, TIMEOUT_S)
                problem = f"ended with {process.returncode}" if process.returncode else ""
            except subprocess.TimeoutExpired:
                # With all that it started: one that hangs each second would fill the machine.
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                problem = f"ran longer than {TIMEOUT_S:g} s"
        except OSError as error:
            problem = error.strerror or str(error)
        if problem and not self._failed:
            self._failed = True  # once: it will go on so
            self._say(f"--exec: {self._words[0]}: {problem}")
