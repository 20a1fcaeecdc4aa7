"""Lines of figures for the screen: rates with their course, where bytes went, polling, ends.

Knows the model. Used by the pages of connections and traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from analyzer.report.layout import arrow, bar, is_ascii, severity
from analyzer.report.rates import WINDOW_S
from analyzer.report.screen.harmless import harmless
from analyzer.report.screen.model import Model
from analyzer.report.screen.page import View
from analyzer.report.terminal import ENDINGS, code_name
from analyzer.report.wording import duration, number, plural, share, size
from analyzer.tables.schema import DIRECTIONS

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
LABEL: Final = 10
"""Cells of what stands before a line of figures."""
_WIDE: Final = 60
_LEAST_SPARKS: Final = 5
_NS: Final = 1_000_000_000


def label(text: str) -> Text:
    """Return what stands before a line of figures."""
    return Text.assemble((f"{text:<{LABEL}}", "dim"))


def rate(value: float) -> str:
    """Return a rate: with a decimal where it is small."""
    return f"{value:.1f}" if 0 < value < 9.95 else number(round(value))


def seconds(nanoseconds: int) -> str:
    """Return a duration in whole seconds."""
    count = max(0, nanoseconds) // _NS
    return f"{count} s" if count < 100 else duration(count * _NS)


def short(nanoseconds: int) -> str:
    """Return a duration in its first unit: 3 min 20 s is 3 min."""
    return " ".join(seconds(nanoseconds).split(" ")[:2])


def openings(view: View) -> Text:
    """Return how many connections are open, and how handshakes go."""
    rates = view.model.rates
    shot = rates.snapshot
    count = shot.connections if shot is not None else len(view.model.lines.open)
    text = Text.assemble(label("Open"), (plural(count, "connection"), "bold"))
    failed = sum(many for name, many in rates.outcomes.items() if name != "accepted")
    if failed:
        text.append(f", {number(failed)} failed", "yellow")
    text.append(f", {rate(rates.handshakes_per_s())} handshakes/s")
    times = rates.handshake_times()
    if times is not None:
        text.append(f", median {duration(times[0])}, p95 {duration(times[1])}", "dim")
    return text


def direction(side: int, view: View) -> Text:
    """Return rates of one direction, and their course with its scale."""
    rates, console = view.model.rates, view.console
    name = DIRECTIONS[side]
    text = label(f"{arrow(console, name)} {name}")
    text.append(f"{rate(rates.messages_per_s(side)) + ' messages/s':<17}", "bold")
    text.append(f"{size(rates.bytes_per_s(side)) + '/s':<11}")
    return text.append_text(course(side, view.width - text.cell_len, view))


def course(side: int, room: int, view: View) -> Text:
    """Return how messages per second went: bars, the newest at the right, and their scale."""
    whole = view.model.rates.course(side, WINDOW_S)
    # The scale belongs to the bars that are shown, and takes room from them.
    for count in range(min(WINDOW_S, room), _LEAST_SPARKS - 1, -1):
        values = whole[-count:]
        most = max(values)
        if not most:
            return Text("")
        scale = f" {count} s, to {number(most)}/s"
        if count + len(scale) <= room:
            return Text.assemble((sparks(values, view.console), "cyan"), (scale, "dim"))
    return Text("")


def sparks(values: Sequence[int], console: Console) -> str:
    """Return a bar for each value, as high as it is beside the largest; nothing for 0."""
    levels = _ASCII_SPARKS if is_ascii(console) else _SPARKS
    most = max(values, default=0)
    if not most:
        return " " * len(values)
    # The largest is a full bar, and what is not 0 has one.
    return "".join(
        levels[-(-value * len(levels) // most) - 1] if value else " " for value in values
    )


def polling(view: View) -> Text:
    """Return what polling would take; where it is not modelled, why."""
    rates = view.model.rates
    text = label("Polling")
    modelled = rates.polling()
    if modelled is None:
        return text.append(_not_modelled(view.model), "dim")
    cost, now = modelled
    text.append(f"each {rates.interval_s:g} s, modelled: {rate(cost.requests)} requests/s, ")
    text.append(f"{size(cost.wire_bytes)}/s", "bold")
    if now > 0:
        ratio = cost.wire_bytes / now
        text.append(", ")
        text.append(f"{ratio:.1f} x" if ratio < 100 else f"{ratio:,.0f} x", "bold")
        text.append(f" the {size(now)}/s now")
    if view.width >= 100:
        text.append(f", and news {rates.interval_s / 2:g} s late")
    return text


def _not_modelled(model: Model) -> str:
    shot = model.rates.snapshot
    if shot is None or shot.poll_heads is None:
        return "not modelled before a handshake was captured: its headers are needed"
    if not shot.connections:
        return "not modelled while no connection is open"
    return "not modelled before packets of a connection were captured"


def where(view: View) -> list[Text]:
    """Return where the bytes on the wire went, a bar for each part."""
    shares = view.model.rates.shares()
    if not shares:
        return [label("Bytes").append("none of WebSocket connections yet", "dim")]
    whole = sum(count for _, count in shares)
    lines = [label("Bytes").append(f"{size(whole)} of WebSocket connections", "bold")]
    before = label("") if view.width >= _WIDE else Text("  ")
    room = max(4, min(40, view.width - before.cell_len - 36))
    for name, count in shares:
        line = before.copy().append(f"{PARTS[name]:<15}{size(count):>8} {share(count, whole):>7}  ")
        style = "green" if name == "transfer_bytes" else "blue"
        lines.append(line.append(bar(count, whole, room, ascii_only=view.is_ascii), style))
    return lines


def ends(view: View) -> list[Text]:
    """Return how connections ended so far."""
    summary = view.model.summary
    kinds = [(kind, count) for kind, count in summary.close_kinds.most_common() if kind != "open"]
    if not kinds:
        return []
    words = ", ".join(f"{number(count)} {ENDINGS[kind]}" for kind, count in kinds)
    lines = [label("Ended").append(words)]
    codes = summary.close_codes.most_common(5)
    if codes:
        words = ", ".join(f"{code_name(code)} ({number(count)})" for code, count in codes)
        lines.append(label("").append(words))
    return lines


def handshakes(view: View) -> list[Text]:
    """Return how attempts to open a connection went."""
    outcomes = view.model.rates.outcomes
    if not outcomes:
        return []
    words = ", ".join(f"{number(count)} {name}" for name, count in outcomes.most_common())
    return [label("Attempts").append(words)]


def sealed(view: View) -> list[Text]:
    """Return how many TLS sessions that ended could not be read: their messages are not shown."""
    unread, read = view.model.summary.tls_unread, view.model.summary.tls_read
    if not unread:
        return []
    of = f" of {number(unread + read)}" if read else ""
    words = f"{number(unread)}{of} ended sessions could not be read: --keys FILE"
    return [label("TLS").append(words, "yellow")]


def memory(view: View) -> list[Text]:
    """Return what the run holds, and what limits cut."""
    shot = view.model.rates.snapshot
    if shot is None:
        return []
    history = view.model.history
    held = sum(shot.held_bytes.values())
    words = f"{size(held)} in the stages, {size(history.held_bytes)} of payloads for this screen"
    lines = [label("Held").append(words)]
    cut = [f"{number(count)} by {name}" for name, count in shot.let_go.items() if count]
    if cut:
        lines.append(label("Let go").append(", ".join(cut), "yellow"))
    return lines


def notable(view: View, most: int) -> list[Text]:
    """Return what stands out, the gravest first, in `most` lines."""
    ranked = view.model.notable.ranked()
    if not ranked:
        return [label("Notable").append("nothing so far", "dim")]
    lines = []
    for place, kind in enumerate(ranked[:most]):
        line = label("Notable" if not place else "").append_text(
            severity(view.console, kind.severity).rich()
        )
        # The text of a cause says how many.
        several = kind.count > 1 and not kind.is_cause
        line.append(f" {number(kind.count)} x" if several else "", "bold")
        lines.append(line.append(f" {harmless(kind.text)}"))
    return lines
