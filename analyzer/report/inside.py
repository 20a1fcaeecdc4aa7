"""What the messages say, on the terminal: names, calls, topics.

Knows the sums of tables.spoken and rows of `calls`. Must not know traffic. Called by
report.terminal and report.connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from analyzer.inside.protocol import HEARTBEAT, IN_PIECES, LABEL_ONLY
from analyzer.lazy_pattern import lazy_pattern
from analyzer.report.layout import Cell, Head, arrow, heading, say, table, traffic
from analyzer.report.text import Text
from analyzer.report.wording import duration, number, plural, share, size
from analyzer.tables.spoken import Calls, Name, Spoken

if TYPE_CHECKING:
    from analyzer.report.text import Console


SHOWN_NAMES = 12
SHOWN_CALLS = 8
SHOWN_TOPICS = 5
SHOWN_OF_ONE = 20
"""Calls of one connection that are listed."""


def section(spoken: Spoken, wire: int, console: Console) -> None:
    """Print what the messages say; nothing where no protocol was recognised.

    Args:
        spoken: the sums.
        wire: bytes of all packets of WebSocket connections.
        console: where to.
    """
    if not spoken.names and not spoken.calls:
        return
    inner = ", ".join(sorted({name[0] for name in spoken.names} | {c[0] for c in spoken.calls}))
    heading(console, "What the messages say", inner)
    _names(spoken, wire, console)
    _calls(spoken, console)
    _topics(spoken, console)


def _names(spoken: Spoken, wire: int, console: Console) -> None:
    names = [each for each in spoken.names.items() if each[0][1] != HEARTBEAT]
    names.sort(key=lambda each: (-each[1]["wire_bytes"], str(each[0])))
    heads = [
        *(Head("kind", "left", flexible=True, at_least=8), _named("name")),
        *(Head("messages"), Head("payload"), Head("wire"), Head("share")),
    ]
    rows: list[tuple[Cell, ...]] = [
        (
            traffic(_kind(name)),
            traffic(name[2] or ""),
            number(counts["messages"]),
            size(counts["payload_bytes"]),
            size(counts["wire_bytes"]),
            share(counts["wire_bytes"], wire),
        )
        for name, counts in names[:SHOWN_NAMES]
    ]
    if rows:
        table(console, heads, rows)
    if len(names) > SHOWN_NAMES:
        say(console, f"and {plural(len(names) - SHOWN_NAMES, 'more name')}")
    beats = spoken.heartbeats
    if beats["messages"]:
        what = plural(beats["messages"], "heartbeat")
        cost = f"{size(beats['wire_bytes'])} on the wire ({share(beats['wire_bytes'], wire)})"
        say(console, f"{what}: {cost}")


def _named(text: str) -> Head:
    """Return the head of a column of names, which differ at their ends (com.example.add)."""
    return Head(text, "left", flexible=True, addresses=True, parted="/?&=:.")


def _kind(name: Name) -> str:
    if name[1] is None:
        # Attachments, the middle of a packet: they continue an item of an earlier message.
        if name[0] in LABEL_ONLY:
            return "(not read)"
        if name[2] is not None:
            return ""
        return "(continued)" if name[0] in IN_PIECES else "(other)"
    return name[1]


def _calls(spoken: Spoken, console: Console) -> None:
    calls = sorted(spoken.calls.items(), key=lambda each: (-each[1].count, each[0]))
    if not calls:
        return
    heads = [
        *(_named("calls"), Head("count"), Head("median"), Head("95 %")),
        *(Head("worst"), Head("errors"), Head("unanswered"), Head("worst in", "left")),
    ]
    rows = [_call_row(name, counts) for (_, name), counts in calls[:SHOWN_CALLS]]
    # Mostly there are none; names need the room.
    kept = [
        at
        for at, head in enumerate(heads)
        if head.text not in ("errors", "unanswered") or any(row[at] for row in rows)
    ]
    table(console, [heads[at] for at in kept], [[row[at] for at in kept] for row in rows])
    if len(calls) > SHOWN_CALLS:
        say(console, f"and {plural(len(calls) - SHOWN_CALLS, 'more name')}")
    lost = sum(counts.outcomes["lost"] for _, counts in calls)
    if lost:
        say(
            console,
            f"Answers of {plural(lost, 'call')} may be among bytes that were not captured or "
            "not read.",
        )


def _call_row(name: str, calls: Calls) -> tuple[Cell, ...]:
    times = calls.times
    known: tuple[str, ...] = ("-", "-", "-")
    if times.count:
        known = (duration(times.median), duration(times.quantile(0.95)), duration(times.worst))
    outcomes = calls.outcomes
    owner = f"connection {times.worst_of}" if times.count and times.worst_of >= 0 else ""
    return (
        traffic(name),
        number(calls.count),
        *known,
        number(outcomes["error"]) if outcomes["error"] else "",
        number(outcomes["unanswered"]) if outcomes["unanswered"] else "",
        Text(owner, "dim"),
    )


def _topics(spoken: Spoken, console: Console) -> None:
    topics = [row for *_, row in sorted(spoken.topics, key=lambda each: (-each[0], -each[1]))]
    if not topics:
        return
    heads = [
        *(_named("topics"), Head("senders"), Head("readers")),
        *(Head("messages"), Head("deliveries"), Head("to reader"), Head("95 %")),
    ]
    rows: list[tuple[Cell, ...]] = [
        (
            traffic(row["topic"]),
            *(number(row[name]) for name in ("publishers", "subscribers", "messages")),
            number(row["deliveries"]),
            *(_time(row[name]) for name in ("delivered_us_median", "delivered_us_p95")),
        )
        for row in topics[:SHOWN_TOPICS]
    ]
    table(console, heads, rows)
    if spoken.topic_count > SHOWN_TOPICS:
        say(console, f"and {plural(spoken.topic_count - SHOWN_TOPICS, 'more topic')}")


def _time(nanoseconds: int | None) -> str:
    return "-" if nanoseconds is None else duration(nanoseconds)


def of_connection(calls: Sequence[dict[str, Any]], console: Console) -> None:
    """Print the calls of one connection, slowest first; after them those without an answer."""
    if not calls:
        return
    heading(console, "Calls", "slowest first")
    order = sorted(
        calls, key=lambda row: (row["reply_us"] is None, -(row["reply_us"] or 0), row["call"])
    )
    heads = [
        *(Head("", "left"), Head("call", "left", flexible=True), Head("took")),
        *(Head("outcome", "left"), Head("request"), Head("reply"), Head("packets", "left")),
    ]
    rows = [
        (
            arrow(console, row["caller"]),
            traffic(row["name"]),
            _time(row["reply_us"]),
            _outcome(row),
            _place(row["request"]),
            _place(row["reply"]),
            f"{row['request_packet']} to {_place(row['reply_packet'])}",
        )
        for row in order[:SHOWN_OF_ONE]
    ]
    table(console, heads, rows)


def _outcome(row: dict[str, Any]) -> Text:
    outcome = row["outcome"]
    if row["items"]:
        outcome += f", {plural(row['items'], 'item')}"
    return Text(outcome, "" if row["outcome"] == "ok" else "yellow")


def _place(value: int | None) -> str:
    return "-" if value is None else str(value)


_ENVELOPES: Final = {
    "stomp": lazy_pattern(r"[A-Z]+\\n(?:(?!\\n\\n).)*\\n\\n(.*)"),
    "socket.io": lazy_pattern(r'4[25][^\[{"]*\["(?:[^"\\]|\\.)*",?(.*?)\]?$|4[36][^\[]*(\[.*)'),
    "json-rpc": lazy_pattern(r'\{.*?"(?:params|result|error)"\s*:\s*(.*)'),
    "cdp": lazy_pattern(r'\{.*?"(?:params|result|error)"\s*:\s*(.*)'),
}
"""How previews begin, up to what the application itself has put in: what comes before it is
said by kind, name and id already."""


def content_of(row: dict[str, Any]) -> str:
    """Return how the payload proper begins; all of the preview where that is not known."""
    preview: str = row["payload_preview"] or ""
    pattern = _ENVELOPES.get(row["inner"] or "")
    # Of several items the first alone has been named.
    if pattern is None or row["kind"] is None or (row["inner_items"] or 0) > 1:
        return preview
    found = pattern.match(preview)
    return preview if found is None else found[found.lastindex or 1]


def preview_of(row: dict[str, Any]) -> Text:
    """Return kind, name and id of a message, then how its payload proper begins."""
    preview = said(row)
    if row["kind"] != HEARTBEAT:
        preview.append(traffic(content_of(row)))
    return preview


def said(row: dict[str, Any]) -> Text:
    """Return what a message says before its preview: kind, name, id."""
    text = Text()
    if row["kind"] is None:
        return text
    text.append(traffic(row["kind"], "bold"))
    if row["name"] is not None:
        text.append(" ").append(traffic(row["name"]))
    if row["id"] is not None:
        text.append(" #").append(traffic(row["id"]))
    if row["reply_to"] is not None:
        text.append(" to #").append(traffic(row["reply_to"]))
    if (row["inner_items"] or 0) > 1:
        text.append(f" and {row['inner_items'] - 1} more")
    return text.append("  ")
