"""What comes before TLS on its connection: a PROXY protocol header, or a proxy that is asked.

A balancer's header is not of TLS, nor are the bytes with which a client asks a proxy for a tunnel
(CONNECT, RFC 9110 9.3.6, or SOCKS). Their rows pass to http as they are, which reads them; TLS
begins behind them. Knows rows, and how those bytes begin. Must not know records. Used by
tls.stage.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.columns import Rows, empty
from analyzer.tcp.bytestream import CHUNK, DATA, GAP_LOST
from analyzer.tcp.proxy_header import proxy_header

_FIRST: Final = frozenset(b"P\rC\4\5")
"""First bytes of PROXY headers in both versions, of CONNECT, and of SOCKS 4 and 5."""
_CONNECT: Final = b"CONNECT "
_MOST: Final = 32 * 1024
"""Bytes of a direction before its TLS, and of a PROXY header: a few heads, one with a refusal."""
_LONGEST_HEADER: Final = 2048
"""Of version 2 of a PROXY header, whose fields say what the balancer's TLS was: some hundred."""
_PACKET_BITS: Final = 40
"""Of a packet's number, beside that of its connection: a million packets a second for 12 days."""


class Preludes:
    """Takes the rows before TLS out of what is looked at.

    Attributes:
        passed: dtype CHUNK, the rows taken out of the last batch.
    """

    def __init__(self) -> None:
        self._headers: dict[int, bytearray] = {}  # of directions that begin like a PROXY header
        self._tunnels: dict[int, int] = {}  # bytes so far of those that may begin with a proxy
        self.passed = empty(CHUNK)

    def taken(self, rows: Rows, data: Any) -> Rows:
        """Return the rows of a batch in which TLS may be."""
        self.passed = rows[:0]
        places = np.flatnonzero(rows["offset"] == 0)
        first = rows.take(places)
        is_data = (first["kind"] == DATA) & (first["length"] > 0)
        pairs = zip(places[is_data].tolist(), first["start"][is_data].tolist(), strict=True)
        begins = [place for place, start in pairs if data[start] in _FIRST]
        if not begins and not self._headers and not self._tunnels:
            return rows
        watched = {int(rows["direction"][place]) >> 1 for place in begins}
        watched |= {direction >> 1 for direction in (*self._headers, *self._tunnels)}
        looked_at = np.isin(rows["direction"] >> 1, np.fromiter(watched, np.int64, len(watched)))
        starts = set(begins)
        passes = np.zeros(len(rows), bool)
        cut: list[tuple[int, int]] = []
        for place in np.flatnonzero(looked_at & (rows["kind"] <= GAP_LOST)).tolist():
            size = self._size(rows[place], data, is_begin=place in starts)
            if size == int(rows["length"][place]):
                passes[place] = True
            elif size:
                cut.append((place, size))
        return self._parted(rows, passes, cut)

    def forget(self, slot: int) -> None:
        """Forget a connection."""
        for direction in (2 * slot, 2 * slot + 1):
            self._headers.pop(direction, None)
            self._tunnels.pop(direction, None)

    def put_back(self, rows: Rows) -> Rows:
        """Return rows with those that were taken out, each before what comes behind it."""
        if not len(self.passed):
            return rows
        # By connection, and the highest packet so far: sorted, so that each is found at once.
        keys = _keys(rows)
        order = np.argsort(keys >> _PACKET_BITS, kind="stable")
        reached = np.maximum.accumulate(keys[order])
        wanted = _keys(self.passed)
        at = np.searchsorted(reached, wanted)
        places = np.full(len(wanted), len(rows))
        later = at < len(rows)
        later[later] = reached[at[later]] >> _PACKET_BITS == wanted[later] >> _PACKET_BITS
        places[later] = order[at[later]]
        return np.insert(rows, places, self.passed)

    # --- how much of a row is not TLS

    def _size(self, row: Any, data: Any, *, is_begin: bool) -> int:
        """Return how many bytes at the start of a row come before TLS."""
        direction, length = int(row["direction"]), int(row["length"])
        if row["kind"] != DATA:
            self._headers.pop(direction, None)
            return 0
        start = int(row["start"])
        if is_begin:
            self._begin(direction, data[start : start + 8].tobytes())
        if direction in self._headers:
            return self._header(direction, data[start : start + length].tobytes())
        if direction not in self._tunnels:
            return 0
        begin = data[start : start + 6].tobytes()
        seen = self._tunnels[direction]
        # RFC 8446 5.1: a handshake record, versions 3.0 to 3.4, and a hello in it.
        is_hello = begin[:2] == b"\x16\x03" and begin[5:6] in (b"\1", b"\2")
        if (seen and is_hello) or seen > _MOST:
            del self._tunnels[direction]
            return 0
        self._tunnels[direction] = seen + length
        return length

    def _begin(self, direction: int, begin: bytes) -> None:
        """Look at the first bytes of a direction."""
        if direction in self._tunnels or direction in self._headers:
            return
        if begin[:1] in (b"P", b"\r"):
            self._headers[direction] = bytearray()
        elif _CONNECT.startswith(begin) or begin.startswith(_CONNECT) or begin[0] in (4, 5):
            self._tunnels[direction] = self._tunnels[direction ^ 1] = 0

    def _header(self, direction: int, content: bytes) -> int:
        held = self._headers[direction]
        before = len(held)
        held += content[: _LONGEST_HEADER - before]
        size = proxy_header(held)
        if size < 0 and len(held) < _LONGEST_HEADER:
            return len(content)
        del self._headers[direction]
        return max(0, size - before)

    # --- rows

    def _parted(self, rows: Rows, passes: Any, cut: list[tuple[int, int]]) -> Rows:
        """Return the rows that stay, some without the bytes at their start."""
        if cut:
            rows = rows.copy()
            places = [place for place, _ in cut]
            begins = rows.take(places)
            for at, (place, size) in enumerate(cut):
                begins["length"][at] = begins["span"][at] = size
                for name in ("start", "offset", "into"):
                    rows[name][place] += size
                for name in ("length", "span"):
                    rows[name][place] -= size
                rows["wire"][place] = 0
            taken = np.flatnonzero(passes).tolist()
            order = np.argsort([*taken, *places], kind="stable")
            self.passed = np.concatenate([rows.take(taken), begins])[order]
        else:
            self.passed = rows[passes]
        rest: Rows = rows[~passes]
        return rest


def _keys(rows: Rows) -> npt.NDArray[np.int64]:
    """Return for each row its connection and its packet, as one number in that order."""
    slots = rows["direction"].astype(np.int64) >> 1
    keys: npt.NDArray[np.int64] = (slots << _PACKET_BITS) | rows["packet"].astype(np.int64)
    return keys
