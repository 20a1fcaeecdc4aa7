"""What is known of a connection before its first frame: last bytes, round trips, segment sizes.

Knows http's handshake and TCP's. Must not know frames. Used by websocket.stage when a connection
opens.
"""

from __future__ import annotations

from typing import Final

from analyzer.columns import NULL
from analyzer.http.exchanges import Handshake
from analyzer.named_tuple import NamedTuple
from analyzer.tcp.bytestream import Connection
from analyzer.websocket.frames import CLIENT
from analyzer.websocket.negotiation import Negotiation, Side, negotiate, offered_sides

_MOST: Final = 1024
"""Kinds of handshakes whose terms are remembered."""


class Terms(NamedTuple):
    """What a handshake says about the frames behind it.

    Attributes:
        negotiation: what was agreed on.
        sides: how client and server would have compressed; None where they do, or nothing that
            can be estimated was offered.
    """

    negotiation: Negotiation
    sides: tuple[Side, Side] | None = None


UNKNOWN: Final = Terms(Negotiation.unknown())
"""Of no handshake, or of one whose end was not captured."""


class TermsKnown:
    """Remembers the terms of handshakes that are alike."""

    def __init__(self) -> None:
        self._known: dict[int, Terms] = {}

    def of(self, handshake: Handshake) -> Terms:
        """Return the terms of an accepted handshake."""
        found = self._known.get(handshake.alike)
        if found is None:
            found = _terms(handshake)
            # Findings name the connection.
            if handshake.alike >= 0 and not found.negotiation.findings:
                if len(self._known) >= _MOST:
                    self._known.clear()
                self._known[handshake.alike] = found
        return found


def _terms(handshake: Handshake) -> Terms:
    """Return the terms; an extension that is not decoded may have changed the payload."""
    negotiation = negotiate(handshake)
    if negotiation.deflate or negotiation.unknown_extensions:
        return Terms(negotiation)
    return Terms(negotiation, offered_sides(handshake))


def last_of_handshake(handshake: Handshake, sender: int) -> tuple[int, int]:
    """Return packet and time (ns) of the last byte of a side's headers."""
    if sender == CLIENT:
        return handshake.request_packet, handshake.request_last_time
    return handshake.response_packet, handshake.response_last_time


def round_trip(tcp: Connection, side: int) -> int:
    """Return the ns from the capture to a side of the TCP connection and back; NULL if not known.

    The SYN-ACK answers the SYN at once, and the ACK the SYN-ACK (RFC 9293 3.5). A SYN that was
    sent again makes it unknown which one was answered.
    """
    begin, end = tcp.syn_time, tcp.synack_time
    if side == 0:
        begin, end = tcp.synack_time, tcp.established_time
    if NULL in (begin, end) or end < begin or tcp.syn_retries:
        return NULL
    return end - begin
