"""Captures of streams of HTTP whose events wait for later ones, and of ones that look so.

Part of causes.py, which lists them. Nothing of the package under test.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime

from causes_talk import MS, S, Talk, Variant, joined

START = 1_700_000_000 * S
Event = tuple[float, float]
"""When an event arose, and when it was sent, in ns since 1970."""

FORMS: dict[str, Callable[[float], object]] = {
    "ms": lambda at: round(at / MS),
    "seconds": lambda at: round(at / S, 3),
    "ISO 8601": lambda at: datetime.fromtimestamp(round(at / MS) / 1000, UTC).isoformat(
        timespec="milliseconds"
    ),
}


def _line(draw: random.Random, number: int, name: str, time: object) -> dict[str, object]:
    told = {} if time is None else {name: time}
    text = f"worker {draw.randrange(9)} did {draw.randrange(10**6)} items"
    return {"n": number, **told, "level": "info", "text": text}


def _stream(
    draw: random.Random, number: int, events: list[Event], form: Callable[[float], object]
) -> Talk:
    """One stream; events that were sent at one time share a segment as far as they fit."""
    talk = Talk(client_port=40_000 + number, start_ns=START + number * 7 * MS)
    talk.isn = {"client": 1000 * number + 1, "server": 7_000_000 + 1000 * number}
    talk.next = dict(talk.isn)
    kind = draw.choice(("text/event-stream", "application/x-ndjson"))
    name = draw.choice(("ts", "time", "createdAt"))
    talk.open()
    talk.client(f"GET /log HTTP/1.1\r\nHost: peer.example\r\nAccept: {kind}\r\n\r\n".encode())
    talk.server(
        f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    mark = ("data: ", "\n\n") if kind == "text/event-stream" else ("", "\n")
    for sent in sorted({sent for _, sent in events}):
        data = b""
        for count, (arose, when) in enumerate(events):
            if when == sent:
                line = json.dumps(_line(draw, count, name, form(arose))).join(mark).encode()
                data += b"%x\r\n%b\r\n" % (len(line), line)
        talk.wait(max(0.0, sent - talk.now)).server(data)
    talk.server(b"0\r\n\r\n").finish("client")
    return talk


def _made(
    draw: random.Random,
    name: str,
    events: Callable[[int], list[Event]],
    *right: str,
    form: Callable[[float], object] | None = None,
) -> Variant:
    """One to three streams of one kind."""
    chosen = draw.choice(tuple(FORMS))
    talks = [
        _stream(draw, number, events(number), form or FORMS[chosen])
        for number in range(draw.choice((1, 3)))
    ]
    return joined(f"{name} n={len(talks)}" + ("" if form else f", {chosen}"), talks, *right)


def _arising(draw: random.Random, count: int, every: float) -> list[float]:
    """When events arise, in ns, about `every` apart."""
    at, times = START + 1 * S, []
    for _ in range(count):
        at += every * draw.uniform(0.8, 1.3)
        times.append(at)
    return times


def _lots(draw: random.Random, times: list[float]) -> list[list[float]]:
    """Events that go together, 3 to 12 in one lot."""
    lots, size = [], draw.randint(3, 12)
    while times:
        take = max(2, size + draw.randint(-1, 1))
        lots.append(times[:take])
        times = times[take:]
    return lots


def _together(draw: random.Random) -> list[Event]:
    every = draw.choice((0.08, 0.2, 0.6, 2.0)) * S
    events: list[Event] = []
    for lot in _lots(draw, _arising(draw, draw.randint(70, 120), every)):
        sent = lot[-1] + draw.uniform(0.3, 4) * MS
        events += [(at, sent) for at in lot]
    return events


def stream_held(draw: random.Random, seed: int) -> Variant:
    """A buffer lets events go when it is full: all but the last of a lot waited."""
    return _made(draw, "stream held", lambda _: _together(draw), "stream-held")


def stream_without_times(draw: random.Random, seed: int) -> Variant:
    """The same lots, of events that say nothing of when they arose: a server may batch."""
    return _made(draw, "lots without times", lambda _: _together(draw), form=lambda at: None)


def stream_in_time(draw: random.Random, seed: int) -> Variant:
    """Events that come as they arise, some close to each other."""

    def events(number: int) -> list[Event]:
        every = draw.choice((0.08, 0.2, 0.6)) * S
        return [(at, at + draw.uniform(0.3, 9) * MS) for at in _arising(draw, 90, every)]

    return _made(draw, "stream in time", events)


def stream_backlog(draw: random.Random, seed: int) -> Variant:
    """What the client missed comes at once; then events as they arise."""

    def events(number: int) -> list[Event]:
        times = _arising(draw, 60, 0.2 * S)
        older = [times[0] - count * draw.uniform(0.5, 2) * S for count in range(40, 0, -1)]
        first: list[Event] = [(at, START + 0.5 * S) for at in older]
        return first + [(at, at + draw.uniform(0.3, 3) * MS) for at in times]

    return _made(draw, "stream with a backlog", events)


def stream_of_others_times(draw: random.Random, seed: int) -> Variant:
    """Lots whose times are those of something else: when an account was opened, hours ago."""

    def events(number: int) -> list[Event]:
        made = _together(draw)
        return [(sent - draw.uniform(60, 40_000) * S, sent) for _, sent in made]

    return _made(draw, "lots with times of other things", events)


def stream_of_samples(draw: random.Random, seed: int) -> Variant:
    """A server that takes some values at a time and tells them together, with that time."""

    def events(number: int) -> list[Event]:
        return [
            (at, at + 1 * MS) for at in _arising(draw, 30, 0.9 * S) for _ in range(6)
        ]  # fmt: skip

    return _made(draw, "samples of one time", events)


STREAMS = (
    *(stream_held, stream_without_times, stream_in_time, stream_backlog),
    *(stream_of_others_times, stream_of_samples),
)
