"""Whether an encrypted connection is a WebSocket: a guess, by what is not encrypted.

docs/numbers.md states the rules. Knows sessions. Used by tls.stage.
"""

from __future__ import annotations

from typing import Final

from analyzer.columns import NULL
from analyzer.tls.session import CLIENT, Session

HTTP_1_1: Final = "http/1.1"

OTHER_PORTS: Final = frozenset(
    (
        *(465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 2484, 3269),
        *(5061, 5223, 5269, 5349, 5671, 6514, 6697, 8883, 9093),
    )
)
"""TCP ports of other protocols over TLS: mail, news, LDAP, DNS, FTP, telnet, IRC, Oracle, SIP,
XMPP, TURN, AMQP, syslog, MQTT, Kafka."""

LIVES_NS: Final = 10_000_000_000
"""Servers end idle HTTP connections after 5 (Node), 15 (Apache), 75 s (nginx), but a
connection that is in use this long both ways, in small records, seldom fetches documents."""
TALK: Final = 3
"""Records of each side, fewer of which show no conversation: an upgrade, a message and a Close."""
PUSHES: Final = 2
"""Records of a server that nobody asked for: the parts of a slow answer are one."""
MANY: Final = 8
SMALL: Final = 1500
"""Mean bytes of a record: a packet's worth. Bodies of pages come in records of 16 KiB."""


def websocket_guess(session: Session, server_port: int) -> str | None:
    """Return why the session is taken for a WebSocket's; None if it is not.

    Args:
        session: as it is when its connection leaves.
        server_port: TCP port of the server.
    """
    client, server = session.client, session.server
    if client is None or server is None or server_port in OTHER_PORTS:
        return None
    # One request and its answer are plain HTTPS as well; a WebSocket's are followed by frames.
    if min(session.data_records) < TALK or server.alpn not in (None, HTTP_1_1):
        return None
    if not _is_talk(session):
        return None
    if client.alpn == (HTTP_1_1,):
        return "the client offers only http/1.1, as browsers do for wss"
    if (not client.alpn or server.alpn == HTTP_1_1) and _lives_in_small_records(session):
        return "it lives long, with small records both ways"
    return None


def _is_talk(session: Session) -> bool:
    """Return whether what is sent looks like no exchange of requests and answers.

    Each turn of a client of HTTP begins with a request: a line and fields, which are longer than
    SHORT_TURN. A server of HTTP says nothing unasked, but in a stream.
    """
    client, server = session.sides
    return client.short_turns > 0 or server.pushes >= PUSHES


def _lives_in_small_records(session: Session) -> bool:
    begun = session.sides[CLIENT].first_time
    ends = [side.last_time for side in session.sides]
    if NULL in (begun, *ends) or max(ends) - begun < LIVES_NS:
        return False
    if min(session.data_records) < MANY:
        return False
    return all(side.record_bytes <= SMALL * side.records for side in session.sides)
