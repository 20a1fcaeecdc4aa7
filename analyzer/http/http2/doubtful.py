"""Streams of which nobody knows yet whether they are exchanges or WebSockets.

Behind lost packets fields of a request refer to headers that were not seen (RFC 7541 2.3.2), the
request itself is lost, or it waits behind a hole while its answer is read. Then the stream is a
WebSocket where both sides send what looks like frames (RFC 6455 5.2), or where the request, when
it comes, says so (RFC 8441 4); else an exchange. Until that is known, content is kept.
Knows heads and streams; must not know the rows of TCP. Used by http.http2.session and
http.http2.rows.
"""

from __future__ import annotations

from typing import Any, Protocol

from analyzer.http import pairing
from analyzer.http._row_accounts import HTTP, Link
from analyzer.http.collector import Results
from analyzer.http.exchanges import Handshake
from analyzer.http.handover import DIRECTION, SPAN, TIME, TLS, Row
from analyzer.http.head import Head
from analyzer.http.http2.evidence import may_be_websocket
from analyzer.http.http2.extended_connect import begin_connect, is_connect
from analyzer.http.http2.streams import EXCHANGE, NEW, Doubt, Exchanges, Heard, Stream
from analyzer.http.http2.tunnels import Tunnels


class Session(Protocol):
    """What is needed of the session of a stream (http.http2.session has it)."""

    results: Results
    slot: int
    client: int
    link: Link
    exchanges: Exchanges
    tunnels: Tunnels
    early_bytes: int

    def ask(self, stream: Stream, head: Head, pseudo: dict[str, str], block: Any, row: Row) -> None:
        """Take the head of a request."""

    def answer(
        self, stream: Stream, head: Head, pseudo: dict[str, str], block: Any, row: Row
    ) -> None:
        """Take the head of an answer."""

    def release_early(self, stream: Stream) -> None:
        """Count what is no longer kept."""

    def tell_ends(self, stream: Stream, row: Row) -> None:
        """Tell a tunnel of ends that came before it was open."""


def note_request(stream: Stream, heard: Heard) -> None:
    """Note an exchange's request, if what is not known of it may make it an extended CONNECT."""
    head, _, block, _ = heard
    if block.known or block.ends_stream or block.pushed or head.method not in ("", "CONNECT"):
        return
    stream.doubt = Doubt(asked=heard)


def note_answer(session: Session, stream: Stream, heard: Heard, *, is_first: bool) -> None:
    """Note the answer of an exchange: "a 2xx ... indicates that the tunnel is open" (RFC 8441 5).

    Args:
        session: of the stream.
        stream: whose answer it is.
        heard: the answer.
        is_first: its request was not read.
    """
    head, _, block, _ = heard
    may_be = not block.ends_stream and (head.status == 0 or 200 <= head.status < 300)
    if is_first and may_be:
        stream.doubt = Doubt(answered=heard)
    elif stream.doubt is not None and may_be:
        stream.doubt.answered = heard
    elif stream.doubt is not None:
        release(session, stream)


def look(session: Session, stream: Stream, side: int, content: bytes, row: Row) -> None:
    """Look at content of a stream in doubt; decide if that can be done now.

    Args:
        session: of the stream.
        stream: in doubt.
        side: sender.
        content: of a DATA frame, from its begin where it is the side's first.
        row: in which it lies.
    """
    doubt = stream.doubt
    assert doubt is not None
    is_client = side == session.client
    if not doubt.looks[side] and not may_be_websocket(content, is_client=is_client):
        release(session, stream)
        return
    doubt.looks[side] = True
    if all(doubt.looks):
        _open(session, stream, doubt, row)
    elif session.early_bytes + len(content) > session.results.options.max_early_bytes:
        release(session, stream)


def ends(session: Session, stream: Stream, side: int) -> None:
    """A side has ended its part of a stream in doubt.

    What the other sent may still wait behind a hole; a side that sent nothing that looks like
    frames has decided.
    """
    doubt = stream.doubt
    if doubt is not None and not doubt.looks[side]:
        release(session, stream)


def release(session: Session, stream: Stream) -> None:
    """It is an exchange: give it the content that was kept."""
    stream.doubt = None
    early, stream.early = stream.early, []
    for row, content in early:
        side = row[DIRECTION] & 1
        stream.account.counted[side, HTTP] += len(content)
        session.link.own.counted[side, HTTP] += len(content)
        if stream.kind == EXCHANGE:
            sent = row[SPAN] - row[TLS]
            session.exchanges.content(stream, side, sent, content, row[TIME])
    session.release_early(stream)


def take_late(session: Session, stream: Stream, heard: Heard) -> bool:
    """Take a request that comes behind its answer, since it waited behind a hole.

    Returns:
        False where it is none, or comes too late to matter: content was taken for an exchange's.
    """
    doubt, (head, pseudo, block, _) = stream.doubt, heard
    if doubt is None or doubt.asked is not None or doubt.answered is None or block.ends_stream:
        return False
    if not head.method and not is_connect(pseudo):
        doubt.asked = heard
        return True
    session.exchanges.abandon(stream)
    early, stream.early, stream.doubt = stream.early, [], None
    session.ask(stream, *heard)
    stream.early = early
    session.answer(stream, *doubt.answered)
    later: Doubt | None = stream.doubt
    if later is not None:
        later.looks = doubt.looks
    elif stream.kind == EXCHANGE:
        release(session, stream)
    return True


def _open(session: Session, stream: Stream, doubt: Doubt, row: Row) -> None:
    """It is a WebSocket: open it, with what is known of its handshake."""
    session.exchanges.abandon(stream)
    stream.doubt = None
    handshake = _handshake(session, stream, doubt)
    session.tunnels.open(stream, handshake)
    if handshake is None:
        session.results.clients.append((stream.account.slot, session.client))
    session.release_early(stream)
    session.tell_ends(stream, row)


def _handshake(session: Session, stream: Stream, doubt: Doubt) -> Handshake | None:
    if doubt.asked is None:
        return None
    head, pseudo, block, row = doubt.asked
    handshake = begin_connect(
        *(session.results, session.slot, session.client, head, pseudo, block.begun, row),
        is_whole=False,
    )
    handshake.http2_stream = stream.number
    stream.kind, stream.transaction = NEW, pairing.Transaction(None, handshake)
    stream.transaction.answered = True
    if doubt.answered is not None:
        answer, _, block, row = doubt.answered
        pairing.answer_attempt(handshake, answer, block.begun, row)
        handshake.status = answer.status or None
        handshake.accept = handshake.accept_valid = None
    handshake.outcome = "cut"
    handshake.outcome_reason = "Fields of its head refer to headers that were not captured."
    return handshake
