"""What the terminal reports look like: one console, headings, tables without boxes.

Knows rich, which is imported for a terminal alone. Must not know what is shown. All text goes to
the console as Text, never as markup, so that square brackets in traffic stay what they are. Used
by terminal, connection, listing and the command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Literal

from analyzer.lazy_dataclass import dataclass
from analyzer.report.text import Plain, Text, cell_len
from analyzer.report.wording import printable

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from analyzer.report.text import Console

PIPED_WIDTH = 100
"""Columns of a report that goes to a file or a pipe."""
WIDE = 100
VERY_WIDE = 126

_INDENT = 2
_GAP = 2

_SEPARATORS = "/?&=:"
_WORTH_FOLDING = 4
"""Characters that all cells of a column begin with: fewer are not worth a line that says so."""
_END = 4
"""Characters of the end of an address that stay at least where its middle is left out."""

SEVERITY_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan", "info": "dim"}
_SEVERITY_SYMBOLS = {"error": "✖", "warning": "▲", "note": "●", "info": "·"}
_ASCII_SYMBOLS = {"error": "x", "warning": "!", "note": "*", "info": "-"}
_EIGHTHS = " ▏▎▍▌▋▊▉"

Cell = str | Text
Justify = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Head:
    """A column's header. A flexible column is cut with an ellipsis where room lacks.

    A column of addresses differs at its end: where room lacks, what all its cells begin with is
    said once, below the table. What is still too long, of several, is cut in its middle.
    """

    text: str
    justify: Justify = "right"
    flexible: bool = False
    at_least: int = 12
    addresses: bool = False
    parted: str = _SEPARATORS
    """Characters behind which addresses are folded; of names a dot too."""


def make_console(file: IO[str]) -> Console:
    """Return a console on `file`: as wide as the terminal, PIPED_WIDTH where it is none."""
    if file.isatty() or os.environ.get("TTY_COMPATIBLE") == "1" or "FORCE_COLOR" in os.environ:
        return make_terminal(file)
    return Plain(file, _piped_width())


def make_terminal(file: IO[str]) -> RichConsole:
    """Return rich's console on `file`, which has colours and can be written all over."""
    from rich.console import Console

    class ReportConsole(Console):
        def on_broken_pipe(self) -> None:
            """Let the command line answer; rich would exit with 1, which means a finding."""
            raise BrokenPipeError

    width = None if file.isatty() else _piped_width()
    return ReportConsole(file=file, width=width, highlight=False, markup=False, emoji=False)


def _piped_width() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() else PIPED_WIDTH


def is_ascii(console: Console) -> bool:
    """Return whether the console's encoding has ASCII characters alone."""
    return not console.encoding.startswith("utf")


def say(console: Console, *parts: Cell, indent: int = _INDENT) -> None:
    """Print one paragraph of text, indented, wrapped between words."""
    text = Text()
    for part in parts:
        text.append(Text(part) if isinstance(part, str) else part)
    for line in text.wrap(max(20, console.width - indent)):
        line.rstrip()
        _line(console, Text(" " * indent) + line)


def item(console: Console, label: Cell, *parts: Cell, width: int, justify: Justify) -> None:
    """Print text beside a label of `width` columns, wrapped between words, never cut."""
    text = Text()
    for part in parts:
        text.append(Text(part) if isinstance(part, str) else part)
    label = Text(label) if isinstance(label, str) else label
    padding = " " * (width - label.cell_len)
    pair = (label, padding) if justify == "left" else (padding, label)
    begin = Text.assemble(" " * _INDENT, *pair, " " * _GAP)
    for line in text.wrap(max(20, console.width - begin.cell_len)):
        line.rstrip()
        _line(console, begin + line)
        begin = Text(" " * begin.cell_len)


def heading(console: Console, text: str, note: str = "") -> None:
    """Print a heading, with an empty line above."""
    console.print()
    whole = Text.assemble((text, "bold"), "  " if note else "", (note, "dim"))
    for line in whole.wrap(console.width):
        _line(console, line)


def table(console: Console, heads: Sequence[Head], rows: Iterable[Sequence[Cell]]) -> None:
    """Print a table without boxes, indented; only flexible columns are ever cut."""
    body = [[Text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    widths = fitted(heads, body, console.width - _INDENT)
    folded = ""
    for place, head in enumerate(heads):
        if head.addresses and any(row[place].cell_len > widths[place] for row in body):
            folded = _fold(body, place, head.parted, _dots(console)) or folded
            widths = fitted(heads, body, console.width - _INDENT)
            if len(body) > 1:
                for row in body:
                    row[place] = _without_middle(row[place], widths[place], _dots(console))
    if any(head.text for head in heads):
        print_row(console, [Text(head.text, "dim") for head in heads], heads, widths)
    for row in body:
        print_row(console, row, heads, widths)
    if folded:
        say(console, Text(f"{_dots(console)} before each: {folded}", "dim"))


def _fold(body: Sequence[list[Text]], place: int, parted: str, dots: str) -> str:
    """Shorten what all cells of a column begin with, up to a separator; return what that is."""
    plain = [row[place].plain for row in body]
    # Character by character: all begin with what the first and the last in order share.
    first, last = min(plain), max(plain)
    same = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    common = first[:same]
    shared = common[: max(common.rfind(each) for each in parted) + 1]
    if len(body) < 2 or len(shared) < _WORTH_FOLDING:
        return ""
    for row, text in zip(body, plain, strict=True):
        row[place] = Text(dots + text[len(shared) :], row[place].style)
    return shared


def fitted(heads: Sequence[Head], rows: Sequence[Sequence[Text]], room: int) -> list[int]:
    """Return the widths of columns: flexible ones shrink until all fit into `room`."""
    widths = [
        max([cell_len(head.text), *(row[place].cell_len for row in rows)])
        for place, head in enumerate(heads)
    ]
    excess = sum(widths) + _GAP * (len(widths) - 1) - room
    flexible = [place for place, head in enumerate(heads) if head.flexible]
    while excess > 0:
        shrinkable = [place for place in flexible if widths[place] > heads[place].at_least]
        if not shrinkable:
            break
        widest = max(shrinkable, key=lambda place: widths[place])
        widths[widest] -= 1
        excess -= 1
    return widths


def room_beside(console: Console, heads: Sequence[Head], rows: Sequence[Sequence[Text]]) -> int:
    """Return how many columns one more column at the right end of a table would have."""
    widths = fitted(heads, rows, console.width - _INDENT)
    return console.width - _INDENT - sum(widths) - _GAP * len(widths)


def print_row(
    console: Console, cells: Sequence[Text], heads: Sequence[Head], widths: Sequence[int]
) -> None:
    """Print one row of a table; what does not fit its column ends with an ellipsis."""
    line = Text(" " * _INDENT)
    for cell, head, width in zip(cells, heads, widths, strict=True):
        fitting = cell.copy()
        _cut(fitting, width, console)
        padding = " " * (width - fitting.cell_len)
        parts = (fitting, padding) if head.justify == "left" else (padding, fitting)
        for part in (*parts, " " * _GAP):
            line.append(part)
    line.rstrip()
    _line(console, line)


def _line(console: Console, line: Text) -> None:
    if isinstance(console, Plain) or not (console.is_terminal or console.record):
        # Without styles there is nothing to render, which takes ten times as long.
        console.file.write(line.plain + "\n")
    else:
        console.print(line.rich(), no_wrap=True, overflow="ignore", crop=False)


def _dots(console: Console) -> str:
    return "..." if is_ascii(console) else "…"


def _without_middle(text: Text, width: int, dots: str) -> Text:
    """Return an address that fits: with its host and port, and its end as far as there is room."""
    host, _, _ = text.plain.partition("/")
    room = width - len(dots)
    keep = max(cell_len(host) + 1, room // 2)
    if text.cell_len <= width or keep > room - _END:
        return text
    kept = text.copy()
    kept.truncate(keep)
    end = text.plain[-(room - kept.cell_len) :]
    while cell_len(end) > room - kept.cell_len:  # wide characters
        end = end[1:]
    return Text(f"{kept.plain}{dots}{end}", text.style)


def _cut(text: Text, width: int, console: Console) -> None:
    if text.cell_len > width:
        dots = _dots(console)
        text.truncate(max(0, width - len(dots)))
        text.append(dots)


def traffic(text: str | None, style: str = "") -> Text:
    """Return text from traffic as a cell: harmless, and a dash where there is none."""
    return Text("-", "dim") if text is None else Text(printable(text), style)


def bar(part: int, whole: int, width: int, *, ascii_only: bool) -> str:
    """Return a horizontal bar of `part` in `whole`, at most `width` characters wide."""
    if whole <= 0 or part <= 0:
        return ""
    if ascii_only:
        return "#" * max(1, round(width * part / whole))
    eighths = max(1, round(8 * width * part / whole))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def severity(console: Console, name: str) -> Text:
    """Return a severity as symbol and word: colour alone carries no meaning."""
    symbols = _ASCII_SYMBOLS if is_ascii(console) else _SEVERITY_SYMBOLS
    return Text(f"{symbols[name]} {name}", SEVERITY_STYLES[name])


def arrow(console: Console, direction: str | None) -> str:
    """Return an arrow: up from the client, down from the server, as in browsers."""
    ups, downs = ("^", "v") if is_ascii(console) else ("↑", "↓")
    return {"client": ups, "server": downs}.get(direction or "", " ")
