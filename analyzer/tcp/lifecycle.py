"""The life of a TCP connection as an observer on the wire sees it.

RFC 9293 3.3.2 has the state machine of each end. A listener sees both ends' segments
but not their states, may come late, and must never stop: so there is one machine for
the connection, total over (state, event). Side 0 is the one that sent the SYN.

Knows events only. Must not know segments. Used by tcp._assembly as a small array.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt


class State(IntEnum):
    """What has been seen of a connection; CONNECTION.state."""

    NEW = 0
    """Nothing yet: only between the lookup and the first event."""
    SYN_SENT = 1
    SYN_CROSSED = 2
    """Both sides sent a SYN (RFC 9293 3.5, simultaneous open)."""
    SYN_RECEIVED = 3
    """A SYN-ACK was seen, the ACK that completes was not."""
    ESTABLISHED = 4
    """Opened, or met in its middle."""
    FIN_0 = 5
    """Side 0 has sent its FIN, side 1 has not."""
    FIN_1 = 6
    FIN_BOTH = 7
    """Both have sent FIN; the last one is not acknowledged."""
    CLOSED = 8
    RESET = 9
    REFUSED = 10
    """RST in answer to the SYN (RFC 9293 3.5.2)."""


class Event(IntEnum):
    """What a segment says. The digit is the side that sent it."""

    SYN_0 = 0
    SYN_1 = 1
    SYNACK_0 = 2
    SYNACK_1 = 3
    ACK_0 = 4
    ACK_1 = 5
    FIN_0 = 6
    FIN_1 = 7
    RST_0 = 8
    RST_1 = 9
    LAST_FIN_ACKED = 10
    """The FIN that came second was acknowledged."""


TERMINAL = frozenset({State.CLOSED, State.RESET, State.REFUSED})
CLOSING = TERMINAL | {State.FIN_BOTH}
"""States from which the wait for late packets begins. FIN_BOTH is among them because
the last ACK of a connection may not be in the capture."""


def _table() -> dict[tuple[State, Event], State]:
    """Return the next state for every state and event: most keep the state."""
    table = {(state, event): state for state in State for event in Event}
    opening = (State.NEW, State.SYN_SENT, State.SYN_CROSSED, State.SYN_RECEIVED)
    for state in State:
        if state in TERMINAL:
            continue  # Nothing brings a finished connection back: a new SYN makes a new one.
        table[state, Event.RST_0] = table[state, Event.RST_1] = State.RESET
        if state is State.FIN_BOTH:
            continue
        table[state, Event.FIN_0] = State.FIN_BOTH if state is State.FIN_1 else State.FIN_0
        table[state, Event.FIN_1] = State.FIN_BOTH if state is State.FIN_0 else State.FIN_1
    for state in opening:
        # Packets between them were not captured, or the capture began after them.
        table[state, Event.ACK_0] = table[state, Event.ACK_1] = State.ESTABLISHED
    for state in (State.NEW, State.SYN_SENT, State.SYN_CROSSED):
        table[state, Event.SYNACK_0] = table[state, Event.SYNACK_1] = State.SYN_RECEIVED
    table[State.NEW, Event.SYN_0] = table[State.NEW, Event.SYN_1] = State.SYN_SENT
    table[State.SYN_SENT, Event.SYN_1] = State.SYN_CROSSED
    table[State.SYN_SENT, Event.RST_1] = State.REFUSED
    # The server may speak before the client's ACK is captured; that does not complete.
    table[State.SYN_RECEIVED, Event.ACK_1] = State.SYN_RECEIVED
    # After a simultaneous open each side answers with a SYN-ACK; side 0's completes.
    table[State.SYN_RECEIVED, Event.SYNACK_0] = State.ESTABLISHED
    table[State.FIN_BOTH, Event.LAST_FIN_ACKED] = State.CLOSED
    return table


TRANSITIONS = _table()
"""{(state, event): next state}, total."""


def transition_array() -> npt.NDArray[np.uint8]:
    """Return TRANSITIONS as uint8 of shape (states * events): [state * events + event]."""
    return np.array(
        [TRANSITIONS[state, event] for state in State for event in Event], dtype=np.uint8
    )
