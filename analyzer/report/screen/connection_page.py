"""The page of one connection: who, how it goes or ended, and its messages, pings and closes.

It keeps its line, so that it stays when the connection has ended and the list has forgotten it.
Knows the model. Part of report.screen.whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from analyzer.columns import NULL
from analyzer.inside.protocol import HEARTBEAT
from analyzer.report.inside import content_of, said
from analyzer.report.layout import arrow
from analyzer.report.screen import figures
from analyzer.report.screen.harmless import harmless
from analyzer.report.screen.history import Event
from analyzer.report.screen.lines import Line
from analyzer.report.screen.message_page import MessagePage
from analyzer.report.screen.model import Model
from analyzer.report.screen.page import Column, Key, ListPage, Page, View, fitting
from analyzer.report.terminal import ENDINGS, code_name
from analyzer.report.wording import clock, duration, number, plural, size
from analyzer.tables.schema import DIRECTIONS

_COLUMNS = frozenset(("from", "type", "inner", "kind", "name", "id", "topic", "preview"))


class ConnectionPage(ListPage[Event]):
    """One connection.

    Args:
        line: of the connection.
    """

    title = "Connection"
    follows = True
    columns = _COLUMNS
    nothing = "no message was seen, or none is remembered"

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line
        self.watches = line.number
        self.title = f"Connection {line.number}"
        # What is remembered once nothing more comes, whatever the model forgets.
        self._kept: list[Event] = []

    def keys(self) -> list[Key]:
        """Return the keys of lists."""
        return [*self.opening("open a message"), *super().keys()]

    def _events(self, model: Model) -> list[Event]:
        # The line of a connection that was not seen from its beginning may be made anew.
        self._line = model.lines.find(self._line.number) or self._line
        events = model.history.of(self._line.number)
        if events:
            self._kept = events
        return self._kept

    def items(self, model: Model) -> Sequence[Event]:
        """Return messages and control frames, the latest last."""
        events = self._events(model)
        if not self.search:
            return events
        return [event for event in events if self._is_wanted(event, model)]

    def _is_wanted(self, event: Event, model: Model) -> bool:
        values = {"from": DIRECTIONS[event.side], "type": event.what, "preview": event.preview}
        values |= {
            name: str(event.said[name] or "")
            for name in ("inner", "kind", "name", "id", "topic")
            if event.said is not None
        }
        if event.code is not None:
            values["code"] = code_name(event.code)
        if event.is_message:
            payload = model.history.payload(self._line.number, event.number)
            if payload is not None:
                values["payload"] = payload.decode("utf-8", "replace")
        return self.search.matches(values)

    def total(self, model: Model) -> int:
        """Return how many events are remembered."""
        return len(self._events(model))

    def id_of(self, item: Event) -> tuple[bool, int]:
        """Return its number, which messages and frames have for themselves."""
        return item.is_message, item.number

    def can_open(self, item: Event, model: Model) -> bool:
        """Return whether it is a message: a control frame has no page."""
        return item.is_message

    def opens(self, item: Event, model: Model) -> Page | None:
        """Return the page of a message."""
        if not item.is_message:
            return None
        messages = [event for event in self._items if event.is_message]
        return MessagePage(self._line, messages, messages.index(item), model)

    # --- drawing

    def head(self, view: View) -> list[Text]:
        """Return what is known of the connection, the most important first."""
        line, console = self._line, view.console
        lines = [Text.assemble((f"Connection {line.number}  ", "bold"), line.target)]
        state = _ending(line) if line.end is not None else [_age(line, view)]
        counters = Text()
        for side, name in enumerate(DIRECTIONS):
            counters.append(f"{arrow(console, name)} {number(line.messages[side])} ")
            counters.append(f"{size(line.payload[side])} ")
            if line.end is None:
                per_s = line.rate(view.model.second, side, view.model.rates.span)
                counters.append(f"{figures.rate(per_s)}/s ", "bold")
            counters.append(" ")
        if line.pings:
            counters.append(plural(line.pings, "ping"))
            if line.round_trip is not None:
                counters.append(f", last {duration(line.round_trip)}")
        # Where there is little room, what comes last is left out.
        lines += [state[0], counters, *state[1:]]
        if view.room >= 12:
            lines.insert(1, _ends(line))
            agreed = [text for text in (line.inner, line.subprotocol, line.extensions) if text]
            if agreed:
                lines.append(Text(", ".join(dict.fromkeys(agreed)), "dim"))
            lines += self._forgotten(view.model)
        if line.findings:
            lines.append(_findings(view.model, line))
        return lines

    def _forgotten(self, model: Model) -> list[Text]:
        """Say how many messages the list lacks: too many came at once, or since then."""
        kept = sum(event.is_message for event in self._events(model))
        missing = sum(self._line.messages) - kept
        return [Text(f"{plural(missing, 'message')} not remembered", "dim")] if missing > 0 else []

    def layout(self, view: View) -> list[Column]:
        """Return the columns."""
        return fitting(
            [
                (Column("time UTC", 12 if view.width >= 60 else 8), 0),
                (Column("", 1), 0),
                (Column("type", 6), 50),
                (Column("size", 7, right=True), 0),
                (Column("what it says", 0), 0),
                (Column("#", 6, right=True), 80),
                (Column("wire", 7, right=True), 110),
                (Column("reply", 8, right=True), 120),
            ],
            "what it says",
            view.width,
        )

    def cells(self, item: Event, view: View) -> dict[str, Text | str]:
        """Return the cells of an event."""
        name = DIRECTIONS[item.side]
        row = item.said or {}
        style = "green" if name == "client" else "magenta"
        known = row.get("wire_bytes"), row.get("reply_us")
        digits = 12 if view.width >= 60 else 8
        return {
            "time UTC": "-" if item.time == NULL else clock(item.time)[:digits],
            "": Text(arrow(view.console, name), style),
            "type": Text(item.what, "" if item.is_message else "cyan"),
            "size": "?" if item.length == NULL else size(item.length),
            "what it says": _says(item),
            "#": str(item.number) if item.is_message else "",
            "wire": "" if known[0] is None else size(known[0]),
            "reply": "" if known[1] is None else duration(known[1]),
        }


def _says(event: Event) -> Text:
    """Return kind and name where the protocol inside is known, and how the payload begins."""
    if event.said is not None:
        row: dict[str, Any] = {**event.said, "payload_preview": event.preview}
        text = said(row).rich()
        return text if row["kind"] == HEARTBEAT else text.append(harmless(content_of(row)))
    if event.what == "close":
        # RFC 6455 7.1.5: without a code, the application is told 1005.
        return Text("no code" if event.code is None else code_name(event.code), "cyan")
    if event.round_trip is not None:
        return Text(f"answered after {duration(event.round_trip)}", "dim")
    return Text("")


def _ends(line: Line) -> Text:
    words = f"{line.client} to {line.server}  {line.scheme}  tcp.stream {line.tcp_stream}"
    return Text(words, "dim")


def _age(line: Line, view: View) -> Text:
    text = Text("open", "bold green")
    if line.opened_at is not None:
        text.append(f" for {figures.seconds(view.model.now - line.opened_at)}")
    if line.handshake is not None:
        text.append(f", handshake {duration(line.handshake)}", "dim")
    return text


def _ending(line: Line) -> list[Text]:
    """Return how it ended, who ended it, and what both ends are told."""
    end = line.end
    assert end is not None
    text = Text(ENDINGS[end.kind], "bold yellow")
    if end.code is not None:
        text.append(f", {code_name(end.code)}", "bold")
    if end.by is not None:
        text.append(f", by the {end.by}")
    if end.duration is not None:
        text.append(f", after {duration(end.duration)}")
    lines = [text]
    if end.reason:
        lines.append(Text.assemble(("reason: ", "dim"), end.reason))
    more = [f"{size(end.wire_bytes)} on the wire"]
    if end.at is not None:
        more.insert(0, f"at {clock(end.at)[:-3]} UTC")
    for name, code in (("client", end.client_logs), ("server", end.server_logs)):
        if code is not None and code != end.code:
            more.append(f"the {name} logs {code_name(code)}")
    return [*lines, Text(", ".join(more), "dim")]


def _findings(model: Model, line: Line) -> Text:
    """Return the gravest finding of a connection."""
    text = Text(f"{plural(line.findings, 'finding')}: ", "yellow")
    for kind in model.notable.ranked():
        for row in reversed(kind.rows):
            if row["connection"] == line.number and not kind.is_cause:
                return text.append(harmless(row["text"]))
    return text.append("see what is notable")
