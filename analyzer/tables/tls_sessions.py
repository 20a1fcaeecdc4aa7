"""Rows of `tls_sessions`, and of `handshakes` for what may be a WebSocket over TLS.

Knows tls's sessions and TCP's times. Used by tables.build.
"""

from __future__ import annotations

from analyzer import findings
from analyzer.columns import NULL
from analyzer.findings import Finding
from analyzer.http.exchanges import Handshake, HttpBatch
from analyzer.options import Options
from analyzer.tables.timing import Attempt, Endpoints, silence
from analyzer.tcp.bytestream import Connection
from analyzer.tls.ending import session_end
from analyzer.tls.names import group_name, suite_name, version_name
from analyzer.tls.session import Session
from analyzer.tls.stage import EndedSession, TlsBatch


class TlsSessions:
    """Holds encrypted attempts until the capture ends.

    Attempts are numbered where the http stage reads them, and an encrypted one is only
    guessed when its connection leaves: its number comes after all of those.
    """

    def __init__(self, options: Options) -> None:
        self._limit = options.max_encrypted_attempts
        self._attempts: list[Attempt] = []
        self._more = 0

    def add(self, attempt: Attempt) -> None:
        """Keep an attempt; it has no number yet."""
        if len(self._attempts) < self._limit:
            self._attempts.append(attempt)
        else:
            self._more += 1

    def finish(self, number: int) -> tuple[list[Attempt], list[Finding]]:
        """Return all of them, numbered from `number` in order of their TCP connections."""
        attempts = sorted(self._attempts, key=lambda attempt: attempt.tcp_stream)
        for place, attempt in enumerate(attempts):
            attempt.handshake = number + place
        found = []
        if self._more:
            found.append(Finding(findings.TLS_ATTEMPT_LIMIT, detail=self._more, count=self._more))
        self._attempts, self._more = [], 0
        return attempts, found


def decrypted_session(tls: TlsBatch | None, tcp_stream: int) -> Session | None:
    """Return the session of a TCP connection, if it was decrypted."""
    session = None if tls is None else tls.by_stream.get(tcp_stream)
    return session if session is not None and session.is_decrypted else None


def note_secured(http: HttpBatch, tls: TlsBatch) -> None:
    """Say of attempts inside TLS that they were: http does not know."""
    if not tls.by_stream:
        return
    for each in (*http.upgrades, *http.handshakes):
        if decrypted_session(tls, http.stream.connection(each.slot).tcp_stream) is not None:
            each.scheme = "wss"


def encrypted_attempt(ended: EndedSession, tcp: Connection, endpoints: Endpoints) -> Attempt:
    """Return the row of a connection that is taken for a WebSocket, as far as it shows."""
    session = ended.session
    assert session.client is not None
    detail = Handshake(
        slot=session.slot,
        client_side=session.client_side,
        scheme="wss",
        host=session.client.server_name,
        outcome="encrypted",
        outcome_reason=f"Guessed to be a WebSocket: {ended.guess}. {session.summary}.",
    )
    syn = tcp.syn_time
    return Attempt(
        handshake=NULL,
        connection=NULL,
        tcp_stream=tcp.tcp_stream,
        endpoints=endpoints,
        detail=detail,
        started_at=syn if syn != NULL else session.started_at,
        syn_retries=tcp.syn_retries if syn != NULL else NULL,
        tcp=_between(syn, tcp.established_time),
        upgrade=NULL,
        total=NULL,
        first_message=NULL,
        tls=_between(session.started_at, session.finished_time),
        tls_hello=_between(session.started_at, session.server_hello_time),
        session=session,
    )


def session_cells(ended: EndedSession, tcp: Connection, endpoints: Endpoints) -> tuple[object, ...]:
    """Return the cells of a row of `tls_sessions`."""
    session = ended.session
    asked, chosen = session.client, session.server
    client, server = session.sides
    begun, group, resumed = session.started_at, session.group, session.resumed
    return (
        tcp.tcp_stream,
        endpoints.client_ip,
        endpoints.client_port,
        endpoints.server_ip,
        endpoints.server_port,
        None if asked is None else asked.server_name,
        None if asked is None or not asked.alpn else ", ".join(asked.alpn),
        session.alpn,
        None if chosen is None else version_name(chosen.draft or chosen.version),
        None if chosen is None else suite_name(chosen.cipher_suite),
        None if group is None else group_name(group),
        -1 if resumed is None else int(resumed),
        int(session.hello_retry),
        begun,
        _between(begun, session.server_hello_time),
        _between(begun, session.client_finished_time),
        _between(begun, session.finished_time),
        _between(begun, session.first_data_time),
        client.records,
        server.records,
        client.record_bytes,
        server.record_bytes,
        session.alert,
        int(ended.guess is not None),
        *_inner_cells(session),
        *_end_cells(session),
    )


def _end_cells(session: Session) -> tuple[object, ...]:
    """Return when and by whom it ended, its duration, and the silence before of both sides."""
    end = session_end(session)
    return (
        end.time,
        end.by,
        _between(session.started_at, end.time),
        *(silence(last, end.time) for last in end.last),
    )


def _inner_cells(session: Session) -> tuple[object, ...]:
    """Return what is known only with keys."""
    inside = session.inside
    if inside is None or not inside.is_open:
        return (0, NULL, NULL, NULL, NULL, -1)
    decryptor, offered = inside.decryptor, session.client is not None and session.client.early_data
    accepted = decryptor.early_data_accepted
    return (
        1,
        *inside.content,
        sum(decryptor.key_updates),
        decryptor.tickets,
        -1 if not offered or accepted is None else int(accepted),
    )


def _between(begin: int, end: int) -> int:
    return NULL if NULL in (begin, end) else end - begin
