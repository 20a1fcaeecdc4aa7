"""Late messages, by what held them up: loss, Nagle against delayed ACKs.

Those of a closed window are in reading.py, beside the windows. Knows facts of connections. Called
by the stage through rules.RULES.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from analyzer.columns import NULL
from analyzer.diagnosis import causes
from analyzer.diagnosis.case import Case
from analyzer.diagnosis.causes import Cause, Diagnosis
from analyzer.diagnosis.evidence import MOST, packets, side_name
from analyzer.diagnosis.facts import Facts, Late
from analyzer.lazy_dataclass import dataclass, field
from analyzer.wording import duration, plural

CAUSE_OF: dict[str, Cause] = {
    "stall_us": causes.LATE_BY_LOSS,
    "resent_us": causes.LATE_BY_LOSS,
    "window_us": causes.SLOW_READER,
    "nagle_us": causes.NAGLE_DELAYED_ACK,
}
"""What holds a message up, by the column that has how long."""


@dataclass(slots=True)
class _Sum:
    """Late messages of one cause and sender, over all connections."""

    late: Late = field(default_factory=Late)
    connections: list[int] = field(default_factory=list)
    worst_of: int = NULL
    firsts: list[int] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)

    def add(self, connection: int, column: str, late: Late) -> None:
        """Take those of one connection."""
        if late.worst > self.late.worst:
            self.worst_of = connection
        self.late.add(late)
        if not self.connections or self.connections[-1] != connection:
            self.connections.append(connection)
        self.firsts += [late.first_packet, late.worst_packet]
        self.columns.add(column)


def by_cause(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each cause and sender of late messages."""
    sums: dict[tuple[str, int], _Sum] = defaultdict(_Sum)
    # What was never acknowledged was not late but lost: the peer vanished.
    lost = {end.number for end, _ in case.ends if end.kind == "timeout"}
    for connection, facts in case.facts:
        for (side, column), late in _that_count(facts, case):
            if column == "resent_us" and connection in lost:
                continue
            sums[CAUSE_OF[column].id, side].add(connection, column, late)
    for (_, side), found in sums.items():
        yield _late(found, side)


def _that_count(facts: Facts, case: Case) -> Iterator[tuple[tuple[int, str], Late]]:
    """Yield late messages that are said here: one delayed ACK is no pattern."""
    for (side, column), late in sorted(facts.late.items()):
        if column == "window_us":
            continue
        if column != "nagle_us" or late.messages >= case.options.nagle_messages:
            yield (side, column), late


_HOW = {
    causes.LATE_BY_LOSS.id: "for lost packets",
    causes.NAGLE_DELAYED_ACK.id: "for delayed ACKs (Nagle)",
}


def _late(found: _Sum, side: int) -> Diagnosis:
    cause = CAUSE_OF[next(iter(found.columns))]
    late = found.late
    sender = side_name(side)
    several = len(found.connections) > 1
    on = f" on {plural(len(found.connections), 'connection')}" if several else ""
    return Diagnosis(
        cause=cause,
        text=f"{plural(late.messages, 'message')} of {sender}{on} waited {duration(late.total)} in "
        f"all {_HOW[cause.id]}; the worst {duration(late.worst)}, {found.worst_of}:"
        f"{late.worst_message} in packet {late.worst_packet}.",
        connections=len(found.connections),
        connection=found.connections[0],
        packet=late.first_packet,
        seconds=late.total,
        evidence={
            "packets": packets([late.worst_packet, *found.firsts])[:MOST],
            "connections": found.connections[:MOST],
            "sent_by": sender.split()[-1],
            "messages": late.messages,
            "waited_s": late.total / 1e9,
            "worst_s": late.worst / 1e9,
            "worst_message": [found.worst_of, late.worst_message],
            "columns": sorted(found.columns),
        },
    )


def cause_of(parts: Sequence[tuple[str, int]]) -> Cause | None:
    """Return what held a message up longest, of (column of LATE_COLUMNS, ns); None if nothing."""
    column, wait = max(parts, key=lambda part: part[1], default=("", 0))
    return CAUSE_OF[column] if wait > 0 else None
