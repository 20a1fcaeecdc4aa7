"""The report of --each: a line for each capture, and what could not be read.

Knows outcomes. Must not know how captures are analysed. Used by cli.each and cli.cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analyzer.named_tuple import NamedTuple
from analyzer.report.layout import Head, say, table, traffic
from analyzer.report.text import Text
from analyzer.report.wording import number, plural
from analyzer.tables.summary import Summary

if TYPE_CHECKING:
    from analyzer.report.text import Console


class Outcome(NamedTuple):
    """What became of one capture.

    Attributes:
        name: of the capture, below the folder that was asked for.
        packets, connections, messages: how many there are; connections are WebSocket connections.
        errors, warnings: findings of these severities.
        causes: ids of diagnoses, the most costly first.
        reasons: conditions of --fail-on that hold.
        error: why it could not be analysed; None where it was.
        is_capture: False of a file in a folder that is none, which is left out.
        option_fault: whether the error is one of the options, so that no other capture
            fares better.
        before: an earlier run has analysed it, and nothing has changed since.
    """

    name: str
    packets: int = 0
    connections: int = 0
    messages: int = 0
    errors: int = 0
    warnings: int = 0
    causes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    error: str | None = None
    hint: str | None = None
    is_capture: bool = True
    option_fault: bool = False
    before: bool = False


def outcome_of(name: str, summary: Summary) -> Outcome:
    """Return the outcome of a capture that was analysed."""
    severities = {
        severity: sum(each.count for each in summary.findings.values() if each.severity == severity)
        for severity in ("error", "warning")
    }
    return Outcome(
        name,
        summary.capture.packets,
        summary.rows["connections"],
        summary.rows["messages"],
        severities["error"],
        severities["warning"],
        tuple(dict.fromkeys(row["id"] for row in summary.diagnoses)),
    )


_HEADS = (
    Head("capture", "left", flexible=True, at_least=12, addresses=True),
    Head("packets"),
    Head("WebSockets"),
    Head("messages"),
    Head("errors"),
    Head("warnings"),
    Head("stands out", "left", flexible=True, at_least=10),
)


def render(outcomes: Sequence[Outcome], console: Console) -> None:
    """Print the report."""
    read = [each for each in outcomes if each.is_capture and each.error is None]
    failed = [each for each in outcomes if each.error is not None]
    others = sum(not each.is_capture for each in outcomes)
    parts = [f"{plural(len(read), 'capture')}, each analysed by itself"]
    if failed:
        parts.append(f"{number(len(failed))} could not be analysed")
    before = sum(each.before for each in read)
    if before:
        parts.append(f"{number(before)} by an earlier run")
    if others:
        parts.append(f"{plural(others, 'other file')} left out")
    say(console, Text(parts[0], "bold"), *(f"; {part}" for part in parts[1:]), indent=0)
    if read:
        console.print()
        table(console, _HEADS, [_row(each) for each in read])
        if len(read) > 1:
            say(console, _total(read))
    for each in failed:
        reason = (each.error or "").removesuffix(".")
        if each.name not in reason:
            reason = f"{each.name}: {reason}"
        say(console, traffic(f"{reason}; {each.hint}" if each.hint else reason))


def _row(outcome: Outcome) -> list[Text]:
    counts = [Text(number(each)) for each in outcome[1:4]]
    errors = Text(number(outcome.errors), "bold red" if outcome.errors else "")
    warnings = Text(number(outcome.warnings), "yellow" if outcome.warnings else "")
    causes = Text(", ".join(outcome.causes))
    return [traffic(outcome.name), *counts, errors, warnings, causes]


def _total(outcomes: Sequence[Outcome]) -> str:
    packets, connections, messages, errors, warnings = map(
        sum, zip(*(each[1:6] for each in outcomes), strict=True)
    )
    standing_out = sum(bool(each.causes) for each in outcomes)
    return (
        f"In all {plural(packets, 'packet')}, {plural(connections, 'WebSocket connection')}, "
        f"{plural(messages, 'message')}, {plural(errors, 'error')}, {plural(warnings, 'warning')}; "
        f"something stands out in {number(standing_out)} of {number(len(outcomes))}."
    )
