"""Captures of known causes, with their parameters varied: what diagnosis is measured by.

Each variant says which ids are right; all others are false. Half of the seeds are for looking at
while rules are written, the other half (odd seeds) stays unseen until the end. Deterministic;
nothing of the package under test. Used by docs/confusion.py and by tests.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from conversation import ACK, CLOSE, PING, PONG, RST, TEXT, Conversation, Packet, frame, pcap

S = 1_000_000_000
MS = 1_000_000


@dataclass(frozen=True)
class Variant:
    """One made capture: its name, its bytes, the ids that are right."""

    name: str
    pcap: bytes
    right: frozenset[str]


class Talk(Conversation):
    """A conversation whose clock can be set."""

    def wait(self, ns: float) -> Talk:
        """Let time pass."""
        self.now += round(ns)
        return self

    def text(self, side: str, words: str = "hello") -> Talk:
        """Send a text message."""
        key = b"\x11\x22\x33\x44" if side == "client" else None
        self.send(side, frame(TEXT, words.encode(), key=key))
        return self

    def control(self, side: str, opcode: int, payload: bytes = b"") -> Talk:
        """Send a control frame."""
        key = b"\x55\x66\x77\x88" if side == "client" else None
        self.send(side, frame(opcode, payload, key=key))
        return self

    def late_text(self, side: str, wait: float) -> Talk:
        """Lose the first of two segments on its way; it is sent again after `wait`."""
        data = frame(TEXT, b"x" * 2000, key=b"\x11\x22\x33\x44" if side == "client" else None)
        first = self.next[side]
        self.next[side] += 1460
        self.segment(side, data[1460:])
        self.wait(wait)
        self.segment(side, data[:1460], seq=first)
        self.segment("server" if side == "client" else "client")
        return self


def _talk(number: int, start: float) -> Talk:
    made = Talk(client_port=40_000 + number, start_ns=1_700_000_000 * S + round(start))
    made.isn = {"client": 1000 * number + 1, "server": 7_000_000 + 1000 * number}
    made.next = dict(made.isn)
    made.upgrade(path="/ws")
    return made


def _joined(name: str, talks: list[Talk], *right: str) -> Variant:
    packets: list[Packet] = sorted(
        (packet for talk in talks for packet in talk.packets), key=lambda packet: packet.time_ns
    )
    return Variant(name, pcap(packets, nanoseconds=True), frozenset(right))


def _opened(draw: random.Random, count: int) -> Iterator[float]:
    at = 0.0
    for _ in range(count):
        yield at
        at += draw.uniform(0.15, 8) * S


def _chat(talk: Talk, draw: random.Random, *, spare: str = "") -> None:
    for _ in range(draw.randint(1, 4)):
        talk.wait(draw.uniform(0.1, 1.9) * S)
        side = draw.choice(("client", "server"))
        talk.text(side if side != spare else "server")


# --- timers


def idle(draw: random.Random, seed: int) -> Variant:
    """A proxy ends connections T after the last byte of the server, or of both."""
    T = 3 * (400 / 3) ** draw.random()
    count = draw.choice((2, 3, 6, 20, 60))
    jitter = draw.choice((0.0, 0.002, 0.01))
    speaks = draw.random() < 0.5
    talks = []
    for number, at in enumerate(_opened(draw, count)):
        talk = _talk(number, at)
        _chat(talk, draw)
        talk.text("server")
        left = T * (1 + draw.uniform(0, jitter)) * S
        if speaks:
            part = draw.uniform(0.1, 0.9) * left
            talk.wait(part).text("client")
            left -= part
        talk.wait(left)
        talk.finish("server")
        talks.append(talk)
    return _joined(f"idle T={T:.1f} n={count} jitter={jitter}", talks, "idle-timeout")


def idle_with_loss(draw: random.Random, seed: int) -> Variant:
    """The same, with messages held up by loss beside it."""
    T = draw.choice((5, 30, 60, 100))
    talks = []
    for number, at in enumerate(_opened(draw, 5)):
        talk = _talk(number, at)
        _chat(talk, draw)
        talk.late_text("client", draw.uniform(0.03, 0.3) * S).text("server")
        talk.wait(T * S).finish("server")
        talks.append(talk)
    return _joined(f"idle T={T} with loss", talks, "idle-timeout", "late-by-loss")


def lifetime(draw: random.Random, seed: int) -> Variant:
    """Something ends busy connections at the same age."""
    T = 20 * (400 / 20) ** draw.random()
    count = draw.choice((2, 6, 20))
    talks = []
    for number, at in enumerate(_opened(draw, count)):
        talk = _talk(number, at)
        end = talk.now + T * S
        while talk.now < end - 2 * S:
            talk.wait(draw.uniform(0.3, 1.6) * S)
            talk.text("client").text("server")
        talk.wait(end - talk.now).finish("server")
        talks.append(talk)
    return _joined(f"lifetime T={T:.1f} n={count}", talks, "lifetime-limit")


def people(draw: random.Random, seed: int) -> Variant:
    """Connections that end when somebody is done with them: no timer."""
    count = draw.choice((2, 5, 20, 60))
    talks = []
    for number, at in enumerate(_opened(draw, count)):
        talk = _talk(number, at)
        _chat(talk, draw)
        talk.wait(3 * (400 / 3) ** draw.random() * S).finish("client")
        talks.append(talk)
    return _joined(f"people n={count}", talks)


def restart(draw: random.Random, seed: int) -> Variant:
    """A feed to all, and a server that stops: equal silences, no timer."""
    count = draw.choice((3, 20, 60))
    opened = list(_opened(draw, count))
    stop = (opened[-1] + draw.uniform(20, 60) * S) + 1_700_000_000 * S
    last = stop - draw.uniform(3, 15) * S
    talks = []
    for number, at in enumerate(opened):
        talk = _talk(number, at)
        talk.wait(last + number * 0.2 * MS - talk.now).text("server")
        talk.wait(stop + number * 0.2 * MS - talk.now).finish("server")
        talks.append(talk)
    return _joined(f"restart n={count}", talks)


# --- ends


def vanished(draw: random.Random, seed: int) -> Variant:
    """The client vanishes; the server sends a ping again and again."""
    talk = _talk(0, 0)
    _chat(talk, draw)
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
    other = _talk(1, talk.now - 1_700_000_000 * S + 700 * S)
    other.text("client")
    return _joined("vanished", [talk, other], "peer-vanished")


def hangs(draw: random.Random, seed: int) -> Variant:
    """A ping that TCP acknowledges and nobody answers; Close 1011 after the time-out."""
    wait = draw.choice((5, 10, 20, 60))
    talk = _talk(0, 0)
    _chat(talk, draw)
    talk.control("server", PING, b"abcd").wait(wait * S)
    talk.control("server", CLOSE, struct.pack(">H", 1011) + b"keepalive ping timeout")
    talk.wait(1 * S).segment("server", flags=RST | ACK)
    return _joined(f"hangs {wait} s", [talk], "ping-unanswered")


def closes(draw: random.Random, seed: int) -> Variant:
    """Clean closes, one right behind a ping: nothing is wrong."""
    talks = []
    for number, at in enumerate(_opened(draw, draw.choice((1, 4, 9)))):
        talk = _talk(number, at)
        _chat(talk, draw)
        talk.wait(draw.uniform(0.1, 60) * S)
        talk.control("server", PING, b"late").close()
        talks.append(talk)
    return _joined("closes", talks)


def storm(draw: random.Random, seed: int) -> Variant:
    """One client, thrown out each time, with a wait between."""
    count, every = draw.choice((6, 15, 40)), draw.uniform(0.2, 20)
    talks, at = [], 0.0
    for number in range(count):
        talk = _talk(number, at)
        talk.text("client").wait(draw.uniform(5, 60) * MS)
        body = struct.pack(">H", 1008) + b"token expired"
        talk.control("server", CLOSE, body).control("client", CLOSE, body[:2]).finish("server")
        talks.append(talk)
        at += every * S
    return _joined(f"storm n={count} every={every:.1f}", talks, "reconnect-storm")


def jobs(draw: random.Random, seed: int) -> Variant:
    """One client that comes again and again, and is done each time: no storm."""
    talks, at = [], 0.0
    for number in range(draw.choice((6, 15, 40))):
        talk = _talk(number, at)
        _chat(talk, draw)
        talk.close()
        talks.append(talk)
        at = talk.now - 1_700_000_000 * S + draw.uniform(0.2, 20) * S
    return _joined("jobs", talks)


def loss(draw: random.Random, seed: int) -> Variant:
    """Messages held up by a hole, seen at the receiver."""
    talk = _talk(0, 0)
    side = draw.choice(("client", "server"))
    for _ in range(draw.randint(1, 5)):
        talk.wait(1 * S).text("client")
        talk.late_text(side, draw.uniform(0.03, 0.4) * S)
    talk.close()
    return _joined(f"loss by the {side}", [talk], "late-by-loss")


def reordered(draw: random.Random, seed: int) -> Variant:
    """Segments that overtake each other by a millisecond: nobody notices."""
    talk = _talk(0, 0)
    for _ in range(5):
        talk.wait(1 * S).late_text(draw.choice(("client", "server")), draw.uniform(0.1, 3) * MS)
    talk.close()
    return _joined("reordered", [talk])


def forgotten(draw: random.Random, seed: int) -> Variant:
    """A balancer forgot silent flows: RST to the first data behind the silence."""
    T = draw.choice((60, 350, 600, 1800))
    talks = []
    for number, at in enumerate(_opened(draw, draw.choice((1, 3)))):
        talk = _talk(number, at)
        _chat(talk, draw)
        talk.wait(T * draw.uniform(1.1, 2.5) * S)
        talk.segment("client", frame(TEXT, b"still there?", key=b"abcd"))
        talk.wait(20 * MS).segment("server", flags=RST)
        talks.append(talk)
    return _joined(f"forgotten after {T} s", talks, "idle-entry-lost")


def reset_while_busy(draw: random.Random, seed: int) -> Variant:
    """A server that resets busy connections: no flow was forgotten."""
    talk = _talk(0, 0)
    for _ in range(9):
        talk.wait(draw.uniform(0.5, 9) * S).text("client").text("server")
    talk.segment("client", frame(TEXT, b"one more", key=b"abcd"))
    talk.wait(20 * MS).segment("server", flags=RST)
    return _joined("reset while busy", [talk])


def unused(draw: random.Random, seed: int) -> Variant:
    """Connections that their client ends right behind the 101."""
    talks = []
    for number, at in enumerate(_opened(draw, draw.choice((3, 8)))):
        talk = _talk(number, at)
        talk.wait(draw.uniform(1, 300) * MS).finish("client")
        talks.append(talk)
    return _joined("unused", talks, "closed-unused")


MAKERS: tuple[Callable[[random.Random, int], Variant], ...] = (
    *(idle, idle_with_loss, lifetime, people, restart, vanished, hangs, closes, storm, jobs),
    *(loss, reordered, forgotten, reset_while_busy, unused),
)


def variants(seeds: range) -> Iterator[Variant]:
    """Yield each maker's variant for each seed."""
    for maker in MAKERS:
        for seed in seeds:
            yield maker(random.Random(f"{maker.__name__} {seed}"), seed)
