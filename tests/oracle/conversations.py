"""Stream batches made from conversations: what the tcp stage would hand on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from analyzer.capture.records import RecordBatch
from analyzer.columns import NULL, empty
from analyzer.tcp.bytestream import (
    CHUNK,
    CONNECTION,
    DATA,
    DIRECTION,
    END_CAPTURE,
    FIN,
    GAP_LOST,
    PURE,
    RESET,
    StreamBatch,
)

HEADER_BYTES = 66  # Ethernet 14, IPv4 20, TCP 20 and 12 of timestamps
START_TIME = 1_700_000_000_000_000_000
MILLISECOND = 1_000_000

Gap = int
"""Instead of bytes: so many bytes that were never captured."""

Step = tuple[int, bytes | Gap | str]
"""(side, payload), (side, bytes lost), or (side, "ack" | "fin" | "rst")."""

_CONTROL = {"ack": PURE, "fin": FIN, "rst": RESET}


def rows_of(
    conversation: Iterable[Step], slot: int = 0, first_packet: int = 1
) -> list[tuple[tuple, bytes]]:
    """Return (CHUNK row, payload) per step: one packet each, 1 ms apart."""
    offsets = [0, 0]
    rows = []
    for number, (side, what) in enumerate(conversation, first_packet):
        time = START_TIME + number * MILLISECOND
        kind, payload, length = DATA, b"", 0
        if isinstance(what, str):
            kind = _CONTROL[what]
        elif isinstance(what, int):
            kind, length = GAP_LOST, what
        else:
            payload, length = what, len(what)
        gap = kind == GAP_LOST
        rows.append(
            (
                (
                    *(number, time, time, offsets[side], offsets[1 - side], 0),
                    *(2 * slot + side, length, 0 if gap else length, 0),
                    *(0 if gap else HEADER_BYTES, 0 if gap else HEADER_BYTES + length),
                    *(kind, 16, length, 0, 0, 0, 0, 0, 0),
                ),
                payload,
            )
        )
        offsets[side] += length
    return rows


def batch_of(
    rows: Sequence[tuple[tuple, bytes]],
    slots: int = 1,
    ended: Sequence[int] = (),
    *,
    sides_known: bool = True,
) -> StreamBatch:
    """Return a StreamBatch of these rows."""
    records = RecordBatch()
    table = []
    for row, payload in rows:
        start = records.append(payload) if payload else 0
        table.append((*row[:5], start, *row[6:]))
    connections = empty(CONNECTION, slots)
    for name in ("syn_time", "synack_time", "established_time", "fin_time", "closed_time"):
        connections[name] = NULL
    connections["tcp_stream"] = np.arange(slots)
    connections["sides_known"] = sides_known
    connections["version"] = 4
    connections["fin_side"] = connections["reset_side"] = -1
    connections["end"] = END_CAPTURE
    connections["last_time"] = max((row[1] for row, _ in rows), default=START_TIME)
    for row, _ in rows:
        slot, side = row[6] >> 1, row[6] & 1
        name = {FIN: "fin_side", RESET: "reset_side"}.get(row[12])
        if name and connections[slot][name] < 0:
            connections[name][slot] = side
    return StreamBatch(
        records,
        np.array(table, dtype=CHUNK) if table else empty(CHUNK),
        connections,
        empty(DIRECTION, 2 * slots),
        list(range(slots)),
        list(ended),
    )


def stream(conversation: Iterable[Step], *, sides_known: bool = True) -> StreamBatch:
    """Return one whole connection, in slot 0, that ends with the capture."""
    return batch_of(rows_of(conversation), 1, [0], sides_known=sides_known)


def cut(
    conversation: Iterable[Step], places: Iterable[int], *, sides_known: bool = True
) -> list[StreamBatch]:
    """Return the same rows in several batches, cut before the rows at `places`."""
    rows = rows_of(conversation)
    bounds = [0, *sorted({place for place in places if 0 < place < len(rows)}), len(rows)]
    whole = batch_of(rows, 1, [0], sides_known=sides_known)
    batches = []
    for begin, end in pairwise(bounds):
        batch = batch_of(rows[begin:end], 1, [0] if end == len(rows) else [])
        batch.connections = whole.connections
        batches.append(batch)
    return batches
