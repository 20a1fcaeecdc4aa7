"""Transactions: one request with its response, as an exchange or an upgrade attempt.

Fills the Exchange and Handshake of http.events. Knows messages; must not know streams.
Called by http.conversation.
"""

from __future__ import annotations

from typing import Any

from analyzer import findings
from analyzer.columns import NULL
from analyzer.http.events import Exchange, Handshake
from analyzer.http.handover import PACKET, TIME, Row
from analyzer.http.head import Head
from analyzer.http.results import Results
from analyzer.http.upgrade import (
    Checks,
    check_request,
    fill_request,
    fill_response,
    is_attempt,
)


class Transaction:
    """One of the two, in progress.

    Attributes:
        exchange: plain, or None.
        handshake: upgrade attempt, or None.
        method: of the request; "" if not seen.
        meter: one number: wire bytes from its first byte on.
        answered: the head of the final response was seen.
        complete: the response was seen to its end.
        cut: the request's head was captured in part.
        head: the request's head while it may still turn out to be an attempt.
    """

    __slots__ = (
        *("answered", "complete", "cut", "exchange", "handshake", "head", "meter", "method"),
    )

    def __init__(self, exchange: Exchange | None, handshake: Handshake | None) -> None:
        self.exchange = exchange
        self.handshake = handshake
        self.method = ""
        self.meter = [0]
        self.answered = False
        self.complete = False
        self.cut = False
        self.head: Head | None = None


def begin(
    results: Results, slot: int, client: int, head: Head, first_time: int, row: Row, *, cut: bool
) -> Transaction:
    """Return the transaction that a request head begins.

    Args:
        results: where oddities go.
        slot: of the connection.
        client: side of the client.
        head: of the request.
        first_time: ns of its first byte.
        row: with its last byte.
        cut: the head's end was not captured.
    """
    exchange: Exchange | None = None
    handshake: Handshake | None = None
    if is_attempt(head):
        handshake = Handshake(slot, client, results.next_handshake())
        fill_request(handshake, head)
        handshake.request_first_time = first_time
        handshake.request_last_time = max(first_time, row[TIME])
        handshake.request_packet = row[PACKET]
        if cut:
            handshake.outcome = "cut"
            handshake.outcome_reason = "The end of the request's head was not captured."
            handshake.request_packet = 0
        else:
            checks = Checks(results.findings, slot, row[PACKET])
            check_request(head, checks)
            if handshake.key is not None:
                results.note_key(handshake.key, checks)
            if checks.kinds:
                text = results.findings[-len(checks.kinds)].text
                handshake.outcome_reason = text[0].lower() + text[1:].rstrip(".")
    else:
        exchange = Exchange(slot, 0, client)
        exchange.method = head.method
        exchange.host = head.values.get("host")
        exchange.path = head.target
        exchange.http_version = head.version
        exchange.request_header_bytes = head.size
        exchange.request_header = head.fields
        exchange.request_first_time = first_time
        exchange.request_last_time = max(first_time, row[TIME])
        exchange.request_packet = 0 if cut else row[PACKET]
    transaction = Transaction(exchange, handshake)
    transaction.method = head.method
    transaction.cut = cut
    transaction.head = head if cut else None
    return transaction


def number(transaction: Transaction, begun: int) -> None:
    """Give it its place on the connection: `begun` others went before."""
    if transaction.exchange is not None:
        transaction.exchange.exchange = begun
    if transaction.handshake is not None:
        transaction.handshake.first_in_connection = begun == 0


def orphan(slot: int, client: int) -> Transaction:
    """Return a transaction whose request was not captured."""
    return Transaction(Exchange(slot, 0, client), None)


def attempt_from(
    transaction: Transaction | None, results: Results, slot: int, client: int
) -> Handshake:
    """Return an attempt known only by its 101: its request was not captured whole."""
    handshake = Handshake(slot, client, results.next_handshake())
    if transaction is not None and transaction.head is not None:
        exchange = transaction.exchange
        fill_request(handshake, transaction.head)
        assert exchange is not None
        handshake.request_first_time = exchange.request_first_time
        handshake.request_last_time = exchange.request_last_time
    return handshake


def interim(transaction: Transaction, head: Head, first_time: int) -> None:
    """Add a 1xx response that comes before the final one (RFC 9110 15.2)."""
    exchange, handshake = transaction.exchange, transaction.handshake
    if exchange is not None:
        exchange.response_header_bytes += head.size
        if exchange.response_first_time == NULL:
            exchange.response_first_time = first_time
    elif handshake is not None:
        handshake.response_bytes += head.size
        if handshake.response_first_time == NULL:
            handshake.response_first_time = first_time


def answer(transaction: Transaction, head: Head, first_time: int, row: Row) -> None:
    """Take the head of the final response."""
    exchange, handshake = transaction.exchange, transaction.handshake
    if handshake is not None:
        answer_attempt(handshake, head, first_time, row)
    if exchange is None:
        return
    exchange.status = head.status
    exchange.response_header = head.fields
    exchange.response_header_bytes += head.size
    if exchange.http_version is None:
        exchange.http_version = head.version
    if exchange.response_first_time == NULL:
        exchange.response_first_time = first_time
    exchange.response_last_time = max(exchange.response_first_time, row[TIME])
    exchange.response_packet = row[PACKET]
    content_type = head.values.get("content-type")
    exchange.content_type = content_type
    if content_type is not None and (
        content_type.partition(";")[0].strip().lower() == "text/event-stream"
    ):
        exchange.kind = "sse"


def answer_attempt(handshake: Handshake, head: Head, first_time: int, row: Row) -> None:
    """Take the head that answers an upgrade attempt."""
    fill_response(handshake, head)
    handshake.response_bytes += head.size
    if handshake.response_first_time == NULL:
        handshake.response_first_time = first_time
    handshake.response_last_time = max(handshake.response_first_time, row[TIME])
    handshake.response_packet = row[PACKET]


def add_body(transaction: Transaction, is_request: bool, count: int, time: int) -> None:
    """Add bytes of a body."""
    exchange, handshake = transaction.exchange, transaction.handshake
    if exchange is not None:
        if is_request:
            exchange.request_body_bytes += count
            exchange.request_last_time = max(exchange.request_last_time, time)
        else:
            exchange.response_body_bytes += count
            exchange.response_last_time = max(exchange.response_last_time, time)
    elif handshake is not None and is_request:
        handshake.request_last_time = max(handshake.request_last_time, time)
    elif handshake is not None:
        handshake.response_bytes += count
        handshake.response_last_time = max(handshake.response_last_time, time)


def finish(transaction: Transaction, time: int) -> None:
    """Note that the response is complete."""
    transaction.complete = True
    if transaction.exchange is not None:
        transaction.exchange.response_last_time = max(transaction.exchange.response_last_time, time)


def emit(transaction: Transaction, results: Results) -> None:
    """Let it leave."""
    if transaction.handshake is not None:
        results.handshakes.append(transaction.handshake)
    exchange = transaction.exchange
    if exchange is not None:
        exchange.complete = transaction.complete and not transaction.cut
        exchange.wire_bytes = transaction.meter[0]
        results.exchanges.append(exchange)


def unanswered(
    handshake: Handshake, results: Results, tcp: Any, client: int, resets: list[int]
) -> None:
    """Say how an attempt ended that got no final response."""
    if handshake.outcome == "cut":
        return
    checks = Checks(results.findings, handshake.slot, handshake.request_packet)
    fin_side, reset_side = int(tcp["fin_side"]), int(tcp["reset_side"])
    if resets:
        reset_side = resets[0]
    who = ("client", "server")
    if reset_side >= 0:
        detail = f"the {who[reset_side != client]} sent RST"
    elif fin_side >= 0:
        detail = f"the {who[fin_side != client]} sent FIN"
    else:
        handshake.outcome = "no-answer"
        _say(handshake, "no answer was seen before the capture or the connection ended")
        checks.add(findings.HANDSHAKE_NO_ANSWER)
        return
    handshake.outcome = "reset"
    _say(handshake, f"the connection ended before an answer: {detail}")
    checks.add(findings.HANDSHAKE_RESET, detail)


def _say(handshake: Handshake, reason: str) -> None:
    earlier = handshake.outcome_reason
    text = f"{reason}; {earlier}" if earlier else reason
    handshake.outcome_reason = text[0].upper() + text[1:] + "."
