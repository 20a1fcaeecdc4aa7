"""What connections said, kept so that two captures of them can be laid beside each other.

Of each WebSocket connection: addresses, heads of the handshake, when its packets passed the point
of capture, and the digest and time of each message. Knows what the stages hand on. Must not know
the other capture (tables.paths does). Fed by the pipeline as a Listener, made by analysis.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from analyzer.columns import NULL, Rows
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options
from analyzer.tables.timing import Endpoints
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.stage import WebSocketBatch

_COLUMNS = ("connection", "sender", "digest", "payload_bytes", "time_last")
Key = tuple[int, int]
"""Digest and payload bytes of a message; digest 0, size NULL: not known."""


@dataclass(slots=True)
class Said:
    """Messages of one side, in order."""

    keys: list[Key] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    """Of their last bytes (ns); NULL without."""


@dataclass(slots=True)
class Talk:
    """One connection. Times are ns; of the client's events, then of the server's.

    Attributes:
        connection: its number.
        ends: addresses and ports.
        key: Sec-WebSocket-Key.
        extensions: what the 101 agreed on; None where it was not seen.
        request, response: fields of the heads.
        sent: events of the opening: SYN and end of the request; SYN-ACK and end of the response.
        mss: of the SYNs of client and server; 0 if not seen.
        resent: payload bytes that each side sent again.
        said: messages of client and server.
    """

    connection: int
    ends: Endpoints
    key: str | None
    extensions: str | None
    request: Mapping[str, str]
    response: Mapping[str, str]
    sent: tuple[tuple[int, int], tuple[int, int]]
    mss: tuple[int, int]
    resent: tuple[int, int]
    said: tuple[Said, Said] = field(default_factory=lambda: (Said(), Said()))


class Talks:
    """A Listener that keeps connections and messages.

    Attributes:
        talks: ended connections, by number; with their messages after `settle`.
        cut: connections and messages beyond the limits.
        only: connections that are wanted; None: all.

    Args:
        options: max_path_connections, max_path_messages.
    """

    def __init__(self, options: Options) -> None:
        self._most_talks = options.max_path_connections
        self._most_messages = options.max_path_messages
        self._kept: list[dict[str, np.ndarray]] = []
        self._count = 0
        self.talks: dict[int, Talk] = {}
        self.cut = [0, 0]
        self.only: Collection[int] | None = None

    def hear(self, batch: WebSocketBatch) -> None:
        """Take a batch of the websocket stage."""
        room = self._most_messages - self._count
        rows: Rows = batch.messages[:room]
        self.cut[1] += len(batch.messages) - len(rows)
        if len(rows):
            self._kept.append({name: rows[name].copy() for name in _COLUMNS})
            self._count += len(rows)
        for ended in batch.ended:
            if len(self.talks) < self._most_talks:
                self.talks[ended.connection] = _talk(ended, batch)
            else:
                self.cut[0] += 1

    def settle(self) -> None:
        """Give each connection its messages, when the capture has ended."""
        if self.only is not None:
            wanted = set(self.only)
            self.talks = {key: talk for key, talk in self.talks.items() if key in wanted}
        for rows in self._kept:
            columns = (rows[name].tolist() for name in _COLUMNS)
            for connection, sender, digest, size, time in zip(*columns, strict=True):
                talk = self.talks.get(connection)
                if talk is not None:
                    talk.said[sender].keys.append((digest, size))
                    talk.said[sender].times.append(time)
        self._kept = []


def _talk(ended: WebSocketConnection, batch: WebSocketBatch) -> Talk:
    stream = batch.http.stream
    tcp = stream.connection(ended.slot)
    side = ended.client_side
    directions = [ended.direction(sender) for sender in (0, 1)]
    mss, resent = (
        [int(stream.directions[name][direction]) for direction in directions]
        for name in ("mss", "retransmitted_bytes")
    )
    handshake = ended.handshake
    # A SYN that was sent again is another packet at the other end.
    opens = tcp.syn_retries == 0 and handshake is not None and handshake.first_in_connection
    syn, synack = (tcp.syn_time, tcp.synack_time) if opens else (NULL, NULL)
    asked = answered = NULL
    if handshake is not None:
        asked, answered = handshake.request_last_time, handshake.response_last_time
    return Talk(
        ended.connection,
        Endpoints.of(tcp, side),
        None if handshake is None else handshake.key,
        None if handshake is None or handshake.status is None else handshake.extensions_text or "",
        _fields(() if handshake is None else handshake.request_header),
        _fields(() if handshake is None else handshake.response_header),
        ((syn, asked), (synack, answered)),
        (mss[0], mss[1]),
        (resent[0], resent[1]),
    )


def _fields(header: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return fields by lower-case name; values of repeated ones are joined (RFC 9110 5.3)."""
    found: dict[str, str] = {}
    for name, value in header:
        name = name.lower()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
