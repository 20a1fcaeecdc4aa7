"""Deliveries: the messages that plain HTTP brings, found in bodies as they pass.

A server delivers in an answer as a whole (JSON, a payload of Engine.IO, frames of SockJS,
anything else) or piece by piece (server-sent events, lines, chunks). docs/numbers.md states
what counts as a message. Knows content, without chunk framing; must not know connections.
Called by http.http1.messages.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Protocol

from analyzer.hashes import blake2b
from analyzer.http.delivery.callers import ENGINE_IO, SOCKJS, Target
from analyzer.http.delivery.carried import SERVER, Carrier
from analyzer.http.delivery.event_times import LOOKED_AT, EventTimes
from analyzer.http.delivery.inflating import CODINGS, Inflater
from analyzer.http.delivery.keeping import Told, may_tell
from analyzer.http.delivery.line_readers import EventStream, Lines, Seen, TextLines
from analyzer.http.delivery.payloads import (
    Found,
    engine_io_carried,
    engine_io_messages,
    engine_io_session,
    json_messages,
    json_payloads,
    sockjs_frame_payloads,
)
from analyzer.http.exchanges import Exchange
from analyzer.http.head import Head
from analyzer.options import Options

_LINE_TYPES: Final = ("ndjson", "jsonl", "json-seq", "json-lines", "jsonlines")
_LOOKED_INTO: Final = ("json", "javascript", "ecmascript", "xml", "jsonl")
_DIGESTED: Final = 256
"""Bytes of a message by which it is found on the other leg of a proxy."""
_PAGE_TYPES: Final = ("text/html", "text/css", "application/xhtml+xml")
"""Read as a whole only: a page that comes in pieces is no stream."""


class Store:
    """How many bytes of bodies all readers keep together."""

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept = 0


class _Parser(Protocol):
    def take(self, data: bytes, time: int) -> None:
        """Read on."""

    def kept(self) -> int:
        """Return how many bytes are kept."""

    def lost(self) -> None:
        """Bytes are missing."""

    def end(self, time: int) -> None:
        """The body is complete."""


class Tally:
    """Messages counted, and the first of them kept."""

    __slots__ = ("_most", "items", "last_size", "message_bytes", "messages")

    def __init__(self, most: int) -> None:
        self._most = most
        self.items: list[tuple[int, int]] = []
        self.messages = 0
        self.message_bytes = 0
        self.last_size = 0

    def add(self, time: int, size: int) -> None:
        """Count a message."""
        self.messages += 1
        self.message_bytes += size
        self.last_size = size
        if len(self.items) < self._most:
            self.items.append((time, size))


class _SockJsFrames:
    """Frames of SockJS, one a line, or one an event."""

    __slots__ = ("_carrier", "_found", "_lines", "_lost", "_told")

    def __init__(self, tally: Tally, keep: int, carrier: Carrier | None, told: Told | None) -> None:
        self._found = tally
        self._told = told
        self._carrier = carrier
        self._lines = Lines(keep)
        self._lost = False

    def take(self, data: bytes, time: int) -> None:
        for line, length in self._lines.take(data):
            self.frame(line, length, time)

    def frame(self, line: bytes, length: int, time: int) -> None:
        if self._lost or not line:
            self._lost = False
            return
        is_whole = length <= len(line)
        found = sockjs_frame_payloads(line) if is_whole else None
        if self._carrier is not None and is_whole:
            self._carrier.frame(line, time)
        elif self._carrier is not None:
            self._carrier.lost(SERVER)
        if not is_whole:
            self._found.add(time, length - 1)
            if self._told is not None:
                self._told.add(b"", length - 1)
        for payload in found or ():
            self._found.add(time, len(payload))
            if self._told is not None:
                self._told.add(payload, len(payload))

    def kept(self) -> int:
        return self._lines.kept()

    def lost(self) -> None:
        self._lines.rest()
        self._lost = True

    def end(self, time: int) -> None:
        line, length = self._lines.rest()
        self.frame(line, length, time)


class _Chunks:
    """Chunks of the chunked coding; blank ones only keep the connection alive."""

    __slots__ = ("_begun", "_blank", "_keep", "_seen", "_size", "_tally")

    def __init__(self, tally: Tally, seen: Seen, keep: int) -> None:
        self._keep = keep
        self._tally = tally
        self._seen = seen
        self._begun = b""
        self._size = 0
        self._blank = True

    def take(self, data: bytes, time: int) -> None:
        self._size += len(data)
        self._begun += data[: max(0, self._keep - len(self._begun))]
        self._blank = self._blank and not data.strip()

    def chunk(self, time: int) -> None:
        if not self._blank:
            self._tally.add(time, self._size)
            self._seen(time, self._begun)
        self._size, self._blank, self._begun = 0, True, b""

    def kept(self) -> int:
        return len(self._begun)

    def lost(self) -> None:
        self._blank = False

    def end(self, time: int) -> None:
        if self._size:
            self.chunk(time)


class AnswerReader:
    """Finds the messages of one answer.

    Attributes:
        reading: it wants the rest of the body; else that may pass by.
        limited: the answer was too long to be looked into.
        session: of Engine.IO, that an answer opened; "" without.
        digest: of the whole content; b"" where it was not kept.
    """

    __slots__ = (
        *(
            "_always",
            "_carrier",
            "_chunks",
            "_digests",
            "_exchange",
            "_inflater",
            "_kept",
            "_limit",
        ),
        *("_options", "_parser", "_quiet", "_store", "_target", "_time", "_times", "_told"),
        *("_type", "_whole"),
        *("digest", "limited", "reading", "session", "tally"),
    )

    def __init__(
        self,
        exchange: Exchange,
        target: Target,
        head: Head,
        options: Options,
        store: Store,
        carrier: Carrier | None = None,
        told: Told | None = None,
    ) -> None:
        """Make ready for the content after `head`.

        `carrier` hands on what it says, `told` takes the messages for who samples them.
        """
        self._exchange, self._target = exchange, target
        self._carrier = carrier
        self._options, self._store = options, store
        self._limit = options.max_delivery_body_bytes
        self._type = media_type(exchange.content_type)
        self._told = told if told is not None and may_tell(self._type) else None
        self._time = exchange.response_last_time
        self._kept = 0
        self._quiet = 0  # content since the last pause
        self.tally = Tally(options.max_deliveries)
        self.reading = self.limited = False
        self.session, self.digest = "", b""
        self._whole: bytearray | None = None
        self._times = EventTimes()
        self._digests: list[int] = []
        self._inflater: Inflater | None = None
        self._parser: _Parser | None = None
        self._chunks: _Chunks | None = None
        self._always = False
        if 200 <= head.status < 300:
            self._prepare(head.values.get("content-encoding", "").strip().lower())

    def _prepare(self, coding: str) -> None:
        if coding in CODINGS:
            self._inflater = Inflater(coding, self._options.max_inflated_bytes)
        elif coding not in ("", "identity"):
            return
        target, kind = self._target, self._type
        if target.kind in ("stream", "sse", "long-poll") and target.transport == SOCKJS:
            frames = _SockJsFrames(self.tally, self._limit, self._carrier, self._told)
            self._parser, self._always = frames, True
            if kind == "text/event-stream":
                self._parser = EventStream(self.tally.add, self._limit, frames.frame)
        elif kind == "text/event-stream":
            events = EventStream(self.tally.add, self._looked_at, seen=self._seen)
            self._parser, self._always = events, True
        elif kind.endswith(_LINE_TYPES):
            self._parser, self._always = self._text_lines(), True
        else:
            if looked_into(kind) or target.transport == ENGINE_IO:
                self._whole = bytearray()
            if self._exchange.piecemeal and not target.transport and kind not in _PAGE_TYPES:
                if kind.startswith("text/"):
                    self._parser = self._text_lines()
                else:
                    self._parser = _Chunks(self.tally, self._seen, self._looked_at)
                    self._chunks = self._parser
        self.reading = self._parser is not None or self._whole is not None

    def _text_lines(self) -> TextLines:
        return TextLines(self.tally.add, self._looked_at, self._seen)

    @property
    def _looked_at(self) -> int:
        """Bytes of a message that are looked at."""
        return LOOKED_AT if self._told is None else max(LOOKED_AT, self._told.room)

    def _seen(self, time: int, text: bytes) -> None:
        """Look at a message of a stream that was counted just now."""
        self._times.take(time, text)
        if len(self._digests) < self._options.max_leg_messages:
            digest = blake2b(text[:_DIGESTED], digest_size=8).digest()
            self._digests.append(int.from_bytes(digest, "little"))
        if self._told is not None:
            self._told.add(text, self.tally.last_size)

    # --- content

    def take(self, data: bytes, time: int) -> None:
        """Read on in the content."""
        self._time = time
        if self._inflater is None:
            self._take(data, time)
            return
        self._exchange.coded = True
        for piece in self._inflater.take(data):
            self._take(piece, time)
            if not self.reading:
                # The rest of a decompression bomb is not inflated.
                return
        if self._inflater.failed:
            self._stop()

    def _take(self, data: bytes, time: int) -> None:
        if not self.reading:
            return
        if self._parser is not None:
            if self._carrier is not None and not self._parser.kept():
                self._carrier.begins(time)
            self._parser.take(data, time)
        if self._whole is not None:
            self._whole += data
            if len(self._whole) > self._limit:
                self._too_long()
        self._account()
        if self._store.kept > self._options.max_delivery_bytes_total:
            self._too_long()
            self._stop()
        self._quiet += len(data)
        if not self._always and self._whole is None and self._quiet > self._limit:
            self._stop()

    def chunk(self, time: int) -> None:
        """A chunk of the chunked coding ends."""
        if self._chunks is not None and self.reading:
            self._chunks.chunk(time)

    def pause(self) -> None:
        """Nothing came for a while: what follows is a piece of its own."""
        self._quiet = 0

    def lost(self) -> None:
        """Bytes of the content were not captured."""
        self._whole = None
        if self._carrier is not None:
            self._carrier.lost(SERVER)
        if self._inflater is not None or not self._always:
            self._stop()
        elif self._parser is not None:
            self._parser.lost()

    def _account(self) -> None:
        """Keep the count of what all readers keep."""
        kept = len(self._whole) if self._whole is not None else 0
        if self._parser is not None:
            kept += self._parser.kept()
        self._store.kept += kept - self._kept
        self._kept = kept

    def _too_long(self) -> None:
        # Chunks and lines of a download cannot be distinguished from those of a stream yet.
        self.limited = looked_into(self._type) or bool(self._target.transport)
        self._whole = None
        if self._carrier is not None:
            self._carrier.lost(SERVER)

    def _drop(self) -> None:
        """Keep nothing any more."""
        self._whole = None
        self._store.kept -= self._kept
        self._kept = 0
        if self._told is not None:
            self._told.forget()
            self._told = None

    def _stop(self) -> None:
        self._drop()
        # What an event stream brought so far counts; of others it is unknown.
        self._parser = self._chunks = None
        self.reading = False

    # --- results

    def end(self, content: int) -> None:
        """Say what a complete answer brought; `content` bytes without chunk framing."""
        exchange = self._exchange
        status = exchange.status or 0
        if status < 200 or status >= 300 or exchange.method == "HEAD":
            # Errors and redirections bring no message.
            self._fill(Tally(0))
        elif self._always and (self.reading or self.tally.messages):
            if self.reading and self._parser is not None:
                self._parser.end(self._time)
            self._fill(self.tally)
        elif self._parser is not None and exchange.pauses:
            self._parser.end(self._time)
            self._fill(self.tally)
        else:
            self._fill(self._answer(content))
        exchange.empty = not exchange.messages
        self._drop()

    def settle(self) -> None:
        """Say what an answer brought whose end was not captured."""
        if self._always or (self._parser is not None and self._exchange.pauses):
            self._fill(self.tally)
        if self._carrier is not None and self._whole:
            self._carrier.lost(SERVER)
        self._drop()

    def _answer(self, content: int) -> Tally:
        """Return the messages of an answer that is read as a whole."""
        tally = Tally(self._options.max_deliveries)
        body = bytes(self._whole) if self._whole is not None else None
        found = None
        if body is not None:
            self.digest = blake2b(body, digest_size=16).digest()
            found = self._found(body)
            content = self._exchange.content_bytes = len(body)
            if self._carrier is not None and self._target.transport == ENGINE_IO:
                self._carrier.answer(body, self._time)
            if self._target.transport == ENGINE_IO:
                frames = engine_io_carried(body, self._target.version)
                self._exchange.carried = [*map(len, frames[: self._options.max_deliveries])]
        is_one = found is None
        if found is None:
            found = Found((content,) if content and (body is None or body.strip()) else ())
        for size in found.sizes:
            tally.add(self._time, size)
        if self._told is not None:
            self._tell(body, found, is_one=is_one)
        return tally

    def _tell(self, body: bytes | None, found: Found, *, is_one: bool) -> None:
        """Tell the messages of an answer that is read as a whole."""
        told = self._told
        if told is None:
            return
        told.forget()
        if body is not None:
            payloads = [body] if is_one else self._payloads(body)
            sizes = self._exchange.carried or found.sizes
            for payload, size in zip(payloads, sizes, strict=False):
                told.add(payload, size)
            told.give(self._exchange, body)
        self._told = None

    def _payloads(self, body: bytes) -> list[bytes]:
        if self._target.transport == ENGINE_IO:
            return engine_io_carried(body, self._target.version)
        return json_payloads(body)

    def _found(self, body: bytes) -> Found | None:
        target = self._target
        if target.transport == ENGINE_IO:
            found = engine_io_messages(body, target.version)
            if found is not None and not target.session:
                self.session = engine_io_session(body, target.version) or ""
            return found
        if target.transport == SOCKJS:
            return None
        if "json" in self._type or body[:32].lstrip()[:1] in (b"[", b"{"):
            return json_messages(body)
        return None

    def _fill(self, tally: Tally) -> None:
        exchange = self._exchange
        exchange.deliveries = tally.items
        exchange.messages = tally.messages
        exchange.message_bytes = tally.message_bytes
        if tally is self.tally:
            if self._told is not None:
                self._told.give(exchange)
                self._told = None
            exchange.digests = self._digests
            exchange.timed = self._times.timed
            exchange.held, exchange.held_most, exchange.held_total = self._times.held()


@lru_cache(maxsize=256)
def media_type(content_type: str | None) -> str:
    """Return a media type without its parameters, in lower case."""
    return (content_type or "").partition(";")[0].strip(" \t").lower()


@lru_cache(maxsize=256)
def looked_into(kind: str) -> bool:
    """Return whether content of a media type is read: text, or not said what."""
    if not kind or kind.startswith("text/"):
        return True
    return any(word in kind for word in _LOOKED_INTO)
