"""Connections that two captures both hold, on the terminal: clocks, ways, changes.

Knows a Between. Must not know how it is made. Called by the verb `compare`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from analyzer.report.layout import Cell, Head, heading, say, table, traffic
from analyzer.report.wording import duration, number, plural, size
from analyzer.tables.changes import Change
from analyzer.tables.paths import Between
from analyzer.tables.schema import DIRECTIONS

if TYPE_CHECKING:
    from analyzer.report.text import Console


_SHOWN = 10
"""Lines of a kind at most; files have all."""


def render_paths(between: Between, console: Console) -> None:
    """Print what lies between the two points of capture."""
    heading(console, "Between the two captures", "connections that both hold")
    say(console, _clocks(between))
    _ways(between, console)
    _changed(between, console)
    if between.cut:
        say(console, "More connections or messages than fit were left out of this.")


def _clocks(between: Between) -> str:
    count = plural(len(between.paths), "connection")
    where = "B is on the client's side. " if between.swapped else ""
    known = between.clocks
    if known is None:
        return f"{count} in both. {where}Nothing went both ways: the clocks cannot be compared."
    if known.uncertainty < 0:
        return f"{count} in both. The times contradict each other: a clock jumped."
    offset = known.offset * (-1 if between.swapped else 1)
    ahead = "ahead of" if offset >= 0 else "behind"
    drift = known.drift * (-1 if between.swapped else 1)
    moves = f", and gains {drift / 1000:.1f} ppm on it" if drift else ""
    return (
        f"{count} in both. {where}B's clock is {duration(abs(offset))} {ahead} A's{moves}, "
        f"give or take {duration(known.uncertainty)}."
    )


def _ways(between: Between, console: Console) -> None:
    heads = [Head("connection", "left"), Head("from", "left"), Head("messages"), Head("lost")]
    heads += [Head("one way"), Head("95 %"), Head("worst"), Head("resent, lost")]
    rows: list[list[Cell]] = []
    for path in between.paths[:_SHOWN]:
        for sender, who in enumerate(DIRECTIONS):
            a, b, _, count, lost, _, took, _, p95, worst, resent = map(
                _whole, between.cells(path, sender)
            )
            times = [
                duration(each) if count and each > -(2**62) else "-" for each in (took, p95, worst)
            ]
            name = f"{a} is {b}" if sender == 0 else ""
            rows.append([name, who, number(count), number(lost), *times, size(resent)])
    table(console, heads, rows)
    if len(between.paths) > _SHOWN:
        say(console, f"... and {plural(len(between.paths) - _SHOWN, 'connection')} more.")


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _changed(between: Between, console: Console) -> None:
    groups: dict[tuple[str, str], list[Change]] = defaultdict(list)
    for change in between.changes:
        groups[change.what, change.name].append(change)
    if not groups:
        say(console, "Nothing was changed between: addresses, heads, keys, extensions, MSS.")
        return
    heading(console, "What was changed between", "client's side, then server's")
    heads = [Head("", "left"), Head("", "left"), Head("", "left", flexible=True)]
    heads += [Head("", "left", flexible=True), Head("connections")]
    rows: list[list[Cell]] = []
    for (what, name), some in groups.items():
        first = some[0]
        shown = [traffic(each) if each else "-" for each in (first.near, first.far)]
        rows.append([what, traffic(name), *shown, number(len(some))])
    table(console, heads, rows)
