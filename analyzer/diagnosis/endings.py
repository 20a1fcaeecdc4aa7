"""Ends of single connections: a peer that vanished, a program that hangs, a Close that was lost.

Knows ended connections with their facts. Called by the stage through rules.RULES.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from analyzer.columns import NULL
from analyzer.diagnosis import causes
from analyzer.diagnosis.case import Case
from analyzer.diagnosis.causes import Diagnosis
from analyzer.diagnosis.evidence import MOST, packets, seconds, server_name, side_name, when
from analyzer.diagnosis.facts import CLIENT, SERVER, Control, Ended, Facts, Seen, Unanswered
from analyzer.lazy_dataclass import dataclass
from analyzer.wording import plural

ABNORMAL = 1006
"""What a library reports where no Close came (RFC 6455 7.1.5)."""


# --- a peer that is gone


@dataclass(frozen=True, slots=True)
class _Gone:
    """A connection whose one side went away without a word."""

    end: Ended
    sign: Seen
    """Its last frame."""
    last: int
    """Its last sign of life, in ns."""
    silence: int
    back: tuple[int, int] | None
    """The connection by which it was back, and how long after its last sign of life."""


def vanished(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each server and side: data never acknowledged, its sender gave up."""
    ends = case.ends
    found = [
        (end, facts, side)
        for end, facts in ends
        if end.kind == "timeout" and (side := _gone_side(end, facts)) is not None
    ]
    openings: dict[_Caller, list[tuple[int, int]]] = defaultdict(list)
    if found:
        for end, _ in ends:
            openings[_caller(end)].append((end.opened_at, end.number))
    groups: dict[tuple[tuple[str, int], int], list[_Gone]] = defaultdict(list)
    for end, facts, side in found:
        sign = Seen() if facts.last is None else facts.last[side]
        # Without a frame of it, the end of its handshake was its last sign of life.
        last = sign.time if sign.time != NULL else end.opened_at
        back = _back(openings[_caller(end)], last) if side == CLIENT else None
        groups[end.server, side].append(_Gone(end, sign, last, end.closed_at - last, back))
    for (_, side), gone in groups.items():
        yield _vanished(gone, side)


def _gone_side(end: Ended, facts: Facts) -> int | None:
    """Return the side that vanished: its peer sent again and again, and it answered nothing."""
    again = facts.found.get("tcp-retransmissions")
    waiting = {each.side for each in _outstanding(facts) if each.acked == NULL}
    if again is None and not waiting:
        return None
    if again is not None and again.direction in (CLIENT, SERVER):
        return 1 - again.direction
    if len(waiting) == 1:
        return 1 - waiting.pop()
    if facts.last is None or facts.last[CLIENT].time == facts.last[SERVER].time:
        return None
    # The side with the last sign of life is the one that still waited.
    return CLIENT if facts.last[CLIENT].time < facts.last[SERVER].time else SERVER


_Caller = tuple[str, tuple[str, int], str | None]
"""A client by its address, and what it asks for."""


def _caller(end: Ended) -> _Caller:
    return end.client_ip, end.server, end.path


def _back(openings: Sequence[tuple[int, int]], last: int) -> tuple[int, int] | None:
    """Return the client's first connection after its last sign of life, and how long after."""
    later = [each for each in openings if last != NULL and each[0] > last]
    if not later:
        return None
    opened, number = min(later)
    return number, opened - last


def _vanished(gone: Sequence[_Gone], side: int) -> Diagnosis:
    first = min(gone, key=lambda each: each.end.number)
    ends = [each.end for each in gone]
    waits = [each.silence for each in gone]
    text = f"{side_name(side)[0].upper()}{side_name(side)[1:]} vanished ({server_name(ends[0])}, "
    text += f"{plural(len(ends), 'connection')}): silent for {seconds(max(waits))} while "
    text += f"{side_name(1 - side)} sent again"
    backs = [each.back for each in gone if each.back is not None]
    if backs:
        text += f"; back after {seconds(min(back[1] for back in backs))}"
    return Diagnosis(
        cause=causes.PEER_VANISHED,
        text=text + ".",
        connections=len(ends),
        connection=first.end.number,
        packet=first.sign.packet,
        seconds=sum(waits),
        ended=len(ends),
        evidence={
            "packets": packets(
                packet for each in gone for packet in (each.sign.packet, each.end.end_packet)
            ),
            "connections": [end.number for end in ends][:MOST],
            **when(first.last, "last_sign_of_life_at"),
            "vanished": side_name(side).split()[-1],
            "silent_s": [wait / 1e9 for wait in waits][:MOST],
            "back_in_connections": [back[0] for back in backs][:MOST],
            "back_after_s": [back[1] / 1e9 for back in backs][:MOST],
        },
    )


# --- a ping without an answer


@dataclass(frozen=True, slots=True)
class _Hung:
    """A connection that its Ping's sender ended because no Pong came.

    Attributes:
        end: its row.
        ping: the first Ping that waited.
        state: what became of it, a key of _WHY.
        wait: from the Ping to the end, in ns.
        reason: that of the Close.
    """

    end: Ended
    ping: Control
    state: str
    wait: int
    reason: str


_WHY = {
    "unseen": "The path to {who} is gone: TCP never acknowledged a ping, no pong",
    "hangs": "The program of {who} hangs: TCP acknowledged a ping, no pong",
    "sends": "The program of {who} sends, but does not read: TCP acknowledged a ping, no pong",
    "ignores": "The library of {who} does not answer pings, though it answered the Close: no pong",
}
_DONE = (1000, 1001, 1005, NULL)
"""Codes of a Close with which a program may just be done (RFC 6455 7.4.1)."""


def pings(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each side, and for what became of the Pings."""
    groups: dict[tuple[tuple[str, int], int, str], list[_Hung]] = defaultdict(list)
    for end, facts in case.ends:
        hung = _hung(end, facts, round(case.options.ping_wait_min_s * 1e9))
        if hung is not None:
            groups[end.server, 1 - end.closed_by, hung.state].append(hung)
    for (_, side, state), hung_ones in groups.items():
        yield _unanswered(hung_ones, side, state)


def _outstanding(facts: Facts) -> list[Unanswered]:
    """Return Pings after the last one that was answered.

    A Pong may answer "only the most recently processed Ping" (RFC 6455 5.5.3): earlier ones
    are no fault.
    """
    return [ping for ping in facts.unanswered if ping.frame > facts.answered[ping.side]]


def _hung(end: Ended, facts: Facts, least: int) -> _Hung | None:
    side = end.closed_by
    if side not in (CLIENT, SERVER) or not facts.unanswered or end.lost_bytes > 0:
        return None
    waiting = sorted(
        (ping for ping in _outstanding(facts) if ping.side == side), key=lambda ping: ping.frame
    )
    if not waiting:
        return None
    first, last = waiting[0], facts.pings[side]
    close = facts.closes[side]
    ended = close.time if close is not None else end.closed_at
    if first.sent == NULL or last is None or ended - first.sent < least:
        return None
    state = _state(facts, first, side)
    if state == "ignores" and close is not None and close.code in _DONE:
        # Nobody waited for this Pong: the one side was done, and the other answered.
        return None
    ping = last if last.frame == first.frame else Control(first.frame, NULL, first.sent)
    return _Hung(end, ping, state, ended - first.sent, end.close_reason or "")


def _state(facts: Facts, ping: Unanswered, side: int) -> str:
    """Return what became of a Ping of a side that got no Pong: a key of _WHY."""
    if ping.acked == NULL:
        return "unseen"
    close, answer = facts.closes[side], facts.closes[1 - side]
    if close is not None and answer is not None and answer.time >= close.time:
        return "ignores"
    last = None if facts.last is None else facts.last[1 - side]
    # What was sent before the Ping can have come says nothing.
    sends = last is not None and last.time > ping.sent + ping.acked
    return "sends" if sends else "hangs"


def _unanswered(hung: Sequence[_Hung], side: int, state: str) -> Diagnosis:
    first = min(hung, key=lambda each: each.end.number)
    ends = [each.end for each in hung]
    wait = min(each.wait for each in hung)
    who = side_name(side)
    code = f" with {first.end.close_code}" if first.end.close_code != NULL else ""
    return Diagnosis(
        cause=causes.PING_UNANSWERED,
        text=f"{_WHY[state].format(who=who)} in {seconds(wait)}; {side_name(1 - side)} ended "
        f"{plural(len(ends), 'connection')}{code} ({server_name(ends[0])}).",
        connections=len(ends),
        connection=first.end.number,
        packet=first.ping.packet if first.ping.packet != NULL else first.end.end_packet,
        seconds=sum(each.wait for each in hung),
        ended=len(ends),
        evidence={
            "packets": packets(
                packet for each in hung for packet in (each.ping.packet, each.end.end_packet)
            ),
            "connections": [end.number for end in ends][:MOST],
            **when(first.ping.time),
            "no_pong_of": who.split()[-1],
            "acknowledged": state != "unseen",
            "state": state,
            "waits_s": [each.wait / 1e9 for each in hung][:MOST],
            "close_reasons": sorted({each.reason for each in hung if each.reason})[:MOST],
        },
    )


# --- a close that its receiver never read


def closes_lost(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each sender and code of Closes that the other end does not report."""
    groups: dict[tuple[tuple[str, int], int, int], list[tuple[Ended, Control]]] = defaultdict(list)
    for end, facts in case.ends:
        for side in (CLIENT, SERVER):
            close = facts.closes[side]
            if close is None or facts.closes[1 - side] is not None or end.lost_bytes:
                continue
            # Null where it is not known.
            if end.logs(1 - side) == ABNORMAL and end.kind != "open":
                groups[end.server, side, close.code].append((end, close))
    for (_, side, code), found in groups.items():
        ends = [end for end, _ in found]
        first_end, first = min(found, key=lambda each: each[1].packet)
        said = "" if code == NULL else f" {code}"
        yield Diagnosis(
            cause=causes.CLOSE_LOST,
            text=f"{side_name(side)[0].upper()}{side_name(side)[1:]} of {server_name(first_end)} "
            f"sent Close{said} on {plural(len(ends), 'connection')}, but {side_name(1 - side)} "
            f"can hardly have read it and logs {ABNORMAL}.",
            connections=len(ends),
            connection=first_end.number,
            packet=first.packet,
            ended=len(ends),
            evidence={
                "packets": packets(
                    packet for end, close in found for packet in (close.packet, end.end_packet)
                ),
                "connections": [end.number for end in ends][:MOST],
                **when(first.time),
                "sent_by": side_name(side).split()[-1],
                "code": None if code == NULL else code,
                "other_end_logs": ABNORMAL,
            },
        )


# --- a reset that neither side sent


def injected(case: Case) -> Iterator[Diagnosis]:
    """Yield one for all connections that a RST of somebody else ended."""
    found = [
        (end, facts.found["tcp-reset-foreign"])
        for end, facts in case.ends
        if "tcp-reset-foreign" in facts.found
    ]
    if not found:
        return
    ends = [end for end, _ in found]
    first_end, first = min(found, key=lambda each: each[1].packet)
    yield Diagnosis(
        cause=causes.RESET_INJECTED,
        text=f"{plural(len(ends), 'connection')} got a RST that the peer did not send. "
        f"{first.text}",
        connections=len(ends),
        connection=first_end.number,
        packet=first.packet,
        # Others went on: their receivers ignored it.
        ended=sum(end.kind == "reset" for end in ends),
        evidence={
            "packets": packets(each.packet for _, each in found),
            "connections": [end.number for end in ends][:MOST],
        },
    )
