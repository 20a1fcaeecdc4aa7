"""Rows with their bytes that outlive a batch, and the bytes of records that lie in several rows.

Knows rows and buffers. Must not know records' meaning. Used by tls.unwrapping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.capture.records import RecordBatch
from analyzer.columns import Rows, empty
from analyzer.lazy_dataclass import dataclass
from analyzer.named_tuple import NamedTuple
from analyzer.tcp.bytestream import CHUNK, DATA, FRAMING, GAP_CUT, GAP_LOST
from analyzer.tls.records import HEADER_BYTES


class Kept(NamedTuple):
    """Rows of one direction with their bytes, that outlive their batch."""

    rows: Rows
    """dtype CHUNK; `start` counts from the first of `data`."""
    data: bytes

    @property
    def cost(self) -> int:
        """Bytes that it takes, about."""
        return len(self.data) + self.rows.nbytes


def joined(parts: Sequence[Rows]) -> Rows:
    """Return rows concatenated."""
    filled = [part for part in parts if len(part)]
    if not filled:
        return empty(CHUNK)
    return filled[0] if len(filled) == 1 else np.concatenate(filled)


def in_turn(sides: Sequence[Rows]) -> Rows:
    """Return rows of several directions in the order of their packets.

    Each direction stays in the order of its stream, in which a packet that came too early
    comes after those that it waited for.
    """
    rows = joined(sides)
    if len(rows) < 2:
        return rows
    keys = [_turns(side) for side in sides if len(side)]
    return rows.take(np.argsort(np.concatenate(keys), kind="stable"))


def _turns(side: Rows) -> npt.NDArray[np.int64]:
    """Return when each row of a direction is read: at its packet, or behind one."""
    packets: npt.NDArray[np.int64] = np.maximum.accumulate(side["packet"])
    # What an ACK of the other side released comes behind the packet with that ACK.
    released = (side["packet"] < packets) | (side["kind"] == GAP_LOST)
    turns: npt.NDArray[np.int64] = np.maximum.accumulate(2 * packets + released)
    return turns


def merged(laid: Rows, resumed: Rows, answers: Mapping[int, int]) -> Rows:
    """Return rows, and others that waited for answers, in the order of their packets.

    As they would come if each packet were a batch.

    Args:
        laid: rows of which nothing waited.
        resumed: the others.
        answers: packets with the answers, by slot.
    """
    keys = [
        np.maximum.accumulate(np.maximum(rows["packet"], rows["done_packet"]))
        for rows in (laid, resumed)
    ]
    least = np.array([answers.get(d >> 1, 0) for d in resumed["direction"].tolist()], np.int64)
    # A direction stays in the order of its stream: what waited comes behind what did not, which a
    # hole may have kept back until later packets.
    most = max(int(rows["direction"].max(initial=0)) for rows in (laid, resumed))
    floor = np.zeros(most + 1, np.int64)
    np.maximum.at(floor, laid["direction"], keys[0])
    keys[1] = np.maximum(np.maximum(keys[1], least), floor[resumed["direction"]])
    return joined([laid, resumed]).take(np.argsort(np.concatenate(keys), kind="stable"))


def by_direction(rows: Rows) -> list[Rows]:
    """Split rows by their direction; each part stays in order."""
    rows = rows.take(np.argsort(rows["direction"], kind="stable"))
    return np.split(rows, np.flatnonzero(np.diff(rows["direction"], prepend=-1))[1:])


def behind(rows: Rows, begin: int, packet: int) -> int:
    """Return the place from `begin` on of the first row that comes after a packet."""
    later = np.maximum.accumulate(rows["packet"][begin:]) > packet
    return begin + (int(later.argmax()) if later.any() else len(later))


Known = tuple[int, bool, bool, bool]
"""Generation of the keys; whether there are the client's and the server's hello; whether the
server's answer to early data is awaited."""
NOTHING_KNOWN: Final[Known] = -1, False, False, False

Piece = tuple[int, int, int, int]
"""Row, where in it, where in the record, and bytes of a piece of a record."""


@dataclass(slots=True)
class Waiting:
    """A direction whose next record cannot be opened yet.

    Attributes:
        kept: that record, and all after it.
        asked: what was known when it was last tried.
    """

    kept: list[Kept]
    asked: Known


def kept_rows(rows: Rows, data: Any, direction: int, first: int, at: int) -> Kept:
    """Copy the rows of a direction, from byte `at` of row `first` on, with their bytes."""
    places = np.flatnonzero(rows["direction"][first:] == direction) + first
    return kept_whole(rows.take(places), data, at)


def kept_whole(copied: Rows, data: Any, at: int = 0) -> Kept:
    """Return rows, a copy that may be changed, from byte `at` of the first on, with their bytes."""
    if at:
        copied["wire"][0] = 0
        for name in ("start", "offset", "into"):
            copied[name][0] += at
        for name in ("length", "span"):
            copied[name][0] -= at
    pieces: list[bytes] = []
    size = 0
    starts: list[int] = []
    columns = (copied[name].tolist() for name in ("kind", "start", "length"))
    for kind, start, length in zip(*columns, strict=True):
        starts.append(size)
        if kind == DATA and length:
            pieces.append(data[start : start + length].tobytes())
            size += length
    copied["start"] = starts
    return Kept(copied, b"".join(pieces))


def placed(kept: Kept, records: RecordBatch) -> Rows:
    """Return kept rows whose bytes lie in a batch's buffer."""
    rows = kept.rows.copy()
    rows["start"] += records.append(kept.data)
    return rows


def unread(rows: Rows) -> Rows:
    """Turn rows into what nobody will read, in place."""
    is_payload = rows["kind"] <= GAP_CUT
    rows["kind"][is_payload] = FRAMING
    rows["length"][is_payload] = 0
    rows["start"] = 0
    return rows


def end_of(pieces: Sequence[Piece], rows: Rows) -> tuple[int, int]:
    """Return the row and the byte in it that follow a record."""
    row, begin, _, size = pieces[-1]
    return (row, begin + size) if begin + size < rows["length"][row] else (row + 1, 0)


def gathered(pieces: Sequence[Piece], rows: Rows, data: Any) -> bytes:
    """Return the body of a record in several pieces."""
    parts: list[bytes] = []
    for row, begin, _, count in pieces:
        if rows["kind"][row] == DATA:
            start = int(rows["start"][row]) + begin
            parts.append(data[start : start + count].tobytes())
    return b"".join(parts)[HEADER_BYTES:]


def scatter(pieces: Sequence[Piece], rows: Rows, data: Any, first: int, content: bytes) -> None:
    """Write the content of a record, from its byte `first` on, into its pieces."""
    plain = np.frombuffer(content, np.uint8)
    for row, begin, at, count in pieces:
        low, high = max(at, first), min(at + count, first + len(plain))
        if low < high:
            start = int(rows["start"][row]) + begin + low - at
            data[start : start + high - low] = plain[low - first : high - first]


def source_name(packet: int) -> str:
    """Return what to call secrets that a capture holds after a packet."""
    return f"the capture, behind packet {packet}"
