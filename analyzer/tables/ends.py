"""Cells of `connections`, among them how it ended: silence, the closing handshake, codes.

Knows the websocket stage's connections and End, and TLS's. Used by tables.build and tables.news.
"""

from __future__ import annotations

from collections.abc import Callable

from analyzer.columns import NULL
from analyzer.options import Options
from analyzer.tables.schema import CLOSE_KINDS, SCHEMES
from analyzer.tables.shown import Shown
from analyzer.tables.timing import Endpoints, silence
from analyzer.tcp.bytestream import Connection
from analyzer.tls.ending import session_end
from analyzer.tls.session import Session
from analyzer.websocket.connection import End, WebSocketConnection

_WS = SCHEMES.index("ws")
_NO_TEXTS = (None, None)


def end_cells(ended: WebSocketConnection, session: Session | None) -> tuple[object, ...]:
    """Return the cells from client_idle_s on.

    Args:
        ended: the WebSocket.
        session: the TLS session that it was decrypted from; None without.
    """
    end = ended.ending if session is None else _earlier(ended.ending, session)
    client, server = ended.reported
    return (
        silence(end.last[0], end.time),
        silence(end.last[1], end.time),
        end.packet or NULL,
        _closing(ended),
        NULL if ended.keepalive is None else ended.keepalive.interval,
        NULL if client is None else client,
        NULL if server is None else server,
        *end.life,
        *end.shut,
    )


def _earlier(end: End, session: Session) -> End:
    """Return the session's close_notify as the end, if it came before any Close, FIN or RST."""
    other = session_end(session)
    if not other.packet or (end.packet and other.packet > end.packet):
        return end
    if other.packet == end.packet and end.is_close:
        return end
    return end._replace(packet=other.packet, time=other.time, is_close=False, last=other.last)


def closed_by(ended: WebSocketConnection, session: Session | None) -> int:
    """Return which side ended it: 0 client, 1 server; -1 neither.

    RFC 8446 6.1: with close_notify a side says that it "will not send any more messages". Where
    it came before any Close, FIN and RST, its sender ended the connection, even if the other side
    sent FIN first.
    """
    if ended.closed_by is None:
        return -1
    other = None if session is None else session_end(session)
    if other is None or not other.packet or other.by < 0 or ended.first_close is not None:
        return ended.closed_by
    is_first = not ended.ending.packet or other.packet <= ended.ending.packet
    return other.by if is_first else ended.closed_by


def _closing(ended: WebSocketConnection) -> int:
    """Return the time from the first Close to the other side's, in ns."""
    client, server = ended.closes
    if client is None or server is None or NULL in (client.time, server.time):
        return NULL
    return abs(client.time - server.time)


def connection_cells(
    ended: WebSocketConnection,
    tcp: Connection,
    wire_bytes: int,
    options: Options,
    *,
    http2_stream: int = NULL,
    session: Session | None = None,
    inner: str | None = None,
    leg: int = NULL,
    shown: Shown | None = None,
) -> tuple[object, ...]:
    """Return the cells of a row of `connections`.

    Args:
        ended: the WebSocket.
        tcp: the CONNECTION row of its slot.
        wire_bytes: of its packets.
        options: whether secrets are shown.
        http2_stream: that carries it; NULL over HTTP/1.1.
        session: the TLS session that it was decrypted from.
        inner: protocol inside; None: not known.
        leg: number of its conversation; NULL if that has no other leg.
        shown: makes texts, and remembers them.
    """
    detail = ended.handshake
    texts = None if detail is None else (shown or Shown(options)).of(detail)
    close = ended.first_close
    opened, closed = ended.opened_at, ended.closed_at
    client, server = ended.totals
    return (
        ended.connection,
        tcp.tcp_stream,
        http2_stream,
        _WS if texts is None else texts.scheme,
        None if texts is None else texts.http_version,
        *Endpoints.of(tcp, ended.client_side),
        *(_NO_TEXTS if texts is None else (texts.host, texts.path)),
        *(_NO_TEXTS if texts is None else (texts.subprotocol, texts.extensions)),
        opened,
        closed,
        NULL if NULL in (opened, closed) else closed - opened,
        int(detail is not None and detail.outcome != "cut"),
        client.frames,
        server.frames,
        client.messages,
        server.messages,
        client.payload_bytes,
        server.payload_bytes,
        wire_bytes,
        CLOSE_KINDS.index(ended.close_kind),
        NULL if close is None or close.code is None else close.code,
        (close.reason or None) if close else None,
        closed_by(ended, session),
        ended.lost_bytes,
        inner,
        *end_cells(ended, session),
        leg,
    )


def hidden(hide: Callable[[str], str], value: str | None, options: Options) -> str | None:
    """Return a text without its secrets, unless they are asked for."""
    return value if value is None or options.show_secrets else hide(value)
