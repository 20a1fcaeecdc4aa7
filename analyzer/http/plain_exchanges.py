"""Plain exchanges of one TCP connection, whatever version of HTTP carries them.

Says which group a request belongs to, which reader gets the bodies, what an answer delivered, and
when the client may ask again. Must not know how messages are framed. Called by
http.http1.messages and http.http2.streams.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from analyzer import findings
from analyzer.http.collector import Results
from analyzer.http.delivery.carried import SERVER
from analyzer.http.delivery.deliveries import AnswerReader
from analyzer.http.delivery.groups import Caller
from analyzer.http.delivery.inflating import CODINGS
from analyzer.http.delivery.keeping import CLIENT
from analyzer.http.delivery.polling import PAUSE_NS, PAUSE_ROUND_TRIPS, round_trip
from analyzer.http.delivery.requests import RequestReader
from analyzer.http.exchanges import Exchange
from analyzer.http.handover import PACKET, TIME, Row
from analyzer.http.head import Head
from analyzer.http.pairing import Transaction

_SENDING: Final = ("POST", "PUT", "PATCH")


class PlainExchanges:
    """The plain exchanges of one connection.

    Args:
        results: where they go.
        slot: of the TCP connection.

    Attributes:
        pause: ns; a longer silence within an answer counts as a pause of its sender.
    """

    __slots__ = ("_caller", "_results", "_slot", "pause")

    def __init__(self, results: Results, slot: int) -> None:
        self._results = results
        self._slot = slot
        self._caller: Caller | None = None
        self.pause = PAUSE_NS

    def begin(
        self, transaction: Transaction, exchange: Exchange, head: Head, packet: int
    ) -> RequestReader | None:
        """Assign a request to its group, and return the reader of its body, or None.

        Args:
            transaction: of the request.
            exchange: of the transaction.
            head: of the request.
            packet: of the finding if a limit is reached.
        """
        results = self._results
        if self._caller is None:
            tcp = results.handover.stream.connection(self._slot)
            self._caller = Caller(tcp, exchange.client_side)
            exchange.tcp = tcp
            self.pause = max(PAUSE_NS, round(PAUSE_ROUND_TRIPS * round_trip(exchange)))
        groups = results.groups
        transaction.target, transaction.lane = groups.begin(self._caller, exchange, head)
        if groups.limited:
            groups.limited = False
            limits = "max_held_exchanges or max_http_lanes allow"
            results.find(findings.HTTP_GROUP_LIMIT, self._slot, packet, limits)
        target = transaction.target
        carrier = None
        if target.transport:
            carrier = results.carrying.of(exchange, target, transaction.lane)
            if carrier is not None:
                carrier.asked()
        if head.method not in _SENDING:
            return None
        if target.kind != "plain":
            carrier = None
        told = results.keeping.told(exchange.client_key, CLIENT)
        if told is None and not target.transport:
            coding = head.values.get("content-encoding")
            if coding is None or coding.strip().lower() not in CODINGS:
                return None
        reader = RequestReader(target, head, results.options, results.store, carrier, told)
        return reader if reader.reading else None

    def reader(self, transaction: Transaction, exchange: Exchange, head: Head) -> AnswerReader:
        """Return the reader of an answer's body."""
        results, target = self._results, transaction.target
        carrier = None
        if target.transport and target.kind != "plain":
            carrier = results.carrying.of(exchange, target, transaction.lane)
        told = results.keeping.told(exchange.client_key, SERVER)
        return AnswerReader(exchange, target, head, results.options, results.store, carrier, told)

    def lost(self, waiting: Iterable[Transaction]) -> None:
        """Note that bytes of the server are missing, and with them answers to requests."""
        for each in waiting:
            if each.exchange is not None and each.target.transport and each.target.kind != "plain":
                carrier = self._results.carrying.of(each.exchange, each.target, each.lane)
                if carrier is not None:
                    carrier.lost(SERVER)

    def astray(self, client_side: int, row: Row) -> None:
        """Note bytes of a request that was not captured, or of its answer: of any session."""
        carrying = self._results.carrying
        if carrying.listener is not None:
            tcp = self._results.handover.stream.connection(self._slot)
            carrying.astray(self._slot, tcp, client_side, row[PACKET], row[TIME])

    def paused(self, transaction: Transaction, exchange: Exchange, length: int) -> None:
        """Count a pause of the sender, of `length` ns, in the middle of an answer."""
        exchange.pauses += 1
        exchange.paused += length
        if transaction.reader is not None:
            transaction.reader.pause()

    def answered(self, transaction: Transaction, exchange: Exchange, content: int) -> None:
        """Take the end of an answer with `content` bytes of body: what it delivered."""
        reader, transaction.reader = transaction.reader, None
        results, lane = self._results, transaction.lane
        if reader is not None and transaction.complete:
            reader.end(content)
            if reader.limited:
                results.find(findings.HTTP_DELIVERY_LIMIT, self._slot, exchange.response_packet)
            if lane is not None:
                results.groups.answered(lane, exchange, transaction.target.state, reader.digest)
                if reader.session:
                    results.groups.opened(lane, exchange, reader.session)
        elif reader is not None:
            reader.settle()
        self.release(transaction, exchange)

    def release(self, transaction: Transaction, exchange: Exchange) -> None:
        """Let the client ask again: nothing more comes of this exchange."""
        if self._caller is not None and exchange.tcp is not None:
            self._caller.busy -= 1
            self._caller.answered_at = exchange.response_last_time
            self._caller.finished = self._caller.finished or transaction.closes

    def no_more(self) -> None:
        """Note that the connection takes no further requests."""
        if self._caller is not None:
            self._caller.finished = True


def request_ends(exchange: Exchange, reader: RequestReader | None, content: int) -> None:
    """Note what a complete request with `content` bytes of body sent."""
    if exchange.method in _SENDING:
        if reader is not None:
            exchange.sent = reader.end(content, exchange)
            exchange.carried_up = reader.carried
        elif content:
            exchange.sent = [content]
    elif reader is not None:
        reader.settle()
