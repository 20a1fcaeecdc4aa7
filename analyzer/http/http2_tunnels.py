"""Tunnels: the bytes of WebSockets over HTTP/2 as rows of connections of their own.

Each stream that was accepted borrows a slot of the tcp stage. Its rows are as if TCP had
brought its DATA alone: offsets are those of TCP's stream, and `span` counts what frames them.
What the stream cost is moved from its connection's row of DIRECTION to its own. Knows rows and
slots. Must not know frames' bytes or heads. Used by http.http2 and http.http2_session.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from analyzer.columns import NULL
from analyzer.http.events import Handshake
from analyzer.http.handover import (
    ACKED,
    DIRECTION,
    DONE_PACKET,
    DONE_TIME,
    FLAGS,
    HEADER_BYTES,
    INTO,
    IP,
    KIND,
    LENGTH,
    LINK,
    OFFSET,
    PACKET,
    PAYLOAD,
    READY,
    SPAN,
    START,
    TIME,
    TLS,
    WIRE,
    Row,
)
from analyzer.http.http2_shares import Account, tls_share
from analyzer.http.http2_streams import WEBSOCKET, Stream
from analyzer.http.results import Results
from analyzer.tcp.bytestream import DATA, END_CLOSED, END_OPEN, FRAMING, PURE
from analyzer.tcp.lifecycle import State

_ENDINGS: Final = ("fin_time", "closed_time")
_SIDES: Final = ("fin_side", "reset_side")


class Tunnels:
    """The WebSockets of one connection.

    Args:
        results: where rows and ends go.
        slot: of the TCP connection.

    Attributes:
        acks: what the row in work acknowledges, by the account of a WebSocket that has sent
            it, until a row of that WebSocket says so.
    """

    def __init__(self, results: Results, slot: int) -> None:
        self._results = results
        self._slot = slot
        self.acks: dict[Account, int] = {}
        self._given: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._given_http = [0, 0]

    # --- opening

    def open(self, stream: Stream, handshake: Handshake | None) -> None:
        """Give a stream a slot; let go what came before its answer."""
        results = self._results
        batch = results.handover.stream
        slot = stream.account.slot = batch.borrow(self._slot)
        results.reserve(2 * len(batch.connections))
        results.http_bytes[2 * slot : 2 * slot + 2] = 0
        results.leave(slot, search=False)
        tcp = batch.connections
        for name in _ENDINGS:
            tcp[name][slot] = NULL
        for name in _SIDES:
            tcp[name][slot] = -1
        tcp["timed_out"][slot] = 0
        tcp["state"][slot], tcp["end"][slot] = State.ESTABLISHED, END_OPEN
        stream.kind = WEBSOCKET
        if handshake is not None:
            handshake.slot = slot
            results.upgrades.append(handshake)
            results.marks.append(results.handover.place())
        early, stream.early = stream.early, []
        for row, content in early:
            changed = list(row)
            changed[DIRECTION] = 2 * slot + (row[DIRECTION] & 1)
            self._begin_acks(stream.account, row[DIRECTION] & 1, row[OFFSET])
            results.handover.put(tuple(changed), content if row[KIND] == DATA else None)

    # --- rows

    def row_of(
        self, stream: Stream, side: int, row: Row, content: tuple[int, int], frame: tuple[int, int]
    ) -> Row:
        """Return the row of a piece of DATA, with `start` in the batch's buffer.

        Args:
            stream: that the piece belongs to.
            side: sender.
            row: of the connection, in which the piece lies.
            content: its bytes of content, within the row.
            frame: all of its bytes, with frame header and padding, within the row.
        """
        (low, high), length, span = frame, row[LENGTH], row[SPAN]
        tls = 0
        if span != length:
            low, high = low * span // length, high * span // length
            tls = tls_share(row, low, high, span)
        return (
            row[PACKET],
            row[TIME],
            row[READY],
            row[OFFSET] + low,
            -1,
            # What is empty may be of a batch before.
            row[START] + content[0] if content[1] > content[0] else 0,
            2 * stream.account.slot + side,
            content[1] - content[0],
            row[PAYLOAD],
            row[INTO] + low,
            row[HEADER_BYTES],
            0,
            row[KIND],
            row[FLAGS],
            high - low,
            row[DONE_PACKET],
            row[DONE_TIME],
            tls,
            row[LINK],
            row[IP],
        )

    def put(self, stream: Stream, side: int, row: Row) -> None:
        """Let a row of `row_of` leave."""
        account = stream.account
        if self.acks and account in self.acks:
            changed = list(row)
            changed[ACKED] = self.acks.pop(account)
            row = tuple(changed)
        if account.shown[side] < 0:
            self._begin_acks(account, side, row[OFFSET])
        self._results.handover.put(row)

    def _begin_acks(self, account: Account, side: int, offset: int) -> None:
        # The walk takes the first byte that it sees for the first that is not acknowledged.
        if account.shown[side] < 0:
            account.shown[side] = offset

    def framing(self, stream: Stream, side: int, row: Row) -> None:
        """Let a row leave that holds nothing but what frames the next bytes."""
        changed = list(row)
        changed[ACKED], changed[WIRE] = -1, 0
        changed[DIRECTION] = 2 * stream.account.slot + side
        self.put(stream, side, tuple(changed))

    def acknowledged(
        self, row: Row, side: int, found: Iterable[tuple[Account, int, int]], old: int
    ) -> None:
        """Share an ACK out to the streams whose bytes it newly covers.

        Args:
            row: that brings it.
            side: its sender.
            found: (account, begin, end) of bytes that `side` has received.
            old: what was acknowledged before; -1 if nothing was.
        """
        acked, is_pure = row[ACKED], row[KIND] == PURE and row[WIRE] > 0
        other = 1 - side
        last: Account | None = None
        for account, low, high in found:
            last = account
            cost = 0
            if is_pure and old >= 0:
                before = account.ack_bytes[side]
                account.take_ack(side, row, low - old, high - old, acked - old)
                cost = account.ack_bytes[side] - before
            if account.slot < 0:
                continue
            if not is_pure:
                self.acks[account] = high
                account.shown[other] = max(account.shown[other], high)
                continue
            if account.shown[other] != low:
                self._ack_row(row, account, side, low, 0)
            self._ack_row(row, account, side, high, cost)
            account.shown[other] = high
        if last is not None and is_pure and old >= 0:
            last.acks[side] += 1
            last.packets[side] += 1

    def _ack_row(self, row: Row, account: Account, side: int, acked: int, cost: int) -> None:
        changed = [0] * len(row)
        changed[: OFFSET + 1] = row[: OFFSET + 1]
        changed[ACKED] = acked
        changed[DIRECTION] = 2 * account.slot + side
        changed[WIRE] = changed[HEADER_BYTES] = cost
        changed[KIND] = PURE if cost else FRAMING
        self._results.handover.put(tuple(changed))

    def settle_acks(self, row: Row, side: int) -> None:
        """Show the ACKs of a row with payload to those that it has no payload of."""
        for account, acked in self.acks.items():
            if account.slot >= 0:
                self._ack_row(row, account, side, acked, 0)
        self.acks = {}

    def sent_again(
        self, row: Row, side: int, found: Iterable[tuple[Account, int, int]]
    ) -> None:
        """Share a retransmission out to the streams whose bytes it has."""
        for account, low, high in found:
            begin, end = low - row[OFFSET], high - row[OFFSET]
            account.take_again(side, row, begin, end)
            if account.slot < 0:
                continue
            changed = list(row)
            changed[ACKED], changed[WIRE] = -1, 0
            changed[OFFSET], changed[INTO] = low, row[INTO] + begin
            changed[LENGTH] = changed[SPAN] = end - begin
            changed[DIRECTION] = 2 * account.slot + side
            self._results.handover.put(tuple(changed))

    # --- ends

    def ended(self, stream: Stream, side: int, time: int) -> None:
        """END_STREAM: "this serves the same purpose as a TCP FIN" (RFC 8441 5)."""
        tcp, slot = self._results.handover.stream.connections, stream.account.slot
        if tcp["fin_side"][slot] < 0:
            tcp["fin_side"][slot], tcp["fin_time"][slot] = side, time
        if all(stream.ended) and tcp["closed_time"][slot] == NULL:
            tcp["closed_time"][slot] = time

    def reset(self, stream: Stream, side: int, time: int) -> None:
        """RST_STREAM: as a TCP RST (RFC 8441 5)."""
        tcp, slot = self._results.handover.stream.connections, stream.account.slot
        if tcp["reset_side"][slot] < 0:
            tcp["reset_side"][slot] = side
            if tcp["closed_time"][slot] == NULL:
                tcp["closed_time"][slot] = time

    def leave(self, stream: Stream, row: Row, *, is_cut: bool = False) -> None:
        """Let a WebSocket end: its rows are final.

        Args:
            stream: that ends.
            row: of the connection, with which it does.
            is_cut: it is the connection that ends.
        """
        results, account = self._results, stream.account
        batch, slot = results.handover.stream, account.slot
        tcp = batch.connections
        if is_cut and not stream.is_over:
            for name in ("closed_time", "timed_out", "end", *_SIDES, "fin_time"):
                if name not in _SIDES[:1] or tcp["fin_side"][slot] < 0:
                    tcp[name][slot] = tcp[name][self._slot]
        else:
            tcp["end"][slot] = END_CLOSED
        tcp["last_packet"][slot], tcp["last_time"][slot] = row[PACKET], row[TIME]
        for side in (0, 1):
            own = _counted(stream, side)
            sums, given = batch.directions, self._given[side]
            for name, value in own.items():
                sums[name][2 * slot + side] = value
                given[name] = given.get(name, 0) + value
            results.http_bytes[2 * slot + side] = account.http[side]
            self._given_http[side] += account.http[side]
        results.ended.append(slot)
        batch.give_back(slot)

    def finish(self) -> None:
        """Take what the WebSockets cost out of the connection's own rows: it has ended."""
        results = self._results
        sums = results.handover.stream.directions
        for side in (0, 1):
            direction = 2 * self._slot + side
            for name, value in self._given[side].items():
                sums[name][direction] -= value
            results.http_bytes[direction] -= self._given_http[side]


def _counted(stream: Stream, side: int) -> dict[str, int]:
    """Return a stream's part of DIRECTION."""
    account = stream.account
    counted = {
        "packets": account.packets[side],
        "link_bytes": account.link[side],
        "ip_bytes": account.ip[side],
        "tcp_bytes": account.tcp[side],
        "retransmitted_bytes": account.again[side],
        "stream_bytes": account.stream[side],
        "lost_bytes": stream.lost[side],
        "pure_acks": account.acks[side],
        "pure_ack_bytes": account.ack_bytes[side],
    }
    names = ("link_bytes", "ip_bytes", "tcp_bytes", "retransmitted_bytes", "stream_bytes")
    counted["wire_bytes"] = sum(counted[name] for name in names)
    return counted
