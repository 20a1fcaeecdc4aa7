"""The terminal's section on messages that came over plain HTTP: polls and streams.

Knows the Summary. Must not know rows or files. Used by report.terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analyzer.report.layout import WIDE, Cell, Head, heading, say, table, traffic
from analyzer.report.text import Text
from analyzer.report.wording import duration, number, plural, share, size
from analyzer.tables.summary import Summary

if TYPE_CHECKING:
    from analyzer.report.text import Console


SHOWN_GROUPS = 10

_KINDS = {
    "poll": "poll",
    "long-poll": "long poll",
    "stream": "stream",
    "sse": "SSE",
}


def section(summary: Summary, console: Console) -> None:
    """Print the groups of exchanges that deliver, most bytes on the wire first."""
    groups = summary.http_groups
    count = summary.rows["http_groups"]
    if not groups:
        return
    note = "most bytes on the wire first" if len(groups) > 1 else ""
    heading(console, "Messages over plain HTTP", note)
    wide = console.width >= WIDE
    heads = [Head("#"), Head("", "left")]
    heads += [Head("client", "left", flexible=True)] if wide else []
    heads += [Head("path", "left", flexible=True), Head("requests" if wide else "asked")]
    heads += [Head("each")] + ([Head("spread")] if wide else [])
    heads += [Head("empty"), Head("messages" if wide else "msgs"), Head("bytes/msg"), Head("wait")]
    shown = groups[:SHOWN_GROUPS]
    table(console, heads, [_cells(group, wide=wide) for group in shown])
    if count > len(shown):
        say(console, f"and {plural(count - len(shown), 'more group')}; --csv DIR has them all")
    say(console, Text("bytes/msg: on the wire; wait: estimated for a message.", "dim"))


def _cells(group: dict[str, Any], *, wide: bool) -> tuple[Cell, ...]:
    kind = _KINDS[group["kind"]]
    if wide and group["transport"] is not None:
        kind = f"{kind} ({group['transport']})"
    cells: list[Cell] = [str(group["group"]), kind]
    if wide:
        cells.append(traffic(group["client_ip"]))
    cells += [traffic(group["path"]), number(group["requests"]), _time(group["interval_s"])]
    if wide:
        cells.append(_time(group["interval_spread_s"]))
    answered, idle = group["answered"], group["empty_answers"] + group["unchanged_answers"]
    cells += [share(idle, answered), number(group["messages"])]
    each = group["wire_bytes_per_message"]
    cells += ["-" if each is None else size(each), _time(group["delay_us"])]
    return tuple(cells)


def _time(nanoseconds: int | None) -> str:
    if nanoseconds is None:
        return "-"
    return "0" if nanoseconds == 0 else duration(nanoseconds)
