"""Rows of `http_groups`: what groups of plain HTTP exchanges delivered, and at what cost.

Adds up exchanges as their kinds become known. Knows exchanges; must not know how they were
distinguished. Used by tables.build.
"""

from __future__ import annotations

from collections.abc import Sequence

from analyzer import findings
from analyzer.columns import NULL
from analyzer.findings import Finding
from analyzer.http.delivery.polling import is_held
from analyzer.http.exchanges import Exchange
from analyzer.options import Options
from analyzer.tables.schema import HTTP_GROUPS, HTTP_KINDS, HTTP_TRANSPORTS, TableRows
from analyzer.tables.secrets import hide
from analyzer.tables.timing import Endpoints, columns_of

_MAX_INTERVALS = 512
"""Intervals of a group that are kept for their median; of more, every second, fourth, ... by
the number of the request, so that the order in which exchanges leave does not matter."""
_MAX_STREAMS = 256
"""TCP connections of a group that are remembered as counted."""


class _Group:
    """One group's sums."""

    __slots__ = (
        *("answered", "delayed", "delays", "empty", "ended", "first", "intervals", "kind"),
        *("message_bytes", "messages", "requests", "started", "step", "streams", "unchanged"),
        *("connections", "held", "held_most", "timed", "wire_bytes"),
    )

    def __init__(self, first: Exchange) -> None:
        self.first = first
        self.kind = first.kind
        self.requests = self.answered = self.empty = self.unchanged = 0
        self.messages = self.message_bytes = self.wire_bytes = 0
        self.delays = self.delayed = 0
        self.timed = self.held = self.held_most = 0
        self.connections = 0
        self.streams: dict[int, None] = {}
        self.started = self.ended = NULL
        self.intervals: dict[int, int] = {}
        self.step = 1

    def add(self, exchange: Exchange) -> None:
        """Add one exchange."""
        self.requests += 1
        self.answered += exchange.complete
        self.empty += exchange.empty
        self.unchanged += exchange.unchanged
        self.messages += exchange.messages
        self.message_bytes += exchange.message_bytes
        self.wire_bytes += exchange.wire_bytes
        self.timed += exchange.timed
        self.held += exchange.held
        self.held_most = max(self.held_most, exchange.held_most)
        wait = _wait(exchange)
        if wait is not None:
            self.delayed += exchange.messages
            self.delays += exchange.messages * wait
        begun = exchange.request_first_time
        last = max(exchange.request_last_time, exchange.response_last_time)
        if begun != NULL and (self.started == NULL or begun < self.started):
            self.started = begun
            self.first = exchange
        self.ended = max(self.ended, last)
        if NULL not in (begun, exchange.previous_start):
            self._add_interval(exchange.turn, begun - exchange.previous_start)
        stream = exchange.tcp.tcp_stream if exchange.tcp is not None else NULL
        if stream not in self.streams:
            self.connections += 1
            self.streams[stream] = None
            if len(self.streams) > _MAX_STREAMS:
                del self.streams[next(iter(self.streams))]

    def _add_interval(self, turn: int, interval: int) -> None:
        if turn % self.step:
            return
        self.intervals[turn] = interval
        while len(self.intervals) > _MAX_INTERVALS:
            self.step *= 2
            self.intervals = {
                each: kept for each, kept in self.intervals.items() if not each % self.step
            }


def _wait(exchange: Exchange) -> int | None:
    """Return how long (ns) the messages of an answer waited for it; None if not known.

    A poll brings what came up since the answer before left: half of that time. A long poll
    that was held ends with the message; else it brings what came up while no request was
    open. What streams does not wait.
    """
    if not exchange.messages:
        return None
    if exchange.kind in ("stream", "sse"):
        return 0
    if exchange.kind == "long-poll" and is_held(exchange):
        return 0
    since = exchange.previous_answer
    if since == NULL:
        return None
    until = exchange.response_first_time if exchange.kind == "poll" else exchange.request_last_time
    return max(0, until - since) // 2


class HttpGroups:
    """The sums of all groups; bounded."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._groups: dict[int, _Group] = {}
        self._limited = self._told = False

    def push(self, exchanges: Sequence[Exchange]) -> TableRows:
        """Add exchanges; return the rows that must leave.

        The group that got none for longest leaves first; if one comes after all, it has
        another row.
        """
        left = []
        for exchange in exchanges:
            if exchange.group < 0 or exchange.tcp is None:
                continue
            group = self._groups.pop(exchange.group, None) or _Group(exchange)
            self._groups[exchange.group] = group
            group.add(exchange)
            # With each exchange: where a batch ends must not matter.
            if len(self._groups) > self._options.max_http_groups:
                self._limited = True
                oldest = next(iter(self._groups))
                left.append(self._cells(oldest, self._groups.pop(oldest)))
        return _rows(left)

    def findings(self) -> list[Finding]:
        """Return that rows left early, once."""
        if not self._limited or self._told:
            return []
        self._told = True
        return [Finding(findings.HTTP_GROUPS_LIMIT)]

    def finish(self) -> TableRows:
        """Return the rows of all groups."""
        rows = [self._cells(number, self._groups[number]) for number in sorted(self._groups)]
        self._groups = {}
        return _rows(rows)

    def _cells(self, number: int, group: _Group) -> tuple[object, ...]:
        first, answered = group.first, group.answered
        assert first.tcp is not None
        # Loads a dozen modules, which a capture without plain HTTP does not need.
        from statistics import median, quantiles

        ends = Endpoints.of(first.tcp, first.client_side)
        path = first.path
        if path is not None:
            path = path.partition("?")[0]
            path = path if self._options.show_secrets else hide(path)
        host = first.host
        if host is not None and not self._options.show_secrets:
            host = hide(host)
        intervals = sorted(group.intervals.values())
        quarters = quantiles(intervals, n=4, method="inclusive") if len(intervals) > 1 else []
        return (
            number,
            HTTP_KINDS.index(group.kind),
            HTTP_TRANSPORTS.index(first.transport) if first.transport else -1,
            ends.client_ip,
            ends.server_ip,
            ends.server_port,
            host,
            path,
            group.connections,
            group.requests,
            answered,
            group.empty,
            group.unchanged,
            (group.empty + group.unchanged) / answered if answered else float("nan"),
            group.messages,
            group.message_bytes,
            group.wire_bytes,
            group.wire_bytes / group.messages if group.messages else float("nan"),
            round(median(intervals)) if intervals else NULL,
            round(quarters[2] - quarters[0]) if quarters else NULL,
            round(group.delays / group.delayed) if group.delayed else NULL,
            group.started,
            group.ended,
            group.timed,
            group.held,
            group.held_most if group.held else NULL,
        )


def _rows(rows: Sequence[tuple[object, ...]]) -> TableRows:
    return TableRows(HTTP_GROUPS, columns_of(HTTP_GROUPS.columns, rows), len(rows))
