"""Text with styles, and what it is printed on where that is no terminal.

Most reports go into files and pipes, where styles are nothing, and rich takes longer to import
than such a report to be made. So reports are made of this Text, which behaves as rich's does; a
terminal gets rich's own. Where widths are not plain to see (wide characters, tabs), rich is asked.
Knows rich's Text. Must not know what is shown. Used by layout and the reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, Final

from analyzer.lazy_pattern import lazy_pattern

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.text import Text as RichText

_SINGLE: Final = frozenset(
    "".join(map(chr, (*range(0x20, 0x7F), *range(0xA0, 0xAD), *range(0xAE, 0x100))))
    + "…↑↓█▏▎▍▌▋▊▉✖▲●"
)
"""Characters of one column each, whatever the terminal: those that reports use."""
_CONTROL: Final = str.maketrans(dict.fromkeys((7, 8, 11, 12, 13)))
"""What rich takes out of a text."""
_WORD: Final = lazy_pattern(r"\s*\S+\s*")


def cell_len(text: str) -> int:
    """Return how many columns a text takes."""
    if _SINGLE.issuperset(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


class Text:
    """A text, its style, and the styles of its parts, as rich.text.Text.

    Args:
        text: what it says.
        style: of the whole, in rich's words.

    Attributes:
        plain: the text alone.
        spans: (begin, end, style) of parts.
    """

    __slots__ = ("plain", "spans", "style")

    def __init__(self, text: str = "", style: str = "") -> None:
        self.plain = text.translate(_CONTROL)
        self.style = style
        self.spans: list[tuple[int, int, str]] = []

    @classmethod
    def assemble(cls, *parts: Text | str | tuple[str, str]) -> Text:
        """Return one text of parts, each a text or one with its style."""
        made = cls()
        for part in parts:
            if isinstance(part, tuple):
                made.append(*part)
            else:
                made.append(part)
        return made

    @property
    def cell_len(self) -> int:
        """How many columns it takes."""
        return cell_len(self.plain)

    def copy(self) -> Text:
        """Return a text like this one."""
        made = Text("", self.style)
        made.plain = self.plain
        made.spans = self.spans[:]
        return made

    def append(self, text: Text | str, style: str = "") -> Text:
        """Add a text at the end; return this one."""
        begin = len(self.plain)
        if isinstance(text, str):
            self.plain += text.translate(_CONTROL)
            if style:
                self.spans.append((begin, len(self.plain), style))
            return self
        self.plain += text.plain
        if text.style and text.plain:
            self.spans.append((begin, len(self.plain), text.style))
        self.spans += [(a + begin, b + begin, style) for a, b, style in text.spans]
        return self

    def __add__(self, other: Text | str) -> Text:
        return self.copy().append(other)

    def rstrip(self) -> None:
        """Take white space off the end."""
        self._cut(len(self.plain.rstrip()))

    def truncate(self, width: int) -> None:
        """Cut what is beyond `width` columns."""
        if self.cell_len <= width:
            return
        if _SINGLE.issuperset(self.plain):
            self._cut(width)
        else:
            cut = self.rich()
            cut.truncate(width)
            made = _of_rich(cut)
            self.plain, self.spans = made.plain, made.spans

    def wrap(self, width: int) -> list[Text]:
        """Return lines of at most `width` columns, parted between words."""
        if not _SINGLE.issuperset(self.plain):
            console: Any = None  # which is asked for other justifications alone
            return [_of_rich(line) for line in self.rich().wrap(console, width)]
        lines = []
        for begin, end in _lines(self.plain, width):
            line = self._part(begin, end)
            # White space beyond the width is not shown, that before it is.
            line._cut(max(width, len(line.plain.rstrip())))
            lines.append(line)
        return lines

    def rich(self) -> RichText:
        """Return it as rich's."""
        from rich.text import Span, Text

        return Text(self.plain, self.style, spans=[Span(*each) for each in self.spans])

    def _cut(self, length: int) -> None:
        if length < len(self.plain):
            self.plain = self.plain[:length]
            self.spans = [(a, min(b, length), s) for a, b, s in self.spans if a < length]

    def _part(self, begin: int, end: int) -> Text:
        made = Text("", self.style)
        made.plain = self.plain[begin:end]
        for a, b, style in self.spans:
            first, last = max(a, begin), min(b, end)
            if first < last:
                made.spans.append((first - begin, last - begin, style))
        return made


def _of_rich(text: RichText) -> Text:
    made = Text("", str(text.style))
    made.plain = text.plain
    made.spans = [(a, b, str(style)) for a, b, style in text.spans]
    return made


def _lines(text: str, width: int) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each line; words longer than one are parted within."""
    begin = used = 0
    for word in _WORD.finditer(text):
        at, whole = word.start(), word.group()
        length = len(whole.rstrip())
        if length <= width - used:
            used += len(whole)
        elif length > width:
            # Folded, from a line of its own on.
            for place in range(at, word.end(), width):
                if place:
                    yield begin, place
                    begin = place
            used = word.end() - begin
        else:
            yield begin, at
            begin, used = at, len(whole)
    yield begin, len(text)


class Plain:
    """A file or a pipe, as far as reports are concerned: what they ask of rich's Console.

    Args:
        file: gets the lines.
        width: columns of a line.
    """

    is_terminal = record = False

    def __init__(self, file: IO[str], width: int) -> None:
        self.file = file
        self.width = width

    @property
    def encoding(self) -> str:
        """How the file writes text."""
        return (getattr(self.file, "encoding", "utf-8") or "utf-8").lower()

    def print(self) -> None:
        """Write an empty line."""
        self.file.write("\n")


if TYPE_CHECKING:
    Console = RichConsole | Plain
