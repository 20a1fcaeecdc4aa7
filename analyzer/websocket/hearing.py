"""Hearing: whole payloads of messages, handed on in the order in which they were complete.

Takes the FRAGMENT rows of the walk, of directions that somebody listens to, and what the
payload stage inflates. Must not know what payloads mean. Used by websocket.stage; the listener
is the inside stage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.columns import Bytes, Rows
from analyzer.lazy_dataclass import dataclass
from analyzer.options import Options

_FLUSH_BYTES = 8 << 20
"""Inflated payload that is kept together before it is handed on: a batch of a MiB can hold a
GiB of it. Where it is cut changes nothing: the listener takes one message after the other."""

LOST = -1
"""In the place of a message: bytes of the direction were lost, or it is not for who listens."""


@dataclass(slots=True)
class Said:
    """Messages that were complete, one after the other; or that bytes were lost.

    Attributes:
        rows: dtype MESSAGE, of each; of no meaning where bytes were lost.
        places: int64, index in the pool of messages; -1: bytes of the direction were lost.
        directions: int64, 2 * slot + side, of each.
        payloads: of each; None where it cannot be read.
        too_long: positions of those that are longer than max_inside_bytes.
    """

    rows: Rows
    places: npt.NDArray[np.int64]
    directions: npt.NDArray[np.int64]
    payloads: list[bytes | None]
    too_long: set[int]


Listener = Callable[[Said], None]

_Entry = tuple[int, int, int, bytes | None, bool]
"""Index of the FRAGMENT row, pool index, direction, payload, too long."""
_Run = tuple[npt.NDArray[np.intp], npt.NDArray[np.int64], npt.NDArray[np.int64], Sequence[bytes]]
"""Of messages that were inflated together: the same without the last, an array each."""


class _Joined:
    """A message that comes in pieces."""

    __slots__ = ("damaged", "message", "pieces", "size")

    def __init__(self, message: int) -> None:
        self.message = message
        self.pieces: list[bytes] = []
        self.size = 0
        self.damaged = False


class Hearing:
    """Joins payload of directions that are listened to."""

    def __init__(self, options: Options) -> None:
        self._limit = options.max_inside_bytes
        self._heard = np.zeros(0, bool)
        self._joined: dict[int, _Joined] = {}
        self._inflated: list[_Entry] = []
        self._runs: list[_Run] = []
        self._inflated_bytes = 0
        self._single: npt.NDArray[np.intp] = np.zeros(0, np.intp)
        self._others: npt.NDArray[np.intp] = self._single
        self._rows: Rows | None = None
        self._pool: Rows | None = None
        self._view: Any = None
        self.listener: Listener | None = None

    def open(self, direction: int) -> None:
        """Listen to a direction."""
        if direction >= len(self._heard):
            more = np.zeros(max(direction + 1, 2 * len(self._heard), 64), bool)
            more[: len(self._heard)] = self._heard
            self._heard = more
        self._heard[direction] = True

    def close(self, directions: Sequence[int]) -> None:
        """Stop listening to directions."""
        known = np.array(directions, np.intp)
        self._heard[known[known < len(self._heard)]] = False
        for direction in directions if self._joined else ():
            self._joined.pop(direction, None)

    def hears(self, direction: int) -> bool:
        """Return whether a direction is listened to."""
        return direction < len(self._heard) and bool(self._heard[direction])

    @property
    def heard(self) -> npt.NDArray[np.uint8]:
        """Which directions are listened to, 1 for each; a view."""
        return self._heard.view(np.uint8)

    @property
    def held_bytes(self) -> int:
        """Bytes of messages that are not complete."""
        return sum(each.size for each in self._joined.values())

    # --- one batch

    def begin(self, rows: Rows, data: Bytes, pool: Rows) -> None:
        """Take the batch's FRAGMENT rows.

        Args:
            rows: dtype FRAGMENT, in order.
            data: the batch's buffer, payload unmasked.
            pool: dtype MESSAGE by pool index.
        """
        self._rows, self._pool, self._view = rows, pool, data.data
        none = np.zeros(0, np.intp)
        self._single = self._others = none
        if not len(rows) or not self._heard.any():
            return
        directions = rows["direction"]
        if int(directions.max()) >= len(self._heard):
            self.open(int(directions.max()))
            self._heard[int(directions.max())] = False
        heard = self._heard[directions]
        plain = heard & (rows["compressed"] == 0)
        messages = rows["message"]
        # Most messages come in one piece, which needs no Python until it is read.
        whole = plain & (rows["last"] != 0) & (rows["start"] >= 0) & (messages >= 0)
        whole &= rows["length"] == pool["transfer_bytes"][messages]
        self._single = np.flatnonzero(whole)
        self._others = np.flatnonzero((plain | (heard & (messages < 0))) & ~whole)

    def inflated(self, index: int, message: int, direction: int, payload: bytes | None) -> None:
        """Take a message that was compressed, with the index of its last FRAGMENT row."""
        heard = self._heard
        if direction >= len(heard) or not heard[direction]:
            return
        size = 0 if payload is None else len(payload)
        too_long = size > self._limit
        self._inflated.append((index, message, direction, None if too_long else payload, too_long))
        if not too_long:
            self._inflated_bytes += size
            if self._inflated_bytes > _FLUSH_BYTES:
                self._flush(index)

    def took(self, rows: Rows, indices: npt.NDArray[np.intp], payloads: Sequence[bytes]) -> None:
        """Take messages that were compressed, of directions that are listened to.

        Args:
            rows: dtype FRAGMENT, the last of each.
            indices: of these rows in the batch.
            payloads: of each.
        """
        sizes = [*map(len, payloads)]
        places, directions = (rows[name].astype(np.int64) for name in ("message", "direction"))
        run = indices, places, directions, payloads
        if max(sizes) > self._limit:
            for index, message, direction, payload, _ in _entries([run]):
                self.inflated(index, message, direction, payload)
            return
        self._runs.append(run)
        self._inflated_bytes += sum(sizes)
        if self._inflated_bytes > _FLUSH_BYTES:
            self._flush(int(indices[-1]))

    def finish(self) -> None:
        """Hand on what is left of the batch."""
        if self._rows is not None:
            self._flush(len(self._rows))
        self._rows = self._pool = self._view = None

    def _flush(self, upto: int) -> None:
        """Hand on what was complete with FRAGMENT row `upto` or before."""
        rows, pool = self._rows, self._pool
        assert rows is not None
        assert pool is not None
        at = int(np.searchsorted(self._single, upto, "right"))
        single, self._single = self._single[:at], self._single[at:]
        at = int(np.searchsorted(self._others, upto, "right"))
        others, self._others = self._others[:at], self._others[at:]
        entries = [*self._join(rows, others), *self._inflated]
        runs = self._runs
        self._inflated, self._runs, self._inflated_bytes = [], [], 0
        if not entries and not runs:
            if len(single):
                self._hand_on(pool, *self._read(rows, single), set())
            return
        if not entries and not len(single):
            # Most often there is nothing between them.
            _, all_places, all_directions, inflated = zip(*runs, strict=True)
            merged = np.concatenate(all_places), np.concatenate(all_directions)
            self._hand_on(pool, *merged, [*chain.from_iterable(inflated)], set())
            return
        entries += _entries(runs)
        places, directions, payloads = self._read(rows, single)
        entries += zip(
            *(values.tolist() for values in (single, places, directions)),
            payloads,
            (False,) * len(single),
            strict=True,
        )
        entries.sort(key=itemgetter(0))
        _, *numbers, payloads, longer = map(list, zip(*entries, strict=True))
        places, directions = np.array(numbers, np.int64)
        # A too long one has no payload either; of the others without one nothing is known.
        long = {place for place, is_long in enumerate(longer) if is_long}
        self._hand_on(pool, places, directions, payloads, long)

    def _read(
        self, rows: Rows, single: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], list[bytes | None]]:
        """Return place, direction and payload of messages in one piece."""
        chosen = rows.take(single)
        starts = chosen["start"]
        ends = starts + chosen["length"]
        # One copy of all: a slice of bytes takes a third of what one of a memoryview does.
        first = int(starts.min(initial=len(self._view)))
        content, limit = bytes(self._view[first : int(ends.max(initial=0))]), self._limit
        payloads: list[bytes | None] = [
            content[start:end] if end - start <= limit else None
            for start, end in zip((starts - first).tolist(), (ends - first).tolist(), strict=True)
        ]
        places, directions = (chosen[name].astype(np.int64) for name in ("message", "direction"))
        return places, directions, payloads

    def _hand_on(
        self,
        pool: Rows,
        places: npt.NDArray[np.int64],
        directions: npt.NDArray[np.int64],
        payloads: list[bytes | None],
        too_long: set[int],
    ) -> None:
        said = pool.take(places, mode="clip")
        if None in payloads:
            # Also those in one piece that were not read.
            sizes = said["transfer_bytes"].tolist()
            too_long |= {
                place
                for place, payload in enumerate(payloads)
                if payload is None
                and places[place] >= 0
                and not said["damaged"][place]
                and not said["compressed"][place]
                and sizes[place] > self._limit
            }
        if self.listener is not None:
            self.listener(Said(said, places, directions, payloads, too_long))

    def _join(self, rows: Rows, others: npt.NDArray[np.intp]) -> Iterator[_Entry]:
        """Join messages that come in pieces; yield those that end, and what was lost."""
        if not len(others):
            return
        chosen = rows.take(others)
        for index, row in zip(others.tolist(), chosen.tolist(), strict=True):
            start, length, _, _, message, direction, last, _, _ = row
            if message < 0:
                # A piece with a length lay in a control frame between messages.
                if not length:
                    self._joined.pop(direction, None)
                    yield index, LOST, direction, None, False
                continue
            joined = self._joined.get(direction)
            if joined is None or joined.message != message:
                joined = self._joined[direction] = _Joined(message)
            self._piece(joined, start, length)
            if last:
                del self._joined[direction]
                too_long = joined.size > self._limit
                whole = None if joined.damaged or too_long else b"".join(joined.pieces)
                yield index, message, direction, whole, too_long

    def _piece(self, joined: _Joined, start: int, length: int) -> None:
        if start < 0:
            joined.damaged = True
        elif not joined.damaged:
            joined.size += length
            if joined.size > self._limit:
                joined.pieces.clear()
            elif length:
                joined.pieces.append(bytes(self._view[start : start + length]))

    def give_up(self, directions: Sequence[int], indices: Sequence[int]) -> None:
        """Forget messages that will never be whole, before their indices are used again."""
        for direction, index in zip(directions, indices, strict=True):
            joined = self._joined.get(direction)
            if joined is not None and joined.message == index:
                del self._joined[direction]


def _entries(runs: Sequence[_Run]) -> Iterator[_Entry]:
    """Return runs message by message."""
    for *numbers, payloads in runs:
        long = (False,) * len(payloads)
        yield from zip(*(each.tolist() for each in numbers), payloads, long, strict=True)
