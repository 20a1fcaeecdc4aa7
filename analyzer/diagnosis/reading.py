"""Programs that did not read: windows that were closed, and what waited for them.

Knows ended connections with their facts. Called by the stage through rules.RULES.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.columns import NULL
from analyzer.diagnosis import causes
from analyzer.diagnosis.case import Case
from analyzer.diagnosis.causes import Diagnosis
from analyzer.diagnosis.evidence import MOST, packets, side_name, when
from analyzer.diagnosis.facts import CLIENT, SERVER, Ended, Late
from analyzer.lazy_dataclass import dataclass, field
from analyzer.wording import duration, number, plural

_TENTH = 10
"""Which part of a life, or of a silence, makes a closed window worth a word."""


@dataclass(slots=True)
class _Reader:
    """Connections on which one side did not read.

    Attributes:
        shut: those whose window was closed for long, by number.
        given_up: those that their sender ended meanwhile.
        late: messages that waited.
        worst_of: the connection of the one that waited longest.
        late_on: connections with such messages.
        found: first packets that announced a closed window.
    """

    shut: dict[int, Ended] = field(default_factory=dict)
    given_up: list[Ended] = field(default_factory=list)
    late: Late = field(default_factory=Late)
    worst_of: int = NULL
    late_on: set[int] = field(default_factory=set)
    found: list[int] = field(default_factory=list)

    @property
    def connections(self) -> list[int]:
        """All of them, in order."""
        return sorted(self.shut.keys() | self.late_on)


def slow_readers(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each side whose programs did not read."""
    for side in (CLIENT, SERVER):
        reader = _gathered(case, side)
        if reader.connections:
            yield _slow(reader, side)


def _gathered(case: Case, side: int) -> _Reader:
    reader = _Reader()
    key = (1 - side, "window_us")
    for connection, facts in case.facts:
        late = facts.late.get(key)
        if late is not None:
            if late.worst > reader.late.worst:
                reader.worst_of = connection
            reader.late.add(late)
            reader.late_on.add(connection)
    least = round(case.options.slow_reader_s * 1e9)
    for end, facts in case.ends:
        if end.shut(side) >= least and (part := _part_shut(end, side)) is not None:
            reader.shut[end.number] = end
            if part and end.kind in ("reset", "timeout") and end.closed_by != side:
                reader.given_up.append(end)
        zero = facts.found.get("tcp-zero-window")
        if zero is not None and zero.direction == side:
            reader.found.append(zero.packet)
    return reader


def _part_shut(end: Ended, side: int) -> bool | None:
    """Return whether a closed window fills the sender's silence before the end; None: it was short.

    Of a long life, short times in which a window was closed are how TCP works.
    """
    shut, idle = end.shut(side), end.idle(1 - side)
    if idle != NULL and _TENTH * shut >= (_TENTH - 1) * idle > 0:
        return True
    if end.life == NULL or _TENTH * shut >= end.life:
        return False
    return None


def _slow(reader: _Reader, side: int) -> Diagnosis:
    who, sender = side_name(side), side_name(1 - side)
    shut = sum(end.shut(side) for end in reader.shut.values())
    says: list[str] = []
    if reader.shut:
        longest = max(reader.shut.values(), key=lambda end: end.shut(side))
        on = f"on connection {longest.number}"
        if len(reader.shut) > 1:
            on = f"on {plural(len(reader.shut), 'connection')}, {duration(longest.shut(side))} {on}"
        says.append(
            f"{who[0].upper()}{who[1:]} did not read: window closed for {duration(shut)} {on}"
        )
    if reader.given_up:
        count = len(reader.given_up)
        gave = f"{sender[0].upper()}{sender[1:]} gave up {plural(count, 'connection')}"
        resets = sum(end.kind == "reset" for end in reader.given_up)
        says.append(f"{gave}, {number(resets)} with RST" if resets else gave)
    if reader.late.messages:
        late = reader.late
        meanwhile = "" if reader.shut else f"while {who}'s window was closed, "
        says.append(
            f"{plural(late.messages, 'message')} of {sender} waited, {meanwhile}the worst "
            f"{duration(late.worst)}, packet {late.worst_packet}"
        )
    firsts = [packet for packet in reader.found if packet != NULL]
    first = min(firsts, default=reader.late.first_packet)
    ends = [end.end_packet for end in reader.given_up]
    worst = [reader.late.worst_packet, reader.late.first_packet]
    return Diagnosis(
        cause=causes.SLOW_READER,
        text=". ".join(says) + ".",
        connections=len(reader.connections),
        connection=reader.connections[0],
        packet=first,
        seconds=max(shut, reader.late.total),
        ended=len(reader.given_up),
        evidence={
            "packets": packets([*firsts[: MOST // 2], *worst, *ends[:MOST]]),
            "connections": reader.connections[:MOST],
            **when(reader.late.first_time, "first_message_at"),
            "did_not_read": who.split()[-1],
            "window_closed_s": shut / 1e9,
            "messages": reader.late.messages,
            "waited_s": reader.late.total / 1e9,
        },
    )
