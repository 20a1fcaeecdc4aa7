"""Connections that did not last: closed unused, and clients that come again and again.

Knows ended connections and attempts. Called by the stage through rules.RULES.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from analyzer.columns import NULL
from analyzer.diagnosis import causes
from analyzer.diagnosis.case import Case
from analyzer.diagnosis.causes import Diagnosis
from analyzer.diagnosis.evidence import MOST, lists, packets, seconds, server_name, side_name, when
from analyzer.diagnosis.facts import SERVER, Ended, Facts
from analyzer.diagnosis.silences import ended_by_timer
from analyzer.named_tuple import NamedTuple
from analyzer.wording import duration, plural

_NORMAL = 1000


# --- closed unused


def unused(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each server and reason: ended right after the 101, with no frame."""
    most = round(case.options.unused_life_s * 1e9)
    groups: dict[tuple[tuple[str, int], int, str], list[Ended]] = defaultdict(list)
    for end, facts in case.ends:
        if end.frames or not end.handshake_seen or end.kind not in ("fin", "reset"):
            continue
        if end.duration == NULL or end.duration > most or end.lost_bytes:
            continue
        if facts.found.keys() & _READ_WRONG:
            continue
        groups[end.server, end.closed_by, _why(facts)].append(end)
    for (_, side, why), ends in groups.items():
        if not why and len(ends) < case.options.unused_connections:
            # Once, with nothing wrong in the handshake, is a port check or a user who left.
            continue
        yield _unused(ends, side, why)


_READ_WRONG = frozenset({"websocket-not-frames", "websocket-old-draft", "websocket-framing-lost"})
"""Findings that say that there were bytes, which are no frames: another cause."""


def _why(facts: Facts) -> str:
    attempt = facts.attempt or {}
    if attempt.get("accept_valid") is False:
        return "Sec-WebSocket-Accept does not fit the key"
    if attempt.get("subprotocols_offered") and attempt.get("subprotocol") is None:
        return "the client offered subprotocols and the server chose none"
    if "handshake-unoffered-subprotocol" in facts.found:
        return "the server chose a subprotocol that was not offered"
    if "handshake-bad-extension" in facts.found or "handshake-unoffered-extension" in facts.found:
        return "the server's answer on extensions is not what was offered"
    return ""


def _unused(ends: Sequence[Ended], side: int, why: str) -> Diagnosis:
    first = min(ends, key=lambda end: end.number)
    longest = max(end.duration for end in ends)
    who = side_name(side)
    reason = why or "nothing in the handshake says why"
    return Diagnosis(
        cause=causes.CLOSED_UNUSED,
        text=f"{plural(len(ends), 'connection')} to {server_name(first)} ended by {who} without a "
        f"frame, within {seconds(longest)} of the 101: {reason}.",
        connections=len(ends),
        connection=first.number,
        packet=first.end_packet,
        ended=len(ends),
        evidence={
            **lists(ends),
            **when(first.closed_at, "first_closed_at"),
            "ended_by": who.split()[-1],
            "reason": why or None,
        },
    )


# --- reconnect storms


class _Visit(NamedTuple):
    """One attempt of a client that was thrown out: begin and end in ns, how, what it was."""

    begin: int
    end: int
    how: str
    connection: int
    packet: int


def storms(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each client that comes again and again, and is thrown out each time."""
    visits: dict[tuple[str, tuple[str, int], str | None], list[_Visit]] = defaultdict(list)
    idle = round(case.options.idle_timeout_min_s * 1e9)
    for end, facts in case.ends:
        # A client that was silent before the end was not disconnected actively: that is
        # idle-timeout's matter.
        if min(end.client_idle, end.server_idle) >= idle:
            continue
        if end.opened_at != NULL and end.closed_at != NULL:
            key = (end.client_ip, end.server, _target(end.path))
            some, how = visits[key], _how(end)
            if not how:
                continue
            closes = [each.packet for each in facts.closes if each is not None]
            packet = min(closes, default=end.end_packet)
            some.append(_Visit(end.opened_at, end.closed_at, how, end.number, packet))
    for row in case.attempts:
        if row["outcome"] in ("refused", "bad-accept", "bad-response", "reset"):
            key = (row["client_ip"], (row["server_ip"], row["server_port"]), _target(row["path"]))
            visits[key].append(_attempt(row))
    chains = {key: chain for key, some in visits.items() if (chain := _chain(some, case))}
    # Asked for rarely: it looks at all that ended.
    timed = ended_by_timer(case) if chains else set()
    for (client, _, _), some in chains.items():
        chain = _chain([visit for visit in some if visit.connection not in timed], case)
        if chain:
            yield _storm(client, chain, case)


def _target(path: str | None) -> str | None:
    return None if path is None else path.partition("?")[0]


def _how(end: Ended) -> str:
    """Return how a connection was thrown out; "" where it was not disconnected actively."""
    if end.kind == "clean" and end.close_code in (_NORMAL, NULL):
        # RFC 6455 7.4.1: done. Without a code (7.1.5) nothing says otherwise: many libraries send
        # none where their program is done.
        return ""
    if end.kind not in ("clean", "fin", "reset") or end.closed_by != SERVER:
        return ""
    reason = f' "{end.close_reason}"' if end.close_reason else ""
    code = f"Close {end.close_code}{reason}" if end.close_code != NULL else end.kind.upper()
    return f"{code} by the server"


def _attempt(row: dict[str, Any]) -> _Visit:
    begin = row["started_at"]
    end = begin + (row["total_us"] or 0)
    status = row["status"] if row["status"] is not None else row["outcome"]
    packet = row["response_packet"] or row["request_packet"] or NULL
    return _Visit(begin, end, f"answer {status}", NULL, packet)


def _chain(visits: Sequence[_Visit], case: Case) -> list[_Visit]:
    """Return visits that follow each other closely, thrown out in the same way; else nothing."""
    options = case.options
    thrown = Counter(visit.how for visit in visits)
    if not thrown:
        return []
    how, count = thrown.most_common(1)[0]
    if count < options.storm_connections:
        return []
    same = sorted((each for each in visits if each.how == how), key=lambda each: each.begin)
    longest: list[_Visit] = []
    run = [same[0]]
    for before, visit in pairwise(same):
        # A connection that opens while the last one still lasts is another program behind the same
        # address.
        wait = visit.begin - before.end
        short = before.end - before.begin <= options.storm_life_s * 1e9
        if not (0 <= wait <= options.storm_wait_s * 1e9 and short):
            longest = max(longest, run, key=len)
            run = []
        run.append(visit)
    longest = max(longest, run, key=len)
    return longest if len(longest) >= options.storm_connections else []


def _storm(client: str, chain: Sequence[_Visit], case: Case) -> Diagnosis:
    begins = [visit.begin for visit in chain]
    span = begins[-1] - begins[0]
    every = span // (len(chain) - 1)
    lives = sorted(visit.end - visit.begin for visit in chain)
    opened = [visit.connection for visit in chain if visit.connection != NULL]
    return Diagnosis(
        cause=causes.RECONNECT_STORM,
        text=f"{client} came {len(chain)} times, every {duration(every)}, and was thrown out after "
        f"{duration(lives[len(lives) // 2])} each time: {chain[0].how}.",
        connections=len(chain),
        connection=min(opened, default=NULL),
        packet=chain[0].packet,
        ended=len(chain),
        evidence={
            "packets": packets(visit.packet for visit in chain),
            "connections": opened[:MOST],
            **when(chain[0].begin),
            "client": client,
            "every_s": every / 1e9,
            "median_life_s": lives[len(lives) // 2] / 1e9,
            "end": chain[0].how,
        },
    )
