"""How a connection ended, as cells of `connections`: silence, the closing handshake, codes.

Knows the websocket stage's End and TLS's. Used by tables.build.
"""

from __future__ import annotations

from analyzer.columns import NULL
from analyzer.tables.timing import silence
from analyzer.tls.ending import session_end
from analyzer.tls.session import Session
from analyzer.websocket.connection import End, WebSocketConnection


def end_cells(ended: WebSocketConnection, session: Session | None) -> tuple[object, ...]:
    """Return the cells from client_idle_s on.

    Args:
        ended: the WebSocket.
        session: the TLS session that it was decrypted from; None without.
    """
    end = ended.ending if session is None else _earlier(ended.ending, session)
    return (
        *(silence(last, end.time) for last in end.last),
        end.packet or NULL,
        _closing(ended),
        NULL if ended.keepalive is None else ended.keepalive.interval,
        *(NULL if code is None else code for code in ended.reported),
        *end.life,
    )


def _earlier(end: End, session: Session) -> End:
    """Return the session's close_notify as the end, if it came before any Close, FIN or RST."""
    other = session_end(session)
    if not other.packet or (end.packet and other.packet > end.packet):
        return end
    if other.packet == end.packet and end.is_close:
        return end
    return End(other.packet, other.time, False, other.last, end.life)


def _closing(ended: WebSocketConnection) -> int:
    """Return the time from the first Close to the other side's, in ns."""
    client, server = ended.closes
    if client is None or server is None or NULL in (client.time, server.time):
        return NULL
    return abs(client.time - server.time)
