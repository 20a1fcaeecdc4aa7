"""Two captures side by side: every figure of both, difference and ratio.

METRICS is the one list of what is compared, for the table, the terminal and
docs/tables.md; a further figure is a further line of it. Knows summaries. Must not know
where they come from or how they are shown (report.comparison does).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from analyzer.columns import NULL
from analyzer.findings import SEVERITIES
from analyzer.lazy_dataclass import dataclass, field
from analyzer.tables import delivered, schema
from analyzer.tables.delivered import NO_VALUE, Figure
from analyzer.tables.figures import Figures
from analyzer.tables.paths import Between
from analyzer.tables.samples import Samples
from analyzer.tables.schema import COMPARISON, COMPARISON_GROUPS, LEDGER_PARTS, TableRows
from analyzer.tables.summary import Summary

NOTABLE = 0.05
"""Smaller differences are called neither better nor worse: two runs of one program on
one machine differ by as much."""
FEW = 5
"""A median or a mean of fewer values says more about chance than about the capture."""
FEW_FOR_P95 = 20
"""Of fewer values the 95th percentile is little else than the worst."""

Unit = Literal["count", "bytes", "us", "s", "ratio"]


@dataclass(slots=True)
class Side:
    """What one of the two captures holds."""

    summary: Summary = field(default_factory=Summary)
    figures: Figures = field(default_factory=Figures)

    def message_sum(self, column: str, directions: Sequence[int]) -> int:
        """Return the sum of a column of `messages`, of senders 0 (client), 1 (server)."""
        counts = [*self.summary.messages, *self.figures.messages]
        return sum(counts[side + more][column] for side in directions for more in (0, 2))


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure that is compared.

    Attributes:
        name: stable; after the column that it comes from.
        group: of schema.COMPARISON_GROUPS.
        unit: of the value.
        text: in words, for people.
        of: takes the value from a side.
        enough: samples on both sides from which less of it is better; 0: neither more
            nor less is, or chance decides it.
        like: metric that must be alike on both sides for that: less bytes for a message
            that is itself shorter are no merit.
    """

    name: str
    group: str
    unit: Unit
    text: str
    of: Callable[[Side], Figure]
    enough: int = 0
    like: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """A metric with its values: A's, B's, and over how many samples each goes."""

    metric: Metric
    a: float | None
    b: float | None
    samples_a: int | None
    samples_b: int | None

    @property
    def difference(self) -> float | None:
        """B - A; None if one has no value."""
        return None if self.a is None or self.b is None else self.b - self.a

    @property
    def ratio(self) -> float | None:
        """B / A; None if one has no value, or A is 0."""
        return None if self.b is None or not self.a else self.b / self.a

    @property
    def founded(self) -> bool:
        """Whether both values rest on enough samples to call one the better."""
        fewest = min(self.samples_a or 0, self.samples_b or 0)
        return self.metric.enough > 0 and fewest >= self.metric.enough

    @property
    def notable(self) -> bool:
        """Whether the two differ by more than NOTABLE of the larger."""
        if self.a is None or self.b is None:
            return False
        return abs(self.b - self.a) > NOTABLE * max(abs(self.a), abs(self.b))


class Comparison:
    """All metrics of two captures.

    Attributes:
        lines: one for each of METRICS, in their order; by_name: by name of the metric.
        between: connections that are in both; None: not looked for.
    """

    def __init__(self, a: Side, b: Side, between: Between | None = None) -> None:
        self.sides = (a, b)
        self.between = between
        self.lines = [
            Compared(metric, left[0], right[0], left[1], right[1])
            for metric in METRICS
            for left, right in [(metric.of(a), metric.of(b))]
        ]
        self.by_name = {line.metric.name: line for line in self.lines}

    def verdict(self, line: Compared) -> Literal["better", "worse"] | None:
        """Return what B is, where that can be said: less, of enough samples, of like things."""
        if not line.founded or not line.notable:
            return None
        if line.metric.like and self.by_name[line.metric.like].notable:
            return None
        return "better" if (line.difference or 0) < 0 else "worse"

    def between_rows(self) -> list[TableRows]:
        """Return the rows of `paths` and `changes`."""
        return (
            [] if self.between is None else [self.between.paths_rows(), self.between.changes_rows()]
        )

    def rows(self) -> TableRows:
        """Return the rows of the table `comparison`."""
        lines, metrics = self.lines, [line.metric for line in self.lines]
        units = COMPARISON.columns[2].labels
        values: dict[str, schema.Values] = {
            "metric": [metric.name for metric in metrics],
            "group": np.array([COMPARISON_GROUPS.index(m.group) for m in metrics], np.int8),
            "unit": np.array([units.index(metric.unit) for metric in metrics], np.int8),
            "a": _floats([line.a for line in lines]),
            "b": _floats([line.b for line in lines]),
            "difference": _floats([line.difference for line in lines]),
            "ratio": _floats([line.ratio for line in lines]),
            "samples_a": _whole([line.samples_a for line in lines]),
            "samples_b": _whole([line.samples_b for line in lines]),
        }
        return TableRows(COMPARISON, values, len(lines))


def _floats(values: Sequence[float | None]) -> schema.Values:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _whole(values: Sequence[int | None]) -> schema.Values:
    return np.array([NULL if value is None else value for value in values], np.int64)


# --- what is compared --------------------------------------------------------------

BOTH = (0, 1)
_SENDERS = {"": BOTH, "client_": (0,), "server_": (1,)}
"""Prefix of a metric's name -> senders of its messages."""
_WHO = {"": "", "client_": ", client", "server_": ", server"}

_PHASES = {
    "tcp_us": "TCP connect",
    "tls_us": "TLS handshake",
    "upgrade_us": "upgrade",
    "total_us": "total",
    "first_message_us": "to first message",
}
_MESSAGE_PARTS = {
    "ws_header_bytes": "WebSocket headers",
    "http_bytes": "HTTP/2 framing",
    "tls_bytes": "TLS",
    "packet_header_bytes": "packet headers",
    "ack_bytes": "pure ACKs",
    "retransmitted_bytes": "sent again",
}
_LEDGER_NAMES = {
    "link_bytes": "link headers",
    "ip_bytes": "IP headers",
    "tcp_bytes": "TCP headers",
    "duplicate_bytes": "captured twice",
    "retransmitted_bytes": "sent again",
    "tls_bytes": "TLS",
    "http_bytes": "HTTP, the upgrade",
    "ws_header_bytes": "WebSocket headers",
    "ws_control_bytes": "ping, pong, close",
    "transfer_bytes": "message payload",
    "unparsed_bytes": "not understood",
}
_ENDINGS = {
    "clean": "closed cleanly",
    "fin": "FIN without Close frames",
    "reset": "reset",
    "timeout": "fell silent",
    "open": "still open",
}
_PAYLOAD = "payload_bytes_per_message"


def _count(name: str, group: str, text: str, of: Callable[[Side], int]) -> Metric:
    return Metric(name, group, "count", text, lambda side: (of(side), None))


def _total(name: str, group: str, unit: Unit, text: str, of: Callable[[Side], float]) -> Metric:
    return Metric(name, group, unit, text, lambda side: (of(side), None))


def _quantiles(
    name: str,
    group: str,
    text: str,
    of: Callable[[Side], Samples],
    *,
    judged: bool = True,
    like: str = "",
) -> Iterator[Metric]:
    """Yield median, 95th percentile and worst of times; the worst is chance."""

    def figure(value: Callable[[Samples], float]) -> Callable[[Side], Figure]:
        def take(side: Side) -> Figure:
            samples = of(side)
            return (value(samples) / 1000, samples.count) if samples.count else NO_VALUE

        return take

    enough = (FEW, FEW_FOR_P95) if judged else (0, 0)
    median, p95 = figure(lambda s: s.median), figure(lambda s: s.quantile(0.95))
    yield Metric(f"{name}_median", group, "us", f"{text}, median", median, enough[0], like)
    yield Metric(f"{name}_p95", group, "us", f"{text}, 95 %", p95, enough[1], like)
    yield Metric(f"{name}_worst", group, "us", f"{text}, worst", figure(lambda s: s.worst))


def _per_message(
    column: str, directions: Sequence[int], over: str = "messages"
) -> Callable[[Side], Figure]:
    def take(side: Side) -> Figure:
        count = side.message_sum(over, directions)
        return (side.message_sum(column, directions) / count, count) if count else NO_VALUE

    return take


def _overhead(directions: Sequence[int]) -> Callable[[Side], Figure]:
    def take(side: Side) -> Figure:
        wire = side.message_sum("wire_bytes", directions)
        if not wire:
            return NO_VALUE
        over = wire - side.message_sum("transfer_bytes", directions)
        return over / wire, side.message_sum("messages", directions)

    return take


def _ledger_share(part: str) -> Callable[[Side], Figure]:
    def take(side: Side) -> Figure:
        client, server = side.summary.ledger
        whole = client["wire_bytes"] + server["wire_bytes"]
        return (client[part] + server[part]) / whole if whole else None, None

    return take


def _compression(side: Side) -> Figure:
    counts = side.summary.compression
    payload, sent = counts["payload_bytes"], counts["transfer_bytes"]
    return (sent / payload, counts["messages"]) if payload else NO_VALUE


def _duration(side: Side) -> Figure:
    capture = side.summary.capture
    if NULL in (capture.first_time, capture.last_time):
        return None, None
    return (capture.last_time - capture.first_time) / 1e9, None


def _rate(of: Callable[[Side], int]) -> Callable[[Side], Figure]:
    """Return what a total is a second of the capture."""

    def take(side: Side) -> Figure:
        seconds, _ = _duration(side)
        return (of(side) / seconds if seconds else None), None

    return take


def _wire_a_day(side: Side) -> Figure:
    """Return what the capture's rate makes in a day; nothing of a moment."""
    seconds, rate = _duration(side)[0], _rate(_wire)(side)[0]
    known = rate is not None and seconds is not None and seconds >= delivered.SHORTEST_S
    return (delivered.DAY_S * rate, None) if rate is not None and known else NO_VALUE


def _wire(side: Side) -> int:
    return side.summary.capture.wire_bytes


def _application(side: Side) -> int:
    """Return the bytes above TCP of all WebSocket connections; TLS is not the application's."""
    parts = ("http_bytes", "ws_header_bytes", "ws_control_bytes", "transfer_bytes")
    return sum(counts[part] for counts in side.summary.ledger for part in parts)


def _http(side: Side) -> Figure:
    count = side.summary.rows["http"]
    return (side.figures.http_wire_bytes / count, count) if count else NO_VALUE


def _failed(side: Side) -> int:
    outcomes = side.summary.outcomes
    known = ("accepted", "refused", "encrypted")
    return outcomes.total() - sum(outcomes[outcome] for outcome in known)


def _outcome(outcome: str) -> Callable[[Side], int]:
    return lambda side: side.summary.outcomes[outcome]


def _phase(phase: str) -> Callable[[Side], Samples]:
    return lambda side: side.summary.phases[phase]


def _summed(column: str, directions: Sequence[int]) -> Callable[[Side], int]:
    return lambda side: side.message_sum(column, directions)


def _ending(kind: str) -> Callable[[Side], int]:
    return lambda side: side.summary.close_kinds[kind]


def _severity(severity: str) -> Callable[[Side], int]:
    return lambda side: sum(
        found.count for found in side.summary.findings.values() if found.severity == severity
    )


def _capture_metrics() -> Iterator[Metric]:
    group = "capture"
    yield _count("packets", group, "packets", lambda side: side.summary.capture.packets)
    yield _total("wire_bytes", group, "bytes", "size", lambda s: s.summary.capture.wire_bytes)
    yield Metric("duration_s", group, "s", "duration", _duration)
    yield Metric("wire_bytes_per_s", group, "bytes", "on the wire, a second", _rate(_wire))
    text = "WebSocket without TCP/IP, a second"
    yield Metric("application_bytes_per_s", group, "bytes", text, _rate(_application))
    text = "on the wire, a day at this rate"
    yield Metric("wire_bytes_per_day", group, "bytes", text, _wire_a_day)
    text, name = "TCP connections", "tcp_connections"
    yield _count(name, group, text, lambda side: side.summary.capture.tcp_connections)
    text, name = "WebSocket connections", "websocket_connections"
    yield _count(name, group, text, lambda side: side.summary.rows["connections"])


def _handshake_metrics() -> Iterator[Metric]:
    group = "handshake"
    yield _count("handshakes_accepted", group, "accepted", _outcome("accepted"))
    yield _count("handshakes_refused", group, "refused", _outcome("refused"))
    yield _count("handshakes_failed", group, "failed otherwise", _failed)
    for phase, text in _PHASES.items():
        # How soon somebody speaks is the application's affair: no merit, no fault.
        judged = phase != "first_message_us"
        yield from _quantiles(phase, group, text, _phase(phase), judged=judged)


def _message_metrics() -> Iterator[Metric]:
    group = "messages"
    for prefix, who in _SENDERS.items():
        text = f"messages{_WHO[prefix]}"
        yield _count(f"{prefix}messages", group, text, _summed("messages", who))
    for prefix, who in _SENDERS.items():
        # The application's own choice, and what makes other figures comparable.
        text, of = f"payload{_WHO[prefix]}", _per_message("payload_bytes", who, "sized")
        yield Metric(prefix + _PAYLOAD, group, "bytes", text, of)
    for column, what in (("transfer_bytes", "as sent"), ("wire_bytes", "on the wire")):
        for prefix, who in _SENDERS.items():
            name, text = f"{prefix}{column}_per_message", what + _WHO[prefix]
            of = _per_message(column, who)
            yield Metric(name, group, "bytes", text, of, FEW, prefix + _PAYLOAD)


def _overhead_metrics() -> Iterator[Metric]:
    group = "overhead"
    for prefix, who in _SENDERS.items():
        text = f"overhead of messages{_WHO[prefix]}"
        # Better compression makes it larger: of messages alike as sent only.
        like = f"{prefix}transfer_bytes_per_message"
        yield Metric(f"{prefix}overhead_ratio", group, "ratio", text, _overhead(who), FEW, like)
    for column, what in _MESSAGE_PARTS.items():
        name, text = f"{column}_per_message", f"a message: {what}"
        yield Metric(name, group, "bytes", text, _per_message(column, BOTH), FEW, _PAYLOAD)
    for part in LEDGER_PARTS:
        text = f"of all: {_LEDGER_NAMES[part]}"
        yield Metric(f"{part}_share", group, "ratio", text, _ledger_share(part))


def _compression_metrics() -> Iterator[Metric]:
    group = "compression"
    text = "compressed messages"
    yield _count("compressed_messages", group, text, _summed("compressed", BOTH))
    text = "as sent, of their payload"
    yield Metric("compression_ratio", group, "ratio", text, _compression)


def _delay_metrics() -> Iterator[Metric]:
    group = "delay"
    name = "delivery_us"
    yield from _quantiles(name, group, "delivery", lambda s: s.figures.delivery, like=_PAYLOAD)
    text, name = "messages that waited", "stalled_messages"
    yield _count(name, group, text, lambda side: side.summary.stalled["messages"])
    text, name = "wait for lost packets", "stall_us_sum"
    yield _total(name, group, "us", text, lambda side: side.summary.stalled["ns"] / 1000)
    yield _count("pings", group, "pings", lambda side: sum(side.summary.pings_sent))
    yield from _quantiles("rtt_us", group, "ping round trip", lambda side: side.summary.pings)


def _other_metrics() -> Iterator[Metric]:
    for kind in schema.CLOSE_KINDS:
        yield _count(f"closes_{kind}", "closes", _ENDINGS[kind], _ending(kind))
    for severity in reversed(SEVERITIES):
        yield _count(f"findings_{severity}", "findings", severity, _severity(severity))
    yield _count("http_exchanges", "http", "exchanges", lambda side: side.summary.rows["http"])
    yield Metric("http_wire_bytes_per_exchange", "http", "bytes", "bytes an exchange", _http)


def _of(figure: Callable[..., Any], *column: str) -> Callable[[Side], Any]:
    return lambda side: figure(side.summary, *column)


def _delivery_metrics() -> Iterator[Metric]:
    group, like = "delivery", "delivered_payload_bytes_per_message"
    yield _count("delivered_messages", group, "messages", _of(delivered.summed, "messages"))
    yield _count("delivered_requests", group, "HTTP requests", _of(delivered.summed, "requests"))
    yield Metric(like, group, "bytes", "payload", _of(delivered.per_message, "payload_bytes"))
    for column, text in (
        ("header_bytes", "headers and framing"),
        ("application_bytes", "without TCP/IP headers"),
        ("wire_bytes", "on the wire"),
    ):
        name, of = f"delivered_{column}_per_message", _of(delivered.per_message, column)
        yield Metric(name, group, "bytes", text, of, FEW, like)
    for column, text in (
        ("application_bytes", "a connection a second, no TCP/IP"),
        ("wire_bytes", "a connection a second, on the wire"),
    ):
        yield Metric(
            f"connection_{column}_per_s", group, "bytes", text, _of(delivered.rate, column)
        )
    text, a_day = "a connection a day, on the wire", _of(delivered.rate_a_day, "wire_bytes")
    yield Metric("connection_wire_bytes_per_day", group, "bytes", text, a_day)
    name, of = "delivered_wait_us_mean", _of(delivered.wait)
    yield Metric(name, group, "us", "wait for a poll, mean", of, FEW)


METRICS: tuple[Metric, ...] = (
    *_capture_metrics(),
    *_handshake_metrics(),
    *_message_metrics(),
    *_overhead_metrics(),
    *_compression_metrics(),
    *_delay_metrics(),
    *_other_metrics(),
    *_delivery_metrics(),
)
"""Every figure, in the order of the table."""
