"""Accounts of HTTP/2: what each stream costs, and whose bytes wait for their ACK.

Knows bytes and sides. Must not know rows or frames. The first of the two kernels of HTTP/2
(see _http2).
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

# Columns of an account, by side of TCP that sent it.
LINK, IP, TCP, STREAM, AGAIN, HTTP, TLS, PACKETS, ACKS, ACK_BYTES, BEHIND, SHOWN, WINDOW = range(13)
COLUMNS = 13

MOST_STRETCHES = 4096
"""Stretches of bytes of different streams that wait for their ACK in one direction; a
capture of one direction has no ACKs. Those of the oldest then belong to no stream."""

_MOST = cython.declare(cython.Py_ssize_t, MOST_STRETCHES)


@cython.cclass
class Account:
    """What one stream costs, or the connection itself.

    Attributes:
        owner: its http2_streams.Stream.
        slot: borrowed for a WebSocket's frames; -1 without one.
        over: the stream has ended, and may leave with its last ACK.
        pending: what the row in work acknowledges of it; -1.
        counted: int64 (2, COLUMNS): bytes by side of TCP that sent them. SHOWN is the ACK that
            the walk of `slot` knows of, WINDOW what the side may still send.
    """

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.slot = -1
        self.over = False
        self.pending = -1
        self.counted = np.zeros((2, COLUMNS), np.int64)
        self.counted[:, SHOWN] = -1
        self.sums = self.counted

    @property
    def wire_bytes(self) -> int:
        """All of it, both ways."""
        return int(self.counted[:, [LINK, IP, TCP, STREAM, AGAIN]].sum())


@cython.cclass
class Stretches:
    """Whose the bytes of one direction are that wait for their ACK.

    Attributes:
        acked: offset in TCP's stream that is acknowledged; -1 before any ACK.
        limited: stretches were let go.
    """

    def __init__(self) -> None:
        self.ends = np.zeros(16, np.int64)
        self.accounts: Any = [None] * 16
        self.head = self.count = 0
        self.begin = self.acked = -1
        self.limited = False

    @cython.ccall
    def add(self, account: Any, begin: cython.longlong, end: cython.longlong) -> cython.int:
        """Note that bytes [begin, end) belong to an account; None: to no one."""
        size: cython.Py_ssize_t = self.ends.shape[0]
        last: cython.Py_ssize_t = (self.head + self.count - 1) % size
        if self.count == 0:
            self.begin = begin
        elif self.accounts[last] is account:
            self.ends[last] = end
            return 0
        elif self.count == size:
            if size >= _MOST:
                self._drop()
                self.limited = True
            else:
                self._grow()
                size = self.ends.shape[0]
        last = (self.head + self.count) % size
        self.ends[last] = end
        self.accounts[last] = account
        self.count += 1
        return 0

    def _grow(self) -> None:
        size: int = len(self.accounts)
        order = [(self.head + k) % size for k in range(size)]
        ends = np.zeros(2 * size, np.int64)
        ends[:size] = np.asarray(self.ends)[order]
        accounts: Any = [self.accounts[place] for place in order]
        self.accounts = accounts + [None] * size
        self.ends = ends
        self.head = 0

    @cython.cfunc
    def _drop(self) -> cython.int:
        """Let the oldest stretch go."""
        self.begin = self.ends[self.head]
        self.accounts[self.head] = None
        self.head = (self.head + 1) % self.ends.shape[0]
        self.count -= 1
        return 0

    def within(self, begin: int, end: int) -> list[tuple[Account, int, int]]:
        """Return whose the bytes of [begin, end) are that no ACK has covered yet."""
        found: list[tuple[Account, int, int]] = []
        low: int = self.begin
        for k in range(self.count):
            place = (self.head + k) % len(self.accounts)
            high = int(self.ends[place])
            account = self.accounts[place]
            if low >= end:
                break
            if account is not None and high > begin:
                found.append((account, max(low, begin), min(high, end)))
            low = high
        return found


@cython.cclass
class Link:
    """One TCP connection of HTTP/2.

    Attributes:
        own: account of the whole connection, of which HTTP, TLS and WINDOW count.
        acks: Stretches, by side that sent the bytes.
        open: {stream identifier: Account} of the WebSockets that are open.
        sides: Reading, by side.
        waiting: accounts whose streams are over and whose last byte was just acknowledged.
        watched: WINDOW is kept.
    """

    def __init__(self) -> None:
        self.own = Account(None)
        self.acks: Any = (Stretches(), Stretches())
        self.open: Any = {}
        self.sides: Any = (Reading(), Reading())
        self.pending: Any = []
        self.waiting: Any = []
        self.watched = False


@cython.cclass
class Reading:
    """How far the reading of one direction has come, as the short way needs it.

    Attributes:
        plain: nothing is in progress, or an unpadded DATA frame of an open WebSocket.
        left: payload of that frame still to come.
        account: whose it is.
        number: of its stream.
    """

    def __init__(self) -> None:
        self.plain = False
        self.left = 0
        self.account: Any = None
        self.number = 0
