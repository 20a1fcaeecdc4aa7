"""What stands out: causes and findings as a list, and each of them in full.

Knows the model. Part of report.screen.whole.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from rich.text import Text

from analyzer.report.layout import severity
from analyzer.report.screen import figures
from analyzer.report.screen.connection_page import ConnectionPage
from analyzer.report.screen.harmless import folded, harmless
from analyzer.report.screen.lines import Line
from analyzer.report.screen.model import Model
from analyzer.report.screen.notable import Kind
from analyzer.report.screen.page import Column, Key, ListPage, Page, TextPage, View, fitting
from analyzer.report.wording import duration, number, plural, size

_CONNECTION: Final = Key(("c",), "c", "connection", "open the connection of the one that is shown")
_OTHER: Final = Key(("left", "right"), "← →", "other", "the one before, and the next", "lt rt")


class NotablePage(ListPage[Kind]):
    """Causes and kinds of findings, the gravest first."""

    title = "Notable"
    columns = frozenset(("id", "severity", "what", "text"))
    nothing = "nothing stands out so far"

    def badge(self, model: Model) -> str:
        """Return how many there are."""
        return number(len(model.notable.causes) + len(model.notable.kinds))

    def keys(self) -> list[Key]:
        """Return the keys of lists."""
        return [*self.opening("all about it"), *super().keys()]

    def items(self, model: Model) -> Sequence[Kind]:
        """Return what stands out."""
        return [kind for kind in model.notable.ranked() if self.search.matches(kind.columns())]

    def total(self, model: Model) -> int:
        """Return how many there are."""
        return len(model.notable.ranked())

    def id_of(self, item: Kind) -> tuple[bool, str]:
        """Return its id."""
        return item.is_cause, item.id

    def opens(self, item: Kind, model: Model) -> Page:
        """Return the page of a kind."""
        return KindPage(item)

    def layout(self, view: View) -> list[Column]:
        """Return the columns."""
        return fitting(
            [
                (Column("", 9), 0),
                (Column("count", 6, right=True), 0),
                (Column("id", 28), 100),
                (Column("what it says", 0), 0),
                (Column("last", 6, right=True), 60),
            ],
            "what it says",
            view.width,
        )

    def cells(self, item: Kind, view: View) -> dict[str, Text | str]:
        """Return the cells of a kind."""
        text = Text("cause: " if item.is_cause else "", "bold").append(harmless(item.text))
        return {
            "": severity(view.console, item.severity).rich(),
            "count": number(item.count),
            "id": item.id,
            "what it says": text,
            "last": figures.short(view.model.now - item.at),
        }


class KindPage(TextPage):
    """One cause or kind of finding: its text, and those of it that are remembered."""

    title = "Notable"

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self._kind = kind
        self.title = kind.id
        self._rows = list(reversed(kind.rows))
        self._place = 0
        self._line: Line | None = None  # of the connection, as drawn last

    def keys(self) -> list[Key]:
        """Return the keys of texts, and those that go to others of the kind."""
        known = self._line is not None
        return [
            *([_CONNECTION] if known else []),
            *([_OTHER] if len(self._rows) > 1 else []),
            *super().keys(),
        ]

    def press(self, key: str, model: Model) -> Page | None:
        """Go to another one, or to the connection."""
        if key == "c" and self._line is not None:
            return ConnectionPage(self._line)
        if key in ("left", "right"):
            step = 1 if key == "right" else -1
            self._place = max(0, min(self._place + step, len(self._rows) - 1))
            return None
        return super().press(key, model)

    def head(self, view: View) -> list[Text]:
        """Return its id and how often it came."""
        kind = self._kind
        title = severity(view.console, kind.severity).rich().append(f"  {kind.id}", "bold")
        which = f"{number(self._place + 1)} of the last {number(len(self._rows))}"
        return [title, Text(f"{number(kind.count)} so far; {which}", "dim")]

    def text(self, view: View) -> Sequence[Text | str]:
        """Return all about the one that is gone to."""
        row = self._rows[self._place]
        connection = row["connection"]
        self._line = None if connection is None else view.model.lines.find(connection)
        lines: list[Text | str] = [""]
        for paragraph in _paragraphs(row, self._line):
            lines += folded(paragraph, view.width)
        return lines


def _paragraphs(row: dict[str, Any], line: Line | None) -> list[str]:
    made = [harmless(row["text"])]
    if row.get("advice"):
        made += ["", harmless(row["advice"])]
    made.append("")
    if row.get("rfc"):
        made.append(f"rule: {row['rfc']}")
    if row["connection"] is not None:
        target = "" if line is None else f", {line.target}"
        made.append(f"connection {row['connection']}{target}")
    where = [
        f"{name.replace('_', '.')} {row[name]}"
        for name in ("packet", "frame", "tcp_stream", "direction")
        if row.get(name) is not None
    ]
    if where:
        made.append(", ".join(where))
    if row.get("connections"):
        made.append(f"seen in {plural(row['connections'], 'connection')}")
    if row.get("seconds") is not None:
        made.append(f"time lost: {duration(row['seconds'])}")
    if row.get("bytes") is not None:
        made.append(f"bytes: {size(row['bytes'])}")
    return [*made, *_evidence(row.get("evidence"))]


def _evidence(text: str | None) -> list[str]:
    """Return evidence, which is JSON, in lines."""
    if not text:
        return []
    lines = json.dumps(json.loads(text), indent=2, ensure_ascii=False).split("\n")
    return ["", "evidence", *(harmless(line) for line in lines)]
