"""What the live view looks like: lines of text for a screen of a given size.

Knows rates and what the user has chosen to see. Must not know the terminal: report.live_view
puts the lines on it. Text from traffic is made harmless; colour alone carries no meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from analyzer.columns import NULL
from analyzer.lazy_dataclass import dataclass
from analyzer.report.layout import arrow, is_ascii, severity
from analyzer.report.rates import Line, Rates
from analyzer.report.wording import address, clock, duration, number, plural, printable, share, size
from analyzer.tables.schema import DIRECTIONS, MESSAGE_TYPES

SORTS: Final = ("last", "messages", "bytes", "age")
"""What connections can be sorted by, in the order in which s goes through them."""
SORT_NAMES: Final = {
    "last": "last message",
    "messages": "messages",
    "bytes": "payload",
    "age": "age",
}
HELP: Final = (
    ("q", "end the run, with the report"),
    ("p", "pause the screen; the capture goes on"),
    ("s", "sort connections by something else"),
    ("↑ ↓", "choose a connection"),
    ("Enter", "its last messages"),
    ("Esc", "back"),
    ("?", "this page"),
)
PARTS: Final = {
    "transfer_bytes": "payload",
    "ws_header_bytes": "frame headers",
    "ws_control_bytes": "control frames",
    "http_bytes": "HTTP",
    "tls_bytes": "TLS",
    "tcp_bytes": "TCP",
    "ip_bytes": "IP",
    "link_bytes": "link",
    "retransmitted_bytes": "sent again",
    "duplicate_bytes": "captured twice",
    "unparsed_bytes": "not understood",
}
"""Parts of the ledger, in few letters."""
_SPARKS: Final = "▁▂▃▄▅▆▇█"
_ASCII_SPARKS: Final = "_.-=+*%#"
_WIDE: Final = 100
_NS: Final = 1_000_000_000


@dataclass(slots=True)
class Choice:
    """What the user chose to see."""

    sort: str = "last"
    chosen: int | None = None
    """The connection that is marked."""
    connection: int | None = None
    """The one whose messages are shown."""
    paused: bool = False
    help: bool = False


def screen(rates: Rates, choice: Choice, console: Console, source: str) -> list[Text]:
    """Return the lines of the screen: as many as the console has, none longer than it is."""
    width, height = console.size
    lines = [_head(rates, choice, console, source)]
    foot = [_foot(choice, console)]
    room = height - len(lines) - len(foot)
    if choice.help:
        body = _help(console)
    elif choice.connection is not None:
        body = _connection(rates, choice.connection, console, room)
    else:
        body = _overview(rates, choice, console, room)
    body = body[:room]
    lines += body + [Text("")] * (room - len(body)) + foot
    for line in lines:
        line.no_wrap = True
        if line.cell_len > width:
            dots = "..." if is_ascii(console) else "…"
            line.truncate(max(0, width - len(dots)))
            line.append(dots)
    return lines[:height]


def ordered(rates: Rates, sort: str) -> list[Line]:
    """Return the open connections as they are listed."""
    lines = list(rates.lines.values())
    if sort == "age":
        return lines
    keys = {
        # By whole seconds, so that lines do not jump about.
        "last": lambda line: line.last // _NS,
        "messages": lambda line: sum(line.messages),
        "bytes": lambda line: sum(line.payload),
    }
    return sorted(lines, key=keys[sort], reverse=True)


def place_of(lines: Sequence[Line], choice: Choice) -> int:
    """Return where the chosen connection is listed; the first where it is not."""
    numbers = [line.values["connection"] for line in lines]
    return numbers.index(choice.chosen) if choice.chosen in numbers else 0


def _head(rates: Rates, choice: Choice, console: Console, source: str) -> Text:
    stats = rates.stats
    text = Text.assemble(("wsanalyze ", "bold"), (printable(source), "bold cyan"))
    text.append(f"  {_seconds(rates.now - rates.begun)}")
    text.append(f"  {_rate(rates.packets_per_s())} packets/s")
    dropped = f"  {number(stats.dropped)} dropped"
    text.append(dropped, "bold red" if stats.dropped else "dim")
    behind = stats.received - stats.dropped - stats.analysed
    if behind > max(1000, rates.packets_per_s()):
        text.append(f"  {number(behind)} behind", "yellow")
    if not stats.interface_up:
        text.append("  interface is down", "bold red")
    if choice.paused:
        text.append("  [paused]", "bold yellow")
    return text


def _foot(choice: Choice, console: Console) -> Text:
    if choice.help or choice.connection is not None:
        return Text("Esc back  q quit  p pause  ? help", "dim")
    arrows = "up/down" if is_ascii(console) else "↑↓"
    by = f"s by {SORT_NAMES[choice.sort]}"
    return Text(f"q quit  p pause  {by}  {arrows} choose  Enter messages  ? help", "dim")


# --- the whole


def _overview(rates: Rates, choice: Choice, console: Console, room: int) -> list[Text]:
    lines = [_openings(rates)]
    lines += [_direction(rates, side, console) for side in (0, 1)]
    lines += _where(rates, console)
    lines.append(_polling(rates, console))
    wanted = max(2, min(6, (room - len(lines)) // 4))
    found = _findings(rates, console, wanted)
    lines += found
    lines.append(Text(""))
    lines += _connections(rates, choice, console, room - len(lines))
    return lines


def _openings(rates: Rates) -> Text:
    shot = rates.snapshot
    count = shot.connections if shot is not None else len(rates.lines)
    text = Text.assemble(_label("Open"), (plural(count, "connection"), "bold"))
    text.append(f", {_rate(rates.handshakes_per_s())} handshakes/s")
    times = rates.handshake_times()
    if times is None:
        text.append("  none timed in the last minute", "dim")
    else:
        text.append(f"  median {duration(times[0])}, p95 {duration(times[1])}")
    failed = sum(count for name, count in rates.outcomes.items() if name != "accepted")
    if failed:
        text.append(f"  {number(failed)} failed", "yellow")
    return text


def _direction(rates: Rates, side: int, console: Console) -> Text:
    name = DIRECTIONS[side]
    text = _label(f"{arrow(console, name)} {name}")
    messages = f"{_rate(rates.messages_per_s(side))} messages/s"
    text.append(f"{messages:<20}", "bold")
    text.append(f"{size(rates.bytes_per_s(side))}/s".ljust(13))
    width = 60 if console.width >= _WIDE else 30
    text.append(_sparks(rates.course(side, width), console), "cyan")
    return text


def _where(rates: Rates, console: Console) -> list[Text]:
    shares = rates.shares()
    if not shares:
        return [_label("Bytes") + Text("none on the wire yet", "dim")]
    whole = sum(count for _, count in shares)
    text = _label("Bytes")
    text.append(size(whole), "bold")
    lines = [text]
    for place, (name, count) in enumerate(shares):
        part = f"  {PARTS[name]} {share(count, whole)}"
        if lines[-1].cell_len + len(part) > console.width:
            if len(lines) == 2:
                break  # the rest is small
            lines.append(_label(""))
        lines[-1].append(part, "green" if name == "transfer_bytes" else "" if place < 4 else "dim")
    return lines


def _polling(rates: Rates, console: Console) -> Text:
    text = _label("Polling")
    modelled = rates.polling()
    if modelled is None:
        return text.append("not modelled before a handshake was seen", "dim")
    cost, now = modelled
    text.append(f"each {rates.interval_s:g} s, modelled: {_rate(cost.requests)} requests/s, ")
    text.append(f"{size(cost.wire_bytes)}/s", "bold")
    if now > 0:
        ratio = cost.wire_bytes / now
        text.append(", ")
        text.append(f"{ratio:.1f} x" if ratio < 100 else f"{ratio:,.0f} x", "bold")
        text.append(f" the {size(now)}/s now")
    if console.width >= _WIDE:
        text.append(f", and news {rates.interval_s / 2:g} s late")
    return text


def _findings(rates: Rates, console: Console, wanted: int) -> list[Text]:
    if not rates.findings:
        return [_label("Findings") + Text("none yet", "dim")]
    total = sum(rates.finding_counts.values())
    lines = [_label("Findings") + Text(f"{number(total)} so far, the last kinds:", "dim")]
    last = {row["id"]: row for row in rates.findings}
    for row in sorted(last.values(), key=lambda row: -rates.finding_at[row["id"]])[: wanted - 1]:
        line = Text("  ")
        line.append(severity(console, row["severity"]))
        count = rates.finding_counts[row["id"]]
        line.append(f" {number(count)} times" if count > 1 else "", "bold")
        where = "" if row["connection"] is None else f" connection {row['connection']}:"
        line.append(f"{where} {printable(row['text'])}")
        lines.append(line)
    return lines


def _connections(rates: Rates, choice: Choice, console: Console, room: int) -> list[Text]:
    lines = ordered(rates, choice.sort)
    chosen = place_of(lines, choice)
    wide = console.width >= _WIDE
    addresses = 22 if wide else 0
    flexible = max(12, console.width - 51 - addresses)
    head = f"  {'nr':>6}  {'host and path':<{flexible}}"
    head += f"  {'client':<{addresses - 2}}" if wide else ""
    head += f"  {'messages':>9} {'payload':>8}  {'last':>8}  {'age':>8}"
    out = [Text(head, "dim")]
    if room <= 1:
        return out[:room]
    first = max(0, min(chosen - (room - 1) // 2, len(lines) - (room - 1)))
    for place, line in enumerate(lines[first : first + room - 1], first):
        out.append(_row(rates, line, flexible, addresses, console, chosen=place == chosen))
    if not lines:
        out.append(Text("  no open connection", "dim"))
    return out


def _row(
    rates: Rates, line: Line, flexible: int, addresses: int, console: Console, *, chosen: bool
) -> Text:
    values = line.values
    where = _fitted(_target(values), flexible, console)
    mark = ">" if is_ascii(console) else "▸"
    text = Text(f"{mark if chosen else ' '} {values['connection']:>6}  ", "bold" if chosen else "")
    text.append(where)
    if addresses:
        text.append("  ")
        client = address(values["client_ip"], values["client_port"])
        text.append(_fitted(client, addresses - 2, console))
    text.append(f"  {number(sum(line.messages)):>9} {size(sum(line.payload)):>8}")
    seen = _short(_seconds(rates.now - line.last)) if any(line.messages) else "-"
    opened = values["opened_at"]
    age = "-" if opened is None else _short(_seconds(rates.now - opened))
    text.append(f"  {seen:>8}  {age:>8}", "dim")
    if chosen:
        text.stylize("reverse")
    return text


# --- one connection


def _connection(rates: Rates, connection: int, console: Console, room: int) -> list[Text]:
    line = rates.lines.get(connection)
    if line is None:
        head = [Text(f"Connection {connection} has ended.", "bold")]
    else:
        values = line.values
        ends = (
            f"{address(values['client_ip'], values['client_port'])} to "
            f"{address(values['server_ip'], values['server_port'])}"
        )
        head = [
            Text.assemble((f"Connection {connection}  ", "bold"), _target(values)),
            Text(f"{ends}  tcp.stream {values['tcp_stream']}", "dim"),
            Text(
                "  ".join(
                    f"{arrow(console, name)} {plural(line.messages[side], 'message')}, "
                    f"{size(line.payload[side])}"
                    for side, name in enumerate(DIRECTIONS)
                )
            ),
        ]
    kept = rates.recent.get(connection)
    if not kept:
        return [*head, Text(""), Text("No message was seen, or none is remembered.", "dim")]
    rows = [_message(row, console) for row in list(kept)[-(room - len(head) - 1) :]]
    return [*head, Text(""), *rows]


def _message(row: dict[str, Any], console: Console) -> Text:
    time = "-" if row["time_last"] == NULL else clock(row["time_last"])[:-3]
    length = "?" if row["payload_bytes"] == NULL else size(row["payload_bytes"])
    kind = MESSAGE_TYPES[row["type"]]
    text = Text.assemble((f"{time:<12} ", "dim"))
    text.append(f"{arrow(console, DIRECTIONS[row['direction']])} {kind:<6} {length:>8}  ")
    return text.append(printable(row["payload_preview"] or ""))


def _help(console: Console) -> list[Text]:
    lines = [Text("Keys", "bold")]
    for keys, what in HELP:
        shown = "up down" if is_ascii(console) and "↑" in keys else keys
        lines.append(Text.assemble((f"  {shown:<8}", "bold"), what))
    lines += [
        Text(""),
        Text(f"Rates go over the last {5} s, times of handshakes over the last minute."),
        Text("Bytes are those of WebSocket connections on the wire since the run began."),
        Text("Polling is a model: each open connection asks once in the interval over a"),
        Text("connection kept alive, with the headers of the handshakes that were seen."),
        Text("News would be late by half the interval, and come several in one answer."),
    ]
    return lines


# --- words


def _label(text: str) -> Text:
    return Text.assemble((f"{text:<10}", "dim"))


def _rate(value: float) -> str:
    return f"{value:.1f}" if 0 < value < 10 else number(round(value))


def _seconds(nanoseconds: int) -> str:
    """Return a duration in whole seconds."""
    seconds = max(0, nanoseconds) // _NS
    return f"{seconds} s" if seconds < 100 else duration(seconds * _NS)


def _short(text: str) -> str:
    """Shorten a duration to its first unit: 3 min 20 s is 3 min."""
    words = text.split(" ")
    return " ".join(words[:2])


def _target(values: dict[str, Any]) -> str:
    host = values["host"] or address(values["server_ip"], values["server_port"])
    return printable(f"{host}{values['path'] or ''}")


def _fitted(text: str, width: int, console: Console) -> Text:
    cell = Text(text)
    if cell.cell_len > width:
        dots = "..." if is_ascii(console) else "…"
        cell.truncate(max(0, width - len(dots)))
        cell.append(dots)
    cell.append(" " * (width - cell.cell_len))
    return cell


def _sparks(values: Sequence[int], console: Console) -> str:
    levels = _ASCII_SPARKS if is_ascii(console) else _SPARKS
    most = max(values, default=0)
    if not most:
        return ""
    return "".join(
        " " if not value else levels[min(len(levels) - 1, value * len(levels) // (most + 1))]
        for value in values
    )
