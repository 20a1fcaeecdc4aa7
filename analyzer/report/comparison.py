"""The comparison on the terminal: the same figures of two captures, side by side.

Knows a Comparison. Must not know rows, files or how figures are made. Called by the
command line when both analyses are done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from analyzer.report.layout import WIDE, Cell, Head, heading, say, table
from analyzer.report.paths import render_paths
from analyzer.report.text import Text
from analyzer.report.wording import duration, number, printable, share, size
from analyzer.tables.comparison import FEW, NOTABLE, Compared, Comparison

if TYPE_CHECKING:
    from analyzer.report.text import Console


TITLES = {
    "capture": "What the captures hold",
    "handshake": "Opening handshakes",
    "messages": "Messages",
    "overhead": "Overhead",
    "compression": "Compression",
    "delay": "Delay",
    "closes": "How connections ended",
    "findings": "Findings",
    "http": "Plain HTTP",
    "delivery": "Delivery",
}
NOTES = {
    "messages": "mean bytes of a message",
    "overhead": "share of the bytes, and mean bytes of a message",
    "delivery": "over WebSocket or plain HTTP; mean bytes of a message",
}

_NONE = Text("-", "dim")
_STYLES = {"better": "green", "worse": "red"}


def render(
    comparison: Comparison, names: tuple[str, str], console: Console, where: str | None = None
) -> None:
    """Print the comparison.

    Args:
        comparison: of what.
        names: of the two captures, as their user gave them.
        console: where to.
        where: which connections were asked for; None for all.
    """
    for letter, name in zip("AB", names, strict=True):
        say(console, Text(f"{letter}  {printable(name)}", "bold"), indent=0)
    if where is not None:
        say(console, f"Only connections for which {printable(where)}")
    console.print()
    say(console, " ".join(sentences(comparison)))
    if comparison.between is not None and comparison.between.paths:
        render_paths(comparison.between, console)
    for group, title in TITLES.items():
        lines = [line for line in comparison.lines if line.metric.group == group]
        telling = [line for line in lines if _tells(line)]
        if telling:
            heading(console, title, NOTES.get(group, ""))
            _table(comparison, telling, console)


def _tells(line: Compared) -> bool:
    """Return whether a line says anything: one has such a thing, and not only once.

    Median, 95th percentile and worst of one value are one.
    """
    again = line.metric.name.endswith(("_p95", "_worst"))
    samples = [count for count in (line.samples_a, line.samples_b) if count is not None]
    return bool(line.a or line.b) and not (again and max(samples, default=0) <= 1)


def _table(comparison: Comparison, lines: Sequence[Compared], console: Console) -> None:
    """Print lines; the last two columns only where one of the lines has something there."""
    heads = [Head("", "left", flexible=True), Head("A"), Head("B")]
    heads += [Head("difference"), Head("ratio")]
    rows: list[list[Cell]] = []
    for line in lines:
        unit = line.metric.unit
        values: list[Cell] = [line.metric.text, _value(line.a, unit), _value(line.b, unit)]
        rows.append([*values, _difference(line), _ratio(line.ratio)])
    counts = [_samples(line) for line in lines]
    if console.width >= WIDE and any(counts):
        heads.append(Head("over"))
        rows = [[*row, Text(count, "dim")] for row, count in zip(rows, counts, strict=True)]
    verdicts = [comparison.verdict(line) or "" for line in lines]
    if any(verdicts):
        heads.append(Head("B is", "left"))
        words = [Text(word, _STYLES.get(word, "")) for word in verdicts]
        rows = [[*row, word] for row, word in zip(rows, words, strict=True)]
    table(console, heads, rows)


def _samples(line: Compared) -> str:
    counts = (line.samples_a, line.samples_b)
    return " / ".join(number(count) for count in counts if count is not None)


# --- numbers in words --------------------------------------------------------------

_SHOWN: dict[str, Callable[[float], str]] = {
    "count": lambda value: number(round(value)),
    "bytes": lambda value: _bytes(value),
    "us": lambda value: duration(value * 1e3),
    "s": lambda value: duration(value * 1e9),
    "ratio": lambda value: share(value, 1),
}


def _bytes(value: float) -> str:
    """Return a size; of a small mean a tenth of a byte too."""
    return size(value) if value >= 100 or value == round(value) else f"{value:.1f} B"


def _value(value: float | None, unit: str) -> Cell:
    if value is None:
        return _NONE.copy()
    return _SHOWN[unit](value) if value else "0"


def _difference(line: Compared) -> Cell:
    """Return the difference with its sign; that of shares is in points of a hundred."""
    if line.difference is None:
        return _NONE.copy()
    amount = abs(line.difference)
    shown = _SHOWN[line.metric.unit](amount)
    if line.metric.unit == "ratio":
        shown = f"{100 * amount:.1f} points"
    if not any(digit in shown for digit in "123456789"):
        return "0"
    return f"{'-' if line.difference < 0 else '+'}{shown}"


def _ratio(ratio: float | None) -> Cell:
    if ratio is None:
        return _NONE.copy()
    if 0 < ratio < 0.005:
        return "<0.01x"
    return f"{ratio:,.{2 if ratio < 9.995 else 1 if ratio < 99.95 else 0}f}x"


# --- the most important differences, as sentences ----------------------------------


def sentences(comparison: Comparison) -> Iterator[str]:
    """Yield what is to be said first: the differences that rest on enough samples."""
    lines = comparison.by_name
    found = lines["websocket_connections"]
    lacking = [letter for letter, count in (("A", found.a), ("B", found.b)) if not count]
    if len(lacking) == 2:
        yield "Neither of the two holds a WebSocket connection."
        return
    if lacking:
        yield f"{lacking[0]} holds no WebSocket connection."
        return
    # Without the SYN there is no total.
    whole = lines["total_us_median"]
    handshake = whole if whole.founded else lines["upgrade_us_median"]
    wire, pings = lines["wire_bytes_per_message"], lines["rtt_us_median"]
    delivery = lines["delivery_us_median"]
    told = (
        (comparison.verdict(handshake), "opening handshakes take", _times(handshake)),
        (wire.founded and wire.notable, "messages cost", _cost(wire, comparison)),
        (comparison.verdict(pings), "pings take", _times(pings)),
        (comparison.verdict(delivery), "message deliveries take", _times(delivery)),
    )
    said = [f"{what} {how}." for is_told, what, how in told if is_told]
    for place, sentence in enumerate(said):
        yield ("Its " if place else "B's ") + sentence
    if not any(line.founded for line in (handshake, wire, pings, delivery)):
        yield f"Too little to say which is better: that takes {FEW} of a kind in both."
    elif not said:
        percent = f"{100 * NOTABLE:.0f} %"
        yield f"Neither handshakes nor messages nor pings differ by more than {percent}."


def _pair(line: Compared) -> str:
    """Return both values, B's first, since B is the sentence's subject."""
    show = _SHOWN[line.metric.unit]
    return f"{show(line.b or 0)} against {show(line.a or 0)}"


def _times(line: Compared) -> str:
    ratio, pair = line.ratio, f"(median {_pair(line)})"
    if ratio is None:
        return f"longer {pair}"
    if ratio >= 1.5:
        return f"{ratio:,.1f} times as long {pair}"
    return f"{abs(100 * (ratio - 1)):.0f} % {'longer' if ratio > 1 else 'less time'} {pair}"


def _cost(line: Compared, comparison: Comparison) -> str:
    """Return what a message costs, and whether it is the payload that makes the difference."""
    ratio, pair = line.ratio or 0, f"({_pair(line)} each)"
    amount = f"{abs(100 * (ratio - 1)):.0f} % {'more' if ratio > 1 else 'fewer'} bytes"
    if ratio >= 2:
        amount = f"{ratio:,.1f} times the bytes"
    payload = comparison.by_name["payload_bytes_per_message"]
    alike = "; their payload is alike"
    if payload.difference is None:
        alike = ""
    elif payload.notable:
        alike = f"; their payload differs as well ({_pair(payload)})"
    return f"{amount} on the wire {pair}{alike}"
