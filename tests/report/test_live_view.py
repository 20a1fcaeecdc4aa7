"""The live view on a terminal that the test makes: keys, refresh, and how it leaves."""

from __future__ import annotations

import io
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from oracle.live import STATS, snapshot
from oracle.rows import table_rows
from oracle.sample import connection, message

from analyzer.report.layout import make_console
from analyzer.report.live_view import REFRESH_NS, LiveView, can_show
from analyzer.tables.schema import CONNECTIONS, MESSAGES

ROOT = Path(__file__).parents[2]
S = 1_000_000_000
T = 1_767_323_050 * S

SCRIPT = """
import sys, time
sys.path.insert(0, "tests")
from oracle.live import STATS, snapshot
from analyzer.report.live_view import LiveView
view = LiveView(sys.stdout, "eth0")
view.attach(snapshot)
try:
    while True:
        view.tick(time.time_ns(), STATS)
        if "fail" in sys.argv:
            raise SystemExit(3)
        time.sleep(0.02)
except KeyboardInterrupt:
    view.close()
    print("report")
"""
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


def _usual_signals():
    """Undo what a run in the background was started with: it ignores some."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Terminal:
    """A terminal with the view on it, in a process of its own."""

    def __init__(self, *arguments):
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (24, 80))
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments],
            cwd=ROOT,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env={**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1"},
            start_new_session=True,
            preexec_fn=_usual_signals,
        )
        self.output = b""

    def read_until(self, text):
        """Read what is written until `text` is there."""
        limit = time.monotonic() + 300
        while text not in self.output:
            assert time.monotonic() < limit, self.output[-500:]
            if select.select([self.master], [], [], 0.2)[0]:
                self.output += os.read(self.master, 65536)

    def end(self):
        """Return the exit status; read the rest."""
        limit = time.monotonic() + 300
        while self.process.poll() is None:
            assert time.monotonic() < limit
            self._drain()
        self._drain()
        after = termios.tcgetattr(self.slave)
        os.close(self.master)
        os.close(self.slave)
        assert after == self.before
        assert self.output.count(ENTER) == self.output.count(LEAVE) == 1
        return self.process.returncode

    def _drain(self):
        while select.select([self.master], [], [], 0.05)[0]:
            self.output += os.read(self.master, 65536)


def test_q_ends_as_control_c_does():
    terminal = Terminal()
    terminal.read_until(b"Polling")
    os.write(terminal.master, b"q")
    assert terminal.end() == 0
    assert terminal.output.rstrip().endswith(b"report")
    assert terminal.output.rindex(LEAVE) < terminal.output.rindex(b"report")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signals_give_the_terminal_back(number):
    terminal = Terminal()
    terminal.read_until(b"Polling")
    terminal.process.send_signal(number)
    assert terminal.end() == -number


def test_a_fault_gives_the_terminal_back():
    terminal = Terminal("fail")
    assert terminal.end() == 3


# --- keys, without a terminal


def view():
    file = io.StringIO()
    made = LiveView(file, "eth0", quit_run=lambda: file.write("QUIT"))
    made.rates.tick(T, STATS)
    made.news(table_rows(CONNECTIONS, [connection(number) for number in range(5)]))
    made.news(table_rows(MESSAGES, [message(0, "client", connection=3)]))
    return made, file


def test_keys():
    made, file = view()
    choice = made.choice
    made.press("p")
    assert choice.paused
    made.press("p")
    assert not choice.paused
    made.press("s")
    assert choice.sort == "messages"
    made.press("down")
    first = choice.chosen
    made.press("down")
    assert choice.chosen != first
    made.press("up")
    assert choice.chosen == first
    made.press("enter")
    assert choice.connection == first
    made.press("escape")
    assert choice.connection is None
    made.press("?")
    assert choice.help
    made.press("?")
    assert not choice.help
    made.press("x")
    made.press("page-down")
    made.press("page-up")
    assert file.getvalue() == ""
    made.press("q")
    assert file.getvalue() == "QUIT"


def test_keys_without_connections():
    made = LiveView(io.StringIO(), "eth0", quit_run=lambda: None)
    for key in ("up", "down", "enter", "escape", "s", "page-down"):
        made.press(key)
    assert made.choice.connection is None


def test_it_is_drawn_four_times_a_second(monkeypatch):
    made, _ = view()
    drawn = []
    monkeypatch.setattr(made, "_start", lambda: None)
    monkeypatch.setattr(made, "_show", lambda: drawn.append(made.rates.now))
    made.attach(snapshot)
    for step in range(0, 2 * S, S // 20):
        made.tick(T + step, STATS)
    assert len(drawn) == 2 * S // REFRESH_NS
    made.choice.paused = True
    made.tick(T + 9 * S, STATS)
    assert len(drawn) == 8
    assert made.rates.now == T + 9 * S, "the run goes on behind a paused screen"


def test_dumb_terminals_and_files_have_no_screen(monkeypatch):
    assert not can_show(make_console(io.StringIO()))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not can_show(make_console(io.StringIO()))


def test_abort_before_the_first_tick():
    made, file = view()
    made.abort()
    made.close()
    assert file.getvalue() == ""
