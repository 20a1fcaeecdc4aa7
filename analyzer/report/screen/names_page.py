"""What the messages say so far: names of messages, and calls with their times.

Knows the sums of tables.spoken. Part of report.screen.whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from analyzer.inside.protocol import HEARTBEAT
from analyzer.named_tuple import NamedTuple
from analyzer.report.screen.harmless import harmless
from analyzer.report.screen.model import Model
from analyzer.report.screen.named_pages import CallPage, NamePage
from analyzer.report.screen.page import Column, Key, ListPage, Page, View, fitting
from analyzer.report.wording import duration, number, share, size
from analyzer.tables.spoken import Calls


class Named(NamedTuple):
    """Messages of one name."""

    inner: str
    kind: str
    name: str
    messages: int
    payload: int
    wire: int


class NamesPage(ListPage[Named]):
    """Messages by protocol, kind and name, the most costly first."""

    title = "Names"
    columns = frozenset(("inner", "kind", "name"))
    nothing = "no protocol inside the messages was recognised so far"

    def badge(self, model: Model) -> str:
        """Return how many names there are."""
        return number(len(model.summary.inside.names))

    def items(self, model: Model) -> Sequence[Named]:
        """Return the names."""
        found = []
        for (inner, kind, name), counts in model.summary.inside.names.items():
            words = {"inner": inner, "kind": kind or "", "name": name or ""}
            if self.search.matches(words):
                sums = (counts[each] for each in ("messages", "payload_bytes", "wire_bytes"))
                found.append(Named(inner, kind or "", name or "", *sums))
        found.sort(key=lambda each: (each.kind == HEARTBEAT, -each.wire, each[:3]))
        return found

    def total(self, model: Model) -> int:
        """Return how many names there are."""
        return len(model.summary.inside.names)

    def id_of(self, item: Named) -> tuple[str, ...]:
        """Return what it is called."""
        return item.inner, item.kind, item.name

    def keys(self) -> list[Key]:
        """Return the keys of lists."""
        return [*self.opening("its last messages"), *super().keys()]

    def opens(self, item: Named, model: Model) -> Page:
        """Return the page of its messages."""
        return NamePage(item.inner, item.kind, item.name)

    def layout(self, view: View) -> list[Column]:
        """Return the columns."""
        return fitting(
            [
                (Column("inside", 13), 60),
                (Column("kind", 12), 0),
                (Column("name", 0), 0),
                (Column("messages", 8, right=True), 0),
                (Column("payload", 8, right=True), 72),
                (Column("wire", 8, right=True), 50),
                (Column("share", 7, right=True), 90),
            ],
            "name",
            view.width,
        )

    def cells(self, item: Named, view: View) -> dict[str, Text | str]:
        """Return the cells of a name."""
        whole = sum(count for _, count in view.model.rates.shares())
        return {
            "inside": harmless(item.inner),
            # Attachments, the middle of a packet: nothing begins in them.
            "kind": harmless(item.kind or "(no item)"),
            "name": harmless(item.name),
            "messages": number(item.messages),
            "payload": size(item.payload),
            "wire": size(item.wire),
            "share": share(item.wire, whole),
        }


class Called(NamedTuple):
    """Calls of one name."""

    inner: str
    name: str
    calls: Calls


class CallsPage(ListPage[Called]):
    """Calls by protocol and name, those made most often first."""

    title = "Calls"
    columns = frozenset(("inner", "name"))
    nothing = "no call was answered or given up so far"

    def badge(self, model: Model) -> str:
        """Return how many names there are."""
        return number(len(model.summary.inside.calls))

    def items(self, model: Model) -> Sequence[Called]:
        """Return the calls."""
        found = [
            Called(inner, name, calls)
            for (inner, name), calls in model.summary.inside.calls.items()
            if self.search.matches({"inner": inner, "name": name})
        ]
        found.sort(key=lambda each: (-each.calls.count, each[:2]))
        return found

    def total(self, model: Model) -> int:
        """Return how many names there are."""
        return len(model.summary.inside.calls)

    def id_of(self, item: Called) -> tuple[str, str]:
        """Return what it is called."""
        return item.inner, item.name

    def keys(self) -> list[Key]:
        """Return the keys of lists."""
        return [*self.opening("its last calls, the slowest first"), *super().keys()]

    def opens(self, item: Called, model: Model) -> Page:
        """Return the page of its calls."""
        return CallPage(item.inner, item.name)

    def layout(self, view: View) -> list[Column]:
        """Return the columns."""
        return fitting(
            [
                (Column("inside", 13), 90),
                (Column("call", 0), 0),
                (Column("count", 7, right=True), 0),
                (Column("median", 8, right=True), 0),
                (Column("95 %", 8, right=True), 60),
                (Column("worst", 8, right=True), 70),
                (Column("errors", 6, right=True), 60),
                (Column("unanswered", 10, right=True), 80),
            ],
            "call",
            view.width,
        )

    def cells(self, item: Called, view: View) -> dict[str, Text | str]:
        """Return the cells of a call."""
        times, outcomes = item.calls.times, item.calls.outcomes
        known = ("-", "-", "-")
        if times.count:
            known = (duration(times.median), duration(times.quantile(0.95)), duration(times.worst))
        failed = [
            Text(number(outcomes[name]), "bold red") if outcomes[name] else Text("")
            for name in ("error", "unanswered")
        ]
        return {
            "inside": harmless(item.inner),
            "call": harmless(item.name),
            "count": number(item.calls.count),
            "median": known[0],
            "95 %": known[1],
            "worst": known[2],
            "errors": failed[0],
            "unanswered": failed[1],
        }
