"""Tunnels: the bytes of WebSockets over HTTP/2 as rows of connections of their own.

Each stream that was accepted borrows a slot of the tcp stage. Its rows are as if TCP had
brought its DATA alone: offsets are those of TCP's stream, and `span` counts what frames them.
What the stream cost is moved from its connection's row of DIRECTION to its own. Knows rows and
slots. Must not know frames' bytes or heads. Used by http.http2.connection and http.http2.session.
"""

from __future__ import annotations

from typing import Final

from analyzer.columns import NULL
from analyzer.http._row_accounts import (
    ACK_BYTES,
    ACKS,
    AGAIN,
    HTTP,
    PACKETS,
    SHOWN,
    STREAM,
    TCP,
    Link,
)
from analyzer.http._row_accounts import IP as IP_BYTES
from analyzer.http._row_accounts import LINK as LINK_BYTES
from analyzer.http._row_accounts import TLS as TLS_BYTES
from analyzer.http.collector import Results
from analyzer.http.exchanges import Handshake
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
    WINDOW,
    Row,
    end_row,
    lost_row,
)
from analyzer.http.http2.streams import WEBSOCKET, Stream
from analyzer.tcp.bytestream import DATA, END_CLOSED, END_OPEN, FIN, RESET
from analyzer.tcp.lifecycle import State

_ENDINGS: Final = ("fin_time", "closed_time")
_SIDES: Final = ("fin_side", "reset_side")

_COLUMNS: Final = {
    "packets": PACKETS,
    "link_bytes": LINK_BYTES,
    "ip_bytes": IP_BYTES,
    "tcp_bytes": TCP,
    "retransmitted_bytes": AGAIN,
    "stream_bytes": STREAM,
    "pure_acks": ACKS,
    "pure_ack_bytes": ACK_BYTES,
}
_SUMMANDS: Final = ("link_bytes", "ip_bytes", "tcp_bytes", "retransmitted_bytes", "stream_bytes")


class Tunnels:
    """The WebSockets of one connection.

    Args:
        results: where rows and ends go.
        slot: of the TCP connection.
        link: its accounts.
    """

    def __init__(self, results: Results, slot: int, link: Link) -> None:
        self._results = results
        self._slot = slot
        self._link = link
        self._given: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._given_http = [0, 0]
        self._given_tls = [0, 0]

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
        if not stream.is_over:
            self._link.open[stream.number] = stream.account
        if handshake is not None:
            handshake.slot, handshake.carrier = slot, self._slot
            results.upgrades.append(handshake)
            results.marks.append(results.handover.place())
        else:
            # No row says that its beginning was seen.
            tcp["sides_known"][slot] = 0
        results.streams[slot] = stream.number
        early, stream.early = stream.early, []
        for row, content in early:
            changed = list(row)
            changed[DIRECTION] = 2 * slot + (row[DIRECTION] & 1)
            shown = stream.account.counted[row[DIRECTION] & 1]
            if shown[SHOWN] < 0:
                shown[SHOWN] = row[OFFSET]
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
            tls = row[TLS] * high // span - row[TLS] * low // span
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
            row[WINDOW],
        )

    def lose_place(self, stream: Stream, side: int, row: Row) -> None:
        """Let a row say that bytes of a side may be missing, and nobody knows how many.

        Args:
            stream: that they may be of.
            side: of the TCP connection.
            row: of the connection, with which that shows.
        """
        self._results.handover.put(lost_row(2 * stream.account.slot + side, row))

    # --- ends

    def show_end(self, stream: Stream, side: int, kind: int, row: Row) -> None:
        """Let a row without bytes say that a side ended.

        Args:
            stream: that ends.
            side: of the TCP connection.
            kind: FIN or RESET.
            row: of the connection, with which it does.
        """
        end = list(end_row(2 * stream.account.slot + side, row[TIME]))
        end[KIND], end[PACKET], end[READY], end[ACKED] = kind, row[PACKET], row[TIME], -1
        self._results.handover.put(tuple(end))

    def ended(self, stream: Stream, side: int, row: Row) -> None:
        """END_STREAM: "this serves the same purpose as a TCP FIN" (RFC 8441 5)."""
        time = row[TIME]
        self.show_end(stream, side, FIN, row)
        tcp, slot = self._results.handover.stream.connections, stream.account.slot
        if tcp["fin_side"][slot] < 0:
            tcp["fin_side"][slot], tcp["fin_time"][slot] = side, time
        if all(stream.ended) and tcp["closed_time"][slot] == NULL:
            tcp["closed_time"][slot] = time

    def reset(self, stream: Stream, side: int, row: Row) -> None:
        """RST_STREAM: as a TCP RST (RFC 8441 5)."""
        time = row[TIME]
        self.show_end(stream, side, RESET, row)
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
            http = int(account.counted[side, HTTP])
            results.http_bytes[2 * slot + side] = http
            self._given_http[side] += http
            self._given_tls[side] += int(account.counted[side, TLS_BYTES])
        tls = account.counted[:, TLS_BYTES].tolist()
        results.tls_moved[slot] = (tls[0], tls[1])
        results.ended.append(slot)
        batch.give_back(slot)

    def finish(self) -> None:
        """Take what the WebSockets cost out of the connection's own rows: it has ended."""
        results = self._results
        sums = results.handover.stream.directions
        one, other = self._given_tls
        results.tls_moved[self._slot] = (-one, -other)
        for side in (0, 1):
            direction = 2 * self._slot + side
            for name, value in self._given[side].items():
                sums[name][direction] -= value
            own = int(self._link.own.counted[side, HTTP])
            results.http_bytes[direction] += own - self._given_http[side]


def _counted(stream: Stream, side: int) -> dict[str, int]:
    """Return a stream's part of DIRECTION."""
    account = stream.account.counted[side].tolist()
    counted = {name: account[column] for name, column in _COLUMNS.items()}
    counted["lost_bytes"] = stream.lost[side]
    counted["wire_bytes"] = sum(counted[name] for name in _SUMMANDS)
    return counted
