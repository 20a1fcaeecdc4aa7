"""The close code that the library at each end reports (RFC 6455 7.1.5).

Knows Close frames, and what TCP proves of their arrival. Must not know bytes. Used by
websocket.stage when a connection ends.

"_The WebSocket Connection Close Code_ is defined as the status code contained in the first Close
control frame received by the application": what an end reports hangs on the other's Close, and
on whether it arrived. Without a code in it, that is 1005; "if _The WebSocket Connection is Closed_
and no Close control frame was received by the endpoint", 1006.
"""

from __future__ import annotations

from typing import Final

from analyzer.named_tuple import NamedTuple

NO_STATUS: Final = 1005
ABNORMAL: Final = 1006


class Evidence(NamedTuple):
    """What the capture has of one end's peer, and of the connection.

    Attributes:
        close_seen: a Close of the peer was captured.
        code: in it; None without one.
        body_known: the body of that Close was captured, and is one that may be sent: libraries
            differ in what they report of another.
        acked: TCP acknowledged that Close, by a packet that is no RST.
        answered: the end sent its own Close after that one; or acknowledged it, and sent its FIN.
        all_seen: all that the peer sent was captured, and could be read.
        broken: a RST was sent, or the connection fell silent: TCP failed.
        over: the TCP connection ended.
    """

    close_seen: bool
    code: int | None
    body_known: bool
    acked: bool
    answered: bool
    all_seen: bool
    broken: bool
    over: bool


def reported_code(evidence: Evidence) -> int | None:
    """Return the code that an end reports; None where the packets do not prove it.

    A Close that was never acknowledged before TCP failed did not arrive, or was thrown away
    with the rest of the receive buffer, as a RST does. One that was acknowledged and no more may
    have lain in that buffer as well: a program that hangs acknowledges, too.
    """
    if evidence.close_seen:
        if evidence.acked and evidence.broken and not evidence.answered:
            return None
        if evidence.acked or evidence.answered:
            if not evidence.body_known:
                return None
            return NO_STATUS if evidence.code is None else evidence.code
        return ABNORMAL if evidence.broken else None
    return ABNORMAL if evidence.over and evidence.all_seen else None
