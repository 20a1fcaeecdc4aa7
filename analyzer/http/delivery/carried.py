"""Carried: messages of Engine.IO and SockJS over plain HTTP, handed to their readers.

Knows which request or answer a message is in, and when it came. Splits only: what a packet
or a frame says is the matter of the listener, the inside stage. Used by
http.delivery.deliveries; the caller that reads bodies says of which packet they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from analyzer.columns import NULL
from analyzer.http.delivery.callers import ENGINE_IO, Target
from analyzer.http.delivery.payloads import (
    engine_io_frames,
    engine_io_session,
    sockjs_sent,
    sockjs_text,
)
from analyzer.http.exchanges import Exchange
from analyzer.lazy_dataclass import dataclass
from analyzer.tcp.bytestream import Connection

CLIENT: Final = 0
SERVER: Final = 1
_DELIVERING: Final = ("long-poll", "stream", "sse")

READ, LOST, BEGUN, ASTRAY = range(4)


class Numbered(Protocol):
    """A lane of http.delivery.groups.

    Attributes:
        group: its number; -1 without one.
    """

    group: int


@dataclass(slots=True)
class Carried:
    """One message over plain HTTP, or what else is known of its session.

    Attributes:
        state: READ: it is there; LOST: bytes of this side are missing or cannot be read, and
            any number of messages with them; BEGUN: a request for deliveries began; ASTRAY: a
            request was not captured, so that what it or its answer brings is of any session.
        transport: engine.io or sockjs; session: its name there; "" where it is not known.
        path: request target.
        slot: of the TCP connection, in this batch; tcp: its CONNECTION row.
        client_side: side of the client there.
        group: number in http_groups; -1 where it is not known.
        sender: CLIENT or SERVER.
        payload: a packet of Engine.IO, a frame of SockJS or the array of a request.
        is_text: it is text of Engine.IO, or SockJS.
        packet_first, packet_last: packets of its first and last byte.
        time_first, time_last: ns of these.
    """

    state: int
    transport: str
    session: str
    path: str
    slot: int
    tcp: Connection
    client_side: int
    group: int
    sender: int
    payload: bytes
    is_text: bool
    packet_first: int
    packet_last: int
    time_first: int
    time_last: int


class Carrying:
    """What is handed on, of all connections.

    Attributes:
        listener: takes it; None: nobody does.
        packet: the one whose bytes are read.
    """

    __slots__ = ("listener", "packet")

    def __init__(self) -> None:
        self.listener: Callable[[Carried], None] | None = None
        self.packet = 0

    def of(self, exchange: Exchange, target: Target, lane: Numbered | None) -> Carrier | None:
        """Return what hands on the messages of an exchange; None if it brings none."""
        if self.listener is None or not target.transport or exchange.tcp is None:
            return None
        is_sent = target.kind == "plain" and exchange.method == "POST"
        if not is_sent and target.kind not in _DELIVERING:
            return None
        return Carrier(self, exchange, target, lane)

    def astray(self, slot: int, tcp: Connection, client_side: int, packet: int, time: int) -> None:
        """Say that something was sent which cannot be told to belong to a session."""
        if self.listener is not None:
            when = (packet, packet, time, time)
            where = ("", "", "", slot, tcp, client_side, -1)
            self.listener(Carried(ASTRAY, *where, SERVER, b"", True, *when))


class Carrier:
    """Hands on the messages of one exchange, of its request or of its answer."""

    __slots__ = ("_begun", "_carrying", "_exchange", "_lane", "_packet", "_target")

    def __init__(
        self, carrying: Carrying, exchange: Exchange, target: Target, lane: Numbered | None
    ) -> None:
        self._carrying = carrying
        self._exchange = exchange
        self._target = target
        self._lane = lane
        self._begun = NULL
        self._packet = 0

    def asked(self) -> None:
        """Note the request: by it the group of its session is known."""
        if self._target.kind in _DELIVERING:
            exchange = self._exchange
            when = exchange.request_packet, exchange.request_first_time
            self._give(BEGUN, CLIENT, b"", True, self._target.session, when, when[1])

    def begins(self, time: int) -> None:
        """Note that what comes next begins at `time` (ns), in the packet in work."""
        self._begun, self._packet = time, self._carrying.packet

    def frame(self, line: bytes, time: int) -> None:
        """Hand on a frame of SockJS, whatever is around it, if it is one."""
        text = sockjs_text(line)
        if text is not None:
            begun = time if self._begun == NULL else self._begun
            packet = self._packet or self._carrying.packet
            self._give(READ, SERVER, text, True, self._target.session, (packet, begun), time)
        # Of what stands after it in this piece all bytes are of this packet.
        self.begins(time)

    def answer(self, body: bytes, time: int) -> None:
        """Hand on the packets of Engine.IO in a whole answer."""
        exchange, version = self._exchange, self._target.version
        session = self._target.session or engine_io_session(body, version) or ""
        when = exchange.response_packet, exchange.response_first_time
        self._payload(body, SERVER, session, when, time)

    def request(self, body: bytes) -> None:
        """Hand on what a whole request sent."""
        exchange, session = self._exchange, self._target.session
        when = exchange.request_packet, exchange.request_first_time
        time = exchange.request_last_time
        if self._target.transport == ENGINE_IO:
            self._payload(body, CLIENT, session, when, time)
        else:
            self._give(READ, CLIENT, sockjs_sent(body), True, session, when, time)

    def lost(self, sender: int) -> None:
        """Say that bytes of a side are missing, or cannot be read."""
        exchange = self._exchange
        time = exchange.request_last_time if sender == CLIENT else exchange.response_last_time
        when = self._carrying.packet, time
        self._give(LOST, sender, b"", True, self._target.session, when, time)

    def _payload(
        self, body: bytes, sender: int, session: str, when: tuple[int, int], time: int
    ) -> None:
        frames = engine_io_frames(body, self._target.version)
        if frames is None:
            # No payload of Engine.IO: who listens says so.
            frames = [(body, True)]
        for payload, is_text in frames:
            self._give(READ, sender, payload, is_text, session, when, time)

    def _give(
        self,
        state: int,
        sender: int,
        payload: bytes,
        is_text: bool,
        session: str,
        when: tuple[int, int],
        time: int,
    ) -> None:
        carrying, exchange, lane = self._carrying, self._exchange, self._lane
        if carrying.listener is None or exchange.tcp is None or not session:
            return
        packet = when[0] or carrying.packet
        carrying.listener(
            Carried(
                *(state, self._target.transport, session, exchange.path or ""),
                *(exchange.slot, exchange.tcp, exchange.client_side),
                lane.group if lane is not None else -1,
                *(sender, payload, is_text),
                *(packet, max(packet, carrying.packet), when[1], time),
            )
        )
