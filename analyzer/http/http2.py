"""HTTP/2 connections: where frames begin and end in the rows of TCP, and whose bytes they are.

One object per TCP connection, made by http.transactions when the client's preface was seen (or
frames in the middle of a capture). Walks frame headers; DATA goes its own short way, other
frames are collected and handed to http.http2_session, which knows what they say. Bytes are
shared out to streams here. Knows RFC 9113 sections 3.4 and 4 to 6.
"""

from __future__ import annotations

from typing import Any, Final

from analyzer import findings
from analyzer.http import http2_frames as frames
from analyzer.http.handover import (
    ACKED,
    DIRECTION,
    DONE_PACKET,
    DONE_TIME,
    KIND,
    LENGTH,
    OFFSET,
    PACKET,
    SPAN,
    START,
    TIME,
    Piece,
    Row,
    end_row,
)
from analyzer.http.http2_frames import (
    HEADER_BYTES,
    PREFACE,
    FrameHeader,
    fault_of,
    frame_name,
    read_header,
)
from analyzer.http.http2_search import FrameSearch
from analyzer.http.http2_session import Block, Session
from analyzer.http.http2_shares import Account, Stretches
from analyzer.http.http2_streams import ATTEMPT, EXCHANGE, WEBSOCKET, Stream
from analyzer.http.results import Results
from analyzer.tcp.bytestream import DATA, FIN, FRAMING, GAP_CUT, GAP_LOST, RESET, RETRANSMISSION

_BLOCKS: Final = frozenset((frames.HEADERS, frames.PUSH_PROMISE, frames.CONTINUATION))
_MOST_FAULTS: Final = 16
"""Broken rules of one direction after which its frames are searched for anew."""
_MOST_SETTINGS: Final = 6 * 32
"""Bytes of the settings that any server begins with: there are fewer than 16."""
_FLOOD_OF_EMPTY: Final = 1000
"""Empty DATA frames in a row (or CONTINUATIONs of one block) that are no accident."""


class _Side:
    """How far the reading of one direction has come.

    Attributes:
        header: of the frame in progress; None between frames.
        partial: bytes of an unfinished header, or of the preface; parts: (row, begin, end)
            of those bytes, until it is known whose they are.
        left: payload of the frame still to come.
        content: of a frame that is collected; None for DATA, and for what is not read.
        stream: of the frame; None: the connection's.
        pad: bytes of padding at the frame's end; -1 until known.
        data_left: of a DATA frame, content still to come.
        preface: bytes of the client's preface still to come.
        lost: bytes of the frame were lost.
        search: for the next frame; None while its place is known.
    """

    __slots__ = (
        *("content", "data_left", "empty", "faults", "header", "left", "lost", "pad", "partial"),
        *("parts", "preface", "search", "stream"),
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
        self.lost = False
        self.search: FrameSearch | None = None
        self.faults = self.empty = 0


class Http2Connection:
    """Both directions of one TCP connection that speaks HTTP/2.

    Args:
        results: where all goes.
        slot: of the connection.
        client: side of the client.
        whole: the session is seen from the client's preface on.

    Attributes:
        handed_on: never: its rows do not leave as they are.
    """

    handed_on = False
    successor = None

    def __init__(self, results: Results, slot: int, client: int, *, whole: bool) -> None:
        self._results = results
        self._slot = slot
        self._session = Session(results, slot, client, whole=whole)
        self._sides = (_Side(), _Side())
        if whole:
            self._sides[client].preface = len(PREFACE)
        self._stretches = (Stretches(), Stretches())
        self._resets: list[int] = []
        results.clients.append((slot, client))

    @property
    def session(self) -> Session:
        """What its frames say."""
        return self._session

    # --- what http.transactions calls

    def passes(self, *_: int) -> bool:
        """No row passes without a look."""
        return False

    def memory(self) -> int:
        """Return about how many bytes are kept that could not be read yet."""
        kept = 0
        for side, block in zip(self._sides, self._session.blocks, strict=True):
            kept += len(side.content) if side.content is not None else 0
            kept += len(block.data) if block is not None else 0
            kept += side.search.size if side.search is not None else 0
        return kept + self._session.early_bytes

    def give_up(self, packet: int) -> None:
        """Let go what is kept, because all connections together keep too much."""
        limit = self._results.options.max_held_head_bytes_total
        detail = f"all connections hold over {limit} bytes (max_held_head_bytes_total)"
        self._results.find(findings.HTTP_HEAD_LIMIT, self._slot, packet, detail)
        for side, block in zip(self._sides, self._session.blocks, strict=True):
            if side.content is not None:
                side.content, side.lost = None, True
            if block is not None:
                block.data, block.spoilt = bytearray(), True
            if side.search is not None:
                side.search = self._new_search()
        self._session.drop_early()

    def row(self, piece: Piece) -> None:
        """Take the next row of the connection."""
        row = piece.row
        kind, side = row[KIND], row[DIRECTION] & 1
        self._session.last_row = row
        if row[ACKED] >= 0:
            self._acknowledge(row, side)
        if kind == DATA:
            if row[LENGTH]:
                self._data(piece, side)
            else:
                self._framing(row, side)
        elif kind == RETRANSMISSION:
            found = self._stretches[side].within(row[OFFSET], row[OFFSET] + row[LENGTH])
            self._session.tunnels.sent_again(row, side, found)
        elif kind in (GAP_LOST, GAP_CUT):
            self._gap(row, side)
        elif kind == RESET:
            self._resets.append(side)
        elif kind == FRAMING and row[SPAN]:
            self._stretches[side].add(None, row[OFFSET], row[OFFSET] + row[SPAN])
        if kind in (FIN, RESET):
            self._session.exchanges.no_more()
        if self._session.tunnels.acks:
            self._session.tunnels.settle_acks(row, side)

    def end(self, tcp: Any) -> None:
        """Settle what is unfinished when the connection leaves.

        Args:
            tcp: its CONNECTION row.
        """
        row = list(end_row(2 * self._slot, int(tcp["last_time"])))
        row[PACKET] = int(tcp["last_packet"])
        for side in self._sides:
            if side.search is not None:
                side.search = None
        self._session.finish(tcp, self._resets, tuple(row))

    # --- ACKs

    def _acknowledge(self, row: Row, side: int) -> None:
        stretches = self._stretches[1 - side]
        acked, old = row[ACKED], stretches.acked
        if acked <= old:
            return
        found = stretches.acknowledge(acked)
        self._session.tunnels.acknowledged(row, side, found, old)
        for account, _, _ in found:
            stream = account.owner
            if stream is not None and not stream.left and stream.is_over:
                self._leave_if_acknowledged(stream, row)

    def _leave_if_acknowledged(self, stream: Stream, row: Row) -> None:
        behind = stream.account.behind
        if all(
            stretches.acked >= reached
            for stretches, reached in zip(self._stretches, behind, strict=True)
            if reached
        ):
            if self._session.tunnels.acks:
                self._session.tunnels.settle_acks(row, row[DIRECTION] & 1)
            self._session.let_go(stream, row)

    # --- frames in rows

    def _data(self, piece: Piece, number: int) -> None:
        row, data = piece.row, piece.data
        side = self._sides[number]
        if piece.index < 0:
            # Kept from before it was known what this is: its bytes are in no buffer.
            changed = list(row)
            changed[START] = self._results.handover.stream.records.append(data)
            row = tuple(changed)
        at, size = 0, len(data)
        if side.search is not None:
            self._search(side, number, row, data)
            return
        if side.preface:
            at = self._preface(side, number, row, data)
        while at < size:
            begin = at
            header = side.header
            if header is None:
                if side.partial or size - at < HEADER_BYTES:
                    at = self._partial_header(side, row, data, at)
                    if side.header is None:
                        return
                else:
                    header = read_header(data, at)
                    at += HEADER_BYTES
                    self._begin(side, number, header, row)
                header = side.header
                assert header is not None
            end = min(at + side.left, size)
            if header.kind == frames.DATA:
                self._data_piece(side, number, row, data, (begin, at, end))
            else:
                self._share(number, row, begin, end, side.stream)
                if side.content is not None:
                    side.content += data[at:end]
            side.left -= end - at
            at = end
            if side.left == 0:
                self._end_frame(side, number, row, header)
                if side.search is not None:
                    self._search(side, number, row, data[at:], at)
                    return

    def _preface(self, side: _Side, number: int, row: Row, data: bytes) -> int:
        """Skip the client's preface; return how many bytes of it are here."""
        count = min(side.preface, len(data))
        side.preface -= count
        self._share(number, row, 0, count, None)
        return count

    def _partial_header(self, side: _Side, row: Row, data: bytes, at: int) -> int:
        """Collect a header that is cut by the end of a row; return the offset behind it."""
        number = row[DIRECTION] & 1
        count = min(HEADER_BYTES - len(side.partial), len(data) - at)
        side.partial += data[at : at + count]
        side.parts.append((row, at, at + count))
        if len(side.partial) == HEADER_BYTES:
            header = read_header(side.partial)
            side.partial.clear()
            parts, side.parts = side.parts, []
            self._begin(side, number, header, parts[0][0])
            # The last part is the begin of the piece that is worked on.
            for row_, begin, end in parts[:-1]:
                self._share(number, row_, begin, end, side.stream)
                if side.stream is not None and side.stream.kind in (ATTEMPT, WEBSOCKET):
                    self._emit(side.stream, number, row_, b"", (begin, begin, begin, end))
        return at + count

    def _share(self, number: int, row: Row, begin: int, end: int, stream: Stream | None) -> None:
        """Note whose bytes [begin, end) of a row are: HTTP/2's own, of a stream or not."""
        direction = 2 * self._slot + number
        self._results.http_bytes[direction] += end - begin
        length, span = row[LENGTH], row[SPAN]
        if stream is None:
            account = None
        else:
            account = stream.account
            account.http[number] += end - begin
        if span != length:
            begin, end = begin * span // length, end * span // length
        self._attribute(number, row, begin, end, account)

    def _attribute(
        self, number: int, row: Row, low: int, high: int, account: Account | None
    ) -> None:
        """Give bytes [low, high) of TCP's stream within a row to a stream."""
        behind = row[OFFSET] + high
        self._stretches[number].add(account, row[OFFSET] + low, behind)
        if account is not None:
            account.take(number, row, low, high)
            account.behind[number] = behind

    def _framing(self, row: Row, number: int) -> None:
        """Take a row in which there is only what TLS puts around bytes of another."""
        side = self._sides[number]
        stream = side.stream if side.header is not None else None
        self._attribute(number, row, 0, row[SPAN], stream.account if stream else None)
        if stream is not None and stream.kind == WEBSOCKET:
            self._session.tunnels.framing(stream, number, row)

    def _begin(self, side: _Side, number: int, header: FrameHeader, row: Row) -> None:
        """Begin a frame whose header was read."""
        session = self._session
        side.header, side.left, side.lost = header, header.length, False
        side.content = None
        fault = fault_of(header, session.most[number])
        kind = header.kind
        block = session.blocks[number]
        if block is not None and (kind != frames.CONTINUATION or header.stream != block.number):
            # RFC 9113 6.2: "A receiver MUST treat the receipt of any other type of frame or a
            # frame on a different stream as a connection error".
            session.find(
                findings.HTTP2_MALFORMED,
                row[PACKET],
                f"{frame_name(kind)} on stream {header.stream} within the header block of "
                f"stream {block.number}",
            )
            block.spoilt = True
            session.head(block, number, _settled(row))
            session.blocks[number] = None
        if fault:
            side.faults += 1
            session.find(findings.HTTP2_MALFORMED, row[PACKET], fault)
        side.stream = session.stream_of(header, number, row[PACKET])
        if kind == frames.DATA:
            side.data_left = header.length
            side.pad = -1 if header.flags & frames.PADDED else 0
            session.spend(side.stream, number, header.length, row)
            return
        if kind < len(frames.NAMES) and not fault:
            side.content = bytearray()
        elif kind in _BLOCKS:
            side.lost = True
        if header.length > self._results.options.max_http2_frame_bytes:
            # Not kept: a block of that size is beyond every limit, other frames are small.
            side.content, side.lost = None, True

    def _data_piece(
        self, side: _Side, number: int, row: Row, data: bytes, piece: tuple[int, int, int]
    ) -> None:
        """Take a piece of a DATA frame: (begin with its header, begin, end) in the row."""
        begin, at, end = piece
        low = at
        if side.pad < 0 and end > at:
            side.pad = data[at]
            low += 1
            header = side.header
            assert header is not None
            if side.pad >= header.length:
                # RFC 9113 6.1: padding of the length of the payload or more "MUST" be treated
                # as a connection error.
                self._session.find(
                    findings.HTTP2_MALFORMED,
                    row[PACKET],
                    f"{side.pad} bytes of padding in a DATA frame of {header.length}",
                )
                side.pad = header.length - 1
            side.data_left = header.length - 1 - side.pad
        high = min(low + side.data_left, end)
        side.data_left -= high - low
        self._content(side.stream, number, row, data[low:high], (begin, low, high, end))

    def _content(
        self,
        stream: Stream | None,
        number: int,
        row: Row,
        content: bytes,
        piece: tuple[int, int, int, int],
    ) -> None:
        """Take content of a stream: (begin of the frame's bytes, begin, end, their end)."""
        begin, low, high, end = piece
        if stream is None or stream.kind not in (WEBSOCKET, ATTEMPT):
            self._share(number, row, begin, end, stream)
            if stream is not None and stream.kind == EXCHANGE:
                self._session.exchanges.content(
                    stream, number, end - begin, content, _settled(row)[TIME]
                )
            return
        framing = end - begin - (high - low)
        account = stream.account
        account.http[number] += framing
        self._results.http_bytes[2 * self._slot + number] += framing
        length, span = row[LENGTH], row[SPAN]
        if span == length:
            self._attribute(number, row, begin, end, account)
        else:
            self._attribute(
                number, row, begin * span // length, end * span // length, account
            )
        self._emit(stream, number, row, content, piece)

    def _emit(
        self,
        stream: Stream,
        number: int,
        row: Row,
        content: bytes,
        piece: tuple[int, int, int, int],
    ) -> None:
        """Let a piece leave as a row of its WebSocket; keep it until that is open."""
        begin, low, high, end = piece
        if stream.kind == WEBSOCKET:
            tunnels = self._session.tunnels
            tunnels.put(
                stream, number, tunnels.row_of(stream, number, row, (low, high), (begin, end))
            )
        elif number == self._session.client:
            made = self._session.tunnels.row_of(stream, number, row, (low, high), (begin, end))
            self._session.keep_early(stream, made, content)
        elif content:
            # The body of a refusal.
            self._results.http_bytes[2 * self._slot + number] += len(content)
            stream.account.http[number] += len(content)
            handshake = stream.handshake
            if handshake is not None:
                handshake.response_bytes += len(content)

    # --- ends of frames

    def _end_frame(self, side: _Side, number: int, row: Row, header: FrameHeader) -> None:
        side.header = None
        stream, session = side.stream, self._session
        if header.kind == frames.DATA:
            self._count_empty(side, number, row, header)
            if stream is not None:
                if stream.kind == EXCHANGE and not side.lost:
                    session.exchanges.frame_ends(stream, number, _settled(row)[TIME])
                if header.flags & frames.END_STREAM:
                    session.end(stream, number, _settled(row))
            return
        content, side.content = side.content, None
        settled = _settled(row)
        if header.kind in _BLOCKS:
            self._fragment(side, number, header, content, settled)
        elif content is not None and not side.lost:
            session.frame(header, number, bytes(content), settled, stream)
        if side.faults > _MOST_FAULTS:
            side.faults = 0
            self._lose(side, number, settled, "its frames make no sense")

    def _count_empty(self, side: _Side, number: int, row: Row, header: FrameHeader) -> None:
        if header.length or header.flags & frames.END_STREAM:
            side.empty = 0
            return
        side.empty += 1
        if side.empty == _FLOOD_OF_EMPTY:
            text = f"{side.empty} empty DATA frames in a row"
            self._session.find(findings.HTTP2_FLOOD, row[PACKET], text)

    def _fragment(
        self, side: _Side, number: int, header: FrameHeader, content: bytearray | None, row: Row
    ) -> None:
        """Take a HEADERS, PUSH_PROMISE or CONTINUATION frame."""
        session = self._session
        block = session.blocks[number]
        spoilt = side.lost or content is None
        if header.kind == frames.CONTINUATION:
            if block is None:
                session.find(
                    findings.HTTP2_MALFORMED, row[PACKET], "CONTINUATION without a header block"
                )
                session.decoders[number].lose()
                return
            fragment: bytes | str = b"" if content is None else bytes(content)
        else:
            block = session.blocks[number] = session.begin_block(header, side.stream, row)
            fragment = session.fragment_of(block, header, content) if not spoilt else b""
        block.frames += 1
        block.size += HEADER_BYTES + header.length
        if isinstance(fragment, str):
            session.find(findings.HTTP2_MALFORMED, row[PACKET], fragment)
            spoilt, fragment = True, b""
        block.data += fragment
        block.spoilt = block.spoilt or spoilt
        limit = self._results.options.max_header_block_bytes
        if len(block.data) > limit or block.frames == _FLOOD_OF_EMPTY:
            if not block.spoilt:
                text = f"{block.frames} frames, {block.size} bytes (max_header_block_bytes)"
                session.find(findings.HTTP2_BLOCK_LIMIT, row[PACKET], text)
            block.data, block.spoilt = bytearray(), True
        if header.flags & frames.END_HEADERS:
            session.blocks[number] = None
            session.head(block, number, row)

    # --- gaps

    def _gap(self, row: Row, number: int) -> None:
        """Go on behind bytes that were not captured: inside a known frame, or searching."""
        side = self._sides[number]
        self._session.unwatch_windows()
        at, size = 0, row[LENGTH]
        if row[SPAN] != size and side.search is None:
            self._lose(side, number, row, "records were lost")
        if side.search is not None:
            self._attribute(number, row, 0, row[SPAN], None)
            side.search = self._new_search()
            return
        if side.preface:
            at = min(side.preface, size)
            side.preface -= at
            self._attribute(number, row, 0, at, None)
        header = side.header
        if header is not None and at < size:
            end = min(at + side.left, size)
            self._lose_payload(side, number, row, at, end)
            side.left -= end - at
            at = end
            if side.left == 0:
                self._end_frame(side, number, row, header)
        if at < size:
            self._attribute(number, row, at, size, None)
            self._lose(side, number, row, f"{size - at} bytes were not captured")

    def _lose_payload(self, side: _Side, number: int, row: Row, at: int, end: int) -> None:
        """Bytes of the payload in progress are missing."""
        stream = side.stream
        side.lost = True
        self._attribute_gap(number, row, at, end, stream)
        header = side.header
        if stream is None or header is None or header.kind != frames.DATA:
            return
        if side.pad < 0:
            side.pad = 0
            side.data_left -= 1
        high = min(at + side.data_left, end)
        side.data_left -= high - at
        if stream.kind == WEBSOCKET:
            made = self._session.tunnels.row_of(stream, number, row, (at, high), (at, end))
            self._session.tunnels.put(stream, number, made)
        elif stream.kind == EXCHANGE:
            self._session.exchanges.lost(stream, number)

    def _attribute_gap(
        self, number: int, row: Row, low: int, high: int, stream: Stream | None
    ) -> None:
        """Give missing bytes to a stream: those cut by the snap length were on the wire."""
        if row[KIND] == GAP_CUT or stream is None:
            account = stream.account if stream is not None else None
            self._attribute(number, row, low, high, account)
            return
        stream.lost[number] += high - low
        stream.account.behind[number] = row[OFFSET] + high
        self._stretches[number].add(stream.account, row[OFFSET] + low, row[OFFSET] + high)

    def _lose(self, side: _Side, number: int, row: Row, why: str) -> None:
        """The place of the next frame is not known any more."""
        who = "client" if number == self._session.client else "server"
        self._session.find(findings.HTTP2_LOST, row[PACKET], f"of the {who}: {why}")
        self._session.lose_heads(number, row)
        side.header = side.content = None
        side.left = 0
        for row_, begin, end in side.parts:
            self._share(number, row_, begin, end, None)
        side.parts, side.partial = [], bytearray()
        side.search = self._new_search()

    def _new_search(self) -> FrameSearch:
        options = self._results.options
        return FrameSearch(options.resync_frames, options.max_probe_bytes)

    def _search(
        self, side: _Side, number: int, row: Row, data: bytes, skipped: int = 0
    ) -> None:
        """Look for the next frame; go on there when there is evidence enough."""
        search = side.search
        assert search is not None
        search.push(row, data, skipped)
        for row_, begin, end in search.given_up():
            self._attribute_span(number, row_, begin, end)
        if not search.found:
            return
        side.search = None
        packet = row[PACKET]
        self._session.find(findings.HTTP2_FOUND_AGAIN, packet)
        for row_, content, begin in search.rest():
            # What lies before is not understood; the rest is walked as if it came now.
            cut = begin + len(content)
            self._walk_again(side, number, row_, content, begin, cut)

    def _attribute_span(self, number: int, row: Row, begin: int, end: int) -> None:
        length, span = row[LENGTH], row[SPAN]
        low, high = begin * span // max(1, length), end * span // max(1, length)
        self._attribute(number, row, low, high, None)

    def _walk_again(
        self, side: _Side, number: int, row: Row, content: bytes, begin: int, end: int
    ) -> None:
        from analyzer.http.handover import tail

        rest = tail(row, begin) if begin else row
        self._data(Piece(rest, -1, None, content), number)


def _settled(row: Row) -> Row:
    """Return the row with the packet and the time with which its bytes could be read."""
    if not row[DONE_PACKET]:
        return row
    changed = list(row)
    changed[PACKET], changed[TIME] = row[DONE_PACKET], max(row[TIME], row[DONE_TIME])
    return tuple(changed)


def begins_with_settings(data: bytes | bytearray) -> bool:
    """Say whether a stream's first bytes are a server's: "a potentially empty SETTINGS frame".

    RFC 9113 3.4: it "MUST be the first frame the server sends".
    """
    if len(data) < HEADER_BYTES:
        return False
    header = read_header(data)
    return (
        header.kind == frames.SETTINGS
        and header.flags == header.stream == 0
        and header.length <= _MOST_SETTINGS
        and not fault_of(header, _MOST_SETTINGS)
    )


def may_be_preface(data: bytes | bytearray) -> bool:
    """Say whether a stream's first bytes are the client's preface, as far as they go."""
    return bytes(data[: len(PREFACE)]) == PREFACE[: len(data)]


