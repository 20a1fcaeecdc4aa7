"""Captures of ends whose cause is not a timer: resets of somebody else, Closes that nobody read.

Part of causes.py, which lists them. Nothing of the package under test.
"""

from __future__ import annotations

import random
import struct

from causes_talk import MS, S, Talk, Variant, begun, chat, joined, openings
from conversation import ACK, BINARY, CLOSE, FIN, RST, TEXT, Packet, checksum, frame


def _with_ttl(packet: Packet, ttl: int) -> None:
    """Let a packet have crossed another number of routers."""
    head = packet.data[:8] + bytes([ttl]) + packet.data[9:10] + b"\0\0" + packet.data[12:20]
    packet.data = head[:10] + struct.pack(">H", checksum(head)) + head[12:] + packet.data[20:]


def injected(draw: random.Random, seed: int) -> Variant:
    """A box on the path resets busy connections, in the name of either side."""
    by_ttl, talks = draw.random() < 0.6, []
    for number, at in enumerate(openings(draw, draw.choice((1, 2, 6)))):
        talk, side = begun(number, at), draw.choice(("client", "server"))
        chat(talk, draw)
        talk.wait(draw.uniform(0.1, 5) * S)
        talk.text(side)
        reset = talk.segment(side, flags=draw.choice((RST, RST | ACK)))
        if by_ttl:
            _with_ttl(reset, draw.choice((31, 50, 117, 242)))
        else:
            # Whose name it bears knows nothing of it, and goes on.
            talk.wait(draw.uniform(1, 300) * MS).text(side, "still talking")
        talks.append(talk)
    how = "another TTL" if by_ttl else "data behind it"
    return joined(f"injected, {how}, n={len(talks)}", talks, "reset-injected")


def own_reset(draw: random.Random, seed: int) -> Variant:
    """Programs that reset their own connections, over a route that changes by one router."""
    talks = []
    for number, at in enumerate(openings(draw, 5)):
        talk, side = begun(number, at), draw.choice(("client", "server"))
        chat(talk, draw)
        talk.wait(draw.uniform(0.1, 5) * S).text(side)
        first = talk.next[side]
        data = frame(TEXT, b"lost on the way", key=b"abcd" if side == "client" else None)
        reset = talk.wait(1 * S).segment(side, flags=RST | ACK)
        _with_ttl(reset, draw.choice((63, 64, 65)))
        if number == 1:
            # Sent before the reset, and overtaken by it.
            talk.packets[-1], talk.packets[-2] = talk.packets[-2], talk.packets[-1]
        if number == 2:
            # A copy of what was there already comes late.
            talk.segment(side, data, seq=first - len(data))
        talks.append(talk)
    return joined("own reset", talks)


def close_lost(draw: random.Random, seed: int) -> Variant:
    """A server that closes while its client sends: its RST destroys the Close under way."""
    code, talks = draw.choice((1001, 1008, 1009, 1011, 4000)), []
    for number, at in enumerate(openings(draw, draw.choice((1, 3)))):
        talk = begun(number, at)
        chat(talk, draw)
        talk.wait(draw.uniform(0.1, 2) * S)
        if draw.random() < 0.5:
            _closed_while_sending(talk, code)
        else:
            _closed_behind_fin(talk, code)
        talks.append(talk)
    return joined(f"close {code} lost, n={len(talks)}", talks, "close-lost")


def _closed_while_sending(talk: Talk, code: int) -> None:
    data = frame(BINARY, b"\x5a" * 9000, key=b"efgh")
    for start in range(0, 4 * 1460, 1460):
        talk.segment("client", data[start : start + 1460])
    talk.segment("server")
    close = frame(CLOSE, struct.pack(">H", code))
    talk.segment("server", close)
    talk.segment("server", flags=FIN | ACK)
    # These were under way when it closed: the socket is gone, so RST (RFC 9293 3.10.7.1).
    before = {"seq": talk.next["server"]}
    talk.next["server"] -= len(close) + 1
    for start in range(4 * 1460, 6 * 1460, 1460):
        talk.segment("client", data[start : start + 1460])
    for _ in range(2):
        talk.segment("server", flags=RST, **before)


def _closed_behind_fin(talk: Talk, code: int) -> None:
    talk.segment("client", flags=FIN | ACK)
    talk.wait(5 * MS).segment("server", frame(CLOSE, struct.pack(">H", code)))
    talk.segment("client", flags=RST)


def close_read(draw: random.Random, seed: int) -> Variant:
    """Closes that arrive, answered or not, some with a RST when all is over."""
    talks = []
    for number, at in enumerate(openings(draw, 4)):
        talk, body = begun(number, at), struct.pack(">H", draw.choice((1000, 1001, 1008)))
        chat(talk, draw)
        talk.wait(draw.uniform(0.1, 2) * S).control("server", CLOSE, body)
        if number % 2:
            talk.control("client", CLOSE, body)
        talk.finish("client")
        if number == 3:
            talk.segment("server", flags=RST | ACK)
        talks.append(talk)
    return joined("close read", talks)


def crossing_closes(draw: random.Random, seed: int) -> Variant:
    """Both sides close at the same moment: neither waits for an answer, and both have one."""
    talk = begun(0, 0)
    chat(talk, draw)
    codes = [draw.choice((1000, 1001, 4001)) for _ in range(2)]
    talk.segment("client", frame(CLOSE, struct.pack(">H", codes[0]), key=b"ijkl"))
    other = len(frame(CLOSE, b"12", key=b"ijkl"))
    talk.next["client"] -= other
    talk.segment("server", frame(CLOSE, struct.pack(">H", codes[1])))
    talk.next["client"] += other
    talk.finish("server")
    return joined("crossing closes", [talk])


ENDS = (injected, own_reset, close_lost, close_read, crossing_closes)
