"""The series: what happened in each second, from the rows of other tables.

Knows rows of connections, handshakes and messages. Must not know packets. Fed by the pipeline
where a report is written; gives its rows when the capture ends. Sums are the same in whatever
order rows come: they leave the analysis as they are complete.

Memory is bounded twice. Where intervals become too many, each two become one, again and again.
Delays are kept as they are up to a number; of more it is counted how many lie in each class of
1.1 %, so that medians are as exact.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.options import Options
from analyzer.tables.chosen import numbers_of
from analyzer.tables.declare import TableRows
from analyzer.tables.legs import without
from analyzer.tables.schema import DIRECTIONS, SERIES

_SUMS = ("messages", "payload_bytes", "wire_bytes")
_CLASSES = 64
"""Classes of delays to a doubling."""
_ZERO = -1
"""Class of a delay of 0 ns: the whole message in one packet."""

Integers = npt.NDArray[np.int64]


class _Interval:
    """Sums of one interval: by direction in the order of _SUMS, and delays."""

    __slots__ = ("classes", "delays", "sums")

    def __init__(self) -> None:
        self.sums = [0] * (len(_SUMS) * len(DIRECTIONS))
        # Of 8 bytes each: live, a batch brings few, and arrays of their own would weigh more.
        self.delays = array("q")
        self.classes: Counter[int] = Counter()

    def join(self, other: _Interval) -> None:
        self.sums = [a + b for a, b in zip(self.sums, other.sums, strict=True)]
        self.delays += other.delays
        self.classes.update(other.classes)


class Series:
    """Adds up rows by time.

    Args:
        options: length of an interval, and limits.
        only: connections that count; None: all.
        left_out: connections whose messages another leg of their conversation counts.
    """

    def __init__(
        self, options: Options, only: Collection[int] | None, left_out: Collection[int]
    ) -> None:
        self._every = max(1, round(options.series_every_s * 1e9))
        self._most = options.max_series_rows
        self._most_delays = options.max_series_delays
        self._only = numbers_of(only)
        self._left_out = left_out
        self._intervals: dict[int, _Interval] = {}
        self._handshakes: Counter[int] = Counter()
        self._opened: Counter[int] = Counter()
        self._closed: Counter[int] = Counter()
        self._first: int | None = None
        self._last = 0
        self._delays = 0

    def add(self, rows: TableRows) -> None:
        """Take some rows of a table."""
        take = {
            "messages": self._messages,
            "handshakes": self._attempts,
            "connections": self._connections,
        }.get(rows.table.name)
        if take is None or not rows.count:
            return
        take(rows)
        while self._first is not None and self._last - self._first >= self._most:
            self._halve()

    def rows(self) -> TableRows:
        """Return the rows, one for each interval from the first to the last."""
        places = [] if self._first is None else range(self._first, self._last + 1)
        values: dict[str, Any] = {column.name: [] for column in SERIES.columns}
        began = ended = 0
        for place in places:
            began += self._opened[place]
            values["second"].append(place * self._every)
            values["connections_open"].append(began - ended)
            ended += self._closed[place]
            values["handshakes"].append(self._handshakes[place])
            one = self._intervals.get(place) or _Interval()
            for at, (name, side) in enumerate((n, d) for n in _SUMS for d in DIRECTIONS):
                values[f"{side}_{name}"].append(one.sums[at])
            median, late = _quantiles(one)
            values["delivery_us_median"].append(median)
            values["delivery_us_p95"].append(late)
            values["seconds"].append(self._every)
        columns = {name: np.array(some, np.int64) for name, some in values.items()}
        return TableRows(SERIES, columns, len(columns["second"]))

    # --- rows of other tables

    def _messages(self, rows: TableRows) -> None:
        if self._left_out:
            rows = without(rows, self._left_out)
        times = _numbers(rows, "time_first")
        wanted = (times != NULL) & self._chosen(rows)
        if not wanted.any():
            return
        places = times[wanted] // self._every
        sides = _numbers(rows, "direction")[wanted].clip(0)
        amounts = [np.ones(len(places), np.int64)]
        amounts += [_numbers(rows, name)[wanted].clip(0) for name in _SUMS[1:]]
        delays = _numbers(rows, "delivery_us")[wanted]
        self._span(places)
        order = np.argsort(places, kind="stable")
        cuts = np.flatnonzero(np.diff(places[order])) + 1
        for some in np.split(order, cuts):
            one = self._intervals.setdefault(int(places[some[0]]), _Interval())
            for at, amount in enumerate(amounts):
                for side in range(len(DIRECTIONS)):
                    part = amount[some[sides[some] == side]]
                    one.sums[at * len(DIRECTIONS) + side] += int(part.sum())
            known = delays[some]
            self._add_delays(one, known[known != NULL])

    def _add_delays(self, one: _Interval, delays: Integers) -> None:
        if not len(delays):
            return
        before, self._delays = self._delays, self._delays + len(delays)
        if self._delays <= self._most_delays:
            one.delays.frombytes(np.ascontiguousarray(delays, np.int64).tobytes())
            return
        if before <= self._most_delays:
            for each in self._intervals.values():
                each.classes.update(_classes(np.array(each.delays, np.int64)))
                del each.delays[:]
        one.classes.update(_classes(delays))

    def _attempts(self, rows: TableRows) -> None:
        self._count(self._handshakes, _numbers(rows, "started_at")[self._chosen(rows)])

    def _connections(self, rows: TableRows) -> None:
        chosen = self._chosen(rows)
        opened = _numbers(rows, "opened_at")[chosen]
        closed = _numbers(rows, "closed_at")[chosen]
        last = _numbers(rows, "client_last_at"), _numbers(rows, "server_last_at")
        # Still open at the end: as far as its packets show it.
        shown = np.where(closed == NULL, np.maximum(*last)[chosen], closed)
        known = opened != NULL
        self._count(self._opened, opened[known])
        self._count(self._closed, np.maximum(shown, opened)[known])

    def _chosen(self, rows: TableRows) -> npt.NDArray[np.bool_]:
        if self._only is None:
            return np.ones(rows.count, bool)
        return self._only.mask(_numbers(rows, "connection"))

    def _count(self, counter: Counter[int], times: Integers) -> None:
        places = times[times != NULL] // self._every
        self._span(places)
        counter.update(places.tolist())

    # --- the span of time

    def _span(self, places: Integers) -> None:
        if not len(places):
            return
        first, last = int(places.min()), int(places.max())
        self._last = last if self._first is None else max(self._last, last)
        self._first = first if self._first is None else min(self._first, first)

    def _halve(self) -> None:
        """Make one interval of each two."""
        joined: dict[int, _Interval] = {}
        for place, one in self._intervals.items():
            joined.setdefault(place // 2, _Interval()).join(one)
        self._intervals = joined
        for name in ("_handshakes", "_opened", "_closed"):
            counter: Counter[int] = Counter()
            for place, count in getattr(self, name).items():
                counter[place // 2] += count
            setattr(self, name, counter)
        assert self._first is not None
        self._first, self._last = self._first // 2, self._last // 2
        self._every *= 2


def _numbers(rows: TableRows, name: str) -> Integers:
    values: Any = rows.values[name]
    return np.asarray(values, np.int64)


def _classes(delays: Integers) -> list[int]:
    """Return the class of each delay."""
    found = np.floor(np.log2(delays.clip(1)) * _CLASSES).astype(np.int64)
    classes: list[int] = np.where(delays > 0, found, _ZERO).tolist()
    return classes


def _quantiles(one: _Interval) -> tuple[int, int]:
    """Return median and 95th percentile in ns; NULL without delays."""
    if one.delays:
        both = np.quantile(np.array(one.delays, np.int64), (0.5, 0.95))
        return round(float(both[0])), round(float(both[1]))
    if not one.classes:
        return NULL, NULL
    return _of_classes(sorted(one.classes.items()), one.classes.total(), (0.5, 0.95))


def _of_classes(
    classes: Iterable[tuple[int, int]], total: int, shares: tuple[float, float]
) -> tuple[int, int]:
    found: list[int] = []
    seen = 0
    for place, count in classes:
        seen += count
        middle = 0 if place == _ZERO else round(2 ** ((place + 0.5) / _CLASSES))
        while len(found) < len(shares) and seen >= math.ceil(shares[len(found)] * total):
            found.append(middle)
    return found[0], found[1]
