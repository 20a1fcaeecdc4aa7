"""A conversation: the HTTP messages of one TCP connection, request paired with response.

Knows the order of messages (RFC 9112 9), who may speak when, and when a connection
stops being HTTP. Must not know frames. One object per connection, made at its first
payload byte by http.stage.
"""

from __future__ import annotations

from typing import Any

from analyzer import findings
from analyzer.http import pairing
from analyzer.http.collector import Results
from analyzer.http.delivery.refusals import RefusalReader
from analyzer.http.handover import (
    ACKED,
    DIRECTION,
    KIND,
    OFFSET,
    PACKET,
    SPAN,
    TIME,
    WIRE,
    Piece,
    end_row,
    lost_row,
)
from analyzer.http.head import (
    NEITHER,
    REQUEST,
    RESPONSE,
    Head,
    Malformed,
    head_end,
    leading_empty,
    parse_cut,
    parse_head,
    recognise,
)
from analyzer.http.http1.body import BodyUntilClose, request_body, response_body
from analyzer.http.http1.reader_state import BODY, HEAD, HOLD, SEEK, WAIT, Side
from analyzer.http.http1.switching import Switching
from analyzer.http.http1.whole_upgrade import Opening
from analyzer.http.pairing import Transaction
from analyzer.http.upgrade import Checks, refuse
from analyzer.tcp.bytestream import DATA, FIN, GAP_CUT, GAP_LOST, RESET

_LOOKED_AT = 1024


class Conversation(Switching):
    """Both sides of one connection, and the transactions in progress.

    Attributes:
        handed_on: the connection is no longer HTTP; its rows leave.
    """

    __slots__ = ("_resets", "_wait_for", "_waited")

    def __init__(self, slot: int, results: Results, *, start_seen: bool) -> None:
        super().__init__(slot, results, start_seen=start_seen)
        self._resets: list[int] = []
        self._waited = False
        self._wait_for = 0

    @classmethod
    def behind(cls, opening: Opening, results: Results) -> Conversation:
        """Return the conversation of which one upgrade request is all that was read."""
        handshake = opening.handshake
        made = cls(handshake.slot, results, start_seen=True)
        made._kept, made._client = None, handshake.client_side
        side = made._sides[made._client]
        side.is_client, side.mode, side.seen = True, HOLD, opening.seen
        attempt = Transaction(None, handshake)
        attempt.acked = 0
        made._pairs.add(attempt, handshake.request_packet)
        return made

    # --- rows

    def row(self, piece: Piece) -> None:
        """Take the next row of the connection."""
        if self.handed_on:
            self._results.handover.hand_on(piece)
            return
        if self.successor is not None:
            self.successor.row(piece)
            return
        row = piece.row
        kind = row[KIND]
        side = self._sides[row[DIRECTION] & 1]
        if self._kept is not None:
            self._undecided(side, piece)
            return
        if kind > GAP_CUT:
            self._control(side, piece)
        elif side.mode in (HOLD, WAIT):
            self._hold(side, piece, 0)
        else:
            self._payload(side, piece)
        if self._wait_rows:
            self._check_wait()

    def begin_in_middle(self, piece: Piece) -> None:
        """Begin with a row that opens with a head; the other side is lost yet."""
        self._sides[1 - (piece.row[DIRECTION] & 1)].mode = SEEK
        self.row(piece)

    def _control(self, side: Side, piece: Piece) -> None:
        """Take a row without payload."""
        kind = piece.row[KIND]
        if kind in (FIN, RESET):
            self._no_more_requests()
        if kind == RESET:
            self._resets.append(side.direction & 1)
        if side.held and kind in (FIN, RESET):
            side.held.append(piece.kept())
            return
        self._pairs.count(piece.row[WIRE])
        if kind == FIN:
            side.finished = True
            if side.mode == BODY and side.body is not None and side.body.until_close:
                self._message_done(side)

    def _hold(self, side: Side, piece: Piece, at: int) -> None:
        """Keep a row until the answer says what it is."""
        if self._wait_rows:
            self._wait_rows += 1
        if not side.hold(piece, at, self._results.options.max_early_bytes):
            packet = piece.row[PACKET]
            self._results.find(
                findings.HTTP_EARLY_LIMIT, self._slot, packet, direction=side.direction
            )
        if len(side.held) > self._results.options.lost_after_segments:
            self._answer_unseen()

    def _payload(self, side: Side, piece: Piece) -> None:
        row = piece.row
        side.seen = row[OFFSET] + row[SPAN]
        if row[KIND] != DATA:
            self._pairs.count(row[WIRE])
            self._gap(side, piece)
            return
        if side.mode == SEEK:
            if recognise(piece.data) != (REQUEST if side.is_client else RESPONSE):
                if side.is_client and self._sides[1 - self._client].mode == WAIT:
                    # The answer that waits may turn these into frames.
                    self._hold(side, piece, 0)
                    return
                self._pairs.count(row[WIRE])
                return
            side.mode = HEAD
            for earlier in side.release():
                # Bytes behind a hole that came before this request are no frames.
                self._pairs.count(earlier.row[WIRE])
            if not side.is_client and not self._must_wait(piece):
                self._drop_overtaken(side, row[OFFSET])
        if side.mode == HEAD and side.is_client and not side.pending:
            self._pairs.new_meter()
        self._pairs.count(row[WIRE])
        side.segments += 1
        at = 0
        while at < piece.length and not self.handed_on and self.successor is None:
            if self._kept is not None:
                self._undecided(side, piece.kept(at))
                return
            if side.mode == HEAD:
                at = self._head(side, piece, at)
            elif side.mode == BODY:
                at = self._body(side, piece, at)
            elif side.mode == SEEK:
                return
            else:
                self._hold(side, piece, at)
                return
        if self.handed_on:
            self._results.handover.hand_on(piece, at)
        elif self.successor is not None and at < piece.length:
            self.successor.row(piece.kept(at))

    def _head(self, side: Side, piece: Piece, at: int) -> int:
        """Read on in a head; return the offset after what was taken."""
        before = 0
        if side.pending is not None:
            before = len(side.pending)
            side.pending += piece.data[at:] if at else piece.data
            buffer: bytes | bytearray = side.pending
        else:
            if not side.is_client and self._must_wait(piece):
                side.mode = WAIT
                self._wait_rows, self._wait_for = 1, piece.row[ACKED]
                return at
            if at and side.is_client:
                self._pairs.new_meter()
            buffer = piece.data[at:] if at else piece.data
            side.segments = 1
            side.first_time = piece.row[TIME]
        leading = leading_empty(buffer)
        end = head_end(buffer, max(leading, before - 3))
        limit = self._results.options.max_head_bytes
        if (end if end >= 0 else len(buffer)) - leading > limit:
            self._results.find(
                *(findings.HTTP_HEAD_LIMIT, self._slot, piece.row[PACKET], f"over {limit} bytes"),
                direction=side.direction,
            )
            self._give_up_head(side, piece, "The answer's head is longer than max_head_bytes.")
            self._hand_on()
            return at
        if end < 0:
            # A start line is looked at while it grows, but not with each byte of a long one.
            if (before < _LOOKED_AT and recognise(buffer) == NEITHER) or leading > limit:
                return self._malformed(side, piece, at, "not a start line")
            side.pending = bytearray(buffer) if before == 0 else side.pending
            return piece.length
        head = parse_head(buffer, leading, end)
        if isinstance(head, Malformed):
            return self._malformed(side, piece, at, head.reason)
        if (head.status == 0) != side.is_client:
            return self._malformed(side, piece, at, "it comes from the wrong side")
        side.pending = None
        for fault in head.faults:
            self._results.find(
                *(findings.HTTP_MALFORMED, self._slot, piece.row[PACKET], fault.text),
                direction=side.direction,
                rfc=fault.rfc,
            )
        self._results.http_bytes[side.direction] += end
        if side.is_client:
            self._request(side, head, piece, cut=False)
        else:
            self._response(side, head, piece)
        return at + end - before

    def _malformed(self, side: Side, piece: Piece, at: int, reason: str) -> int:
        self._results.find(
            *(findings.HTTP_MALFORMED, self._slot, piece.row[PACKET], reason),
            direction=side.direction,
        )
        if self._give_up_head(side, piece, "The answer is not HTTP."):
            self._hand_on()
            return at
        side.pending = None
        side.mode = SEEK
        return piece.length

    def _give_up_head(self, side: Side, piece: Piece, reason: str) -> bool:
        """End an attempt whose answer cannot be read; say whether there was one."""
        handshake = self._pairs.attempt()
        if side.is_client or handshake is None:
            return False
        self._pairs.queue.popleft()
        handshake.outcome = "bad-response"
        handshake.outcome_reason = reason
        handshake.response_first_time = side.first_time
        handshake.response_last_time = piece.row[TIME]
        pairing.settle_draft(self._results, handshake, None, piece.row)
        self._results.handshakes.append(handshake)
        return True

    def _request(self, side: Side, head: Head, piece: Piece, *, cut: bool) -> None:
        transaction = pairing.begin(
            self._results, self._slot, self._client, head, side.first_time, piece.row, cut=cut
        )
        self._pairs.add(transaction, piece.row[PACKET])
        side.current = transaction
        side.body = None if cut else request_body(head)
        self._request_begins(side, transaction, head)
        if cut:
            side.mode = SEEK
        elif side.body is not None and not side.body.done:
            side.mode = BODY
        else:
            self._request_done(side)

    def _must_wait(self, piece: Piece) -> bool:
        """Return whether the request is still to come.

        Captures on several queues swap packets, and what is behind a hole comes late: a
        response that acknowledges bytes of the client that were not seen yet waits for them,
        for as many rows as tcp waits before it calls bytes lost.
        """
        client = self._sides[self._client]
        if client.mode == HOLD or self._waited:
            return False
        return piece.row[ACKED] > client.seen

    def _check_wait(self) -> None:
        server, client = self._sides[1 - self._client], self._sides[self._client]
        late = self._wait_rows > self._results.options.lost_after_segments
        if client.mode == HOLD or client.seen >= self._wait_for or late:
            self._wait_rows = 0
            self._waited = client.mode != HOLD and client.seen < self._wait_for
            if server.lost is not None and server.held:
                self._drop_overtaken(server, server.held[0].row[OFFSET])
            self._replay(server)
            if client.held and client.mode == SEEK and not self.handed_on:
                self._replay(client)

    def _response(self, side: Side, head: Head, piece: Piece) -> None:
        self._waited = False
        if head.status == 101:
            self._switch(side, head, piece)
            return
        if head.status < 200:
            if self._pairs.queue:
                pairing.interim(self._pairs.queue[0], head, side.first_time, side.segments)
            return
        if not self._pairs.queue:
            self._pairs.add_orphan(self._client, piece.row)
            self._plain.astray(self._client, piece.row)
        transaction = self._pairs.queue[0]
        awaited = transaction is self._pairs.queue[-1]
        transaction.answered = True
        pairing.answer(transaction, head, side.first_time, piece.row)
        side.current = transaction
        body = side.body = response_body(head, transaction.method)
        self._answer_begins(side, transaction, head, body)
        handshake = transaction.handshake
        client = self._sides[self._client]
        if handshake is not None:
            pairing.settle_draft(self._results, handshake, head, piece.row)
            checks = Checks(self._results.findings, self._slot, piece.row[PACKET])
            refuse(handshake, head, checks)
            side.reader = RefusalReader(handshake, head)
            self._results.answered(handshake.key, piece.row[TIME])
        if body is None or body.done:
            self._message_done(side)
        else:
            side.mode = BODY
        if transaction.method == "CONNECT" and head.status < 300:
            self._begin_anew()
        # What was held back follows the last request, not one answered before it.
        if client.mode == HOLD and awaited:
            if handshake is not None:
                self._drop_early(client, handshake)
            self._replay(client)

    # --- gaps and ends

    def _gap(self, side: Side, piece: Piece) -> None:
        """Go on after bytes that were not captured."""
        if piece.row[KIND] == GAP_LOST:
            side.lost = piece.row
        if side.mode == SEEK:
            return
        lost = piece.length
        self._results.find(findings.HTTP_LOST, self._slot, piece.row[PACKET], f"{lost} bytes")
        self._results.carrying.packet = piece.row[PACKET]
        if not side.is_client:
            self._plain.lost(self._pairs.queue)
        if not self._pairs.queue:
            self._plain.astray(self._client, piece.row)
        if side.mode == BODY:
            assert side.body is not None
            if side.reader is not None:
                side.reader.lost()
            if not side.body.skip(lost):
                self._message_lost(side)
            elif side.body.done:
                self._message_done(side)
        elif side.pending is not None:
            self._cut_head(side, piece.row)
        else:
            side.mode = SEEK

    def _cut_head(self, side: Side, row: Any) -> None:
        """Make the best of a head whose end was not captured."""
        pending, side.pending = side.pending or bytearray(), None
        side.mode = SEEK
        head = parse_cut(pending)
        if isinstance(head, Malformed) or (head.status == 0) != side.is_client:
            return
        piece = Piece(row, -1, None, b"")
        if side.is_client:
            self._request(side, head, piece, cut=True)
            return
        if head.status < 200 and head.status != 101:
            return
        if head.status == 101:
            self._cut_switch(side, head, len(pending))
            return
        self._response(side, head, piece)
        if side.mode == BODY:
            self._message_lost(side)
        elif side.mode == HEAD:
            side.mode = SEEK

    def _hand_on(self, *, search: bool = False) -> None:
        """Leave HTTP: what was held back goes first, then every row to come."""
        self._stop_reading()
        self._pairs.settle()
        self.handed_on = True
        self._results.leave(self._slot, search=search)
        for side in self._sides:
            if side.lost is not None and side.mode == SEEK:
                # What comes next of it may begin in the middle of a frame.
                self._results.handover.put(lost_row(side.direction, side.lost))
            for piece in side.held:
                self._results.handover.hand_on(piece)
            side.held = []

    def end(self, tcp: Any) -> None:
        """Settle what is unfinished when the connection leaves.

        Args:
            tcp: its CONNECTION row.
        """
        if self._kept is not None:
            self._hand_on_kept(None)
            return
        server = self._sides[1 - self._client]
        if server.mode == WAIT:
            self._wait_rows = 0
            self._waited = True
            self._replay(server)
        for side in self._sides:
            if side.pending is not None and not self.handed_on:
                self._cut_head(side, end_row(side.direction, int(tcp["last_time"])))
        if self.handed_on or self._answer_unseen():
            return
        self._pairs.unanswered(tcp, self._client, self._resets)
        if isinstance(server.body, BodyUntilClose) and server.finished:
            self._message_done(server)
        self._stop_reading()
        self._pairs.settle()
