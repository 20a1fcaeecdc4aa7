"""Sessions: messages that a client got over plain HTTP, for the comparison the other way round.

A session is one group of exchanges that deliver (http.patterns): a poller with its polls, a
client with its stream. What the same client posts belongs to its first session. A client that
only asks and is answered has a service instead. Knows exchanges and TCP's counts. Must not know
costs. Used by alternatives.stage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives._schedule import Schedule
from analyzer.alternatives.buffering import buffer_of
from analyzer.alternatives.calls import KIND_TRANSPORTS, call_messages, is_call
from analyzer.alternatives.deflating import levels_of
from analyzer.alternatives.evidence import (
    LONGEST_NS,
    MEASURED,
    USUAL_MSS,
    Ended,
    Message,
    answered_soon,
    joined,
    wire_rows,
)
from analyzer.alternatives.heads import HeadMaker
from analyzer.alternatives.kinds import kinds_by_size
from analyzer.alternatives.packets import BULK_ACKS
from analyzer.alternatives.sampling import Samples
from analyzer.alternatives.session import (
    Session,
    Stream,
    add_to,
    bodies_row,
    count,
    finish_measured,
    interval_of,
    note_delay,
    payload_sent,
    spread,
    stream_of,
    turnaround,
)
from analyzer.alternatives.told import ToldSample, deflated
from analyzer.columns import NULL, empty
from analyzer.http.exchanges import Exchange, HttpBatch
from analyzer.options import Options
from analyzer.tcp.bytestream import DIRECTION

_FEWEST_CALLS: Final = 3
"""A client with fewer calls is not compared: there is no service that a WebSocket would replace."""
_NS: Final = 1_000_000_000
assert DIRECTION.names is not None
_COUNTS: Final = DIRECTION.names
_MSS: Final = _COUNTS.index("mss")
_WIRE: Final = _COUNTS.index("wire_bytes")
_PACKETS: Final = _COUNTS.index("packets")


class Sessions:
    """Collects exchanges and the TCP connections that carried them."""

    def __init__(self, options: Options, intervals: list[int], heads: HeadMaker) -> None:
        self._options = options
        self._heads = heads
        self._intervals = intervals
        self._sessions: dict[int, Session] = {}
        self._by_client: dict[int, Session] = {}
        self._early: dict[int, list[Exchange]] = {}
        self._streams: dict[int, Stream] = {}
        self._wire: dict[int, int] = {}
        self._cut_sessions = self._cut_messages = self._cut_streams = 0
        self._early_messages = self._cut_early = 0
        self._services: dict[int, Session] = {}
        self._calls = self._cut_calls = 0

    def push(self, http: HttpBatch, websockets: Mapping[int, bool]) -> None:
        """Take a batch's exchanges and ended TCP connections.

        Args:
            http: the batch.
            websockets: slots of ended WebSocket connections, and whether other exchanges
                went before the upgrade there.
        """
        for exchange in http.exchanges:
            stream = stream_of(exchange)
            # Of all that are open, and all ended ones that are remembered.
            most = self._options.max_connections + self._options.max_session_connections
            add_to(self._wire, stream, exchange.wire_bytes, most)
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
        self._streams[tcp.tcp_stream] = Stream(
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
            session = Session(exchange.group, exchange, exchange.kind)
            self._sessions[exchange.group] = session
            if exchange.client_key not in self._by_client:
                self._by_client[exchange.client_key] = session
                for post in self._early.pop(exchange.client_key, ()):
                    self._early_messages -= max(1, len(post.sent))
                    self._post(post)
        count(session, exchange, self._options)
        session.starts.append(exchange.request_first_time)
        del session.starts[: -self._options.max_session_messages]
        room = max(0, self._options.max_session_messages - len(session.pushes))
        given = [(exchange.response_last_time, size) for size in exchange.carried]
        kept = _with_payload((given or exchange.deliveries)[:room], exchange.told)
        self._cut_messages += max(0, (len(given) or exchange.messages) - len(kept))
        session.empty += not exchange.messages
        waited = note_delay(session, exchange)
        session.pushes += spread(kept, *waited) if waited else kept
        session.arrivals += [time for time, *_ in kept]

    def _post(self, exchange: Exchange) -> None:
        session = self._by_client.get(exchange.client_key)
        if session is None:
            self._wait_for_poll(exchange)
            return
        count(session, exchange, self._options)
        room = max(0, self._options.max_session_messages - len(session.posts))
        time = exchange.request_last_time
        sent = exchange.carried_up or exchange.sent
        session.posts += _with_payload([(time, size) for size in sent[:room]], exchange.asked)
        self._cut_messages += max(0, len(sent) - room)
        session.payload_bytes += sum(sent)

    def _wait_for_poll(self, exchange: Exchange) -> None:
        """Keep what is posted before the client's first poll is known for a poll."""
        many = max(1, len(exchange.sent))
        if self._early_messages + many > self._options.max_session_messages:
            self._cut_early += many
            return
        self._early_messages += many
        # Its headers do not matter here.
        small = replace(exchange, request_header=(), response_header=(), deliveries=[], body=None)
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
            service = Session(len(self._services), exchange, "call")
            self._services[exchange.client_key] = service
        self._calls += 1
        count(service, exchange, self._options)
        asked, given = call_messages(exchange)
        service.posts.append((exchange.request_last_time, *asked))
        sent = min(given[0], exchange.response_body_bytes)
        service.payload_bytes += asked[0] + sent - payload_sent(exchange)
        if given[0]:
            service.pushes.append((exchange.response_last_time, *given))
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

    def finish(
        self, latest: int, left_out: Collection[int] = (), held: Mapping[int, int] | None = None
    ) -> list[Ended]:
        """Return what sessions were, in the form of ended connections: a block for each kind.

        Args:
            latest: time of the last packet (ns).
            left_out: groups of which another leg counts.
            held: ns that a proxy held all messages of a group, by its number, where that was seen.
        """
        kinds: dict[str, list[Ended]] = {}
        for session in self._sessions.values():
            if session.number in left_out:
                continue
            if held and session.number in held:
                # Seen on both sides: that says more than the times in messages.
                session.delay = held[session.number]
            kinds.setdefault(session.kind, []).append(self._ended(session, latest))
        number = 0
        for client, service in self._services.items():
            # What a client posts that polls as well belongs to its session.
            if client not in self._by_client and service.requests >= _FEWEST_CALLS:
                service.number, number = number, number + 1
                kinds.setdefault(service.kind, []).append(self._ended(service, latest))
        return [joined(blocks) for blocks in kinds.values()]

    def _ended(self, session: Session, latest: int) -> Ended:
        wire, measured, gap = self._evidence(session)
        end = session.ended
        if session.kind in ("stream", "sse") and not session.first.complete:
            end = max(end, latest)
        duration = max(0, end - session.begun) if NULL not in (end, session.begun) else 0
        interval = interval_of(session)
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
        finish_measured(measured[0], session)
        samples = self._samples(session, gap, int(wire["mss"][0]))
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
            samples=samples[None, :],
            compressed=np.array([session.coded > 0]),
            bodies=bodies_row(session, wire),
            kind=KIND_TRANSPORTS[session.kind],
            interval=one + (interval or NULL),
            answered=one + answered_soon(session.posts, session.arrivals),
            empty_polls=one + session.empty,
            # Python's integers until here: clocks that jump give more than 2^63 ns in total.
            # What is not known waited as the others did.
            delay=np.full(1, session.delay * session.told / max(1, session.told - session.unknown)),
        )

    def _samples(self, session: Session, gap: int, mss: int) -> Samples:
        """Return the SAMPLE rows of a session, whose messages are in order."""
        first = session.first
        server, agent = (
            next((value for name, value in fields if name.lower() == wanted), None)
            for fields, wanted in (
                (first.response_header, "server"),
                (first.request_header, "user-agent"),
            )
        )
        buffered, levels = buffer_of(self._options), levels_of(server, agent)
        sample = ToldSample(self._intervals, max(session.begun, 0), gap, mss, buffered, levels)
        packets = _packets(session, np.array([time for time, *_ in session.pushes], np.int64))
        pushes = zip(session.pushes, packets.tolist(), strict=True)
        return deflated(sample, pushes, session.posts, session.bodies)

    def _evidence(self, session: Session) -> tuple[Any, Any, int]:
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
        gap = min(turnaround(session), LONGEST_NS) + (min(*trips, LONGEST_NS) if trips else 0)
        wire = wire_rows(sides[0], sides[1], max(1, connections))
        if session.kind in ("poll", "long-poll"):
            # Who polls acknowledges with the next request. Behind a push the client has nothing to
            # send, so that each takes an ACK of its own.
            wire["push_acks"], wire["bulk_acks"] = 1.0, BULK_ACKS
        if not mss:
            wire["mss"] = USUAL_MSS
        return wire, measured, gap

    def _share(self, stream: Stream, number: int, bytes_here: int) -> float:
        """Return which part of a TCP connection a session's exchanges are, by wire bytes."""
        whole = self._wire.get(number, bytes_here)
        if stream.is_websocket:
            whole = sum(row[_WIRE] for row in stream.sides)
        return min(1.0, bytes_here / max(1, whole))


def _fill(schedule: Schedule, session: Session) -> None:
    """Put a session's messages into a schedule.

    What came in one packet of a stream was written together. What one answer of a poll
    brought came about at times of its own.
    """
    for sender, messages in ((0, session.posts), (1, session.pushes)):
        # What came over several connections side by side is not in order.
        messages.sort(key=lambda message: message[0])
        many = len(messages)
        times = np.array([time for time, *_ in messages], np.int64)
        packets = _packets(session, times)
        sizes = np.array([size for _, size, _ in messages], np.int64)
        schedule.add(
            np.zeros(many, np.int32),
            np.full(many, sender, np.uint8),
            times,
            sizes,
            packets,
            packets,
            np.zeros(many, np.uint8),
            kinds_by_size(sizes),
        )


def _packets(session: Session, times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the number of the write that each message would be in."""
    if len(times) and session.kind in ("stream", "sse"):
        numbers: npt.NDArray[np.int64] = 1 + np.cumsum(np.concatenate(([0], np.diff(times) != 0)))
        return numbers
    return np.arange(1, len(times) + 1, dtype=np.int64)


def _with_payload(messages: Sequence[tuple[int, int]], payloads: Sequence[bytes]) -> list[Message]:
    """Return messages with their payload, as far as it was kept: from the first one on."""
    return [
        (time, size, payload if payload is not None and len(payload) == size else None)
        for (time, size), payload in zip_longest(messages, payloads[: len(messages)])
    ]
