"""Rows of `alternatives` and `scaling`, and the totals that they sum up to.

Knows costs and the schema. Must not know how costs are computed (alternatives.costs). Used by
alternatives.stage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives import lanes as layout
from analyzer.alternatives.accounts import SUMS, Cost
from analyzer.alternatives.coded import Coding, pooled
from analyzer.alternatives.conversations import Conversations, Ints
from analyzer.alternatives.costs import all_costs
from analyzer.alternatives.delays import add_delays, p95_ms
from analyzer.alternatives.evidence import Ended
from analyzer.alternatives.gzip_rows import DEFLATE, GZIP, append_gzip
from analyzer.alternatives.lanes import Floats
from analyzer.alternatives.phases import Phases
from analyzer.alternatives.sampling import Samples
from analyzer.alternatives.sent import measured_in_gzip
from analyzer.alternatives.totals import MEASURED, MOST, Total, scaling_rows, total_rows
from analyzer.alternatives.websocket_costs import compressing_websocket
from analyzer.columns import NULL, distinct
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options
from analyzer.tables.lazy_columns import LazyColumns
from analyzer.tables.schema import (
    ALTERNATIVES,
    SCOPES,
    SOURCES,
    TRANSPORTS,
    TableRows,
    Values,
)

_CONNECTION, _SESSION, _SERVICE = map(SCOPES.index, ("connection", "session", "service"))
_TOTALS: Final = {
    _CONNECTION: SCOPES.index("connections"),
    _SESSION: SCOPES.index("sessions"),
    _SERVICE: SCOPES.index("services"),
}
_CALLS: Final = "request"
"""What a service really did."""
_OBSERVED, _MODELLED = SOURCES.index("observed"), SOURCES.index("modelled")


@dataclass(slots=True)
class _Line:
    """One transport's rows for many connections, before they are rounded."""

    transport: str
    interval: Ints
    source: npt.NDArray[np.int8]
    sums: dict[str, Floats]
    tcp_connections: Floats
    empty_polls: Floats | None
    per_message: Floats
    steady: dict[str, Floats]
    has_delay: bool
    delay: Floats
    delays: npt.NDArray[Any] | None
    delay_range: Floats
    phases: Phases | None = None
    gzip: dict[str, Floats] = field(default_factory=dict)
    superseded: tuple[Floats, Floats] | None = None
    kinds_known: npt.NDArray[np.int8] = field(init=False)
    client: npt.NDArray[np.int8] = field(init=False)
    compressed: npt.NDArray[np.int8] = field(init=False)

    def __post_init__(self) -> None:
        self.compressed = np.full(len(self.interval), -1, np.int8)
        self.kinds_known = np.full(len(self.interval), -1, np.int8)
        self.client = np.full(len(self.interval), -1, np.int8)

    @property
    def coding(self) -> int:
        """Place in CODINGS of what its gzip_ columns have."""
        return DEFLATE if self.transport == "websocket" else GZIP

    @property
    def compressed_sums(self) -> dict[str, Floats]:
        """What bodies in gzip are compared with: a modelled WebSocket that compresses, if known."""
        names = ("application_bytes", "wire_bytes")
        unknown = np.full(len(self.interval), np.nan)
        both = {name: self.gzip.get(name, unknown) for name in names}
        return {
            name: np.where(np.isfinite(both[name]), both[name], self.sums[name]) for name in names
        }

    def delivered(self, messages: Ints, payload: Ints) -> tuple[Ints, Ints]:
        """Return messages and payload that it brings, of all that there are."""
        if self.superseded is None:
            return messages, payload
        missed = [np.rint(each).astype(np.int64) for each in self.superseded]
        return messages - missed[0], payload - missed[1]


class RowMaker:
    """Makes rows, and keeps the totals of all that it made."""

    def __init__(self, options: Options, intervals: Sequence[int]) -> None:
        self._options = options
        self._intervals = intervals
        self._totals: dict[int, dict[tuple[str, int], Total]] = {scope: {} for scope in _TOTALS}
        self._pool: Samples | None = None

    def rows(self, ended: Ended) -> list[TableRows]:
        """Return the rows of connections, or of sessions of one kind."""
        scope = _CONNECTION
        if ended.kind:
            scope = _SERVICE if ended.kind == _CALLS else _SESSION
        known = _conversations(ended, keep_alive=self._options.keep_alive)
        known.coding = self._coding(ended)
        answered = ended.answered if ended.kind else np.zeros(len(ended), np.int64)
        modelled = compressing_websocket(known, answered.astype(np.float64))
        if scope == _CONNECTION:
            known = known.with_replies()
        # What only asks has nothing to poll for.
        others = all_costs(known, self._intervals) if scope != _SERVICE else []
        costs = [modelled, *others]
        lines = [_modelled_line(cost) for cost in costs]
        if scope == _CONNECTION:
            _measure(lines[0], ended, known)
            lines[0].gzip = {}
        else:
            lines = [line for line in lines if line.transport != ended.kind or _polls(line)]
            lines.insert(1, _session_line(ended, known))
        for line in lines:
            if line.superseded is not None and len(ended.named):
                line.kinds_known[:] = ended.named
            if line.transport != "websocket":
                line.client = np.where(line.source == _MODELLED, known.clients, -1).astype(np.int8)
        self._add(scope, lines, known)
        return [_table_rows(scope, ended, known, lines)]

    def _coding(self, ended: Ended) -> Coding | None:
        """Return what gzip makes of bodies, by samples of these and all before."""
        if not ended.samples.shape[-1]:
            return None
        block = pooled(ended.samples)
        self._pool = block if self._pool is None else pooled(np.stack([self._pool, block]))
        accepted = np.array([heads.gzip for heads in ended.heads], bool)
        return Coding(ended.samples, self._pool, accepted)

    def _add(self, scope: int, lines: Sequence[_Line], known: Conversations) -> None:
        pushes, answered = known.lane(layout.PUSHES)["messages"], known.server_messages
        delivered = _delivered(known)
        timed = known.duration > 0
        for line in lines:
            # Real polls have an interval each, modelled ones the same.
            measured = line.source[0] == MEASURED
            key = (line.transport, NULL if measured else int(line.interval[0]))
            one = self._totals[scope].setdefault(key, Total())
            for name in SUMS:
                # As the rows have it: a compressed body may be shorter than its messages.
                one.sums[name] += float(np.maximum(line.sums[name], 0).sum())
                one.ours[name] += float(np.maximum(lines[0].sums[name], 0).sum())
                one.steady[name] += float(np.maximum(line.steady[name][timed], 0).sum())
            one.steady_count += int(np.count_nonzero(timed))
            messages, payload = (int(counts.sum()) for counts in line.delivered(*delivered))
            one.messages += messages
            one.pushes += int(pushes.sum())
            one.server_messages += int(answered.sum())
            one.payload += payload
            # Python's integers: clocks that jump give more than 2^63 ns in total.
            one.duration += sum(known.duration.tolist())
            one.tcp_connections += float(line.tcp_connections.sum())
            if line.empty_polls is not None:
                one.empty_polls = (one.empty_polls or 0.0) + float(line.empty_polls.sum())
            one.weighted += float((line.per_message * pushes).sum())
            one.ours_weighted += float((lines[0].per_message * pushes).sum())
            one.source = max(one.source, int(line.source.max()))
            one.kinds_known = max(one.kinds_known, int(line.kinds_known.max()))
            one.compressed = max(one.compressed, int(line.compressed.max()))
            one.clients.update(distinct(line.client).tolist())
            one.has_delay &= line.has_delay
            # Of real polls only the mean is known.
            one.has_p95 &= line.delays is not None or not line.delay.any()
            one.delay += float(line.delay.sum())
            add_delays(one.bins, line)
            one.gzip.add(line.gzip, line.sums, lines[0].compressed_sums)
            if line.phases is not None:
                one.phases.add(line.phases)

    def totals(self) -> list[TableRows]:
        """Return the rows of the totals, and those of `scaling`."""
        out = []
        for scope, totals in self._totals.items():
            if totals:
                out.append(total_rows(_TOTALS[scope], totals))
                if self._options.clients:
                    out.append(scaling_rows(_TOTALS[scope], totals, self._options.clients))
        return out


def _delivered(known: Conversations) -> tuple[Ints, Ints]:
    """Return messages and payload bytes of each connection, both ways."""
    lanes = (known.lane(number) for number in (layout.POSTS, layout.PUSHES, layout.REPLIES))
    counts = [(lane["messages"], lane["payload_bytes"]) for lane in lanes]
    messages: Ints = sum((count for count, _ in counts), np.zeros(len(known.heads), np.int64))
    payload: Ints = sum((size for _, size in counts), np.zeros(len(known.heads), np.int64))
    return messages, payload


def _conversations(ended: Ended, *, keep_alive: bool) -> Conversations:
    return Conversations(
        duration=ended.duration,
        shared=ended.shared,
        lanes=ended.lanes,
        sizes=ended.sizes,
        delays=ended.delays,
        wire=ended.wire,
        heads=ended.heads,
        latest=ended.latest,
        buffer_ns=ended.buffer_ns,
        keep_alive=keep_alive,
    )


# --- lines ---------------------------------------------------------------------------


def _modelled_line(cost: Cost) -> _Line:
    count = len(cost.tcp_connections)
    zeros = np.zeros(count)
    polls = cost.transport.startswith(("short-poll", "long-poll"))
    return _Line(
        cost.transport,
        np.full(count, cost.interval or NULL, np.int64),
        np.where(cost.observed, _OBSERVED, _MODELLED).astype(np.int8),
        cost.sums,
        cost.tcp_connections,
        cost.empty_polls if polls else None,
        cost.per_message,
        cost.steady,
        cost.has_delay,
        cost.delay if len(cost.delay) else zeros,
        cost.delays,
        cost.delay_range.astype(np.float64) if len(cost.delay_range) else zeros,
        cost.phases,
        cost.gzip,
        cost.superseded,
    )


def _measure(line: _Line, ended: Ended, known: Conversations) -> None:
    """Replace modelled figures with measured ones."""
    measured = ended.measured
    span = np.where(known.duration > 0, known.seconds, np.nan)
    line.source[:] = MEASURED
    line.compressed[:] = ended.compressed if len(ended.compressed) else -1
    line.sums = {name: measured[name].astype(np.float64) for name in SUMS}
    line.tcp_connections = measured["tcp_connections"].astype(np.float64)
    line.steady = {name: measured[f"steady_{name}"] / span for name in SUMS if name != "requests"}
    line.steady["requests"] = np.zeros(len(ended))


def _polls(line: _Line) -> bool:
    return line.transport == "short-poll"


def _session_line(ended: Ended, known: Conversations) -> _Line:
    """Return the line of what sessions of one kind really did."""
    count = len(ended)
    pushes = known.lane(layout.PUSHES)["messages"].astype(np.float64)
    line = _Line(
        transport=ended.kind,
        interval=ended.interval,
        source=np.zeros(count, np.int8),
        sums={},
        tcp_connections=np.zeros(count),
        empty_polls=None,
        per_message=np.zeros(count),
        steady={},
        has_delay=True,
        delay=ended.delay,
        delays=None,
        delay_range=np.zeros(count),
    )
    _measure(line, ended, known)
    line.gzip = measured_in_gzip(ended, known)
    if ended.kind.endswith("-poll"):
        line.empty_polls = ended.empty_polls.astype(np.float64)
    spans = np.where(known.duration > 0, known.seconds, np.nan)
    line.steady["requests"] = line.sums["requests"] / spans
    line.per_message = line.sums["wire_bytes"] / np.maximum(pushes, 1)
    return line


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def _break_even(line: _Line, ours: _Line, pushes: Floats, seconds: Floats) -> Floats:
    """Return messages of the server a second at which both cost the same; nan if nowhere."""
    here = line.sums["wire_bytes"] - pushes * line.per_message
    there = ours.sums["wire_bytes"] - pushes * ours.per_message
    rate = _crossing(here - there, ours.per_message - line.per_message, seconds)
    # Where the server only answers there is no rate of its own to speak of.
    return np.where(pushes > 0, rate, np.nan)


def _crossing(fixed: Floats, each: Floats, seconds: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = fixed / each / seconds
    return np.where(np.isfinite(rate) & (rate > 0), rate, np.nan)


def _mean_ms(line: _Line, pushes: Floats) -> Floats:
    if not line.has_delay:
        return np.full(len(pushes), np.nan)
    return np.where(pushes > 0, line.delay / np.maximum(pushes, 1) / 1e6, np.nan)


# --- tables --------------------------------------------------------------------------


def _rounded(values: Any) -> npt.NDArray[np.int64]:
    return np.rint(np.clip(np.asarray(values, np.float64), 0, MOST)).astype(np.int64)


def _table_rows(
    scope: int, ended: Ended, known: Conversations, lines: Sequence[_Line]
) -> TableRows:
    """Return the lines as rows: connection after connection, transport after transport.

    A summary looks at no row of a connection: but for their scope they are made when one is read.
    """
    count = len(ended) * len(lines)
    made: dict[str, Values] = {}

    def column(name: str) -> Values:
        if not made:
            made.update(_columns(ended, known, lines))
        return made[name]

    makers: dict[str, Callable[[], Values]] = {
        each.name: partial(column, each.name) for each in ALTERNATIVES.columns
    }
    makers["scope"] = lambda: np.full(count, scope, np.int8)
    return TableRows(ALTERNATIVES, LazyColumns(makers), count)


def _columns(ended: Ended, known: Conversations, lines: Sequence[_Line]) -> dict[str, Values]:
    """Return the columns of rows, all but their scope."""
    count = len(ended)
    pushes = known.lane(layout.PUSHES)["messages"].astype(np.float64)
    messages, payload = _delivered(known)
    served = known.server_messages
    ours = lines[0]
    seconds = known.seconds
    span = np.where(seconds > 0, seconds, np.nan)
    columns: dict[str, list[Any]] = {column.name: [] for column in ALTERNATIVES.columns}
    for line in lines:
        columns["transport"].append(np.full(count, TRANSPORTS.index(line.transport), np.int8))
        columns["interval_s"].append(line.interval)
        columns["source"].append(line.source)
        for name in SUMS:
            columns[name].append(_rounded(line.sums[name]))
        for name in ("application", "wire"):
            whole = ours.sums[f"{name}_bytes"]
            columns[f"ratio_{name}"].append(_ratio(line.sums[f"{name}_bytes"], whole))
        columns["added_latency_ms_mean"].append(_mean_ms(line, served))
        columns["added_latency_ms_p95"].append(p95_ms(line, served))
        _append_phases(columns, line, served)
        append_gzip(columns, line.gzip, ours.compressed_sums, line.coding)
        columns["compressed"].append(line.compressed)
        columns["kinds_known"].append(line.kinds_known)
        columns["client"].append(line.client)
        brought = line.delivered(messages, payload)
        columns["messages"].append(brought[0])
        columns["payload_bytes"].append(brought[1])
        empty = line.empty_polls
        columns["empty_polls"].append(
            np.full(count, NULL, np.int64) if empty is None else _rounded(empty)
        )
        columns["tcp_connections"].append(_rounded(line.tcp_connections))
        columns["requests_per_s"].append(line.sums["requests"] / span)
        columns["application_bytes_per_s"].append(line.sums["application_bytes"] / span)
        columns["wire_bytes_per_s"].append(line.sums["wire_bytes"] / span)
        columns["wire_bytes_per_message"].append(
            _ratio(line.sums["wire_bytes"], line.delivered(messages, payload)[0].astype(np.float64))
        )
        comparable = line is not ours and (line.source[0] != MEASURED)
        columns["break_even_per_s"].append(
            _break_even(line, ours, pushes, span) if comparable else np.full(count, np.nan)
        )
    ids = {
        "connection": ended.connection,
        "session": ended.session,
        "duration_s": known.duration,
    }
    for name, values in ids.items():
        columns[name] = [np.asarray(values, np.int64)] * len(lines)
    # By connection first: stacked as (lines, connections), read the other way round.
    return {name: np.stack(parts).T.reshape(-1).copy() for name, parts in columns.items() if parts}


def _append_phases(columns: dict[str, list[Any]], line: _Line, served: Floats) -> None:
    """Append the columns of what depends on the client's phase; null of what does not."""
    count = len(served)
    if line.phases is None:
        for name in ("requests_p5", "requests_p95"):
            columns[name].append(np.full(count, NULL, np.int64))
        for name in ("added_latency_ms_phase_p5", "added_latency_ms_phase_p95"):
            columns[name].append(np.full(count, np.nan))
        return
    requests, delay = line.phases.spreads
    columns["requests_p5"].append(_rounded(requests.p5))
    columns["requests_p95"].append(_rounded(requests.p95))
    for name, values in (("p5", delay.p5), ("p95", delay.p95)):
        columns[f"added_latency_ms_phase_{name}"].append(np.where(served > 0, values / 1e6, np.nan))
