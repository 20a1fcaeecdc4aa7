"""Captures of known causes, with their parameters varied: what diagnosis is measured by.

Each variant says which ids are right; all others are false. Seeds from 0 on are for looking at
while rules are written; docs/confusion.py also takes others, which nobody looked at. Deterministic;
nothing of the package under test. Used by docs/confusion.py and by tests.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

from causes_bytes import BYTES
from causes_ends import ENDS
from causes_healthy import HEALTHY
from causes_opening import OPENING
from causes_talk import MS, S, Variant, begun, chat, joined, openings
from causes_waits import (
    always_slow,
    blocked,
    chatty,
    collecting_hop,
    does_not_read,
    hop,
    nagle,
    quiet_room,
    reads_in_time,
    slow_calls,
    slow_reply,
    steady,
    waits_itself,
)
from conversation import ACK, CLOSE, PING, PONG, RST, TEXT, frame

# --- timers


def idle(draw: random.Random, seed: int) -> Variant:
    """A proxy ends connections T after the last byte of the server, or of both."""
    T = 3 * (400 / 3) ** draw.random()
    count = draw.choice((2, 3, 6, 20, 60, 200))
    jitter = draw.choice((0.0, 0.002, 0.01))
    speaks = draw.random() < 0.5
    talks = []
    for number, at in enumerate(openings(draw, count)):
        talk = begun(number, at)
        chat(talk, draw)
        talk.text("server")
        left = T * (1 + draw.uniform(0, jitter)) * S
        if speaks:
            part = draw.uniform(0.1, 0.9) * left
            talk.wait(part).text("client")
            left -= part
        talk.wait(left)
        talk.finish("server")
        talks.append(talk)
    return joined(f"idle T={T:.1f} n={count} jitter={jitter}", talks, "idle-timeout")


def idle_with_loss(draw: random.Random, seed: int) -> Variant:
    """The same, with messages held up by loss beside it."""
    T = draw.choice((5, 30, 60, 100))
    talks = []
    for number, at in enumerate(openings(draw, 5)):
        talk = begun(number, at)
        chat(talk, draw)
        talk.late_text("client", draw.uniform(0.03, 0.3) * S).text("server")
        talk.wait(T * S).finish("server")
        talks.append(talk)
    return joined(f"idle T={T} with loss", talks, "idle-timeout", "late-by-loss")


def lifetime(draw: random.Random, seed: int) -> Variant:
    """Something ends busy connections at the same age."""
    T = 20 * (400 / 20) ** draw.random()
    count = draw.choice((2, 6, 20))
    talks = []
    for number, at in enumerate(openings(draw, count)):
        talk = begun(number, at)
        end = talk.now + T * S
        while talk.now < end - 2 * S:
            talk.wait(draw.uniform(0.3, 1.6) * S)
            talk.text("client").text("server")
        talk.wait(end - talk.now).finish("server")
        talks.append(talk)
    return joined(f"lifetime T={T:.1f} n={count}", talks, "lifetime-limit")


def people(draw: random.Random, seed: int) -> Variant:
    """Connections that end when somebody is done with them: no timer."""
    count = draw.choice((2, 5, 20, 60, 200))
    talks = []
    for number, at in enumerate(openings(draw, count)):
        talk = begun(number, at)
        chat(talk, draw)
        talk.wait(3 * (400 / 3) ** draw.random() * S).finish("client")
        talks.append(talk)
    return joined(f"people n={count}", talks)


def restart(draw: random.Random, seed: int) -> Variant:
    """A feed to all, and a server that stops: equal silences, no timer."""
    count = draw.choice((3, 20, 60))
    opened = list(openings(draw, count))
    stop = (opened[-1] + draw.uniform(20, 60) * S) + 1_700_000_000 * S
    last = stop - draw.uniform(3, 9) * S
    talks = []
    for number, at in enumerate(opened):
        talk = begun(number, at)
        talk.wait(last + number * 0.2 * MS - talk.now).text("server")
        talk.wait(stop + number * 0.2 * MS - talk.now).finish("server")
        talks.append(talk)
    return joined(f"restart n={count}", talks)


# --- ends


def vanished(draw: random.Random, seed: int) -> Variant:
    """The client vanishes; the server sends a ping again and again."""
    talk = begun(0, 0)
    chat(talk, draw)
    for number in range(draw.randint(1, 4)):
        talk.wait(10 * S).control("server", PING, b"%d" % number)
        talk.control("client", PONG, b"%d" % number)
    talk.wait(10 * S)
    ping = frame(PING, b"last")
    first = talk.next["server"]
    talk.segment("server", ping)
    wait = 0.2
    for _ in range(draw.randint(5, 9)):
        talk.wait(wait * S).segment("server", ping, seq=first)
        wait *= 2
    other = begun(1, talk.now - 1_700_000_000 * S + 700 * S)
    other.text("client")
    return joined("vanished", [talk, other], "peer-vanished")


def hangs(draw: random.Random, seed: int) -> Variant:
    """A ping that TCP acknowledges and nobody answers; Close 1011 after the time-out."""
    wait = draw.choice((5, 10, 20, 60))
    talk = begun(0, 0)
    chat(talk, draw)
    talk.control("server", PING, b"abcd").wait(wait * S)
    talk.control("server", CLOSE, struct.pack(">H", 1011) + b"keepalive ping timeout")
    talk.wait(1 * S).segment("server", flags=RST | ACK)
    return joined(f"hangs {wait} s", [talk], "ping-unanswered")


def closes(draw: random.Random, seed: int) -> Variant:
    """Clean closes, one right behind a ping: nothing is wrong."""
    talks = []
    for number, at in enumerate(openings(draw, draw.choice((1, 4, 9)))):
        talk = begun(number, at)
        chat(talk, draw)
        talk.wait(draw.uniform(0.1, 60) * S)
        talk.control("server", PING, b"late").close()
        talks.append(talk)
    return joined("closes", talks)


def storm(draw: random.Random, seed: int) -> Variant:
    """One client, thrown out each time, with a wait between."""
    count, every = draw.choice((6, 15, 40)), draw.uniform(0.2, 20)
    talks, at = [], 0.0
    for number in range(count):
        talk = begun(number, at)
        talk.text("client").wait(draw.uniform(5, 60) * MS)
        body = struct.pack(">H", 1008) + b"token expired"
        talk.control("server", CLOSE, body).control("client", CLOSE, body[:2]).finish("server")
        talks.append(talk)
        at += every * S
    return joined(f"storm n={count} every={every:.1f}", talks, "reconnect-storm")


def jobs(draw: random.Random, seed: int) -> Variant:
    """One client that comes again and again, and is done each time: no storm."""
    talks, at = [], 0.0
    for number in range(draw.choice((6, 15, 40))):
        talk = begun(number, at)
        chat(talk, draw)
        talk.close()
        talks.append(talk)
        at = talk.now - 1_700_000_000 * S + draw.uniform(0.2, 20) * S
    return joined("jobs", talks)


def loss(draw: random.Random, seed: int) -> Variant:
    """Messages held up by a hole, seen at the receiver."""
    talk = begun(0, 0)
    side = draw.choice(("client", "server"))
    for _ in range(draw.randint(1, 5)):
        talk.wait(1 * S).text("client")
        talk.late_text(side, draw.uniform(0.03, 0.4) * S)
    talk.close()
    return joined(f"loss by the {side}", [talk], "late-by-loss")


def reordered(draw: random.Random, seed: int) -> Variant:
    """Segments that overtake each other by a millisecond: nobody notices."""
    talk = begun(0, 0)
    for _ in range(5):
        talk.wait(1 * S).late_text(draw.choice(("client", "server")), draw.uniform(0.1, 3) * MS)
    talk.close()
    return joined("reordered", [talk])


def forgotten(draw: random.Random, seed: int) -> Variant:
    """A balancer forgot silent flows: RST to the first data behind the silence."""
    T = draw.choice((60, 350, 600, 1800))
    talks = []
    for number, at in enumerate(openings(draw, draw.choice((1, 3)))):
        talk = begun(number, at)
        chat(talk, draw)
        talk.wait(T * draw.uniform(1.1, 2.5) * S)
        talk.segment("client", frame(TEXT, b"still there?", key=b"abcd"))
        talk.wait(20 * MS).segment("server", flags=RST)
        talks.append(talk)
    return joined(f"forgotten after {T} s", talks, "idle-entry-lost")


def reset_while_busy(draw: random.Random, seed: int) -> Variant:
    """A server that resets busy connections: no flow was forgotten."""
    talk = begun(0, 0)
    for _ in range(9):
        talk.wait(draw.uniform(0.5, 9) * S).text("client").text("server")
    talk.segment("client", frame(TEXT, b"one more", key=b"abcd"))
    talk.wait(20 * MS).segment("server", flags=RST)
    return joined("reset while busy", [talk])


def unused(draw: random.Random, seed: int) -> Variant:
    """Connections that their client ends right behind the 101."""
    talks = []
    for number, at in enumerate(openings(draw, draw.choice((3, 8)))):
        talk = begun(number, at)
        talk.wait(draw.uniform(1, 300) * MS).finish("client")
        talks.append(talk)
    return joined("unused", talks, "closed-unused")


# --- several causes at once


def idle_beside_others(draw: random.Random, seed: int) -> Variant:
    """An idle time-out, a client that is thrown out again and again, and one that hangs."""
    T = 3 * (400 / 3) ** draw.random()
    talks = []
    for number, at in enumerate(openings(draw, 6)):
        talk = begun(number, at)
        chat(talk, draw)
        talk.text("server").wait(T * S).finish("server")
        talks.append(talk)
    for number in range(7):
        talk = begun(100 + number, (3 + 2.5 * number) * S)
        talk.client_ip = "10.1.0.77"
        talk.packets.clear()
        talk.now = 1_700_000_000 * S + round((3 + 2.5 * number) * S)
        talk.next = dict(talk.isn)
        talk.upgrade(path="/ws")
        talk.text("client").wait(20 * MS).control("server", CLOSE, struct.pack(">H", 1013))
        talk.control("client", CLOSE, struct.pack(">H", 1013)).finish("server")
        talks.append(talk)
    hung = begun(200, 5 * S)
    hung.control("server", PING, b"abcd").wait(12.3 * S)
    hung.control("server", CLOSE, struct.pack(">H", 1011)).wait(1 * S)
    hung.segment("server", flags=RST | ACK)
    right = ("idle-timeout", "reconnect-storm", "ping-unanswered")
    return joined(f"idle T={T:.1f} beside two causes", [*talks, hung], *right)


MAKERS: tuple[Callable[[random.Random, int], Variant], ...] = (
    *(idle, idle_with_loss, lifetime, people, restart, vanished, hangs, closes, storm, jobs),
    *(loss, reordered, forgotten, reset_while_busy, unused, idle_beside_others),
    *(blocked, slow_calls, quiet_room, does_not_read, reads_in_time, nagle, waits_itself),
    *(chatty, steady, hop, collecting_hop),
    *(slow_reply, always_slow),
    *(*ENDS, *OPENING, *BYTES),
    *HEALTHY,
)


def variants(seeds: range) -> Iterator[Variant]:
    """Yield each maker's variant for each seed."""
    for maker in MAKERS:
        for seed in seeds:
            yield maker(random.Random(f"{maker.__name__} {seed}"), seed)
