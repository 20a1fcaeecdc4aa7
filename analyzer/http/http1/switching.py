"""Switching: what becomes of a connection at a 101, and of what came too early.

Knows the answers that end HTTP, or only seem to (RFC 9110 7.8). Must not know how heads are
found. The base of http.http1.conversation, which finds them.
"""

from __future__ import annotations

from analyzer import findings
from analyzer.http import pairing
from analyzer.http.exchanges import Handshake
from analyzer.http.handover import ACKED, KIND, OFFSET, PACKET, SPAN, TIME, Piece, end_row
from analyzer.http.head import NEITHER, Head, recognise
from analyzer.http.http1.messages import Messages
from analyzer.http.http1.reader_state import HEAD, HOLD, SEEK, Side
from analyzer.http.pairing import Transaction
from analyzer.http.upgrade import (
    Checks,
    accept_for,
    check_elsewhere,
    check_switch,
    has_token,
    is_attempt,
)
from analyzer.tcp.bytestream import GAP_CUT


class Switching(Messages):
    """The answers to upgrade attempts, and the ways on after them."""

    __slots__ = ()

    def _replay(self, side: Side) -> None:
        """Read the rows that were held back, as what they turned out to be."""
        for piece in side.release():
            self.row(piece)

    def _drop_early(self, client: Side, handshake: Handshake) -> None:
        """Pass over what a client sent after its attempt that is no next request.

        RFC 6455 4.1: "the client MUST wait for a response from the server before sending any
        further data."
        """
        data = [piece for piece in client.held if piece.row[KIND] <= GAP_CUT]
        if not data or recognise(data[0].data) != NEITHER or handshake.old_draft:
            return
        handshake.early_bytes = client.held_bytes
        self._results.find(
            *(findings.HANDSHAKE_EARLY_DATA, self._slot, data[0].row[PACKET]),
            client.held_bytes,
            direction=client.direction,
        )
        client.release()
        client.mode = SEEK

    def _drop_overtaken(self, server: Side, offset: int) -> None:
        """Let the requests leave whose answers are in a hole before a response.

        Args:
            server: the side of the response.
            offset: of the response in the stream.

        A client that had more of the server when it sent the next request than when it sent
        this one had the answer to this one, unless it pipelines (RFC 9112 9.3.2).
        """
        queue, client, hole = self._pairs.queue, self._sides[self._client], server.lost
        while queue and hole is not None:
            first = queue[0]
            later = -1
            if len(queue) > 1:
                later = queue[1].acked
            elif client.held and client.held_request() is not None:
                later = client.held[0].row[ACKED]
            is_in_hole = 0 <= first.acked < hole[OFFSET] + hole[SPAN]
            if first.answered or not is_in_hole or not first.acked < later <= offset:
                return
            if first.handshake is not None:
                first.handshake.outcome = "cut"
                first.handshake.outcome_reason = "Its answer was not captured."
            self._pairs.drop_first()
            if not queue and client.held:
                self._replay(client)

    def _begin_anew(self) -> None:
        """Forget what was read: another protocol follows, or HTTP over it, or after all.

        RFC 9110 9.3.6, "switch to tunnel mode", and 7.8, a switch to another protocol.
        """
        self._kept = []
        for each in self._sides:
            each.pending = None
            each.mode = HEAD
        self._replay(self._sides[self._client])

    def _switch(self, side: Side, head: Head, piece: Piece) -> None:
        """Take a 101: the connection is no longer HTTP, unless it says otherwise."""
        upgrade = head.values.get("upgrade", "")
        names_websocket = has_token(upgrade, "websocket")
        if names_websocket:
            self._drop_answered(head)
        transaction = self._pairs.queue.popleft() if self._pairs.queue else None
        handshake = transaction.handshake if transaction is not None else None
        is_asked = handshake is not None or transaction is None or transaction.cut
        if handshake is None and names_websocket:
            handshake = pairing.attempt_from(transaction, self._results, self._slot, self._client)
            handshake.first_in_connection = self._pairs.begun == (transaction is not None)
        is_plain = transaction is not None and transaction.handshake is None
        if transaction is not None and is_plain and handshake is None:
            pairing.answer(transaction, head, side.first_time, piece.row)
            transaction.complete = True
            pairing.emit(transaction, self._results)
        if handshake is None:
            if has_token(upgrade, "h2c"):
                self._switch_to_http2(transaction)
            elif upgrade:
                self._begin_anew()
            else:
                self._hand_on()
            return
        results = self._results
        results.answered(handshake.key, piece.row[TIME])
        pairing.answer_attempt(handshake, head, side.first_time, piece.row)
        self._judge(side, handshake, head, piece, is_asked=is_asked)

    def _drop_answered(self, head: Head) -> None:
        """Let the requests leave before the one that a 101 answers.

        They were answered without our seeing it: the attempt itself may be held back behind
        one whose refusal was lost, or behind a CONNECT whose 200 was. Where bytes are known
        to be lost, it may be among them.
        """
        queue, client = self._pairs.queue, self._sides[self._client]
        accepts = head.each("sec-websocket-accept")
        is_lost = any(each.lost is not None for each in self._sides)
        while len(queue) == 1:
            first, later = queue[0], client.held_request()
            is_first = _fits(first.handshake, accepts)
            # A client that follows a redirect may use its key again.
            is_later = later is not None and _any_fits(later, accepts) and (is_lost or not is_first)
            if first.method == "CONNECT" and later is not None and is_attempt(later):
                self._pairs.drop_first()
                self._begin_anew()
            elif first.handshake is not None and (is_later or (is_lost and not is_first)):
                first.handshake.outcome = "cut"
                first.handshake.outcome_reason = "Its answer was not captured."
                self._pairs.drop_first()
                if later is None:
                    return
                self._replay(client)
            else:
                break
        while queue and queue[0].handshake is None and (len(queue) > 1 or is_lost):
            self._pairs.drop_first()

    def _judge(
        self, side: Side, handshake: Handshake, head: Head, piece: Piece, *, is_asked: bool
    ) -> None:
        """Find out what a 101 that answers an attempt is worth, and go on accordingly."""
        results, upgrade = self._results, head.values.get("upgrade", "")
        is_draft = pairing.settle_draft(results, handshake, head, piece.row)
        checks = Checks(results.findings, self._slot, piece.row[PACKET], side.direction)
        if is_draft:
            pairing.say_old_draft(handshake)
            results.handshakes.append(handshake)
            self._hand_on()
            return
        if upgrade and not has_token(upgrade, "websocket"):
            check_elsewhere(handshake, upgrade, checks)
            results.handshakes.append(handshake)
            self._begin_anew()
            return
        if is_asked:
            check_switch(handshake, head, checks)
        else:
            checks.add(findings.HANDSHAKE_UNASKED_101, upgrade[:60])
            handshake.outcome = "bad-response"
            handshake.outcome_reason = "The request did not ask for an upgrade."
        client = self._sides[self._client]
        # Behind a hole, what comes late was not sent late.
        is_early = client.mode == HOLD and side.lost is None
        early = handshake.early_bytes = client.held_bytes if is_early else 0
        if early:
            first = client.held[0].row[PACKET]
            results.find(
                *(findings.HANDSHAKE_EARLY_DATA, self._slot, first, early),
                direction=client.direction,
            )
        results.upgrades.append(handshake)
        results.marks.append(results.handover.place())
        self._hand_on()

    def _switch_to_http2(self, transaction: Transaction | None) -> None:
        """Go on with HTTP/2 (RFC 7540 3.2): the request that asked for it is its stream 1."""
        from analyzer.http.http2.connection import Http2Connection

        self._stop_reading()
        self._pairs.settle()
        client = self._sides[self._client]
        whole = client.lost is None
        made = Http2Connection(self._results, self._slot, self._client, whole=whole)
        self.successor = made
        if client.lost is not None:
            made.lose_place(client.lost)
        if transaction is not None and transaction.exchange is not None:
            made.session.begin_upgraded(transaction.exchange)
        for side in self._sides:
            self._replay(side)

    def _cut_switch(self, side: Side, head: Head, size: int) -> None:
        """Take a 101 whose end was not captured: an attempt, unless it names another upgrade."""
        results = self._results
        transaction = self._pairs.queue[-1] if self._pairs.queue else None
        handshake = transaction.handshake if transaction is not None else None
        upgrade = head.values.get("upgrade", "")
        if handshake is not None and upgrade and not has_token(upgrade, "websocket"):
            self._pairs.queue.pop()
            pairing.cut_answer(handshake, head, side.first_time, size)
            # Nobody is blamed: a field behind the cut may name WebSocket as well.
            handshake.outcome_reason = f"The 101, cut, switches to another protocol: {upgrade}."
            results.handshakes.append(handshake)
            self._begin_anew()
            return
        if pairing.may_be_websocket(transaction, head):
            if transaction is not None:
                self._pairs.queue.pop()
            if handshake is None:
                handshake = pairing.attempt_from(transaction, results, self._slot, self._client)
                handshake.first_in_connection = self._pairs.begun == (transaction is not None)
            pairing.settle_draft(results, handshake, None, end_row(side.direction, 0))
            pairing.cut_answer(handshake, head, side.first_time, size)
            results.upgrades.append(handshake)
            results.marks.append(results.handover.place())
        self._hand_on()


def _fits(handshake: Handshake | None, accepts: list[str]) -> bool:
    """Return whether an answer fits the key of an attempt, or has no Accept."""
    if handshake is None:
        return False
    keys = handshake.keys or ((handshake.key,) if handshake.key else ())
    return not accepts or any(accept_for(key) in accepts for key in keys)


def _any_fits(request: Head, accepts: list[str]) -> bool:
    return any(accept_for(key) in accepts for key in request.each("sec-websocket-key"))
