"""Screens of a live run: a model fed by hand or from a capture, and what a terminal shows of it."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import termios
import threading
from typing import Any

import pyte
from oracle.live import STATS, replay, snapshot
from oracle.rows import table_rows
from oracle.sample import HOSTILE, MS, START, connection, finding, frame, handshake, message
from rich.console import Console

from analyzer.options import DEFAULT, Options
from analyzer.report.keys import Keyboard
from analyzer.report.live_view import LiveView
from analyzer.report.observer import CaptureStats
from analyzer.report.screen.model import Model
from analyzer.report.screen.page import Page, View
from analyzer.report.screen.whole import Screen
from analyzer.tables.schema import BY_NAME

S = 1_000_000_000
SIZES = [(40, 10), (80, 24), (120, 40)]
ODD_SIZES = [(20, 4), (1, 1), (300, 100), (60, 24), (70, 24), (100, 30)]


def console(width: int = 80, height: int = 24, encoding: str = "utf-8") -> Console:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=file, width=width, height=height, force_terminal=True)


def give(model: Model, table: str, *rows: dict[str, Any], final: bool = False) -> None:
    """Hand early (or final) rows to a model."""
    (model.write if final else model.news)(table_rows(BY_NAME[table], list(rows)))


def busy(count: int = 30, options: Options = DEFAULT, **more: Any) -> Model:
    """Return a model with open connections, of which number N had N messages of a client."""
    model = Model(options, source="eth0")
    model.tick(START, STATS)
    give(model, "handshakes", handshake(0, 0), handshake(1, None, outcome="refused"))
    give(model, "connections", *[connection(number, **more) for number in range(count)])
    for number in range(count):
        rows = [said(place, "client", connection=number) for place in range(number)]
        if rows:
            give(model, "messages", *rows)
    row = finding("x-y", "warning", connection=3, text=HOSTILE, count=4)
    give(model, "findings", row, final=True)
    model.tick(START + S, CaptureStats(1000, 7, 900), snapshot())
    return model


def said(number: int, direction: str, **more: Any) -> dict[str, Any]:
    """Return the row of a message that is complete."""
    return message(number, direction, time_last=START + number * 100 * MS, **more)


def control(number: int, direction: str, opcode: str, **more: Any) -> dict[str, Any]:
    """Return the row of a control frame."""
    return frame(number, direction, opcode, time_last=START + number * 100 * MS, **more)


def drawn(
    page: Page, model: Model, width: int = 80, room: int = 21, encoding: str = "utf-8"
) -> list[str]:
    """Return the lines of a page."""
    view = View(model, console(width, room + 3, encoding), width, room)
    return [line.plain for line in page.lines(view)]


class Shown:
    """A screen without a terminal: keys go in, lines come out."""

    def __init__(
        self, model: Model, width: int = 80, height: int = 24, encoding: str = "utf-8"
    ) -> None:
        self.quits = 0
        self.screen = Screen(model, self._quit)
        self.console = console(width, height, encoding)
        self.lines()

    def _quit(self) -> None:
        self.quits += 1

    def lines(self) -> list[str]:
        made = self.screen.lines(self.console)
        assert len(made) == self.console.height
        assert all(line.cell_len <= self.console.width for line in made)
        return [line.plain for line in made]

    def press(self, *keys: str) -> list[str]:
        """Press keys, each after the screen was drawn."""
        for key in keys:
            self.screen.press(key)
            self.lines()
        return self.lines()

    def type(self, text: str) -> list[str]:
        return self.press("/", *text, "enter")

    def marked(self) -> str:
        (line,) = [line for line in self.lines() if line[:1] in ("▸", ">")]
        return line


class Terminal:
    """A terminal with the view of a replayed capture on it: what it shows, and keys for it."""

    def __init__(self, width: int, height: int) -> None:
        self.master, slave = os.openpty()
        self._file = os.fdopen(slave, "w", encoding="utf-8")
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self.screen)
        self._resize(width, height)
        self._written = 0
        # A terminal takes little that nobody reads: somebody must, while the view writes.
        self._output = bytearray()
        self._came = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.quits = 0
        self.view = LiveView(
            self._file, "lo", keyboard=Keyboard(slave), quit_run=self._quit, timer=lambda: 0.0
        )
        self.now = START
        self.stats = STATS

    def _quit(self) -> None:
        self.quits += 1

    def _resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def replay(self, name: str) -> None:
        """Lead a capture through the pipeline; time then stands still."""
        pipeline = replay(name, [self.view])
        self.now = pipeline.summary.capture.last_time

    def resize(self, width: int, height: int) -> list[str]:
        self._resize(width, height)
        self._show()
        self.screen.resize(height, width)
        return self.shown(0)

    def press(self, keys: bytes) -> list[str]:
        os.write(self.master, keys)
        return self.shown(0)

    def shown(self, passed: int = S) -> list[str]:
        """Return what the terminal shows, when so many ns have passed for the view."""
        self.now += passed
        self.view.tick(self.now, self.stats)
        self._show()
        return list(self.screen.display)

    def _show(self) -> None:
        """Let all that was written reach the terminal: the title says how far it is."""
        self._written += 1
        mark = f"\x1b]0;written {self._written}\x07".encode()
        self._file.write(mark.decode())
        self._file.flush()
        with self._came:
            assert self._came.wait_for(lambda: mark in self._output, timeout=60)
            self._stream.feed(bytes(self._output))
            self._output.clear()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            with self._came:
                self._output += data
                self._came.notify_all()

    def close(self) -> None:
        self.view.close()
        self._show()
        self._file.close()
        self._reader.join(60)
        os.close(self.master)
