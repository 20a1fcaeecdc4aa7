"""Captures of healthy peers that look like a cause: no diagnosis is right of them.

Part of causes.py, which lists them. Nothing of the package under test.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable

from causes_talk import MS, S, Talk, Variant, begun, chat, joined
from causes_waits import window
from conversation import CLOSE, PING, PONG, TEXT, frame

START = 1_700_000_000 * S


def _without(talks: Iterable[Talk], begin: float, end: float) -> None:
    """Let the capture miss all packets of a time."""
    for talk in talks:
        talk.packets = [one for one in talk.packets if not begin <= one.time_ns < end]


# --- servers that are not blocked


def game(draw: random.Random, seed: int) -> Variant:
    """A server that tells all players the state at each tick, and answers nobody in between."""
    tick, end = draw.choice((0.3, 0.5, 1.0)) * S, START + 6 * S
    talks = []
    for number in range(11):
        talk = begun(number, draw.uniform(0, 0.5) * S)
        # Most players move all the time, so that the state is what follows at once; some wait.
        every, at = (30 if number < 8 else 700) * MS, START + tick
        while at < end:
            while talk.now + every < at:
                talk.wait(every * draw.uniform(0.7, 0.95)).text("client", "move")
            talk.wait(max(0, at + draw.uniform(0, 2) * MS - talk.now)).text("server", "state")
            at += tick
        talk.close()
        talks.append(talk)
    return joined(f"game, a tick each {tick / S} s", talks)


def room(draw: random.Random, seed: int) -> Variant:
    """Clients whose calls are answered at once; a notice that asks for no answer; news to all."""
    count, talks = draw.choice((5, 9)), []
    for number in range(count):
        talk = begun(number, draw.uniform(0, 1) * S)
        for _ in range(20):
            talk.wait(draw.uniform(50, 200) * MS).text("client", "question")
            talk.wait(1 * MS).text("server", "answer")
        if number < 3:
            talk.wait(START + draw.uniform(7.5, 8.4) * S - talk.now).text("client", "is typing")
        talk.wait(START + 9 * S + draw.uniform(0, 2) * MS - talk.now).text("server", "news")
        talk.close()
        talks.append(talk)
    return joined(f"room n={count}", talks)


def missed(draw: random.Random, seed: int) -> Variant:
    """A capture that misses half a second of all connections, in which servers did answer."""
    talks = []
    for number in range(draw.choice((4, 8, 20))):
        talk = begun(number, draw.uniform(0, 1) * S)
        while talk.now < START + 8 * S:
            talk.wait(draw.uniform(20, 160) * MS).text("client", "question")
            talk.wait(draw.uniform(0.3, 3) * MS).text("server", "answer")
        talk.close()
        talks.append(talk)
    _without(talks, START + 5 * S, START + draw.uniform(5.3, 6) * S)
    return joined("missed", talks)


def keepalives(draw: random.Random, seed: int) -> Variant:
    """Pings by a timer each, on connections without messages."""
    talks, every = [], draw.choice((1.0, 5.0, 25.0)) * S
    for number in range(6):
        talk = begun(number, draw.uniform(0, 1) * S)
        for count in range(8):
            talk.wait(every * draw.uniform(0.99, 1.01)).control("client", PING, b"%d" % count)
            talk.wait(draw.uniform(0.3, 60) * MS).control("server", PONG, b"%d" % count)
        talk.close()
        talks.append(talk)
    return joined(f"keepalives each {every / S} s", talks)


def one_slow_call(draw: random.Random, seed: int) -> Variant:
    """One answer that takes seconds, among calls that are answered at once."""
    talks = []
    for number in range(5):
        talk = begun(number, draw.uniform(0, 1) * S)
        for count in range(40):
            talk.wait(draw.uniform(50, 200) * MS).text("client", "question")
            talk.wait((2000 if (number, count) == (2, 20) else 1) * MS).text("server", "answer")
        talk.close()
        talks.append(talk)
    return joined("one slow call", talks)


# --- readers that read


def small_window(draw: random.Random, seed: int) -> Variant:
    """A device whose window is small by design, and never closed."""
    talk, size = begun(0, 0), draw.choice((1, 64, 536))
    for _ in range(20):
        talk.wait(draw.uniform(0.2, 2) * S)
        window(talk, "client", size).wait(20 * MS)
        talk.text("server", "x" * max(1, min(size - 4, 100)))
    talk.close()
    return joined(f"small window {size}", [talk])


def closed_in_the_middle(draw: random.Random, seed: int) -> Variant:
    """A capture that begins in the middle of a download to a client that reads in time."""
    talk = begun(0, 0)
    for _ in range(30):
        talk.wait(draw.uniform(0.2, 1) * S).text("server", "x" * 1200)
        window(talk, "client", 0).wait(draw.uniform(1, 9) * MS)
        window(talk, "client", 60).wait(0.2 * MS)
    talk.close()
    talk.packets = [one for one in talk.packets if one.time_ns > START + 4 * S]
    return joined("closed in the middle", [talk])


def missed_opening(draw: random.Random, seed: int) -> Variant:
    """A reader in time, in a capture that misses what opened its window, and what followed."""
    talk, all_later = begun(0, 0), draw.random() < 0.5
    for _ in range(3):
        talk.wait(draw.uniform(0.2, 1) * S).text("server", "x" * 1200)
    window(talk, "client", 0)
    shut, kept = talk.now, len(talk.packets)
    talk.wait(draw.uniform(1, 9) * MS)
    window(talk, "client", 64_000)
    for _ in range(20):
        talk.wait(draw.uniform(0.2, 1) * S).text("server", "x" * 1200)
    talk.close()
    if all_later:
        client = bytes(map(int, talk.client_ip.split(".")))
        talk.packets[kept:] = [one for one in talk.packets[kept:] if one.data[12:16] != client]
    else:
        _without([talk], shut, shut + draw.uniform(1.5, 4) * S)
    return joined(f"missed opening{', and all later' if all_later else ''}", [talk])


# --- frames that are whole


def torn_by_the_capture(draw: random.Random, seed: int) -> Variant:
    """Long messages of which the capture misses packets, begins or ends within."""
    talks = []
    for number in range(6):
        talk = begun(number, number * S)
        key = bytes(draw.randrange(256) for _ in range(4))
        for _ in range(6):
            talk.wait(draw.uniform(0.1, 0.5) * S)
            body = bytes(draw.randrange(256) for _ in range(draw.choice((300, 9000))))
            talk.send("client", frame(2, body, key=key))
            talk.wait(1 * MS).send("server", frame(2, body))
        talk.close()
        lost = draw.randrange(8, len(talk.packets) - 8)
        if number < 2:
            talk.packets = talk.packets[lost:]
        elif number < 4:
            talk.packets = talk.packets[:lost]
        else:
            del talk.packets[lost : lost + draw.randint(1, 4)]
        talks.append(talk)
    return joined("torn by the capture", talks)


def slow_write(draw: random.Random, seed: int) -> Variant:
    """A header, and its payload seconds later: slow, and whole."""
    talk = begun(0, 0)
    for _ in range(3):
        data = frame(TEXT, b"the payload of a message", key=b"\x12\x81\x7f\x01")
        talk.wait(1 * S).send("client", data[:6])
        talk.wait(draw.uniform(0.5, 3) * S).send("client", data[6:])
    talk.close()
    return joined("slow write", [talk])


# --- clients that come again


def jobs_of_the_server(draw: random.Random, seed: int) -> Variant:
    """One client with job after job; the server closes when it is done, without a code.

    RFC 6455 5.5.1: "The Close frame MAY contain a body"; `ws.close()` of many libraries has none.
    """
    talks, at = [], 0.0
    for number in range(draw.choice((6, 15))):
        talk = begun(number, at)
        talk.text("client", "job").wait(draw.uniform(0.1, 2) * S).text("server", "done")
        talk.control("server", CLOSE).control("client", CLOSE).finish("server")
        talks.append(talk)
        at = talk.now - START + draw.uniform(0.2, 5) * S
    return joined("jobs of the server", talks)


def deploy(draw: random.Random, seed: int) -> Variant:
    """Clients behind one address that a server sends away, one after the other: each comes back.

    As it drains: RFC 6455 7.4.1, "1001 indicates that an endpoint is going away".
    """
    talks = []
    for number in range(7):
        talk = begun(number, draw.uniform(0, 2) * S)
        chat(talk, draw)
        talk.wait(START + (20 + number) * S - talk.now)
        body = struct.pack(">H", 1001)
        talk.control("server", CLOSE, body).control("client", CLOSE, body).finish("server")
        again = begun(100 + number, talk.now - START + draw.uniform(0.1, 1) * S)
        chat(again, draw)
        again.wait(60 * S).close()
        talks += [talk, again]
    return joined("deploy", talks)


def missed_close(draw: random.Random, seed: int) -> Variant:
    """A client that closes each time, with a code; the capture misses its Close, not the answer."""
    talks, at = [], 0.0
    for number in range(7):
        talk = begun(number, at)
        chat(talk, draw)
        body, before = struct.pack(">H", 4000), len(talk.packets)
        talk.control("client", CLOSE, body).control("server", CLOSE, body).finish("server")
        del talk.packets[before]
        talks.append(talk)
        at = talk.now - START + draw.uniform(0.2, 5) * S
    return joined("missed close", talks)


def shared_address(draw: random.Random, seed: int) -> Variant:
    """Visitors behind one address, each of whom the server sends away once, by its rules."""
    talks, at = [], 0.0
    for number in range(8):
        talk = begun(number, at)
        talk.text("client", "guest").wait(draw.uniform(5, 20) * S).text("server", "time is over")
        body = struct.pack(">H", 1000) + b"bye"
        talk.control("server", CLOSE, body).control("client", CLOSE, body).finish("server")
        talks.append(talk)
        at = talk.now - START + draw.uniform(1, 30) * S
    return joined("shared address", talks)


# --- small messages


def in_answer(draw: random.Random, seed: int) -> Variant:
    """Small answers, each to a question of its own that came before it."""
    talk = begun(0, 0)
    for _ in range(900):
        talk.wait(draw.uniform(1, 4) * MS).text("client", "ask")
        talk.wait(draw.uniform(1, 4) * MS).text("server", "tell")
    talk.close()
    return joined("in answer", [talk])


def together(draw: random.Random, seed: int) -> Variant:
    """Small messages that a sender puts into one packet: they went together."""
    talk = begun(0, 0)
    for _ in range(120):
        talk.wait(draw.uniform(20, 60) * MS)
        talk.send("server", frame(TEXT, b"tick") * 12)
    talk.close()
    return joined("together", [talk])


HEALTHY = (
    *(game, room, missed, keepalives, one_slow_call),
    *(small_window, closed_in_the_middle, missed_opening, torn_by_the_capture, slow_write),
    *(jobs_of_the_server, deploy, missed_close, shared_address, in_answer, together),
)
