"""What all pages of the screen have in common: keys, lists with a marked row, text that scrolls.

A page keeps what the user chose on it, draws itself into the room that it is given, and acts on
keys by what it drew last: a key never does something to a row that was not shown. Knows the model.
Must not know the terminal, or other pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

from rich.console import Console
from rich.text import Text

from analyzer.lazy_dataclass import dataclass
from analyzer.named_tuple import NamedTuple
from analyzer.report.layout import is_ascii
from analyzer.report.screen.harmless import cell, cut
from analyzer.report.screen.model import Model
from analyzer.report.screen.search import Search
from analyzer.report.wording import number

_GAP: Final = 2
_BEFORE: Final = 2
"""Lines of a text that stay in sight above a match."""


@dataclass(frozen=True, slots=True)
class View:
    """What a page draws: the model, and how much room there is."""

    model: Model
    console: Console
    width: int
    room: int

    @property
    def is_ascii(self) -> bool:
        """Whether the terminal takes ASCII alone."""
        return is_ascii(self.console)

    def at_most(self, room: int) -> View:
        """Return the same with less room."""
        return View(self.model, self.console, self.width, room)


class Key(NamedTuple):
    """A key, or several that belong together.

    Attributes:
        names: as report.keys has them.
        shown: how they are written; `ascii` where that has other characters.
        foot: a word for the footer; "": they are on the help page alone.
        text: for the help page.
    """

    names: tuple[str, ...]
    shown: str
    foot: str
    text: str
    ascii: str = ""


MOVE: Final = Key(
    ("up", "down", "page-up", "page-down", "home", "end", "k", "j"),
    "↑↓",
    "move",
    "move; also j and k, PgUp and PgDn, Home and End",
    "up/down",
)
OPEN: Final = Key(("enter",), "Enter", "open", "open what is marked")
SEARCH: Final = Key(
    ("/",), "/", "filter", "show what has these words; !word: not, host:word: there"
)
_STEPS: Final = {"up": -1, "k": -1, "down": 1, "j": 1}


class Page:
    """One page.

    Attributes:
        title: a word or two.
        search: what is looked for on it.
    """

    title = ""
    watches: int | None = None
    """The connection of which as much as possible is to be remembered."""
    columns: frozenset[str] = frozenset()
    """Names that may stand before a colon in a search."""

    def __init__(self) -> None:
        self.search = Search()

    def keys(self) -> list[Key]:
        """Return the keys that act now, the most wanted first."""
        return []

    def lines(self, view: View) -> list[Text]:
        """Return at most view.room lines."""
        return []

    def press(self, key: str, model: Model) -> Page | None:
        """Do what a key asks for; return the page that it opens."""
        return None

    def look_for(self, text: str) -> None:
        """Take what was typed behind /."""
        self.search = Search(text, self.columns)

    def badge(self, model: Model) -> str:
        """Return a figure that stands beside the title."""
        return ""

    def position(self) -> str:
        """Return which part of it was drawn; "" where that is all."""
        return ""


T = TypeVar("T")


class ListPage(Page, Generic[T]):
    """A list with a marked row.

    Attributes:
        chosen: id of the marked row; None: the first, or the last where `follows`.
    """

    follows = False
    """Whether the last row is marked until another is, so that what is new is in sight."""
    nothing = "nothing yet"

    def __init__(self) -> None:
        super().__init__()
        self.chosen: Any = None
        self._top = 0
        # As drawn last: keys act on these.
        self._items: Sequence[T] = ()
        self._ids: list[Any] = []
        self._place_drawn = 0
        self._height = 1
        self.has_more = False
        """Whether the marked row opens a page."""

    # --- what a list is made of

    def items(self, model: Model) -> Sequence[T]:
        """Return what is listed, in order."""
        raise NotImplementedError

    def id_of(self, item: T) -> Any:
        """Return by what an item is known when the list was made anew."""
        raise NotImplementedError

    def cells(self, item: T, view: View) -> dict[str, Text | str]:
        """Return the cells of a row, by the name of their column."""
        raise NotImplementedError

    def layout(self, view: View) -> list[Column]:
        """Return the columns, as wide as there is room for."""
        raise NotImplementedError

    def opens(self, item: T, model: Model) -> Page | None:
        """Return the page of an item."""
        return None

    def can_open(self, item: T, model: Model) -> bool:
        """Return whether an item has a page."""
        return True

    def head(self, view: View) -> list[Text]:
        """Return what stands above the list."""
        return []

    def total(self, model: Model) -> int | None:
        """Return how many there are without the search; None: not known."""
        return None

    # --- drawing

    def lines(self, view: View) -> list[Text]:
        """Return head, titles, and the rows around the marked one."""
        items = self.items(view.model)
        head = self.head(view)[: max(0, view.room - 3)]
        if self.search:
            head.append(self._searching(len(items), view))
        layout = self.layout(view)
        out = [*head]
        if view.room - len(out) > 2:
            out.append(_titles(layout, view))
        self._height = room = max(1, view.room - len(out))
        place = self._place(items)
        self._top = max(min(self._top, place, len(items) - room), place - room + 1, 0)
        self._items, self._place_drawn = items, place
        self.has_more = bool(items) and self.can_open(items[place], view.model)
        self._ids = [self.id_of(item) for item in items]
        for at, item in enumerate(items[self._top : self._top + room], self._top):
            out.append(self._row(item, layout, view, marked=at == place))
        if not items:
            out.append(Text("  nothing matches" if self.search else f"  {self.nothing}", "dim"))
        return out[: view.room]

    def position(self) -> str:
        """Return which row is marked."""
        count = len(self._items)
        return f"{number(self._place_drawn + 1)} of {number(count)}" if count > 1 else ""

    def _place(self, items: Sequence[T]) -> int:
        """Return where the marked row is."""
        if self.chosen is not None:
            for place, item in enumerate(items):
                if self.id_of(item) == self.chosen:
                    return place
        # What was marked is gone: stay about there, or at the end that is followed.
        if self.follows and self.chosen is None:
            return max(0, len(items) - 1)
        if self.chosen in self._ids:
            return max(0, min(self._ids.index(self.chosen), len(items) - 1))
        return 0

    def _row(self, item: T, layout: Sequence[Column], view: View, *, marked: bool) -> Text:
        cells = self.cells(item, view)
        mark = (">" if view.is_ascii else "▸") if marked else " "
        line = Text(mark, "bold" if marked else "")
        for column in layout:
            text = cells[column.name]
            shown = cell(text, column.width, view.console, right=column.right)
            line.append(" " if line.cell_len == 1 else " " * _GAP).append_text(shown)
        if self.search:
            line.highlight_words(self.search.words, "bold underline", case_sensitive=False)
        if marked:
            line.stylize("reverse")
        return line

    def _searching(self, count: int, view: View) -> Text:
        total = self.total(view.model)
        of = "" if total is None else f" of {number(total)}"
        return Text.assemble((f"/{self.search.text}", "bold"), f"  {number(count)}{of}")

    # --- keys

    def keys(self) -> list[Key]:
        """Return the keys of all lists, as far as the list has something to act on."""
        count = len(self._items)
        return [*([MOVE] if count > 1 else []), *([SEARCH] if count or self.search else [])]

    def opening(self, text: str = OPEN.text) -> list[Key]:
        """Return the key that opens the marked row, where there is something to open."""
        return [OPEN._replace(text=text)] if self.has_more else []

    def press(self, key: str, model: Model) -> Page | None:
        """Move, or open what is marked: as it was drawn last."""
        if not self._items:
            return None
        if key == "enter":
            return self.opens(self._items[self._place_drawn], model)
        if key not in MOVE.names:
            return None
        count = len(self._items)
        page = max(1, self._height - 1)
        steps = {**_STEPS, "page-up": -page, "page-down": page, "home": -count, "end": count}
        # Several keys may come before the list is drawn again.
        place = self._place_drawn = max(0, min(self._place_drawn + steps[key], count - 1))
        self.chosen = None if self.follows and place == count - 1 else self._ids[place]
        return None


class Column(NamedTuple):
    """A column of a list.

    Attributes:
        name: of its cells.
        width: in cells.
        right: set at the right, as numbers are.
        title: what stands above it; "": its name.
    """

    name: str
    width: int
    right: bool = False
    title: str = ""


def fitting(
    columns: Sequence[tuple[Column, int]], flexible: str, width: int, at_least: int = 8
) -> list[Column]:
    """Return the columns for which there is room.

    Args:
        columns: each with the width of the screen from which it is shown.
        flexible: name of the column that takes what the others leave.
        width: of the screen.
        at_least: cells of the flexible column; what leaves less is not shown, the last first.
    """
    chosen = [column for column, least in columns if width >= least]
    while True:
        others = sum(column.width for column in chosen if column.name != flexible)
        rest = width - 2 - others - _GAP * (len(chosen) - 1)
        if rest >= at_least or len(chosen) <= 1:
            break
        chosen.remove([column for column in chosen if column.name != flexible][-1])
    return [
        column._replace(width=max(1, rest)) if column.name == flexible else column
        for column in chosen
    ]


def _titles(layout: Sequence[Column], view: View) -> Text:
    line = Text(" ", "dim")
    for column in layout:
        shown = cell(column.title or column.name, column.width, view.console, right=column.right)
        line.append(" " if line.cell_len == 1 else " " * _GAP).append_text(shown)
    return line


class TextPage(Page):
    """Text that scrolls, in which words are found."""

    def __init__(self) -> None:
        super().__init__()
        self._top = 0
        self._height = 1
        self._count = 0
        self._matches: list[int] = []
        self._match: int | None = None  # which of them was gone to

    def head(self, view: View) -> list[Text]:
        """Return what stays above the text."""
        return []

    def text(self, view: View) -> Sequence[Text | str]:
        """Return all lines of the text."""
        raise NotImplementedError

    def keys(self) -> list[Key]:
        """Return the keys of all texts."""
        found = Key(("n", "N"), "n N", "next match", "go to the next match, or the one before")
        return [
            MOVE._replace(foot="scroll"),
            SEARCH._replace(foot="search", text="find words"),
            *([found] if self.search else []),
        ]

    def lines(self, view: View) -> list[Text]:
        """Return the head, and the part of the text that is scrolled to."""
        head = self.head(view)[: max(0, view.room - 2)]
        text = self.text(view)
        self._height = max(1, view.room - len(head))
        self._count = len(text)
        if self.search:
            words = self.search.words
            self._matches = [at for at, line in enumerate(text) if _has(line, words)]
            if self._match is None and self._matches:
                self._go(0)
            head = [*head[: max(0, view.room - 2)], self._searching()]
            self._height = max(1, view.room - len(head))
        self._top = max(0, min(self._top, self._count - self._height))
        shown = [
            line.copy() if isinstance(line, Text) else Text(line)
            for line in text[self._top : self._top + self._height]
        ]
        for line in shown:
            if self.search:
                line.highlight_words(self.search.words, "reverse", case_sensitive=False)
            cut(line, view.width, view.console)
        return [*head, *shown][: view.room]

    def position(self) -> str:
        """Return which lines were drawn."""
        if self._count <= self._height:
            return ""
        last = min(self._count, self._top + self._height)
        return f"{number(self._top + 1)} to {number(last)} of {number(self._count)}"

    def _searching(self) -> Text:
        at = 0 if self._match is None else self._match + 1
        where = f"  match {number(at)} of {number(len(self._matches))}"
        return Text.assemble((f"/{self.search.text}", "bold"), where)

    def press(self, key: str, model: Model) -> Page | None:
        """Scroll."""
        page = max(1, self._height - 1)
        steps = {**_STEPS, "page-up": -page, "page-down": page, " ": page}
        steps |= {"home": -self._count, "end": self._count}
        if key in steps:
            self._top = max(0, min(self._top + steps[key], self._count - self._height))
        elif key in ("n", "N") and self._matches:
            self._go((self._match or 0) + (1 if key == "n" else -1))
        return None

    def _go(self, match: int) -> None:
        """Scroll to a match; behind the last comes the first, as in less and vi."""
        self._match = match % len(self._matches)
        self._top = max(0, self._matches[self._match] - _BEFORE)

    def look_for(self, text: str) -> None:
        """Take what was typed behind /, and go to the first match when it is drawn."""
        super().look_for(text)
        self._matches, self._match = [], None


def _has(line: Text | str, words: Sequence[str]) -> bool:
    text = (line.plain if isinstance(line, Text) else line).casefold()
    return any(word in text for word in words)
