"""The search for a frame boundary, as bytes come.

Knows recognition's judgement of headers and chains, and what a search keeps. Must not know the
walk. Used by websocket.seeking, for one direction of a connection that is known to be WebSocket.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from analyzer.lazy_dataclass import dataclass, field
from analyzer.websocket import foreign
from analyzer.websocket.kept_rows import Kept
from analyzer.websocket.recognition import NEED_MORE, Chain, grow

_MAX_CHAINS = 512
_STRICT_EVIDENCE = 2
"""Of a chain over several segments, where segments of one byte may end anywhere."""
_KNOWN_OPCODES = (0, 1, 2, 8, 9, 10)


class BoundarySearch:
    """Finds where frames begin after a gap.

    The rule: a place is a boundary if `frames_needed` worth of evidence follows from it
    without a fault. The start of a segment, the likeliest place, may have less, down to
    one frame with evidence, if that ends exactly where the segments seen so far end.
    recognition.evidence says how evidence is counted, and the odds of an error.

    Chains are followed as bytes come and may be longer than the bytes kept: the first
    header of the chain that is still kept is then where reading resumes. The verdict
    depends on segments only, not on how they come in batches.

    Args:
        masked: whether frames of this direction must be masked.
        rsv_allowed: reserved bits that an extension defines.
        frames_needed: evidence asked for.
        texts: text must be UTF-8; False for a sender whose earlier text was not.
        strict: what is searched is no gap's other side but bytes that are no frames, text
            perhaps: only starts of segments count, not where text stands, and a single frame
            only where it is a segment by itself.
    """

    def __init__(
        self,
        *,
        masked: bool,
        rsv_allowed: int,
        frames_needed: int,
        texts: bool = True,
        strict: bool = False,
    ) -> None:
        self._texts = texts
        self._strict = strict
        self._segment = 0
        self._masked = masked
        self._rsv_allowed = rsv_allowed
        self._needed = frames_needed
        self._data = bytearray()
        self._chains: list[tuple[Chain, bool, list[int]]] = []
        self._firsts = _plausible_firsts(rsv_allowed)
        self.begin = 0
        """Where the bytes kept begin, in bytes pushed so far."""

    def push(self, segment: bytes, *, is_start: bool = True) -> int | None:
        """Look at the next segment's bytes.

        Args:
            segment: its payload.
            is_start: a frame may begin with it; False where none does.

        Returns:
            Where a frame begins, in bytes pushed so far (not before `begin`), or None.
        """
        start = len(self._data)
        self._data += segment
        self._segment = start
        if is_start and not (self._strict and _is_printable(segment)):
            self._chains.append((Chain(start, start), True, []))
        for at in () if self._strict else self._candidates(max(0, start - 1)):
            if at != start:
                self._chains.append((Chain(at, at), False, []))
        best: int | None = None
        alive = []
        for chain, at_segment, headers in self._chains:
            state = self._follow(chain, headers)
            if state is None:
                continue
            if headers and self._is_enough(chain, at_segment):
                best = headers[0] if best is None else min(best, headers[0])
            alive.append((chain, at_segment, headers))
        self._chains = _thinned(alive)
        return None if best is None else self.begin + best

    def pass_over(self, length: int) -> int | None:
        """Note that the next `length` bytes, the end of their segment, were cut off.

        Returns:
            As `push`: where a frame begins that ends with the segment.
        """
        end = len(self._data) + length
        for chain, at_segment, headers in self._chains:
            while at_segment and chain.at < len(self._data):
                at = chain.at
                shape = (self._masked, self._rsv_allowed)
                grown = grow(chain, self._data, *shape, texts=self._texts, cut=length)
                if grown is not True:
                    break
                headers.append(at)
            if at_segment and headers and chain.evidence and chain.at == end:
                return self.begin + headers[0]
        return None

    def forget(self, count: int) -> None:
        """Drop the first `count` bytes kept; places before `begin` are not found any more."""
        del self._data[:count]
        self.begin += count
        self._segment -= count
        for chain, _, headers in self._chains:
            chain.start -= count
            chain.at -= count
            headers[:] = [at - count for at in headers if at >= count]
        # A chain whose next header was dropped before it could be read ends.
        self._chains = [item for item in self._chains if item[0].at >= 0]

    def _is_enough(self, chain: Chain, at_segment: bool) -> bool:
        if chain.evidence >= self._needed:
            return True
        if self._strict and chain.start != self._segment and chain.evidence < _STRICT_EVIDENCE:
            return False
        return at_segment and chain.evidence > 0 and chain.at == len(self._data)

    def _follow(self, chain: Chain, headers: list[int]) -> bool | None:
        """Take the chain as far as the bytes go; None if it has a fault."""
        while 0 <= chain.at < len(self._data):
            at = chain.at
            grown = grow(chain, self._data, self._masked, self._rsv_allowed, texts=self._texts)
            if grown is None:
                return None
            if grown is NEED_MORE:
                break
            headers.append(at)
        return True

    def _candidates(self, since: int) -> list[int]:
        """Return the places from `since` on whose two bytes could begin a frame.

        The last byte is left for the next call, which sees its successor.
        """
        data = np.frombuffer(bytes(self._data[since:]), np.uint8)
        if len(data) < 2:
            return []
        fits = self._firsts[data[:-1]] & ((data[1:] >= 0x80) == self._masked)
        # Empty data frames and runs of one byte are no evidence: padding looks so.
        fits &= data[:-1] != data[1:]
        return (np.flatnonzero(fits) + since).tolist()


def _is_printable(segment: bytes) -> bool:
    """Tell whether a segment begins with two printable characters."""
    return len(segment) >= 2 and all(0x20 <= byte < 0x7F for byte in segment[:2])


def _plausible_firsts(rsv_allowed: int) -> np.ndarray:
    """Return by value whether a byte can be the first of a header."""
    allowed = np.zeros(256, bool)
    for value in range(256):
        opcode, rsv = value & 15, value >> 4 & 7
        allowed[value] = opcode in _KNOWN_OPCODES and not rsv & ~rsv_allowed
    return allowed


def _thinned(chains: list[tuple[Chain, bool, list[int]]]) -> list[tuple[Chain, bool, list[int]]]:
    """Keep the chains whose next header is nearest, where there are too many.

    A false header in random bytes often claims a length that nothing will ever test.
    """
    if len(chains) <= _MAX_CHAINS:
        return chains
    kept = sorted(chains, key=lambda item: (not item[1], item[0].at))[:_MAX_CHAINS]
    return sorted(kept, key=lambda item: item[0].start)


@dataclass(slots=True)
class Doubt:
    """A header that breaks rules: two explanations are held against each other.

    It is one if its frame ends where a segment does, or another frame begins; it is none if
    a segment before that end begins with frames.
    """

    data: bytearray
    """From the header on."""
    shape: foreign.Shape
    packet: int
    before: tuple[int, bytes]
    """Opcode of the frame before it and its payload as sent, where that is in the same row."""
    end: int = 0
    """Where its frame would end, in `data`."""
    cut: int = 0
    """Bytes of its last segment behind `data` that a snap length took."""


@dataclass(slots=True)
class Search:
    """A direction that lost its frame boundary."""

    boundary: BoundarySearch
    is_strict: bool = False
    kept: deque[Kept] = field(default_factory=deque)
    size: int = 0
    """Bytes of payload kept."""
    cost: int = 0
    doubt: Doubt | None = None
    """It began at a doubtful header, and is over if that turns out to be one."""
    is_begun: bool = True
    """Its first bytes are after it: they are a doubtful header, where it began at one."""
