"""The live view: a run on the terminal, with keys.

Puts report.live_screen on the terminal four times a second, and gives the terminal back as it
was, whatever ends the run. Knows rich and signals. An Observer; made by analyzer.live.watch.
"""

from __future__ import annotations

import atexit
import contextlib
import signal
from collections.abc import Callable
from typing import IO, Any, Final

from rich.console import Console, Group
from rich.live import Live

from analyzer.report.keys import Keyboard
from analyzer.report.layout import make_console
from analyzer.report.live_screen import SORTS, Choice, ordered, place_of, screen
from analyzer.report.observer import CaptureStats
from analyzer.report.rates import Rates
from analyzer.tables.running import Snapshot
from analyzer.tables.schema import TableRows

REFRESH_NS: Final = 250_000_000
_ENDING: Final = ("SIGTERM", "SIGHUP", "SIGQUIT")
"""Signals that end a process before it could give the terminal back."""


def can_show(console: Console) -> bool:
    """Return whether a console is a terminal that can be written all over."""
    return console.is_terminal and not console.is_dumb_terminal


class LiveView:
    """Shows rates, and takes keys.

    Args:
        file: the terminal.
        source: what is watched, such as the name of an interface.
        interval_s: of the short polling that is modelled.
        quit_run: called for the key q: ends the run as Ctrl-C does.
    """

    def __init__(
        self,
        file: IO[str],
        source: str,
        interval_s: float = 1.0,
        quit_run: Callable[[], None] | None = None,
    ) -> None:
        self.rates = Rates(interval_s)
        self.choice = Choice()
        self._console = make_console(file)
        self._source = source
        self._quit = quit_run or _interrupt
        self._keyboard = Keyboard()
        self._live: Live | None = None
        self._shown_at = 0
        self._snapshot: Callable[[], Snapshot] | None = None
        self._handlers: dict[int, Any] = {}

    def attach(self, snapshot: Callable[[], Snapshot]) -> None:
        """Take the state of the run (Observer)."""
        self._snapshot = snapshot

    def news(self, rows: TableRows) -> None:
        """Take early rows (Observer)."""
        self.rates.news(rows)

    def write(self, rows: TableRows) -> None:
        """Take final rows (Observer)."""
        self.rates.write(rows)

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """Take keys, and show what is new (Observer)."""
        if self._live is None:
            self._start()
        keys = self._keyboard.pressed()
        for key in keys:
            self.press(key)
        due = not self._shown_at <= now_ns < self._shown_at + REFRESH_NS
        if not (due or keys):
            self.rates.tick(now_ns, stats)
            return
        self._shown_at = now_ns
        self.rates.tick(now_ns, stats, self._snapshot() if self._snapshot else None)
        if not self.choice.paused or keys:
            self._show()

    def press(self, key: str) -> None:
        """Do what a key asks for; unknown ones do nothing."""
        choice = self.choice
        if key == "q":
            self._quit()
        elif key == "p":
            choice.paused = not choice.paused
        elif key == "?":
            choice.help = not choice.help
        elif key == "escape":
            choice.help, choice.connection = False, None
        elif key == "s":
            choice.sort = SORTS[(SORTS.index(choice.sort) + 1) % len(SORTS)]
        elif key in ("up", "down", "page-up", "page-down"):
            step = {"up": -1, "down": 1, "page-up": -10, "page-down": 10}[key]
            lines = ordered(self.rates, choice.sort)
            if lines:
                place = max(0, min(place_of(lines, choice) + step, len(lines) - 1))
                choice.chosen = lines[place].values["connection"]
        elif key == "enter" and not choice.help and choice.connection is None:
            lines = ordered(self.rates, choice.sort)
            if lines:
                choice.chosen = lines[place_of(lines, choice)].values["connection"]
                choice.connection = choice.chosen

    def close(self) -> None:
        """Give the terminal back."""
        self._stop()

    def abort(self) -> None:
        """Give the terminal back."""
        self._stop()

    # --- the terminal

    def _show(self) -> None:
        if self._live is not None:
            lines = screen(self.rates, self.choice, self._console, self._source)
            self._live.update(Group(*lines), refresh=True)

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
        self._live.start()

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
                live.stop()
        finally:
            self._keyboard.close()
            for number, before in self._handlers.items():
                signal.signal(number, before)
            self._handlers.clear()


def _interrupt() -> None:
    signal.raise_signal(signal.SIGINT)
