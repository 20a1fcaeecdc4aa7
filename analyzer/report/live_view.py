"""The live view: a run on the terminal, with keys.

Puts the lines of report.screen on the terminal, and gives the terminal back as it was, whatever
ends the run. Knows rich and signals. An Observer; made by analyzer.live.watch.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import IO, Any, Final

from rich.console import Console, ConsoleDimensions, Group
from rich.live import Live

from analyzer.options import DEFAULT, Options
from analyzer.report.keys import Keyboard
from analyzer.report.layout import make_terminal
from analyzer.report.observer import CaptureStats
from analyzer.report.screen.harmless import harmless
from analyzer.report.screen.model import Model
from analyzer.report.screen.whole import Screen
from analyzer.report.text import Plain
from analyzer.tables.running import Snapshot
from analyzer.tables.schema import TableRows
from analyzer.websocket.hearing import Said

REFRESH_NS: Final = 250_000_000
MOST_OF_TIME: Final = 20
"""Drawing takes at most one part in so many of the time, so that it does not slow the capture: a
screen that takes 50 ms, as with tens of thousands of connections, is drawn once a second."""
MOST_FOR_KEYS: Final = 4
"""The same while keys are pressed, which somebody waits for."""
LONGEST_NS: Final = 2_000_000_000
LONGEST_FOR_KEYS_NS: Final = 250_000_000
"""The screen is drawn at least so often, however long that takes: it must not seem to be dead."""
_ENDING: Final = ("SIGTERM", "SIGHUP", "SIGQUIT")
"""Signals that end a process before it could give the terminal back."""
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
"""DECAWM off and on. Terminals disagree on how wide some characters are: a line that is longer
there than it was counted here is cut at the edge, and does not push the lines below it down."""


def can_show(console: Console | Plain) -> bool:
    """Return whether a console is a terminal that can be written all over."""
    if isinstance(console, Plain):
        return False
    return console.is_terminal and not console.is_dumb_terminal


class LiveView:
    """Shows what goes on, and takes keys.

    Args:
        file: the terminal.
        source: what is watched, such as the name of an interface.
        interval_s: of the short polling that is modelled.
        options: limits, and whether payloads may be shown.
        quit_run: called for the key q: ends the run as Ctrl-C does.
        keyboard: where keys come from.
        timer: seconds of the processor, for how long drawing takes.
    """

    def __init__(
        self,
        file: IO[str],
        source: str,
        interval_s: float = 1.0,
        options: Options = DEFAULT,
        *,
        quit_run: Callable[[], None] | None = None,
        keyboard: Keyboard | None = None,
        timer: Callable[[], float] = time.thread_time,
    ) -> None:
        self.model = Model(options, interval_s, source)
        self.screen = Screen(self.model, quit_run or _interrupt)
        self._file = file
        self._console = make_terminal(file)
        self._keyboard = keyboard or Keyboard()
        self._timer = timer
        self._live: Live | None = None
        self._shown_at = 0
        self._took_ns = 0
        self._size = (0, 0)
        self._waiting: list[str] = []
        self._snapshot: Callable[[], Snapshot] | None = None
        self._handlers: dict[int, Any] = {}

    def attach(self, snapshot: Callable[[], Snapshot]) -> None:
        """Take the state of the run (Observer)."""
        self._snapshot = snapshot

    def heard(self, said: Said) -> None:
        """Take whole payloads (PayloadObserver)."""
        self.model.heard(said)

    def news(self, rows: TableRows) -> None:
        """Take early rows (Observer)."""
        self.model.news(rows)

    def write(self, rows: TableRows) -> None:
        """Take final rows (Observer)."""
        self.model.write(rows)

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """Take keys, and show what is new (Observer)."""
        if self._live is None:
            self._start()
        self._waiting += self._keyboard.pressed()
        resized = self._measure()
        wanted = bool(self._waiting) or resized
        if wanted:
            every = min(self._took_ns * MOST_FOR_KEYS, LONGEST_FOR_KEYS_NS)
        else:
            every = min(max(REFRESH_NS, self._took_ns * MOST_OF_TIME), LONGEST_NS)
        # Also where the clock was set back.
        if self._shown_at <= now_ns < self._shown_at + every:
            self.model.tick(now_ns, stats)
            return
        begun = self._timer()
        self._shown_at = now_ns
        self.model.tick(now_ns, stats, self._snapshot() if self._snapshot else None)
        keys, self._waiting = self._waiting, []
        for key in keys:
            self.screen.press(key)
        if not self.screen.paused or wanted:
            self._show()
        self._took_ns = round(1e9 * (self._timer() - begun))

    def warn(self, text: str) -> None:
        """Show a sentence that the operator should know, until the run ends."""
        self.model.warning = harmless(text)

    def close(self) -> None:
        """Give the terminal back."""
        self._stop()

    def abort(self) -> None:
        """Give the terminal back."""
        self._stop()

    # --- the terminal

    def _measure(self) -> bool:
        """Ask the terminal how large it is; say whether that is new."""
        try:
            width, height = os.get_terminal_size(self._file.fileno())
        except (OSError, ValueError):
            width, height = self._console.size
        size = width, height
        if 0 in size or size == self._size:
            return False
        self._size = size
        self._console.size = ConsoleDimensions(*size)
        return True

    def _show(self) -> None:
        if self._live is not None:
            self._live.update(Group(*self.screen.lines(self._console)), refresh=True)

    def _start(self) -> None:
        self._keyboard.start()
        self._live = Live(
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        atexit.register(self._stop)
        for name in _ENDING:
            number = getattr(signal, name, None)
            # The handler of a signal ends the run, and closes this.
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                with contextlib.suppress(ValueError):  # not the main thread
                    self._handlers[number] = signal.signal(number, self._end)
        self._measure()
        self._live.start()
        self._file.write(_NO_WRAP)

    def _end(self, number: int, frame: object) -> None:
        """Give the terminal back, then end as the signal asks for."""
        self._stop()
        signal.raise_signal(number)

    def _stop(self) -> None:
        live, self._live = self._live, None
        if live is None:
            return
        atexit.unregister(self._stop)
        try:
            with contextlib.suppress(OSError, ValueError):  # the terminal may be gone
                self._file.write(_WRAP)
                live.stop()
        finally:
            self._keyboard.close()
            for number, before in self._handlers.items():
                signal.signal(number, before)
            self._handlers.clear()


def _interrupt() -> None:
    signal.raise_signal(signal.SIGINT)
