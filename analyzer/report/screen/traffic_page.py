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
        """Return the figures."""
        return [
            figures.openings(view),
            *figures.handshakes(view),
            figures.direction(0, view),
            figures.direction(1, view),
            *figures.where(view),
            figures.polling(view),
            *figures.ends(view),
            *figures.memory(view),
        ]
