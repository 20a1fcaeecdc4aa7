"""Replies that took far longer than usual.

Knows rows of `calls`. Called by the stage through rules.RULES.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

from analyzer.columns import NULL
from analyzer.diagnosis import causes
from analyzer.diagnosis.causes import Diagnosis
from analyzer.diagnosis.evidence import MOST, packets, side_name
from analyzer.diagnosis.facts import codes, numbers
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options
from analyzer.tables.samples import Samples
from analyzer.tables.schema import TableRows
from analyzer.wording import duration, number, plural, printable

_Slow = tuple[int, int, int, int]
"""A slow reply: its time in ns, negative so that the slowest comes first; packet, connection,
request."""


@dataclass(slots=True)
class _Name:
    """Calls of one name and caller."""

    replies: Samples
    slow: list[_Slow] = field(default_factory=list)
    slow_count: int = 0
    slow_total: int = 0


class Replies:
    """Keeps how long calls of each name took, and the slowest of them.

    Args:
        options: limits and thresholds.

    Attributes:
        cut: calls of further names, which are not compared.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._bar = round(options.slow_reply_s * 1e9)
        self.cut = 0
        self._names: dict[tuple[str, str, int], _Name] = {}

    def add(self, rows: TableRows) -> None:
        """Take rows of `calls`."""
        inner = cast("Sequence[str]", rows.values["inner"])
        names = cast("Sequence[str]", rows.values["name"])
        callers = codes(rows, "caller").tolist()
        waits = numbers(rows, "reply_us")
        places: dict[tuple[str, str, int], list[int]] = {}
        for place in np.flatnonzero(waits != NULL).tolist():
            places.setdefault((inner[place], names[place], callers[place]), []).append(place)
        for key, some in places.items():
            self._add(key, waits[some], rows, some)

    def _add(self, key: tuple[str, str, int], waits: Any, rows: TableRows, some: list[int]) -> None:
        kept = self._names.get(key)
        if kept is None:
            if len(self._names) >= self._options.max_reply_names:
                self.cut += len(some)
                return
            kept = self._names[key] = _Name(Samples(_MOST_SAMPLES))
        kept.replies.add(waits, numbers(rows, "connection")[some])
        slow = np.flatnonzero(waits >= self._bar).tolist()
        kept.slow_count += len(slow)
        kept.slow_total += int(waits[slow].sum())
        for at in slow:
            place = some[at]
            cells = (
                numbers(rows, name)[place] for name in ("reply_packet", "connection", "request")
            )
            packet, connection, request = map(int, cells)
            kept.slow.append((-int(waits[at]), packet, connection, request))
        kept.slow = sorted(kept.slow)[:MOST]

    def diagnoses(self) -> Iterator[Diagnosis]:
        """Yield one for each name some of whose replies are slow and most are not."""
        for (inner, name, caller), kept in sorted(self._names.items()):
            if not kept.slow_count or kept.replies.count < self._options.slow_reply_calls:
                continue
            usual = kept.replies.median
            if -kept.slow[0][0] >= self._options.slow_reply_times * usual:
                yield _diagnosis(inner, name, caller, kept, usual)


_MOST_SAMPLES = 4096


def _diagnosis(inner: str, name: str, caller: int, kept: _Name, usual: float) -> Diagnosis:
    worst, packet, connection, request = kept.slow[0]
    return Diagnosis(
        cause=causes.SLOW_REPLY,
        text=f"{number(kept.slow_count)} of {plural(kept.replies.count, 'call')} of "
        f"{printable(name)} ({inner}) by {side_name(caller)} took long: the worst "
        f"{duration(-worst)}, reply in packet {packet}, where the median is {duration(usual)}.",
        connections=len({each[2] for each in kept.slow}),
        connection=connection,
        packet=packet,
        seconds=kept.slow_total,
        evidence={
            "packets": packets(each[1] for each in kept.slow),
            "connections": sorted({each[2] for each in kept.slow if each[2] != NULL}),
            "call": [connection, request] if connection != NULL else None,
            "calls": kept.replies.count,
            "slow": kept.slow_count,
            "worst_s": -worst / 1e9,
            "median_s": usual / 1e9,
        },
    )
