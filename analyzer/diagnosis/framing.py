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
from analyzer.diagnosis.evidence import MOST, packets, side_name
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
    count = sum(each.count for _, each in found)
    return Diagnosis(
        cause=cause,
        text=_text(cause, first, len(found), count),
        connections=len(found),
        connection=connection,
        packet=first.packet,
        evidence={
            "packets": packets(each.packet for _, each in found),
            "connections": [number for number, _ in found if number != NULL][:MOST],
            "findings": count,
            "finding": first.text,
        },
    )


_SENTENCES = {
    causes.NOT_FRAMES.id: ("Bytes that are not a frame", "{on} has what is no frame: {what}."),
    causes.TORN_WRITE.id: ("A frame was not written", "{on} has a frame in pieces: {what}."),
    causes.OLD_DRAFT.id: ("The connection uses", "{on} uses an older draft, not decoded: {what}."),
    causes.WINDOW_EXCEEDED.id: (
        "A compressed message",
        "{count} of {who} on {on} {refer} back too far: {what}.",
    ),
}
"""How the finding begins, whose detail is taken, and what is said of all of them."""


def _text(cause: Cause, first: Found, connections: int, count: int) -> str:
    """Return the sentence: how many connections, and the detail of the first finding."""
    begins, sentence = _SENTENCES[cause.id]
    on = plural(connections, "connection")
    _, colon, what = first.text.partition(": ")
    if not colon or not first.text.startswith(begins):
        return first.text if connections == 1 else f"On {on}, the first: {first.text}"
    if connections > 1:
        sentence = sentence.replace("{on} has", "{on} have").replace("{on} uses", "{on} use")
        what = f"in the first, {what}"
    who = "a sender" if first.direction not in (0, 1) else side_name(first.direction)
    counted = plural(count, "compressed message")
    sentence = sentence.replace("{refer}", "refers" if count == 1 else "refer")
    return sentence.format(on=on, count=counted, who=who, what=what.removesuffix("."))
