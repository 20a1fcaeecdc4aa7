"""One WebSocket connection: its lifecycle as a table, its closes, pings and totals.

Knows the closing handshake (RFC 6455 7.1) and what a sniffer can say about how a
connection ended. Must not know frames' bytes or tables. Used by websocket.stage, which
makes one object per connection; handed on to tables when the connection opens and ends.
"""

from __future__ import annotations

from enum import IntEnum
from operator import itemgetter

from analyzer.columns import NULL
from analyzer.http.exchanges import Handshake
from analyzer.lazy_dataclass import dataclass, field
from analyzer.named_tuple import NamedTuple
from analyzer.websocket.keepalive import Keepalive
from analyzer.websocket.negotiation import Negotiation


class State(IntEnum):
    """The state of a connection's closing, as seen from the wire."""

    OPEN = 0
    CLIENT_CLOSING = 1  # the client's Close was seen first, the server's not yet
    SERVER_CLOSING = 2
    CLEAN = 3  # Close in both directions: the closing handshake is complete
    FIN = 4  # TCP began to end without any Close
    RESET = 5
    TIMEOUT = 6
    CLIENT_CLOSE_FIN = 7  # FIN, and of the Close frames only the client's
    SERVER_CLOSE_FIN = 8


class Event(IntEnum):
    """What can happen to a connection's end."""

    CLIENT_CLOSE = 0
    SERVER_CLOSE = 1
    FIN = 2
    RESET = 3
    TIMEOUT = 4


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.OPEN, Event.CLIENT_CLOSE): State.CLIENT_CLOSING,
    (State.OPEN, Event.SERVER_CLOSE): State.SERVER_CLOSING,
    (State.OPEN, Event.FIN): State.FIN,
    (State.OPEN, Event.RESET): State.RESET,
    (State.OPEN, Event.TIMEOUT): State.TIMEOUT,
    (State.CLIENT_CLOSING, Event.CLIENT_CLOSE): State.CLIENT_CLOSING,
    (State.CLIENT_CLOSING, Event.SERVER_CLOSE): State.CLEAN,
    (State.CLIENT_CLOSING, Event.FIN): State.CLIENT_CLOSE_FIN,
    (State.CLIENT_CLOSING, Event.RESET): State.RESET,
    (State.CLIENT_CLOSING, Event.TIMEOUT): State.TIMEOUT,
    (State.SERVER_CLOSING, Event.CLIENT_CLOSE): State.CLEAN,
    (State.SERVER_CLOSING, Event.SERVER_CLOSE): State.SERVER_CLOSING,
    (State.SERVER_CLOSING, Event.FIN): State.SERVER_CLOSE_FIN,
    (State.SERVER_CLOSING, Event.RESET): State.RESET,
    (State.SERVER_CLOSING, Event.TIMEOUT): State.TIMEOUT,
    # "the WebSocket connection is said to have been closed cleanly" (7.1.4) once the
    # closing handshake completed; how TCP ends afterwards does not change that.
    (State.CLEAN, Event.CLIENT_CLOSE): State.CLEAN,
    (State.CLEAN, Event.SERVER_CLOSE): State.CLEAN,
    (State.CLEAN, Event.FIN): State.CLEAN,
    (State.CLEAN, Event.RESET): State.CLEAN,
    (State.CLEAN, Event.TIMEOUT): State.CLEAN,
    # A FIN in one direction leaves the other open: its Close may still come. But who sends
    # FIN before that did not wait for the closing handshake (RFC 6455 7.1.1), and need not
    # have read what came later.
    (State.FIN, Event.CLIENT_CLOSE): State.CLIENT_CLOSE_FIN,
    (State.FIN, Event.SERVER_CLOSE): State.SERVER_CLOSE_FIN,
    (State.FIN, Event.FIN): State.FIN,
    (State.FIN, Event.RESET): State.FIN,
    (State.FIN, Event.TIMEOUT): State.FIN,
    (State.CLIENT_CLOSE_FIN, Event.CLIENT_CLOSE): State.CLIENT_CLOSE_FIN,
    (State.CLIENT_CLOSE_FIN, Event.SERVER_CLOSE): State.CLIENT_CLOSE_FIN,
    (State.CLIENT_CLOSE_FIN, Event.FIN): State.CLIENT_CLOSE_FIN,
    (State.CLIENT_CLOSE_FIN, Event.RESET): State.CLIENT_CLOSE_FIN,
    (State.CLIENT_CLOSE_FIN, Event.TIMEOUT): State.CLIENT_CLOSE_FIN,
    (State.SERVER_CLOSE_FIN, Event.CLIENT_CLOSE): State.SERVER_CLOSE_FIN,
    (State.SERVER_CLOSE_FIN, Event.SERVER_CLOSE): State.SERVER_CLOSE_FIN,
    (State.SERVER_CLOSE_FIN, Event.FIN): State.SERVER_CLOSE_FIN,
    (State.SERVER_CLOSE_FIN, Event.RESET): State.SERVER_CLOSE_FIN,
    (State.SERVER_CLOSE_FIN, Event.TIMEOUT): State.SERVER_CLOSE_FIN,
    (State.RESET, Event.CLIENT_CLOSE): State.RESET,
    (State.RESET, Event.SERVER_CLOSE): State.RESET,
    (State.RESET, Event.FIN): State.RESET,
    (State.RESET, Event.RESET): State.RESET,
    (State.RESET, Event.TIMEOUT): State.RESET,
    (State.TIMEOUT, Event.CLIENT_CLOSE): State.TIMEOUT,
    (State.TIMEOUT, Event.SERVER_CLOSE): State.TIMEOUT,
    (State.TIMEOUT, Event.FIN): State.TIMEOUT,
    (State.TIMEOUT, Event.RESET): State.TIMEOUT,
    (State.TIMEOUT, Event.TIMEOUT): State.TIMEOUT,
}

_NEXT = [[TRANSITIONS[state, event] for event in Event] for state in State]
_BY_TIME = itemgetter(0, 1)

CLOSE_KINDS = {
    State.OPEN: "open",
    State.CLIENT_CLOSING: "open",
    State.SERVER_CLOSING: "open",
    State.CLEAN: "clean",
    State.FIN: "fin",
    State.RESET: "reset",
    State.TIMEOUT: "timeout",
    State.CLIENT_CLOSE_FIN: "fin",
    State.SERVER_CLOSE_FIN: "fin",
}
"""The contract's word for each state at the end."""


class CloseFrame(NamedTuple):
    """The first Close frame of one direction.

    `body_known`: its body was captured, and is one that RFC 6455 5.5.1 and 7.4 allow.
    """

    code: int | None
    reason: str | None
    time: int
    packet: int
    frame: int = -1
    body_known: bool = True


class Ping(NamedTuple):
    """A ping with its pong, if one came (RFC 6455 5.5.2, 5.5.3). Times are ns."""

    connection: int
    sender: int
    ping_frame: int
    pong_frame: int | None
    payload_bytes: int
    sent: int
    answered: int
    acked: int = NULL
    """When TCP acknowledged it; NULL: never."""


class End(NamedTuple):
    """The first of Close, FIN and RST, and what was heard of each side before. Times ns.

    Attributes:
        packet: 0 if there was none.
        time: NULL if there was none.
        is_close: whether it was a Close frame.
        last: by sender, its last byte above TCP before that; NULL if not known.
        life: by sender, its last packet of any kind; NULL without.
        shut: by sender, for how long its receive window was closed.
    """

    packet: int = 0
    time: int = NULL
    is_close: bool = False
    last: tuple[int, int] = (NULL, NULL)
    life: tuple[int, int] = (NULL, NULL)
    shut: tuple[int, int] = (NULL, NULL)


class DirectionTotals(NamedTuple):
    """What one endpoint sent over a connection's whole life."""

    frames: int = 0
    messages: int = 0
    payload_bytes: int = 0
    """Of messages, as the application sees them."""
    ws_header_bytes: int = 0
    ws_control_bytes: int = 0
    transfer_bytes: int = 0
    unparsed_bytes: int = 0


_NO_TOTALS = DirectionTotals(), DirectionTotals()
_NO_END = End()


@dataclass(slots=True, eq=False, repr=False)
class WebSocketConnection:
    """A connection from its opening to its end.

    Attributes:
        connection: number in order of appearance.
        slot: of its TCP connection, while that is open.
        client_side: side of the TCP connection that is the WebSocket client.
        handshake: None if it was not captured.
        opened_at: ns; end of the 101, or first frame.
        closes: first Close frame by sender (client, server).
        totals: by sender; final when the connection has ended.
        first_data_time: ns of the first data frame; NULL if none.
        state: of the closing.
        closed_by: sender of what ended it: 0 client, 1 server, None if neither.
        closed_at: ns; NULL while open.
        keepalive: intervals of its pings; None without.
        ending: the first of Close, FIN and RST, and the silence before it.
        reported: close codes that the client's and the server's library report; None: not
            known.
    """

    connection: int
    slot: int
    client_side: int
    handshake: Handshake | None
    negotiation: Negotiation
    opened_at: int = NULL
    closes: list[CloseFrame | None] = field(default_factory=lambda: [None, None])
    totals: tuple[DirectionTotals, DirectionTotals] = _NO_TOTALS
    first_data_time: int = NULL
    state: State = State.OPEN
    closed_by: int | None = None
    closed_at: int = NULL
    lost_bytes: int = 0
    keepalive: Keepalive | None = None
    ending: End = _NO_END
    reported: tuple[int | None, int | None] = (None, None)

    def direction(self, sender: int) -> int:
        """Return the TCP direction (2 * slot + side) in which a sender's bytes go."""
        return 2 * self.slot + (self.client_side if sender == 0 else 1 - self.client_side)

    @property
    def close_kind(self) -> str:
        """The contract's word: clean, fin, reset, timeout, open."""
        return CLOSE_KINDS[self.state]

    @property
    def first_close(self) -> CloseFrame | None:
        """The Close frame that came first: it bears the connection's code and reason."""
        client, server = self.closes
        if client is None or server is None:
            return server if client is None else client
        return server if (server.time, server.packet) < (client.time, client.packet) else client

    def end(self, events: list[tuple[int, Event, int | None]], ended_at: int) -> None:
        """Run the events of TCP and of the Close frames through the lifecycle.

        Args:
            events: (time in ns, event, sender or None) of TCP's FIN, RST or timeout.
            ended_at: ns when TCP ended, NULL if it did not.
        """
        for sender, close in enumerate(self.closes):
            if close is not None:
                event = Event.CLIENT_CLOSE if sender == 0 else Event.SERVER_CLOSE
                events.append((close.time, event, sender))
        # A Close that was sent again later still comes before its sender's FIN.
        for place, (time, event, by) in enumerate(events):
            if event is Event.FIN and by is not None and (close := self.closes[by]) is not None:
                events[place] = (max(time, close.time), event, by)
        # At equal times the order is Close, FIN, RST, as within one packet.
        events.sort(key=_BY_TIME)
        for _, event, ended_by in events:
            if self.closed_by is None:
                self.closed_by = ended_by
            self.state = _NEXT[self.state][event]
        if self.close_kind == "open":
            # A Close that is not answered yet ends nothing.
            self.closed_by = None
        if ended_at != NULL:
            self.closed_at = ended_at
        elif self.state == State.CLEAN:
            self.closed_at = max(close.time for close in self.closes if close is not None)


def abnormal(connection: WebSocketConnection, senders: dict[Event, int | None]) -> str:
    """Say what ended a connection instead of Close frames in both directions."""
    names = ("the client", "the server")
    event = {"fin": Event.FIN, "reset": Event.RESET}.get(connection.close_kind)
    sender = None if event is None else senders.get(event)
    word = {"fin": "FIN", "reset": "RST"}.get(connection.close_kind, "no answer any more")
    text = word if sender is None else f"{word} by {names[sender]}"
    closed = [name for name, close in zip(names, connection.closes, strict=True) if close]
    if len(closed) == 1:
        return f"{text}; only {closed[0]} had sent Close"
    # Both did: the second one came when its receiver had ended TCP already.
    return (
        f"{text}; {names[1 - sender]} sent Close only behind it"
        if closed and sender is not None
        else text
    )
