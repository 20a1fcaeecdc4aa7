"""What stands out: diagnoses on the terminal, each on two lines; with --why all there is.

Knows rows of `diagnoses`. Must not know rules. Used by report.terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from analyzer.report.layout import heading, is_ascii, say, severity, traffic
from analyzer.report.text import Text
from analyzer.report.wording import number, printable
from analyzer.tables.summary import Summary

if TYPE_CHECKING:
    from analyzer.report.text import Console


SHOWN = 7
"""Diagnoses in the report: what is behind them costs less, and --why has it."""
COLUMNS = 80
"""They are wrapped here, also where the terminal is wider: two full lines are read at a glance."""

_MARK = 2
_LINES = 2


def section(summary: Summary, console: Console) -> None:
    """Print the section: at most SHOWN diagnoses on two lines each, or that there are none."""
    found = summary.diagnoses
    heading(console, "What stands out")
    if not found:
        say(console, "nothing: no known cause was found")
        return
    for row in found[:SHOWN]:
        for line in two_lines(console, row):
            say(console, line)
    more = len(found) - SHOWN
    rest = f"and {number(more)} more; " if more > 0 else ""
    say(console, Text(f"{rest}--why shows evidence and advice.", "dim"))


def two_lines(console: Console, row: dict[str, Any]) -> Iterator[Text]:
    """Yield a diagnosis as at most two lines; what does not fit ends with an ellipsis.

    Where it was first seen stands at the end in any case.
    """
    tail = _first(row)
    said = printable(row["text"])
    if tail:
        said = said.removesuffix(".")
    text = Text.assemble((row["id"], "bold"), ": ", said)
    room = min(COLUMNS, console.width) - 2 - _MARK
    lines = (text + Text(tail)).wrap(room)
    mark = severity(console, row["severity"])
    for place, line in enumerate(lines[:_LINES]):
        line.rstrip()
        if place == _LINES - 1 and len(lines) > _LINES:
            dots = ("..." if is_ascii(console) else "…") + tail
            line.truncate(max(0, room - len(dots)))
            line.append(dots)
        begin = Text(mark.plain[0] + " ", mark.style) if not place else Text("  ")
        yield begin + line


def _first(row: dict[str, Any]) -> str:
    """Return the first packet that shows a cause, where its sentence does not name that."""
    packet = row["packet"]
    if packet is None or re.search(rf"\bpacket {packet}\b", row["text"]):
        return ""
    return f" (from packet {packet})."


def why(summary: Summary, console: Console) -> None:
    """Print all diagnoses with evidence and advice."""
    heading(console, "Why")
    if not summary.diagnoses:
        say(console, "nothing: no known cause was found")
    for row in summary.diagnoses:
        mark = severity(console, row["severity"])
        mark.append(" " * (10 - mark.cell_len))
        console.print()
        say(console, mark, Text(row["id"], "bold"))
        first = _first(row)
        text = row["text"].removesuffix(".") if first else row["text"]
        say(console, traffic(f"{text}{first}"), indent=4)
        for name, said in _evidence(row):
            say(console, Text(f"{name}: ", "dim"), traffic(said), indent=4)
        say(console, Text("advice: ", "dim"), traffic(row["advice"]), indent=4)


def _evidence(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield names and values of the evidence; packets as a filter of Wireshark, too."""
    import json

    for name, value in json.loads(row["evidence"]).items():
        if value is None or value == []:
            continue
        if name == "packets":
            listed = ", ".join(map(str, value))
            yield "packets", listed
            yield "in Wireshark", f"frame.number in {{{listed}}}"
        elif isinstance(value, list):
            yield _named(name), ", ".join(map(_shown, value))
        elif isinstance(value, dict):
            yield _named(name), ", ".join(f"{key} {_shown(each)}" for key, each in value.items())
        else:
            yield _named(name), _shown(value)


def _named(name: str) -> str:
    return name.replace("_", " ")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.3f}" if isinstance(value, float) else str(value)
