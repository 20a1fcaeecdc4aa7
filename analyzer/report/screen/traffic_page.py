"""Figures of the whole run: openings, rates, where bytes went, polling, ends, memory.

Knows the model. Part of report.screen.whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from analyzer.report.screen import figures
from analyzer.report.screen.page import TextPage, View


class TrafficPage(TextPage):
    """All figures, one below the other."""

    title = "Traffic"

    def text(self, view: View) -> Sequence[Text]:
        """Return the figures, folded where they are wider than the screen."""
        lines = [
            figures.openings(view),
            *figures.handshakes(view),
            *figures.sealed(view),
            figures.direction(0, view),
            figures.direction(1, view),
            *figures.where(view),
            figures.polling(view),
            *figures.ends(view),
            *figures.memory(view),
        ]
        return [piece for line in lines for piece in _folded(line, view)]


def _folded(line: Text, view: View) -> list[Text]:
    """Return a line in pieces that fit, those behind the first below the words, not the label."""
    if line.cell_len <= view.width:
        return [line]
    words = line[figures.LABEL :].wrap(view.console, max(1, view.width - figures.LABEL))
    before = [line[: figures.LABEL], *[figures.label("")] * (len(words) - 1)]
    return [head.copy().append_text(each) for head, each in zip(before, words, strict=True)]
