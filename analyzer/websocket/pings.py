"""Pings and their pongs, paired by payload.

Knows RFC 6455 5.5.2 and 5.5.3 only. Used by websocket.stage.
"""

from __future__ import annotations

from typing import Any

from analyzer import findings
from analyzer.columns import NULL
from analyzer.findings import Finding
from analyzer.options import Options
from analyzer.websocket.connection import Ping, WebSocketConnection

_Waiting = dict[int, tuple[bytes, int, int]]
"""Pings that wait, by frame number: payload, payload size, time sent in ns."""


class Pings:
    """Holds the unanswered pings of open connections."""

    def __init__(self, options: Options) -> None:
        self._limit = options.max_pending_pings
        self._waiting: dict[tuple[int, int], _Waiting] = {}

    def ping(
        self,
        connection: WebSocketConnection,
        frame: Any,
        payload: bytes,
        found: list[Finding],
    ) -> list[Ping]:
        """Note a ping; return one that is given up for it, if there are too many."""
        sender = int(frame["sender"])
        waiting = self._waiting.setdefault((connection.connection, sender), {})
        number = int(frame["frame"])
        waiting[number] = (payload, int(frame["payload_bytes"]), int(frame["time_last"]))
        if len(waiting) <= self._limit:
            return []
        found.append(
            Finding(findings.PINGS_LIMIT, connection.slot, int(frame["packet_last"]), number)
        )
        oldest = next(iter(waiting))
        return [_unanswered(connection, sender, oldest, waiting.pop(oldest))]

    def pong(self, connection: WebSocketConnection, frame: Any, payload: bytes) -> list[Ping]:
        """Pair a pong with a ping of the same payload.

        "A Pong frame sent in response to a Ping frame must have identical Application
        data", and an endpoint "MAY elect to send a Pong frame for only the most
        recently processed Ping frame" (RFC 6455 5.5.3): earlier pings are then answered
        by nobody. A pong without a ping is a one-way heartbeat and pairs with nothing.
        """
        sender = 1 - int(frame["sender"])
        waiting = self._waiting.get((connection.connection, sender))
        if not waiting:
            return []
        answered = int(frame["time_first"])
        match = None
        for number, (sent_payload, _, sent) in waiting.items():
            # Of equal payloads (often empty) the oldest was answered first.
            if sent_payload == payload and sent <= answered:
                match = number
                break
        if match is None:
            return []
        done: list[Ping] = []
        for number in list(waiting):
            if number == match:
                break
            done.append(_unanswered(connection, sender, number, waiting.pop(number)))
        _, size, sent = waiting.pop(match)
        done.append(
            Ping(connection.connection, sender, match, int(frame["frame"]), size, sent, answered)
        )
        return done

    def end(self, connection: WebSocketConnection) -> list[Ping]:
        """Return the pings that stay unanswered, and forget the connection."""
        left: list[Ping] = []
        for sender in (0, 1):
            waiting = self._waiting.pop((connection.connection, sender), {})
            left += [_unanswered(connection, sender, n, item) for n, item in waiting.items()]
        return left


def _unanswered(
    connection: WebSocketConnection, sender: int, number: int, item: tuple[bytes, int, int]
) -> Ping:
    _, size, sent = item
    return Ping(connection.connection, sender, number, None, size, sent, NULL)
