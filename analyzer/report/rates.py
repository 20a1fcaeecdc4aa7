"""Rates of a live run over a sliding window, and what polling would take at these rates.

Knows rows and time, not the terminal. Memory is bounded by the seconds of the window. Part of
report.screen.model.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives.polls import PollCost, poll_cost
from analyzer.lazy_dataclass import dataclass, field
from analyzer.report.observer import CaptureStats
from analyzer.tables.running import Snapshot
from analyzer.tables.schema import LEDGER_PARTS

WINDOW_S: Final = 60
"""Seconds that are remembered, for quantiles and for the course of rates."""
RATE_S: Final = 5
"""Seconds that a rate goes over: fewer jump about, more lag behind."""
MAX_DURATIONS: Final = 8192
"""Handshakes of the window whose times are kept."""
Integers = npt.NDArray[np.int64]
_NS: Final = 1_000_000_000


@dataclass(slots=True)
class _Second:
    """What came in one second."""

    at: int
    messages: list[int] = field(default_factory=lambda: [0, 0])
    payload: list[int] = field(default_factory=lambda: [0, 0])
    handshakes: int = 0
    packets: int = 0
    wire: int = 0


class Rates:
    """Computes current rates from counts.

    Args:
        interval_s: of the short polling that is modelled.
    """

    def __init__(self, interval_s: float = 1.0) -> None:
        self.interval_s = interval_s
        self.now = 0
        self.begun = 0
        self.stats = CaptureStats(0, 0, 0, interface_up=True)
        self.snapshot: Snapshot | None = None
        self.outcomes: Counter[str] = Counter()
        self._wire = 0
        self._seconds: deque[_Second] = deque(maxlen=WINDOW_S + 1)
        self._durations: deque[tuple[int, int]] = deque(maxlen=MAX_DURATIONS)

    def tick(self, now_ns: int, stats: CaptureStats, snapshot: Snapshot | None = None) -> None:
        """Take the time and the state of the capture."""
        self.now = now_ns
        self.begun = self.begun or now_ns
        self._second().packets += max(0, stats.received - self.stats.received)
        self.stats = stats
        if snapshot is not None:
            wire = sum(side["wire_bytes"] for side in snapshot.ledger)
            self._second().wire += max(0, wire - self._wire)
            self._wire = wire
            self.snapshot = snapshot

    def _second(self) -> _Second:
        at = self.now // _NS
        if not self._seconds or self._seconds[-1].at != at:
            if self._seconds and self._seconds[-1].at > at:  # the clock was set back
                self._seconds.clear()
                self._durations.clear()
            self._seconds.append(_Second(at))
        return self._seconds[-1]

    def messages(self, directions: Integers, payload: Integers) -> None:
        """Count messages, by direction (0 client, 1 server) and bytes of each."""
        second = self._second()
        for side in (0, 1):
            second.messages[side] += int(np.count_nonzero(directions == side))
            second.payload[side] += int(payload[directions == side].sum())

    def handshake(self, outcome: str, nanoseconds: int | None) -> None:
        """Count an attempt to open a connection, and how long it took."""
        self._second().handshakes += 1
        self.outcomes[outcome] += 1
        if outcome == "accepted" and nanoseconds is not None:
            self._durations.append((self.now, nanoseconds))

    # --- figures

    def _since(self, seconds: int) -> list[_Second]:
        begin = self.now // _NS - seconds
        return [each for each in self._seconds if begin <= each.at < self.now // _NS]

    @property
    def span(self) -> int:
        """How many whole seconds a rate goes over."""
        return max(1, min(RATE_S, self.now // _NS - self.begun // _NS))

    def messages_per_s(self, side: int) -> float:
        """Messages of a direction per second."""
        return sum(each.messages[side] for each in self._since(self.span)) / self.span

    def bytes_per_s(self, side: int) -> float:
        """Bytes of their payload per second."""
        return sum(each.payload[side] for each in self._since(self.span)) / self.span

    def handshakes_per_s(self) -> float:
        """Upgrade attempts per second, refused ones too."""
        return sum(each.handshakes for each in self._since(self.span)) / self.span

    def packets_per_s(self) -> float:
        """Packets per second."""
        return sum(each.packets for each in self._since(self.span)) / self.span

    def course(self, side: int, seconds: int) -> list[int]:
        """Messages of a direction in each of the last whole seconds, the latest last."""
        by_second = {each.at: each.messages[side] for each in self._seconds}
        end = self.now // _NS
        return [by_second.get(at, 0) for at in range(end - seconds, end)]

    def handshake_times(self) -> tuple[float, float] | None:
        """Median and 95th percentile (ns) of accepted handshakes in the window."""
        begin = self.now - WINDOW_S * _NS
        kept = [length for at, length in self._durations if at >= begin]
        if not kept:
            return None
        median, worse = np.quantile(np.array(kept), [0.5, 0.95]).tolist()
        return median, worse

    def shares(self) -> list[tuple[str, int]]:
        """Bytes on the wire by part of the ledger, the largest first; none without any."""
        if self.snapshot is None:
            return []
        client, server = self.snapshot.ledger
        sums = [(name, client[name] + server[name]) for name in LEDGER_PARTS]
        return sorted((each for each in sums if each[1] > 0), key=lambda each: -each[1])

    def polling(self) -> tuple[PollCost, float] | None:
        """What short polling would take per second, and what WebSocket takes for the same.

        Both go over the last seconds: of WebSocket all packets count, as they were captured.
        """
        shot = self.snapshot
        if shot is None or shot.poll_heads is None or not shot.connections:
            return None
        both = {name: shot.ledger[0][name] + shot.ledger[1][name] for name in shot.ledger[0]}
        if not both["packets"]:
            return None
        headers = both["link_bytes"] + both["ip_bytes"] + both["tcp_bytes"]
        payload = self.bytes_per_s(0) + self.bytes_per_s(1)
        cost = poll_cost(
            connections=shot.connections,
            client_messages=self.messages_per_s(0),
            payload=payload,
            heads=shot.poll_heads,
            packet_header=headers / both["packets"],
            interval_s=self.interval_s,
        )
        return cost, self.wire_per_s()

    def wire_per_s(self) -> float:
        """Bytes of WebSocket connections on the wire per second."""
        return sum(each.wire for each in self._since(self.span)) / self.span
