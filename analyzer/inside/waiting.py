"""Rows of messages that wait until it is clear what their connection speaks.

Holds rows, not payload. Knows batches; must not know protocols. Used by inside.stage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.columns import Pieces, Rows, pieces
from analyzer.inside.labels import Detail
from analyzer.lazy_dataclass import dataclass


@dataclass(slots=True)
class Held:
    """One row: bytes of a MESSAGE, how its payload begins, and what it says, once it is clear."""

    row: bytes
    preview: bytes | None
    code: int = 0
    detail: Detail | None = None


class Chosen(Sequence[bytes | None]):
    """Some elements, and a slice of a sequence that makes its elements when they are read."""

    def __init__(
        self, of: Sequence[bytes | None], places: Sequence[int], first: Sequence[bytes | None] = ()
    ) -> None:
        self._of = of
        self._places = places
        self._first = first
        self._made: list[bytes | None] | None = None

    def __len__(self) -> int:
        return len(self._first) + len(self._places)

    def __getitem__(self, index: Any) -> Any:
        if self._made is None:
            self._made = [*self._first, *(self._of[place] for place in self._places)]
        return self._made[index]

    def pieces(self) -> Pieces:
        """Return them in one buffer, without an object for each."""
        rest = pieces(self._of).take(self._places)
        return pieces(self._first).joined(rest) if self._first else rest


class WaitingRows:
    """The rows that wait, by slot and number of message."""

    def __init__(self) -> None:
        self._held: dict[int, dict[int, Held]] = {}
        self._undecided = np.zeros(0, bool)
        self._ready: list[Held] = []

    def wait(self, slot: int) -> None:
        """Let the rows of a connection wait from now on."""
        if slot >= len(self._undecided):
            more = np.zeros(max(slot + 1, 2 * len(self._undecided), 64), bool)
            more[: len(self._undecided)] = self._undecided
            self._undecided = more
        self._undecided[slot] = True

    def decide(self, slot: int) -> None:
        """Let them leave."""
        if slot < 0:
            # Over plain HTTP there are no rows.
            return
        if slot < len(self._undecided):
            self._undecided[slot] = False
        held = self._held.pop(slot, None)
        if held is not None:
            self._ready += held.values()

    def find(self, slot: int, message: int) -> Held | None:
        """Return the row of a message, if it waits here."""
        return self._held.get(slot, {}).get(message)

    def split(
        self, rows: Rows, previews: Sequence[bytes | None]
    ) -> tuple[npt.NDArray[np.intp] | None, list[Held]]:
        """Keep what must wait; return the places of the other rows, and rows that no longer wait.

        Args:
            rows: dtype MESSAGE, that leave the websocket stage.
            previews: of each; empty where none are kept.

        Returns:
            Places in `rows`; None: all of them.
        """
        ready, self._ready = self._ready, []
        if not len(rows) or not self._undecided.any():
            return None, ready
        slots = rows["direction"] >> 1
        known = slots < len(self._undecided)
        waits = known & self._undecided[np.where(known, slots, 0)]
        if not waits.any():
            return None, ready
        places = np.flatnonzero(waits)
        chosen = rows.take(places)
        content, size = chosen.tobytes(), chosen.dtype.itemsize
        begun = _taken(previews, places) if len(previews) else [None] * len(places)
        columns = slots[places].tolist(), chosen["message"].tolist(), begun
        for at, (slot, message, preview) in enumerate(zip(*columns, strict=True)):
            row = content[at * size : (at + 1) * size]
            self._held.setdefault(slot, {})[message] = Held(row, preview)
        return np.flatnonzero(~waits), ready


def _taken(previews: Sequence[bytes | None], places: npt.NDArray[np.intp]) -> list[bytes | None]:
    """Return some previews, without an object for each of the others."""
    data, starts, lengths = pieces(previews).take(places)
    known = data.data
    return [
        None if length < 0 else bytes(known[start : start + length])
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)
    ]


def joined(rows: Rows, held: Iterable[Held]) -> Rows:
    """Return rows with those that waited before them."""
    # To concatenate thousands of arrays of one row each takes ten times as long.
    first = np.frombuffer(b"".join([each.row for each in held]), rows.dtype)
    return np.concatenate([first, rows])
