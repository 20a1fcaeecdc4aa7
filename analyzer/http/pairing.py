"""Transactions: one request with its response, as an exchange or an upgrade attempt.

Fills the Exchange and Handshake of http.exchanges. Knows messages; must not know streams.
Called by http.http1.conversation.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from analyzer import findings
from analyzer.columns import NULL
from analyzer.http.collector import Results
from analyzer.http.delivery.callers import Target
from analyzer.http.delivery.deliveries import AnswerReader
from analyzer.http.delivery.groups import Lane
from analyzer.http.delivery.refusals import RefusalReader
from analyzer.http.exchanges import Exchange, Handshake
from analyzer.http.handover import ACKED, PACKET, TIME, WIRE, Row
from analyzer.http.head import Head, target_parts
from analyzer.http.upgrade import (
    Checks,
    check_request,
    draft_of_request,
    draft_of_response,
    fill_request,
    fill_response,
    has_token,
    in_sentence,
    is_attempt,
    may_be_draft,
)
from analyzer.tcp.bytestream import END_SPLIT


class Transaction:
    """One of the two, in progress.

    Attributes:
        exchange: plain, or None.
        handshake: upgrade attempt, or None.
        method: of the request; "" if not seen.
        meter: wire bytes and packets from its first byte on.
        answered: the head of the final response was seen.
        complete: the response was seen to its end.
        cut: the request's head was captured in part.
        head: of the request; it may still turn out to be an attempt.
        target: what a plain request asks for; lane: of its group, if it may have one.
        reader: of the answer, until that has ended; refusal: of one to an attempt.
        closes: request or answer said that the connection ends with them.
        acked: bytes of the server that the client had when it sent its request; -1 if unknown.
    """

    __slots__ = (
        *("acked", "answered", "closes", "complete", "cut", "exchange", "handshake", "head"),
        "lane",
        *("meter", "method", "reader", "refusal", "target"),
    )

    def __init__(self, exchange: Exchange | None, handshake: Handshake | None) -> None:
        self.exchange = exchange
        self.handshake = handshake
        self.method = ""
        self.meter = [0, 0]
        self.answered = False
        self.complete = False
        self.cut = False
        self.head: Head | None = None
        self.target = Target("", "")
        self.lane: Lane | None = None
        self.reader: AnswerReader | None = None
        self.refusal: RefusalReader | None = None
        self.closes = False
        self.acked = -1


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
        handshake = begin_attempt(results, slot, client, head, first_time, row, cut=cut)
    else:
        exchange = exchange_of(slot, client, head, first_time, row, cut=cut)
    transaction = Transaction(exchange, handshake)
    transaction.method = head.method
    transaction.cut = cut
    transaction.head = head
    transaction.acked = row[ACKED]
    return transaction


def exchange_of(
    slot: int, client: int, head: Head, first_time: int, row: Row, *, cut: bool
) -> Exchange:
    """Return the plain exchange that a request head begins; arguments as of `begin`."""
    exchange = Exchange(slot, 0, client)
    exchange.method = head.method
    host, exchange.path = target_parts(head.target)
    exchange.host = host or head.values.get("host")
    exchange.http_version = head.version
    exchange.request_header_bytes = head.size
    exchange.request_header = head.fields
    exchange.request_first_time = first_time
    exchange.request_last_time = max(first_time, row[TIME])
    exchange.request_packet = 0 if cut else row[PACKET]
    return exchange


def begin_attempt(
    results: Results,
    slot: int,
    client: int,
    head: Head,
    first_time: int,
    row: Row,
    *,
    cut: bool = False,
) -> Handshake:
    """Return the upgrade attempt that a request head begins; arguments as of `begin`."""
    handshake = Handshake(slot, client, results.next_handshake())
    fill_request(handshake, head)
    handshake.request_first_time = first_time
    handshake.request_last_time = max(first_time, row[TIME])
    if cut:
        handshake.outcome = "cut"
        handshake.outcome_reason = "The end of the request's head was not captured."
        return handshake
    handshake.request_packet = row[PACKET]
    direction = 2 * slot + client
    handshake.old_draft = draft_of_request(head)
    if handshake.old_draft:
        results.find(
            *(findings.WEBSOCKET_OLD_DRAFT, slot, row[PACKET], handshake.old_draft),
            direction=direction,
        )
        return handshake
    out = handshake.doubts if may_be_draft(head) else results.findings
    before = len(out)
    checks = Checks(out, slot, row[PACKET], direction)
    check_request(head, checks)
    if handshake.key is not None:
        if results.was_used(handshake.key, first_time):
            checks.add(findings.HANDSHAKE_KEY_REUSED, handshake.key[:60])
        results.note_key(handshake.key)
    if checks.kinds:
        handshake.outcome_reason = in_sentence(out[before].text).rstrip(".")
    return handshake


def settle_draft(results: Results, handshake: Handshake, head: Head | None, row: Row) -> bool:
    """Find out whether an attempt is of an older draft; return what its request did wrong if not.

    Args:
        results: where oddities go.
        handshake: the attempt.
        head: of the final answer; None if there was none.
        row: with its last byte.
    """
    doubts, handshake.doubts = handshake.doubts, []
    asked_for_draft = bool(handshake.old_draft)
    draft = draft_of_response(head) if head is not None and handshake.key is None else ""
    if asked_for_draft or (draft and handshake.version is None):
        handshake.old_draft = handshake.old_draft or draft
        if not asked_for_draft:
            results.find(
                *(findings.WEBSOCKET_OLD_DRAFT, handshake.slot, row[PACKET], draft),
                direction=2 * handshake.slot + 1 - handshake.client_side,
            )
        return True
    results.findings += doubts
    return False


def say_old_draft(handshake: Handshake) -> None:
    """Note that the frames after a 101 are not those of RFC 6455."""
    handshake.outcome = "bad-response"
    handshake.outcome_reason = (
        f"The handshake is that of draft {handshake.old_draft}, which is not decoded."
    )


def attempt_from(
    transaction: Transaction | None, results: Results, slot: int, client: int
) -> Handshake:
    """Return an attempt known only by its 101: its request did not ask, or was cut."""
    handshake = Handshake(slot, client, results.next_handshake())
    if transaction is not None and transaction.head is not None:
        exchange = transaction.exchange
        fill_request(handshake, transaction.head)
        assert exchange is not None
        handshake.request_first_time = exchange.request_first_time
        handshake.request_last_time = exchange.request_last_time
        handshake.request_packet = exchange.request_packet
    return handshake


def may_be_websocket(transaction: Transaction | None, head: Head) -> bool:
    """Return whether a 101 of which `head` was captured may answer an upgrade to WebSocket."""
    if transaction is not None and transaction.handshake is not None:
        return True
    upgrade = head.values.get("upgrade")
    if upgrade is not None:
        return has_token(upgrade, "websocket")
    if transaction is None:
        return True
    # A request that was captured whole, or names its upgrade, has said what it is.
    request = transaction.head
    return transaction.cut and request is not None and "upgrade" not in request.values


def interim(transaction: Transaction, head: Head, first_time: int, segments: int = 1) -> None:
    """Add a 1xx response that comes before the final one (RFC 9110 15.2)."""
    exchange, handshake = transaction.exchange, transaction.handshake
    if exchange is not None:
        exchange.response_header_bytes += head.size
        exchange.response_segments += segments
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


def answer_attempt(handshake: Handshake, head: Head, first_time: int, row: Row) -> None:
    """Take the head that answers an upgrade attempt."""
    fill_response(handshake, head)
    handshake.response_bytes += head.size
    if handshake.response_first_time == NULL:
        handshake.response_first_time = first_time
    handshake.response_last_time = max(handshake.response_first_time, row[TIME])
    handshake.response_packet = row[PACKET]


def cut_answer(handshake: Handshake, head: Head, first_time: int, size: int) -> None:
    """Take a 101 whose end was not captured: its fields may miss the Accept."""
    fill_response(handshake, head)
    handshake.response_first_time = first_time
    handshake.response_bytes += size
    handshake.outcome = "cut"
    handshake.outcome_reason = "The end of the 101 was not captured."


def add_body(
    transaction: Transaction, is_request: bool, count: int, time: int, segments: int
) -> None:
    """Add bytes of a body, and so many rows that carry them alone."""
    exchange, handshake = transaction.exchange, transaction.handshake
    if exchange is not None:
        if is_request:
            exchange.request_body_bytes += count
            exchange.request_segments += segments
            exchange.request_last_time = max(exchange.request_last_time, time)
        else:
            exchange.response_body_bytes += count
            exchange.response_segments += segments
            exchange.response_last_time = max(exchange.response_last_time, time)
    elif handshake is not None and is_request:
        handshake.request_last_time = max(handshake.request_last_time, time)
    elif handshake is not None:
        handshake.response_bytes += count
        handshake.response_last_time = max(handshake.response_last_time, time)


def emit(transaction: Transaction, results: Results) -> None:
    """Let it leave."""
    if transaction.handshake is not None:
        results.findings += transaction.handshake.doubts
        transaction.handshake.doubts = []
        results.handshakes.append(transaction.handshake)
    exchange = transaction.exchange
    if exchange is not None:
        exchange.complete = transaction.complete and not transaction.cut
        exchange.wire_bytes, exchange.packets = transaction.meter
        if transaction.reader is not None:
            transaction.reader.settle()
        results.clients.append((exchange.slot, exchange.client_side))
        results.groups.emit(transaction.lane, exchange)


def unanswered(
    handshake: Handshake, results: Results, tcp: Any, client: int, resets: list[int]
) -> None:
    """Say how an attempt ended that got no final response."""
    if handshake.outcome == "cut":
        return
    ends = Checks(results.findings, handshake.slot, handshake.request_packet)
    fin_side, reset_side = int(tcp["fin_side"]), int(tcp["reset_side"])
    if tcp["end"] == END_SPLIT:
        handshake.outcome = "cut"
        _say(
            handshake,
            "the answer was not captured: the next packet on these ports is another connection's",
        )
        return
    if resets:
        reset_side = resets[0]
    who = ("client", "server")
    if reset_side >= 0:
        detail = f"the {who[reset_side != client]} sent RST"
    elif fin_side == 1 - client:
        detail = "the server sent FIN"
    else:
        # A client that ends in peace what was not answered has given up waiting.
        handshake.outcome = "no-answer"
        gave_up = "the client gave up" if fin_side == client else "the capture ended"
        _say(handshake, f"no answer was seen before {gave_up}")
        ends.note(findings.HANDSHAKE_NO_ANSWER)
        return
    handshake.outcome = "reset"
    _say(handshake, f"the connection ended before an answer: {detail}")
    side = reset_side if reset_side >= 0 else fin_side
    results.find(
        *(findings.HANDSHAKE_RESET, handshake.slot, handshake.request_packet, detail),
        direction=2 * handshake.slot + side,
    )


def _say(handshake: Handshake, reason: str) -> None:
    earlier = handshake.outcome_reason
    text = f"{reason}; {earlier}" if earlier else reason
    handshake.outcome_reason = text[0].upper() + text[1:] + "."


class Pairs:
    """The transactions in progress of one connection, and whose packets count.

    Attributes:
        queue: requests that wait for the end of their responses, oldest first.
        begun: how many began.
        meter: wire bytes and packets of the transaction that began last.
    """

    __slots__ = ("_limit_told", "_lingering", "_results", "_slot", "begun", "meter", "queue")

    def __init__(self, results: Results, slot: int) -> None:
        self._results = results
        self._slot = slot
        self._lingering: Transaction | None = None  # complete, still counting packets
        self._limit_told = False
        self.queue: deque[Transaction] = deque()
        self.begun = 0
        self.meter = [0, 0]

    def new_meter(self) -> None:
        """From here on packets belong to the next request."""
        self.meter = [0, 0]
        if self._lingering is not None:
            emit(self._lingering, self._results)
            self._lingering = None

    def count(self, wire: int) -> None:
        """Count a row. Of a packet's rows only the first bears its bytes."""
        self.meter[0] += wire
        self.meter[1] += wire > 0

    def add(self, transaction: Transaction, packet: int) -> None:
        """Take up a transaction that begins with `packet`."""
        transaction.meter = self.meter
        if transaction.exchange is not None:
            transaction.exchange.exchange = self.begun
        if transaction.handshake is not None:
            transaction.handshake.first_in_connection = self.begun == 0
        self.begun += 1
        self.queue.append(transaction)
        if len(self.queue) > self._results.options.max_pipelined:
            if not self._limit_told:
                self._limit_told = True
                self._results.find(findings.HTTP_PIPELINE_LIMIT, self._slot, packet)
            self.drop_first()

    def add_orphan(self, client: int, row: Row) -> None:
        """Take up a response whose request was not captured."""
        self.new_meter()
        self.count(row[WIRE])
        self.add(Transaction(Exchange(self._slot, 0, client), None), row[PACKET])

    def attempt(self) -> Handshake | None:
        """Return the upgrade attempt that waits for its answer first of all, or None."""
        return self.queue[0].handshake if self.queue else None

    def answered(self, transaction: Transaction) -> None:
        """Let a transaction leave, or linger for the packets that still belong to it."""
        if self.queue and self.queue[0] is transaction:
            self.queue.popleft()
        if transaction.exchange is not None and transaction.meter is self.meter:
            self._lingering = transaction
        else:
            emit(transaction, self._results)

    def drop_first(self) -> None:
        """Let the oldest leave without its response."""
        emit(self.queue.popleft(), self._results)

    def unanswered(self, tcp: Any, client: int, resets: list[int]) -> None:
        """Say of each attempt in progress how it ended without an answer."""
        for transaction in self.queue:
            if transaction.handshake is not None and not transaction.answered:
                unanswered(transaction.handshake, self._results, tcp, client, resets)

    def settle(self) -> None:
        """Let all leave."""
        if self._lingering is not None:
            emit(self._lingering, self._results)
            self._lingering = None
        while self.queue:
            self.drop_first()
