"""Sessions: messages that a client got over plain HTTP, for the comparison the other way round.

A session is one group of exchanges that deliver (http.patterns): a poller with its polls, a
client with its stream. What the same client posts belongs to its first session. A client that
only asks and is answered has a service instead. Knows exchanges and TCP's counts. Must not know
costs. Used by alternatives.stage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from analyzer.alternatives._schedule import Schedule
from analyzer.alternatives.buffering import buffer_of
from analyzer.alternatives.evidence import (
    LONGEST_NS,
    MEASURED,
    TURNAROUND_NS,
    USUAL_MSS,
    Ended,
    answered_soon,
    joined,
    wire_rows,
)
from analyzer.alternatives.heads import HeadMaker, role_of
from analyzer.alternatives.kinds import kinds_by_size
from analyzer.alternatives.packets import ACK_DELAY_NS, BULK_ACKS
from analyzer.columns import NULL, empty
from analyzer.http.exchanges import Exchange, HttpBatch
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options
from analyzer.tcp.bytestream import DIRECTION

KIND_TRANSPORTS: Final = {
    "poll": "short-poll",
    "long-poll": "long-poll",
    "stream": "stream",
    "sse": "sse",
    "call": "request",
}
_FEWEST_CALLS: Final = 3
"""A client with fewer calls is not compared: there is no service that a WebSocket would replace."""
_NS: Final = 1_000_000_000
assert DIRECTION.names is not None
_COUNTS: Final = DIRECTION.names
_MSS: Final = _COUNTS.index("mss")
_WIRE: Final = _COUNTS.index("wire_bytes")
_PACKETS: Final = _COUNTS.index("packets")


@dataclass(slots=True)
class _Stream:
    """A TCP connection that carried HTTP, when it ended."""

    sides: tuple[tuple[int, ...], tuple[int, ...]]
    """DIRECTION rows."""
    mss: int
    round_trip: int
    is_websocket: bool
    """It turned to WebSocket: only a part of its packets is HTTP's."""


@dataclass(slots=True)
class _Session:
    """One group of exchanges, as they come."""

    number: int
    first: Exchange
    kind: str
    requests: int = 0
    counted: bool = True
    """Every packet of its exchanges was counted."""
    application_bytes: int = 0
    payload_bytes: int = 0
    wire: dict[int, int] = field(default_factory=dict)
    """Wire bytes of its exchanges, by TCP connection."""
    packets: dict[int, int] = field(default_factory=dict)
    """Packets of its exchanges, by TCP connection; over HTTP/2 pieces that carried them."""
    pushes: list[tuple[int, int]] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    """When each of these arrived: later than it came about, where it had to wait for a poll."""
    posts: list[tuple[int, int]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    begun: int = NULL
    ended: int = NULL
    empty: int = 0
    delay: int = 0
    unknown: int = 0
    """Messages of polls of which nothing says how long they waited."""
    told: int = 0
    """All messages of its exchanges."""
    last_answer: int = NULL


class Sessions:
    """Collects exchanges and the TCP connections that carried them."""

    def __init__(self, options: Options, intervals: list[int], heads: HeadMaker) -> None:
        self._options = options
        self._heads = heads
        self._intervals = intervals
        self._sessions: dict[int, _Session] = {}
        self._by_client: dict[int, _Session] = {}
        self._early: dict[int, list[Exchange]] = {}
        self._streams: dict[int, _Stream] = {}
        self._wire: dict[int, int] = {}
        self._cut_sessions = self._cut_messages = self._cut_streams = 0
        self._early_messages = self._cut_early = 0
        self._services: dict[int, _Session] = {}
        self._calls = self._cut_calls = 0

    def push(self, http: HttpBatch, websockets: Mapping[int, bool]) -> None:
        """Take a batch's exchanges and ended TCP connections.

        Args:
            http: the batch.
            websockets: slots of ended WebSocket connections, and whether other exchanges
                went before the upgrade there.
        """
        for exchange in http.exchanges:
            stream = _stream_of(exchange)
            # Of all that are open, and all ended ones that are remembered.
            most = self._options.max_connections + self._options.max_session_connections
            _add_to(self._wire, stream, exchange.wire_bytes, most)
            if exchange.group >= 0 and exchange.kind in KIND_TRANSPORTS:
                self._add(exchange)
            else:
                if is_call(exchange):
                    self._call(exchange)
                if exchange.sent or exchange.transport:
                    self._post(exchange)
        for slot in http.ended:
            if websockets.get(slot, True) and http.http_bytes[2 * slot : 2 * slot + 2].any():
                self._keep(http, slot, is_websocket=slot in websockets)

    def _keep(self, http: HttpBatch, slot: int, *, is_websocket: bool) -> None:
        """Remember a TCP connection's counts; the oldest is forgotten."""
        tcp = http.stream.connection(slot)
        both = http.stream.directions[2 * slot : 2 * slot + 2].tolist()
        known = [row[_MSS] for row in both if row[_MSS] > 0]
        trip = NULL
        if NULL not in (tcp.syn_time, tcp.established_time):
            trip = max(0, tcp.established_time - tcp.syn_time)
        self._streams[tcp.tcp_stream] = _Stream(
            (both[0], both[1]), min(known, default=0), trip, is_websocket
        )
        if len(self._streams) > self._options.max_session_connections:
            oldest = next(iter(self._streams))
            del self._streams[oldest]
            self._cut_streams += 1
            self._wire.pop(oldest, None)

    def _add(self, exchange: Exchange) -> None:
        session = self._sessions.get(exchange.group)
        if session is None:
            if len(self._sessions) >= self._options.max_sessions:
                self._cut_sessions += 1
                return
            session = _Session(exchange.group, exchange, exchange.kind)
            self._sessions[exchange.group] = session
            if exchange.client_key not in self._by_client:
                self._by_client[exchange.client_key] = session
                for post in self._early.pop(exchange.client_key, ()):
                    self._early_messages -= max(1, len(post.sent))
                    self._post(post)
        _count(session, exchange, self._options.max_session_connections)
        session.starts.append(exchange.request_first_time)
        del session.starts[: -self._options.max_session_messages]
        room = max(0, self._options.max_session_messages - len(session.pushes))
        given = [(exchange.response_last_time, size) for size in exchange.carried]
        kept = (given or exchange.deliveries)[:room]
        self._cut_messages += max(0, (len(given) or exchange.messages) - len(kept))
        session.empty += not exchange.messages
        waited = _note_delay(session, exchange)
        session.pushes += _spread(kept, *waited) if waited else kept
        session.arrivals += [time for time, _ in kept]

    def _post(self, exchange: Exchange) -> None:
        session = self._by_client.get(exchange.client_key)
        if session is None:
            self._wait_for_poll(exchange)
            return
        _count(session, exchange, self._options.max_session_connections)
        room = max(0, self._options.max_session_messages - len(session.posts))
        time = exchange.request_last_time
        sent = exchange.carried_up or exchange.sent
        session.posts += [(time, size) for size in sent[:room]]
        self._cut_messages += max(0, len(sent) - room)
        session.payload_bytes += sum(sent)

    def _wait_for_poll(self, exchange: Exchange) -> None:
        """Keep what is posted before the client's first poll is known for a poll."""
        count = max(1, len(exchange.sent))
        if self._early_messages + count > self._options.max_session_messages:
            self._cut_early += count
            return
        self._early_messages += count
        # Its headers do not matter here.
        small = replace(exchange, request_header=(), response_header=(), deliveries=[])
        self._early.setdefault(exchange.client_key, []).append(small)

    def _call(self, exchange: Exchange) -> None:
        """Count a request that asks for what its answer brings."""
        if self._calls >= self._options.max_calls_compared:
            self._cut_calls += 1
            return
        service = self._services.get(exchange.client_key)
        if service is None:
            if len(self._services) >= self._options.max_sessions:
                self._cut_calls += 1
                return
            service = _Session(len(self._services), exchange, "call")
            self._services[exchange.client_key] = service
        self._calls += 1
        _count(service, exchange, self._options.max_session_connections)
        asked, given = _call_sizes(exchange)
        service.posts.append((exchange.request_last_time, asked))
        service.payload_bytes += asked + given - exchange.message_bytes
        if given:
            service.pushes.append((exchange.response_last_time, given))
            service.arrivals.append(exchange.response_first_time)

    def cut(self) -> Iterator[str]:
        """Yield a sentence for each limit that was reached."""
        if self._cut_sessions:
            yield f"{self._cut_sessions} exchanges belong to sessions above max_sessions"
        if self._cut_messages:
            yield f"{self._cut_messages} messages lie above max_session_messages of a session"
        if self._cut_early and self._sessions:
            yield (
                f"{self._cut_early} messages of clients lie above max_session_messages and were "
                "sent before a poll of theirs was known"
            )
        if self._cut_calls:
            yield f"{self._cut_calls} requests lie above max_calls_compared or max_sessions"
        if self._cut_streams:
            yield (
                f"{self._cut_streams} TCP connections with HTTP above max_session_connections "
                "were forgotten"
            )

    def finish(self, latest: int) -> list[Ended]:
        """Return what sessions were, in the form of ended connections: a block for each kind."""
        kinds: dict[str, list[Ended]] = {}
        for session in self._sessions.values():
            kinds.setdefault(session.kind, []).append(self._ended(session, latest))
        number = 0
        for client, service in self._services.items():
            # What a client posts that polls as well belongs to its session.
            if client not in self._by_client and service.requests >= _FEWEST_CALLS:
                service.number, number = number, number + 1
                kinds.setdefault(service.kind, []).append(self._ended(service, latest))
        return [joined(blocks) for blocks in kinds.values()]

    def _ended(self, session: _Session, latest: int) -> Ended:
        wire, measured, gap = self._evidence(session)
        end = session.ended
        if session.kind in ("stream", "sse") and not session.first.complete:
            end = max(end, latest)
        duration = max(0, end - session.begun) if NULL not in (end, session.begun) else 0
        interval = _interval(session)
        if interval and session.starts:
            # The last poll lasts until the next would have come.
            duration = max(0, max(session.starts) - session.begun) + interval
        one = np.zeros(1, np.int64)
        schedule = Schedule(self._intervals, buffer_of(self._options))
        hold = round(self._options.long_poll_hold_s * _NS)
        schedule.open(one, one + max(session.begun, 0), one + gap, hold, wire["mss"].astype(int))
        _fill(schedule, session)
        duration = min(duration, LONGEST_NS * 2)
        schedule.finish(one, one + duration)
        shared = schedule.conversations_of(one)
        _finish_measured(measured[0], session)
        return Ended(
            connection=one + NULL,
            session=one + session.number,
            hosts=[session.first.host],
            heads=[self._heads.from_exchange(session.first)],
            duration=one + duration,
            shared=shared,
            lanes=schedule.lanes_of("lanes", one),
            sizes=schedule.lanes_of("sizes", one),
            delays=schedule.lanes_of("delays", one),
            latest=schedule.latest_of(one),
            buffer_ns=schedule.buffer_ranges_of(one),
            named=np.zeros(1, bool),
            wire=wire,
            measured=measured,
            kind=KIND_TRANSPORTS[session.kind],
            interval=one + (interval or NULL),
            answered=one + answered_soon(session.posts, session.arrivals),
            empty_polls=one + session.empty,
            # Python's integers until here: clocks that jump give more than 2^63 ns in total.
            # What is not known waited as the others did.
            delay=np.full(1, session.delay * session.told / max(1, session.told - session.unknown)),
        )

    def _evidence(self, session: _Session) -> tuple[Any, Any, int]:
        """Return its WIRE and MEASURED rows, and the gap between requests."""
        sides = [empty(DIRECTION, 1), empty(DIRECTION, 1)]
        measured = np.zeros(1, MEASURED)
        trips, connections = [], 0
        mss = 0
        for number, bytes_here in session.wire.items():
            stream = self._streams.get(number)
            connections += 1
            if stream is None:
                # Forgotten: what its exchanges counted themselves.
                measured["wire_bytes"] += bytes_here
                measured["packets"] += session.packets.get(number, 0)
                continue
            if stream.mss:
                mss = min(mss or stream.mss, stream.mss)
            if stream.round_trip != NULL:
                trips.append(stream.round_trip)
            share = self._share(stream, number, bytes_here)
            if share < 1 and session.counted:
                # Others, such as the page, share the connection: its opening is not the session's.
                measured["wire_bytes"] += bytes_here
                measured["packets"] += session.packets[number]
            else:
                for row in stream.sides:
                    measured["wire_bytes"] += round(share * row[_WIRE])
                    measured["packets"] += round(share * row[_PACKETS])
            client = session.first.client_side
            for side, counts in zip(sides, stream.sides[:: -1 if client else 1], strict=True):
                for name, value in zip(_COUNTS, counts, strict=True):
                    side[name] += round(share * value)
        for side in sides:
            side["mss"] = mss
        measured["tcp_connections"] = connections
        gap = TURNAROUND_NS + (min(*trips, LONGEST_NS) if trips else 0)
        wire = wire_rows(sides[0], sides[1], max(1, connections))
        if session.kind in ("poll", "long-poll"):
            # Who polls acknowledges with the next request. Behind a push the client has nothing to
            # send, so that each takes an ACK of its own.
            wire["push_acks"], wire["bulk_acks"] = 1.0, BULK_ACKS
        if not mss:
            wire["mss"] = USUAL_MSS
        return wire, measured, gap

    def _share(self, stream: _Stream, number: int, bytes_here: int) -> float:
        """Return which part of a TCP connection a session's exchanges are, by wire bytes."""
        whole = self._wire.get(number, bytes_here)
        if stream.is_websocket:
            whole = sum(row[_WIRE] for row in stream.sides)
        return min(1.0, bytes_here / max(1, whole))


def _add_to(counts: dict[int, int], key: int, count: int, most: int) -> None:
    """Add to one of `most` counts; the one that was added to longest ago is forgotten."""
    counts[key] = counts.pop(key, 0) + count
    if len(counts) > most:
        del counts[next(iter(counts))]


_MARKUP: Final = ("text/html", "application/xhtml")


def is_call(exchange: Exchange) -> bool:
    """Return whether an exchange asks an application and is answered: no page, no part of one."""
    if exchange.kind != "plain" or exchange.transport or role_of(exchange) not in _CALL_ROLES:
        return False
    return not (exchange.content_type or "").lower().startswith(_MARKUP)


_CALL_ROLES: Final = ("post", "plain")


def _call_sizes(exchange: Exchange) -> tuple[int, int]:
    """Return the sizes of the messages that would ask and answer the same.

    What a request without a body asks for is in its target. A body in gzip counts as it was
    sent: over WebSocket it would be compressed too.
    """
    asked = exchange.request_body_bytes or len(exchange.path or "")
    given = exchange.response_body_bytes
    if exchange.content_bytes != NULL and exchange.piecemeal:
        # Without chunk framing.
        given = min(given, exchange.content_bytes)
    return asked, given


def _stream_of(exchange: Exchange) -> int:
    """Return the number of its TCP connection."""
    return NULL if exchange.tcp is None else exchange.tcp.tcp_stream


def _count(session: _Session, exchange: Exchange, most_streams: int) -> None:
    session.requests += 1
    session.application_bytes += (
        exchange.request_header_bytes
        + exchange.request_body_bytes
        + exchange.response_header_bytes
        + exchange.response_body_bytes
    )
    session.payload_bytes += sum(exchange.carried) or exchange.message_bytes
    stream = _stream_of(exchange)
    _add_to(session.wire, stream, exchange.wire_bytes, most_streams)
    session.counted &= exchange.packets > 0
    pieces = exchange.request_segments + exchange.response_segments
    _add_to(session.packets, stream, exchange.packets or pieces, most_streams)
    for time in (exchange.request_first_time, exchange.response_first_time):
        if time != NULL:
            session.begun = time if session.begun == NULL else min(session.begun, time)
    session.ended = max(session.ended, exchange.request_last_time, exchange.response_last_time)


def _note_delay(session: _Session, exchange: Exchange) -> tuple[int, int] | None:
    """Add what its messages waited: half of the time in which they may have come about.

    That is, for a poll, since the answer before; for a long poll that was answered at
    once, while no request was open. What ended a held request or came in a stream did not
    wait.

    Returns:
        Begin and end of that time in ns; None where nothing waited.
    """
    asked, answered = exchange.request_first_time, exchange.response_first_time
    before, session.last_answer = session.last_answer, max(session.last_answer, answered)
    session.told += exchange.messages
    if NULL in (asked, answered, before) or not exchange.messages:
        session.unknown += exchange.messages if session.kind == "poll" else 0
        return None
    if session.kind == "poll":
        until = answered
    elif session.kind == "long-poll" and answered - asked < ACK_DELAY_NS:
        until = asked
    else:
        return None
    if until <= before:
        return None
    session.delay += exchange.messages * (until - before) // 2
    return before, until


def _spread(deliveries: list[tuple[int, int]], begin: int, end: int) -> list[tuple[int, int]]:
    """Return the messages of one answer at times spread evenly over that in which they came.

    When each came about is not in the capture. At the time of the answer, another poll at the same
    interval would find each just in time, or just too late.
    """
    step = (end - begin) / len(deliveries) if deliveries else 0.0
    return [
        (begin + round((place + 0.5) * step), size) for place, (_, size) in enumerate(deliveries)
    ]


def _fill(schedule: Schedule, session: _Session) -> None:
    """Put a session's messages into a schedule.

    What came in one packet of a stream was written together. What one answer of a poll
    brought came about at times of its own.
    """
    for sender, messages in ((0, session.posts), (1, session.pushes)):
        # What came over several connections side by side is not in order.
        messages.sort(key=lambda message: message[0])
        count = len(messages)
        times = np.array([time for time, _ in messages], np.int64)
        packets = np.arange(1, count + 1, dtype=np.int64)
        if count and session.kind in ("stream", "sse"):
            packets = 1 + np.cumsum(np.concatenate(([0], np.diff(times) != 0)))
        schedule.add(
            np.zeros(count, np.int32),
            np.full(count, sender, np.uint8),
            times,
            np.array([size for _, size in messages], np.int64),
            packets,
            packets,
            np.zeros(count, np.uint8),
            kinds_by_size(np.array([size for _, size in messages], np.int64)),
        )


def _interval(session: _Session) -> int:
    """Return the median of ns from one poll's start to the next; 0 where it does not poll."""
    if session.kind != "poll":
        return 0
    starts = np.array([start for start in session.starts if start != NULL], np.int64)
    return int(np.median(np.diff(np.sort(starts)))) if len(starts) > 1 else 0


def _finish_measured(measured: Any, session: _Session) -> None:
    measured["requests"] = session.requests
    measured["application_bytes"] = session.application_bytes
    # Compressed bodies are smaller than the messages in them.
    measured["header_bytes"] = max(0, session.application_bytes - session.payload_bytes)
    connections = measured["tcp_connections"]
    opening = min(6 * int(connections), int(measured["packets"]))
    mean = measured["wire_bytes"] - session.application_bytes
    header = mean / max(1, int(measured["packets"]))
    measured["steady_packets"] = measured["packets"] - opening
    measured["steady_header_bytes"] = measured["header_bytes"]
    measured["steady_application_bytes"] = session.application_bytes
    measured["steady_wire_bytes"] = max(0, round(measured["wire_bytes"] - opening * header))
