"""Messages of a recorded connection, told again: in the clear, over HTTP/2, in TLS, with holes."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from oracle import http2, websocket
from oracle.captures import pcap
from oracle.http2 import CLIENT, SERVER, Step
from oracle.spoken import upgrade
from oracle.tls_ends import Pair, contexts

import analyzer

WORDS = ["message", "direction", "inner", "kind", "name", "id", "reply_to", "topic", "inner_items"]
CALLS = ["inner", "name", "caller", "outcome", "items", "request", "reply"]


class Told(NamedTuple):
    """What was said on one connection."""

    path: str
    subprotocol: str
    messages: list[tuple[int, int, bytes]]
    """Sender, opcode, payload."""

    def frames(self) -> list[tuple[int, bytes]]:
        return [
            (side, websocket.frame(opcode, payload, mask=http2.KEY if side == CLIENT else None))
            for side, opcode, payload in self.messages
        ]

    def steps(self) -> list[Step]:
        """Each message in a packet of its own, if it fits."""
        close = websocket.frame(8, websocket.close_body(1000), mask=http2.KEY)
        return [*upgrade(self.path, self.subprotocol), *self.frames(), (CLIENT, close)]


@cache
def recorded(path: Path) -> Told:
    """Read the connection of a capture that has most messages."""
    found = analyzer.analyze(path, payload="full", show_secrets=True, alternatives=False)
    connections, messages = found.connections, found.messages
    number = int(messages["connection"].value_counts().index[0])
    row = connections.set_index("connection").loc[number]
    said = [
        (
            CLIENT if each.direction == "client" else SERVER,
            1 if each.type == "text" else 2,
            bytes(each.payload),
        )
        for each in messages[messages["connection"] == number].itertuples()
    ]
    subprotocol = "" if pd.isna(row["subprotocol"]) else row["subprotocol"]
    return Told(row["path"], subprotocol, said)


def analysed(data: bytes, **options: Any) -> analyzer.Analysis:
    return analyzer.analyze(io.BytesIO(data), alternatives=False, diagnosis=False, **options)


def over_http2(told: Told) -> bytes:
    """Say it on stream 3, beside another WebSocket that nothing is said on (RFC 8441)."""
    talk = http2.Talk(initial_window_size=1 << 24)
    fields = {"sec_websocket_protocol": told.subprotocol} if told.subprotocol else {}
    talk.ends[SERVER].increment_flow_control_window(1 << 24)
    talk.flush(SERVER)
    talk.ends[CLIENT].increment_flow_control_window(1 << 24)
    talk.flush(CLIENT)
    talk.connect(1)
    talk.accept(1)
    talk.connect(3, told.path, **fields)
    talk.accept(3, **fields)
    for side, frame in told.frames():
        for at in range(0, len(frame), 16_000):
            talk.send(side, 3, frame[at : at + 16_000])
            talk.ends[1 - side].increment_flow_control_window(16_000, 3)
            talk.flush(1 - side)
    talk.close(3)
    return http2.capture(talk.steps)


def in_tls(told: Told, folder: Path) -> tuple[bytes, Path]:
    """Say it in TLS 1.3 between two ends of Python's ssl; return capture and key log."""
    log = folder / "told.keys"
    client, server = contexts(folder)
    client.keylog_filename = str(log)
    pair = Pair(client, server)
    for side, data in told.steps():
        assert isinstance(data, bytes)
        pair.write(side, data)
    client.keylog_filename = None
    return http2.capture(pair.turns), log


def packets_of(steps: list[Step]) -> list[tuple[int | None, int, bytes, int]]:
    """Packets of a conversation: number of their step (None: ACKs and the like), time, bytes."""
    found = []
    times = {time for time, _, _ in http2.segments(steps)}
    assert len(times) == len(http2.segments(steps))
    before = 3
    for number, step in enumerate(steps):
        count = len(http2.segments([step], syn=False, fin=False))
        found += [(number, before + place) for place in range(count)]
        before += count
    step_of = {place: number for number, place in found}
    return [(step_of.get(place), *packet) for place, packet in enumerate(http2.segments(steps))]


def without(told: Told, first: int, last: int) -> bytes:
    """Leave out the packets with the messages `first` to `last`, and their acknowledgements."""
    steps = told.steps()
    gone = range(2 + first, 2 + last + 1)
    return pcap(
        [packet for step, *packet in packets_of(steps) if step not in gone], nanoseconds=True
    )


def from_the_middle(told: Told, first: int) -> bytes:
    """Begin with message `first`: handshake and all before were not captured."""
    kept = [
        packet for step, *packet in packets_of(told.steps()) if step is None or step >= 2 + first
    ]
    # SYN, SYN-ACK and ACK have no step.
    return pcap(kept[3:], nanoseconds=True)


def words(found: analyzer.Analysis) -> list[tuple[Any, ...]]:
    """What each message says, by number in its connection; of the connection with most."""
    return _rows(found.messages, WORDS)


def calls(found: analyzer.Analysis) -> list[tuple[Any, ...]]:
    return _rows(found.calls, CALLS)


def _rows(frame: pd.DataFrame, names: list[str]) -> list[tuple[Any, ...]]:
    chosen = frame[names].astype(object)
    return [tuple(row) for row in chosen.where(chosen.notna(), None).itertuples(index=False)]
