"""The sections of the page: what stands out, and the story in drawings.

Knows the Summary and the rows that were kept. Must not know the page's markup. Used by
html.writer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from analyzer.columns import NULL
from analyzer.lazy_dataclass import dataclass, field
from analyzer.report.alternatives import made_from, name_of, sentences, verdict
from analyzer.report.html.data import Kept, shortened
from analyzer.report.html.drawing import (
    Chart,
    Curve,
    Line,
    box,
    cdf,
    key,
    mark,
    scale,
    shares,
    svg,
    time_ticks,
)
from analyzer.report.terminal import ENDINGS, PART_NAMES, target
from analyzer.report.wording import duration, number, plural, share, size
from analyzer.tables.declare import each_row
from analyzer.tables.late import LATE_COLUMNS
from analyzer.tables.schema import DIRECTIONS, HTTP_KINDS
from analyzer.tables.summary import Summary

Row = dict[str, Any]

SHOWN_LIVES: Final = 40
"""Connections of the timeline: a screen and a half; the table has them all."""
SHOWN_HANDSHAKES: Final = 30
SHOWN_CALLS: Final = 4
_TIMED_KINDS: Final = ("plain", "poll", "long-poll")
MAX_LABEL: Final = 200
"""Characters of a path beside a drawing; what has no room there is its tooltip."""
MAX_TEXT: Final = 4_000
_BINS: Final = 240
"""Cells of a timeline's row: about as many as a screen can tell apart."""
_MARKS: Final = {"error": "✖", "warning": "▲", "note": "●", "info": "·"}

_END_MARKS: Final = {
    "clean": ("circle", "good"),
    "fin": ("square", "warn"),
    "reset": ("cross", "bad"),
    "timeout": ("triangle", "bad"),
    "open": ("arrow", "plain"),
}
"""Shape and colour of each way to end."""


@dataclass(slots=True)
class Section:
    """One section of the page."""

    id: str
    title: str
    lines: list[str] = field(default_factory=list)
    cards: list[Row] | None = None
    charts: list[Chart] = field(default_factory=list)
    table: str = ""
    rates: bool = False


def outstanding(summary: Summary) -> Section:
    """Return what stands out: diagnoses, the most costly first."""
    cards = [
        {
            "severity": row["severity"],
            "mark": _MARKS[row["severity"]],
            "id": row["id"],
            "text": shortened(row["text"], MAX_TEXT),
            "advice": shortened(row["advice"], MAX_TEXT),
            "where": _where(row),
        }
        for row in summary.diagnoses
    ]
    return Section("outstanding", "What stands out", cards=cards)


def _where(row: Row) -> str:
    parts = []
    if row["connections"] > 1:
        parts.append(f"{number(row['connections'])} connections")
    if row["connection"] is not None:
        first = "first in " if row["connections"] > 1 else ""
        parts.append(f"{first}connection {row['connection']}")
    if row["packet"] is not None:
        parts.append(f"Wireshark: frame.number == {row['packet']}")
    return "; ".join(parts)


# --- connections over time -----------------------------------------------------------


def timeline(
    connections: Kept, messages: Kept, pings: Kept, span: tuple[int, int]
) -> Section | None:
    """Return when connections lived, with their messages, stalls, pings and ends."""
    rows = connections.ordered(["opened_at"])
    begin, end = span
    if not rows.count or end <= begin:
        return None
    lives = list(each_row(rows))
    busiest = sorted(lives, key=lambda row: -row["wire_bytes"])[:SHOWN_LIVES]
    shown = sorted(busiest, key=lambda row: row["opened_at"] or begin)
    active = _Activity(messages, pings, begin, end)
    drawn = [_life(row, active, begin, end) for row in shown]
    # Where a colour lies in its line tells it too: as there, so in the legend.
    legend = [
        key("life", "open", top=5, high=4),
        key("client", "messages of the client (above)", top=0, high=7),
        key("server", "of the server (below)", top=7, high=7),
        key("stall", "held up", top=0, high=14),
        key("ping", "ping", top=11, high=3),
    ]
    legend += [key(name, ENDINGS[kind], shape) for kind, (shape, name) in _END_MARKS.items()]
    chart = Chart("", legend, drawn, scale(time_ticks(end - begin)))
    if connections.seen > len(shown):
        few = f"The {len(shown)} with the most bytes of {number(connections.seen)} connections."
        chart.notes.append(few)
    if messages.seen > messages.count:
        chart.notes.append(
            f"Messages are drawn of the first {number(messages.count)} of {number(messages.seen)}."
        )
    return Section("timeline", "Connections over time", charts=[chart])


class _Activity:
    """In which cells of the time axis each connection has messages, stalls and pings."""

    def __init__(self, messages: Kept, pings: Kept, begin: int, end: int) -> None:
        self._begin = begin
        self._cell = max(1, (end - begin + _BINS) // _BINS)
        times = np.asarray(messages.column("time_first"), np.int64)
        held = np.zeros(len(times), np.int64)
        for name in LATE_COLUMNS:
            held += np.asarray(messages.column(name), np.int64).clip(0)
        self._connection = np.asarray(messages.column("connection"), np.int64)
        self._direction = np.asarray(messages.column("direction"), np.int64)
        self._cells = self._of(times)
        self._late = held >= 20_000_000
        self._pinged = np.asarray(pings.column("connection"), np.int64)
        self._ping_cells = self._of(np.asarray(pings.column("sent_at"), np.int64))

    def _of(self, times: Any) -> Any:
        return ((times - self._begin) // self._cell).clip(0, _BINS - 1)

    def of(self, connection: int) -> Iterator[tuple[int, str, float, float]]:
        """Yield cells with their class, top and height."""
        mine = self._connection == connection
        for direction, name in enumerate(DIRECTIONS):
            counts = np.bincount(self._cells[mine & (self._direction == direction)], minlength=1)
            most = counts.max()
            for cell in np.flatnonzero(counts).tolist():
                high = 1.5 + 5.5 * float(counts[cell] / most)
                yield cell, name, (8 - high) if name == "client" else 8, high
        for cell in np.unique(self._cells[mine & self._late]).tolist():
            yield cell, "stall", 0, 16
        for cell in np.unique(self._ping_cells[self._pinged == connection]).tolist():
            yield cell, "ping", 14, 3


def _life(row: Row, active: _Activity, begin: int, end: int) -> Line:
    span = end - begin
    opened = row["opened_at"] if row["opened_at"] is not None else begin
    closed = row["closed_at"] if row["closed_at"] is not None else end
    at, wide = 100 * (opened - begin) / span, 100 * (closed - opened) / span
    shapes = [box(at, wide, "life", top=6, high=4)]
    for cell, name, top, high in active.of(row["connection"]):
        shapes.append(box(100 * cell / _BINS, 100 / _BINS, name, top=top, high=high))
    shape, name = _END_MARKS[row["close_kind"] or "open"]
    shapes.append(mark(min(100.0, at + wide), shape, name))
    code = "" if row["close_code"] is None else f" {row['close_code']}"
    label = f"{row['connection']}  {shortened(row['path'] or target(row), MAX_LABEL)}"
    said = f"connection {row['connection']}: {ENDINGS[row['close_kind'] or 'open']}{code}"
    both = row["client_messages"] + row["server_messages"]
    return Line(label, svg(shapes, said), f"{plural(both, 'message')}{code and ', closed'}{code}")


# --- handshakes ----------------------------------------------------------------------

_PHASES: Final = (
    ("dns_us", "dns", "look-up"),
    ("attempts_us", "bad", "other addresses"),
    ("tcp_us", "tcp", "TCP"),
    ("tls_us", "tls", "TLS"),
    ("idle_us", "idle", "client idle"),
    ("upgrade_us", "request", "request to answer"),
    ("first_message_us", "first", "to the first message"),
)


def handshakes(kept: Kept) -> Section | None:
    """Return the waterfall of the slowest handshakes."""
    rows = list(each_row(kept.ordered(["handshake"])))
    if not rows:
        return None
    timed = [row for row in rows if row["upgrade_us"] is not None or row["tcp_us"] is not None]
    section = Section("handshakes", "Opening handshakes")
    if not timed:
        section.lines.append("No handshake was captured whole.")
        return section
    slowest = sorted(timed, key=lambda row: -_total(row))[:SHOWN_HANDSHAKES]
    longest = max(1, *(_total(row) for row in slowest))
    used = {name for row in slowest for column, name, _ in _PHASES if row[column]}
    chart = Chart(
        "",
        [key(name, text) for _, name, text in _PHASES if name in used],
        [_waterfall(row, longest) for row in slowest],
        scale(time_ticks(longest)),
    )
    if len(timed) > len(slowest):
        chart.notes.append(f"The slowest {len(slowest)} of {number(len(timed))}.")
    section.charts.append(chart)
    return section


def _total(row: Row) -> int:
    return sum(max(0, row[column] or 0) for column, _, _ in _PHASES)


def _waterfall(row: Row, longest: int) -> Line:
    shapes, at = [], 0.0
    parts: list[tuple[int, str]] = []
    for column, name, text in _PHASES:
        took = row[column]
        if took is None or took <= 0:
            continue
        wide = 100 * took / longest
        shapes.append(box(at, wide, f"{name} part"))
        parts.append((took, f"{text} {duration(took)}"))
        at += wide
    who = row["connection"] if row["connection"] is not None else f"h{row['handshake']}"
    outcome = "" if row["outcome"] == "accepted" else f", {row['outcome']} {row['status'] or ''}"
    label = f"{who}  {shortened(row['path'] or row['host'] or '', MAX_LABEL)}{outcome}"
    said = "; ".join(text for _, text in parts)
    # In words too, for those whom colours do not tell: which part took longest.
    longest_part = f", {max(parts)[1]}" if len(parts) > 1 else ""
    return Line(label, svg(shapes, said), duration(_total(row)) + longest_part)


# --- distributions -------------------------------------------------------------------


def delays(messages: Kept, pings: Kept, calls: Kept, http: Kept) -> Section | None:
    """Return how long deliveries, pings, calls and HTTP exchanges took, as curves."""
    section = Section("delays", "How long things took")
    direction = np.asarray(messages.column("direction"), np.int64)
    took = np.asarray(messages.column("delivery_us"), np.int64)
    delivery = [
        (f"from {name}", took[(direction == code) & (took != NULL)])
        for code, name in enumerate(DIRECTIONS)
    ]
    trips = np.asarray(pings.column("rtt_us"), np.int64)
    sent = np.asarray(pings.column("direction"), np.int64)
    pinged = [
        (f"pings of the {name}", trips[(sent == code) & (trips != NULL)])
        for code, name in enumerate(DIRECTIONS)
    ]
    for title, some in (
        ("Delivery: first byte to last byte of a message", delivery),
        ("Pings: round trip", pinged),
        ("Calls: request to reply", _by_name(calls)),
        ("Plain HTTP: request to the end of its answer", _by_kind(http)),
    ):
        curves = [Curve(name, np.sort(values).tolist()) for name, values in some if len(values)]
        if some is delivery and curves and not any(curve.values[-1] for curve in curves):
            section.lines.append("Each message came in one packet: it was there at once.")
        elif curves:
            section.charts.append(cdf(curves, title))
    return section if section.charts or section.lines else None


def _by_kind(http: Kept) -> list[tuple[str, Any]]:
    took = np.asarray(http.column("total_us"), np.int64)
    kinds = np.asarray(http.column("kind"), np.int64)
    # A stream lasts as long as somebody listens.
    return [
        (name, took[(kinds == code) & (took != NULL)])
        for code, name in enumerate(HTTP_KINDS)
        if name in _TIMED_KINDS
    ]


def _by_name(calls: Kept) -> list[tuple[str, Any]]:
    took = np.asarray(calls.column("reply_us"), np.int64)
    names = calls.column("name")
    groups: dict[str, list[int]] = {}
    for name, value in zip(names, took.tolist(), strict=True):
        if value != NULL:
            groups.setdefault(shortened(name, 40), []).append(value)
    most = sorted(groups.items(), key=lambda each: (-len(each[1]), each[0]))[:SHOWN_CALLS]
    return [(name, np.asarray(values)) for name, values in most]


def sizes(messages: Kept) -> Section | None:
    """Return how large messages are, by powers of two."""
    section = Section("sizes", "Sizes of messages")
    payload = np.asarray(messages.column("payload_bytes"), np.int64)
    direction = np.asarray(messages.column("direction"), np.int64)
    known = payload != NULL
    if not known.any():
        return None
    # 0 bytes, then 1, 2 to 3, 4 to 7, ...
    classes = np.where(payload > 0, np.floor(np.log2(payload.clip(1))).astype(np.int64) + 1, 0)
    used = np.unique(classes[known])
    whole = max(int((classes[known] == each).sum()) for each in used)
    rows = []
    for each in range(int(used.min()), int(used.max()) + 1):
        counts = [int((known & (classes == each) & (direction == code)).sum()) for code in (0, 1)]
        shapes = [box(0, 100 * counts[0] / whole, "client part")] if counts[0] else []
        if counts[1]:
            shapes.append(box(100 * counts[0] / whole, 100 * counts[1] / whole, "server part"))
        said = f"{number(counts[0])} up, {number(counts[1])} down"
        rows.append(Line(_class_name(each), svg(shapes, said), said))
    legend = [key("client", "from the client"), key("server", "from the server")]
    section.charts.append(Chart("", legend, rows))
    return section


def _class_name(place: int) -> str:
    if place == 0:
        return "empty"
    low, high = 1 << (place - 1), (1 << place) - 1
    return size(low) if low == high else f"{size(low)} to {size(high)}"


# --- costs ---------------------------------------------------------------------------


def ledger(summary: Summary) -> Section | None:
    """Return where the bytes went."""
    client, server = summary.ledger
    whole = client["wire_bytes"] + server["wire_bytes"]
    section = Section("ledger", "Where the bytes went")
    if not whole:
        return None
    useful = client["transfer_bytes"] + server["transfer_bytes"]
    section.lines.append(
        f"{size(whole)} on the wire for {size(useful)} of message payload as sent: "
        f"{share(useful, whole)}."
    )
    wasted = ("retransmitted_bytes", "duplicate_bytes", "unparsed_bytes")
    parts: list[tuple[str, float, str, str]] = []
    for column, name in PART_NAMES.items():
        both = client[column] + server[column]
        if both:
            style = (
                "good" if column == "transfer_bytes" else "bad" if column in wasted else "client"
            )
            parts.append((name, both, style, f"{size(both)}, {share(both, whole)}"))
    section.charts.append(Chart(rows=shares(parts)))
    return section


_SCOPES = {
    "connections": "",
    "sessions": "What came over plain HTTP: ",
    "services": "Requests that were answered over plain HTTP: ",
}
_WORDS = (
    "Each bar: bytes of whole packets, their ratio to WebSocket's, and how much later than over "
    "WebSocket the server's messages arrive. Measured: as captured; observed: modelled with "
    "headers of exchanges in this capture."
)


def alternatives(summary: Summary) -> Section | None:
    """Return what the same messages would have cost over other transports."""
    section = Section("alternatives", "Against plain HTTP")
    sources: list[str] = []
    for scope, which in _SCOPES.items():
        rows: Sequence[Row] = summary.alternatives.get(scope, [])
        ours = next((row for row in rows if row["transport"] == "websocket"), None)
        if ours is None or not ours["messages"]:
            continue
        if not section.charts and which:
            section.title = "Against WebSocket"
        section.lines += [which + verdict(rows), *sentences(rows)]
        sources += made_from(rows)
        parts = [
            (
                f"{name_of(row)} ({row['source']})",
                float(row["wire_bytes"]),
                "good" if row["source"] == "measured" else "client",
                _cost(row),
            )
            for row in sorted(rows, key=lambda row: row["wire_bytes"])
        ]
        title = f"{which}the same {plural(ours['messages'], 'message')} at the same times"
        title = title[0].upper() + title[1:]
        section.charts.append(Chart(title, rows=shares(parts)))
    section.lines += [_WORDS, *dict.fromkeys(sources)]
    return section if section.charts else None


def _cost(row: Row) -> str:
    ratio = "" if row["ratio_wire"] is None else f", {row['ratio_wire']:.2f} times"
    late = row["added_latency_ms_mean"]
    return size(row["wire_bytes"]) + ratio + (f", {duration(1e6 * late)} later" if late else "")
