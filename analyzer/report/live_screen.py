"""What the live view looks like: lines of text for a screen of a given size.

Knows rates and what the user has chosen to see. Must not know the terminal: report.live_view
puts the lines on it. Text from traffic is made harmless; colour alone carries no meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from analyzer.columns import NULL
from analyzer.report.layout import arrow, is_ascii, severity
from analyzer.report.rates import Line, Rates
from analyzer.report.terminal import PART_NAMES
from analyzer.report.words import address, clock, duration, number, plural, printable, share, size
from analyzer.tables.schema import DIRECTIONS, MESSAGE_TYPES

SORTS: Final = ("last", "messages", "bytes", "age")
"""What connections can be sorted by, in the order in which s goes through them."""
SORT_NAMES: Final = {
    "last": "last message",
    "messages": "messages",
    "bytes": "payload",
    "age": "age, the oldest first",
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
_SPARKS: Final = "▁▂▃▄▅▆▇█"
_ASCII_SPARKS: Final = "_.-=+*%#"
_WIDE: Final = 100
_NS: Final = 1_000_000_000


@dataclass(slots=True)
class Choice:
    """What the user chose to see."""

    sort: str = "last"
    place: int = 0
    """Of the chosen connection, in the list as it is sorted."""
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
        "last": lambda line: line.last,
        "messages": lambda line: sum(line.messages),
        "bytes": lambda line: sum(line.payload),
    }
    return sorted(lines, key=keys[sort], reverse=True)


def _head(rates: Rates, choice: Choice, console: Console, source: str) -> Text:
    stats = rates.stats
    text = Text.assemble(("wsanalyze ", "bold"), (printable(source), "bold cyan"))
    text.append(f"  {duration(max(0, rates.now - rates.begun) // _NS * _NS)}")
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
    return Text(f"q quit  p pause  s sort  {arrows} choose  Enter messages  ? help", "dim")


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
        text.append("  no handshake in the last minute", "dim")
    else:
        text.append(f"  median {duration(times[0])}, 95 % {duration(times[1])}")
    failed = sum(count for name, count in rates.outcomes.items() if name != "accepted")
    if failed:
        text.append(f"  {number(failed)} not accepted", "yellow")
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
        part = f"  {PART_NAMES.get(name, name)} {share(count, whole)}"
        if lines[-1].cell_len + len(part) > console.width and len(lines) < 2:
            lines.append(_label(""))
        lines[-1].append(part, "green" if name == "transfer_bytes" else "" if place < 4 else "dim")
    return lines


def _polling(rates: Rates, console: Console) -> Text:
    text = _label("Polling")
    modelled = rates.polling()
    if modelled is None:
        return text.append("not modelled before a handshake was seen", "dim")
    cost, now = modelled
    text.append(f"each {rates.interval_s:g} s (modelled): ")
    text.append(f"{_rate(cost.requests)} requests/s, {size(cost.wire_bytes)}/s", "bold")
    if now > 0:
        text.append(f"; WebSocket takes {size(now)}/s: ")
        ratio = cost.wire_bytes / now
        text.append(f"{ratio:.1f} x" if ratio < 100 else f"{ratio:,.0f} x", "bold")
    return text


def _findings(rates: Rates, console: Console, wanted: int) -> list[Text]:
    if not rates.findings:
        return [_label("Findings") + Text("none yet", "dim")]
    total = sum(rates.finding_counts.values())
    lines = [_label("Findings") + Text(f"{number(total)} so far, the last:", "dim")]
    for row in list(rates.findings)[-(wanted - 1) :][::-1]:
        line = Text("  ")
        line.append(severity(console, row["severity"]))
        where = "" if row["connection"] is None else f" connection {row['connection']}:"
        line.append(f"{where} {printable(row['text'])}")
        lines.append(line)
    return lines


def _connections(rates: Rates, choice: Choice, console: Console, room: int) -> list[Text]:
    lines = ordered(rates, choice.sort)
    choice.place = max(0, min(choice.place, len(lines) - 1))
    wide = console.width >= _WIDE
    addresses = 22 if wide else 0
    flexible = max(12, console.width - 55 - addresses)
    head = f"  {'nr':>6}  {'host and path':<{flexible}}"
    head += f"  {'client':<{addresses - 2}}" if wide else ""
    head += f"  {'messages':>9} {'payload':>8}  {'last':>8}  {'age':>8}"
    out = [Text(head + f"  by {SORT_NAMES[choice.sort]}" * wide, "dim")]
    if room <= 1:
        return out[:room]
    first = max(0, min(choice.place - (room - 1) // 2, len(lines) - (room - 1)))
    for place, line in enumerate(lines[first : first + room - 1], first):
        out.append(_row(rates, line, flexible, addresses, console, chosen=place == choice.place))
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
        text.append(
            _fitted(address(values["client_ip"], values["client_port"]), addresses - 2, console),
            "dim",
        )
    text.append(f"  {number(sum(line.messages)):>9} {size(sum(line.payload)):>8}")
    seen = duration(max(0, rates.now - line.last) // _NS * _NS) if any(line.messages) else "-"
    opened = values["opened_at"]
    age = "-" if opened is None else duration(max(0, rates.now - opened) // _NS * _NS)
    text.append(f"  {_short(seen):>8}  {_short(age):>8}", "dim")
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
    text = Text(f"{time:<12} ", "dim")
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
        Text("connection kept alive, with the heads of the handshakes that were seen."),
    ]
    return lines


# --- words


def _label(text: str) -> Text:
    return Text(f"{text:<10}", "dim")


def _rate(value: float) -> str:
    return f"{value:.1f}" if 0 < value < 10 else number(round(value))


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
