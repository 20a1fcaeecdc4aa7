"""Conversations of HTTP/2 with faults: bytes changed, frames added, packets lost or swapped."""

from __future__ import annotations

import random

from oracle import websocket
from oracle.captures import pcap
from oracle.http2 import CLIENT, MS, SERVER, START, Step, Talk, segments

TIGHT = {
    "max_http2_streams": 2,
    "max_http2_frame_bytes": 60,
    "max_header_block_bytes": 50,
    "max_header_list_bytes": 200,
    "max_hpack_table_bytes": 4096,
    "max_early_bytes": 10,
    "max_held_head_bytes_total": 60,
    "max_probe_bytes": 100,
    "max_probe_bytes_total": 200,
    "resync_frames": 2,
    "max_http2_control_frames": 1,
}
"""Limits so small that most cases meet them."""


def sample() -> list[Step]:
    """Return a conversation with some of everything."""
    talk = Talk()
    talk.request(1, path="/a")
    talk.answer(1, b"x" * 3000, content_type="text/plain")
    talk.open(3)
    talk.frame(CLIENT, 3, 1, b"hello")
    talk.frame(SERVER, 3, 1, b"hi there" * 300)
    talk.open(5)
    talk.frame(CLIENT, 5, 2, b"abc")
    talk.frame(SERVER, 3, 9, b"p")
    talk.frame(CLIENT, 3, 10, b"p")
    two = websocket.frame(2, b"q" * 300) + websocket.frame(1, b"r" * 10)
    talk.send(SERVER, 5, two, pad=20)
    split = websocket.frame(2, b"z" * 300)
    for piece, pad in ((split[:1], 3), (split[1:50], None), (split[50:], 0)):
        talk.send(SERVER, 5, piece, pad)
    talk.connect(7)
    talk.answer(7, b"no", 403)
    talk.request(9, "POST", "/p?b=1", b"body" * 10)
    talk.answer(9, b"data: x\n\n", end=False, content_type="text/event-stream")
    for _ in range(3):
        talk.send(SERVER, 9, b"data: y\n\n")
    talk.close(3)
    talk.reset(CLIENT, 5, 8)
    return talk.steps


def mutated(chance: random.Random, steps: list[Step]) -> list[Step]:
    """Return the conversation with one to four faults."""
    said = [(side, bytearray(what)) for side, what in steps if isinstance(what, bytes)]
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(said))
        payload = said[place][1]
        fault = chance.randrange(8)
        if fault == 0 and payload:
            for _ in range(chance.randint(1, 5)):
                payload[chance.randrange(len(payload))] = chance.randrange(256)
        elif fault == 1 and payload:
            del payload[chance.randrange(len(payload)) :]
        elif fault == 2:
            side, again = chance.choice(said)
            said.insert(chance.randrange(len(said)), (side, bytearray(again)))
        elif fault == 3 and len(said) > 3:
            del said[place]
        elif fault == 4:
            at = chance.randrange(len(payload) + 1)
            payload[at:at] = chance.randbytes(chance.randint(1, 30))
        elif fault == 5 and payload:
            payload[chance.randrange(len(payload))] ^= 1 << chance.randrange(8)
        elif fault == 6:
            payload[0:0] = _frame(chance)
        elif len(payload) > 9:
            size = chance.randrange(1 << chance.choice([4, 8, 14, 24]))
            payload[0:3] = size.to_bytes(3, "big")
    return [(side, bytes(payload)) for side, payload in said if payload]


def _frame(chance: random.Random) -> bytes:
    size = chance.choice([0, 1, 4, 5, 6, 8, 9, 30])
    flags = chance.choice([0, 1, 4, 5, 8, 9, 0x2D, 255])
    stream = chance.choice([0, 1, 2, 3, 5, 7, 9, 11, 2**31 - 1])
    head = size.to_bytes(3, "big") + bytes((chance.randrange(12), flags))
    return head + stream.to_bytes(4, "big") + chance.randbytes(size)


def damaged(chance: random.Random, steps: list[Step]) -> bytes:
    """Return a capture of a conversation in which packets are lost, repeated, swapped or cut."""
    mss = chance.choice([1448, 1448, 3, 7, 20, 100, 50])
    packets = segments(
        steps,
        mss,
        syn=chance.random() < 0.9,
        acks=chance.random() < 0.8,
        fin=chance.random() < 0.8,
    )
    for _ in range(chance.choice([0, 0, 1, 2, 3])):
        if len(packets) > 4:
            del packets[chance.randrange(len(packets))]
    for _ in range(chance.choice([0, 0, 1, 4])):
        place = chance.randrange(len(packets))
        packets.insert(min(len(packets), place + chance.randint(0, 5)), packets[place])
    for _ in range(chance.choice([0, 0, 1, 4])):
        place = chance.randrange(len(packets) - 1)
        packets[place : place + 2] = packets[place : place + 2][::-1]
    kept = chance.choice([65_535, 65_535, 65_535, 60, 80, 100])
    packets = [
        (START + place * MS, packet[:kept], size) for place, (_, packet, size) in enumerate(packets)
    ]
    begin = chance.choice([0, 0, 0, 0, chance.randrange(len(packets))])
    return pcap(packets[begin:], nanoseconds=True)
