"""Affinity: which shard a connection is read in, so that what it shares with others is there too.

Connections are independent of each other, but for plain HTTP: a poller goes on over another
connection, clients that look alike are distinguished by the connections that they have, and a
session of Engine.IO begins with polling and goes on over WebSocket. Exactly these share state:

- http.delivery.groups: plain exchanges whose addresses, server's port, Host, and session or Cookie,
  Authorization and User-Agent are equal; numbers of clients and groups, of all plain exchanges;
- inside.sessions: what has one server and one session of Engine.IO or SockJS over plain HTTP, and
  the upgrade whose target names such a session.

So all connections that may bring plain exchanges, and those upgrades, are in the first shard. An
upgrade request is where the hash of its Sec-WebSocket-Key says: a key that was used before is found
there (http.collector). All others are where the hash of their ends says. What a connection is
shows in its first payload: a whole upgrade request and nothing else, TLS, or what cannot become
HTTP, is spread. Where the guess fails (a plain request behind a refused upgrade, in TLS, in the
middle of a connection that was not seen to begin), http.shard says that the capture cannot be
split.

How it is used: each process that reads all packets has an Affinity with the same keys. `push` takes
the batches of the packets stage and returns those whose connections are all in a shard, with the
shard of each row; rows of other shards are dropped. Batches wait until LOOKED_AHEAD bytes of later
ones are there, so that a SYN finds its payload. All processes see the same, and decide alike.

Knows segments, and what first bytes say. Must not know streams. Called by shards.
"""

from __future__ import annotations

import secrets
from collections import deque
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

from analyzer.http._affinity import Ends
from analyzer.http.head import NEITHER, recognise
from analyzer.http.http2.evidence import begins_with_frame, may_be_preface
from analyzer.lazy_pattern import lazy_pattern
from analyzer.packets.segments import SegmentBatch
from analyzer.tcp._state import record_view
from analyzer.tcp.proxy_header import proxy_header

LOOKED_AHEAD: Final = 16 << 20
"""Bytes of batches in which a connection's first payload is looked for. One without any by then is
read in the first shard: browsers open connections that they may need."""
_MAX_LOOKED_AT: Final = 16 << 10
_KEY: Final = lazy_pattern(rb"(?i)\nsec-websocket-key:[ \t]*([^\r\n]*?)[ \t]*\r\n")
"""With it a request is an attempt, whatever else it says (http.upgrade.is_attempt)."""
_SESSION: Final = lazy_pattern(rb"GET [^ \n]*[?&]sid=")
_TLS_TYPES: Final = range(0x14, 0x18)
_OFFERS_HTTP2: Final = b"\x02h2"
"""As ALPN has it (RFC 7301 3.1): who asks for WebSocket alone does not offer it."""
_SETTINGS: Final = 0
"""First byte of a server that speaks HTTP/2 before the client's preface is whole."""
_SOCKS: Final = (4, 5)
_OPCODES: Final = frozenset((0, 1, 2, 8, 9, 10))
_FIRSTS: Final = (1, 2)
"""First byte of a message in several frames (RFC 6455 5.2), not compressed."""

Shards = npt.NDArray[np.uint8]
"""Shard of each row."""
Keys = tuple[int, int, int]


def new_keys() -> Keys:
    """Return random keys, for all processes of a run."""
    one, two, three = (secrets.randbits(64) | 1 for _ in range(3))
    return one, two, three


class Affinity:
    """Puts each connection into a shard.

    Args:
        shards: how many, up to 255.
        keys: of all processes (new_keys).
        reads_tls: there are keys, or may be: what is in TLS may be plain HTTP.
        ahead: bytes of batches that are looked at before one leaves.
    """

    def __init__(
        self, shards: int, keys: Keys, *, reads_tls: bool, ahead: int = LOOKED_AHEAD
    ) -> None:
        self._ends = Ends(shards, keys)
        self._shards = shards
        self._reads_tls = reads_tls
        self._ahead = ahead
        self._waiting: deque[tuple[SegmentBatch, npt.NDArray[np.int64], int]] = deque()
        self._bytes = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of the batches that wait."""
        return self._bytes

    def push(self, segments: SegmentBatch) -> list[tuple[SegmentBatch, Shards]]:
        """Take a batch of the packets stage; return those that leave, and each row's shard."""
        numbers = np.zeros(len(segments.rows), np.int64)
        self._number(segments, numbers)
        size = segments.records.used
        self._waiting.append((segments, numbers, size))
        self._bytes += size
        out = []
        while self._waiting and self._bytes - self._waiting[0][2] >= self._ahead:
            out.append(self._leave())
        return out

    def finish(self) -> list[tuple[SegmentBatch, Shards]]:
        """Return the batches that wait: the capture has ended."""
        return [self._leave() for _ in range(len(self._waiting))]

    def _leave(self) -> tuple[SegmentBatch, Shards]:
        segments, numbers, size = self._waiting.popleft()
        self._bytes -= size
        return segments, self._ends.shards(numbers)

    def _number(self, segments: SegmentBatch, numbers: npt.NDArray[np.int64]) -> None:
        """Number the connections, and choose for those whose first payload comes."""
        ends, rows, data = self._ends, segments.rows, segments.records.data
        view = record_view(rows)
        at = ends.run(0, view, numbers)
        while at < len(rows):
            start, captured = int(rows["start"][at]), int(rows["captured"][at])
            payload = data[start : start + min(captured, _MAX_LOOKED_AT)].tobytes()
            number = int(numbers[at])
            ends.choose(number, self._shard(payload, begins=ends.has_begun(number)))
            at = ends.run(at, view, numbers)

    def _shard(self, payload: bytes, *, begins: bool) -> int:
        """Return the shard of a connection with this first payload; -1: by its ends."""
        key = key_of(payload)
        if key is not None:
            return int.from_bytes(blake2b(key, digest_size=8).digest(), "little") % self._shards
        return 0 if may_share(payload, begins=begins, reads_tls=self._reads_tls) else -1


def key_of(payload: bytes) -> bytes | None:
    """Return the key of a segment that is an upgrade request and nothing else; else None.

    None also where its target names a session, which may have begun over plain HTTP.
    """
    if payload[:5] != b"GET /" or payload[-4:] != b"\r\n\r\n":
        return None
    if payload.count(b"\r\n\r\n") > 1 or _SESSION.match(payload):
        return None
    found = _KEY.search(payload)
    return None if found is None else found[1]


def may_share(payload: bytes, *, begins: bool, reads_tls: bool) -> bool:
    """Return whether a connection may share state with others, by its first payload.

    Args:
        payload: of the first segment that was seen with any, of either side; as far as it was
            captured.
        begins: a SYN was seen, so that it is the first of its stream.
        reads_tls: what is in TLS may be readable.
    """
    if not payload:
        return False
    if payload[0] in _TLS_TYPES and payload[1:2] in (b"", b"\x03"):
        return reads_tls and _OFFERS_HTTP2 in payload
    if begins:
        return (
            payload[0] == _SETTINGS
            or payload[0] in _SOCKS
            or may_be_preface(payload)
            or proxy_header(payload) != 0
            or recognise(payload) != NEITHER
        )
    # In the middle of a connection: a head or text begins with no frame of WebSocket that is whole,
    # or a message's first; those of HTTP/2 begin with a length.
    first = payload[0]
    may_be_frame = first in _FIRSTS or (first & 0xB0 == 0x80 and first & 0x0F in _OPCODES)
    return not may_be_frame or begins_with_frame(payload)
