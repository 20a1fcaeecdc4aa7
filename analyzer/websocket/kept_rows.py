"""Rows of the stream that outlive their batch, with their bytes, to be walked later.

Knows CHUNK rows. Must not know what their bytes mean. Used by websocket.seeking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from analyzer.columns import Rows, empty
from analyzer.tcp.bytestream import CHUNK, DATA, GAP_LOST, within

ROW_BYTES = 512
"""What a row costs beside its bytes while it is kept: segments of one byte must not
evade the limit on bytes."""


@dataclass(slots=True)
class Kept:
    """A row whose bytes outlive its batch."""

    row: Any
    payload: bytes
    """Empty for a gap."""

    @property
    def length(self) -> int:
        """Bytes of the stream that it stands for."""
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
