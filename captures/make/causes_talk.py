"""Conversations whose clock can be set, of which captures of known causes are made.

Used by causes.py and causes_waits.py. Nothing of the package under test.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from conversation import TEXT, Conversation, Packet, frame, pcap

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


def begun(number: int, start: float) -> Talk:
    made = Talk(client_port=40_000 + number, start_ns=1_700_000_000 * S + round(start))
    made.isn = {"client": 1000 * number + 1, "server": 7_000_000 + 1000 * number}
    made.next = dict(made.isn)
    made.upgrade(path="/ws")
    return made


def joined(name: str, talks: list[Talk], *right: str) -> Variant:
    packets: list[Packet] = sorted(
        (packet for talk in talks for packet in talk.packets), key=lambda packet: packet.time_ns
    )
    return Variant(name, pcap(packets, nanoseconds=True), frozenset(right))


def openings(draw: random.Random, count: int) -> Iterator[float]:
    at = 0.0
    for _ in range(count):
        yield at
        at += draw.uniform(0.15, 8) * S


def chat(talk: Talk, draw: random.Random, *, spare: str = "") -> None:
    for _ in range(draw.randint(1, 4)):
        talk.wait(draw.uniform(0.1, 1.9) * S)
        side = draw.choice(("client", "server"))
        talk.text(side if side != spare else "server")
