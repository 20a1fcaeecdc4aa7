"""What is known of a connection before its first frame: last bytes, round trips, segment sizes.

Knows http's handshake and TCP's. Must not know frames. Used by websocket.stage when a connection
opens.
"""

from __future__ import annotations

from analyzer.columns import NULL
from analyzer.http.exchanges import Handshake
from analyzer.tcp.bytestream import Connection
from analyzer.websocket.frames import CLIENT


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
