"""Small numbers of open connections, by which arrays stay short.

Slots of TCP connections are many more than open ones: thousands of finished connections are
remembered (max_finished_connections), and a schedule of one takes 2.4 kB. Must not know what
the numbers are for. Used by alternatives.stage.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_NONE = -1

Slots = npt.NDArray[np.int64]


class SmallNumbers:
    """Gives each open slot a number that no other one has; those given back are given again."""

    def __init__(self) -> None:
        self._by_slot = np.zeros(0, np.int32)
        self._free: list[int] = []
        self._fresh = 0

    def reserve(self, slots: int) -> None:
        """Make room for slots below this one."""
        known = len(self._by_slot)
        if slots > known:
            bigger = np.full(max(slots, 2 * known), _NONE, np.int32)
            bigger[:known] = self._by_slot
            self._by_slot = bigger

    def give(self, slots: Slots) -> npt.NDArray[np.int64]:
        """Give numbers to slots that have none; return them."""
        again = [self._free.pop() for _ in range(min(len(slots), len(self._free)))]
        more = len(slots) - len(again)
        numbers = np.array([*again, *range(self._fresh, self._fresh + more)], np.int64)
        self._fresh += more
        self._by_slot[slots] = numbers
        return numbers

    def of(self, slots: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """Return the numbers of slots; -1 of those without one."""
        return self._by_slot.take(slots)

    def has(self, slot: int) -> bool:
        """Return whether a slot has a number."""
        return bool(self._by_slot[slot] != _NONE)

    def take_back(self, slots: Slots) -> None:
        """Forget the numbers of slots that have one."""
        self._free += self._by_slot[slots].tolist()
        self._by_slot[slots] = _NONE
