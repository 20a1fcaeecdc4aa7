"""Publications in plain Python: what the kernel analyzer.inside._publications has to find."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass

import numpy as np

Mark = tuple[int, int, int]
WAITING_NS = 60_000_000_000


@dataclass
class Published:
    """A publication whose deliveries may still come."""

    member: int
    stands: tuple[int, int]
    time: int
    counted: bool


class Publications:
    """The same as the kernel, with a list of objects for each mark."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.waiting: dict[Mark, list[Published]] = {}
        self.order: deque[Mark] = deque()
        self.had: dict[tuple[int, Mark], int] = {}
        self.deliveries: list[list[int]] = []

    def __len__(self) -> int:
        return len(self.order)

    def remember(
        self, mark: Mark, member: int, stands: tuple[int, int], time: int, *, counted: bool
    ) -> None:
        equals = self.waiting.setdefault(mark, [])
        place = bisect_right([each.time for each in equals], time)
        equals.insert(place, Published(member, stands, time, counted))
        self.order.append(mark)
        if len(self.order) > self.most:
            oldest = self.order.popleft()
            self.waiting[oldest].pop(0)
            if not self.waiting[oldest]:
                del self.waiting[oldest]

    def match(
        self, mark: Mark, member: int, since: int, time: int
    ) -> tuple[Published, int, bool] | None:
        had = (member, mark)
        after = max(self.had.get(had, since - 1), since - 1, time - WAITING_NS - 1)
        later = [each for each in self.waiting.get(mark, ()) if each.time > after]
        if not later or later[0].time > time:
            return None
        found = later[0]
        self.had.pop(had, None)
        self.had[had] = found.time
        if len(self.had) > self.most:
            del self.had[next(iter(self.had))]
        is_first, found.counted = not found.counted, True
        return found, found.member, is_first

    def deliver(self, topic: int, row: Published, stands: tuple[int, int], time: int) -> None:
        self.deliveries.append([topic, *row.stands, *stands, time - row.time])

    def take_deliveries(self) -> np.ndarray:
        deliveries, self.deliveries = self.deliveries, []
        return np.array(deliveries, np.int64).reshape(-1, 6)
