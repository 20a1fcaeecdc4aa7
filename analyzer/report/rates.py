"""What the live view shows, as numbers: rates over a sliding window, counts by connection.

Knows rows and time, not the terminal. Memory is bounded: seconds of the window, lines of open
connections, and the last messages of those that were busy last. Used by report.live_view.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import Any, Final

import numpy as np

from analyzer.alternatives.polls import PollCost, poll_cost
from analyzer.columns import NULL
from analyzer.lazy_dataclass import dataclass, field
from analyzer.report.observer import CaptureStats
from analyzer.tables.running import Snapshot
from analyzer.tables.schema import LEDGER_PARTS, TableRows
from analyzer.tables.summary import row_values

WINDOW_S: Final = 60
"""Seconds that are remembered, for quantiles and for the course of rates."""
RATE_S: Final = 5
"""Seconds that a rate goes over: fewer jump about, more lag behind."""
MAX_DURATIONS: Final = 8192
"""Handshakes of the window whose times are kept."""
MAX_RECENT: Final = 512
"""Connections whose last messages are kept; the one that was silent longest goes first."""
RECENT_MESSAGES: Final = 40
MAX_FINDINGS: Final = 50
MAX_LINES: Final = 65_536
"""Open connections with a line; the oldest loses its line first."""

_NS: Final = 1_000_000_000


@dataclass(slots=True)
class Line:
    """One open connection."""

    values: dict[str, Any]
    """Its row of `connections`, as it was opened."""
    messages: list[int] = field(default_factory=lambda: [0, 0])
    payload: list[int] = field(default_factory=lambda: [0, 0])
    last: int = 0
    """ns: when it had its last message."""


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
    """Computes current rates from rows.

    Args:
        interval_s: of the short polling that is modelled.
    """

    def __init__(self, interval_s: float = 1.0) -> None:
        self.interval_s = interval_s
        self.now = 0
        self.begun = 0
        self.stats = CaptureStats(0, 0, 0, interface_up=True)
        self.snapshot: Snapshot | None = None
        self.lines: OrderedDict[int, Line] = OrderedDict()
        self.recent: OrderedDict[int, deque[dict[str, Any]]] = OrderedDict()
        self.findings: deque[dict[str, Any]] = deque(maxlen=MAX_FINDINGS)
        self.finding_counts: Counter[str] = Counter()
        self.finding_at: dict[str, int] = {}
        self.outcomes: Counter[str] = Counter()
        self._wire = 0
        self._seconds: deque[_Second] = deque(maxlen=WINDOW_S + 1)
        self._durations: deque[tuple[int, int]] = deque(maxlen=MAX_DURATIONS)

    # --- rows

    def news(self, rows: TableRows) -> None:
        """Take early rows (Observer)."""
        if rows.table.name == "messages":
            self._messages(rows)
        elif rows.table.name == "handshakes":
            self._handshakes(rows)
        elif rows.table.name == "connections":
            for place in range(rows.count):
                values = row_values(rows, place)
                self.lines[values["connection"]] = Line(values, last=self.now)
                if len(self.lines) > MAX_LINES:
                    self.lines.popitem(last=False)

    def write(self, rows: TableRows) -> None:
        """Take final rows (Observer)."""
        if rows.table.name == "connections":
            for number in np.asarray(rows.values["connection"]).tolist():
                self.lines.pop(number, None)
        elif rows.table.name == "findings":
            for place in range(rows.count):
                row = row_values(rows, place)
                self.finding_counts[row["id"]] += row["count"] or 1
                self.findings.append(row)
                self.finding_at[row["id"]] = self.now

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

    def _messages(self, rows: TableRows) -> None:
        second = self._second()
        directions = np.asarray(rows.values["direction"], np.int64)
        payload = np.asarray(rows.values["payload_bytes"], np.int64)
        # What cannot be inflated counts as it was sent.
        payload = np.where(payload == NULL, np.asarray(rows.values["transfer_bytes"]), payload)
        numbers = np.asarray(rows.values["connection"], np.int64)
        for side in (0, 1):
            second.messages[side] += int(np.count_nonzero(directions == side))
            second.payload[side] += int(payload[directions == side].sum())
        unique, inverse = np.unique(numbers, return_inverse=True)
        places = 2 * inverse + directions
        counts = np.bincount(places, minlength=2 * len(unique)).tolist()
        sizes = np.bincount(places, weights=payload, minlength=2 * len(unique)).tolist()
        for at, number in enumerate(unique.tolist()):
            line = self.lines.get(number)
            if line is not None:
                line.last = self.now
                for side in (0, 1):
                    line.messages[side] += counts[2 * at + side]
                    line.payload[side] += int(sizes[2 * at + side])
        self._remember(rows, numbers)

    def _remember(self, rows: TableRows, numbers: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        """Keep the last messages: of a flood, the end."""
        for place in range(max(0, rows.count - 2 * RECENT_MESSAGES), rows.count):
            number = int(numbers[place])
            kept = self.recent.pop(number, None)
            if kept is None:
                kept = deque(maxlen=RECENT_MESSAGES)
            kept.append(
                {
                    "direction": int(np.asarray(rows.values["direction"])[place]),
                    "type": int(np.asarray(rows.values["type"])[place]),
                    "time_last": int(np.asarray(rows.values["time_last"])[place]),
                    "payload_bytes": int(np.asarray(rows.values["payload_bytes"])[place]),
                    "payload_preview": rows.values["payload_preview"][place],
                }
            )
            self.recent[number] = kept
            if len(self.recent) > MAX_RECENT:
                self.recent.popitem(last=False)

    def _handshakes(self, rows: TableRows) -> None:
        self._second().handshakes += rows.count
        for place in range(rows.count):
            row = row_values(rows, place)
            self.outcomes[row["outcome"]] += 1
            if row["outcome"] == "accepted" and row["total_us"] is not None:
                self._durations.append((self.now, row["total_us"]))

    # --- figures

    def _since(self, seconds: int) -> list[_Second]:
        begin = self.now // _NS - seconds
        return [each for each in self._seconds if begin <= each.at < self.now // _NS]

    def _span(self) -> int:
        """Return how many whole seconds a rate goes over."""
        return max(1, min(RATE_S, self.now // _NS - self.begun // _NS))

    def messages_per_s(self, side: int) -> float:
        """Messages of a direction per second."""
        return sum(each.messages[side] for each in self._since(self._span())) / self._span()

    def bytes_per_s(self, side: int) -> float:
        """Bytes of their payload per second."""
        return sum(each.payload[side] for each in self._since(self._span())) / self._span()

    def handshakes_per_s(self) -> float:
        """Upgrade attempts per second, refused ones too."""
        return sum(each.handshakes for each in self._since(self._span())) / self._span()

    def packets_per_s(self) -> float:
        """Packets per second."""
        return sum(each.packets for each in self._since(self._span())) / self._span()

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
        return sum(each.wire for each in self._since(self._span())) / self._span()
