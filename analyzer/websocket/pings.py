"""Pings and their pongs, paired by payload.

Knows RFC 6455 5.5.2 and 5.5.3, and when TCP acknowledged a ping. Used by websocket.stage.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from analyzer import findings
from analyzer.columns import NULL
from analyzer.findings import Finding
from analyzer.options import Options
from analyzer.websocket.connection import Ping, WebSocketConnection
from analyzer.websocket.control_acks import ControlAcks
from analyzer.websocket.keepalive import PING, UNSOLICITED_PONG, Keepalive

_Waiting = dict[int, tuple[bytes, int, int]]
"""Pings that wait, by frame number: payload, payload size, time sent in ns."""
_Early = deque[tuple[bytes, int, int]]
"""Pongs that were read before their ping: payload, frame number, time in ns."""


class Pings:
    """Holds the unanswered pings of open connections.

    A direction with a hole is read later than the other, so that a pong may come here
    before its ping.
    """

    def __init__(self, options: Options) -> None:
        self._limit = options.max_pending_pings
        self._max_intervals = options.max_ping_intervals
        self.acks = ControlAcks(self._limit + 1)
        self._waiting: dict[tuple[int, int], _Waiting] = {}
        self._early: dict[tuple[int, int], _Early] = {}

    def ping(
        self,
        connection: WebSocketConnection,
        frame: Any,
        payload: bytes,
        found: list[Finding],
    ) -> list[Ping]:
        """Note a ping; return it if its pong is known, or one given up if there are too many."""
        sender = int(frame["sender"])
        sent = int(frame["time_last"])
        self._beat(connection, PING, frame)
        early = self._early.get((connection.connection, sender), ())
        for pong in early:
            pong_payload, pong_frame, answered = pong
            if pong_payload == payload and sent <= answered:
                self._early[connection.connection, sender].remove(pong)
                size, number = int(frame["payload_bytes"]), int(frame["frame"])
                acked = self.acks.take(connection.direction(sender), number)
                ends = (number, pong_frame, size, sent, answered, acked)
                return [Ping(connection.connection, sender, *ends)]
        waiting = self._waiting.setdefault((connection.connection, sender), {})
        number = int(frame["frame"])
        waiting[number] = (payload, int(frame["payload_bytes"]), sent)
        if len(waiting) <= self._limit:
            return []
        found.append(
            Finding(findings.PINGS_LIMIT, connection.slot, int(frame["packet_last"]), number)
        )
        oldest = next(iter(waiting))
        return [self._unanswered(connection, sender, oldest, waiting.pop(oldest))]

    def pong(self, connection: WebSocketConnection, frame: Any, payload: bytes) -> list[Ping]:
        """Pair a pong with a ping of the same payload.

        "A Pong frame sent in response to a Ping frame must have identical Application
        data", and an endpoint "MAY elect to send a Pong frame for only the most
        recently processed Ping frame" (RFC 6455 5.5.3): earlier pings then stay
        unanswered. A pong without a ping is a one-way heartbeat and pairs with nothing.
        """
        sender = 1 - int(frame["sender"])
        waiting = self._waiting.get((connection.connection, sender), {})
        answered = int(frame["time_first"])
        match = None
        for number, (sent_payload, _, sent) in waiting.items():
            # Of equal payloads (often empty) the oldest was answered first.
            if sent_payload == payload and sent <= answered:
                match = number
                break
        if match is None:
            self._beat(connection, UNSOLICITED_PONG, frame)
            key = (connection.connection, sender)
            early = self._early.setdefault(key, deque(maxlen=self._limit))
            early.append((payload, int(frame["frame"]), answered))
            return []
        done: list[Ping] = []
        for number in list(waiting):
            if number == match:
                break
            done.append(self._unanswered(connection, sender, number, waiting.pop(number)))
        _, size, sent = waiting.pop(match)
        acked = self.acks.take(connection.direction(sender), match)
        ends = (match, int(frame["frame"]), size, sent, answered, acked)
        done.append(Ping(connection.connection, sender, *ends))
        return done

    def end(self, connection: WebSocketConnection) -> list[Ping]:
        """Return the pings that stay unanswered, and forget the connection."""
        left: list[Ping] = []
        if not self._waiting:
            return left
        for sender in (0, 1):
            self._early.pop((connection.connection, sender), None)
            waiting = self._waiting.pop((connection.connection, sender), {})
            left += [self._unanswered(connection, sender, n, item) for n, item in waiting.items()]
        return left

    def _beat(self, connection: WebSocketConnection, kind: int, frame: Any) -> None:
        if connection.keepalive is None:
            connection.keepalive = Keepalive(self._max_intervals)
        connection.keepalive.beat(kind, int(frame["sender"]), int(frame["time_first"]))

    def _unanswered(
        self,
        connection: WebSocketConnection,
        sender: int,
        number: int,
        item: tuple[bytes, int, int],
    ) -> Ping:
        _, size, sent = item
        acked = self.acks.take(connection.direction(sender), number)
        return Ping(connection.connection, sender, number, None, size, sent, NULL, acked)
