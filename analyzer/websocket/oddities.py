"""Findings of the walk, in words, and which of a flood of them are reported.

Knows what the kernel notes of oddities and of a direction's end. Must not know connections'
bytes. Used by websocket.stage.
"""

from __future__ import annotations

import numpy as np

from analyzer import findings
from analyzer.columns import Rows
from analyzer.findings import KINDS, Finding, Kind
from analyzer.websocket import frames as layout
from analyzer.websocket.frames import Ending, Keys

STEPS_BY_CHANCE = 2
"""Masking keys at a constant step from the last: more of them are no chance."""
_BITS = {4: "RSV1", 2: "RSV2", 1: "RSV3"}


def oddity(kind: Kind, packet: int, frame: int, detail: int, direction: int, count: int) -> Finding:
    """Return the finding of one ODDITY row, which may represent several."""
    text: str | int = detail
    rfc = ""
    if kind is findings.WEBSOCKET_RSV:
        text = ", ".join(name for bit, name in _BITS.items() if detail & bit)
    elif kind is findings.WEBSOCKET_RSV1 and not detail:
        # Nobody negotiated compression: it is a reserved bit like the others.
        rfc = "RFC 6455 5.2"
    return Finding(kind, direction >> 1, packet, frame, text, count, direction, rfc)


def unfinished(end: Ending, direction: int) -> list[Finding]:
    """Return the finding for a frame or a message that the stream ends within."""
    at = (direction >> 1, end.packet)
    if end.mode == layout.PAYLOAD or end.header_read:
        missing = str(end.payload_left) if end.mode == layout.PAYLOAD else "header"
        # No row in `frames`, which holds whole ones.
        return [Finding(findings.WEBSOCKET_FRAME_CUT, *at, -1, missing, 1, direction)]
    if end.in_message:
        # Control frames may follow the last of its own.
        at = (direction >> 1, end.data_packet)
        kind = findings.WEBSOCKET_MESSAGE_UNFINISHED
        return [Finding(kind, *at, end.data_frame, "", 1, direction)]
    return []


def weak_keys(keys: Keys, end: Ending, direction: int) -> list[Finding]:
    """Return the finding for masking keys that are not random, at the first of them.

    "The masking key needs to be unpredictable" (RFC 6455 5.3). A key of zero leaves the
    payload as it is.
    """
    is_stepped = keys.stepped > STEPS_BY_CHANCE
    # A counter may begin with one.
    is_zero = keys.zero > 1
    if not (keys.repeated or is_zero or is_stepped):
        return []
    told = []
    if is_zero:
        told.append(f"{keys.zero} times a key of zero, which leaves the payload in the clear")
    if keys.repeated:
        told.append(f"{_times(keys.repeated)} the key of the frame before")
    if is_stepped:
        told.append(f"{keys.stepped} times a constant step from the key of the frame before")
    first = keys.repeat if keys.repeated else keys.zeroed if is_zero else keys.step
    packet, frame = first
    if end.mode == layout.PAYLOAD and frame == end.frame:
        frame = -1
    kind = findings.WEBSOCKET_REPEATED_KEY
    return [Finding(kind, direction >> 1, packet, frame, ", ".join(told), 1, direction)]


def thinned(rows: Rows, limit: int) -> tuple[Rows, list[int]]:
    """Keep the first oddities of each kind and direction, and one more for the rest.

    `limit` of them stay; the next bears the count of all that follow. A flood (each
    frame unmasked) must not cost a Python object per frame. The first that has no row
    represents the rest; the last one would differ with the batches.
    """
    keys = rows["direction"].astype(np.int64) * len(KINDS) + rows["kind"]
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[begins, len(ordered)])
    rank = np.arange(len(ordered)) - np.repeat(begins, sizes)
    size = np.repeat(sizes, sizes)
    chosen = rank <= limit
    count = np.where(rank == limit, size - limit, 1)
    places = order[chosen]
    again = np.argsort(places, kind="stable")
    return rows.take(places[again]), count[chosen][again].tolist()


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
