"""Bytes that compression wastes, or would save.

Knows sums over rows of `compression`. Called by the stage through rules.RULES.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analyzer.columns import NULL
from analyzer.diagnosis import causes
from analyzer.diagnosis.causes import Cause, Diagnosis
from analyzer.diagnosis.evidence import MOST, side_name
from analyzer.diagnosis.facts import codes, numbers
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options
from analyzer.tables.schema import TableRows
from analyzer.wording import plural, share, size


@dataclass(slots=True)
class _Sum:
    """Messages of one sender, over connections where compression does the same."""

    messages: int = 0
    payload: int = 0
    bytes: int = 0
    connections: int = 0
    firsts: list[int] = field(default_factory=list)


class CompressionSums:
    """Adds up, by sender, where compression costs bytes and where it would save them.

    Args:
        options: thresholds.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._wasted = [_Sum(), _Sum()]
        self._missed = [_Sum(), _Sum()]

    def add(self, rows: TableRows) -> None:
        """Take rows of `compression`; those of all connections together are left out."""
        owner, side = numbers(rows, "connection"), codes(rows, "direction")
        single = owner != NULL
        payload, saved = numbers(rows, "payload_bytes"), numbers(rows, "saved_bytes")
        grown = single & (codes(rows, "negotiated") == 1) & (saved < 0)
        self._gather(self._wasted, rows, grown, side, "inflated_messages", payload, -saved)
        estimated = numbers(rows, "estimated_payload_bytes")
        would = numbers(rows, "estimated_saved_bytes")
        missed = single & (codes(rows, "negotiated") == 0) & (estimated > 0) & (would > 0)
        self._gather(self._missed, rows, missed, side, "estimated_messages", estimated, would)

    def _gather(
        self,
        sums: list[_Sum],
        rows: TableRows,
        mask: np.ndarray[tuple[int], np.dtype[np.bool_]],
        side: np.ndarray[tuple[int], np.dtype[np.int8]],
        messages: str,
        payload: np.ndarray[tuple[int], np.dtype[np.int64]],
        wasted: np.ndarray[tuple[int], np.dtype[np.int64]],
    ) -> None:
        for place, one in enumerate(sums):
            mine = np.flatnonzero(mask & (side == place))
            if not len(mine):
                continue
            one.connections += len(mine)
            one.messages += int(numbers(rows, messages)[mine].sum())
            one.payload += int(payload[mine].sum())
            one.bytes += int(wasted[mine].sum())
            firsts = [*one.firsts, *numbers(rows, "connection")[mine].tolist()]
            one.firsts = sorted(firsts)[:MOST]

    def diagnoses(self) -> Iterator[Diagnosis]:
        """Yield one for each sender whose bytes are worth a word."""
        least = self._options.waste_bytes
        for side, one in enumerate(self._wasted):
            if one.messages >= self._options.waste_messages and one.bytes >= least:
                yield _diagnosis(causes.COMPRESSION_WASTED, one, side, "made larger")
        for side, one in enumerate(self._missed):
            part = one.bytes / max(one.payload, 1)
            if one.bytes >= least and part >= self._options.missed_share:
                yield _diagnosis(causes.COMPRESSION_MISSED, one, side, "not compressed")


def _diagnosis(cause: Cause, one: _Sum, side: int, how: str) -> Diagnosis:
    verb = "cost" if cause is causes.COMPRESSION_WASTED else "would save"
    looked = "" if cause is causes.COMPRESSION_WASTED else " looked at"
    return Diagnosis(
        cause=cause,
        text=f"{plural(one.messages, 'message')}{looked} of {side_name(side)} on "
        f"{plural(one.connections, 'connection')} {'was' if one.messages == 1 else 'were'} {how}: "
        f"permessage-deflate {verb} {size(one.bytes)} of {size(one.payload)} "
        f"({share(one.bytes, one.payload)}).",
        connections=one.connections,
        connection=one.firsts[0],
        bytes=one.bytes,
        evidence={
            "connections": one.firsts,
            "sent_by": side_name(side).split()[-1],
            "messages": one.messages,
            "payload_bytes": one.payload,
            "bytes": one.bytes,
        },
    )
