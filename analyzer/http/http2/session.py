"""A session of HTTP/2: what the frames of one connection say.

Keeps the streams, the settings and the windows, and turns headers and content into exchanges,
attempts and tunnels. Knows RFC 9113 and RFC 8441; must not know where frames begin in the
rows of TCP. Used by http.http2.connection, which walks them.
"""

from __future__ import annotations

from typing import Any, Final

from analyzer import findings
from analyzer.http import pairing
from analyzer.http._row_accounts import BEHIND, HTTP, Link
from analyzer.http.collector import Results
from analyzer.http.delivery.refusals import RefusalReader
from analyzer.http.exchanges import Exchange, Handshake
from analyzer.http.handover import DIRECTION, KIND, MAX_KEPT_ROWS, PACKET, TIME, Row, end_row
from analyzer.http.head import Head
from analyzer.http.http2 import doubtful, frames
from analyzer.http.http2.control import Control
from analyzer.http.http2.extended_connect import (
    answer_connect,
    begin_connect,
    is_connect,
    reset_connect,
)
from analyzer.http.http2.flow import Windows
from analyzer.http.http2.frames import FrameHeader, error_name, parse_content
from analyzer.http.http2.heads import HeadDecoder, head_of, is_whole
from analyzer.http.http2.streams import ATTEMPT, EXCHANGE, NEW, WEBSOCKET, Stream
from analyzer.http.http2.tunnels import Tunnels
from analyzer.tcp.bytestream import GAP_CUT

_COUNTED: Final = frozenset((frames.SETTINGS, frames.PING, frames.RST_STREAM, frames.PRIORITY))
_ORDINARY: Final = (0, 8)
"""Error codes of streams that end in peace: NO_ERROR and CANCEL."""


class Block:
    """A header block in progress: HEADERS or PUSH_PROMISE, and its CONTINUATIONs.

    Attributes:
        stream: whose head it is; None where that is no longer kept.
        data: the fragments so far.
        number: of the stream in the frames' headers.
        ends_stream: END_STREAM was set.
        size: bytes of all its frames, with their headers.
        frames: how many; begun: ns of its first byte.
        known: all its fields could be read.
        spoilt: bytes of it were lost, or it is too long.
    """

    __slots__ = (
        *("begun", "data", "ends_stream", "frames", "known", "number", "pushed", "size"),
        *("spoilt", "stream"),
    )

    def __init__(self, stream: Stream | None, number: int, begun: int) -> None:
        self.stream = stream
        self.number = number
        self.begun = begun
        self.data = bytearray()
        self.ends_stream = False
        self.size = 0
        self.frames = 0
        self.spoilt = False
        self.known = False
        self.pushed = False


class Session(Control):
    """Both directions of one connection.

    Args:
        results: where all goes.
        slot: of the TCP connection.
        client: side of the client.
        link: its accounts.
        whole: the session was seen from its first byte.
    """

    def __init__(
        self, results: Results, slot: int, client: int, link: Link, *, whole: bool
    ) -> None:
        super().__init__(results, slot, client, link, whole=whole)
        options = results.options
        self.tunnels = Tunnels(results, slot, link)
        self.decoders = [
            HeadDecoder(options.max_hpack_table_bytes, options.max_header_list_bytes)
            for _ in range(2)
        ]
        if not whole:
            for decoder in self.decoders:
                decoder.lose()
        self.blocks: list[Block | None] = [None, None]
        self.early_bytes = 0
        self.last_row: Row = end_row(2 * slot, 0)
        self._highest = [0, 0]
        self._over: dict[int, Stream] = {}  # those of `streams` that wait for their last ACK
        self._attempts = 0

    # --- streams

    def stream_of(self, header: FrameHeader, side: int, packet: int) -> Stream | None:
        """Return the stream of a frame; None for the connection's, and for unknown ones."""
        number = header.stream
        stream = self.streams.get(number)
        if stream is not None or number == 0:
            return stream
        if header.kind == frames.HEADERS or (header.kind == frames.DATA and not self.whole):
            opener = self.client if number % 2 else 1 - self.client
            if number > self._highest[opener]:
                self._highest[opener] = number
                return self.open_stream(number, packet)
            if not self.whole:
                return self.open_stream(number, packet)
        return None

    def open_stream(self, number: int, packet: int) -> Stream:
        """Begin a stream; the oldest is let go where there are too many."""
        stream = self.streams[number] = Stream(number)
        if self.windows is not None:
            stream.windows = Windows(stream.account, (self.first[0], self.first[1]))
        limit = self.results.options.max_http2_streams
        if len(self.streams) > limit:
            oldest = next(iter(self._over.values()), None)
            if oldest is None:
                oldest = next(iter(self.streams.values()))
                text = f"more than {limit} are open (max_http2_streams)"
                self.find_once(findings.HTTP2_STREAM_LIMIT, packet, text)
            self.let_go(oldest, self.last_row, is_cut=not oldest.is_over)
        return stream

    def let_go(self, stream: Stream, row: Row, *, is_cut: bool = False) -> None:
        """Let a stream leave; nothing more counts for it."""
        self.streams.pop(stream.number, None)
        self._over.pop(stream.number, None)
        self.link.open.pop(stream.number, None)
        stream.left = True
        if stream.doubt is not None:
            doubtful.release(self, stream)
        if stream.kind == WEBSOCKET:
            self.tunnels.leave(stream, row, is_cut=is_cut)
        elif stream.kind == EXCHANGE:
            self.exchanges.leave(stream)
        elif stream.kind == ATTEMPT and stream.handshake is not None:
            handshake = stream.handshake
            if handshake.outcome == "no-answer" and not handshake.outcome_reason:
                handshake.outcome_reason = "No answer was seen before the stream was given up."
            self.results.handshakes.append(handshake)
        for early, content in stream.early:
            self.link.own.counted[early[DIRECTION] & 1, HTTP] += len(content)
        self.release_early(stream)

    def begin_upgraded(self, asked: Exchange) -> None:
        """Begin stream 1: the request was sent over HTTP/1.1, its answer comes here.

        RFC 7540 3.2: "Stream 1 is implicitly half-closed from the client toward the server".
        """
        stream = self.open_stream(1, asked.request_packet)
        self._highest[self.client] = 1
        self.exchanges.begin_unseen(stream)
        assert stream.transaction is not None
        exchange = stream.transaction.exchange
        assert exchange is not None
        for name in ("method", "host", "path", "tcp", "client_key", "request_packet"):
            setattr(exchange, name, getattr(asked, name))
        exchange.request_first_time = asked.request_first_time
        exchange.request_last_time = asked.request_last_time
        stream.transaction.method = asked.method or ""
        stream.ended[self.client] = True

    # --- header blocks

    def begin_block(self, header: FrameHeader, stream: Stream | None, row: Row) -> Block:
        """Begin the block of a HEADERS or PUSH_PROMISE frame."""
        block = Block(stream, header.stream, row[TIME])
        block.pushed = header.kind == frames.PUSH_PROMISE
        block.ends_stream = not block.pushed and bool(header.flags & frames.END_STREAM)
        return block

    def fragment_of(
        self, block: Block, header: FrameHeader, content: bytes | bytearray | None
    ) -> bytes | str:
        """Return a frame's part of its block; a sentence where it breaks a rule."""
        frame = parse_content(header, content or b"")
        if isinstance(frame, str):
            return frame
        if block.pushed:
            number = frame.promised_stream_id
            block.stream = self.streams.get(number) or self.open_stream(
                number, self.last_row[PACKET]
            )
        return bytes(frame.data)

    def spoil(self, side: int, row: Row) -> None:
        """Give up the header block in progress of a direction."""
        block, self.blocks[side] = self.blocks[side], None
        if block is not None:
            block.spoilt = True
            self.head(block, side, row)

    def lose_heads(self, side: int, row: Row) -> None:
        """Header blocks of a direction may have been lost."""
        self.lost_heads[side] = True
        self.spoil(side, row)
        self.decoders[side].lose()
        self.whole = False
        self.unwatch_windows()

    # --- early content

    def keep_early(self, stream: Stream, row: Row, content: bytes) -> None:
        """Keep what a client sends before the answer to its attempt."""
        stream.early_bytes += len(content)
        self.early_bytes += len(content)
        if self.early_bytes > self.results.options.max_early_bytes:
            self.find_once(findings.HTTP_EARLY_LIMIT, row[PACKET], "", side=self.client)
            changed = list(row)
            changed[KIND] = GAP_CUT
            row, content = tuple(changed), b""
        if len(stream.early) < MAX_KEPT_ROWS:
            stream.early.append((row, content))

    def drop_early(self) -> None:
        """Keep only that there was something."""
        for stream in self.streams.values():
            gone = []
            for row, _ in stream.early:
                changed = list(row)
                changed[KIND] = GAP_CUT
                gone.append((tuple(changed), b""))
            stream.early = gone
        self.early_bytes = 0

    def release_early(self, stream: Stream) -> None:
        """Count what is no longer kept."""
        self.early_bytes = max(0, self.early_bytes - stream.early_bytes)
        stream.early, stream.early_bytes = [], 0

    # --- frames

    def frame(
        self, header: FrameHeader, side: int, content: bytes, row: Row, stream: Stream | None
    ) -> None:
        """Take a whole frame that is no DATA, nor part of a header block.

        Args:
            header: its header.
            side: sender.
            content: its payload.
            row: with its last byte.
            stream: it concerns; None for the connection.
        """
        kind, packet = header.kind, row[PACKET]
        if kind in _COUNTED:
            self.count(kind, side, row)
        if kind >= len(frames.NAMES) or kind == frames.PRIORITY:
            return
        frame = parse_content(header, content)
        if isinstance(frame, str):
            self.find(findings.HTTP2_MALFORMED, packet, frame, side)
        elif kind == frames.SETTINGS:
            self.settle_settings(frame, side, header, row)
        elif kind == frames.WINDOW_UPDATE:
            self.widen(frame, side, header, stream, row)
        elif kind == frames.RST_STREAM:
            if stream is not None:
                self.reset(stream, side, frame.error_code, row)
        elif kind == frames.GOAWAY:
            self.go_away(frame, side, packet)

    # --- heads

    def head(self, block: Block, side: int, row: Row) -> None:
        """Take a whole header block."""
        decoder, packet, stream = self.decoders[side], row[PACKET], block.stream
        fields: Any = "bytes of it were not captured"
        if block.spoilt:
            decoder.lose()
        else:
            fields = decoder.decode(block.data)
        is_known = not isinstance(fields, str)
        block.known = is_known and is_whole(fields)
        if not block.known:
            who = "client" if side == self.client else "server"
            why = fields if isinstance(fields, str) else "they refer to headers that were not seen"
            text = f"of the {who}: {why}"
            self.find_once(findings.HTTP2_HEADS_UNKNOWN, packet, text, side)
        head, pseudo = head_of(fields if is_known else (), block.size)
        for fault in head.faults:
            self.find(findings.HTTP2_MALFORMED, packet, fault.text, side, fault.rfc)
        if stream is None:
            return
        if block.pushed or side == self.client:
            self.ask(stream, head, pseudo, block, row)
        else:
            self.answer(stream, head, pseudo, block, row)
        if block.ends_stream:
            self.end(stream, side, row)

    def ask(
        self, stream: Stream, head: Head, pseudo: dict[str, str], block: Block, row: Row
    ) -> None:
        """Take the head of a request."""
        if stream.kind != NEW:
            if not doubtful.take_late(self, stream, (head, pseudo, block, row)):
                self._trailers(stream, self.client, block, row)
            return
        if is_connect(pseudo):
            handshake = begin_connect(
                *(self.results, self.slot, self.client, head, pseudo, block.begun, row),
                is_ended=block.ends_stream,
                is_whole=block.known,
            )
            if self.whole and not self.enabled:
                self.find_later(findings.HTTP2_CONNECT_NOT_ENABLED, row, "", self.client)
            handshake.http2_stream = stream.number
            handshake.first_in_connection = self.whole and not (
                self.exchanges.begun or self._attempts
            )
            self._attempts += 1
            stream.kind = ATTEMPT
            stream.transaction = pairing.Transaction(None, handshake)
            return
        self.exchanges.begin(stream, head, block.begun, row)
        doubtful.note_request(stream, (head, pseudo, block, row))

    def answer(
        self, stream: Stream, head: Head, pseudo: dict[str, str], block: Block, row: Row
    ) -> None:
        """Take the head of an answer."""
        is_first = stream.kind == NEW
        if is_first:
            self.exchanges.begin_unseen(stream)
        transaction = stream.transaction
        if transaction is None or transaction.answered:
            self._trailers(stream, 1 - self.client, block, row)
            return
        handshake = transaction.handshake
        if 0 < head.status < 200 and (handshake is None or head.status != 101):
            pairing.interim(transaction, head, block.begun)
            return
        transaction.answered = True
        if handshake is None:
            has_content = not block.ends_stream
            self.exchanges.answer(stream, head, block.begun, row, has_content=has_content)
            exchange = transaction.exchange
            if exchange is not None and not head.status:
                exchange.status = None
            doubtful.note_answer(self, stream, (head, pseudo, block, row), is_first=is_first)
        elif not head.status:
            pairing.answer_attempt(handshake, head, block.begun, row)
            handshake.status = None
            handshake.outcome = "cut"
            handshake.outcome_reason = "The answer's head could not be read."
            self.tunnels.open(stream, handshake)
        elif answer_connect(
            *(self.results, handshake, head, block.begun, row), is_whole=block.known
        ):
            self._tell_early(stream, handshake)
            self.tunnels.open(stream, handshake)
            self.release_early(stream)
            self.tell_ends(stream, row)
        else:
            transaction.refusal = RefusalReader(handshake, head)
            self._tell_early(stream, handshake)

    @staticmethod
    def _cut_answer(handshake: Handshake) -> None:
        handshake.outcome = "cut"
        handshake.outcome_reason = "Bytes of the server were not captured: its answer, perhaps."

    def may_be_open(self, stream: Stream) -> bool:
        """Return whether the answer to an attempt may have been lost."""
        transaction = stream.transaction
        is_open = transaction is not None and not transaction.answered
        return is_open and self.lost_heads[1 - self.client]

    def open_unanswered(self, stream: Stream) -> None:
        """Open an attempt whose answer was lost: frames come behind it."""
        transaction = stream.transaction
        assert transaction is not None
        assert transaction.handshake is not None
        transaction.answered = True
        self._cut_answer(transaction.handshake)
        self.tunnels.open(stream, transaction.handshake)
        self.release_early(stream)

    def _tell_early(self, stream: Stream, handshake: Handshake) -> None:
        early = [row for row, _ in stream.early if row[DIRECTION] & 1 == self.client]
        if not early:
            return
        handshake.early_bytes = stream.early_bytes
        packet = early[0][PACKET]
        kind = findings.HANDSHAKE_EARLY_DATA
        self.find(kind, packet, stream.early_bytes, self.client)

    def tell_ends(self, stream: Stream, row: Row) -> None:
        """Tell a tunnel of ends that came before it was open."""
        for side in (0, 1):
            if stream.ended[side]:
                self.tunnels.ended(stream, side, row)

    def _trailers(self, stream: Stream, side: int, block: Block, row: Row) -> None:
        if stream.transaction is not None and stream.kind == EXCHANGE:
            is_request = side == self.client
            pairing.add_body(stream.transaction, is_request, block.size, row[TIME], 1)

    # --- ends

    def end(self, stream: Stream, side: int, row: Row) -> None:
        """END_STREAM was sent."""
        if stream.ended[side]:
            return
        stream.ended[side] = True
        self._note_over(stream)
        doubtful.ends(self, stream, side)
        if stream.kind == WEBSOCKET:
            self.tunnels.ended(stream, side, row)
        elif stream.kind == EXCHANGE:
            self.exchanges.end(stream, side)
        elif stream.kind == ATTEMPT and stream.handshake is not None and side != self.client:
            # A refusal's body has ended; the client need not end its side.
            stream.ended[self.client] = True
            self._note_over(stream)

    def _note_over(self, stream: Stream) -> None:
        if stream.is_over:
            stream.account.over = True
            if not stream.left:
                self._over[stream.number] = stream
            self.link.open.pop(stream.number, None)

    def tcp_ends(self, side: int, kind: int, row: Row) -> None:
        """Tell the WebSockets that are open of TCP's FIN or RST."""
        for stream in self.streams.values():
            if stream.kind == WEBSOCKET and not stream.is_over and not stream.left:
                self.tunnels.show_end(stream, side, kind, row)

    def reset(self, stream: Stream, side: int, code: int, row: Row) -> None:
        """RST_STREAM was sent."""
        if code == frames.FRAME_SIZE_ERROR:
            self.object_to_length(1 - side)
        if stream.reset_side >= 0:
            return
        was_over = stream.is_over
        stream.reset_side = side
        self._note_over(stream)
        who = "client" if side == self.client else "server"
        name = error_name(code)
        if stream.kind == WEBSOCKET:
            self.tunnels.reset(stream, side, row)
        transaction = stream.transaction
        if stream.kind == ATTEMPT and transaction is not None and not transaction.answered:
            assert transaction.handshake is not None
            if self.lost_heads[1 - self.client]:
                self._cut_answer(transaction.handshake)
                return
            reset_connect(self.results, transaction.handshake, side, who, name, row[PACKET])
        elif code not in _ORDINARY or (stream.kind == WEBSOCKET and not was_over):
            text = f"the {who} reset stream {stream.number}: {name}"
            self.find(findings.HTTP2_STREAM_RESET, row[PACKET], text, side)

    def is_acknowledged(self, stream: Stream) -> bool:
        """Return whether both sides have the last byte of a stream."""
        behind = stream.account.counted[:, BEHIND].tolist()
        return all(
            stretches.acked >= reached
            for stretches, reached in zip(self.link.acks, behind, strict=True)
            if reached
        )

    def finish(self, tcp: Any, resets: list[int], row: Row) -> None:
        """Settle what is unfinished: the TCP connection has ended."""
        self.settle_later()
        for stream in list(self.streams.values()):
            transaction = stream.transaction
            if stream.kind == ATTEMPT and transaction is not None and not transaction.answered:
                handshake = transaction.handshake
                if handshake is not None and self.lost_heads[1 - self.client]:
                    self._cut_answer(handshake)
                if handshake is not None and handshake.outcome == "no-answer":
                    pairing.unanswered(handshake, self.results, tcp, self.client, resets)
            self.let_go(stream, row, is_cut=True)
        self.tunnels.finish()
