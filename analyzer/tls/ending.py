"""How a TLS session ended, and how long each side had been silent: without keys.

Knows the last record of each side (RFC 8446 6.1, RFC 5246 7.2.1). Must not know bytes. Used by
tables, once for each session that leaves.
"""

from __future__ import annotations

from typing import Final

from analyzer.columns import NULL
from analyzer.lazy_dataclass import dataclass
from analyzer.tls.names import TLS_1_3, suite_name
from analyzer.tls.records import ALERT, ALERT_BYTES, APPLICATION_DATA
from analyzer.tls.session import CLIENT, SERVER, Session, Side, State

_CLOSE_NOTIFY: Final = 0
_CLOSING_NS: Final = 1_000_000_000
"""A record of TLS 1.3 that may be a close_notify is taken for one if TCP ends this soon after
it: a program shuts TLS down and the socket in one go, or when the peer has answered, a round trip
later. A peer that ends by its own timer does so seconds later."""


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """The first of close_notify, FIN and RST. Times ns, NULL where not known.

    Attributes:
        packet: 0 if none was seen.
        time: of its first byte.
        by: who sent it: CLIENT or SERVER; -1 if none was seen.
        last: by side, the last byte above TCP before that.
    """

    packet: int = 0
    time: int = NULL
    by: int = -1
    last: tuple[int, int] = (NULL, NULL)


def session_end(session: Session) -> SessionEnd:
    """Return how a session ended; its sides are filled in."""
    sides = session.sides
    ends = [
        (side.end_packet, side.end_time, who, False)
        for who, side in ((CLIENT, sides[CLIENT]), (SERVER, sides[SERVER]))
        if side.ended_it
    ]
    ends += [
        (side.record_packet, side.record_time, who, True)
        for who, side in ((CLIENT, sides[CLIENT]), (SERVER, sides[SERVER]))
        if _is_closing(session, who)
    ]
    if not ends:
        return SessionEnd()
    # In one packet the record goes before the FIN.
    packet, time, by, is_record = min(ends, key=lambda end: (end[0], not end[3]))
    if not is_record:
        return SessionEnd(packet, time, by, (sides[0].quiet_time, sides[1].quiet_time))
    last = [_last(side, packet) for side in sides]
    last[by] = sides[by].before_time
    return SessionEnd(packet, time, by, (last[CLIENT], last[SERVER]))


def _last(side: Side, packet: int) -> int:
    """Return the time of a side's last bytes before a packet; NULL where it is not known."""
    if side.heard_packet < packet:
        return side.heard_time
    return side.before_time if side.before_packet < packet <= side.record_packet else NULL


def _is_closing(session: Session, who: int) -> bool:
    """Tell whether a side's last record is a close_notify, or taken for one.

    Up to TLS 1.2 its type is seen, in the clear or encrypted; an encrypted alert after which
    nothing comes is a close_notify, or an error that ends the session as well. TLS 1.3 hides the
    type (RFC 8446 5.2): a record as long as an alert, at the end of what its side sends, and TCP's
    end shortly after.
    """
    side = session.sides[who]
    if side.state in (State.START, State.LOST, State.OTHER) or side.left or side.have:
        return False
    if side.type == ALERT:
        return side.length != ALERT_BYTES or side.last_alert == _CLOSE_NOTIFY
    if side.type != APPLICATION_DATA or (session.version or 0) < TLS_1_3:
        return False
    if side.length != _alert_record(session):
        return False
    inside = session.inside
    if inside is not None and inside.is_open:
        return any(each[0] == who for each in inside.decryptor.alerts)
    if NULL in (side.record_time, side.end_time):
        return False
    return 0 <= side.end_time - side.record_time <= _CLOSING_NS


def _alert_record(session: Session) -> int:
    """Return the length of an alert's record in TLS 1.3: alert, content type, tag (5.2, 5.4)."""
    suite = "" if session.server is None else suite_name(session.server.cipher_suite)
    return ALERT_BYTES + 1 + (8 if suite.endswith("CCM_8_SHA256") else 16)
