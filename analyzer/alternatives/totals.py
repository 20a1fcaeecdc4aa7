"""Totals of `alternatives`: what rows of connections sum up to, and `scaling` by them.

Knows the schema. Must not know costs. Used by alternatives.rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from analyzer.alternatives.accounts import SUMS
from analyzer.alternatives.delays import MAX_BINS, bins_p95_ms
from analyzer.alternatives.gzip_rows import DEFLATE, GZIP, GzipSum
from analyzer.alternatives.lanes import Floats
from analyzer.alternatives.phases import TotalPhases
from analyzer.columns import NULL
from analyzer.lazy_dataclass import dataclass, field
from analyzer.tables.schema import (
    ALTERNATIVES,
    SCALING,
    SOURCES,
    TRANSPORTS,
    Table,
    TableRows,
    Values,
)
from analyzer.tables.timing import columns_of

MEASURED: Final = SOURCES.index("measured")
MOST: Final = 2**62  # of a column's value
_DAY_S: Final = 86_400


@dataclass(slots=True)
class Total:
    """One transport's line of totals.

    Sessions of plain HTTP do not all have the same lines: each line knows what WebSocket
    takes for those that it sums up.
    """

    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SUMS, 0.0))
    ours: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SUMS, 0.0))
    steady: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SUMS, 0.0))
    steady_count: int = 0
    messages: int = 0
    pushes: int = 0
    server_messages: int = 0
    payload: int = 0
    duration: int = 0
    tcp_connections: float = 0.0
    empty_polls: float | None = None
    weighted: float = 0.0
    ours_weighted: float = 0.0
    delay: float = 0.0
    has_delay: bool = True
    has_p95: bool = True
    source: int = MEASURED
    bins: Floats = field(default_factory=lambda: np.zeros(MAX_BINS))
    phases: TotalPhases = field(default_factory=TotalPhases)
    gzip: GzipSum = field(default_factory=GzipSum)
    compressed: int = -1
    kinds_known: int = -1
    clients: set[int] = field(default_factory=set)


def total_rows(scope: int, totals: Mapping[tuple[str, int], Total]) -> TableRows:
    """Return a row for each transport and interval.

    Args:
        scope: its place in SCOPES.
        totals: by transport and interval, ns; NULL for those that do not poll.
    """
    rows = [_total_row(scope, *key, line) for key, line in totals.items()]
    return TableRows(ALTERNATIVES, _columns(rows, ALTERNATIVES), len(rows))


def _total_row(scope: int, transport: str, interval: int, line: Total) -> dict[str, Any]:
    seconds = line.duration / 1e9
    fixed = line.sums["wire_bytes"] - line.weighted - line.ours["wire_bytes"] + line.ours_weighted
    each = (line.ours_weighted - line.weighted) / max(line.pushes, 1)
    comparable = transport != "websocket" and line.source != MEASURED
    rate = fixed / each / seconds if comparable and each and seconds else 0.0
    delayed = line.server_messages > 0 and line.has_delay
    p95 = float("nan")
    if delayed and line.has_p95:
        p95 = bins_p95_ms(line.bins, line.server_messages)
    return {
        "connection": NULL,
        "transport": TRANSPORTS.index(transport),
        "interval_s": interval,
        "source": line.source,
        **{name: min(round(line.sums[name]), MOST) for name in SUMS},
        "ratio_application": _over(line, "application_bytes"),
        "ratio_wire": _over(line, "wire_bytes"),
        "added_latency_ms_mean": line.delay / line.server_messages / 1e6
        if delayed
        else float("nan"),
        "added_latency_ms_p95": p95,
        "empty_polls": NULL if line.empty_polls is None else round(line.empty_polls),
        "scope": scope,
        "session": NULL,
        "tcp_connections": round(line.tcp_connections),
        "messages": line.messages,
        "payload_bytes": line.payload,
        "duration_s": min(line.duration, MOST),
        "requests_per_s": _per(line.sums["requests"], seconds),
        "application_bytes_per_s": _per(line.sums["application_bytes"], seconds),
        "wire_bytes_per_s": _per(line.sums["wire_bytes"], seconds),
        "wire_bytes_per_message": _per(line.sums["wire_bytes"], line.messages),
        "break_even_per_s": rate if rate > 0 and line.pushes else float("nan"),
        **line.phases.columns(line.server_messages),
        **line.gzip.columns(DEFLATE if transport == "websocket" else GZIP),
        "compressed": line.compressed,
        "kinds_known": line.kinds_known,
        # One for all, or none.
        "client": next(iter(line.clients)) if len(line.clients) == 1 else -1,
    }


def _per(count: float, of: float) -> float:
    return count / of if of else float("nan")


def _over(line: Total, name: str) -> float:
    return line.sums[name] / line.ours[name] if line.ours[name] else float("nan")


def scaling_rows(
    scope: int, totals: Mapping[tuple[str, int], Total], clients: Sequence[int]
) -> TableRows:
    """Return a row for each transport and number of clients."""
    rows = []
    for (transport, interval), line in totals.items():
        each = 1 / line.steady_count if line.steady_count else float("nan")
        for number in clients:
            rates = {name: value * each * number for name, value in line.steady.items()}
            rows.append(
                {
                    "scope": scope,
                    "transport": TRANSPORTS.index(transport),
                    "interval_s": interval,
                    "source": line.source,
                    "clients": number,
                    "requests_per_s": rates["requests"],
                    "packets_per_s": rates["packets"],
                    "header_bits_per_s": 8 * rates["header_bytes"],
                    "application_bits_per_s": 8 * rates["application_bytes"],
                    "wire_bits_per_s": 8 * rates["wire_bytes"],
                    "wire_mb_per_day": rates["wire_bytes"] * _DAY_S / 1e6,
                }
            )
    return TableRows(SCALING, _columns(rows, SCALING), len(rows))


def _columns(rows: Sequence[dict[str, Any]], table: Table) -> Mapping[str, Values]:
    cells = [[row[column.name] for column in table.columns] for row in rows]
    return columns_of(table.columns, cells)
