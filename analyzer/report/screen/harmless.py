"""Text from traffic that cannot break the screen, and text cut to a number of cells.

A terminal obeys control characters, reorders text by bidirectional ones, and puts any number of
combining marks on one cell. Knows characters alone. Used by the pages of the screen.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from analyzer.report.layout import is_ascii
from analyzer.report.wording import printable

MAX_MARKS: Final = 3
"""Combining marks in a row that are shown: scripts that need them use up to three, and a hundred
of them cover the lines above."""
MAX_TEXT: Final = 4096
"""Characters of a text that are looked at for one line: more than the widest terminal shows."""


def harmless(text: str, most: int = MAX_TEXT) -> str:
    """Return text that a terminal shows as it stands, `most` characters of it."""
    text = text[:most]
    if text.isascii() and text.isprintable():
        return text
    shown = printable(text)
    if shown.isascii():
        return shown
    kept: list[str] = []
    marks = 0
    for character in shown:
        if unicodedata.category(character) in ("Mn", "Me", "Mc"):
            marks += 1
            # Variation selectors make terminals disagree on how wide the character before is.
            if marks > MAX_MARKS or "\ufe00" <= character <= "\ufe0f" or not kept:
                continue
        else:
            marks = 0
        kept.append(character)
    return "".join(kept)


def dots(console: Console) -> str:
    """Return what stands where something was cut off."""
    return "..." if is_ascii(console) else "…"


def cut(line: Text, width: int, console: Console) -> Text:
    """Cut a line to `width` cells, in place; dots say that it was longer."""
    line.no_wrap = True
    if line.cell_len > width:
        end = dots(console)
        if width <= len(end):
            line.truncate(max(0, width))
        else:
            line.truncate(width - len(end))
            line.append(end)
    return line


def cell(text: str | Text, width: int, console: Console, *, right: bool = False) -> Text:
    """Return text in a cell of exactly `width`: cut or filled."""
    made = cut(Text(text) if isinstance(text, str) else text.copy(), width, console)
    padding = " " * (width - made.cell_len)
    return Text(padding).append_text(made) if right else made.append(padding)


def wrapped(text: str, width: int) -> list[str]:
    """Return text in lines of at most `width` cells, cut wherever they are full."""
    width = max(2, width)  # one wide character
    if len(text) <= width and text.isascii():
        return [text]
    if text.isascii():
        return [text[at : at + width] for at in range(0, len(text), width)]
    lines, begin, used = [], 0, 0
    for at, character in enumerate(text):
        cells = cell_len(character)
        if used + cells > width:
            lines.append(text[begin:at])
            begin, used = at, 0
        used += cells
    return [*lines, text[begin:]]


def folded(text: str, width: int) -> list[str]:
    """Return a paragraph in lines, folded between words where that is possible."""
    if text.startswith(" "):
        return wrapped(text, width)
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        if line and cell_len(line) + 1 + cell_len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    # A word may be longer than a line.
    return [piece for each in (*lines, line) for piece in wrapped(each, width)]
