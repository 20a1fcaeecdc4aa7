"""Records under a cipher that anybody can read, in rows of a stream; and what opens them.

A record's body is its number (4 bytes), the content turned byte by byte, its content type, and
3 bytes that prove it. All that tls.unwrapping asks of a Decryptor is here in a few lines.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from analyzer.capture.records import RecordBatch
from analyzer.columns import NULL, empty
from analyzer.tcp.bytestream import (
    CHUNK,
    CONNECTION,
    DATA,
    DIRECTION,
    FIN,
    GAP_LOST,
    PURE,
    StreamBatch,
)
from analyzer.tls.records import APPLICATION_DATA, HANDSHAKE

HEADER_BYTES = 66
PROOF = b"ok!"
OVERHEAD = 4 + 1 + len(PROOF)


def seal(number: int, content: bytes, kind: int = APPLICATION_DATA) -> bytes:
    """Return a record."""
    turned = bytes(byte ^ 0x5A for byte in content)
    body = number.to_bytes(4, "big") + turned + bytes((kind,)) + PROOF
    return bytes((APPLICATION_DATA, 3, 3)) + len(body).to_bytes(2, "big") + body


@dataclass
class FakeDecryptor:
    """Opens what `seal` made; waits until it is told that there are keys."""

    has_keys: bool = True
    client: object = None
    server: object = None
    cannot: str | None = None
    alpn: str | None = None
    early_data_accepted: bool | None = None
    asks: bool = False
    tickets: int = 0
    key_updates: list[int] = field(default_factory=lambda: [0, 0])
    finished_seen: list[bool] = field(default_factory=lambda: [False, False])
    failures: list[int] = field(default_factory=lambda: [0, 0])
    unread: list[int] = field(default_factory=lambda: [0, 0])
    alerts: list[tuple[int, int, int]] = field(default_factory=list)
    skipped: list[int] = field(default_factory=lambda: [0, 0])
    next: list[int] = field(default_factory=lambda: [0, 0])
    keeping: int = 0
    losing: list[bool] = field(default_factory=lambda: [False, False])

    def record(self, side, kind, version, body):
        if not self.has_keys:
            return None
        number = int.from_bytes(body[:4], "big")
        if body[-len(PROOF) :] != PROOF or (number != self.next[side] and not self.losing[side]):
            self.failures[side] += 1
            return None
        self.skipped[side] += number - self.next[side]
        self.next[side], self.losing[side] = number + 1, False
        content = bytes(byte ^ 0x5A for byte in body[4 : -len(PROOF) - 1])
        return body[-len(PROOF) - 1], 4, content

    @property
    def held(self):
        return self.keeping

    def let_go(self):
        self.keeping = 0

    def opener(self, side):
        return lambda kind, version, body: self.record(side, kind, version, body)

    def protection(self, side):
        return None

    def waits(self, side):
        return not self.has_keys

    def lost(self, side, at_least=0, at_most=None):
        self.losing[side] = True


@dataclass
class Traffic:
    """What two sides of connections sent, packet by packet."""

    rows: list[dict[str, int]] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    offsets: dict[int, int] = field(default_factory=dict)

    def _row(self, direction: int, kind: int, content: bytes, length: int) -> None:
        number = len(self.rows) + 1
        is_gap = kind == GAP_LOST
        self.rows.append(
            {
                "packet": number,
                "time": 1000 * number,
                "ready": 1000 * number,
                "offset": self.offsets.get(direction, 0),
                "acked": -1 if is_gap else self.offsets.get(direction ^ 1, 0),
                "direction": direction,
                "length": length,
                "span": length,
                "payload": 0 if is_gap else length,
                "header_bytes": 0 if is_gap else HEADER_BYTES,
                "wire": 0 if is_gap else HEADER_BYTES + length,
                "kind": kind,
            }
        )
        self.contents.append(content)
        self.offsets[direction] = self.offsets.get(direction, 0) + length

    def data(self, direction: int, content: bytes) -> None:
        self._row(direction, DATA, content, len(content))

    def gap(self, direction: int, length: int) -> None:
        self._row(direction, GAP_LOST, b"", length)

    def ack(self, direction: int) -> None:
        self._row(direction, PURE, b"", 0)

    def fin(self, direction: int) -> None:
        self._row(direction, FIN, b"", 0)

    def batch(self, begin: int, end: int, *, slots: int, last: bool) -> StreamBatch:
        records = RecordBatch()
        rows = np.zeros(end - begin, CHUNK)
        for place, number in enumerate(range(begin, end)):
            for name, value in self.rows[number].items():
                rows[place][name] = value
            rows[place]["start"] = records.append(self.contents[number])
        connections = empty(CONNECTION, slots)
        connections["syn_time"] = NULL
        ended = list(range(slots)) if last else []
        return StreamBatch(records, rows, connections, empty(DIRECTION, 2 * slots), ended=ended)


def streams(seed: int, sizes: dict[int, list[int]]) -> dict[int, tuple[list[bytes], list[bytes]]]:
    """Return records and contents by direction; content types change."""
    source = random.Random(seed)
    made = {}
    for direction, listed in sizes.items():
        contents = [source.randbytes(size) for size in listed]
        kinds = [HANDSHAKE if source.random() < 0.1 else APPLICATION_DATA for _ in listed]
        records = [
            seal(number, content, kind)
            for number, (content, kind) in enumerate(zip(contents, kinds, strict=True))
        ]
        shown = [c for c, kind in zip(contents, kinds, strict=True) if kind == APPLICATION_DATA]
        made[direction] = records, shown
    return made
