"""Segments that came too early, until the hole before them fills.

Knows offsets, bytes and the overlap policy. Must not know connections or rows. Used by
tcp._assembly on its rare paths: one Python object per held piece is fine here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter

from analyzer.lazy_dataclass import dataclass, field

OVERHEAD_BYTES = 384
"""What holding a piece costs besides its bytes, counted against the limits: without it
4 MiB of one-byte segments would take gigabytes of objects."""

_offset = attrgetter("offset")
_end = attrgetter("end")


@dataclass(slots=True)
class Origin:
    """The packet that a piece came in, for the rows it will give.

    Attributes:
        packet, time, acked, flags, header_bytes, payload, link, ip: as in bytestream.CHUNK.
        wire: wire bytes not yet on a row: the first row takes them.
        shown: whether any row of the packet has been written.
    """

    packet: int
    time: int
    acked: int
    flags: int
    header_bytes: int
    payload: int
    wire: int
    link: int = 0
    ip: int = 0
    shown: bool = False


@dataclass(slots=True)
class Piece:
    """Bytes [offset, end) of a stream.

    Attributes:
        offset, end: stream offsets.
        into: where in its packet's payload it begins.
        data: the captured bytes; fewer than end - offset where snaplen cut them.
        origin: its packet.
    """

    offset: int
    end: int
    into: int
    data: bytes
    origin: Origin

    def section(self, begin: int, end: int) -> Piece:
        """Return the part of it within the stream offsets [begin, end)."""
        skip = begin - self.offset
        return Piece(begin, end, self.into + skip, self.data[skip : end - self.offset], self.origin)

    @property
    def charge(self) -> int:
        """Bytes it counts against the limits."""
        return len(self.data) + OVERHEAD_BYTES


def first_difference(one: Piece, other: Piece) -> int:
    """Return the stream offset of the first captured byte that differs, or -1."""
    begin = max(one.offset, other.offset)
    end = min(one.offset + len(one.data), other.offset + len(other.data))
    if begin >= end:
        return -1
    mine = one.data[begin - one.offset : end - one.offset]
    yours = other.data[begin - other.offset : end - other.offset]
    if mine == yours:
        return -1
    return begin + next(i for i, (a, b) in enumerate(zip(mine, yours, strict=True)) if a != b)


@dataclass(slots=True)
class Held:
    """The pieces held for one direction, in stream order, without overlaps.

    Attributes:
        keep_first: policy: bytes seen first win; else those seen last.
        pieces: sorted by offset.
        charge: what they count against the limits.
    """

    keep_first: bool
    pieces: list[Piece] = field(default_factory=list)
    charge: int = 0

    @property
    def begin(self) -> int:
        """Stream offset of the first held byte; -1 where nothing is held."""
        return self.pieces[0].offset if self.pieces else -1

    def insert(self, piece: Piece) -> tuple[list[Piece], int]:
        """Hold a piece.

        Returns:
            The sections that lost to other bytes of the same place, of the new piece or
            of older ones by the policy; and the stream offset of the first byte that
            differs in an overlap, -1 where none does.
        """
        low = bisect_right(self.pieces, piece.offset, key=_end)
        high = bisect_left(self.pieces, piece.end, lo=low, key=_offset)
        met = self.pieces[low:high]
        differs = next((at for old in met if (at := first_difference(old, piece)) >= 0), -1)
        kept, lost = _fill(met, piece) if self.keep_first else _replace(met, piece)
        self.pieces[low:high] = kept
        self.charge += sum(p.charge for p in kept) - sum(p.charge for p in met)
        return lost, differs

    def pop_ready(self, offset: int) -> list[Piece]:
        """Remove and return the pieces that follow on from `offset` without a hole."""
        count = 0
        for piece in self.pieces:
            if piece.offset != offset:
                break
            offset = piece.end
            count += 1
        return self._pop(count)

    def pop_all(self) -> list[Piece]:
        """Remove and return everything."""
        return self._pop(len(self.pieces))

    def _pop(self, count: int) -> list[Piece]:
        ready = self.pieces[:count]
        del self.pieces[:count]
        self.charge -= sum(piece.charge for piece in ready)
        return ready


def _fill(met: list[Piece], new: Piece) -> tuple[list[Piece], list[Piece]]:
    """Keep `met`, and of `new` what lies between them."""
    kept: list[Piece] = []
    lost: list[Piece] = []
    at = new.offset
    for old in met:
        if old.offset > at:
            kept.append(new.section(at, old.offset))
            at = old.offset
        stop = min(new.end, old.end)
        lost.append(new.section(at, stop))
        kept.append(old)
        at = stop
    if at < new.end:
        kept.append(new.section(at, new.end))
    return kept, lost


def _replace(met: list[Piece], new: Piece) -> tuple[list[Piece], list[Piece]]:
    """Keep `new`, and of `met` what it does not cover."""
    lost = [old.section(max(old.offset, new.offset), min(old.end, new.end)) for old in met]
    kept = [new]
    if met and met[0].offset < new.offset:
        kept.insert(0, met[0].section(met[0].offset, new.offset))
    if met and met[-1].end > new.end:
        kept.append(met[-1].section(new.end, met[-1].end))
    return kept, lost
