"""Bytes in order, some of which are known later than what follows them.

Frames of several streams, and records of several kinds, share one direction: what waits for the
end of its word or message must not let others overtake it. Knows bytes alone. Used by http2 and
records.
"""

from __future__ import annotations

from collections import deque

from analyzer.options import DEFAULT, Options


class Room:
    """How much may wait in one direction of a connection.

    Attributes:
        most: bytes.
        given_up: how often more would have waited, and became noise.
    """

    def __init__(self, options: Options = DEFAULT) -> None:
        self.most = options.max_anonymized_held_bytes
        self.given_up = 0


class Slot:
    """Bytes that are still to come."""

    __slots__ = ("_have", "_length", "_pieces")

    def __init__(self, length: int) -> None:
        self._length = length
        self._have = 0
        self._pieces: list[bytes] = []

    @property
    def lacks(self) -> int:
        """How many bytes are missing."""
        return self._length - self._have

    def fill(self, data: bytes) -> None:
        """Take the next bytes, no more than it lacks."""
        self._pieces.append(data)
        self._have += len(data)

    def take(self) -> bytes:
        """Return what is there."""
        return b"".join(self._pieces)


class Ordered:
    """What goes out, in the order in which it was put or reserved."""

    def __init__(self) -> None:
        self._parts: deque[bytes | Slot] = deque()
        self.waiting = 0
        """Bytes that were put or reserved, and not taken yet."""

    def put(self, data: bytes) -> None:
        """Add bytes that are known."""
        if data:
            self._parts.append(data)
            self.waiting += len(data)

    def reserve(self, length: int) -> Slot:
        """Add bytes that will be."""
        slot = Slot(length)
        self._parts.append(slot)
        self.waiting += length
        return slot

    def take(self, *, all_of_it: bool = False) -> bytes:
        """Return what nothing before it is missing of; with `all_of_it` zeros for what lacks."""
        made = []
        while self._parts:
            part = self._parts[0]
            if isinstance(part, Slot):
                if part.lacks and not all_of_it:
                    break
                part.fill(bytes(part.lacks))
                part = part.take()
            made.append(part)
            self._parts.popleft()
        data = b"".join(made)
        self.waiting -= len(data)
        return data


class Funnel:
    """Fills slots one after the other with what comes of one stream."""

    def __init__(self) -> None:
        self._slots: deque[Slot] = deque()

    def expect(self, slot: Slot) -> None:
        """Take a slot to be filled behind the ones before."""
        if slot.lacks:
            self._slots.append(slot)

    def write(self, data: bytes) -> None:
        """Fill slots; what there is no slot for is dropped."""
        at = 0
        while self._slots and at < len(data):
            slot = self._slots[0]
            piece = data[at : at + slot.lacks]
            slot.fill(piece)
            at += len(piece)
            if not slot.lacks:
                self._slots.popleft()

    @property
    def lacks(self) -> int:
        """How many bytes are still due."""
        return sum(slot.lacks for slot in self._slots)
