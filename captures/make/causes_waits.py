"""Captures of causes that make messages wait: servers, readers, small segments, hops.

Part of causes.py, which lists them. Nothing of the package under test.
"""

from __future__ import annotations

import json
import random

from causes_talk import MS, S, Talk, Variant, begun, joined
from conversation import ACK, TEXT, Packet, frame, ip_packet, request, response, tcp_segment

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
        talk = begun(number, draw.uniform(0, 1) * S)
        _asking(talk, draw, start + 12 * S, blocks)
        talk.close()
        talks.append(talk)
    return joined(f"blocked n={count} for {length / S} s", talks, "server-stall")


def slow_calls(draw: random.Random, seed: int) -> Variant:
    """A server some of whose calls take long, each by itself: others are answered meanwhile."""
    count, start = draw.choice((4, 8, 20)), 1_700_000_000 * S
    talks = []
    for number in range(count):
        talk = begun(number, draw.uniform(0, 1) * S)
        begin = start + draw.uniform(3, 9) * S
        length = draw.uniform(0.25, 0.9) * S
        _asking(talk, draw, start + 12 * S, [(begin, begin + length)])
        talk.close()
        talks.append(talk)
    return joined(f"slow calls n={count}", talks)


def quiet_room(draw: random.Random, seed: int) -> Variant:
    """A chat whose members hear nothing for a while, and then all of them one message."""
    count, start = draw.choice((4, 8, 20)), 1_700_000_000 * S
    talks = []
    for number in range(count):
        talk = begun(number, draw.uniform(0, 3) * S)
        talk.wait(draw.uniform(0.1, 2) * S).text("client", "hello all")
        for at in (9, 11, 20):
            talk.wait(start + at * S + draw.uniform(0, 2) * MS - talk.now).text("server")
        talk.close()
        talks.append(talk)
    return joined(f"quiet room n={count}", talks)


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
    talk, pause = begun(0, 0), draw.choice((0.3, 1.0, 5.0, 40.0))
    for _ in range(draw.randint(1, 5)):
        talk.wait(draw.uniform(0.5, 3) * S).text("server", "x" * 1000)
        window(talk, "client", 0).wait(pause * S)
        window(talk, "client", 64_000).wait(0.2 * MS)
        talk.text("server", "what waited")
    talk.close()
    return joined(f"does not read for {pause} s", [talk], "slow-reader")


def reads_in_time(draw: random.Random, seed: int) -> Variant:
    """Windows that close for milliseconds: flow control at work."""
    talk = begun(0, 0)
    for _ in range(draw.randint(3, 9)):
        talk.wait(draw.uniform(0.5, 3) * S).text("server", "x" * 1000)
        window(talk, "client", 0).wait(draw.uniform(0.5, 12) * MS)
        window(talk, "client", 64_000).wait(0.2 * MS)
        talk.text("server", "what waited")
    talk.close()
    return joined("reads in time", [talk])


# --- calls


def _calls(draw: random.Random, usual: float, slow: dict[int, float]) -> Talk:
    """Calls of JSON-RPC 2.0 in turn; each takes about `usual`, some take longer."""
    talk = begun(0, 0)
    for number in range(60):
        ask = {"jsonrpc": "2.0", "method": "orders.list", "params": [number], "id": number}
        talk.wait(draw.uniform(20, 300) * MS).text("client", json.dumps(ask))
        talk.wait(slow.get(number, usual * draw.uniform(0.7, 1.4)) * S)
        talk.text("server", json.dumps({"jsonrpc": "2.0", "result": [], "id": number}))
    talk.close()
    return talk


def slow_reply(draw: random.Random, seed: int) -> Variant:
    """Calls that are quick as a rule; a few take seconds."""
    usual = draw.choice((0.002, 0.02, 0.09))
    numbers = draw.sample(range(60), draw.randint(1, 5))
    slow = {number: draw.uniform(1.1, 9) for number in numbers}
    return joined(f"slow reply n={len(slow)}", [_calls(draw, usual, slow)], "slow-reply")


def always_slow(draw: random.Random, seed: int) -> Variant:
    """Calls that always take a second or two, or of which the slowest takes half a second."""
    if draw.random() < 0.5:
        return joined("always slow", [_calls(draw, draw.uniform(0.9, 1.5), {7: 4.0})])
    return joined("never slow", [_calls(draw, 0.01, {7: draw.uniform(0.3, 0.9)})])


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
    talk, delay = begun(0, 0), draw.choice((40, 100, 200)) * MS
    for _ in range(draw.randint(4, 20)):
        talk.wait(draw.uniform(0.3, 2) * S).text("client")
        two_writes(talk, 0.2 * MS, delay + draw.uniform(0, 2) * MS, 0)
    talk.close()
    return joined(f"nagle, ACK after {delay / MS} ms", [talk], "nagle-delayed-ack")


def waits_itself(draw: random.Random, seed: int) -> Variant:
    """Header and payload in two writes, a program that waits between them, ACKs at once."""
    talk, delay = begun(0, 0), draw.uniform(30, 220) * MS
    for _ in range(draw.randint(4, 20)):
        talk.wait(draw.uniform(0.3, 2) * S).text("client")
        two_writes(talk, delay, 0.1 * MS, 0)
    talk.close()
    return joined(f"waits itself for {delay / MS:.0f} ms", [talk])


def chatty(draw: random.Random, seed: int) -> Variant:
    """Small messages each few milliseconds."""
    talk, side = begun(0, 0), draw.choice(("client", "server"))
    for _ in range(draw.randint(700, 1000)):
        talk.wait(draw.uniform(1, 7) * MS).text(side, "tick")
    talk.close()
    return joined(f"chatty {side}", [talk], "chatty")


def steady(draw: random.Random, seed: int) -> Variant:
    """Small messages at the pace of a screen, or in turn."""
    talk, turns = begun(0, 0), draw.random() < 0.5
    for number in range(700):
        talk.wait((draw.uniform(1, 7) if turns else draw.uniform(14, 20)) * MS)
        talk.text("client" if turns and number % 2 else "server", "tick")
    talk.close()
    return joined("steady, in turn" if turns else "steady", [talk])


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
    return joined("hop", [near, far], "two-legs")


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
    return joined(f"collecting hop {every / S} s", [near, far], "two-legs", "proxy-buffers")
