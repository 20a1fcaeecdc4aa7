"""The example of docs/alternatives.md, as what the model takes: heads, packets, messages."""

import dataclasses

import numpy as np

from analyzer.alternatives._schedule import Schedule
from analyzer.alternatives.conversations import Conversations
from analyzer.alternatives.evidence import MEASURED, Ended
from analyzer.alternatives.heads import Heads
from analyzer.alternatives.packets import WIRE
from analyzer.alternatives.roles import Envelope, Pair
from analyzer.columns import NULL

MS = 1_000_000
CLIENT, SERVER = 0, 1
SAID = [(SERVER, 500, 100), (SERVER, 700, 100), (SERVER, 4200, 100), (CLIENT, 5000, 50)]
"""(sender, ms since the opening, payload bytes); each in a packet of its own."""

HEADS = Heads(
    poll=Pair(300, 150, (200, 20), (90, 12)),
    long_poll=Pair(300, 150, (200, 20), (90, 12)),
    stream=Pair(310, 170, (0, 0), (0, 0)),
    sse=Pair(320, 180, (210, 21), (95, 13)),
    post=Pair(350, 100, (230, 25), (60, 11)),
    body=Envelope(1, 1, 2),
    long_body=Envelope(1, 1, 2),
    chunk=7,
    event=14,
    post_body=0,
    upgrade=(400, 130),
    observed=frozenset(),
)


def heads(**changes):
    return dataclasses.replace(HEADS, **changes)


def wire_row(**changes):
    """MSS 1,448; header and pure ACK 66 bytes; pushes acknowledged; nothing lost; in the clear."""
    row = np.zeros(1, WIRE)
    row["mss"] = 1448
    for name in ("client_header", "server_header", "client_ack", "server_ack"):
        row[name] = 66
    row["push_acks"], row["bulk_acks"] = 1.0, 0.5
    row["again_packets"] = row["again_bytes"] = 1
    for name, value in changes.items():
        row[name] = value
    return row


def ended(
    said=SAID,
    duration=10_000,
    intervals=(1000,),
    gap=1,
    hold=30_000,
    wire=None,
    replies=None,
    kinds=None,
    buffered=None,
    **changes,
):
    """One connection that ended. Times in ms; `changes` are fields of Ended."""
    one = np.zeros(1, np.int64)
    wire = wire_row() if wire is None else wire
    schedule = Schedule([each * MS for each in intervals], buffered)
    schedule.open(one, one, one + gap * MS, hold * MS, wire["mss"].astype(np.int64))
    columns = list(zip(*said, strict=True)) or [(), (), ()]
    packets = np.arange(1, len(said) + 1)
    schedule.add(
        np.zeros(len(said), np.int32),
        np.array(columns[0], np.uint8),
        np.array(columns[1], np.int64) * MS,
        np.array(columns[2], np.int64),
        packets,
        packets,
        np.array(replies if replies is not None else [0] * len(said), np.uint8),
        np.array(kinds if kinds is not None else [0] * len(said), np.int64),
    )
    schedule.finish(one, one + duration * MS)
    shared = schedule.conversations_of(one)
    made = Ended(
        connection=one,
        session=one + NULL,
        hosts=["x.example"],
        heads=[HEADS],
        duration=one + duration * MS,
        shared=shared,
        lanes=schedule.lanes_of("lanes", one),
        sizes=schedule.lanes_of("sizes", one),
        delays=schedule.lanes_of("delays", one),
        latest=schedule.latest_of(one),
        buffer_ns=schedule.buffer_ranges_of(one),
        wire=wire,
        measured=np.zeros(1, MEASURED),
    )
    return dataclasses.replace(made, **changes)


def known(*, keep_alive=True, **arguments):
    """The same as the costs take it."""
    one = ended(**arguments)
    return Conversations(
        duration=one.duration,
        shared=one.shared,
        lanes=one.lanes,
        sizes=one.sizes,
        delays=one.delays,
        wire=one.wire,
        heads=one.heads,
        latest=one.latest,
        buffer_ns=one.buffer_ns,
        keep_alive=keep_alive,
    )
