"""HTTP/2 connections: where frames begin and end in the rows of TCP.

One object per TCP connection, made when the client's preface was seen. Walks frame headers:
DATA goes to its stream, other frames are collected and handed to http.http2.session, which
knows what they say. Rows of nothing but open WebSockets and ACKs do not come here, but pass by
the short way of http._row_path. Knows RFC 9113 sections 3.4 and 4 to 6. Called by
http.stage.
"""

from __future__ import annotations

from typing import Any, Final

from analyzer import findings
from analyzer.http.collector import Results
from analyzer.http.handover import (
    ACKED,
    DIRECTION,
    KIND,
    LENGTH,
    PACKET,
    SPAN,
    START,
    TIME,
    Piece,
    Row,
    end_row,
)
from analyzer.http.http2 import frames
from analyzer.http.http2.frames import (
    HEADER_BYTES,
    FrameHeader,
    fault_of,
    frame_name,
    read_header,
)
from analyzer.http.http2.rows import FrameRows, Side, settled
from analyzer.http.http2.session import Session
from analyzer.http.http2.streams import EXCHANGE
from analyzer.tcp.bytestream import (
    DATA,
    FIN,
    FRAMING,
    GAP_CUT,
    GAP_LOST,
    RESET,
    RETRANSMISSION,
    TWICE,
)

_BLOCKS: Final = frozenset((frames.HEADERS, frames.PUSH_PROMISE, frames.CONTINUATION))
_MOST_FAULTS: Final = 16
"""Broken rules of one direction after which its frames are searched for again."""
_FLOOD_OF_EMPTY: Final = 1000
"""Empty DATA frames in a row (or CONTINUATIONs of one block) that are no accident."""


class Http2Connection(FrameRows):
    """Both directions of one TCP connection that speaks HTTP/2.

    Args:
        results: where all goes.
        slot: of the connection.
        client: side of the client.
        whole: the session is seen from the client's preface on.

    Attributes:
        handed_on: never: its rows do not leave as they are.
        successor: none.
    """

    handed_on = False
    successor = None

    def __init__(self, results: Results, slot: int, client: int, *, whole: bool) -> None:
        super().__init__(results, slot, client, whole=whole)
        self._resets: list[int] = []
        results.clients.append((slot, client))

    @property
    def session(self) -> Session:
        """What its frames say."""
        return self._session

    def passes(self, *_: int) -> bool:
        """No row that comes here passes without a look."""
        return False

    def memory(self) -> int:
        """Return about how many bytes are kept that could not be read yet."""
        kept = 0
        for side, block in zip(self._sides, self._session.blocks, strict=True):
            kept += len(side.content) if side.content is not None else 0
            kept += len(block.data) if block is not None else 0
            kept += side.search.size if side.search is not None else 0
        return kept + self._session.early_bytes

    def lose_place(self, row: Row) -> None:
        """Begin where bytes of a row's direction were lost: its frames are searched for."""
        number = row[DIRECTION] & 1
        self._path.load(row)
        self._lose(self._sides[number], number, row, "bytes were not captured")

    def give_up(self, packet: int) -> None:
        """Release what is kept, because all connections together keep too much."""
        limit = self._results.options.max_held_head_bytes_total
        detail = f"all connections hold over {limit} bytes (max_held_head_bytes_total)"
        self._results.find(findings.HTTP_HEAD_LIMIT, self._slot, packet, detail)
        for number, (side, block) in enumerate(zip(self._sides, self._session.blocks, strict=True)):
            if side.content is not None:
                side.content, side.lost = None, True
            if block is not None:
                block.data, block.spoilt = bytearray(), True
            if side.search is not None:
                side.search.forget()
                self._begin_search(side, number, self._session.last_row)
        self._session.drop_early()

    def row(self, piece: Piece, taken: int = 0) -> None:
        """Take the next row of the connection.

        Args:
            piece: the row.
            taken: bytes of it that passed by the short way; -1 if only its ACK did.
        """
        row = piece.row
        kind, number = row[KIND], row[DIRECTION] & 1
        if piece.index < 0 and kind == DATA and row[LENGTH]:
            # Kept from before it was known what this is: its bytes are in no buffer.
            changed = list(row)
            changed[START] = self._results.handover.stream.records.append(piece.data)
            row = tuple(changed)
        path, link = self._path, self._link
        path.load(row)
        path.place = self._results.handover.at
        self._session.last_row = row
        side = self._sides[number]
        side.take_over(link.sides[number])
        if row[ACKED] >= 0 and not taken:
            path.acknowledge(link, number)
        if kind == DATA:
            self._session.hear(number, row)
            if row[LENGTH]:
                self._walk(side, number, row, piece.data, max(taken, 0))
            else:
                self._framing(row, number)
        elif kind == RETRANSMISSION:
            path.send_again(link, number)
        elif kind == TWICE:
            path.show_all(link, number)
        elif kind in (GAP_LOST, GAP_CUT):
            self._gap(row, number)
        elif kind == FRAMING and row[SPAN]:
            path.attribute_span(link, number, 0, row[SPAN], None)
        elif kind in (FIN, RESET):
            self._session.exchanges.no_more()
            self._session.no_more_windows()
            self._session.tcp_ends(number, kind, row)
            if kind == RESET:
                self._resets.append(number)
        if link.pending:
            path.load(row)
            path.settle(link, number)
        if self._session.blocks[number] is None:
            side.hand_back(link.sides[number])
        if link.waiting:
            self._let_go(row)

    def _let_go(self, row: Row) -> None:
        """Let the streams leave that are over, and acknowledged to their last byte."""
        waiting, self._link.waiting = self._link.waiting, []
        for account in waiting:
            stream = account.owner
            if not stream.left and self._session.is_acknowledged(stream):
                self._session.let_go(stream, row)

    def end(self, tcp: Any) -> None:
        """Settle what is unfinished when the connection leaves.

        Args:
            tcp: its CONNECTION row.
        """
        for number, side in enumerate(self._sides):
            passed = side.search.size_so_far if side.search is not None else -1
            self._session.settle_length(number, passed)
        row = list(end_row(2 * self._slot, int(tcp["last_time"])))
        row[PACKET] = int(tcp["last_packet"])
        self._session.finish(tcp, self._resets, tuple(row))
        self._results.links.pop(self._slot, None)

    # --- frames in rows

    def _walk(self, side: Side, number: int, row: Row, data: bytes, at: int) -> None:
        """Walk the frames in a row from byte `at` on."""
        size = len(data)
        if side.search is not None:
            self._search(side, number, row, data, at)
            return
        if side.preface:
            count = min(side.preface, size - at)
            side.preface -= count
            self._share(number, at, at + count, None)
            at += count
        while at < size:
            begin = at
            header = side.header
            if header is None:
                if side.partial or size - at < HEADER_BYTES:
                    at = self._partial_header(side, number, row, data, at)
                else:
                    header = read_header(data, at)
                    at += HEADER_BYTES
                    self._begin(side, number, header, row)
                    if side.is_lost:
                        self._path.attribute(self._link, number, begin, at, None)
                header = side.header
                if side.is_lost:
                    self._search(side, number, row, data, at)
                    return
                if header is None:
                    return
            end = min(at + side.left, size)
            if header.kind == frames.DATA:
                self._data_piece(side, number, row, data, (begin, at, end))
            else:
                self._share(number, begin, end, side.stream)
                if side.content is not None:
                    side.content += data[at:end]
            side.left -= end - at
            at = end
            if side.left == 0:
                self._end_frame(side, number, row, header)
                if side.is_lost:
                    self._search(side, number, row, data, at)
                    return

    def _partial_header(self, side: Side, number: int, row: Row, data: bytes, at: int) -> int:
        """Collect a header that is cut by the end of a row; return the offset after it."""
        count = min(HEADER_BYTES - len(side.partial), len(data) - at)
        side.partial += data[at : at + count]
        side.parts.append((row, at, at + count))
        if len(side.partial) == HEADER_BYTES:
            header = read_header(side.partial)
            side.partial = bytearray()
            self._begin(side, number, header, side.parts[0][0])
            # The last part is the begin of the piece that is worked on.
            self._share_parts(side, number, row, len(side.parts) - 1)
        return at + count

    def _begin(self, side: Side, number: int, header: FrameHeader, row: Row) -> None:
        """Begin a frame whose header was read."""
        session = self._session
        is_first = header.kind == frames.SETTINGS and not header.flags & frames.ACK
        if not side.begun and not is_first:
            # RFC 9113 3.4: each side's "connection preface" has "a SETTINGS frame" first, which
            # this is not (an ACK has no settings): the hole before it does not show where no SYN
            # was captured either.
            session.settings_lost(number)
        side.begun = True
        side.header, side.left, side.lost = header, header.length, False
        side.content = None
        kind = header.kind
        fault = fault_of(header, session.most[number])
        block = session.blocks[number]
        if block is not None and (kind != frames.CONTINUATION or header.stream != block.number):
            # RFC 9113 6.2: "A receiver MUST treat the receipt of any other type of frame or a
            # frame on a different stream as a connection error".
            session.find(
                findings.HTTP2_MALFORMED,
                row[PACKET],
                f"{frame_name(kind)} on stream {header.stream} within the header block of "
                f"stream {block.number}",
                *(number, "RFC 9113 6.2"),
            )
            session.spoil(number, settled(row))
        if fault:
            side.faults += 1
            if header.length > session.most[number]:
                session.doubt_length(number, row[PACKET], fault, header.length)
                self._leave_place(side, number, row, header.length)
                return
            session.find(findings.HTTP2_MALFORMED, row[PACKET], fault, number)
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
        self, side: Side, number: int, row: Row, data: bytes, piece: tuple[int, int, int]
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
                # RFC 9113 6.1: "If the length of the padding is the length of the frame payload
                # or greater, the recipient MUST treat this as a connection error".
                self._session.find(
                    findings.HTTP2_MALFORMED,
                    row[PACKET],
                    f"{side.pad} bytes of padding in a DATA frame of {header.length}",
                    *(number, "RFC 9113 6.1"),
                )
                side.pad = header.length - 1
            side.data_left = header.length - 1 - side.pad
        high = min(low + side.data_left, end)
        side.data_left -= high - low
        self._content(side.stream, number, row, data[low:high], (begin, low, high, end))

    # --- ends of frames

    def _end_frame(self, side: Side, number: int, row: Row, header: FrameHeader) -> None:
        side.header = None
        stream, session = side.stream, self._session
        if header.kind == frames.DATA:
            self._count_empty(side, number, row, header)
            if stream is not None and not stream.left:
                if stream.kind == EXCHANGE and not side.lost:
                    session.exchanges.frame_ends(stream, number, settled(row)[TIME])
                if header.flags & frames.END_STREAM:
                    session.end(stream, number, settled(row))
            return
        content, side.content = side.content, None
        if header.kind in _BLOCKS:
            self._fragment(side, number, header, content, settled(row))
        elif content is not None and not side.lost:
            session.frame(header, number, bytes(content), settled(row), stream)
        elif header.kind == frames.SETTINGS:
            session.settings_lost(number)
        if side.faults > _MOST_FAULTS:
            side.faults = 0
            self._lose(side, number, settled(row), "its frames make no sense")

    def _count_empty(self, side: Side, number: int, row: Row, header: FrameHeader) -> None:
        if header.length or header.flags & frames.END_STREAM:
            side.empty = 0
            return
        side.empty += 1
        if side.empty == _FLOOD_OF_EMPTY:
            text = f"{side.empty} empty DATA frames in a row"
            self._session.find(findings.HTTP2_FLOOD, row[PACKET], text, number)

    def _fragment(
        self, side: Side, number: int, header: FrameHeader, content: bytearray | None, row: Row
    ) -> None:
        """Take a HEADERS, PUSH_PROMISE or CONTINUATION frame."""
        session = self._session
        block = session.blocks[number]
        spoilt = side.lost or content is None
        fragment: bytes | str = b"" if content is None else bytes(content)
        if header.kind != frames.CONTINUATION:
            block = session.blocks[number] = session.begin_block(header, side.stream, row)
            fragment = session.fragment_of(block, header, content) if not spoilt else b""
        elif block is None:
            text = "CONTINUATION without a header block"
            if session.lost_heads[number]:
                return  # it may have begun with what was lost
            session.find(findings.HTTP2_MALFORMED, row[PACKET], text, number, "RFC 9113 6.10")
            session.decoders[number].lose()
            return
        block.frames += 1
        block.size += HEADER_BYTES + header.length
        if isinstance(fragment, str):
            session.find(findings.HTTP2_MALFORMED, row[PACKET], fragment, number)
            spoilt, fragment = True, b""
        block.spoilt = block.spoilt or spoilt
        if not block.spoilt:
            block.data += fragment
        limit = self._results.options.max_header_block_bytes
        if not block.spoilt and (len(block.data) > limit or block.frames >= _FLOOD_OF_EMPTY):
            text = f"{block.frames} frames, {block.size} bytes (max_header_block_bytes)"
            session.find(findings.HTTP2_BLOCK_LIMIT, row[PACKET], text, number)
            block.data, block.spoilt = bytearray(), True
        if header.flags & frames.END_HEADERS:
            session.blocks[number] = None
            session.head(block, number, row)
