"""Errors behind bytes that came twice and differ: nobody is blamed for them.

A segment that overlaps what came before it, and says something else there, is not what its
sequence number says, or somebody put it in: where its new bytes belong is not known, and a frame
that is read from there on may begin anywhere. Frames without an error that follow each other
prove that the place is known again. Knows findings of tcp, and frames. Must not know bytes. Used
by websocket.stage, for the findings of each batch.
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


class _Span:
    """Where a direction is doubtful.

    Attributes:
        first: the packet that differs; latest: the last that does.
        end: the packet from which on frames are sure again.
        run: how many frames without an error follow each other; begun: the packet of the first.
        is_told: an error in it was passed over, and that was said.
    """

    __slots__ = ("begun", "end", "first", "is_told", "latest", "run")

    def __init__(self, packet: int) -> None:
        self.first = self.latest = packet
        self.end = _OPEN
        self.run = self.begun = 0
        self.is_told = False

    def count(self, packet: int, *, is_frame: bool, needed: int) -> None:
        """Take the next frame, or the next error, which ends with `packet`."""
        if self.end != _OPEN:
            return
        if not is_frame:
            self.run = 0
            return
        self.begun = self.begun if self.run else packet
        self.run += 1
        if self.run >= needed:
            self.end = self.begun


class Overlaps:
    """Remembers where the streams of open connections are doubtful, by direction."""

    __slots__ = ("_needed", "_spans")

    def __init__(self, frames_needed: int) -> None:
        self._needed = frames_needed
        self._spans: dict[int, list[_Span]] = {}

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
            if not spans or (spans[-1].end != _OPEN and len(spans) < MAX_SPANS):
                spans.append(_Span(found.packet))
            else:
                # One that frames follow already ends later now.
                spans[-1].end, spans[-1].run = _OPEN, 0
                spans[-1].latest = found.packet

    def _end_spans(self, found: list[Finding], frames: Rows) -> None:
        """End those in which frames follow each other without an error of their sender's."""
        open_ones = {
            direction: spans[-1]
            for direction, spans in self._spans.items()
            if spans[-1].end == _OPEN
        }
        if not open_ones:
            return
        # By packet; an error comes before the frame that it is in.
        seen = [
            (each.packet, 0, each.direction)
            for each in found
            if each.direction in open_ones and _is_error(each)
        ]
        names = ("packet_first", "packet_last", "direction")
        for first, last, direction in zip(*(frames[name].tolist() for name in names), strict=True):
            if direction in open_ones and first > open_ones[direction].latest:
                seen.append((last, 1, direction))
        for packet, is_frame, direction in sorted(seen):
            open_ones[direction].count(packet, is_frame=bool(is_frame), needed=self._needed)

    def sift(self, found: list[Finding], batch: HttpBatch, frames: Rows) -> list[Finding]:
        """Return findings of frames and messages without errors that may be nobody's.

        Args:
            found: those of one batch.
            batch: the batch.
            frames: its frames, dtype FRAME.
        """
        if batch.stream.findings:
            self._note(batch)
        if not self._spans:
            return found
        for each in found:
            if each.kind is findings.WEBSOCKET_RESYNCHRONISED:
                for span in self._spans.get(each.direction, ()):
                    if span.first < each.packet < span.end:
                        span.end = each.packet
        self._end_spans(found, frames)
        kept: list[Finding] = []
        for each in found:
            doubt = self._doubtful(each)
            if doubt is None:
                kept.append(each)
            elif not doubt.is_told:
                doubt.is_told = True
                lost = findings.WEBSOCKET_FRAMING_LOST
                kept.append(Finding(lost, each.slot, doubt.first, direction=each.direction))
        for slot in batch.ended:
            self._spans.pop(2 * slot, None)
            self._spans.pop(2 * slot + 1, None)
        return kept

    def _doubtful(self, found: Finding) -> _Span | None:
        """Return the span that an error lies in; None where it is its sender's for certain."""
        if not _is_error(found):
            return None
        for span in self._spans.get(found.direction, ()):
            if span.first <= found.packet < span.end:
                return span
        return None


def _is_error(found: Finding) -> bool:
    return found.kind.severity == ERROR and found.kind.has_culprit


def _repeats(rows: Rows) -> dict[tuple[int, int], bool]:
    """Return, by packet and direction, whether all of a segment was there before."""
    out: dict[tuple[int, int], bool] = {}
    again = rows[rows["kind"] == RETRANSMISSION]
    columns = (again[name].tolist() for name in ("packet", "direction", "length", "payload"))
    for packet, direction, length, payload in zip(*columns, strict=True):
        out[packet, direction] = out.get((packet, direction), True) and length == payload
    return out
