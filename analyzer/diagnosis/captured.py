"""What the capture holds twice, not at all, or under a wrong name.

Knows findings of the capture and rows of `hops`. Called by the stage through rules.RULES.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analyzer.columns import NULL
from analyzer.diagnosis import causes
from analyzer.diagnosis.case import Case
from analyzer.diagnosis.causes import Cause, Diagnosis
from analyzer.diagnosis.evidence import MOST, packets, side_name
from analyzer.diagnosis.facts import Found
from analyzer.tables.schema import DIRECTIONS
from analyzer.wording import duration, number, plural

_OF_FINDING: dict[str, Cause] = {
    "capture-seen-twice": causes.SEEN_TWICE,
    "tcp-one-direction": causes.ONE_DIRECTION,
    "packets-wrong-link-type": causes.WRONG_LINK_TYPE,
}


def from_findings(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each finding that says what the capture lacks or has twice."""
    found: dict[str, list[tuple[int, Found]]] = {id_: [] for id_ in _OF_FINDING}
    for connection, facts in case.facts:
        for id_ in facts.found.keys() & _OF_FINDING.keys():
            found[id_].append((connection, facts.found[id_]))
    for (id_, _, _), one in case.loose.items():
        if id_ in found:
            found[id_].append((NULL, one))
    for id_, some in found.items():
        if some:
            yield _diagnosis(_OF_FINDING[id_], some)


def _diagnosis(cause: Cause, found: list[tuple[int, Found]]) -> Diagnosis:
    connection, first = min(found, key=lambda each: (each[1].packet == NULL, each[1].packet))
    on = "" if len(found) == 1 else f"On {plural(len(found), 'connection')}, the first: "
    # What does not count because of it stands with the finding.
    text = first.text.partition(". They do not count")[0].removesuffix(".")
    if cause is causes.ONE_DIRECTION and first.direction in (0, 1):
        text = text.replace("one direction", side_name(first.direction))
    return Diagnosis(
        cause=cause,
        text=f"{on}{text}.",
        connections=sum(number != NULL for number, _ in found),
        connection=connection,
        packet=first.packet,
        evidence={
            "packets": packets(each.packet for _, each in found),
            "connections": [number for number, _ in found if number != NULL][:MOST],
        },
    )


def two_legs(case: Case) -> Iterator[Diagnosis]:
    """Yield one for all conversations of which the capture has both sides of a proxy."""
    yield from _legs_of_streams(case)
    rows = [row for row in case.kept["hops"] if row["connection_a"] is not None]
    if not rows:
        return
    # Legs of one conversation hang together: three of them have two hops.
    group: dict[int, int] = {}
    for row in rows:
        a, b = (group.setdefault(row[name], row[name]) for name in ("connection_a", "connection_b"))
        group.update({leg: min(a, b) for leg, its in group.items() if its in (a, b)})
    conversations = len(set(group.values()))
    legs = sorted({row[name] for row in rows for name in ("connection_a", "connection_b")})
    transit = {
        side: sorted(
            row["transit_us_median"]
            for row in rows
            if row["direction"] == side and row["transit_us_median"] is not None
        )
        for side in ("client", "server")
    }
    medians = [(some[len(some) // 2], side) for side, some in transit.items() if some]
    times = [f"{duration(median)} from the {side}" for median, side in medians]
    took = f": the hop between takes {' and '.join(times)}" if times else ""
    yield Diagnosis(
        cause=causes.TWO_LEGS,
        text=f"{plural(conversations, 'conversation')} {'is' if conversations == 1 else 'are'} "
        f"captured on both sides of a proxy, as {plural(len(legs), 'connection')}{took}.",
        connections=len(legs),
        connection=legs[0],
        evidence={
            "connections": legs[:MOST],
            "pairs": [[row["connection_a"], row["connection_b"]] for row in rows[:MOST]],
            "matched_by": sorted({row["matched_by"] for row in rows}),
            "messages": sum(row["messages"] for row in rows),
        },
    )


def _legs_of_streams(case: Case) -> Iterator[Diagnosis]:
    """Yield one for all streams of plain HTTP of which the capture has both sides of a proxy."""
    rows = [row for row in case.kept["hops"] if row["connection_a"] is None]
    if not rows:
        return
    slowest = max(rows, key=lambda row: row["transit_us_median"])
    yield Diagnosis(
        cause=causes.TWO_LEGS,
        text=f"{plural(len(rows), 'HTTP stream')} {'is' if len(rows) == 1 else 'are'} captured on "
        "both sides of a proxy: the hop between takes "
        f"{duration(slowest['transit_us_median'])} from the server"
        f"{'' if len(rows) == 1 else ' or less'}, by the median.",
        evidence={
            "tcp_streams": [[row["tcp_stream_a"], row["tcp_stream_b"]] for row in rows[:MOST]],
            "matched_by": sorted({row["matched_by"] for row in rows}),
            "messages": sum(row["messages"] for row in rows),
        },
    )


# --- who collects


def held_streams(case: Case) -> Iterator[Diagnosis]:
    """Yield one for streams whose events came together, though they say they came about apart."""
    options = case.options
    rows = [
        row
        for row in case.kept["http_groups"]
        if (row["held_messages"] or 0) >= options.buffered_messages
        and row["held_messages"] >= options.buffered_share * row["timed_messages"]
    ]
    if not rows:
        return
    worst = max(rows, key=lambda row: row["held_us_max"])
    held, timed = (sum(row[name] for row in rows) for name in ("held_messages", "timed_messages"))
    some = "an HTTP stream" if len(rows) == 1 else f"{len(rows)} HTTP streams"
    yield Diagnosis(
        cause=causes.STREAM_HELD,
        text=f"{number(held)} of {number(timed)} events of {some} came together with later ones, "
        f"though by the times in them they came about apart; the longest waited "
        f"{duration(worst['held_us_max'])}. They waited before the point of capture: the packets "
        "do not show whether in the server or in a proxy.",
        evidence={
            "groups": [row["group"] for row in rows][:MOST],
            "path": worst["path"],
            "held_messages": held,
            "timed_messages": timed,
            "longest_s": worst["held_us_max"] / 1e9,
        },
    )


# --- a hop that collects


def _pair(row: Mapping[str, Any]) -> list[int | None]:
    return [row["connection_a"], row["connection_b"]]


def _between(row: Mapping[str, Any]) -> str:
    """Return what a hop is between: connections of WebSocket, or streams of plain HTTP."""
    if row["connection_a"] is None:
        return (
            f"the HTTP streams on TCP connections {row['tcp_stream_a']} and {row['tcp_stream_b']}"
        )
    return f"connections {row['connection_a']} and {row['connection_b']}"


def buffers(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each direction in which hops collect messages and let them go together."""
    options = case.options
    for side, who in enumerate(DIRECTIONS):
        rows = [
            row
            for row in case.kept["hops"]
            if row["direction"] == who
            and row["held_messages"] >= options.buffered_messages
            and row["held_messages"] >= options.buffered_share * row["messages"]
        ]
        if not rows:
            continue
        held = sum(row["held_messages"] for row in rows)
        worst = max(rows, key=lambda row: row["held_us_max"])
        matched = [row for row in rows if row["connection_a"] is not None]
        legs = sorted({row[end] for row in matched for end in ("connection_a", "connection_b")})
        yield Diagnosis(
            cause=causes.PROXY_BUFFERS,
            text=f"The hop between {_between(worst)} held {number(held)} of "
            f"{plural(sum(row['messages'] for row in rows), 'message')} of {side_name(side)} until "
            f"later ones came, the longest {duration(worst['held_us_max'])}.",
            connections=len(legs),
            connection=NULL if worst["connection_a"] is None else worst["connection_a"],
            seconds=sum(row["held_messages"] * (row["transit_us_median"] or 0) for row in rows),
            evidence={
                "connections": legs[:MOST],
                "pairs": [_pair(row) for row in rows[:MOST]],
                "tcp_streams": [[row["tcp_stream_a"], row["tcp_stream_b"]] for row in rows[:MOST]],
                "sent_by": who,
                "held_messages": held,
                "longest_s": worst["held_us_max"] / 1e9,
                "transit_median_s": (worst["transit_us_median"] or 0) / 1e9,
            },
        )
