"""Metrics for Prometheus: a live run's counts, served over HTTP.

Counts rows as they pass and reads the run's snapshot once a second; a separate thread serves them,
so neither a scrape nor the analysis waits for the other. Label values are
bounded. Knows prometheus_client, which is imported when this is made. docs/prometheus.md has
the names. An Observer; made by analyzer.live.watch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.errors import OptionError, ReportError
from analyzer.findings import SEVERITIES
from analyzer.inside.calls import OK
from analyzer.report.label_values import MostFrequent, Templates
from analyzer.report.metrics_server import Health, Server
from analyzer.report.observer import CaptureStats
from analyzer.tables.running import Snapshot
from analyzer.tables.schema import (
    CALL_OUTCOMES,
    CLOSE_KINDS,
    DIRECTIONS,
    LEDGER_PARTS,
    OUTCOMES,
    TableRows,
)

LOOPBACK: Final = "127.0.0.1"
LABELS: Final = ("host", "path")
"""What --metrics-labels may ask for."""
MAX_LABELS: Final = 100
"""Combinations of such labels; further ones count as OTHER. Each is some 40 time series."""
OTHER: Final = "other"
KNOWN_CODES: Final = (*range(1000, 1004), *range(1007, 1016))
"""Close codes with a label of their own: the registry's (RFC 6455 11.7 and IANA)."""
APPLICATION_CODES: Final = range(3000, 5000)
"""Codes of libraries and applications (RFC 6455 7.4.2)."""
MAX_CODES: Final = 50
"""Of these, so many have a label of their own, the most frequent; others count as OTHER. An
application has a handful."""
SECONDS: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)
"""Upper ends of the classes of times: from a loopback to who waits for a time-out."""

_NS: Final = 1_000_000_000


def address_of(text: str) -> tuple[str, int]:
    """Return address and port of "ADDRESS:PORT", ":PORT" or "PORT"; loopback by default.

    Raises:
        OptionError: It is none of these.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if colon else ""
    if not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise OptionError(f"--metrics takes ADDRESS:PORT, :PORT or PORT, not {text!r}")
    return host or LOOPBACK, int(port)


def labels_of(text: str) -> tuple[str, ...]:
    """Return the labels that are asked for, such as "host,path".

    Raises:
        OptionError: There is no such label.
    """
    asked = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in asked:
        if name not in LABELS:
            raise OptionError(f"--metrics-labels takes {', '.join(LABELS)}, not {name!r}")
    return asked


class MetricsServer:
    """Counts, and serves what it counted.

    Args:
        address: where to listen; port 0 takes any that is free.
        labels: of LABELS, for handshakes, messages and closes.
        max_labels: combinations of them.
    """

    def __init__(
        self, address: tuple[str, int], labels: Sequence[str] = (), max_labels: int = MAX_LABELS
    ) -> None:
        """Listen.

        Raises:
            ReportError: Nothing can listen there, or prometheus_client is not installed.
        """
        try:
            import prometheus_client
        except ImportError as error:
            raise ReportError(
                "--metrics needs prometheus_client, which the extra `metrics` brings",
                hint="pip install '.[metrics]' where wsanalyze was installed from",
            ) from error
        # When each series began would double their number, and Prometheus does not ask.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self.registry)
        self._labels = tuple(labels)
        self._max_labels = max_labels
        self._frequent = MostFrequent[tuple[str, ...]](max_labels)
        self._codes = MostFrequent[int](MAX_CODES)
        self._templates = Templates()
        self._chosen: dict[int, tuple[str, ...]] = {}
        self._snapshot: Callable[[], Snapshot] | None = None
        self._looked = NULL
        self._before: dict[Any, int] = {}
        self._make()
        self._make_calls()
        self._health = Health()
        self._server = Server(address, self.registry, self._health)
        self.port = int(self._server.server_port)

    def _make(self) -> None:
        """Make the metrics, with all the values of labels that are known before."""
        from prometheus_client import Counter as PrometheusCounter
        from prometheus_client import Gauge, Histogram

        def counter(name: str, text: str, *labels: str) -> Any:
            return PrometheusCounter(f"wsanalyze_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str, *labels: str) -> Any:
            return Gauge(f"wsanalyze_{name}", text, labels, registry=self.registry)

        def seconds(name: str, text: str, *labels: str) -> Any:
            return Histogram(
                f"wsanalyze_{name}", text, labels, buckets=SECONDS, registry=self.registry
            )

        more = self._labels
        self._handshakes = counter("handshakes", "Upgrade attempts.", "outcome", *more)
        self._times = seconds(
            "handshake_seconds", "Upgrade attempts, SYN to the end of the answer.", "outcome", *more
        )
        self._messages = counter("messages", "Messages.", "direction", *more)
        self._payload = counter(
            "payload_bytes", "Payload of messages as applications see it.", "direction", *more
        )
        self._headers = counter("frame_header_bytes", "Headers of frames.", "direction")
        self._wire = counter("wire_bytes", "Packets of WebSocket connections, whole.", "direction")
        self._parts = counter(
            "part_bytes", "The same by part of the ledger; they sum up to it.", "direction", "part"
        )
        self._pings = seconds("ping_round_trip_seconds", "Ping to Pong.", "direction")
        self._closes = counter("closes", "Connections that ended.", "kind", "code", *more)
        self._findings = counter("findings", "Findings.", "id", "severity")
        self._diagnosed = counter(
            "diagnosed_connections", "Connections that show a cause.", "id", "severity"
        )
        self._received = counter("packets_received", "Packets that the capture saw.")
        self._dropped = counter("packets_dropped", "Packets that the capture lost.")
        self._analysed = counter("packets_analysed", "Packets that went through the analysis.")
        self._up = gauge("interface_up", "Whether the interface is up.")
        self._open = gauge("open_connections", "Open WebSocket connections.")
        self._tracked = gauge("tracked_connections", "TCP connections of which state is kept.")
        self._let_go = counter(
            "let_go_connections", "TCP connections let go before they ended.", "reason"
        )
        self._held = gauge("held_bytes", "Memory that a stage holds, as far as it counts.", "stage")
        for direction in DIRECTIONS:
            for each in (self._headers, self._wire, self._pings):
                each.labels(direction)
            if not more:
                self._messages.labels(direction)
                self._payload.labels(direction)
        if not more:
            for outcome in OUTCOMES:
                self._handshakes.labels(outcome)

    def _make_calls(self) -> None:
        """Make the metrics of protocols inside."""
        from prometheus_client import Counter, Histogram

        self._calls = Histogram(
            "wsanalyze_call_seconds",
            "Calls of protocols inside, request to answer.",
            ("inner", "name"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._unanswered = Counter(
            "wsanalyze_calls_failed",
            "Calls that ended otherwise than well.",
            ("inner", "outcome"),
            registry=self.registry,
        )
        self._call_names: set[tuple[str, str]] = set()

    # --- observer

    def attach(self, snapshot: Callable[[], Snapshot]) -> None:
        """Take the state of the run (Observer)."""
        self._snapshot = snapshot

    def news(self, rows: TableRows) -> None:
        """Count handshakes, messages and diagnosed connections (Observer)."""
        takers = {
            "diagnoses": self._add_diagnoses,
            "handshakes": self._add_handshakes,
            "messages": self._add_messages,
            "connections": self._add_opened,
        }
        takers[rows.table.name](rows)

    def write(self, rows: TableRows) -> None:
        """Count pings, closes and findings (Observer)."""
        takers: Mapping[str, Callable[[TableRows], None]] = {
            "pings": self._add_pings,
            "connections": self._add_closed,
            "findings": self._add_findings,
            "calls": self._add_calls,
            "diagnoses": self._add_diagnoses,
        }
        taker = takers.get(rows.table.name)
        if taker is not None:
            taker(rows)

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """Take the capture's counts, and once a second the run's (Observer)."""
        self._raise_to(self._received, "received", stats.received)
        self._raise_to(self._dropped, "dropped", stats.dropped)
        self._raise_to(self._analysed, "analysed", stats.analysed)
        self._up.set(int(stats.interface_up))
        self._frequent.tick(now_ns)
        self._codes.tick(now_ns)
        self._health.look(stats.received, stats.dropped, is_up=stats.interface_up)
        if self._snapshot is None or self._looked <= now_ns < self._looked + _NS:
            return
        self._looked = now_ns
        shot = self._snapshot()
        self._open.set(shot.connections)
        self._tracked.set(shot.tcp_connections)
        for stage, held in shot.held_bytes.items():
            self._held.labels(stage).set(held)
        for reason, count in shot.let_go.items():
            self._raise_to(self._let_go.labels(reason), ("let go", reason), count)
        for direction, counts in zip(DIRECTIONS, shot.ledger, strict=True):
            for part in LEDGER_PARTS:
                metric = self._parts.labels(direction, part.removesuffix("_bytes"))
                self._raise_to(metric, (direction, part), counts[part])
            for name, metric in (("wire", self._wire), ("ws_header", self._headers)):
                key = (direction, name)
                self._raise_to(metric.labels(direction), key, counts[f"{name}_bytes"])

    def close(self) -> None:
        """Stop serving."""
        self._server.end()

    def abort(self) -> None:
        """Stop serving."""
        self.close()

    def _raise_to(self, metric: Any, key: object, value: int) -> None:
        """Let a counter be `value`; never less than it was."""
        before = self._before.get(key, 0)
        if value > before:
            metric.inc(value - before)
            self._before[key] = value

    # --- rows

    def _choice(self, host: str | None, path: str | None) -> tuple[str, ...]:
        """Return the values of the labels that were asked for, whether they are frequent or not."""
        values = {"host": host or "", "path": self._templates.of(path or "")}
        return tuple(values[name] for name in self._labels)

    def _choices(self, rows: TableRows) -> list[tuple[str, ...]]:
        if not self._labels:
            return [()] * rows.count
        hosts: Any = rows.values["host"]
        paths: Any = rows.values["path"]
        return [self._choice(host, path) for host, path in zip(hosts, paths, strict=True)]

    def _label(self, chosen: tuple[str, ...], count: int) -> tuple[str, ...]:
        """Count values of labels; return them, or OTHER where they are not frequent."""
        if not chosen:
            return chosen
        has_label, lost = self._frequent.take(chosen, count)
        if lost is not None:
            metrics = (self._handshakes, self._times, self._messages, self._payload, self._closes)
            for metric in metrics:
                _forget(metric, lambda key: key[-len(lost) :] == lost)
        return chosen if has_label else (OTHER,) * len(chosen)

    def _code(self, code: int) -> str:
        """Return the label of a close code."""
        if code == NULL:
            return "none"
        if code in KNOWN_CODES:
            return str(code)
        if code not in APPLICATION_CODES:
            return OTHER
        has_label, lost = self._codes.take(code)
        if lost is not None:
            _forget(self._closes, lambda key: key[1] == str(lost))
        return str(code) if has_label else OTHER

    def _add_opened(self, rows: TableRows) -> None:
        if self._labels:
            numbers = _numbers(rows, "connection").tolist()
            self._chosen.update(zip(numbers, self._choices(rows), strict=True))

    def _add_handshakes(self, rows: TableRows) -> None:
        outcomes = _numbers(rows, "outcome").tolist()
        totals = _numbers(rows, "total_us").tolist()
        for outcome, total, chosen in zip(outcomes, totals, self._choices(rows), strict=True):
            more = self._label(chosen, 1)
            self._handshakes.labels(OUTCOMES[outcome], *more).inc()
            if total != NULL:
                self._times.labels(OUTCOMES[outcome], *more).observe(total / _NS)

    def _add_messages(self, rows: TableRows) -> None:
        directions = _numbers(rows, "direction")
        payload = _numbers(rows, "payload_bytes")
        # What cannot be inflated counts as it was sent.
        payload = np.where(payload == NULL, _numbers(rows, "transfer_bytes"), payload)
        if not self._labels:
            self._count_messages(directions, payload, ())
            return
        unknown = (OTHER,) * len(self._labels)
        numbers = _numbers(rows, "connection").tolist()
        owners = [self._chosen.get(number, unknown) for number in numbers]
        for chosen in dict.fromkeys(owners):
            mine = np.array([owner == chosen for owner in owners])
            more = self._label(chosen, int(mine.sum())) if chosen != unknown else unknown
            self._count_messages(directions[mine], payload[mine], more)

    def _count_messages(
        self,
        directions: npt.NDArray[np.int64],
        payload: npt.NDArray[np.int64],
        more: tuple[str, ...],
    ) -> None:
        for side, direction in enumerate(DIRECTIONS):
            mine = directions == side
            count = int(np.count_nonzero(mine))
            if count:
                self._messages.labels(direction, *more).inc(count)
                self._payload.labels(direction, *more).inc(int(payload[mine].sum()))

    def _add_pings(self, rows: TableRows) -> None:
        directions = _numbers(rows, "direction").tolist()
        for side, time in zip(directions, _numbers(rows, "rtt_us").tolist(), strict=True):
            if time != NULL:
                self._pings.labels(DIRECTIONS[side]).observe(time / _NS)

    def _add_closed(self, rows: TableRows) -> None:
        kinds = _numbers(rows, "close_kind").tolist()
        codes = _numbers(rows, "close_code").tolist()
        numbers = _numbers(rows, "connection").tolist()
        chosen = self._choices(rows)
        for kind, code, number, own in zip(kinds, codes, numbers, chosen, strict=True):
            more = own if self._frequent.has_label(own) else (OTHER,) * len(own)
            self._closes.labels(CLOSE_KINDS[kind], self._code(code), *more).inc()
            self._chosen.pop(number, None)

    def _add_calls(self, rows: TableRows) -> None:
        values: Any = rows.values
        outcomes = _numbers(rows, "outcome").tolist()
        times = _numbers(rows, "reply_us").tolist()
        for pair, outcome, time in zip(
            zip(values["inner"], values["name"], strict=True), outcomes, times, strict=True
        ):
            inner, name = pair
            if pair not in self._call_names:
                if len(self._call_names) >= self._max_labels:
                    # Names come from traffic: each is some 20 time series.
                    name = OTHER
                else:
                    self._call_names.add(pair)
            if time != NULL:
                self._calls.labels(inner, name).observe(time / _NS)
            if outcome != OK:
                self._unanswered.labels(inner, CALL_OUTCOMES[outcome]).inc()

    def _add_findings(self, rows: TableRows) -> None:
        names: Any = rows.values["id"]
        severities = _numbers(rows, "severity").tolist()
        counts = _numbers(rows, "count").tolist()
        for name, severity, count in zip(names, severities, counts, strict=True):
            self._findings.labels(name, SEVERITIES[severity]).inc(max(1, count))

    def _add_diagnoses(self, rows: TableRows) -> None:
        """Let the counters be what the rows say: they come anew when they have grown."""
        names: Any = rows.values["id"]
        severities = _numbers(rows, "severity").tolist()
        sizes = Counter[tuple[str, int]]()
        for name, severity, size in zip(
            names, severities, _numbers(rows, "connections").tolist(), strict=True
        ):
            sizes[name, severity] += max(1, size)
        for (name, severity), size in sizes.items():
            metric = self._diagnosed.labels(name, SEVERITIES[severity])
            self._raise_to(metric, ("diagnosed", name), size)


def _forget(metric: Any, is_gone: Callable[[tuple[str, ...]], bool]) -> None:
    """Remove series whose values of labels are not frequent any more."""
    for key in [key for key in metric._metrics if is_gone(key)]:
        metric.remove(*key)


def _numbers(rows: TableRows, name: str) -> npt.NDArray[np.int64]:
    values: Any = rows.values[name]
    return np.asarray(values, np.int64)
