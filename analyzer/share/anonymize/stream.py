"""One direction of a TCP connection with false names: HTTP, WebSocket, TLS; all else is noise.

Takes bytes in stream order and gives as many, later if a word or a compressed message is not over.
What is not understood is overwritten, never let through. Knows where one protocol gives way to
another. Used by share.anonymize.content.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from typing import Final

from analyzer.http.http2.frames import SETTINGS, read_header
from analyzer.lazy_pattern import lazy_pattern
from analyzer.options import DEFAULT, Options
from analyzer.share.anonymize import preludes, socks
from analyzer.share.anonymize.coded_words import CodedWords
from analyzer.share.anonymize.frames import Frames, are_frames
from analyzer.share.anonymize.heads import Keys, rewritten
from analyzer.share.anonymize.http2 import Http2, Tunnels
from analyzer.share.anonymize.ordered import Room
from analyzer.share.anonymize.records import Records
from analyzer.share.anonymize.session import KeyLog, Session
from analyzer.share.anonymize.words import Filter, Words
from analyzer.tls.keylog import KeyRing
from analyzer.tls.records import ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE

_MAX_HEAD: Final = 64 * 1024
_MAX_LINE: Final = 8 * 1024
_REQUEST: Final = lazy_pattern(rb"[A-Z]{3,16} [^\s]")
_BEGUN: Final = lazy_pattern(rb"[A-Z]{1,16} ?")
_PREFACE: Final = b"PRI * HTTP/2"
_FRAME_HEADER: Final = 9
_HEAD_END: Final = lazy_pattern(rb"\r?\n\r?\n")
_LEADING: Final = lazy_pattern(rb"(?:\r?\n)+")
_FIELD: Final = lazy_pattern(rb"^([!-9;-~]+)[ \t]*:[ \t]*(.*?)[ \t]*\r?$", re.MULTILINE)


def _is_settings(data: bytes) -> bool:
    """Say whether data begins as HTTP/2 of a server: with SETTINGS (RFC 9113 3.4)."""
    header = read_header(data)
    return header.kind == SETTINGS and not (header.stream or header.flags or header.length % 6)


class File:
    """What all connections of a file share.

    Args:
        key: at least 16 random bytes, of the file alone.
        options: of the analysis.
        ring: keys of TLS sessions at hand.

    Attributes:
        log: secrets of the records that were encrypted anew.
        room: how much may wait in a direction.
    """

    def __init__(self, key: bytes, options: Options = DEFAULT, ring: KeyRing | None = None) -> None:
        self.words = Words(key)
        self.coded = CodedWords(key)
        self.options = options
        self.ring = KeyRing(options) if ring is None else ring
        self.log: KeyLog = {}
        self.room = Room(options)


class Dialogue:
    """What the two directions of a connection must know of each other.

    Args:
        file: that it is written to.

    Attributes:
        keys: Sec-WebSocket-Key and its answers.
        methods: of requests that were not answered.
        frames: what counts bytes of compressed messages that were overwritten.
        tunnels: streams of HTTP/2 that are WebSockets.
        begun_by: the direction that spoke first; `is_socks`: as a client of SOCKS does.
        other: bytes that were overwritten, neither compressed nor TLS.
    """

    def __init__(self, file: File) -> None:
        self.file = file
        self.words = file.words
        self.keys = Keys(file.words)
        self.methods: deque[bytes] = deque(maxlen=1024)
        self.frames: list[Frames] = []
        self.tunnels = Tunnels()
        self.begun_by: Direction | None = None
        self.is_socks = False
        self.other = 0
        self._inner: Dialogue | None = None
        self._session: Session | None = None

    def session(self) -> Session:
        """Return the TLS session of the connection."""
        if self._session is None:
            inner = self._inner = Dialogue(self.file)
            file = self.file
            self._session = Session(
                file.words, file.ring, file.options, lambda: Direction(inner), file.log
            )
        return self._session

    @property
    def is_tls(self) -> bool:
        """Whether one direction has records of TLS."""
        return self._session is not None

    def overwritten(self) -> Counter[str]:
        """Return the bytes that were overwritten, by kind."""
        other = self.other + sum(each.unread for each in self.frames)
        found = Counter(compressed=sum(each.overwritten for each in self.frames), other=other)
        if self._session is not None:
            found["encrypted"] += self._session.overwritten
            found["sealed"] += self._session.is_sealed
        if self._inner is not None:
            found += self._inner.overwritten()
        return found


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
        self._inside: Http2 | Records | None = None
        self._is_fresh = True
        """Nothing was read yet."""
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
            self._frames.gap(length)
            return self._take()
        if self._body is not None and length <= self._left and self._state == self._content:
            self._emit(self._body.feed(self._buffer, last=True))
            self._buffer = b""
            self._left -= length
            self._emit(bytes(length))
            return self._take()
        if self._inside is not None:
            self._emit(self._inside.gap(length))
            return self._take()
        if self._state == self._start and self._is_fresh and not self._buffer:
            self._emit(bytes(length))  # the answer to an upgrade, say
            return self._take()
        self._lose()
        self._emit(bytes(length))
        return self._take()

    def give_up(self) -> bytes:
        """Return what waits for the end of a message, as noise; framing stays where it is known."""
        if self._frames is not None:
            self._frames.give_up()
        elif self._inside is not None:
            self._emit(self._inside.give_up())
        return self._take()

    def finish(self) -> bytes:
        """Return what is still waiting; what comes behind it becomes noise."""
        if self._frames is not None:
            self._frames.flush()
        if self._inside is not None:
            self._emit(self._inside.finish())
            self._dialogue.other += self._inside.overwritten
            self._inside = None
        self._lose()
        return self._take(pad=True)

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
        if self._is_fresh and self._buffer:
            made = self._prelude()
            if made is None:
                return False
            self._emit(made[0])
            self._buffer = self._buffer[made[1] :]
            self._is_fresh = False
        empty = _LEADING.match(self._buffer)
        if empty is not None:
            self._emit(empty[0])
            self._buffer = self._buffer[empty.end() :]
        data = self._buffer
        if not data:
            return False
        if self._may_be_tls(data[0]) and data[1:2] in (b"", b"\x03"):
            if len(data) < 2:
                return False
            dialogue = self._dialogue
            return self._enter(Records(self._words, dialogue.session(), dialogue.file.room))
        if data.startswith(_PREFACE[: len(data)]) and len(data) >= 4:
            if len(data) < len(_PREFACE):
                return False
            return self._enter_http2()
        if not data[0]:
            if len(data) < _FRAME_HEADER:
                return False
            if _is_settings(data):
                return self._enter_http2()
        if _REQUEST.match(data) is not None or data.startswith(b"HTTP/1."):
            self._state = self._head
            return True
        if _BEGUN.fullmatch(data) is not None or b"HTTP/1.".startswith(data):
            return False
        # Where no handshake was captured, frames show by themselves.
        self._state = self._webs if self._upgrade or are_frames(data) else self._noise
        return True

    def _prelude(self) -> tuple[bytes, int] | None:
        """Return what stands before all else with false names, and its length; None: go on."""
        data, dialogue = self._buffer, self._dialogue
        if dialogue.begun_by is None:
            dialogue.begun_by = self
            dialogue.is_socks = data[0] in socks.VERSIONS
        if dialogue.is_socks:
            client = dialogue.begun_by is self
            return socks.rewritten(data, self._words, client=client)
        if preludes.begins(data):
            return preludes.rewritten(data, self._words)
        return b"", 0

    def _may_be_tls(self, kind: int) -> bool:
        """Say whether a record may begin so: most do with a hello, refusals with an alert."""
        return kind in (HANDSHAKE, APPLICATION_DATA) or (
            kind in (ALERT, CHANGE_CIPHER_SPEC) and self._dialogue.is_tls
        )

    def _enter_http2(self) -> bool:
        dialogue = self._dialogue
        file = dialogue.file
        made = Http2(self._words, file.coded, dialogue.tunnels, dialogue.frames, file.room)
        return self._enter(made)

    def _enter(self, inside: Http2 | Records) -> bool:
        """Hand over all that comes."""
        self._inside, self._state = inside, self._hand_over
        return True

    def _hand_over(self) -> bool:
        assert self._inside is not None
        data, self._buffer = self._buffer, b""
        self._emit(self._inside.feed(data))
        return False

    def _webs(self) -> bool:
        """Begin frames: behind a 101, or behind a request that was granted."""
        self._frames = Frames(self._words, self._emit, self._dialogue.file.room)
        self._dialogue.frames.append(self._frames)
        self._state = self._websocket
        return True

    def _websocket(self) -> bool:
        assert self._frames is not None
        data, self._buffer = self._buffer, b""
        self._frames.feed(data)
        return False

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
            # Behind an upgrade to HTTP/2 come its frames (RFC 7540 3.2).
            is_http2 = fields.get(b"upgrade", b"").strip() == b"h2c"
            self._state = self._start if is_http2 else self._webs
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
