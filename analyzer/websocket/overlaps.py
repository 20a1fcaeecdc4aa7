"""Errors behind bytes that came twice and differ: nobody is blamed for them.

A segment that overlaps what came before it, and says something else there, is not what its
sequence number says, or somebody put it in: where its new bytes belong is not known, and a frame
that is read from there on may begin anywhere. Knows findings of tcp and of frames. Must not know
bytes. Used by websocket.stage, for the findings of each batch.
"""

from __future__ import annotations

from typing import Final

from analyzer import findings
from analyzer.columns import Rows
from analyzer.findings import ERROR, Finding
from analyzer.http.exchanges import HttpBatch
from analyzer.tcp.bytestream import RETRANSMISSION

MAX_SPANS: Final = 16
"""Doubtful spans of a direction that are told apart; the last one takes in what follows. One
damaged packet makes one of them."""

_OPEN: Final = 2**63 - 1


class Overlaps:
    """Remembers where the streams of open connections are doubtful, by direction."""

    __slots__ = ("_spans",)

    def __init__(self) -> None:
        # First packet, the packet at which frames were found again, and whether it was told.
        self._spans: dict[int, list[list[int]]] = {}

    def _note(self, batch: HttpBatch) -> None:
        """Note what tcp found in a batch."""
        differing = [
            each for each in batch.stream.findings if each.kind is findings.TCP_OVERLAP_DIFFERS
        ]
        old = _repeats(batch.rows) if differing else {}
        for found in differing:
            if old.get((found.packet, found.direction)):
                continue  # nothing of it is new: the stream goes on as it was
            spans = self._spans.setdefault(found.direction, [])
            if not spans or (spans[-1][1] != _OPEN and len(spans) < MAX_SPANS):
                spans.append([found.packet, _OPEN, 0])
            elif spans[-1][1] != _OPEN:
                spans[-1][1] = _OPEN

    def sift(self, found: list[Finding], batch: HttpBatch) -> list[Finding]:
        """Return findings of frames and messages without errors that may be nobody's.

        Args:
            found: those of one batch.
            batch: the batch.
        """
        if batch.stream.findings:
            self._note(batch)
        if not self._spans:
            return found
        for each in found:
            if each.kind is findings.WEBSOCKET_RESYNCHRONISED:
                for span in self._spans.get(each.direction, ()):
                    if span[0] < each.packet < span[1]:
                        span[1] = each.packet
        kept: list[Finding] = []
        for each in found:
            doubt = self._doubtful(each)
            if doubt is None:
                kept.append(each)
            elif not doubt[2]:
                doubt[2] = 1
                lost = findings.WEBSOCKET_FRAMING_LOST
                kept.append(Finding(lost, each.slot, doubt[0], direction=each.direction))
        for slot in batch.ended:
            self._spans.pop(2 * slot, None)
            self._spans.pop(2 * slot + 1, None)
        return kept

    def _doubtful(self, found: Finding) -> list[int] | None:
        """Return the span that an error lies in; None where it is its sender's for certain."""
        if found.kind.severity != ERROR or not found.kind.has_culprit:
            return None
        for span in self._spans.get(found.direction, ()):
            if span[0] <= found.packet < span[1]:
                return span
        return None


def _repeats(rows: Rows) -> dict[tuple[int, int], bool]:
    """Return, by packet and direction, whether all of a segment was there before."""
    out: dict[tuple[int, int], bool] = {}
    again = rows[rows["kind"] == RETRANSMISSION]
    columns = (again[name].tolist() for name in ("packet", "direction", "length", "payload"))
    for packet, direction, length, payload in zip(*columns, strict=True):
        out[packet, direction] = out.get((packet, direction), True) and length == payload
    return out
