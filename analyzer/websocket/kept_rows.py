"""Rows of the stream that outlive their batch, with their bytes, to be walked later.

Knows CHUNK rows. Must not know what their bytes mean. Used by websocket.seeking.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from analyzer.columns import Rows, empty
from analyzer.lazy_dataclass import dataclass
from analyzer.tcp.bytestream import CHUNK, DATA, GAP_LOST, within
from analyzer.websocket.recognition import unmasked

ROW_BYTES = 512
"""What a row costs besides its bytes while it is kept: segments of one byte must not
evade the limit on bytes."""


@dataclass(slots=True)
class Kept:
    """A row whose bytes outlive its batch."""

    row: Any
    payload: bytes
    """Empty for a gap."""

    @property
    def length(self) -> int:
        """Bytes of the stream that it represents."""
        return int(self.row["length"])

    @property
    def cost(self) -> int:
        """Bytes of memory, about."""
        return len(self.payload) + ROW_BYTES


def keep(row: Any, at: int, records: Any) -> Kept:
    """Copy a row from byte `at` of the buffer on, with its bytes."""
    start = int(row["start"])
    end = start + int(row["length"])
    whole = Kept(row.copy(), records.data[start:end].tobytes())
    # Acknowledgements were taken from the row itself already.
    whole.row["acked"] = -1
    return trimmed(whole, at - start)


def gap(row: Any) -> Kept:
    """Return a row for bytes that were not captured: its cost was counted already."""
    kept = Kept(row.copy(), b"")
    kept.row["kind"] = GAP_LOST
    kept.row["acked"] = -1
    kept.row["wire"] = 0
    return kept


def trimmed(kept: Kept, skip: int) -> Kept:
    """Return the row without its first `skip` bytes."""
    if not skip:
        return kept
    row = kept.row.copy()
    length = int(row["length"])
    passed = within(skip, int(row["span"]), length)
    row["offset"] += passed
    row["into"] += passed
    row["tls"] -= within(skip, int(row["tls"]), length) if row["tls"] else 0
    row["length"] -= skip
    row["span"] -= passed
    row["wire"] = 0
    return Kept(row, kept.payload[skip:])


def replayed(kept: list[Kept], records: Any) -> Rows:
    """Return rows whose bytes lie in the batch's buffer."""
    rows = empty(CHUNK, len(kept))
    for place, item in enumerate(kept):
        rows[place] = item.row
        if item.payload:
            rows[place]["start"] = records.append(item.payload)
            rows[place]["kind"] = DATA
    return np.asarray(rows)


def frame_before(last: Any, row: Any, at: int, records: Any) -> tuple[int, bytes]:
    """Return opcode and payload, as sent, of the frame that ends at `at` of the buffer.

    Args:
        last: dtype WALK, of the row's direction: it still describes that frame.
        row: dtype CHUNK; the frame's payload must lie in it.
        at: where the frame ends.
        records: the batch, payload unmasked.

    Returns:
        Opcode 0 and no payload where there is none, or it is not all in the row.
    """
    begin = at - int(last["payload_bytes"])
    if begin < int(row["start"]) or begin == at or not last["frames"]:
        return 0, b""
    payload = records.data[begin:at].tobytes()
    if last["masked"]:
        payload = unmasked(payload, int(last["key"]).to_bytes(4, "little"))
    return int(last["opcode"]), payload


def not_captured(row: Any) -> int:
    """Return how many bytes of the row's packet a snap length took behind it.

    Args:
        row: dtype CHUNK, the last of its packet; 0 where it is of a record or an HTTP/2 frame,
            behind which others may come.
    """
    if row["span"] != row["length"]:
        return 0
    return max(0, int(row["payload"]) - int(row["into"]) - int(row["length"]))
