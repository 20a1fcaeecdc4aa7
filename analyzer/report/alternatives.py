"""The terminal's section on what the same messages would have cost over other transports.

Knows rows of `alternatives` and `scaling`, as plain values. Must not know how they are
computed. Used by report.terminal and report.connection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analyzer.report.layout import (
    VERY_WIDE,
    WIDE,
    Cell,
    Head,
    bar,
    heading,
    is_ascii,
    room_beside,
    say,
    table,
)
from analyzer.report.text import Text
from analyzer.report.wording import duration, number, plural, size

if TYPE_CHECKING:
    from analyzer.report.text import Console


Row = dict[str, Any]

NAMES = {
    "websocket": "WebSocket",
    "request": "one request per message",
    "short-poll": "short polling",
    "long-poll": "long polling",
    "stream": "HTTP streaming",
    "sse": "server-sent events",
    "short-poll-h2": "short polling over HTTP/2",
    "long-poll-h2": "long polling over HTTP/2",
    "sse-h2": "server-sent events over HTTP/2",
    "short-poll-latest": "short polling for the latest alone",
    "stream-buffered": "HTTP streaming through a proxy that buffers",
}
_SHORT_NAMES = NAMES | {
    "request": "request per message",
    "stream": "HTTP stream",
    "sse-h2": "server-sent events h2",
    "short-poll": "short poll",
    "long-poll": "long poll",
    "short-poll-h2": "short poll h2",
    "long-poll-h2": "long poll h2",
    "short-poll-latest": "short poll latest",
    "stream-buffered": "buffered stream",
}
"""In tables, whose bars need room."""
_SOURCES = {
    "observed": "with the headers of real exchanges with the same hosts",
    "modelled": "with headers made from the opening handshakes",
}
_CLIENTS = {
    "chromium": "Chromium",
    "firefox": "Firefox",
    "curl": "curl",
    "undici": "Node's fetch (undici)",
    "requests": "Python's requests",
    "aiohttp": "Python's aiohttp",
    "httpx": "Python's httpx",
    "java": "Java's HttpClient",
}
_SESSIONS = "with the headers of the same client's requests"
"""What the model of messages that came over plain HTTP has."""
_LEGEND = (
    "app bytes: what TCP carries, HTTP headers too; on wire: whole packets; x: times WebSocket's; "
    "delay: how much later the server's messages arrive than over WebSocket"
)
_P95 = "95 %: all but one message in twenty are less late"
_TERMS = {
    "-h2": "h2: over HTTP/2",
    "stream": "HTTP stream: an answer that goes on, a chunk for each message",
}
_CODED = "in gzip: on wire, with bodies (or WebSocket's messages) compressed"
_FLOOR = "request per message: the least it could be, since no client knows when to ask"
_HELD = "buffered stream: through a proxy that holds bytes back, as --buffered says"
_LATEST = "short-poll-latest"
_BUFFERED = "stream-buffered"
_REPLACED = "short poll latest: polls that fetch only the latest message of each kind"
_HEADERS = "Headers: all that TCP carries but payload; on the wire: whole packets"
_SUPERSEDED = 0.5
"""Polls for the latest are shown where they leave out at least half of the messages."""
_UNPLAYABLE = "request"
"""No client knows when to ask: a floor for bytes, no way to deliver."""
_RATES = ("Mbit/s", "Gbit/s", "Tbit/s")
WIDER = 112
SHORTEST_BAR, LONGEST_BAR = 4, 24
DAY_S = 86_400
LONG_NS = 10_000_000_000
"""Shorter connections say little about a day."""
_EXACT = 0.0005
"""Errors below so small a share are not worth a word."""
_EQUAL = 0.01
"""Ratios closer to one than this are said to be equal."""


def section(rows: Sequence[Row], console: Console) -> bool:
    """Print totals, or one connection's rows: all of one scope, WebSocket among them.

    Returns:
        Whether there was anything to compare: messages.
    """
    ours = next((row for row in rows if row["transport"] == "websocket"), None)
    if ours is None or not ours["messages"]:
        return False
    over_http = ours["source"] != "measured"
    rows = [row for row in rows if row["transport"] != _LATEST or _supersedes(row, ours)]
    note = f"the same {plural(ours['messages'], 'message')} at the same times"
    heading(console, "Against WebSocket" if over_http else "Against plain HTTP", note)
    _table(sorted(rows, key=lambda row: row["wire_bytes"]), console)
    say(console, Text(verdict(rows)))
    for line in sentences(rows):
        say(console, line)
    legend = "; ".join(_legend(rows, wider=console.width >= WIDER))
    say(console, Text(f"{_capital(legend)}.", "dim"))
    for line in (*_sampling(rows), *made_from(rows)):
        say(console, Text(_capital(line), "dim"))
    return True


def sentences(rows: Sequence[Row]) -> list[str]:
    """Return what is to be said of rows besides the cheapest: rates, delays, break-even points."""
    return [*_latest(rows), *_held_back(rows), *_rates(rows), *_break_evens(rows)]


def made_from(rows: Sequence[Row]) -> list[str]:
    """Return a sentence on where modelled headers come from; nothing where none are."""
    sources = {row["source"] for row in rows} - {"measured"}
    if not sources:
        return []
    ours = next((row for row in rows if row["transport"] == "websocket"), None)
    which = _SOURCES["observed"] if "observed" in sources else _modelled(rows)
    if ours is not None and ours["source"] != "measured":
        which = _SESSIONS
    return [f"Modelled {which}; docs/alternatives.md has the rules."]


def _legend(rows: Sequence[Row], *, wider: bool) -> list[str]:
    """Return what the words and columns of the table mean, those alone that are there."""
    transports = {row["transport"] for row in rows}
    some = [_LEGEND, *([_P95] if wider else [])]
    if wider and any(row["gzip_wire_bytes"] is not None for row in rows):
        some.append(_CODED)
    some += [
        text for term, text in _TERMS.items() if any(name.endswith(term) for name in transports)
    ]
    some += [_FLOOR] if any(map(_is_floor, rows)) else []
    return [*some, *([_HELD] if _BUFFERED in transports else [])]


def _modelled(rows: Sequence[Row]) -> str:
    """Return where headers come from that are not those of real exchanges."""
    client = next((row["client"] for row in rows if row["client"] is not None), None)
    if client is None:
        return _SOURCES["modelled"]
    return f"with headers as {_CLIENTS[client]} sends them, by the opening handshakes"


def name_of(row: Row, names: Mapping[str, str] = NAMES) -> str:
    """Return a transport's name, a poll's with its interval."""
    name = names[row["transport"]]
    if row["interval_s"] is not None:
        name = f"{name} {duration(row['interval_s'])}"
    return name


def _table(rows: Sequence[Row], console: Console) -> None:
    """Print rows; what has no room is left out: percentiles, packets, at last the bars."""
    wide, wider = console.width >= WIDE, console.width >= WIDER
    heads = [Head("", "left", flexible=True), Head("requests")]
    heads += [Head("packets")] if wide else []
    heads += [Head("app bytes"), Head("x"), Head("on wire"), Head("x"), Head("delay")]
    heads += [Head("95 %")] if wider else []
    coded = wider and any(row["gzip_wire_bytes"] is not None for row in rows)
    heads += [Head("in gzip")] if coded else []
    cells = [_cells(row, wide=wide, wider=wider, coded=coded) for row in rows]
    room = min(LONGEST_BAR, room_beside(console, heads, cells))
    if room >= SHORTEST_BAR:
        heads.append(Head("", "left"))
        most = max(row["wire_bytes"] for row in rows)
        for row, some in zip(rows, cells, strict=True):
            drawn = bar(row["wire_bytes"], most, room, ascii_only=is_ascii(console))
            some.append(Text(drawn, "green" if row["source"] == "measured" else "blue"))
    table(console, heads, cells)


def _cells(row: Row, *, wide: bool, wider: bool, coded: bool) -> list[Text]:
    measured = row["source"] == "measured"
    name = name_of(row, _SHORT_NAMES) + (" (measured)" if measured and wide else "")
    cells = [number(row["requests"])]
    cells += [number(row["packets"])] if wide else []
    cells += [size(row["application_bytes"]), _ratio(row["ratio_application"])]
    cells += [size(row["wire_bytes"]), _ratio(row["ratio_wire"])]
    cells.append(_delay(row["added_latency_ms_mean"]))
    cells += [_delay(row["added_latency_ms_p95"])] if wider else []
    if coded:
        in_gzip = row["gzip_wire_bytes"]
        cells.append("-" if in_gzip is None else size(in_gzip))
    return [Text(name, "bold" if measured else ""), *map(Text, cells)]


def _ratio(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def _delay(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    return "0" if milliseconds == 0 else duration(1e6 * milliseconds)


def verdict(rows: Sequence[Row]) -> str:
    """Return which transport is cheapest on the wire, and by how much.

    A WebSocket that compresses is compared with bodies in gzip, another one with plain bodies. The
    other comparison comes second.
    """
    ours = next(row for row in rows if row["transport"] == "websocket")
    # A proxy that buffers happens to a stream; nobody chooses it.
    left_out = ("websocket", _LATEST, _BUFFERED)
    others = [row for row in rows if row["transport"] not in left_out and not _is_floor(row)]
    if not others:
        return "WebSocket is the only one."
    coded = [row for row in others if row["gzip_wire_bytes"] is not None]
    if not coded:
        return _cheapest(ours, others, gzip=False)
    if ours["gzip_wire_bytes"] is not None:
        return _both_compressed(ours, others, coded)
    if ours["compressed"]:
        best = min(others, key=lambda row: row["wire_bytes"])
        return (
            f"{_cheapest(ours, others, gzip=True)} Messages were compressed here. Without gzip, "
            f"{name_of(best)} takes {_times(best['ratio_wire'])} as much as WebSocket."
        )
    best = min(coded, key=lambda row: row["gzip_wire_bytes"])
    return (
        f"{_cheapest(ours, others, gzip=False)} With bodies in gzip, {name_of(best)} takes "
        f"{_times(best['gzip_ratio_wire'])} as much as this WebSocket, which does not compress."
    )


def _both_compressed(ours: Row, others: Sequence[Row], coded: Sequence[Row]) -> str:
    """Return the cheapest of what came over HTTP, where WebSocket is modelled with deflate too.

    What was in gzip is compared with a WebSocket that compresses, what was plain with one that does
    not.
    """
    if not any(row["compressed"] for row in others):
        best = min(coded, key=lambda row: row["gzip_wire_bytes"])
        return (
            f"{_cheapest(ours, others, gzip=False)} With bodies in gzip, {name_of(best)} takes "
            f"{_times(best['gzip_ratio_wire'])} as much as a WebSocket that compresses."
        )
    text = f"{_cheapest(ours, coded, gzip=True)} Bodies were in gzip here."
    plain = [row for row in others if row["source"] != "measured"]
    if not plain:
        return text
    best = min(plain, key=lambda row: row["wire_bytes"])
    return (
        f"{text} All without compression, {name_of(best)} takes {_times(best['ratio_wire'])} as "
        "much as WebSocket."
    )


def _supersedes(row: Row, ours: Row) -> bool:
    """Return whether polls for the latest leave out so much that messages look like states."""
    return bool(row["messages"] <= _SUPERSEDED * ours["messages"])


def _latest(rows: Sequence[Row]) -> list[str]:
    """Return a sentence on polls that fetch only the latest message of each kind."""
    lines = []
    for row in rows:
        if row["transport"] != _LATEST:
            continue
        how = "by names in them" if row["kinds_known"] else "a guess, by type and size"
        lines.append(
            f"If a message replaces the one before of its kind ({how}), "
            f"{name_of(row)} takes {_times(row['ratio_wire'])} as much as WebSocket "
            f"({_times(row['ratio_application'])} without TCP/IP headers), and brings "
            f"{plural(row['messages'], 'message')}."
        )
    return lines


def _held_back(rows: Sequence[Row]) -> list[str]:
    """Return a sentence on a stream behind a proxy that buffers; nothing where none is modelled."""
    lines = []
    for row in rows:
        mean, most = row["added_latency_ms_mean"], row["added_latency_ms_p95"]
        if row["transport"] == _BUFFERED and mean is not None and most is not None:
            lines.append(
                "A proxy that holds bytes of the stream back would make messages late by "
                f"{duration(1e6 * mean)} on the average, 5 % of them by more than "
                f"{duration(1e6 * most)}."
            )
    return lines


def _is_floor(row: Row) -> bool:
    """Return whether a row is no way to deliver; what clients really did is one."""
    return bool(row["transport"] == _UNPLAYABLE and row["source"] != "measured")


def _cheapest(ours: Row, others: Sequence[Row], *, gzip: bool) -> str:
    """Return one sentence on the cheapest, with bodies in gzip where they can be, or without."""

    def cost(row: Row, name: str) -> Any:
        coded = row[f"gzip_{name}"] if gzip else None
        return row[name] if coded is None else coded

    best = min(others, key=lambda row: cost(row, "wire_bytes"))
    with_gzip = " with bodies in gzip" if gzip and best["gzip_wire_bytes"] is not None else ""
    wire, application = cost(best, "ratio_wire"), cost(best, "ratio_application")
    least = cost(ours, "wire_bytes")
    which = "WebSocket"
    if gzip and ours["gzip_wire_bytes"] is not None:
        which = "a WebSocket that compresses"
    if least <= cost(best, "wire_bytes"):
        tense = "was" if ours["source"] == "measured" else "would have been"
        return (
            f"{_capital(which)} {tense} cheapest on the wire: {size(least)}; next is "
            f"{name_of(best)}{with_gzip} with {_times(wire)} as much "
            f"({_times(application)} without TCP/IP headers)."
        )
    if wire is not None and wire > 1 - _EQUAL:
        return (
            f"{_capital(which)} and {name_of(best)}{with_gzip}, the cheapest, cost the same on "
            f"the wire within {100 * _EQUAL:.0f} %."
        )
    tense = "was" if best["source"] == "measured" else "would have been"
    return (
        f"{_capital(name_of(best))}{with_gzip} {tense} cheapest on the wire: "
        f"{size(cost(best, 'wire_bytes'))}, {_times(wire)} what {which} takes "
        f"({_times(application)} without TCP/IP headers){_price(best)}."
    )


def _sampling(rows: Sequence[Row]) -> list[str]:
    """Return a sentence on what the figures in gzip rest on; nothing where there are none."""
    coded = [row for row in rows if row["gzip_wire_bytes"] is not None and not row["compressed"]]
    if not coded:
        return []
    text = "gzip: each answer is compressed by itself, a stream as a whole; "
    errors = [row["gzip_error_bytes"] for row in coded]
    if any(error is None for error in errors):
        return [f"{text}one answer alone was deflated, so how far that is off is not known."]
    most = max(
        error / max(row["gzip_wire_bytes"], 1) for error, row in zip(errors, coded, strict=True)
    )
    if most < _EXACT:
        return [f"{text}all payload was deflated."]
    return [
        f"{text}a sample of the payload was deflated, so that bytes may be off by "
        f"{max(100 * most, 0.1):.1f} %."
    ]


def _times(ratio: float | None) -> str:
    if ratio is None:
        return "an unknown share"
    return f"{ratio:.2f} times" if ratio < 9.995 else f"{ratio:.1f} times"


def _price(row: Row) -> str:
    late = row["added_latency_ms_mean"]
    return f", with messages {duration(1e6 * late)} later on the average" if late else ""


def _break_evens(rows: Sequence[Row]) -> list[str]:
    """Return sentences on the rates at which polling and WebSocket cost the same."""
    lines = []
    for row in rows:
        rate = row["break_even_per_s"]
        if rate is None or row["transport"] != "short-poll":
            continue
        lines.append(
            f"{_capital(name_of(row))} costs as much as WebSocket at {_rate(rate)} messages a "
            "second from the server to each client, and less above that."
        )
    return lines


def _rates(rows: Sequence[Row]) -> list[str]:
    """Return a sentence on rates of one connection: WebSocket's, and short polling's."""
    some = [row for row in rows if row["transport"] in ("websocket", "short-poll")]
    some = [row for row in some if row["wire_bytes_per_s"] is not None]
    if not any(row["transport"] == "websocket" for row in some):
        return []
    parts = []
    for row in some[:2]:
        # Of a moment nobody knows what a day would be.
        is_long = row["duration_s"] >= LONG_NS
        a_day = f", {size(row['wire_bytes_per_s'] * DAY_S)} a day" if is_long else ""
        name = NAMES[row["transport"]]
        if row["interval_s"] is not None:
            name = f"{name} each {duration(row['interval_s'])}"
        parts.append(
            f"{name}: {size(row['wire_bytes_per_s'])}/s, "
            f"{size(row['wire_bytes_per_message'])} a message{a_day}"
        )
    first = "On the wire, for each connection while it lasts, "
    return [f"{first}{'; '.join(parts)}."]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _rate(rate: float) -> str:
    return f"{rate:.3g}" if rate < 1000 else number(round(rate))


def scaling(rows: Sequence[Row], console: Console) -> None:
    """Print rates for numbers of clients, one block for each number."""
    if not rows:
        return
    heading(console, "For many clients", "each like the mean connection, while it lasts")
    columns: Sequence[str] = _NARROW
    if console.width >= WIDE:
        columns = _SCALED if console.width >= VERY_WIDE else _PIPED
    heads = [Head("", "left", flexible=True), *map(Head, columns)]
    for clients in sorted({row["clients"] for row in rows}):
        some = [row for row in rows if row["clients"] == clients]
        say(console, Text(plural(clients, "client"), "bold"))
        table(console, heads, [_scaled(row, columns) for row in some])
    adds = "; TCP/IP adds: what packets have besides" if "TCP/IP adds" in columns else ""
    latest = any(row["transport"] == _LATEST for row in rows)
    say(console, Text(f"{_HEADERS}{adds}{f'; {_REPLACED}' if latest else ''}.", "dim"))


_SCALED = (
    *("requests/s", "packets/s", "headers", "application"),
    *("on the wire", "TCP/IP adds", "a day"),
)
_PIPED = ("requests/s", "packets/s", "headers", "on the wire", "a day")
_NARROW = ("requests/s", "headers", "on the wire", "a day")


def _scaled(row: Row, columns: Sequence[str]) -> list[Cell]:
    wire, application = row["wire_bits_per_s"], row["application_bits_per_s"]
    adds = None if wire is None or application is None else wire - application
    cells = (
        _count(row["requests_per_s"]),
        _count(row["packets_per_s"]),
        bits(row["header_bits_per_s"]),
        bits(application),
        bits(wire),
        bits(adds),
        "-" if row["wire_mb_per_day"] is None else size(1e6 * row["wire_mb_per_day"]),
    )
    found = dict(zip(_SCALED, cells, strict=True))
    return [name_of(row, _SHORT_NAMES), *(found[name] for name in columns)]


def _count(value: float | None) -> str:
    return "-" if value is None else number(round(value)) if value >= 100 else f"{value:.3g}"


def bits(rate: float | None) -> str:
    """Return bits a second in Mbit/s or more, as links are sold."""
    if rate is None:
        return "-"
    value, unit = rate / 1e6, 0
    while value >= 999.95 and unit < len(_RATES) - 1:
        value /= 1000
        unit += 1
    digits = 3 if value < 0.9995 else 2 if value < 9.995 else 1
    return f"{value:,.{digits}f} {_RATES[unit]}"
