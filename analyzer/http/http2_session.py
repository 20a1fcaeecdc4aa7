"""A session of HTTP/2: what the frames of one connection say.

Keeps the streams, the settings and the windows, and turns heads and content into exchanges,
attempts and tunnels. Knows RFC 9113 and RFC 8441; must not know where frames begin in the
rows of TCP. Used by http.http2, which walks them.
"""

from __future__ import annotations

from typing import Any, Final

from analyzer import findings
from analyzer.findings import Kind
from analyzer.http import http2_frames as frames
from analyzer.http import pairing
from analyzer.http._http2 import BEHIND, HTTP, Link
from analyzer.http.events import Exchange
from analyzer.http.handover import KIND, PACKET, TIME, Row, end_row
from analyzer.http.head import Head
from analyzer.http.http2_flow import STALL_NS, Windows
from analyzer.http.http2_frames import FrameHeader, error_name, frame_name, parse_content
from analyzer.http.http2_heads import HeadDecoder, head_of, is_whole
from analyzer.http.http2_streams import ATTEMPT, EXCHANGE, NEW, WEBSOCKET, Exchanges, Stream
from analyzer.http.http2_tunnels import Tunnels
from analyzer.http.http2_upgrade import answer_connect, begin_connect, is_connect, reset_connect
from analyzer.http.results import Results
from analyzer.http.sides import MAX_KEPT_ROWS
from analyzer.tcp.bytestream import GAP_CUT

_COUNTED: Final = frozenset((frames.SETTINGS, frames.PING, frames.RST_STREAM, frames.PRIORITY))
_SECOND: Final = 1_000_000_000
_ORDINARY: Final = (0, 8)
"""Error codes of streams that end in peace: NO_ERROR and CANCEL."""


class Block:
    """A header block in progress: HEADERS or PUSH_PROMISE, and its CONTINUATIONs.

    Attributes:
        stream: whose head it is; None where that is held no more.
        data: the fragments so far.
        number: of the stream in the frames' headers.
        ends_stream: END_STREAM was set.
        size: bytes of all its frames, with their headers.
        frames: how many; begun: ns of its first byte.
        spoilt: bytes of it were lost, or it is too long.
    """

    __slots__ = (
        *("begun", "data", "ends_stream", "frames", "number", "pushed", "size", "spoilt"),
        "stream",
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
        self.pushed = False


class Session:
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
        self.results = results
        self.slot = slot
        self.link = link
        self.client = client
        self.whole = whole
        options = results.options
        self.streams: dict[int, Stream] = {}
        self.exchanges = Exchanges(results, slot, client)
        self.tunnels = Tunnels(results, slot, link)
        self.decoders = [
            HeadDecoder(options.max_hpack_table_bytes, options.max_header_list_bytes)
            for _ in range(2)
        ]
        self.blocks: list[Block | None] = [None, None]
        self.most = [frames.DEFAULT_FRAME_BYTES, frames.DEFAULT_FRAME_BYTES]
        """Largest payload, by the side that sends it."""
        self._first = [frames.DEFAULT_WINDOW, frames.DEFAULT_WINDOW]
        self.windows: Windows | None = None
        if whole:
            self.windows = Windows(link.own, (self._first[0], self._first[1]))
            link.watched = True
        self._highest = [0, 0]
        self._enabled = not whole
        self._counts: dict[tuple[int, int], list[int]] = {}
        self._told: set[tuple[str, int]] = set()
        self._attempts = 0
        self.early_bytes = 0
        self.last_row: Row = end_row(2 * slot, 0)

    def find(self, kind: Kind, packet: int, detail: str | int = "") -> None:
        """Note an oddity, the first few of each kind."""
        self.results.find(kind, self.slot, packet, detail)

    def _find_once(self, kind: Kind, packet: int, detail: str, key: int = 0) -> None:
        if (kind.id, key) not in self._told:
            self._told.add((kind.id, key))
            self.find(kind, packet, detail)

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
            stream.windows = Windows(stream.account, (self._first[0], self._first[1]))
        limit = self.results.options.max_http2_streams
        if len(self.streams) > limit:
            oldest = next((each for each in self.streams.values() if each.is_over), None)
            if oldest is None:
                oldest = next(iter(self.streams.values()))
                text = f"more than {limit} are open (max_http2_streams)"
                self._find_once(findings.HTTP2_STREAM_LIMIT, packet, text)
            self.let_go(oldest, self.last_row, is_cut=not oldest.is_over)
        return stream

    def let_go(self, stream: Stream, row: Row, *, is_cut: bool = False) -> None:
        """Let a stream leave; nothing more counts for it."""
        self.streams.pop(stream.number, None)
        self.link.open.pop(stream.number, None)
        stream.left = True
        if stream.kind == WEBSOCKET:
            self.tunnels.leave(stream, row, is_cut=is_cut)
        elif stream.kind == EXCHANGE:
            self.exchanges.leave(stream)
        elif stream.kind == ATTEMPT and stream.handshake is not None:
            handshake = stream.handshake
            if handshake.outcome == "no-answer" and not handshake.outcome_reason:
                handshake.outcome_reason = "No answer was seen before the stream was given up."
            self.results.handshakes.append(handshake)
        for _, content in stream.early:
            self.link.own.counted[self.client, HTTP] += len(content)
        self._release_early(stream)

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
            self._find_once(findings.HTTP_EARLY_LIMIT, row[PACKET], "")
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

    def _release_early(self, stream: Stream) -> None:
        """Count what was kept no more."""
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
            self._count(kind, side, row)
        if kind >= len(frames.NAMES) or kind == frames.PRIORITY:
            return
        frame = parse_content(header, content)
        if isinstance(frame, str):
            self.find(findings.HTTP2_MALFORMED, packet, frame)
        elif kind == frames.SETTINGS:
            self._settings(frame, side, header, packet, row[TIME])
        elif kind == frames.WINDOW_UPDATE:
            self._window_update(frame, side, header, stream, row)
        elif kind == frames.RST_STREAM:
            if stream is not None:
                self.reset(stream, side, frame.error_code, row)
        elif kind == frames.GOAWAY:
            self._go_away(frame, side, packet)

    def _count(self, kind: int, side: int, row: Row) -> None:
        """Notice a flood: frames that cost their receiver more than their sender."""
        counted = self._counts.setdefault((side, kind), [row[TIME], 0])
        if row[TIME] - counted[0] > _SECOND:
            counted[:] = [row[TIME], 0]
        counted[1] += 1
        if counted[1] > self.results.options.max_http2_control_frames:
            who = "client" if side == self.client else "server"
            text = f"{counted[1]} {frame_name(kind)} frames of the {who} within a second"
            self._find_once(findings.HTTP2_FLOOD, row[PACKET], text, 2 * kind + side)

    def _settings(self, frame: Any, side: int, header: FrameHeader, packet: int, time: int) -> None:
        if header.flags & frames.ACK:
            return
        for number, value in frame.settings.items():
            if number == frames.ENABLE_CONNECT_PROTOCOL and side != self.client:
                self._enabled = value == 1
            elif number == frames.MAX_FRAME_SIZE:
                if frames.DEFAULT_FRAME_BYTES <= value < 2**24:
                    self.most[1 - side] = max(self.most[1 - side], value)
            elif number == frames.INITIAL_WINDOW_SIZE:
                if value > 2**31 - 1:
                    # RFC 9113 6.5.2: "MUST be treated as a connection error".
                    self.find(findings.HTTP2_MALFORMED, packet, f"an initial window of {value}")
                    continue
                # RFC 9113 6.9.2: a receiver "MUST adjust the size of all stream flow-control
                # windows that it maintains by the difference".
                change, self._first[1 - side] = value - self._first[1 - side], value
                for stream in self.streams.values():
                    if stream.windows is not None:
                        stream.windows.open(1 - side, change, time)

    def _go_away(self, frame: Any, side: int, packet: int) -> None:
        who = "client" if side == self.client else "server"
        text = f"the {who} ends the connection: {error_name(frame.error_code)}"
        if frame.additional_data:
            said = bytes(frame.additional_data[:60]).decode("latin-1")
            text += f", {said!r}"
        self.find(findings.HTTP2_GOAWAY, packet, text)
        self.exchanges.no_more()

    # --- flow control

    def spend(self, stream: Stream | None, side: int, count: int, row: Row) -> None:
        """Take a DATA frame's payload out of the windows (RFC 9113 6.9.1)."""
        windows = self.windows
        if windows is None or count == 0:
            return
        allowed = windows.use(side, count, row[TIME])
        if stream is not None and stream.windows is not None:
            allowed = stream.windows.use(side, count, row[TIME]) and allowed
        if not allowed:
            who = "client" if side == self.client else "server"
            text = f"the {who} sent more than its window"
            self._find_once(findings.HTTP2_WINDOW_EXCEEDED, row[PACKET], text, side)

    def _window_update(
        self, frame: Any, side: int, header: FrameHeader, stream: Stream | None, row: Row
    ) -> None:
        windows = self.windows if header.stream == 0 else stream.windows if stream else None
        if windows is None:
            return
        stalled = windows.open(1 - side, frame.window_increment, row[TIME])
        if stalled >= STALL_NS:
            who = "client" if side != self.client else "server"
            what = f"stream {header.stream}" if header.stream else "the connection"
            text = f"the {who} could send nothing on {what} for {stalled / 1e6:.0f} ms"
            self.find(findings.HTTP2_STALL, row[PACKET], text)

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
        if not is_known or not is_whole(fields):
            who = "client" if side == self.client else "server"
            why = fields if isinstance(fields, str) else "they lean on heads that were not seen"
            text = f"of the {who}: {why}"
            self._find_once(findings.HTTP2_HEADS_UNKNOWN, packet, text, side)
        head, pseudo = head_of(fields if is_known else (), block.size)
        for fault in head.faults:
            self.find(findings.HTTP_MALFORMED, packet, fault)
        if stream is None:
            return
        if block.pushed or side == self.client:
            self._asked(stream, head, pseudo, block, row)
        else:
            self._answered(stream, head, pseudo, block, row)
        if block.ends_stream:
            self.end(stream, side, row)

    def _asked(
        self, stream: Stream, head: Head, pseudo: dict[str, str], block: Block, row: Row
    ) -> None:
        if stream.kind != NEW:
            self._trailers(stream, self.client, block, row)
            return
        if is_connect(pseudo):
            enabled = self._enabled or not self.whole
            handshake = begin_connect(
                *(self.results, self.slot, self.client, head, pseudo, block.begun, row),
                enabled=enabled,
            )
            handshake.http2_stream = stream.number
            handshake.first_in_connection = self.whole and not (
                self.exchanges.begun or self._attempts
            )
            self._attempts += 1
            stream.kind = ATTEMPT
            stream.transaction = pairing.Transaction(None, handshake)
            return
        self.exchanges.begin(stream, head, block.begun, row)

    def _answered(
        self, stream: Stream, head: Head, pseudo: dict[str, str], block: Block, row: Row
    ) -> None:
        if stream.kind == NEW:
            self.exchanges.begin_unseen(stream)
        transaction = stream.transaction
        if transaction is None or transaction.answered:
            self._trailers(stream, 1 - self.client, block, row)
            return
        if 0 < head.status < 200:
            pairing.interim(transaction, head, block.begun)
            return
        handshake = transaction.handshake
        transaction.answered = True
        if handshake is None:
            has_content = not block.ends_stream
            self.exchanges.answer(stream, head, block.begun, row, has_content=has_content)
            exchange = transaction.exchange
            if exchange is not None and not head.status:
                exchange.status = None
        elif not head.status:
            pairing.answer_attempt(handshake, head, block.begun, row)
            handshake.status = None
            handshake.outcome = "cut"
            handshake.outcome_reason = "The answer's head could not be read."
            self.tunnels.open(stream, handshake)
        elif answer_connect(self.results, handshake, head, block.begun, row):
            if stream.early:
                handshake.early_bytes = stream.early_bytes
                packet = stream.early[0][0][PACKET]
                self.find(findings.HANDSHAKE_EARLY_DATA, packet, stream.early_bytes)
            self.tunnels.open(stream, handshake)
            self._release_early(stream)
            self._tell_ends(stream, row)

    def _tell_ends(self, stream: Stream, row: Row) -> None:
        """Tell a tunnel of ends that came before it was open."""
        for side in (0, 1):
            if stream.ended[side]:
                self.tunnels.ended(stream, side, row[TIME])

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
        if stream.kind == WEBSOCKET:
            self.tunnels.ended(stream, side, row[TIME])
        elif stream.kind == EXCHANGE:
            self.exchanges.end(stream, side)
        elif stream.kind == ATTEMPT and stream.handshake is not None and side != self.client:
            # A refusal's body has ended; the client need not end its side.
            stream.ended[self.client] = True
            self._note_over(stream)

    def _note_over(self, stream: Stream) -> None:
        if stream.is_over:
            stream.account.over = True
            self.link.open.pop(stream.number, None)

    def reset(self, stream: Stream, side: int, code: int, row: Row) -> None:
        """RST_STREAM was sent."""
        if stream.reset_side >= 0:
            return
        was_over = stream.is_over
        stream.reset_side = side
        self._note_over(stream)
        who = "client" if side == self.client else "server"
        name = error_name(code)
        if stream.kind == WEBSOCKET:
            self.tunnels.reset(stream, side, row[TIME])
        transaction = stream.transaction
        if stream.kind == ATTEMPT and transaction is not None and not transaction.answered:
            assert transaction.handshake is not None
            reset_connect(self.results, transaction.handshake, who, name, row[PACKET])
        elif code not in _ORDINARY or (stream.kind == WEBSOCKET and not was_over):
            text = f"the {who} reset stream {stream.number}: {name}"
            self.find(findings.HTTP2_STREAM_RESET, row[PACKET], text)

    def is_acknowledged(self, stream: Stream) -> bool:
        """Say whether both sides have the last byte of a stream."""
        behind = stream.account.counted[:, BEHIND].tolist()
        return all(
            stretches.acked >= reached
            for stretches, reached in zip(self.link.acks, behind, strict=True)
            if reached
        )

    def finish(self, tcp: Any, resets: list[int], row: Row) -> None:
        """Settle what is unfinished: the TCP connection has ended."""
        for stream in list(self.streams.values()):
            transaction = stream.transaction
            if stream.kind == ATTEMPT and transaction is not None and not transaction.answered:
                handshake = transaction.handshake
                if handshake is not None and handshake.outcome == "no-answer":
                    pairing.unanswered(handshake, self.results, tcp, self.client, resets)
            self.let_go(stream, row, is_cut=True)
        self.tunnels.finish()

    def unwatch_windows(self) -> None:
        """Bytes were lost: nothing is known of the windows any more."""
        self.windows = None
        self.link.watched = False
        for stream in self.streams.values():
            stream.windows = None
