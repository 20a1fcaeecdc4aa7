"""The list of connections: sorted, filtered, in groups by host, path or client.

Knows lines of the model. Part of report.screen.whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.text import Text

from analyzer.lazy_dataclass import dataclass, field
from analyzer.report.label_values import Templates
from analyzer.report.screen import figures
from analyzer.report.screen.connection_page import ConnectionPage
from analyzer.report.screen.lines import COLUMNS, NS, Line
from analyzer.report.screen.model import Model
from analyzer.report.screen.page import Column, Key, ListPage, Page, View, fitting
from analyzer.report.wording import number, size

SORTS: Final = ("last message", "rate", "messages", "payload", "age")
"""What the list can be sorted by, in the order in which s goes through them."""
GROUPS: Final = ("", "host", "path", "client")
"""What it can be grouped by, in the order in which g goes through them."""
SHOWN: Final = ("open", "ended", "all")
STEADY_NS: Final = 5 * NS
"""Connections whose last messages are not farther apart keep their order: it is read in peace."""
MAX_PATHS: Final = 20_000
"""Templates of paths that are remembered."""

_SORT = Key(("s", "S"), "s", "sort", "sort by something else; S backwards")
_REVERSE = Key(("r",), "r", "", "turn the order round")
_GROUP = Key(("g",), "g", "group", "group by host, path, client, or not at all")
_STATE = Key(("o",), "o", "open/ended", "show open connections, ended ones, or all")


@dataclass(slots=True)
class Order:
    """How lines are sorted, and which are shown; groups and their members have it in common."""

    by: str = SORTS[0]
    reverse: bool = False
    shown: str = SHOWN[0]

    def press(self, key: str) -> None:
        """Change it."""
        if key in "sS":
            step = 1 if key == "s" else -1
            self.by = SORTS[(SORTS.index(self.by) + step) % len(SORTS)]
        elif key == "r":
            self.reverse = not self.reverse
        elif key == "o":
            self.shown = SHOWN[(SHOWN.index(self.shown) + 1) % len(SHOWN)]

    def words(self) -> str:
        """Say what is shown, and how it is sorted."""
        return f"{self.shown}, by {self.by}{' reversed' if self.reverse else ''}"

    def nothing(self, model: Model) -> str:
        """Say in place of an empty list where connections are, if there are any."""
        open_ones, ended = len(model.lines.open), len(model.lines.ended)
        if self.shown == "open" and ended:
            return f"none is open; o shows the {number(ended)} that ended"
        if self.shown == "ended" and open_ones:
            return f"none has ended; o shows the {number(open_ones)} that are open"
        return "no connection"

    def lines(self, model: Model) -> Iterator[Line]:
        """Yield the lines that are shown."""
        if self.shown != "ended":
            yield from model.lines.open.values()
        if self.shown != "open":
            yield from model.lines.ended.values()


class _Listing(ListPage[Any]):
    """What the list of connections and that of groups have in common."""

    def __init__(self, order: Order) -> None:
        super().__init__()
        self.order = order

    def keys(self) -> list[Key]:
        """Return the keys of lists, and those that change order and choice."""
        return [*self.opening(), *super().keys(), _GROUP, _SORT, _STATE, _REVERSE]

    def press(self, key: str, model: Model) -> Page | None:
        """Change order or choice, or do what all lists do."""
        if key in ("s", "S", "r", "o"):
            self.order.press(key)
            return None
        return super().press(key, model)


class ConnectionsPage(_Listing):
    """Connections.

    Args:
        order: how they are sorted.
        within: attribute and value of a group whose members alone are listed.
        paths: makes templates of paths.
    """

    title = "Connections"
    columns = COLUMNS
    nothing = "no connection"

    def __init__(
        self,
        order: Order | None = None,
        within: tuple[str, str] | None = None,
        paths: Paths | None = None,
    ) -> None:
        super().__init__(order or Order())
        self._within = within
        if within is not None:
            self.title = f"{within[0]} {within[1]}"
        self._paths = paths or Paths()
        self._group: GroupsPage | None = None
        self._listed: list[Line] = []
        self._has_one_host = False

    def badge(self, model: Model) -> str:
        """Return how many are open."""
        return number(len(model.lines.open))

    # --- groups take the place of the list

    def lines(self, view: View) -> list[Text]:
        """Return the list, or that of the groups."""
        return super().lines(view) if self._group is None else self._group.lines(view)

    def keys(self) -> list[Key]:
        """Return the keys of the list that is shown."""
        if self._group is not None:
            return self._group.keys()
        found = super().keys()
        return found if self._within is None else [key for key in found if key != _GROUP]

    def look_for(self, text: str) -> None:
        """Filter the list that is shown."""
        if self._group is not None:
            self._group.look_for(text)
            self.search = self._group.search
        else:
            super().look_for(text)

    def press(self, key: str, model: Model) -> Page | None:
        """Change groups, or do what the list does that is shown."""
        if key == "g" and self._within is None:
            name = "" if self._group is None else self._group.by
            name = GROUPS[(GROUPS.index(name) + 1) % len(GROUPS)]
            text = self.search.text
            self._group = GroupsPage(name, self.order, self._paths) if name else None
            self.look_for(text)
            return None
        if self._group is not None:
            return self._group.press(key, model)
        return super().press(key, model)

    # --- the list

    def items(self, model: Model) -> Sequence[Line]:
        """Return the lines that are wanted, in order."""
        search = self.search
        self.nothing = self.order.nothing(model)
        found = [
            line
            for line in self.order.lines(model)
            if self._is_member(line) and (not search or search.matches(line.columns()))
        ]
        self._listed = ordered(found, self.order, model)
        return self._listed

    def _is_member(self, line: Line) -> bool:
        if self._within is None:
            return True
        name, value = self._within
        return group_of(line, name, self._paths) == value

    def total(self, model: Model) -> int | None:
        """Return how many there are without the search."""
        return sum(map(self._is_member, self.order.lines(model)))

    def id_of(self, item: Line) -> int:
        """Return its number."""
        return item.number

    def opens(self, item: Line, model: Model) -> Page:
        """Return the page of a connection."""
        return ConnectionPage(item)

    def head(self, view: View) -> list[Text]:
        """Return figures of the whole where there is room for them, and what is listed."""
        lines: list[Text] = []
        if self._within is None:
            lines = overview(view)
        if view.room >= 9:
            lines.append(Text(f"Connections: {self.order.words()}", "dim"))
        return lines

    def layout(self, view: View) -> list[Column]:
        """Return the columns."""
        digits = len(str(max((line.number for line in self._listed), default=0)))
        hosts = {line.host for line in self._listed}
        self._has_one_host = len(hosts) == 1
        title = f"path on {hosts.pop()}" if self._has_one_host else ""
        return fitting(
            [
                (Column("#", max(3, digits), right=True), 0),
                (Column("target", 0, title=title), 0),
                (Column(_up(view), 6, right=True), 0),
                (Column(_down(view), 6, right=True), 0),
                (Column("state", 9), 50),
                (Column("messages", 8, right=True), 70),
                (Column("payload", 7, right=True), 76),
                (Column("last", 6, right=True), 96),
                (Column("inside", 12), 104),
                (Column("client", 21), 118),
            ],
            "target",
            view.width,
            at_least=min(28, view.width // 4),
        )

    def cells(self, item: Line, view: View) -> dict[str, Text | str]:
        """Return the cells of a connection."""
        model = view.model
        span = model.rates.span
        up, down = (
            "" if item.end is not None else figures.rate(item.rate(model.second, side, span))
            for side in (0, 1)
        )
        return {
            "#": str(item.number),
            # What all have in common stands above them.
            "target": item.path or "-" if self._has_one_host else item.target,
            _up(view): up,
            _down(view): down,
            "state": state(item, model),
            "messages": number(sum(item.messages)),
            "payload": size(sum(item.payload)),
            "last": figures.short(model.now - item.last) if item.last else "-",
            "client": item.client,
            "inside": item.inner or item.subprotocol,
        }


@dataclass(slots=True)
class Group:
    """Connections that have something in common; sums of them, by direction."""

    name: str
    open: int = 0
    ended: int = 0
    rates: list[float] = field(default_factory=lambda: [0.0, 0.0])
    messages: list[int] = field(default_factory=lambda: [0, 0])
    payload: list[int] = field(default_factory=lambda: [0, 0])
    last: int = 0
    opened_at: int = 0


class Paths:
    """Templates of paths, each made once until another place in them becomes a wildcard."""

    def __init__(self) -> None:
        self._templates = Templates()
        self._known: dict[str, str] = {}
        self._wildcards = 0

    def of(self, path: str) -> str:
        """Return the template of a path."""
        found = self._known.get(path)
        if found is None:
            found = self._templates.of(path)
            if self._templates.wildcards != self._wildcards or len(self._known) >= MAX_PATHS:
                self._wildcards = self._templates.wildcards
                self._known.clear()
            self._known[path] = found
        return found


class GroupsPage(_Listing):
    """Groups of connections."""

    columns = frozenset(("name",))
    nothing = "no connection"

    def __init__(self, by: str, order: Order, paths: Paths) -> None:
        super().__init__(order)
        self.by = by
        self._paths = paths

    def items(self, model: Model) -> Sequence[Group]:
        """Return the groups, sorted as connections are."""
        groups: dict[str, Group] = {}
        span, second = model.rates.span, model.second
        for line in self.order.lines(model):
            name = group_of(line, self.by, self._paths)
            group = groups.get(name)
            if group is None:
                group = groups[name] = Group(name)
            is_open = line.end is None
            group.open += is_open
            group.ended += not is_open
            group.last = max(group.last, line.last)
            group.opened_at = max(group.opened_at, line.opened_at or 0)
            for side in (0, 1):
                group.messages[side] += line.messages[side]
                group.payload[side] += line.payload[side]
                if is_open:
                    group.rates[side] += line.rate(second, side, span)
        found = [group for group in groups.values() if self.search.matches({"name": group.name})]
        keys = {
            "last message": lambda group: (group.last - model.now) // STEADY_NS,
            "rate": lambda group: sum(group.rates),
            "messages": lambda group: sum(group.messages),
            "payload": lambda group: sum(group.payload),
            "age": lambda group: group.open + group.ended,
        }
        found.sort(key=keys[self.order.by], reverse=not self.order.reverse)
        return found

    def id_of(self, item: Group) -> str:
        """Return its name."""
        return item.name

    def opens(self, item: Group, model: Model) -> Page:
        """Return the list of its members."""
        return ConnectionsPage(self.order, (self.by, item.name), self._paths)

    def head(self, view: View) -> list[Text]:
        """Return figures of the whole, and what is listed."""
        words = f"{self.order.shown}, by {self._sorted_by()}"
        lines = overview(view)
        return [*lines, Text(f"Grouped by {self.by}: {words}", "dim")]

    def _sorted_by(self) -> str:
        by = "connections" if self.order.by == "age" else self.order.by
        return f"{by}{' reversed' if self.order.reverse else ''}"

    def layout(self, view: View) -> list[Column]:
        """Return the columns: of open and ended connections those that are in the groups."""
        shown, room = self.order.shown, 7 if view.width >= 60 else 6
        columns = [
            (Column(self.by, 0), 0),
            *([] if shown == "ended" else [(Column("open", 6, right=True), 0)]),
            *([] if shown == "open" else [(Column("ended", 6, right=True), 0)]),
            (Column("messages", 9, right=True), 70),
            (Column("payload", 8, right=True), 80),
        ]
        # What has ended has no rate.
        rates = [(Column(name(view), room, right=True), 0) for name in (_up, _down)]
        columns[-2:-2] = [] if shown == "ended" else rates
        return fitting(columns, self.by, view.width)

    def cells(self, item: Group, view: View) -> dict[str, Text | str]:
        """Return the cells of a group."""
        return {
            self.by: item.name,
            "open": number(item.open),
            "ended": number(item.ended),
            _up(view): figures.rate(item.rates[0]),
            _down(view): figures.rate(item.rates[1]),
            "messages": number(sum(item.messages)),
            "payload": size(sum(item.payload)),
        }


def overview(view: View) -> list[Text]:
    """Return figures of the whole, as far as the list keeps at least half of the room."""
    lines = [figures.openings(view), figures.direction(0, view), figures.direction(1, view)]
    if view.room >= 14:
        lines += figures.sealed(view)
    if view.room >= 18:
        lines += [figures.polling(view), *figures.notable(view, 2 if view.room < 30 else 4)]
    return lines if view.room >= 10 else []


def ordered(lines: list[Line], order: Order, model: Model) -> list[Line]:
    """Sort lines, the first on top; equal ones by number, so that they do not jump about."""
    span, second = model.rates.span, model.second
    keys = {
        "last message": lambda line: (line.last - model.now) // STEADY_NS,
        "rate": lambda line: line.rate(second, 0, span) + line.rate(second, 1, span),
        "messages": lambda line: sum(line.messages),
        "payload": lambda line: sum(line.payload),
        # The oldest first.
        "age": lambda line: -line.number,
    }
    return sorted(lines, key=keys[order.by], reverse=not order.reverse)


def group_of(line: Line, name: str, paths: Paths) -> str:
    """Return the group that a connection is in."""
    if name == "host":
        return line.host
    return line.client_ip if name == "client" else paths.of(line.path) or "(no path)"


def state(line: Line, model: Model) -> Text:
    """Return for how long a connection is open, or how it ended, in a few letters."""
    if line.end is None:
        age = "-" if line.opened_at is None else figures.short(model.now - line.opened_at)
        return Text(age)
    style = "dim" if line.end.kind == "clean" and line.end.code in (1000, 1001) else "yellow"
    return Text(f"end {line.state}", style)


def _up(view: View) -> str:
    return "^/s" if view.is_ascii else "↑/s"


def _down(view: View) -> str:
    return "v/s" if view.is_ascii else "↓/s"
