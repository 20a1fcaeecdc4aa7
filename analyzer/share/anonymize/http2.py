"""One direction of HTTP/2 with false names: frame headers and all sizes stay (RFC 9113 4).

Header blocks keep their representations (header_blocks), DATA is WebSocket frames where the stream
was asked to be one (RFC 8441), a body else. What streams hold may come later than what follows
it, so that frames wait for each other (ordered). Knows frames of HTTP/2. Used by stream.
"""

from __future__ import annotations

from typing import Final

from analyzer.http.http2 import frames as http2
from analyzer.http.http2.frames import FrameHeader, read_header
from analyzer.share.anonymize.coded_words import CodedWords
from analyzer.share.anonymize.frames import Frames
from analyzer.share.anonymize.header_blocks import Fields, HeaderBlocks
from analyzer.share.anonymize.ordered import Funnel, Ordered, Room, Slot
from analyzer.share.anonymize.words import Filter, Words

_MAX_FRAME: Final = 1 << 20
"""Bytes of a frame other than DATA; implementations take 16 KiB."""
_MAX_STREAMS: Final = 65_536
_PRIORITY_BYTES: Final = 5
_HAS_PRIORITY: Final = 0x20
_ALTSVC_AND_ON: Final = 0x0A


class Tunnels:
    """What both directions know of the streams of a connection."""

    def __init__(self) -> None:
        self._asked: dict[int, None] = {}

    def ask(self, stream: int) -> None:
        """Note a stream that was asked to be a WebSocket."""
        self._asked[stream] = None
        if len(self._asked) > _MAX_STREAMS:
            del self._asked[next(iter(self._asked))]

    def has(self, stream: int) -> bool:
        """Say whether it was."""
        return stream in self._asked


class _Body:
    """What one stream sends in DATA frames."""

    def __init__(self, words: Words, room: Room, *, frames: bool, coded: bool) -> None:
        self._words = words
        self.slots = Funnel()
        self.frames = Frames(words, self.slots.write, room) if frames else None
        self._filter = None if frames else Filter(words, is_text=False if coded else None)

    def feed(self, data: bytes, *, last: bool = False) -> None:
        if self.frames is not None:
            self.frames.feed(data)
            if last:
                self.frames.flush()
        elif self._filter is not None:
            self.slots.write(self._filter.feed(data, last=last))
        else:
            self.slots.write(self._words.noise(data))

    def gap(self, length: int) -> None:
        if self.frames is not None:
            self.frames.gap(length)
        else:
            self.feed(b"", last=True)
            self.slots.write(bytes(length))

    def lose(self) -> None:
        """Overwrite what waits, and all that follows."""
        if self.frames is not None:
            self.frames.flush()
        elif self._filter is not None:
            self.slots.write(self._filter.feed(b"", last=True))
        self.frames = self._filter = None
        self.slots.write(bytes(self.slots.lacks))


class Http2:
    """What one side sends.

    Args:
        words: of the file.
        coded: of the file, for heads.
        tunnels: what it shares with the other direction.
        counted: takes the walkers of WebSocket frames, which count what they overwrite.
        room: of the file; where more waits for the end of a message, that becomes noise.
    """

    def __init__(
        self,
        words: Words,
        coded: CodedWords,
        tunnels: Tunnels,
        counted: list[Frames],
        room: Room | None = None,
    ) -> None:
        self._words = words
        self._room = room or Room()
        self._tunnels = tunnels
        self._counted = counted
        self._heads = HeaderBlocks(coded)
        self._out = Ordered()
        self._buffer = b""
        self._bodies: dict[int, _Body] = {}
        self._kinds: dict[int, tuple[bool, bool]] = {}
        self._block: list[tuple[Slot, bytes]] = []
        self._opening: FrameHeader | None = None
        """Of the HEADERS or PUSH_PROMISE that began the block."""
        # The DATA frame that is being read.
        self._body: _Body | None = None
        self._left = self._padding = 0
        self._is_last = False
        self._stream = 0
        self.is_lost = False
        self.overwritten = 0
        """Bytes of which framing is not known, and of frames that are not understood."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return those that are settled, in order."""
        self._buffer += data
        while not self.is_lost and self._step():
            pass
        if self.is_lost:
            self._noise(self._buffer)
            self._buffer = b""
        if self._out.waiting > self._room.most:
            self._room.given_up += 1
            self._settle()
        return self._out.take()

    def give_up(self) -> bytes:
        """Make noise of messages that wait for their ends; return what is settled by that."""
        self._settle()
        return self._out.take()

    def gap(self, length: int) -> bytes:
        """Take notice of bytes that were not captured; they count as given back, as zeros."""
        if self._body is not None and length <= self._left and not self._buffer:
            self._body.slots.expect(self._out.reserve(length))
            self._body.gap(length)
            self._left -= length
            self._end_of_data()
        else:
            self._lose()
            self._out.put(bytes(length))
        return self._out.take()

    def finish(self) -> bytes:
        """Return all that waits: nothing comes any more."""
        self._lose()
        return self._out.take(all_of_it=True)

    def _lose(self) -> None:
        self._settle()
        self._end_block()
        self._noise(self._buffer)
        self._buffer, self.is_lost = b"", True

    def _settle(self) -> None:
        """Let nothing wait for what comes."""
        for body in self._bodies.values():
            if body.frames is not None:
                body.lose()
            else:
                body.feed(b"", last=True)

    def _noise(self, data: bytes) -> None:
        self.overwritten += len(data)
        self._out.put(self._words.noise(data))

    # --- frames

    def _step(self) -> bool:
        """Read on; return whether there may be more."""
        if self._body is not None:
            return self._data()
        data = self._buffer
        if data.startswith(http2.PREFACE[: len(data)][:24]) and data:
            if len(data) < len(http2.PREFACE):
                return False
            self._out.put(http2.PREFACE)
            self._buffer = data[len(http2.PREFACE) :]
            return True
        if len(data) < http2.HEADER_BYTES:
            return False
        header = read_header(data)
        if http2.fault_of(header, 1 << 24) or (
            header.kind != http2.DATA and header.length > _MAX_FRAME
        ):
            self._lose()
            return False
        if header.kind == http2.DATA:
            return self._begin_data(header)
        end = http2.HEADER_BYTES + header.length
        if len(data) < end:
            return False
        self._out.put(data[: http2.HEADER_BYTES])
        self._buffer = data[end:]
        self._frame(header, data[http2.HEADER_BYTES : end])
        return True

    def _begin_data(self, header: FrameHeader) -> bool:
        padded = bool(header.flags & http2.PADDED)
        begin = http2.HEADER_BYTES + padded
        if len(self._buffer) < begin and header.length:
            return False
        self._padding = self._buffer[begin - 1] if padded and header.length else 0
        self._left = header.length - self._padding - (padded and header.length > 0)
        if self._left < 0:
            self._lose()
            return False
        begin = min(begin, http2.HEADER_BYTES + header.length)
        self._out.put(self._buffer[:begin])
        self._buffer = self._buffer[begin:]
        self._stream, self._is_last = header.stream, bool(header.flags & http2.END_STREAM)
        self._body = self._body_of(header.stream)
        if not self._left:
            self._end_of_data()
        return True

    def _data(self) -> bool:
        body = self._body
        assert body is not None
        if self._left:
            piece = self._buffer[: self._left]
            if not piece:
                return False
            self._buffer = self._buffer[len(piece) :]
            self._left -= len(piece)
            body.slots.expect(self._out.reserve(len(piece)))
            body.feed(piece)
            if self._left:
                return False
            self._end_of_data()
            return True
        if len(self._buffer) < self._padding:
            return False
        self._out.put(bytes(self._padding))
        self._buffer = self._buffer[self._padding :]
        self._body = None
        return True

    def _end_of_data(self) -> None:
        """The content of a DATA frame is there; its padding may not be."""
        if self._left:
            return
        if self._is_last:
            self._close(self._stream)
        if not self._padding:
            self._body = None

    def _body_of(self, stream: int) -> _Body:
        body = self._bodies.get(stream)
        if body is None:
            is_tunnel = self._tunnels.has(stream)
            frames, coded = self._kinds.pop(stream, (is_tunnel, False))
            body = self._bodies[stream] = _Body(self._words, self._room, frames=frames, coded=coded)
            if body.frames is not None:
                self._counted.append(body.frames)
            if len(self._bodies) > _MAX_STREAMS:
                self._close(next(iter(self._bodies)))
        return body

    def _close(self, stream: int) -> None:
        body = self._bodies.pop(stream, None)
        self._kinds.pop(stream, None)
        if body is not None:
            body.feed(b"", last=True)
            body.slots.write(bytes(body.slots.lacks))

    def _frame(self, header: FrameHeader, payload: bytes) -> None:
        kind = header.kind
        if kind in (http2.HEADERS, http2.PUSH_PROMISE, http2.CONTINUATION):
            self._head(header, payload)
        elif kind == http2.GOAWAY:
            self._out.put(payload[:8] + Filter(self._words).feed(payload[8:], last=True))
        elif kind == http2.PING or kind >= _ALTSVC_AND_ON:
            # The answer to a PING has the same bytes, and so the same noise.
            self._out.put(self._words.noise(payload))
            self.overwritten += len(payload)
        else:  # PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE: numbers of the protocol
            self._out.put(payload)
            if kind == http2.RST_STREAM:
                self._close(header.stream)

    # --- heads

    def _head(self, header: FrameHeader, payload: bytes) -> None:
        begin, padding = 0, 0
        if header.kind != http2.CONTINUATION:
            self._end_block()
            if header.flags & http2.PADDED:
                begin, padding = 1, payload[0] if payload else 0
            if header.kind == http2.PUSH_PROMISE:
                begin += 4
            elif header.flags & _HAS_PRIORITY:
                begin += _PRIORITY_BYTES
            self._opening = header
        end = len(payload) - padding
        if begin > end:
            self._noise(payload)
            self._heads.lose()
            return
        self._out.put(payload[:begin])
        self._block.append((self._out.reserve(end - begin), payload[begin:end]))
        self._out.put(bytes(padding))
        if sum(len(piece) for _, piece in self._block) > _MAX_FRAME:
            self._heads.lose()
            self._end_block()
        elif header.flags & http2.END_HEADERS:
            self._learn(self._end_block())

    def _end_block(self) -> Fields:
        """Rewrite the block that was gathered."""
        if not self._block:
            return {}
        made, fields = self._heads.rewritten(b"".join(piece for _, piece in self._block))
        if not fields:
            self.overwritten += len(made)
        at = 0
        for slot, piece in self._block:
            slot.fill(made[at : at + len(piece)])
            at += len(piece)
        self._block.clear()
        return fields

    def _learn(self, fields: Fields) -> None:
        """Note what a head says of the stream's DATA."""
        opening = self._opening
        if opening is None or opening.kind == http2.PUSH_PROMISE:
            return  # of another stream
        stream, ends = opening.stream, bool(opening.flags & http2.END_STREAM)
        if stream in self._bodies:  # a trailer
            if ends:
                self._close(stream)
            return
        if fields.get(b":method") == b"CONNECT" and fields.get(b":protocol") == b"websocket":
            self._tunnels.ask(stream)
        coded = fields.get(b"content-encoding", b"identity") not in (b"identity", b"")
        status = fields.get(b":status", b"200")
        is_tunnel = self._tunnels.has(stream) and status[:1] == b"2"
        if status[:1] != b"1" and not ends:
            self._kinds[stream] = is_tunnel, coded
            if len(self._kinds) > _MAX_STREAMS:
                del self._kinds[next(iter(self._kinds))]
