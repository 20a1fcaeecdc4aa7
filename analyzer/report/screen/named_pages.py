"""The pages of one name: its last messages, and its last calls with their times.

They show what is remembered: the lists that lead here count all. Knows the model. Part of
report.screen.names_page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from analyzer.columns import NULL
from analyzer.report.layout import arrow
from analyzer.report.screen.connection_page import ConnectionPage
from analyzer.report.screen.harmless import harmless
from analyzer.report.screen.history import Event
from analyzer.report.screen.lines import Line
from analyzer.report.screen.message_page import MessagePage
from analyzer.report.screen.model import Model
from analyzer.report.screen.page import Column, Key, ListPage, Page, View, fitting
from analyzer.report.wording import clock, duration, number, plural, size
from analyzer.tables.schema import DIRECTIONS

_CONNECTION = Key(("c",), "c", "connection", "open the connection of the one that is marked")
_SORT = Key(("s",), "s", "sort", "the slowest first, or the latest last")


class NamePage(ListPage[tuple[int, Event]]):
    """The last messages of one name, of all connections, the latest last.

    Args:
        inner: the protocol inside.
        kind: of the messages; "": of those in which no item begins.
        name: of the messages; "": of those without one.
    """

    follows = True
    columns = frozenset(("from", "id", "topic", "preview"))
    nothing = "none of these messages is remembered"

    def __init__(self, inner: str, kind: str, name: str) -> None:
        super().__init__()
        # As events have them.
        self._words = tuple(harmless(word) for word in (inner, kind, name))
        self.title = " ".join(word for word in self._words[1:] if word) or "(no item)"

    def keys(self) -> list[Key]:
        """Return the keys of lists, and the one that leads to the connection."""
        found = self.opening("open a message")
        return [*found, *([_CONNECTION] if found else []), *super().keys()]

    def _all(self, model: Model) -> list[tuple[int, Event]]:
        return model.history.named(*self._words)

    def items(self, model: Model) -> Sequence[tuple[int, Event]]:
        """Return the messages, with the numbers of their connections."""
        return [each for each in self._all(model) if self._is_wanted(each, model)]

    def _is_wanted(self, item: tuple[int, Event], model: Model) -> bool:
        if not self.search:
            return True
        connection, event = item
        said = event.said or {}
        values = {"from": DIRECTIONS[event.side], "preview": event.preview}
        values |= {name: str(said.get(name) or "") for name in ("id", "topic")}
        payload = model.history.payload(connection, event.number)
        if payload is not None:
            values["payload"] = payload.decode("utf-8", "replace")
        return self.search.matches(values)

    def total(self, model: Model) -> int:
        """Return how many are remembered."""
        return len(self._all(model))

    def id_of(self, item: tuple[int, Event]) -> tuple[int, int]:
        """Return the numbers of its connection and of itself."""
        return item[0], item[1].number

    def can_open(self, item: tuple[int, Event], model: Model) -> bool:
        """Return whether its connection is still known."""
        return model.lines.find(item[0]) is not None

    def opens(self, item: tuple[int, Event], model: Model) -> Page | None:
        """Return the page of a message, from which those of its connection can be gone to."""
        connection, event = item
        line = model.lines.find(connection)
        if line is None:
            return None
        beside = [each for number, each in self._items if number == connection]
        return MessagePage(line, beside, beside.index(event), model)

    def press(self, key: str, model: Model) -> Page | None:
        """Open the connection, move, or open a message."""
        if key == "c" and self._items:
            return _page_of(model.lines.find(self._items[self._place_drawn][0]))
        return super().press(key, model)

    def head(self, view: View) -> list[Text]:
        """Return which name it is."""
        inner, kind, name = self._words
        return [Text.assemble((f"{inner}  ", "dim"), (kind or "(no item)", "bold"), f" {name}")]

    def layout(self, view: View) -> list[Column]:
        """Return the columns."""
        return fitting(
            [
                (Column("time UTC", 12 if view.width >= 60 else 8), 0),
                (Column("", 1), 0),
                (Column("conn", 6, right=True), 50),
                (Column("size", 7, right=True), 0),
                (Column("preview", 0), 0),
                (Column("reply", 8, right=True), 80),
                (Column("#", 6, right=True), 90),
            ],
            "preview",
            view.width,
        )

    def cells(self, item: tuple[int, Event], view: View) -> dict[str, Text | str]:
        """Return the cells of a message."""
        connection, event = item
        said = event.said or {}
        time = "-" if event.time == NULL else clock(event.time)
        reply = said.get("reply_us")
        return {
            "time UTC": time[:-3] if view.width >= 60 else time[:8],
            "": arrow(view.console, DIRECTIONS[event.side]),
            "conn": number(connection),
            "size": "?" if event.length == NULL else size(event.length),
            "preview": event.preview,
            "reply": "" if reply is None else duration(reply),
            "#": number(event.number),
        }


class CallPage(ListPage[dict[str, Any]]):
    """The last calls of one name.

    Args:
        inner: the protocol inside.
        name: of the calls.
    """

    columns = frozenset(("outcome", "caller", "connection"))
    nothing = "none of these calls is remembered"

    def __init__(self, inner: str, name: str) -> None:
        super().__init__()
        self._key = inner, name
        self._slowest_first = True
        self.title = harmless(name)

    def keys(self) -> list[Key]:
        """Return the keys of lists, and those of calls."""
        found = self.opening("open the request")
        return [*found, _SORT, *([_CONNECTION] if found else []), *super().keys()]

    def items(self, model: Model) -> Sequence[dict[str, Any]]:
        """Return the calls; those that were never answered count as slow."""
        found = [row for row in model.calls.of(*self._key) if self._is_wanted(row)]
        if self._slowest_first:
            never = float("inf")
            found.sort(key=lambda row: -(never if row["reply_us"] is None else row["reply_us"]))
        return found

    def _is_wanted(self, row: dict[str, Any]) -> bool:
        words = {name: str(row[name]) for name in self.columns if row[name] is not None}
        return not self.search or self.search.matches(words)

    def total(self, model: Model) -> int:
        """Return how many are remembered."""
        return len(model.calls.of(*self._key))

    def id_of(self, item: dict[str, Any]) -> int:
        """Return its number."""
        return int(item["call"])

    def can_open(self, item: dict[str, Any], model: Model) -> bool:
        """Return whether its connection is still known."""
        number = item["connection"]
        return number is not None and model.lines.find(number) is not None

    def opens(self, item: dict[str, Any], model: Model) -> Page | None:
        """Return the page of the request; of its connection where it is not remembered."""
        connection, request = item["connection"], item["request"]
        line = None if connection is None else model.lines.find(connection)
        if line is None:
            return None
        messages = [event for event in model.history.of(connection) if event.is_message]
        for place, event in enumerate(messages):
            if event.number == request and DIRECTIONS[event.side] == item["caller"]:
                return MessagePage(line, messages, place, model)
        return ConnectionPage(line)

    def press(self, key: str, model: Model) -> Page | None:
        """Sort, open the connection, move, or open the request."""
        if key == "s":
            self._slowest_first = not self._slowest_first
            self.chosen = None
            return None
        if key == "c" and self._items:
            number = self._items[self._place_drawn]["connection"]
            return _page_of(None if number is None else model.lines.find(number))
        return super().press(key, model)

    def head(self, view: View) -> list[Text]:
        """Return which name it is, and in what order its calls are."""
        inner, name = self._key
        order = "the slowest first" if self._slowest_first else "the latest last"
        kept = plural(self.total(view.model), "call")
        return [
            Text.assemble((f"{harmless(inner)}  ", "dim"), (harmless(name), "bold")),
            Text(f"the last {kept}, {order}", "dim"),
        ]

    def layout(self, view: View) -> list[Column]:
        """Return the columns."""
        return fitting(
            [
                (Column("asked UTC", 12 if view.width >= 60 else 8), 0),
                (Column("conn", 6, right=True), 0),
                (Column("caller", 6), 60),
                (Column("reply", 10, right=True), 0),
                (Column("outcome", 0), 0),
                (Column("packets", 16, right=True), 90),
            ],
            "outcome",
            view.width,
        )

    def cells(self, item: dict[str, Any], view: View) -> dict[str, Text | str]:
        """Return the cells of a call."""
        time = "-" if item["requested_at"] is None else clock(item["requested_at"])
        packets = number(item["request_packet"])
        if item["reply_packet"] is not None:
            packets += f" {'>' if view.is_ascii else '→'} {number(item['reply_packet'])}"
        good = item["outcome"] == "ok"
        return {
            "asked UTC": time[:-3] if view.width >= 60 else time[:8],
            "conn": "-" if item["connection"] is None else number(item["connection"]),
            "caller": item["caller"],
            "reply": "-" if item["reply_us"] is None else duration(item["reply_us"]),
            "outcome": Text(item["outcome"], "" if good else "bold red"),
            "packets": packets,
        }


def _page_of(line: Line | None) -> Page | None:
    return None if line is None else ConnectionPage(line)
