"""The summary: what a report says of a whole capture, gathered as rows pass.

Knows the tables' rows. Must not know how it is shown (report.terminal does). Memory is
bounded: counters, samples for quantiles, and the connections that cost most. Fed by the
pipeline, or as a Writer after a selection.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.findings import BY_ID, SEVERITIES
from analyzer.lazy_dataclass import dataclass, field
from analyzer.tables import _sums, schema
from analyzer.tables.declare import each_row, take_rows
from analyzer.tables.declare import row_values as row_values
from analyzer.tables.finding_log import AMOUNT
from analyzer.tables.late import LateMessages
from analyzer.tables.legs import without
from analyzer.tables.samples import MAX_SAMPLES, Samples
from analyzer.tables.schema import LEDGER_PARTS, TableRows
from analyzer.tables.spoken import Spoken

MAX_CONNECTIONS = 1000
"""Connections kept for the table of those that cost most."""
MAX_WAITING = 65_536
"""Ledger rows that wait for their connection's row (max_connections)."""
MAX_EXAMPLES = 3
MAX_DIAGNOSES = 1000
"""Diagnoses kept; Options.max_diagnoses is far below."""
MAX_HTTP_GROUPS = 100
"""Groups of plain HTTP exchanges kept for the table of those that cost most."""

PHASES = ("tcp_us", "tls_us", "upgrade_us", "total_us", "first_message_us")
"""Parts of a handshake that are timed."""
ENCRYPTED_PHASES = ("tcp_us", "tls_us")
"""Those that are timed of encrypted attempts as well."""
LEDGER_COUNTS = (
    "wire_bytes",
    *LEDGER_PARTS,
    "packets",
    "pure_acks",
    "pure_ack_bytes",
    "lost_bytes",
)
MESSAGE_SUMS = ("frames", "payload_bytes", "transfer_bytes", "wire_bytes", "retransmitted_bytes")
DEFLATE_SUMS = (
    "grown_messages",
    "grown_bytes",
    "estimated_messages",
    "estimated_payload_bytes",
    "estimated_saved_bytes",
)


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Capture:
    """What was read. Times are ns since 1970 UTC, sizes bytes on the wire."""

    files: list[str] = field(default_factory=list)
    packets: int = 0
    wire_bytes: int = 0
    segments: int = 0
    """Packets that are TCP."""
    tcp_connections: int = 0
    first_time: int = NULL
    last_time: int = NULL
    not_tcp: Counter[str] = field(default_factory=Counter)
    """Other packets, by what they are."""
    selected: tuple[int, int] | None = None
    """Connections that --where keeps, and of how many; None without it."""
    options: dict[str, object] = field(default_factory=dict)
    """What the analysis was told, where that is not the default."""


@dataclass(slots=True, eq=False, repr=False)
class FindingCount:
    """One kind of finding: how often, and where first.

    Attributes:
        examples: up to MAX_EXAMPLES sentences that differ.
        amount: sum of what the sentences count; None where they count nothing.
        streams: TCP connections with such a finding.
    """

    id: str
    severity: str
    rfc: str
    count: int = 0
    rows: int = 0
    first_packet: int = NULL
    examples: list[str] = field(default_factory=list)
    amount: int | None = 0
    streams: int = 0
    last_stream: int | None = None

    def add(self, row: dict[str, Any], amount: int) -> None:
        """Count a row of `findings`; amount: what its sentence counts, NULL if nothing."""
        self.count += row["count"] or 0
        self.rows += 1
        if row["packet"] is not None and (
            self.first_packet == NULL or row["packet"] < self.first_packet
        ):
            self.first_packet = row["packet"]
            # The sentence and the rule shown are those of the packet named beside them.
            self.rfc = row["rfc"] or ""
            others = [text for text in self.examples if text != row["text"]]
            self.examples = [row["text"], *others][:MAX_EXAMPLES]
        elif len(self.examples) < MAX_EXAMPLES and row["text"] not in self.examples:
            self.examples.append(row["text"])
        # Findings that count over a connection are reported when it ends: its rows are adjacent.
        self.streams += row["tcp_stream"] is not None and row["tcp_stream"] != self.last_stream
        self.last_stream = row["tcp_stream"]
        self.amount = None if amount == NULL or self.amount is None else self.amount + amount

    @property
    def sentence(self) -> str:
        """What is said of all of them; the first one's sentence where they are not added up."""
        if self.rows > 1 and self.amount is not None and self.streams:
            where = "on one connection" if self.streams == 1 else f"on {self.streams} connections"
            kind = BY_ID[self.id]
            if kind.none and not self.amount:
                return kind.none
            return kind.total.replace("{detail}", str(self.amount)).replace("{where}", where)
        return self.examples[0] if self.examples else ""

    @property
    def others_differ(self) -> bool:
        """The sentence is true of the first one, and not of all others."""
        return len(self.examples) > 1 and self.sentence == self.examples[0]


@dataclass(slots=True, eq=False, repr=False)
class ConnectionLine:
    """One connection as the report lists it: values of its row, and its data payload."""

    values: dict[str, Any]
    transfer_bytes: int | None = None

    @property
    def overhead(self) -> float | None:
        """Share of the wire bytes that is not data payload as sent."""
        wire = self.values["wire_bytes"]
        return None if self.transfer_bytes is None or not wire else 1 - self.transfer_bytes / wire


def _direction_counts() -> list[Counter[str]]:
    return [Counter(), Counter()]


@dataclass(slots=True, eq=False, repr=False)
class Summary:
    """All that the report shows.

    Attributes:
        capture: what was read.
        max_samples: values kept for each median.
        late_us: from how long on a message that was held up is late (Options.late_us).
        rows: rows by table name.
        outcomes: handshakes by outcome; refusals: by outcome_reason.
        refused: of each reason the row of the first handshake.
        phases: samples (ns) of accepted handshakes, by column of PHASES; of encrypted ones
            too, by column of ENCRYPTED_PHASES.
        messages: by direction: messages, text, binary, compressed, MESSAGE_SUMS.
        compression: payload_bytes and transfer_bytes of compressed messages.
        deflate: DEFLATE_SUMS of all connections; declined, connections that offered
            permessage-deflate without effect, and declined_messages, all of theirs.
        opcodes: by direction: frames by opcode label.
        ledger: by direction: LEDGER_COUNTS of WebSocket connections.
        close_kinds: connections by close_kind; close_codes: by close_code.
        closers: connections by close_kind and closed_by.
        pings: samples (ns) of round trips; pings_sent: by direction.
        stalled: messages held up by a hole, and ns of it.
        findings: by id.
        alternatives, scaling: rows of totals, by scope.
        diagnoses: rows, the most costly first.
        late: the messages that were held up longest.
        inside: what the messages say.
        tls_read, tls_unread: TLS sessions with and without keys that fit.
        left_out: connections whose messages another leg of their conversation counts.
        http_kinds: of plain HTTP, "exchanges", "wire_bytes", "messages" by (kind, what).
    """

    capture: Capture = field(default_factory=Capture)
    max_samples: int = MAX_SAMPLES
    late_us: float = 20_000.0
    tls_read: int = 0
    tls_unread: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    refused: dict[str, dict[str, Any]] = field(default_factory=dict)
    phases: dict[str, Samples] = field(init=False)
    messages: list[Counter[str]] = field(default_factory=_direction_counts)
    compression: Counter[str] = field(default_factory=Counter)
    deflate: Counter[str] = field(default_factory=Counter)
    opcodes: list[Counter[str]] = field(default_factory=_direction_counts)
    ledger: list[Counter[str]] = field(default_factory=_direction_counts)
    close_kinds: Counter[str] = field(default_factory=Counter)
    close_codes: Counter[int] = field(default_factory=Counter)
    closers: Counter[tuple[str, str]] = field(default_factory=Counter)
    pings: Samples = field(init=False)
    pings_sent: list[int] = field(default_factory=lambda: [0, 0])
    stalled: Counter[str] = field(default_factory=Counter)
    findings: dict[str, FindingCount] = field(default_factory=dict)
    alternatives: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    scaling: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    http_kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    diagnoses: list[dict[str, Any]] = field(default_factory=list)
    late: LateMessages = field(init=False)
    inside: Spoken = field(default_factory=Spoken)
    left_out: Collection[int] = ()
    _groups: list[tuple[int, int, int, dict[str, Any]]] = field(default_factory=list)
    _costly: list[tuple[int, int]] = field(default_factory=list)
    _lines: dict[int, ConnectionLine] = field(default_factory=dict)
    _waiting: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make what samples are kept in."""
        self.phases = {name: Samples(self.max_samples) for name in PHASES}
        self.pings = Samples(self.max_samples)
        self.late = LateMessages(self.late_us)

    def add(self, rows: TableRows) -> None:
        """Take some complete rows of a table."""
        if not rows.count:
            return
        self.rows[rows.table.name] += rows.count
        takers = {
            "connections": self._add_connections,
            "handshakes": self._add_handshakes,
            "frames": self._add_frames,
            "messages": self._add_messages,
            "pings": self._add_pings,
            "ledger": self._add_ledger,
            "findings": self._add_findings,
            "alternatives": self._add_alternatives,
            "scaling": self._add_alternatives,
            "compression": self._add_compression,
            "http": self._add_http,
            "http_groups": self._add_http_groups,
            "diagnoses": self._add_diagnoses,
            "calls": self._add_calls,
            "topics": self._add_topics,
            "tls_sessions": self._add_tls_sessions,
        }
        taker = takers.get(rows.table.name)
        if taker is not None:
            taker(rows)

    write = add

    def close(self) -> None:
        """Do nothing: the summary is complete after each row (Writer)."""

    def abort(self) -> None:
        """Do nothing (Writer)."""

    @property
    def connections(self) -> list[ConnectionLine]:
        """The connections that cost most on the wire, most expensive first."""
        order = sorted(self._costly, key=lambda entry: (-entry[0], -entry[1]))
        return [self._lines[-negative] for _, negative in order]

    @property
    def http_groups(self) -> list[dict[str, Any]]:
        """Rows of the groups of plain HTTP that cost most on the wire, most expensive first."""
        return [row for *_, row in sorted(self._groups, key=lambda each: (-each[0], -each[1]))]

    @property
    def grave_findings(self) -> list[FindingCount]:
        """All kinds of findings, the gravest and then the most frequent first."""
        return sorted(
            self.findings.values(),
            key=lambda found: (-SEVERITIES.index(found.severity), -found.count, found.id),
        )

    def _add_connections(self, rows: TableRows) -> None:
        kinds = _codes(rows, "close_kind")
        self.close_kinds.update(_labelled(kinds, schema.CLOSE_KINDS))
        closers = _codes(rows, "closed_by")
        for side, closer in enumerate(schema.DIRECTIONS):
            for kind, count in _labelled(kinds[closers == side], schema.CLOSE_KINDS).items():
                self.closers[kind, closer] += count
        codes = _numbers(rows, "close_code")
        for code, count in _counted(codes[codes != NULL]):
            self.close_codes[code] += count
        numbers, wire = _numbers(rows, "connection").tolist(), _numbers(rows, "wire_bytes").tolist()
        fresh: dict[int, tuple[int, int | None]] = {}
        for place, (number, cost) in enumerate(zip(numbers, wire, strict=True)):
            transfer = self._waiting.pop(number, None)
            entry = (cost, -number)
            if len(self._costly) < MAX_CONNECTIONS:
                heapq.heappush(self._costly, entry)
            elif entry > self._costly[0]:
                _, left = heapq.heappushpop(self._costly, entry)
                if fresh.pop(-left, None) is None:
                    del self._lines[-left]
            else:
                continue
            fresh[number] = place, transfer
        # Their values are made once it is clear which stay.
        chosen = take_rows(rows, [place for place, _ in fresh.values()])
        for values, (number, (_, transfer)) in zip(each_row(chosen), fresh.items(), strict=True):
            self._lines[number] = ConnectionLine(values, transfer)

    def _add_handshakes(self, rows: TableRows) -> None:
        outcomes = _codes(rows, "outcome")
        self.outcomes.update(_labelled(outcomes, schema.OUTCOMES))
        accepted = outcomes == schema.OUTCOMES.index("accepted")
        encrypted = outcomes == schema.OUTCOMES.index("encrypted")
        reasons = cast("Sequence[str | None]", rows.values["outcome_reason"])
        for place in np.flatnonzero(~accepted & ~encrypted).tolist():
            reason = reasons[place] or schema.OUTCOMES[outcomes[place]]
            if reason in self.refusals or len(self.refusals) < MAX_CONNECTIONS:
                self.refusals[reason] += 1
                number = int(_numbers(rows, "handshake")[place])
                known = self.refused.get(reason)
                # Rows leave as they are complete, which depends on other connections.
                if known is None or number < known["handshake"]:
                    self.refused[reason] = row_values(rows, place)
        owners = _numbers(rows, "connection")
        for phase, samples in self.phases.items():
            values = _numbers(rows, phase)
            # What is inside of TLS is not known; before it, there is nothing to guess.
            counts = accepted | encrypted if phase in ENCRYPTED_PHASES else accepted
            known = counts & (values != NULL)
            samples.add(values[known], owners[known])

    def _add_frames(self, rows: TableRows) -> None:
        directions, opcodes = _codes(rows, "direction"), _codes(rows, "opcode")
        found = _sums.counts(directions, opcodes, len(schema.OPCODES)).tolist()
        for side in (0, 1):
            self.opcodes[side].update(_present(found[side], schema.OPCODES))

    def _add_calls(self, rows: TableRows) -> None:
        # A call that is seen on both sides of a proxy is one.
        self.inside.add_calls(without(rows, self.left_out) if self.left_out else rows)

    def _add_messages(self, rows: TableRows) -> None:
        if self.left_out:
            rows = without(rows, self.left_out)
            if not rows.count:
                return
        directions, types = _codes(rows, "direction"), _codes(rows, "type")
        compressed = _codes(rows, "compressed")
        labelled = _sums.counts(directions, types, len(schema.MESSAGE_TYPES)).tolist()
        yes_and_no = _sums.counts(directions, compressed, 2).tolist()
        for side in (0, 1):
            counts = self.messages[side]
            counts["messages"] += int(np.count_nonzero(directions == side))
            counts["compressed"] += yes_and_no[side][1]
            counts.update(_present(labelled[side], schema.MESSAGE_TYPES))
        for name in MESSAGE_SUMS:
            for side, total in enumerate(_sums.by_side(directions, _numbers(rows, name))):
                self.messages[side][name] += total
        self.inside.add_messages(rows)
        if compressed.any():
            inflated = (compressed > 0) & (_numbers(rows, "payload_bytes") != NULL)
            self.compression["messages"] += int(np.count_nonzero(inflated))
            for name in ("payload_bytes", "transfer_bytes"):
                self.compression[name] += _total(_numbers(rows, name)[inflated])
        self.late.add(rows)
        stalls = _numbers(rows, "stall_us")
        stalls = stalls[stalls > 0]
        self.stalled["messages"] += len(stalls)
        self.stalled["ns"] += int(stalls.sum())

    def _add_pings(self, rows: TableRows) -> None:
        directions = _codes(rows, "direction")
        for side in (0, 1):
            self.pings_sent[side] += int(np.count_nonzero(directions == side))
        times = _numbers(rows, "rtt_us")
        known = times != NULL
        self.pings.add(times[known], _numbers(rows, "connection")[known])

    def _add_ledger(self, rows: TableRows) -> None:
        connections = _numbers(rows, "connection")
        directions = _codes(rows, "direction")
        for side in (0, 1):
            mine = (directions == side) & (connections != NULL)
            for name in LEDGER_COUNTS:
                self.ledger[side][name] += _total(_numbers(rows, name)[mine])
        transfers = _numbers(rows, "transfer_bytes").tolist()
        for number, transfer in zip(connections.tolist(), transfers, strict=True):
            if number in self._lines:
                line = self._lines[number]
                line.transfer_bytes = (line.transfer_bytes or 0) + transfer
            elif number != NULL:
                self._waiting[number] = self._waiting.get(number, 0) + transfer
        while len(self._waiting) > MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]

    def _add_compression(self, rows: TableRows) -> None:
        if self.left_out:
            rows = without(rows, self.left_out)
            if not rows.count:
                return
        # The rows of all connections together would count each of them again.
        single = _numbers(rows, "connection") != NULL
        for name in DEFLATE_SUMS:
            self.deflate[name] += int(_numbers(rows, name)[single].sum())
        declined = single & (_codes(rows, "offered") == 1) & (_codes(rows, "negotiated") == 0)
        self.deflate["declined"] += int(
            np.count_nonzero(declined & (_codes(rows, "direction") == 0))
        )
        self.deflate["declined_messages"] += int(_numbers(rows, "messages")[declined].sum())

    def _add_http(self, rows: TableRows) -> None:
        kinds = _codes(rows, "kind")
        wire, messages = _numbers(rows, "wire_bytes"), _numbers(rows, "messages")
        for code, kind in enumerate(schema.HTTP_KINDS):
            mine = kinds == code
            count = int(np.count_nonzero(mine))
            if count:
                self.http_kinds[kind, "exchanges"] += count
                self.http_kinds[kind, "wire_bytes"] += _total(wire[mine])
                self.http_kinds[kind, "messages"] += _total(messages[mine])

    def _add_http_groups(self, rows: TableRows) -> None:
        for place in range(rows.count):
            row = row_values(rows, place)
            # Rows of one group and cost are distinguished by when they came: these are counted
            # in already.
            number = self.rows["http_groups"] - rows.count + place
            entry = (row["wire_bytes"], -row["group"], -number, row)
            if len(self._groups) < MAX_HTTP_GROUPS:
                heapq.heappush(self._groups, entry)
            else:
                heapq.heappushpop(self._groups, entry)

    def _add_tls_sessions(self, rows: TableRows) -> None:
        read = np.asarray(rows.values["decrypted"], np.int8)
        self.tls_read += int(np.count_nonzero(read == 1))
        self.tls_unread += int(np.count_nonzero(read == 0))

    def _add_topics(self, rows: TableRows) -> None:
        for place in range(rows.count):
            self.inside.add_topic(row_values(rows, place))

    def _add_findings(self, rows: TableRows) -> None:
        amounts: Any = rows.values.get(AMOUNT, np.full(rows.count, NULL))
        for place in range(rows.count):
            row = row_values(rows, place)
            found = self.findings.get(row["id"])
            if found is None:
                found = FindingCount(row["id"], row["severity"], row["rfc"] or "")
                self.findings[found.id] = found
            found.add(row, int(amounts[place]))

    def _add_diagnoses(self, rows: TableRows) -> None:
        room = MAX_DIAGNOSES - len(self.diagnoses)
        self.diagnoses += [row_values(rows, place) for place in range(min(rows.count, room))]

    def _add_alternatives(self, rows: TableRows) -> None:
        kept = self.alternatives if rows.table.name == "alternatives" else self.scaling
        # Those of the sum of all are plurals.
        sums = [scope.endswith("s") for scope in schema.SCOPES]
        totals = np.array(sums)[_codes(rows, "scope")]
        for place in np.flatnonzero(totals).tolist():
            row = row_values(rows, place)
            kept.setdefault(row["scope"], []).append(row)


def _numbers(rows: TableRows, name: str) -> npt.NDArray[np.int64]:
    return np.asarray(cast("Any", rows.values[name]), np.int64)


def _codes(rows: TableRows, name: str) -> npt.NDArray[np.int8]:
    return np.asarray(cast("Any", rows.values[name]), np.int8)


def _total(values: npt.NDArray[np.int64]) -> int:
    return int(values[values != NULL].sum())


def _counted(values: npt.NDArray[Any]) -> list[tuple[int, int]]:
    unique, counts = np.unique(values, return_counts=True)
    return list(zip(unique.tolist(), counts.tolist(), strict=True))


def _labelled(codes: npt.NDArray[np.int8], labels: Sequence[str]) -> Mapping[str, int]:
    """Return how often each label occurs, nulls left out."""
    counts = np.bincount(codes[codes >= 0], minlength=len(labels)).tolist()
    return _present(counts, labels)


def _present(counts: Sequence[int], labels: Sequence[str]) -> Mapping[str, int]:
    """Return counts by label without those that are 0."""
    return {label: count for label, count in zip(labels, counts, strict=True) if count}
