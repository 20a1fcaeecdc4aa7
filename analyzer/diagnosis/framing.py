"""What the bytes of a connection are, where they are no frames or break an agreement.

Knows findings of connections. Called by the stage through rules.RULES.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from analyzer.columns import NULL
from analyzer.diagnosis import causes
from analyzer.diagnosis.case import Case
from analyzer.diagnosis.causes import Cause, Diagnosis
from analyzer.diagnosis.evidence import MOST, packets
from analyzer.diagnosis.facts import Found
from analyzer.wording import plural

_OF_FINDING: dict[str, Cause] = {
    "websocket-not-frames": causes.NOT_FRAMES,
    "websocket-torn-write": causes.TORN_WRITE,
    "websocket-old-draft": causes.OLD_DRAFT,
    "deflate-window-exceeded": causes.WINDOW_EXCEEDED,
}
"""Findings that are a cause by themselves."""


def bytes_that_are_no_frames(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each such finding, over all connections."""
    found: dict[str, list[tuple[int, Found]]] = defaultdict(list)
    for connection, facts in case.facts:
        for id_ in facts.found.keys() & _OF_FINDING.keys():
            found[id_].append((connection, facts.found[id_]))
    for (id_, _, _), one in case.loose.items():
        if id_ in _OF_FINDING:
            found[id_].append((NULL, one))
    for id_, some in sorted(found.items()):
        yield _diagnosis(_OF_FINDING[id_], some)


def _diagnosis(cause: Cause, found: list[tuple[int, Found]]) -> Diagnosis:
    connection, first = min(found, key=lambda each: (each[1].packet, each[0]))
    on = "" if len(found) == 1 else f"On {plural(len(found), 'connection')}, the first: "
    count = sum(each.count for _, each in found)
    return Diagnosis(
        cause=cause,
        text=f"{on}{first.text}",
        connections=len(found),
        connection=connection,
        packet=first.packet,
        evidence={
            "packets": packets(each.packet for _, each in found),
            "connections": [number for number, _ in found if number != NULL][:MOST],
            "findings": count,
        },
    )
