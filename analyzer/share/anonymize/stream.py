"""One direction of a TCP connection with false names: HTTP/1.1, WebSocket, TLS; all else is noise.

Takes bytes in stream order and gives as many, later if a word or a compressed message is not over.
What is not understood is overwritten, never let through. Knows where one protocol gives way to
another. Used by share.anonymize.content.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Final

from analyzer.lazy_pattern import lazy_pattern
from analyzer.share.anonymize.frames import Frames
from analyzer.share.anonymize.heads import Keys, rewritten
from analyzer.share.anonymize.tls import RECORD_HEADER, Handshake
from analyzer.share.anonymize.words import Filter, Words

_MAX_HEAD: Final = 64 * 1024
_MAX_LINE: Final = 8 * 1024
_REQUEST: Final = lazy_pattern(rb"[A-Z]{3,16} [^\s]")
_BEGUN: Final = lazy_pattern(rb"[A-Z]{1,16} ?")
_PREFACE: Final = b"PRI * HTTP/2"
_HEAD_END: Final = lazy_pattern(rb"\r?\n\r?\n")
_LEADING: Final = lazy_pattern(rb"(?:\r?\n)+")
_FIELD: Final = lazy_pattern(rb"^([!-9;-~]+)[ \t]*:[ \t]*(.*?)[ \t]*\r?$", re.MULTILINE)


class Dialogue:
    """What the two directions of a connection must know of each other.

    Attributes:
        words: of the file.
        keys: Sec-WebSocket-Key and its answers.
        methods: of requests that were not answered.
        frames, handshakes: what counts the bytes of theirs that were overwritten.
        other: bytes of anything else that were overwritten.
    """

    def __init__(self, words: Words) -> None:
        self.words = words
        self.keys = Keys(words)
        self.methods: deque[bytes] = deque(maxlen=1024)
        self.frames: list[Frames] = []
        self.handshakes: list[Handshake] = []
        self.other = 0


class Direction:
    """What one side sends."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._words = dialogue.words
        self._buffer = b""
        self._out: list[bytes] = []
        self._state = self._start
        self._left = 0
        self._body: Filter | None = None
        self._chunked = False
        self._upgrade = False
        self._frames: Frames | None = None
        self._tls: Handshake | None = None
        self.waiting = 0
        """Bytes taken and not given back yet."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return those that are settled, in order."""
        self._buffer += data
        self.waiting += len(data)
        while self._state():
            pass
        return self._take()

    def gap(self, length: int) -> bytes:
        """Take notice of bytes that were not captured; they count as given back, as zeros."""
        self.waiting += length
        if self._frames is not None and self._state == self._websocket:
            if not self._frames.gap(length):
                self._emit(bytes(self.waiting_for()))
                self._state = self._noise
                return self._take(pad=True)
            return self._take()
        if self._body is not None and length <= self._left and self._state == self._content:
            self._emit(self._body.feed(self._buffer, last=True))
            self._buffer = b""
            self._left -= length
            self._emit(bytes(length))
            return self._take()
        self._lose()
        self._emit(bytes(length))
        return self._take()

    def finish(self) -> bytes:
        """Return what is still waiting: nothing comes any more."""
        if self._frames is not None:
            self._frames.flush()
        self._lose()
        return self._take(pad=True)

    def waiting_for(self) -> int:
        """Return how many bytes are due behind those given out now."""
        return self.waiting - sum(map(len, self._out))

    def _lose(self) -> None:
        """Overwrite what waits, and all that follows."""
        if self._body is not None:
            self._emit(self._body.feed(b"", last=True))
            self._body = None
        self._noise()
        self._state = self._noise

    def _take(self, *, pad: bool = False) -> bytes:
        made = b"".join(self._out)
        self._out.clear()
        if pad:
            made += bytes(max(0, self.waiting - len(made)))
        self.waiting -= len(made)
        return made

    def _emit(self, data: bytes) -> None:
        if data:
            self._out.append(data)

    # --- states: each returns whether another one may go on

    def _noise(self) -> bool:
        self._dialogue.other += len(self._buffer)
        self._emit(self._words.noise(self._buffer))
        self._buffer = b""
        return False

    def _start(self) -> bool:
        """Find out what the stream is, at its beginning or behind a message."""
        empty = _LEADING.match(self._buffer)
        if empty is not None:
            self._emit(empty[0])
            self._buffer = self._buffer[empty.end() :]
        data = self._buffer
        if not data:
            return False
        if data[0] == 0x16 and data[1:2] in (b"", b"\x03"):
            if len(data) < 2:
                return False
            self._tls = Handshake(self._words)
            self._dialogue.handshakes.append(self._tls)
            self._state = self._record
            return True
        if data.startswith(_PREFACE[: len(data)]) and len(data) >= 4:
            if len(data) < len(_PREFACE):
                return False
            self._state = self._noise
            return True
        if _REQUEST.match(data) is not None or data.startswith(b"HTTP/1."):
            self._state = self._head
            return True
        if _BEGUN.fullmatch(data) is not None or b"HTTP/1.".startswith(data):
            return False
        self._state = self._webs if self._upgrade else self._noise
        return True

    def _webs(self) -> bool:
        """Begin frames: behind a 101, or behind a request that was granted."""
        self._frames = Frames(self._words, self._emit)
        self._dialogue.frames.append(self._frames)
        self._state = self._websocket
        return True

    def _websocket(self) -> bool:
        assert self._frames is not None
        data, self._buffer = self._buffer, b""
        self._frames.feed(data)
        return False

    def _record(self) -> bool:
        assert self._tls is not None
        data = self._buffer
        if len(data) < RECORD_HEADER:
            return False
        length = int.from_bytes(data[3:5], "big")
        if not 20 <= data[0] <= 24 or data[1] != 3:
            self._state = self._noise
            return True
        if len(data) < RECORD_HEADER + length:
            return False
        self._emit(data[:RECORD_HEADER])
        end = RECORD_HEADER + length
        self._emit(self._tls.record(data[0], data[RECORD_HEADER:end]))
        self._buffer = data[end:]
        return True

    def _head(self) -> bool:
        end = _HEAD_END.search(self._buffer)
        if end is None:
            if len(self._buffer) > _MAX_HEAD:
                self._lose()
            return False
        head, self._buffer = self._buffer[: end.end()], self._buffer[end.end() :]
        self._emit(rewritten(head, self._words, self._dialogue.keys))
        fields = {name.lower(): value.lower() for name, value in _FIELD.findall(head)}
        if head.startswith(b"HTTP/"):
            self._after_response(head, fields)
        else:
            method = head.partition(b" ")[0]
            self._dialogue.methods.append(method)
            self._upgrade = b"upgrade" in fields
            if method == b"CONNECT":
                self._state = self._start
            else:
                self._begin_body(fields, until_end=False)
        return True

    def _after_response(self, head: bytes, fields: dict[bytes, bytes]) -> None:
        status = head.partition(b" ")[2][:3]
        if status == b"101":
            self._upgrade = True
            self._state = self._webs
            return
        if status[:1] == b"1":
            self._state = self._start
            return
        method = self._dialogue.methods.popleft() if self._dialogue.methods else b""
        if (
            method == b"HEAD"
            or status in (b"204", b"304")
            or (method == b"CONNECT" and status[:1] == b"2")
        ):
            self._state = self._start
            return
        self._begin_body(fields, until_end=True)

    def _begin_body(self, fields: dict[bytes, bytes], *, until_end: bool) -> None:
        coded = fields.get(b"content-encoding", b"identity") not in (b"identity", b"")
        self._body = Filter(self._words, is_text=False if coded else None)
        length = fields.get(b"content-length", b"")
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            self._chunked, self._state = True, self._chunk_line
        elif length.isdigit():
            self._chunked, self._left, self._state = False, int(length), self._content
        elif until_end:
            self._chunked, self._left, self._state = False, 1 << 62, self._content
        else:
            self._body, self._state = None, self._start

    def _content(self) -> bool:
        assert self._body is not None
        piece, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
        self._left -= len(piece)
        self._emit(self._body.feed(piece, last=not self._left, over=not self._chunked))
        if self._left:
            return False
        if self._chunked:
            self._state = self._chunk_line
        else:
            self._body, self._state = None, self._start
        return True

    def _chunk_line(self) -> bool:
        """Read the line of a chunk's length (RFC 9112 7.1), or the line end behind a chunk."""
        line, end, rest = self._buffer.partition(b"\n")
        if not end:
            if len(line) > _MAX_LINE:
                self._lose()
            return False
        size = line.partition(b";")[0].strip()
        try:
            length = int(size, 16) if size else -1
        except ValueError:
            self._lose()
            return True
        self._buffer = rest
        digits = line.partition(b";")[0]
        self._emit(digits + self._words.text(line[len(digits) :]) + end)
        if length > 0:
            self._left, self._state = length, self._content
        elif length == 0:
            self._body, self._state = None, self._trailer
        return True

    def _trailer(self) -> bool:
        line, end, rest = self._buffer.partition(b"\n")
        if not end:
            if len(line) > _MAX_LINE:
                self._lose()
            return False
        self._buffer = rest
        self._emit(self._words.text(line) + end)
        if not line.strip():
            self._state = self._start
        return True
