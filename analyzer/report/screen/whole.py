"""The whole screen: a head, tabs, the page that is open, and the keys that act on it.

Holds what the user chose: the tab, the pages opened above it, what is typed. Knows pages and the
model. Must not know the terminal: report.live_view hands on keys and size, and shows the lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from analyzer.report.layout import is_ascii
from analyzer.report.screen import figures
from analyzer.report.screen.connections_page import ConnectionsPage
from analyzer.report.screen.harmless import cut
from analyzer.report.screen.model import Model
from analyzer.report.screen.names_page import CallsPage, NamesPage
from analyzer.report.screen.notable_page import NotablePage
from analyzer.report.screen.page import Key, Page, TextPage, View
from analyzer.report.screen.search import MAX_LENGTH
from analyzer.report.screen.traffic_page import TrafficPage
from analyzer.report.wording import number

MAX_DEPTH: Final = 20
"""Pages opened above each other."""
_TABS_FROM: Final = 8
"""Lines of a screen that has one for the tabs."""

_BACK: Final = Key(("escape",), "Esc", "back", "go back")
_CLEAR: Final = Key(("escape",), "Esc", "clear", "show all again")
_TAB: Final = Key(
    ("tab", "back-tab", "1", "2", "3", "4", "5"), "Tab", "view", "the next view; 1 to 5: that one"
)
_PAUSE: Final = Key(("p",), "p", "pause", "pause the screen; the capture goes on")
_QUIT: Final = Key(("q",), "q", "quit", "end the run, with the report")
_HELP: Final = Key(("?",), "?", "help", "this page")


class HelpPage(TextPage):
    """The keys of the page below it, and what the figures mean."""

    title = "Help"

    def __init__(self, keys: Sequence[Key]) -> None:
        super().__init__()
        self._keys = keys

    def text(self, view: View) -> Sequence[Text]:
        """Return the help."""
        lines = [Text("Keys that act here", "bold")]
        for key in self._keys:
            shown = (key.ascii or key.shown) if view.is_ascii else key.shown
            lines.append(Text.assemble((f"  {shown:<8}", "bold"), key.text))
        words = (
            "",
            "Rates are per second, over the last 5 s; times of handshakes, over the last minute. "
            "Bars are messages per second, the newest at the right; behind them stands how many "
            "seconds they are, and what the highest stands for.",
            "Bytes are those of WebSocket connections on the wire since the run began.",
            "Polling is a model: each open connection asks once in the interval over a connection "
            "that is kept alive, with the headers of the handshakes that were captured.",
            "Causes are what the diagnosis found so far; findings are single oddities.",
            "Of the last messages the whole payload is kept; of earlier ones, how they begin.",
        )
        for each in words:
            lines += Text(each).wrap(view.console, max(10, view.width)) if each else [Text("")]
        return lines


class Screen:
    """What is shown, and what keys do.

    Args:
        model: what is known.
        quit_run: called for the key q.

    Attributes:
        paused: the screen does not change until a key is pressed.
        typing: what is typed behind /; None: nothing is.
    """

    def __init__(self, model: Model, quit_run: Callable[[], None]) -> None:
        self._model = model
        self._quit = quit_run
        self._tabs: list[Page] = [
            *(ConnectionsPage(), NotablePage(), NamesPage(), CallsPage(), TrafficPage())
        ]
        self._tab = 0
        self._opened: list[Page] = []
        self.paused = False
        self.typing: str | None = None
        self._before = ""  # what was looked for before

    @property
    def page(self) -> Page:
        """The page that is shown."""
        return self._opened[-1] if self._opened else self._tabs[self._tab]

    # --- keys

    def press(self, key: str) -> None:
        """Do what a key asks for; unknown ones do nothing."""
        if self.typing is not None:
            self._type(key)
        elif key == "q":
            self._quit()
        elif key == "p":
            self.paused = not self.paused
        elif key == "?":
            if isinstance(self.page, HelpPage):
                self._opened.pop()
            else:
                self._open(HelpPage(self.keys()))
        elif key == "/":
            self.typing = self._before = self.page.search.text
        elif key == "escape":
            self._back()
        elif key in _TAB.names and not self._opened:
            step = {"tab": 1, "back-tab": -1}.get(key)
            place = self._tab + step if step is not None else int(key) - 1
            self._tab = place % len(self._tabs)
        else:
            self._open(self.page.press(key, self._model))
        self._model.history.watched = next(
            (page.watches for page in reversed(self._opened) if page.watches is not None), None
        )

    def _open(self, page: Page | None) -> None:
        if page is not None and len(self._opened) < MAX_DEPTH:
            self._opened.append(page)

    def _back(self) -> None:
        if self.page.search:
            self.page.look_for("")
        elif self._opened:
            self._opened.pop()

    def _type(self, key: str) -> None:
        """Take a key while something is typed: the list follows with each."""
        text = self.typing or ""
        if key == "enter":
            self.typing = None
            return
        if key == "escape":
            self.typing, text = None, self._before
        elif key == "backspace":
            self.typing = text = text[:-1]
        elif key == "clear":
            self.typing = text = ""
        elif len(key) == 1 and len(text) < MAX_LENGTH:
            self.typing = text = text + key
        self.page.look_for(text)

    def keys(self) -> list[Key]:
        """Return the keys that act now, the most wanted first."""
        back = [_BACK] if self._opened else []
        back = [_CLEAR] if self.page.search else back
        tabs = [] if self._opened else [_TAB]
        return [*back, *self.page.keys(), *tabs, _PAUSE, _HELP, _QUIT]

    # --- lines

    def lines(self, console: Console) -> list[Text]:
        """Return the lines of the screen: as many as the console has, none wider than it is."""
        width, height = console.size
        top = [self._head(console, width)]
        if self._model.warning:
            top.append(Text(self._model.warning, "bold yellow"))
        room = max(0, height - len(top) - (2 if height >= _TABS_FROM else 1))
        view = View(self._model, console, width, room)
        body = self.page.lines(view)[:room] if room else []
        if height >= _TABS_FROM:
            top.append(self._where(width))
        lines = [*top, *body, *[Text("")] * (room - len(body)), self._foot(console, width)]
        lines = lines[: height - 1] + lines[-1:] if height > 1 else lines[:1]
        if is_ascii(console):
            for line in lines:
                # Of names and payload there may be more than the terminal's encoding has.
                line.plain = line.plain.encode("ascii", "replace").decode()
        return [cut(line, width, console) for line in lines]

    def _head(self, console: Console, width: int) -> Text:
        """Return the first line: what is captured, and whether all of it is."""
        rates = self._model.rates
        stats = rates.stats
        behind = stats.received - stats.dropped - stats.analysed
        # The less important first give way on a narrow screen.
        parts: list[tuple[int, str, str]] = [
            (1, "wsanalyze", "bold"),
            (7, self._model.source[: max(8, width // 3)], "bold cyan"),
            (5, figures.seconds(rates.now - rates.begun), ""),
            (4, f"{figures.rate(rates.packets_per_s())} packets/s", ""),
            (
                9 if stats.dropped else 2,
                f"{number(stats.dropped)} dropped",
                "bold red" if stats.dropped else "dim",
            ),
        ]
        if behind > max(1000, rates.packets_per_s()):
            parts.append((6, f"{number(behind)} behind", "yellow"))
        if not stats.interface_up:
            parts.append((10, "interface is down", "bold red"))
        if self.paused:
            parts.append((11, "[paused]", "bold yellow"))
        parts = [part for part in parts if part[1]]
        while len(parts) > 1 and sum(len(text) + 2 for _, text, _ in parts) - 2 > width:
            parts.remove(min(parts))
        line = Text("  ").join(Text(text, style) for _, text, style in parts)
        return line

    def _where(self, width: int) -> Text:
        """Return the tabs or the way to the page, and which part of it is shown."""
        line = self._tab_line(width)
        position = self.page.position()
        room = width - line.cell_len - len(position) - 1
        return line.append(" " * room).append(position, "dim") if position and room > 0 else line

    def _tab_line(self, width: int) -> Text:
        """Return the names of all views; where a page is opened, the way to it."""
        if self._opened:
            return self._trail(width)
        names = [
            f"{place} {page.title}" + (f" {badge}" if (badge := page.badge(self._model)) else "")
            for place, page in enumerate(self._tabs, 1)
        ]
        if sum(len(name) + 2 for name in names) > width:
            names = [
                name if place == self._tab else str(place + 1) for place, name in enumerate(names)
            ]
        line = Text()
        for place, name in enumerate(names):
            line.append(f" {name} ", "reverse bold" if place == self._tab else "dim")
        return line

    def _trail(self, width: int) -> Text:
        """Return the titles of the pages that are opened; on a narrow screen, of the last ones."""
        titles = [self._tabs[self._tab].title, *(page.title for page in self._opened)]
        while len(titles) > 2 and sum(len(title) + 3 for title in titles) > width:
            titles.pop(0)
        before = "".join(f"{title} > " for title in titles[:-1])
        return Text.assemble((f" {before}", "dim"), (titles[-1], "reverse bold"))

    def _foot(self, console: Console, width: int) -> Text:
        """Return the last line: what is typed, or the keys that act now."""
        if self.typing is not None:
            end = "_" if is_ascii(console) else "▏"
            hint = "  Enter keep  Esc undo"
            room = max(1, width - len(hint) - 2)
            return Text.assemble((f"/{self.typing[-room:]}{end}", "bold"), (hint, "dim"))
        words = [
            f"{key.ascii or key.shown if is_ascii(console) else key.shown} {key.foot}"
            for key in self.keys()
            if key.foot
        ]
        # Help has all others: it stays, and so does the end.
        first, last = words[:-2], words[-2:]
        while first and sum(len(word) + 2 for word in (*first, *last)) - 2 > width:
            first.pop()
        return Text("  ".join((*first, *last)), "dim")
