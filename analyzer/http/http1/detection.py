"""The beginning of a conversation: whether a connection is HTTP, and which side asks.

Knows start lines, and PROXY protocol headers or SOCKS before them. Must not know messages. The
base of http.http1.conversation, which goes on where this is decided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer import findings
from analyzer.http.collector import Results
from analyzer.http.handover import ACKED, DIRECTION, KIND, MAX_KEPT_ROWS, PACKET, Piece
from analyzer.http.head import MAYBE, NEITHER, REQUEST, recognise
from analyzer.http.http1 import socks
from analyzer.http.http1.reader_state import ROW_BYTES, SEEK, Side
from analyzer.http.http2.evidence import (
    NO,
    YES,
    begins_with_frame,
    begins_with_settings,
    client_of,
    evidence,
    may_be_preface,
)
from analyzer.http.http2.frames import PREFACE
from analyzer.http.pairing import Pairs
from analyzer.lazy_pattern import lazy_pattern
from analyzer.tcp.bytestream import DATA, GAP_CUT
from analyzer.tcp.proxy_header import proxied_client, proxy_header

if TYPE_CHECKING:
    from analyzer.http.http2.connection import Http2Connection

_MAY_BE_GET: Final = lazy_pattern(rb"GET /[!-~]{4}[ -~]{4}")
"""A request line that a snap length cut, with as many bytes as the status line needs
that may answer it."""


class Beginning:
    """Both sides of one connection, and the rows kept until it is clear what they are.

    Attributes:
        handed_on: the connection is no longer HTTP; its rows leave.
        successor: the connection is HTTP/2: this one has its rows from now on.
    """

    __slots__ = (
        *("_client", "_kept", "_pairs", "_proxied", "_results", "_sides", "_slot", "_start_seen"),
        *("handed_on", "successor"),
    )

    def __init__(self, slot: int, results: Results, *, start_seen: bool) -> None:
        self._slot = slot
        self._results = results
        self._start_seen = start_seen
        self._sides = (Side(2 * slot), Side(2 * slot + 1))
        self._client = -1
        self._kept: list[Piece] | None = []  # rows since the first, while undecided
        self._pairs = Pairs(results, slot)
        self._proxied = False
        self.handed_on = False
        self.successor: Http2Connection | None = None

    def row(self, piece: Piece) -> None:
        """Take the next row of the connection."""
        raise NotImplementedError

    def _hand_on(self, *, search: bool = False) -> None:
        raise NotImplementedError

    def memory(self) -> int:
        """Return about how many bytes are kept that could not be read yet."""
        most = self._results.options.max_early_bytes
        one, other = self._sides
        rows = ROW_BYTES * len(self._kept) if self._kept else 0
        return rows + one.memory(most) + other.memory(most)

    def give_up(self, packet: int) -> None:
        """Hand the connection on, because all together keep too much."""
        limit = self._results.options.max_held_head_bytes_total
        detail = f"all connections hold over {limit} bytes (max_held_head_bytes_total)"
        self._results.find(findings.HTTP_HEAD_LIMIT, self._slot, packet, detail)
        if self._kept is not None:
            self._hand_on_kept(None)
        else:
            self._hand_on()

    def _undecided(self, side: Side, piece: Piece) -> None:
        """Look whether the connection is HTTP at all; keep its rows until then."""
        assert self._kept is not None
        if piece.row[KIND] != DATA:
            is_gap = piece.row[KIND] <= GAP_CUT and side.pending is not None
            if is_gap and _MAY_BE_GET.match(side.pending or b""):
                self._decide(side, piece, is_client=True)
            elif is_gap or len(self._kept) > MAX_KEPT_ROWS:
                self._hand_on_kept(piece)
            else:
                self._kept.append(piece.kept())
            return
        begun = side.pending or b""
        buffer = begun + piece.data
        if may_be_preface(buffer):
            if len(buffer) >= len(PREFACE):
                self._become_http2(side, piece)
            else:
                side.pending = bytearray(buffer)
                self._kept.append(piece.kept())
            return
        if len(self._kept) < MAX_KEPT_ROWS and begins_with_settings(buffer):
            # A server may speak before the client's preface is whole (RFC 9113 3.4).
            side.pending = bytearray(buffer[:64])
            self._kept.append(piece.kept())
            return
        is_late = not self._start_seen or self._lacks_first_bytes()
        if is_late and begins_with_frame(buffer) and self._weigh(side, piece, buffer):
            return
        if not self._proxied and self._start_seen and self._pass_socks(side, piece, buffer):
            return
        if not self._proxied and (size := proxy_header(buffer)):
            if size > 0:
                if client := proxied_client(buffer[:size]):
                    packet = piece.row[PACKET]
                    self._results.find(findings.HTTP_PROXIED, self._slot, packet, client)
                self._skip_proxy_header(side, piece, size - len(begun))
                return
            answer = MAYBE
        else:
            answer = recognise(buffer)
        too_long = (
            len(buffer) > self._results.options.max_head_bytes or len(self._kept) > MAX_KEPT_ROWS
        )
        if answer == NEITHER or (answer == MAYBE and too_long):
            self._hand_on_kept(piece)
        elif answer == MAYBE:
            side.pending = bytearray(buffer)
            self._kept.append(piece.kept())
        else:
            self._decide(side, piece, is_client=answer == REQUEST)

    def _become_http2(self, side: Side, piece: Piece) -> None:
        """Read the rows kept, and this one, as HTTP/2."""
        self._client = side.direction & 1
        self._go_on_as_http2(piece, whole=True)

    def _lacks_first_bytes(self) -> bool:
        """Tell whether a hole is all that there is of a side: a preface may be in it."""
        assert self._kept is not None
        first: dict[int, int] = {}
        for piece in self._kept:
            if piece.row[KIND] <= GAP_CUT:
                first.setdefault(piece.row[DIRECTION], piece.row[KIND])
        return any(kind != DATA for kind in first.values())

    def _weigh(self, side: Side, piece: Piece, buffer: bytes | bytearray) -> bool:
        """Look for HTTP/2 in the middle of a connection; say whether to wait for more."""
        assert self._kept is not None
        sides = [each.pending or b"" for each in self._sides]
        sides[side.direction & 1] = buffer
        judged = evidence(sides)
        most = self._results.options.max_probe_bytes
        if judged == NO or len(self._kept) > MAX_KEPT_ROWS or len(buffer) > most:
            return False
        if judged == YES:
            tcp = self._results.handover.stream.connection(self._slot)
            self._client = client_of(sides, (tcp.port0, tcp.port1))
            self._go_on_as_http2(piece, whole=False)
        else:
            side.pending = bytearray(buffer)
            self._kept.append(piece.kept())
        return True

    def _go_on_as_http2(self, piece: Piece, *, whole: bool) -> None:
        # Late: most captures have no HTTP/2, and its modules cost start-up time.
        from analyzer.http.http2.connection import Http2Connection

        kept, self._kept = self._kept or [], None
        made = Http2Connection(self._results, self._slot, self._client, whole=whole)
        self.successor = made
        for each in (*kept, piece):
            made.row(each)

    def _decide(self, side: Side, piece: Piece, *, is_client: bool) -> None:
        """Read the rows kept, and this one, as HTTP."""
        number = side.direction & 1
        self._client = number if is_client else 1 - number
        kept, self._kept = self._kept or [], None
        server = self._sides[1 - self._client]
        if server.pending and server.pending[:5] != b"HTTP/"[: len(server.pending)]:
            # Text from the middle of a body: only a head is a place to begin.
            server.mode = SEEK
        for each in self._sides:
            each.pending = None
            each.is_client = (each is side) == is_client
        for earlier in kept:
            self.row(earlier)
        self.row(piece)

    def _answer_unseen(self) -> bool:
        """Go on after an upgrade whose answer is not in a capture of one direction.

        RFC 6455 4.1: a client that sent its handshake "MUST wait for a response from the
        server before sending any further data"; where it sends some, and no packet of
        the server was ever seen, the response was not captured.
        """
        client, server = self._sides[self._client], self._sides[1 - self._client]
        handshake = self._pairs.attempt()
        if handshake is None or not client.held or server.seen or client.held[0].row[ACKED] >= 0:
            return False
        self._pairs.queue.popleft()
        handshake.outcome = "cut"
        handshake.outcome_reason = "The answer was not captured: no packet of the server was."
        self._results.findings += handshake.doubts
        handshake.doubts = []
        self._results.upgrades.append(handshake)
        self._results.marks.append(self._results.handover.place())
        self._hand_on()
        return True

    def _pass_socks(self, side: Side, piece: Piece, buffer: bytes | bytearray) -> bool:
        """Begin after what client and SOCKS proxy settled; say whether the row is done with."""
        assert self._kept is not None
        number = side.direction & 1
        said = [each.pending or b"" for each in self._sides]
        said[number] = buffer
        # The client speaks first.
        begun = (row.row[DIRECTION] & 1 for row in self._kept if row.row[KIND] == DATA)
        client = next(begun, number)
        if said[client][:1] not in (b"\4", b"\5"):
            return False
        sizes = socks.negotiation(said[client], said[1 - client])
        too_long = len(buffer) > socks.MAX_CLIENT_BYTES or len(self._kept) > MAX_KEPT_ROWS
        if sizes is None or (sizes == socks.NEED_MORE and too_long):
            return False
        if sizes == socks.NEED_MORE:
            side.pending = bytearray(buffer)
            self._kept.append(piece.kept())
            return True
        self._proxied = True
        self._kept = []
        for each in self._sides:
            each.pending = None
        size = sizes[0] if number == client else sizes[1]
        at = size - (len(buffer) - piece.length)
        if at < piece.length:
            self._undecided(side, piece.kept(at))
        return True

    def _skip_proxy_header(self, side: Side, piece: Piece, at: int) -> None:
        """Begin after what a balancer put before the stream; it stays unparsed."""
        assert self._kept is not None
        self._proxied = True
        self._kept = [row for row in self._kept if row.row[DIRECTION] != side.direction]
        side.pending = None
        if at < piece.length:
            self._undecided(side, piece.kept(at))

    def _hand_on_kept(self, piece: Piece | None) -> None:
        kept, self._kept = self._kept or [], None
        # A connection whose begin was not captured may be in the middle of a body.
        search = not self._start_seen and not self._pairs.begun
        self._hand_on(search=search)
        for each in (*kept, *((piece,) if piece is not None else ())):
            self._results.handover.hand_on(each)
