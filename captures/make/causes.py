"""Captures of known causes, with their parameters varied: what diagnosis is measured by.

Each variant says which ids are right; all others are false. Seeds from 0 on are for looking at
while rules are written; docs/confusion.py also takes others, which nobody looked at. Deterministic;
nothing of the package under test. Used by docs/confusion.py and by tests.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from conversation import (
    ACK,
    CLOSE,
    PING,
    PONG,
    RST,
    TEXT,
    Conversation,
    Packet,
    frame,
    ip_packet,
    pcap,
    request,
    response,
    tcp_segment,
)

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
    count = draw.choice((2, 3, 6, 20, 60, 200))
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
    count = draw.choice((2, 5, 20, 60, 200))
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
    last = stop - draw.uniform(3, 9) * S
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


# --- several causes at once


def idle_beside_others(draw: random.Random, seed: int) -> Variant:
    """An idle time-out, a client that is thrown out again and again, and one that hangs."""
    T = 3 * (400 / 3) ** draw.random()
    talks = []
    for number, at in enumerate(_opened(draw, 6)):
        talk = _talk(number, at)
        _chat(talk, draw)
        talk.text("server").wait(T * S).finish("server")
        talks.append(talk)
    for number in range(7):
        talk = _talk(100 + number, (3 + 2.5 * number) * S)
        talk.client_ip = "10.1.0.77"
        talk.packets.clear()
        talk.now = 1_700_000_000 * S + round((3 + 2.5 * number) * S)
        talk.next = dict(talk.isn)
        talk.upgrade(path="/ws")
        talk.text("client").wait(20 * MS).control("server", CLOSE, struct.pack(">H", 1013))
        talk.control("client", CLOSE, struct.pack(">H", 1013)).finish("server")
        talks.append(talk)
    hung = _talk(200, 5 * S)
    hung.control("server", PING, b"abcd").wait(12.3 * S)
    hung.control("server", CLOSE, struct.pack(">H", 1011)).wait(1 * S)
    hung.segment("server", flags=RST | ACK)
    right = ("idle-timeout", "reconnect-storm", "ping-unanswered")
    return _joined(f"idle T={T:.1f} beside two causes", [*talks, hung], *right)


# --- servers and readers


def _asking(
    talk: Talk, draw: random.Random, until: float, blocks: list[tuple[float, float]]
) -> None:
    """Ask and be answered at once, but for what waits until the end of a block."""
    while talk.now < until:
        talk.wait(draw.uniform(20, 160) * MS).text("client", "question")
        talk.wait(draw.uniform(0.3, 3) * MS)
        for begin, end in blocks:
            if begin <= talk.now < end:
                talk.wait(end - talk.now + draw.uniform(0, 4) * MS)
        talk.text("server", "answer")


def blocked(draw: random.Random, seed: int) -> Variant:
    """A server whose loop is blocked now and then; its kernel acknowledges."""
    count, length = draw.choice((4, 8, 20)), draw.choice((0.25, 0.4, 1.0, 3.0)) * S
    start = 1_700_000_000 * S
    blocks = [(start + at * S, start + at * S + length) for at in (3, 8)][: draw.choice((1, 2))]
    talks = []
    for number in range(count):
        talk = _talk(number, draw.uniform(0, 1) * S)
        _asking(talk, draw, start + 12 * S, blocks)
        talk.close()
        talks.append(talk)
    return _joined(f"blocked n={count} for {length / S} s", talks, "server-stall")


def slow_calls(draw: random.Random, seed: int) -> Variant:
    """A server some of whose calls take long, each by itself: others are answered meanwhile."""
    count, start = draw.choice((4, 8, 20)), 1_700_000_000 * S
    talks = []
    for number in range(count):
        talk = _talk(number, draw.uniform(0, 1) * S)
        begin = start + draw.uniform(3, 9) * S
        length = draw.uniform(0.25, 0.9) * S
        _asking(talk, draw, start + 12 * S, [(begin, begin + length)])
        talk.close()
        talks.append(talk)
    return _joined(f"slow calls n={count}", talks)


def quiet_room(draw: random.Random, seed: int) -> Variant:
    """A chat whose members hear nothing for a while, and then all of them one message."""
    count, start = draw.choice((4, 8, 20)), 1_700_000_000 * S
    talks = []
    for number in range(count):
        talk = _talk(number, draw.uniform(0, 3) * S)
        talk.wait(draw.uniform(0.1, 2) * S).text("client", "hello all")
        for at in (9, 11, 20):
            talk.wait(start + at * S + draw.uniform(0, 2) * MS - talk.now).text("server")
        talk.close()
        talks.append(talk)
    return _joined(f"quiet room n={count}", talks)


def window(talk: Talk, side: str, size: int) -> Talk:
    """Let a side announce a window."""
    other = "server" if side == "client" else "client"
    ips, ports = [talk.client_ip, talk.server_ip], [talk.client_port, talk.server_port]
    if side == "server":
        ips, ports = ips[::-1], ports[::-1]
    body = tcp_segment(
        *ips, (ports[0], ports[1]), talk.next[side], talk.next[other], ACK, window=size
    )
    talk.packets.append(Packet(talk.now, ip_packet(*ips, 6, body, len(talk.packets) + 1)))
    talk.now += talk.step_ns
    return talk


def does_not_read(draw: random.Random, seed: int) -> Variant:
    """A client whose window is closed now and then; the server goes on as soon as it opens."""
    talk, pause = _talk(0, 0), draw.choice((0.3, 1.0, 5.0, 40.0))
    for _ in range(draw.randint(1, 5)):
        talk.wait(draw.uniform(0.5, 3) * S).text("server", "x" * 1000)
        window(talk, "client", 0).wait(pause * S)
        window(talk, "client", 64_000).wait(0.2 * MS)
        talk.text("server", "what waited")
    talk.close()
    return _joined(f"does not read for {pause} s", [talk], "slow-reader")


def reads_in_time(draw: random.Random, seed: int) -> Variant:
    """Windows that close for milliseconds: flow control at work."""
    talk = _talk(0, 0)
    for _ in range(draw.randint(3, 9)):
        talk.wait(draw.uniform(0.5, 3) * S).text("server", "x" * 1000)
        window(talk, "client", 0).wait(draw.uniform(0.5, 12) * MS)
        window(talk, "client", 64_000).wait(0.2 * MS)
        talk.text("server", "what waited")
    talk.close()
    return _joined("reads in time", [talk])


# --- small segments


def two_writes(talk: Talk, wait: float, ack: float, way: float) -> None:
    """Send header and payload apart: the ACK of the header after `ack`, then the payload."""
    data = frame(TEXT, b"the payload of an answer")
    talk.segment("server", data[:2], ACK)
    talk.wait(ack).segment("client")
    talk.wait(wait + way).segment("server", data[2:], ACK)
    talk.wait(1 * MS).segment("client")


def nagle(draw: random.Random, seed: int) -> Variant:
    """Header and payload in two writes, Nagle's algorithm, an ACK that is delayed."""
    talk, delay = _talk(0, 0), draw.choice((40, 100, 200)) * MS
    for _ in range(draw.randint(4, 20)):
        talk.wait(draw.uniform(0.3, 2) * S).text("client")
        two_writes(talk, 0.2 * MS, delay + draw.uniform(0, 2) * MS, 0)
    talk.close()
    return _joined(f"nagle, ACK after {delay / MS} ms", [talk], "nagle-delayed-ack")


def waits_itself(draw: random.Random, seed: int) -> Variant:
    """Header and payload in two writes, a program that waits between them, ACKs at once."""
    talk, delay = _talk(0, 0), draw.uniform(30, 220) * MS
    for _ in range(draw.randint(4, 20)):
        talk.wait(draw.uniform(0.3, 2) * S).text("client")
        two_writes(talk, delay, 0.1 * MS, 0)
    talk.close()
    return _joined(f"waits itself for {delay / MS:.0f} ms", [talk])


def chatty(draw: random.Random, seed: int) -> Variant:
    """Small messages each few milliseconds."""
    talk, side = _talk(0, 0), draw.choice(("client", "server"))
    for _ in range(draw.randint(700, 1000)):
        talk.wait(draw.uniform(1, 7) * MS).text(side, "tick")
    talk.close()
    return _joined(f"chatty {side}", [talk], "chatty")


def steady(draw: random.Random, seed: int) -> Variant:
    """Small messages at the pace of a screen, or in turn."""
    talk, turns = _talk(0, 0), draw.random() < 0.5
    for number in range(700):
        talk.wait((draw.uniform(1, 7) if turns else draw.uniform(14, 20)) * MS)
        talk.text("client" if turns and number % 2 else "server", "tick")
    talk.close()
    return _joined("steady, in turn" if turns else "steady", [talk])


# --- hops


def _legs(draw: random.Random) -> tuple[Talk, Talk]:
    near, far = (Talk(start_ns=1_700_000_000 * S) for _ in range(2))
    near.server_ip, far.client_ip, far.server_ip = "10.1.0.9", "10.1.0.9", "10.1.0.2"
    near.open()
    far.now = near.now
    far.open()
    near.now = far.now
    # The proxy asks behind it, and answers when it was answered.
    near.client(request(path="/ws"))
    far.now = near.now
    far.client(request(path="/ws")).wait(1 * MS)
    far.server(response())
    near.now = far.now
    near.server(response())
    far.now = near.now
    return near, far


def hop(draw: random.Random, seed: int) -> Variant:
    """A proxy that hands everything on at once: two legs, and nothing else."""
    near, far = _legs(draw)
    for number in range(30):
        far.wait(draw.uniform(25, 60) * MS).text("server", f"tick {number}")
        near.now = far.now + round(draw.uniform(0.05, 3) * MS)
        near.text("server", f"tick {number}")
    return _joined("hop", [near, far], "two-legs")


def collecting_hop(draw: random.Random, seed: int) -> Variant:
    """A proxy that lets go what it has each so often."""
    near, far = _legs(draw)
    every = draw.choice((0.15, 0.5, 2.0)) * S
    lets_go, waiting = far.now + every, []
    for number in range(60):
        far.wait(draw.uniform(25, 60) * MS).text("server", f"tick {number}")
        waiting.append(f"tick {number}")
        if far.now >= lets_go:
            near.now = far.now + round(1 * MS)
            near.step_ns = 10_000
            for words in waiting:
                near.text("server", words)
            lets_go, waiting = far.now + every, []
    return _joined(f"collecting hop {every / S} s", [near, far], "two-legs", "proxy-buffers")


MAKERS: tuple[Callable[[random.Random, int], Variant], ...] = (
    *(idle, idle_with_loss, lifetime, people, restart, vanished, hangs, closes, storm, jobs),
    *(loss, reordered, forgotten, reset_while_busy, unused, idle_beside_others),
    *(blocked, slow_calls, quiet_room, does_not_read, reads_in_time, nagle, waits_itself),
    *(chatty, steady, hop, collecting_hop),
)


def variants(seeds: range) -> Iterator[Variant]:
    """Yield each maker's variant for each seed."""
    for maker in MAKERS:
        for seed in seeds:
            yield maker(random.Random(f"{maker.__name__} {seed}"), seed)
