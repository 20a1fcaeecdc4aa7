"""What is known of a direction whose next frame is searched for.

Knows nothing but its fields. Used by websocket.seeking.
"""

from __future__ import annotations

from collections import deque

from analyzer.lazy_dataclass import dataclass, field
from analyzer.websocket import foreign
from analyzer.websocket.boundary import BoundarySearch
from analyzer.websocket.kept_rows import Kept


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
