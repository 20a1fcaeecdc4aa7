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

import pyte
import pytest
from oracle.live import STATS, snapshot
from oracle.rows import table_rows
from oracle.sample import connection, message
from oracle.screens import Terminal as Replayed

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


def view(**more):
    file = io.StringIO()
    made = LiveView(file, "eth0", quit_run=lambda: file.write("QUIT"), **more)
    made.model.tick(T, STATS)
    made.news(table_rows(CONNECTIONS, [connection(number) for number in range(5)]))
    made.news(table_rows(MESSAGES, [message(0, "client", connection=3)]))
    return made, file


def drawings(made, monkeypatch):
    """Return a list of the times at which the view is drawn, without a terminal."""
    drawn = []
    monkeypatch.setattr(made, "_start", lambda: None)
    monkeypatch.setattr(made, "_show", lambda: drawn.append(made.model.now))
    made.attach(snapshot)
    made.tick(T, STATS)
    drawn.clear()
    return drawn


def test_it_is_drawn_four_times_a_second(monkeypatch):
    made, _ = view(timer=lambda: 0.0)
    drawn = drawings(made, monkeypatch)
    for step in range(S // 20, 2 * S + 1, S // 20):
        made.tick(T + step, STATS)
    assert len(drawn) == 2 * S // REFRESH_NS
    made.screen.paused = True
    made.tick(T + 9 * S, STATS)
    assert len(drawn) == 8
    assert made.model.now == T + 9 * S, "the run goes on behind a paused screen"


def test_drawing_takes_a_small_part_of_the_time(monkeypatch):
    """A screen that takes 0.1 s to draw is drawn every two seconds; for keys, sooner."""
    clock = [0.0]

    def timer():
        clock[0] += 0.1
        return clock[0]

    made, _ = view(timer=timer)
    drawn = drawings(made, monkeypatch)
    for step in range(1, 201):
        made.tick(T + step * S // 20, STATS)
    assert drawn == [T + second * S for second in (2, 4, 6, 8, 10)]
    drawn.clear()
    made._waiting = ["down"]
    for step in range(201, 211):
        made.tick(T + step * S // 20, STATS)
    assert drawn == [T + 10_250_000_000]


def test_a_clock_that_is_set_back(monkeypatch):
    made, _ = view(timer=lambda: 0.0)
    drawn = drawings(made, monkeypatch)
    made.tick(T - 3600 * S, STATS)
    assert len(drawn) == 1


# --- on a terminal, of which each cell is looked at


@pytest.fixture(scope="module")
def talk():
    """A view of a recorded conversation: calls of JSON-RPC by two clients."""
    terminal = Replayed(80, 24)
    terminal.replay("json-rpc.pcap")
    yield terminal
    terminal.close()


@pytest.fixture
def terminal(talk):
    yield talk
    # Back to the first page, whatever a test opened.
    talk.press(b"\x1b\x1b\x1b\x1b1")
    talk.press(b"\x1b[H")


def marked(screen):
    (line,) = [line for line in screen if line.startswith("▸")]
    return line


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (120, 40), (60, 24), (100, 30)])
def test_a_capture_on_terminals(terminal, size):
    """Its log: two clients, with 23 and 4 messages, who called add, slow, fail and nowhere."""
    screen = terminal.resize(*size)
    assert len(screen) == size[1]
    assert "0 dropped" in screen[0]
    assert "1 Connections" in screen[1]
    assert screen[-1].rstrip().endswith("? help  q quit")
    assert marked(screen).split()[1] == "0"
    screen = terminal.press(b"4")
    assert any(" add " in line for line in screen)
    if size[1] > 10:
        words = {word for line in screen for word in line.split()}
        assert {"add", "slow", "fail", "nowhere"} <= words
    screen = terminal.press(b"1\r")
    assert screen[2].startswith("Connection 0  127.0.0.1:9022/")
    assert "close" in marked(screen) or size[0] < 60
    screen = terminal.press(b"\x1b[H\r")
    assert screen[2].startswith("Message 0 of connection 0")
    assert any(line.strip() == "{" for line in screen)
    screen = terminal.press(b"\x1b[F")
    assert any(line.strip() == "}" for line in screen)


def test_resizes_give_the_screen_that_is_drawn_at_that_size(terminal):
    terminal.press(b"\x1b[B\r")
    before = {size: terminal.resize(*size) for size in ((80, 24), (40, 10), (120, 40))}
    for size in ((1, 1), (300, 90), (40, 10), (120, 40), (80, 24), (2, 3), (80, 24)):
        screen = terminal.resize(*size)
        if size in before:
            assert screen == before[size]


def test_a_filter_is_typed(terminal):
    terminal.resize(80, 24)
    screen = terminal.press(b"/clien")
    assert screen[-1].startswith("/clien▏")
    terminal.press(b"\x7f\x7f\x7f\x7f\x7f40294")
    screen = terminal.press(b"\r")
    assert "/40294  1 of 2" in [line.rstrip() for line in screen]
    assert "Esc clear" in screen[-1]


def test_keys_that_end_and_pause(terminal):
    terminal.resize(80, 24)
    assert "[paused]" in terminal.press(b"p")[0]
    paused = terminal.shown()
    assert terminal.shown() == paused
    assert "[paused]" not in terminal.press(b"p")[0]
    assert terminal.shown()[0] != paused[0], "time goes on"
    quits = terminal.quits
    terminal.press(b"q")
    assert terminal.quits == quits + 1


def test_a_line_that_is_wider_there_pushes_nothing_down():
    """Terminals may count two cells where one was counted here: wrapping is off."""
    terminal = Replayed(40, 10)
    terminal.shown()
    assert pyte.modes.DECAWM not in terminal.screen.mode
    terminal.close()
    assert pyte.modes.DECAWM in terminal.screen.mode


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
