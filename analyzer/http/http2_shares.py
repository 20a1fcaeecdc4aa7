"""Shares: what packets of an HTTP/2 connection cost each of its streams.

Each byte of TCP's stream belongs to a stream or to the connection itself; the headers of its
packet are shared in proportion, a pure ACK by the bytes that it newly acknowledges, as in
docs/numbers.md. Knows rows and offsets. Must not know frames. Used by http.http2.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from analyzer.http.handover import HEADER_BYTES, INTO, IP, LINK, PAYLOAD, TLS, WIRE, Row

MOST_STRETCHES = 4096
"""Stretches of bytes of different streams that wait for their ACK in one direction; a
capture of one direction has no ACKs. Those of the oldest are then nobody's."""


class Account:
    """What one stream costs: lists by the side of TCP that sent it.

    Attributes:
        slot: borrowed for a WebSocket's frames; -1 without one; owner: its Stream.
        link, ip, tcp: headers; stream: payload of TCP; again: payload sent again.
        tls: the part of `stream` that TLS added; http: that of HTTP/2's frames and heads.
        packets: that begin with its bytes; acks, ack_bytes: pure ACKs of its bytes.
        behind: offset in TCP's stream behind its last byte.
        shown: ACK that the walk of `slot` knows of, by the side that sent the bytes.
    """

    __slots__ = (
        *("ack_bytes", "acks", "again", "behind", "http", "ip", "link", "packets"),
        *("owner", "shown", "slot", "stream", "tcp", "tls"),
    )

    def __init__(self) -> None:
        self.slot = -1
        self.owner: Any = None
        self.link = [0, 0]
        self.ip = [0, 0]
        self.tcp = [0, 0]
        self.stream = [0, 0]
        self.again = [0, 0]
        self.tls = [0, 0]
        self.http = [0, 0]
        self.packets = [0, 0]
        self.acks = [0, 0]
        self.ack_bytes = [0, 0]
        self.behind = [0, 0]
        self.shown = [-1, -1]

    def take(self, side: int, row: Row, begin: int, end: int) -> None:
        """Add bytes [begin, end) of what a row stands for, sent by `side`."""
        self.stream[side] += end - begin
        if begin == 0 and row[WIRE]:
            self.packets[side] += 1
        self._headers(side, row, begin, end)

    def take_again(self, side: int, row: Row, begin: int, end: int) -> None:
        """Add bytes of a retransmission."""
        self.again[side] += end - begin
        if begin == 0 and row[WIRE]:
            self.packets[side] += 1
        self._headers(side, row, begin, end)

    def _headers(self, side: int, row: Row, begin: int, end: int) -> None:
        payload, into = row[PAYLOAD], row[INTO]
        low, high = into + begin, into + end
        header, link, ip = row[HEADER_BYTES], row[LINK], row[IP]
        if low > 0 or high < payload:
            if payload <= 0:
                return
            header = header * high // payload - header * low // payload
            link = link * high // payload - link * low // payload
            ip = ip * high // payload - ip * low // payload
        self.link[side] += link
        self.ip[side] += ip
        self.tcp[side] += header - link - ip

    def take_ack(self, side: int, row: Row, low: int, high: int, whole: int) -> None:
        """Add the part [low, high) of `whole` of a pure ACK that `side` sent."""
        header, link, ip = row[WIRE], row[LINK], row[IP]
        if low > 0 or high < whole:
            header = header * high // whole - header * low // whole
            link = link * high // whole - link * low // whole
            ip = ip * high // whole - ip * low // whole
        self.link[side] += link
        self.ip[side] += ip
        self.tcp[side] += header - link - ip
        self.ack_bytes[side] += header

    @property
    def wire_bytes(self) -> int:
        """All of it, both ways."""
        parts = (self.link, self.ip, self.tcp, self.stream, self.again)
        return sum(sum(part) for part in parts)


class Stretches:
    """Whose the bytes of one direction are that wait for their ACK.

    Attributes:
        acked: offset in TCP's stream that is acknowledged; -1 before any ACK.
        limited: stretches were let go.
    """

    __slots__ = ("_begin", "_ends", "acked", "limited")

    def __init__(self) -> None:
        self._ends: deque[tuple[int, Account | None]] = deque()
        self._begin = -1
        self.acked = -1
        self.limited = False

    def add(self, account: Account | None, begin: int, end: int) -> None:
        """Note that bytes [begin, end) belong to a stream; None: to no one."""
        ends = self._ends
        if not ends:
            self._begin = begin
        elif ends[-1][1] is account:
            ends[-1] = (end, account)
            return
        ends.append((end, account))
        if len(ends) > MOST_STRETCHES:
            self._begin = ends.popleft()[0]
            self.limited = True

    def acknowledge(self, acked: int) -> list[tuple[Account, int, int]]:
        """Take an ACK; return (account, begin, end) of the bytes that it newly covers."""
        found: list[tuple[Account, int, int]] = []
        old, self.acked = self.acked, acked
        ends = self._ends
        while ends and self._begin < acked:
            end, account = ends[0]
            low, high = max(self._begin, old), min(end, acked)
            if account is not None and high > low:
                found.append((account, low, high))
            if end > acked:
                self._begin = acked
                break
            self._begin = end
            ends.popleft()
        return found

    def within(self, begin: int, end: int) -> list[tuple[Account, int, int]]:
        """Return whose the bytes of [begin, end) are that no ACK has covered yet."""
        found: list[tuple[Account, int, int]] = []
        low = self._begin
        for high, account in self._ends:
            if low >= end:
                break
            if account is not None and high > begin:
                found.append((account, max(low, begin), min(high, end)))
            low = high
        return found


def tls_share(row: Row, begin: int, end: int, span: int) -> int:
    """Return TLS's part of bytes [begin, end) of the `span` that a row stands for."""
    tls = row[TLS]
    return tls * end // span - tls * begin // span if tls and span else 0
