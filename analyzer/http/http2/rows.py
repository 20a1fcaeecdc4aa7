"""Rows of an HTTP/2 connection: whose bytes they are, and how reading goes on after gaps.

Knows rows, accounts and the search for frames. Must not know what frames say. The base of
http.http2.connection, which walks the frames.
"""

from __future__ import annotations

from typing import Final

from analyzer import findings
from analyzer.http._row_accounts import HTTP, Link, Reading
from analyzer.http._row_path import RowPath
from analyzer.http.collector import Results
from analyzer.http.handover import (
    DONE_PACKET,
    DONE_TIME,
    KIND,
    LENGTH,
    OFFSET,
    PACKET,
    SPAN,
    START,
    TIME,
    Row,
)
from analyzer.http.http2 import doubtful, frames
from analyzer.http.http2.evidence import may_be_websocket
from analyzer.http.http2.frames import PREFACE, FrameHeader
from analyzer.http.http2.search import FrameSearch
from analyzer.http.http2.session import Session
from analyzer.http.http2.streams import ATTEMPT, EXCHANGE, NEW, WEBSOCKET, Stream
from analyzer.tcp.bytestream import GAP_CUT

_MOST_LOSSES: Final = 64
"""Times that the place of the next frame is searched for in one direction: no capture loses so
many bytes between frames and is of use."""

Piece = tuple[int, int, int, int]
"""Of a frame in a row: begin of its bytes, begin and end of its content, end of its bytes."""


class Side:
    """How far the reading of one direction has come.

    Attributes:
        header: of the frame in progress; None between frames.
        partial: bytes of an unfinished header; parts: (row, begin, end) of those bytes, until
            it is known whose they are.
        left: payload of the frame still to come.
        content: of a frame that is collected; None for DATA, and for what is not read.
        stream: of the frame; None: the connection's.
        pad: bytes of padding at the frame's end; -1 until known.
        data_left: of a DATA frame, content still to come.
        preface: bytes of the client's preface still to come.
        lost: bytes of the frame were lost.
        begun: a frame was read.
        search: for the next frame; None while its place is known.
    """

    __slots__ = (
        *(
            "content",
            "data_left",
            "empty",
            "faults",
            "header",
            "left",
            "losses",
            "lost",
            "pad",
            "partial",
        ),
        *("begun", "parts", "preface", "search", "stream"),
    )

    def __init__(self) -> None:
        self.header: FrameHeader | None = None
        self.partial = bytearray()
        self.parts: list[tuple[Row, int, int]] = []
        self.left = 0
        self.content: bytearray | None = None
        self.stream: Stream | None = None
        self.pad = 0
        self.data_left = 0
        self.preface = 0
        self.lost = self.begun = False
        self.search: FrameSearch | None = None
        self.faults = self.empty = self.losses = 0

    @property
    def is_lost(self) -> bool:
        """Whether the place of the next frame is not known."""
        return self.search is not None

    def take_over(self, reading: Reading) -> None:
        """Go on where the short way stopped."""
        if not reading.plain:
            return
        reading.plain = False
        self.header, self.left, self.data_left = None, 0, 0
        if reading.left:
            self.header = FrameHeader(reading.left, frames.DATA, 0, reading.number)
            self.left = self.data_left = reading.left
            self.stream = reading.account.owner
            self.pad, self.lost, self.content = 0, False, None

    def hand_back(self, reading: Reading) -> None:
        """Let the short way go on, where nothing unusual is in progress."""
        if self.preface or self.partial or self.search is not None:
            return
        reading.left = 0
        header, stream = self.header, self.stream
        if header is not None:
            if header.kind != frames.DATA or header.flags or self.lost or stream is None:
                return
            if stream.kind != WEBSOCKET or stream.is_over or stream.left:
                return
            reading.left, reading.number, reading.account = (
                self.left,
                stream.number,
                stream.account,
            )
        reading.plain = True


class FrameRows:
    """The rows of one connection.

    Args:
        results: where all goes.
        slot: of the connection.
        client: side of the client.
        whole: the session is seen from the client's preface on.
    """

    def __init__(self, results: Results, slot: int, client: int, *, whole: bool) -> None:
        self._results = results
        self._slot = slot
        self._path: RowPath = results.path
        self._link = results.links[slot] = Link()
        self._session = Session(results, slot, client, self._link, whole=whole)
        self._sides = (Side(), Side())
        if whole:
            self._sides[client].preface = len(PREFACE)

    def _end_frame(self, side: Side, number: int, row: Row, header: FrameHeader) -> None:
        raise NotImplementedError

    def _walk(self, side: Side, number: int, row: Row, data: bytes, at: int) -> None:
        raise NotImplementedError

    # --- whose bytes

    def _share(self, number: int, begin: int, end: int, stream: Stream | None) -> None:
        """Note whose bytes [begin, end) of the row are: HTTP/2's own, of a stream or not."""
        account = None
        if stream is not None and not stream.left:
            account = stream.account
            account.counted[number, HTTP] += end - begin
        self._link.own.counted[number, HTTP] += end - begin
        self._path.attribute(self._link, number, begin, end, account)

    def _content(
        self, stream: Stream | None, number: int, row: Row, content: bytes, piece: Piece
    ) -> None:
        """Take content of a stream."""
        begin, low, high, end = piece
        if stream is not None and stream.doubt is not None and content and not stream.left:
            doubtful.look(self._session, stream, number, content, row)
            self._path.load(row)
        if stream is not None and stream.kind == NEW and content and not stream.left:
            is_client = number == self._session.client
            if may_be_websocket(content, is_client=is_client):
                # Its head was not seen: the websocket stage has to recognise the frames.
                self._session.tunnels.open(stream, None)
                self._results.clients.append((stream.account.slot, self._session.client))
                self._path.load(row)
        if (
            (stream is not None and stream.kind == ATTEMPT and content and not stream.left)
            and self._session.may_be_open(stream)
            and may_be_websocket(content, is_client=number == self._session.client)
        ):
            self._session.open_unanswered(stream)
            self._path.load(row)
        if stream is None or stream.left or not _is_tunnel(stream):
            self._share(number, begin, end, stream)
            if stream is not None and stream.kind == EXCHANGE and not stream.left:
                done = settled(row)
                time = done[TIME]
                self._results.carrying.packet = done[PACKET]
                self._session.exchanges.content(stream, number, end - begin, content, time)
            return
        framing = end - begin - (high - low)
        stream.account.counted[number, HTTP] += framing
        self._link.own.counted[number, HTTP] += framing
        self._path.attribute(self._link, number, begin, end, stream.account)
        self._emit(stream, number, row, content, piece)

    def _emit(self, stream: Stream, number: int, row: Row, content: bytes, piece: Piece) -> None:
        """Let a piece leave as a row of its WebSocket; keep it until that is open."""
        begin, low, high, end = piece
        if stream.kind == WEBSOCKET:
            self._path.emit(stream.account, number, begin, low, high, end)
        elif number == self._session.client or stream.doubt is not None:
            made = self._session.tunnels.row_of(stream, number, row, (low, high), (begin, end))
            self._session.keep_early(stream, made, content)
        elif content:
            # The body of a refusal.
            stream.account.counted[number, HTTP] += len(content)
            self._link.own.counted[number, HTTP] += len(content)
            handshake = stream.handshake
            if handshake is not None:
                handshake.response_bytes += len(content)
                handshake.response_last_time = max(handshake.response_last_time, row[TIME])
                refusal = stream.transaction.refusal if stream.transaction is not None else None
                if refusal is not None and refusal.reading:
                    refusal.take(content, row[TIME])

    def _share_parts(self, side: Side, number: int, row: Row, count: int) -> None:
        """Share the first `count` parts of a frame's header, which lie in rows before `row`."""
        parts, side.parts = side.parts[:count], []
        stream = side.stream
        for earlier, begin, end in parts:
            self._path.load(earlier)
            self._share(number, begin, end, stream)
            if stream is not None and not stream.left and _is_tunnel(stream):
                self._emit(stream, number, earlier, b"", (begin, begin, begin, end))
        if parts:
            self._path.load(row)

    def _framing(self, row: Row, number: int) -> None:
        """Take a row in which there is only what TLS puts around bytes of another."""
        side = self._sides[number]
        stream = side.stream if side.header is not None else None
        if stream is not None and stream.left:
            stream = None
        account = stream.account if stream is not None else None
        self._path.attribute_span(self._link, number, 0, row[SPAN], account)
        if stream is not None and stream.kind == WEBSOCKET:
            self._path.emit(stream.account, number, 0, 0, 0, 1)

    # --- gaps

    def _gap(self, row: Row, number: int) -> None:
        """Go on after bytes that were not captured: inside a known frame, or searching."""
        side = self._sides[number]
        self._session.unwatch_windows()
        at, size = 0, row[LENGTH]
        if row[SPAN] != size and side.search is None:
            self._lose(side, number, row, "records were lost")
        if side.search is not None:
            self._path.attribute_span(self._link, number, 0, row[SPAN], None)
            self._begin_search(side, number, row)
            return
        if side.preface:
            at = min(side.preface, size)
            side.preface -= at
            self._path.attribute(self._link, number, 0, at, None)
        header = side.header
        if header is not None and at < size:
            end = min(at + side.left, size)
            self._lose_payload(side, number, row, at, end)
            side.left -= end - at
            at = end
            if side.left == 0:
                self._end_frame(side, number, row, header)
        if at < size:
            self._path.attribute(self._link, number, at, size, None)
            self._lose(side, number, row, f"{size - at} bytes were not captured")

    def _lose_payload(self, side: Side, number: int, row: Row, at: int, end: int) -> None:
        """Bytes of the payload in progress are missing."""
        stream = side.stream
        side.lost = True
        self._give_gap(number, row, at, end, stream)
        header = side.header
        if stream is None or header is None or header.kind != frames.DATA:
            return
        if side.pad < 0:
            side.pad = 0
            side.data_left -= 1
        high = min(at + side.data_left, end)
        side.data_left -= high - at
        if stream.kind == WEBSOCKET:
            self._path.emit(stream.account, number, at, at, high, end)
        elif stream.kind == EXCHANGE:
            if stream.doubt is not None:
                doubtful.release(self._session, stream)
            self._session.exchanges.lost(stream, number)

    def _give_gap(self, number: int, row: Row, low: int, high: int, stream: Stream | None) -> None:
        """Give missing bytes to a stream: those cut by the snap length were on the wire."""
        account = stream.account if stream is not None else None
        if row[KIND] == GAP_CUT or stream is None:
            self._path.attribute(self._link, number, low, high, account)
            return
        stream.lost[number] += high - low
        self._link.acks[number].add(account, row[OFFSET] + low, row[OFFSET] + high)

    def _lose(self, side: Side, number: int, row: Row, why: str) -> None:
        """The place of the next frame is not known any more."""
        who = "client" if number == self._session.client else "server"
        self._session.find(findings.HTTP2_LOST, row[PACKET], f"of the {who}: {why}")
        self._leave_place(side, number, row)

    def _leave_place(self, side: Side, number: int, row: Row, length: int = -1) -> None:
        """Search for the next frame; `length` bytes on, if what was read was one."""
        side.losses += 1
        self._session.lose_heads(number, row)
        for stream in self._session.streams.values():
            # What is lost may be any stream's: none can go on within the frame that it was in.
            if stream.kind == WEBSOCKET and not stream.left and not stream.ended[number]:
                self._session.tunnels.lose_place(stream, number, row)
        side.header = side.content = side.stream = None
        # A preface that is still to come was lost, or is found among what is searched.
        side.left = side.preface = 0
        self._share_parts(side, number, row, len(side.parts))
        side.partial = bytearray()
        self._begin_search(side, number, row, length)

    def _begin_search(self, side: Side, number: int, row: Row, length: int = -1) -> None:
        if side.search is not None:
            # Bytes are missing: where a frame that was too long would end is not known.
            self._session.settle_length(number, -1)
            self._give_up_search(side.search, number, row)
        options = self._results.options
        needed = options.resync_frames if side.losses <= _MOST_LOSSES else 0
        side.search = FrameSearch(needed, options.max_probe_bytes, length)

    def _give_up_search(self, search: FrameSearch, number: int, row: Row) -> None:
        """Attribute bytes in which the search found nothing to no stream."""
        for earlier, begin, end in search.given_up():
            self._path.load(earlier)
            self._path.attribute(self._link, number, begin, end, None)
        self._path.load(row)

    def _search(self, side: Side, number: int, row: Row, data: bytes, at: int) -> None:
        """Look for the next frame; go on there when there is evidence enough."""
        search = side.search
        assert search is not None
        search.push(row, data[at:], at)
        self._give_up_search(search, number, row)
        if not search.found:
            return
        side.search = None
        self._session.settle_length(number, search.size_so_far)
        self._session.find(findings.HTTP2_FOUND_AGAIN, row[PACKET])
        for earlier, content, begin in search.rest():
            # Bytes before `begin` are not looked at: they were given up.
            whole = bytes(begin) + content
            start = self._results.handover.stream.records.append(whole)
            changed = list(earlier)
            changed[START] = start
            self._path.load(tuple(changed))
            self._walk(side, number, tuple(changed), whole, begin)
            if side.is_lost:
                return
        self._path.load(row)


def _is_tunnel(stream: Stream) -> bool:
    """Tell whether a stream's content is a WebSocket's, or may be."""
    return stream.kind in (WEBSOCKET, ATTEMPT) or stream.doubt is not None


def settled(row: Row) -> Row:
    """Return the row with the packet and the time with which its bytes could be read."""
    if not row[DONE_PACKET]:
        return row
    changed = list(row)
    changed[PACKET], changed[TIME] = row[DONE_PACKET], max(row[TIME], row[DONE_TIME])
    return tuple(changed)
