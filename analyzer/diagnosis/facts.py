"""What is known of each connection when it ends: its row, and what other tables say about it.

Gathers rows as they come. Facts exist only for connections that other tables mention, so a
quiet one costs only its row. Must not know causes. Used by diagnosis.stage; read
by all families of rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.diagnosis import _runs
from analyzer.diagnosis.keyed import Keyed
from analyzer.lazy_dataclass import dataclass, field
from analyzer.named_tuple import NamedTuple
from analyzer.options import Options
from analyzer.tables.late import LATE_COLUMNS, held_up
from analyzer.tables.schema import CLOSE_KINDS, DIRECTIONS, OPCODES, TableRows

T = TypeVar("T")

CLIENT, SERVER = 0, 1
"""Directions, as codes of the label."""

CLOSE, PING, PONG = (OPCODES.index(name) for name in ("close", "ping", "pong"))
FIRST_CONTROL = CLOSE
"""Control frames are those from here on (RFC 6455 5.5)."""


class Ended(NamedTuple):
    """A row of `connections`, as rules read it: enums as codes, times and durations in ns."""

    number: int
    tcp_stream: int
    client_ip: str
    client_port: int
    server_ip: str
    server_port: int
    host: str | None
    path: str | None
    opened_at: int
    closed_at: int
    duration: int
    handshake_seen: int
    client_frames: int
    server_frames: int
    client_messages: int
    server_messages: int
    close_kind: int
    close_code: int
    close_reason: str | None
    closed_by: int
    lost_bytes: int
    client_idle: int
    server_idle: int
    end_packet: int
    client_logs: int
    server_logs: int
    client_last_at: int
    server_last_at: int
    client_shut: int
    server_shut: int

    @property
    def kind(self) -> str:
        """How it ended: a label of close_kind."""
        return CLOSE_KINDS[self.close_kind]

    @property
    def server(self) -> tuple[str, int]:
        """Address and port of the server."""
        return self.server_ip, self.server_port

    @property
    def frames(self) -> int:
        """Frames both ways."""
        return self.client_frames + self.server_frames

    def idle(self, side: int) -> int:
        """Silence of a side before the end, in ns; NULL where not known."""
        return self.server_idle if side else self.client_idle

    def shut(self, side: int) -> int:
        """For how long a side's window was closed, in ns."""
        return max(self.server_shut if side else self.client_shut, 0)

    @property
    def life(self) -> int:
        """How long it lasted, in ns, if it is still open up to its last packet; NULL."""
        if self.duration != NULL or self.opened_at == NULL:
            return self.duration
        last = max(self.client_last_at, self.server_last_at)
        return NULL if last == NULL else max(last - self.opened_at, 0)

    def logs(self, side: int) -> int:
        """Close code that the library of a side reports; NULL where not known."""
        return self.server_logs if side else self.client_logs


_COLUMNS = (
    *("connection", "tcp_stream", "client_ip", "client_port", "server_ip", "server_port"),
    *("host", "path", "opened_at", "closed_at", "duration_s", "handshake_seen"),
    *("client_frames", "server_frames", "client_messages", "server_messages"),
    *("close_kind", "close_code", "close_reason", "closed_by", "lost_bytes"),
    *("client_idle_s", "server_idle_s", "end_packet", "client_logs", "server_logs"),
    *("client_last_at", "server_last_at", "client_window_closed_s", "server_window_closed_s"),
)
"""Columns of `connections`, in the order of the fields of Ended."""


@dataclass(slots=True, repr=False)
class Found:
    """Findings of one kind on one connection."""

    count: int
    packet: int
    direction: int
    text: str


@dataclass(slots=True, repr=False)
class Control:
    """One control frame."""

    frame: int
    packet: int
    time: int
    code: int = NULL


@dataclass(slots=True, repr=False)
class Unanswered:
    """A Ping without a Pong; `acked` is how long until TCP acknowledged it, NULL if never."""

    side: int
    frame: int
    acked: int
    sent: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The last frame of a side: its packet and time; NULL where there was none."""

    packet: int = NULL
    time: int = NULL


class LastFrames:
    """Packet and time of the last frame of each connection and side.

    Where the numbers of open connections spread over more than `span`, the lowest are forgotten.
    """

    def __init__(self, span: int) -> None:
        self._seen = Keyed(2, 2 * span, NULL)

    def add(self, rows: TableRows) -> None:
        """Take rows of `frames`: of each side in order."""
        key = 2 * numbers(rows, "connection") + codes(rows, "direction")
        self._seen.reach(int(key.max()))
        packets, times = numbers(rows, "packet_last"), numbers(rows, "time_last")
        _runs.keep_last(self._seen.values, self._seen.base, key, packets, times)

    def of(self, connection: int) -> tuple[Seen, Seen]:
        """Return the last frames of a connection."""
        client, server = (self._seen.at(2 * connection + side) for side in (CLIENT, SERVER))
        return Seen(*client), Seen(*server)


@dataclass(slots=True, repr=False)
class Late:
    """Late messages of one sender, by what held them up longest."""

    messages: int = 0
    total: int = 0
    worst: int = 0
    worst_packet: int = NULL
    worst_message: int = NULL
    first_packet: int = NULL
    first_time: int = NULL

    def add(self, more: Late) -> None:
        """Take some more."""
        self.messages += more.messages
        self.total += more.total
        if more.worst > self.worst or (
            more.worst == self.worst and more.worst_message < self.worst_message
        ):
            self.worst, self.worst_packet = more.worst, more.worst_packet
            self.worst_message = more.worst_message
        if self.first_packet == NULL or more.first_packet < self.first_packet:
            self.first_packet, self.first_time = more.first_packet, more.first_time


@dataclass(slots=True, repr=False)
class Facts:
    """What other tables say about a connection.

    Attributes:
        found: by id of the finding.
        closes: first Close of each side.
        pings: last Ping of each side.
        pongs: last frame number of a side's Ping that was answered.
        unanswered: Pings without a Pong.
        late: by (sender, column of LATE_COLUMNS).
        gap: the last message after a long silence of both sides: its number, silence in ns,
            time, packet, sender.
        attempt: the handshake's row, where it is odd.
        last: the last frame of each side, where the connection fell silent, or a Ping waited.
    """

    found: dict[str, Found] = field(default_factory=dict)
    closes: tuple[Control | None, Control | None] = (None, None)
    pings: tuple[Control | None, Control | None] = (None, None)
    answered: tuple[int, int] = (-1, -1)
    unanswered: list[Unanswered] = field(default_factory=list)
    late: dict[tuple[int, str], Late] = field(default_factory=dict)
    gap: tuple[int, int, int, int, int] | None = None
    attempt: dict[str, Any] | None = None
    last: tuple[Seen, Seen] | None = None

    def settle(self) -> None:
        """Share what is empty with all others: nothing is added any more, and many are kept."""
        for name in _SHARED:
            nothing = getattr(NOTHING, name)
            if getattr(self, name) == nothing:
                setattr(self, name, nothing)


_SHARED = ("found", "closes", "pings", "answered", "unanswered", "late")
"""Attributes of Facts that take memory where they are empty, too: 400 bytes together."""
NOTHING = Facts()
"""For a connection that no other table mentions."""


class Gatherer:
    """Holds the facts of open connections, at most `max_diagnosed_connections` of them.

    Attributes:
        facts: by connection.
        cut: connections whose facts were given up.
    """

    def __init__(self, options: Options) -> None:
        self._limit = options.max_diagnosed_connections
        self._late = round(options.late_us * 1000)
        self._long = round(options.long_silence_s * 1e9)
        self.facts: dict[int, Facts] = {}
        self.last_frames = LastFrames(max(_SPAN * self._limit, 1024))
        self.cut = 0

    def take(self, rows: TableRows) -> None:
        """Gather what some rows of a table say of connections."""
        takers = {
            "findings": self._findings,
            "frames": self._frames,
            "pings": self._pings,
            "messages": self._messages,
        }
        taker = takers.get(rows.table.name)
        if taker is not None:
            taker(rows)

    def of(self, connection: int) -> Facts:
        """Return the facts of a connection to add to."""
        facts = self.facts.get(connection)
        if facts is None:
            facts = self.facts[connection] = Facts()
            if len(self.facts) > self._limit:
                del self.facts[next(iter(self.facts))]
                self.cut += 1
        return facts

    def ended(self, end: Ended) -> Facts:
        """Return the facts of a connection that ended, and forget them."""
        facts = self.facts.pop(end.number, None)
        if end.kind == "timeout" or (facts is not None and facts.unanswered):
            facts = facts or Facts()
            facts.last = self.last_frames.of(end.number)
        if facts is None:
            return NOTHING
        facts.settle()
        return facts

    def _findings(self, rows: TableRows) -> None:
        names = cast("Sequence[str]", rows.values["id"])
        texts = cast("Sequence[str]", rows.values["text"])
        cells = (numbers(rows, name).tolist() for name in ("connection", "packet", "count"))
        sides = codes(rows, "direction").tolist()
        for id_, text, connection, packet, count, side in zip(
            names, texts, *cells, sides, strict=True
        ):
            if connection == NULL:
                continue
            found = self.of(connection).found
            seen = found.get(id_)
            if seen is None:
                found[id_] = Found(max(count, 1), packet, side, text)
                continue
            seen.count += max(count, 1)
            if packet != NULL and (seen.packet == NULL or packet < seen.packet):
                seen.packet, seen.direction, seen.text = packet, side, text

    def _frames(self, rows: TableRows) -> None:
        self.last_frames.add(rows)
        opcodes = codes(rows, "opcode")
        places = np.flatnonzero((opcodes == CLOSE) | (opcodes == PING))
        if not len(places):
            return
        cells = (
            numbers(rows, name)[places].tolist()
            for name in ("connection", "frame", "packet_last", "time_last", "close_code")
        )
        sides = codes(rows, "direction")[places].tolist()
        for opcode, side, connection, frame, packet, time, code in zip(
            opcodes[places].tolist(), sides, *cells, strict=True
        ):
            facts = self.of(connection)
            if opcode == PING:
                last = facts.pings[side]
                if last is None or frame > last.frame:
                    facts.pings = _with(facts.pings, side, Control(frame, packet, time))
                continue
            first = facts.closes[side]
            if first is None or frame < first.frame:
                facts.closes = _with(facts.closes, side, Control(frame, packet, time, code))

    def _pings(self, rows: TableRows) -> None:
        cells = (
            numbers(rows, name).tolist()
            for name in ("connection", "ping_frame", "pong_frame", "sent_at", "acked_us")
        )
        sides = codes(rows, "direction").tolist()
        for side, connection, ping, pong, sent, acked in zip(sides, *cells, strict=True):
            facts = self.of(connection)
            if pong != NULL:
                last = max(facts.answered[side], ping)
                facts.answered = _with(facts.answered, side, last)
            elif len(facts.unanswered) < _MOST_PINGS:
                facts.unanswered.append(Unanswered(side, ping, acked, sent))

    def _messages(self, rows: TableRows) -> None:
        gaps = numbers(rows, "gap_us")
        for place in np.flatnonzero(gaps >= self._long).tolist():
            number, sender = numbers(rows, "message")[place], codes(rows, "direction")[place]
            facts = self.of(int(numbers(rows, "connection")[place]))
            if facts.gap is None or number > facts.gap[0]:
                first, packet = numbers(rows, "time_first"), numbers(rows, "packet_first")
                gap = (number, gaps[place], first[place], packet[place], sender)
                facts.gap = cast("tuple[int, int, int, int, int]", tuple(map(int, gap)))
        for connection, side, column, late in late_messages(rows, self._late):
            facts = self.of(connection)
            kept = facts.late.setdefault((side, column), Late())
            kept.add(late)


def _with(pair: tuple[T, T], side: int, value: T) -> tuple[T, T]:
    """Return a pair with another value for one side."""
    return (pair[CLIENT], value) if side else (value, pair[SERVER])


_SPAN = 16
"""Numbers of connections between the lowest and the highest whose last frames are known, as a
multiple of those that are diagnosed: 16 MB for 32,768 of them."""
_MOST_PINGS = 64
"""Unanswered Pings kept of a connection; as many as may wait (max_pending_pings)."""


def late_messages(rows: TableRows, bar: int) -> Iterator[tuple[int, int, str, Late]]:
    """Yield late messages by connection, sender and what held them up longest.

    Args:
        rows: of `messages`.
        bar: ns; a message is late if it was held up for as long or longer.
    """
    total = held_up(rows)
    late = np.flatnonzero(total >= bar)
    if not len(late):
        return
    parts = np.stack([numbers(rows, name)[late] for name in LATE_COLUMNS])
    cause = parts.argmax(axis=0)
    owner = 2 * numbers(rows, "connection")[late] + codes(rows, "direction")[late]
    key = owner * len(LATE_COLUMNS) + cause
    wait, number = total[late], numbers(rows, "message")[late]
    packet, time = numbers(rows, "packet_last")[late], numbers(rows, "time_last")[late]
    # The worst of each key comes first, the first message among equals.
    order = np.lexsort((number, -wait, key))
    starts = np.flatnonzero(np.r_[True, np.diff(key[order]) != 0])
    sums = np.add.reduceat(wait[order], starts).tolist()
    firsts = np.lexsort((packet, key))[starts].tolist()
    counts = np.diff(np.r_[starts, len(order)]).tolist()
    for place, count, total_wait, first in zip(starts.tolist(), counts, sums, firsts, strict=True):
        top = int(order[place])
        late_one = Late(
            *(count, total_wait, int(wait[top]), int(packet[top]), int(number[top])),
            *(int(packet[first]), int(time[first])),
        )
        side = int(owner[top]) % len(DIRECTIONS)
        yield int(owner[top]) // 2, side, LATE_COLUMNS[int(cause[top])], late_one


def ended(rows: TableRows) -> Iterator[Ended]:
    """Yield rows of `connections`."""
    columns = [_listed(rows, name) for name in _COLUMNS]
    return map(Ended._make, zip(*columns, strict=True))


def _listed(rows: TableRows, name: str) -> Sequence[Any]:
    values = rows.values.get(name)
    if values is None:
        return [NULL] * rows.count
    return values.tolist() if isinstance(values, np.ndarray) else cast("Sequence[Any]", values)


def numbers(rows: TableRows, name: str) -> npt.NDArray[np.int64]:
    """Return a column of numbers; all NULL where the table has none of the name."""
    values = rows.values.get(name)
    if values is None:
        return np.full(rows.count, NULL, np.int64)
    return np.asarray(cast("Any", values), np.int64)


def codes(rows: TableRows, name: str) -> npt.NDArray[np.int8]:
    """Return a column of labels or truth values as codes; all -1 where there is none."""
    values = rows.values.get(name)
    if values is None:
        return np.full(rows.count, -1, np.int8)
    return np.asarray(cast("Any", values), np.int8)
