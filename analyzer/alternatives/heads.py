"""Heads: what requests and answers of other transports would carry besides messages.

HTTP is stateless: each request repeats its fields. Heads come from real exchanges with the
same host where the capture holds some, else from the opening handshake less what makes it
one. Sizes are bytes; for HTTP/2 the package hpack encodes the fields in sequence (RFC 7541).
Knows fields. Must not know packets. Used by alternatives.stage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from analyzer.http.events import Exchange, Handshake

Fields = tuple[tuple[str, str], ...]

_MAX_SAMPLES: Final = 16
"""Real heads kept for a host and role: they differ in a cursor and a date."""
_MAX_HOSTS: Final = 4096
_FRAME: Final = 9
"""RFC 9113 4.1: "All frames begin with a fixed 9-octet header"."""

DATE: Final = "Tue, 24 Nov 2026 16:00:00 GMT"
_DATED: Final = ("Date", DATE)
_JSON: Final = ("Content-Type", "application/json")

# What a browser sends (Chromium 126), for connections whose handshake was not captured.
UNKNOWN: Final[Fields] = (
    ("Host", "www.example.com"),
    ("Connection", "keep-alive"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/126.0.0.0 Safari/537.36",
    ),
    ("Origin", "https://www.example.com"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-GB,en;q=0.9"),
    ("Cookie", "session=0123456789abcdef0123456789abcdef"),
)


@dataclass(slots=True)
class Pair:
    """Mean sizes of a request's and its answer's head.

    Attributes:
        request: HTTP/1.1.
        answer: HTTP/1.1.
        request_h2: HEADERS frames in HTTP/2, of the first request and of a later one.
        answer_h2: the same of answers.
    """

    request: float
    answer: float
    request_h2: tuple[float, float]
    answer_h2: tuple[float, float]


@dataclass(slots=True)
class Envelope:
    """What a body has beside messages: `opening + messages * each`; `empty` without any."""

    opening: float
    each: float
    empty: float


@dataclass(slots=True)
class Heads:
    """What the transports of one connection would carry.

    Attributes:
        poll, long_poll, stream, sse, post: heads by what is asked for.
        body: of polls; chunk: of a message in a stream, its chunk framing too; event: of
            one in server-sent events, with chunk framing; in HTTP/2 without it.
        post_body: mean body of the answer to a POST.
        upgrade: request and answer of an opening handshake with these heads.
        observed: roles of which real exchanges were seen.
    """

    poll: Pair
    long_poll: Pair
    stream: Pair
    sse: Pair
    post: Pair
    body: Envelope
    long_body: Envelope
    chunk: float
    event: float
    post_body: float
    upgrade: tuple[float, float]
    observed: frozenset[str]


# RFC 8259: a list is "[", values with "," between them, "]".
JSON_LIST: Final = Envelope(1.0, 1.0, 2.0)
CHUNK_LINE: Final = 7.0
"""A line in a chunk (RFC 9112 7.1): size in hex (two digits), CRLF, LF of the line, CRLF."""
EVENT_CHUNK: Final = 14.0
"""An event in a chunk: "data: ", two LF, size in hex (two digits), two CRLF."""


# --- one host's real exchanges ------------------------------------------------------


@dataclass(slots=True)
class _Role:
    """Real exchanges of one kind with one host."""

    samples: list[Exchange] = field(default_factory=list)
    count: int = 0
    request: int = 0
    answer: int = 0
    # Sums for the envelope: answers with messages, and empty ones.
    full: int = 0
    messages: int = 0
    squares: int = 0
    extra: int = 0
    products: int = 0
    empty: int = 0
    empty_bytes: int = 0
    body: int = 0

    def add(self, exchange: Exchange) -> None:
        self.count += 1
        self.request += exchange.request_header_bytes
        self.answer += exchange.response_header_bytes
        self.body += exchange.response_body_bytes
        if len(self.samples) < _MAX_SAMPLES:
            self.samples.append(exchange)
        if exchange.messages:
            extra = exchange.response_body_bytes - exchange.message_bytes
            self.full += 1
            self.messages += exchange.messages
            self.squares += exchange.messages**2
            self.extra += extra
            self.products += exchange.messages * extra
        else:
            self.empty += 1
            self.empty_bytes += exchange.response_body_bytes

    def pair(self) -> Pair:
        requests = [_request_fields(each) for each in self.samples]
        answers = [_answer_fields(each) for each in self.samples]
        return Pair(
            self.request / self.count,
            self.answer / self.count,
            _encoded(tuple(requests)),
            _encoded(tuple(answers)),
        )

    def envelope(self, other: Envelope) -> Envelope:
        """Return the line of least squares through (messages, bytes beside them)."""
        empty = self.empty_bytes / self.empty if self.empty else other.empty
        if not self.full:
            return Envelope(other.opening, other.each, empty)
        spread = self.full * self.squares - self.messages**2
        if spread > 0:
            each = (self.full * self.products - self.messages * self.extra) / spread
            opening = (self.extra - each * self.messages) / self.full
            if each >= 0 and opening >= 0:
                return Envelope(opening, each, empty)
        opening = min(other.opening, self.extra / self.full)
        each = max(0.0, (self.extra - opening * self.full) / self.messages)
        return Envelope(opening, each, empty)

    def beside(self, other: float) -> float:
        """Return the bytes beside each message of a stream."""
        return max(0.0, self.extra / self.messages) if self.messages else other


_PLAIN_TYPES = ("application/json", "text/plain", "application/x-ndjson")


class Observed:
    """The real exchanges of a capture, by host and role; bounded."""

    def __init__(self) -> None:
        self._hosts: dict[str, dict[str, _Role]] = {}
        self._merged: dict[tuple[str | None, int], tuple[Heads, Heads]] = {}

    def add(self, exchange: Exchange) -> None:
        """Take one exchange; all of them before heads are asked for."""
        role = role_of(exchange)
        if role is None or exchange.host is None:
            return
        host = exchange.host.lower()
        roles = self._hosts.get(host)
        if roles is None:
            if len(self._hosts) >= _MAX_HOSTS:
                return
            roles = self._hosts[host] = {}
        roles.setdefault(role, _Role()).add(exchange)

    def heads(self, host: str | None, own: Heads) -> Heads:
        """Return `own` with all that real exchanges with `host` say better."""
        roles = self._hosts.get(host.lower()) if host else None
        if not roles:
            return own
        known = self._merged.get((host, id(own)))
        if known is None or known[0] is not own:
            known = self._merged[host, id(own)] = (own, _merged(own, roles))
        return known[1]


def role_of(exchange: Exchange) -> str | None:
    """Return what an exchange is an example of; None where it is of nothing."""
    if exchange.status is None or not 200 <= exchange.status < 300 or not exchange.complete:
        # A stream is cut by the end of the capture more often than not.
        return exchange.kind if exchange.kind in ("stream", "sse") and exchange.status else None
    if exchange.kind != "plain":
        return exchange.kind
    if exchange.method in ("POST", "PUT", "PATCH"):
        return "post"
    content_type = (exchange.content_type or "").partition(";")[0].strip().lower()
    return "plain" if exchange.method == "GET" and content_type in _PLAIN_TYPES else None


_INSTEAD: dict[str, tuple[str, ...]] = {
    "poll": ("poll", "long-poll", "plain"),
    "long-poll": ("long-poll", "poll", "plain"),
    "stream": ("stream",),
    "sse": ("sse",),
    "post": ("post",),
}
"""Which real exchanges stand for which, the best first."""


def _merged(own: Heads, roles: dict[str, _Role]) -> Heads:
    found: dict[str, _Role] = {}
    for wanted, candidates in _INSTEAD.items():
        for name in candidates:
            if name in roles:
                found[wanted] = roles[name]
                break
    pairs: dict[str, Pair] = {name: role.pair() for name, role in found.items()}
    for name in ("stream", "sse"):
        if name not in pairs and "poll" in pairs:
            pairs[name] = _streamed(pairs["poll"], name)
    bodies = {
        name: found[name].envelope(JSON_LIST) for name in ("poll", "long-poll") if name in found
    }
    post = found.get("post")
    return Heads(
        poll=pairs.get("poll", own.poll),
        long_poll=pairs.get("long-poll", own.long_poll),
        stream=pairs.get("stream", own.stream),
        sse=pairs.get("sse", own.sse),
        post=pairs.get("post", own.post),
        body=bodies.get("poll", own.body),
        long_body=bodies.get("long-poll", own.long_body),
        chunk=found["stream"].beside(own.chunk) if "stream" in found else own.chunk,
        event=found["sse"].beside(own.event) if "sse" in found else own.event,
        post_body=post.body / post.count if post is not None else own.post_body,
        upgrade=own.upgrade,
        observed=frozenset(found),
    )


def _streamed(poll: Pair, name: str) -> Pair:
    """Return the heads of a stream from those of a poll of the same host."""
    # A stream says Transfer-Encoding: chunked where a poll says Content-Length: nnn.
    length = len("Content-Length: 100\r\n")
    coding = len("Transfer-Encoding: chunked\r\n")
    accept = len("Accept: text/event-stream\r\n") - len("Accept: */*\r\n") if name == "sse" else 0
    return Pair(
        poll.request + accept, poll.answer + coding - length, poll.request_h2, poll.answer_h2
    )


# --- heads from a handshake ----------------------------------------------------------


_made: dict[tuple[object, ...], Heads] = {}
_MAX_MADE: Final = 4096


def from_handshake(handshake: Handshake | None) -> Heads:
    """Return heads for a connection by its opening handshake alone; equal shapes share them."""
    if handshake is None:
        return _from_handshake(None)
    key = (
        handshake.request_bytes,
        handshake.response_bytes,
        len(handshake.path or ""),
        handshake.extensions_offered_text,
        handshake.extensions_text,
        handshake.subprotocols_offered,
        handshake.subprotocol,
        *(name for name, _ in handshake.request_header),
        *(name for name, _ in handshake.response_header),
    )
    heads = _made.get(key)
    if heads is None:
        if len(_made) >= _MAX_MADE:
            _made.clear()
        heads = _made[key] = _from_handshake(handshake)
    return heads


def _from_handshake(handshake: Handshake | None) -> Heads:
    """Return heads for a connection by its opening handshake alone.

    Its fields are repeated, less Upgrade, Connection and Sec-WebSocket-*; the answers are
    the 101's other fields with the type and length of a body. docs/alternatives.md has an
    example.
    """
    asked: Fields = handshake.request_header if handshake is not None else ()
    target = (handshake.path if handshake is not None else None) or "/"
    given = handshake.response_header if handshake is not None else ()
    upgrade = None
    if handshake is not None and asked:
        upgrade = float(handshake.request_bytes), float(handshake.response_bytes)
    asked = _without_upgrade(asked or UNKNOWN)
    names = {name.lower() for name, _ in asked}
    if "connection" not in names:
        # RFC 9112 9.3: persistent by default; browsers say so all the same.
        asked = (*asked, ("Connection", "keep-alive"))
    any_type = asked if "accept" in names else (*asked, ("Accept", "*/*"))
    events = tuple(f for f in asked if f[0].lower() != "accept")
    events = (*events, ("Accept", "text/event-stream"))
    # RFC 9110 6.6.1: a server with a clock "MUST generate a Date header field".
    common = _without_upgrade(given)
    if all(name.lower() != "date" for name, _ in common):
        common = (*common, _DATED)
    chunked = ("Transfer-Encoding", "chunked")
    stream_type = ("Content-Type", "application/x-ndjson")
    event_type = ("Content-Type", "text/event-stream")
    answer = (*common, _JSON, ("Content-Length", "100"))
    posted = (*any_type, _JSON, ("Content-Length", "100"))
    poll = _pair("GET", target, any_type, 200, answer)
    return Heads(
        poll=poll,
        long_poll=poll,
        stream=_pair("GET", target, any_type, 200, (*common, stream_type, chunked)),
        sse=_pair("GET", target, events, 200, (*common, event_type, chunked)),
        post=_pair("POST", target, posted, 204, common),
        body=JSON_LIST,
        long_body=JSON_LIST,
        chunk=CHUNK_LINE,
        event=EVENT_CHUNK,
        post_body=0.0,
        upgrade=upgrade or upgraded(any_type, target),
        observed=frozenset(),
    )


_UPGRADE: Final[Fields] = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
)
_SWITCH: Final[Fields] = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
)
_NOT_IN_UPGRADE = frozenset(
    {"connection", "accept", "content-type", "content-length", "x-requested-with"}
)


def upgraded(asked: Fields, target: str, given: Fields = ()) -> tuple[float, float]:
    """Return sizes of an opening handshake (RFC 6455 4.1) modelled on a request's fields."""
    kept = tuple(f for f in asked if f[0].lower() not in _NOT_IN_UPGRADE)
    dated = tuple(f for f in given if f[0].lower() in ("date", "server"))
    request = _head_bytes("GET", target, (*kept, *_UPGRADE))
    return float(request), float(_status_bytes(101, (*_SWITCH, *dated)))


def from_exchange(exchange: Exchange) -> Heads:
    """Return heads for messages that came over HTTP: those of a real request of theirs."""
    own = from_handshake(None)
    target = exchange.path or "/"
    asked, given = exchange.request_header, exchange.response_header
    fields = tuple(f for f in asked if f[0].lower() not in ("content-type", "content-length"))
    poll = _pair("GET", target, fields, 200, given) if asked else own.poll
    posted = (*fields, _JSON, ("Content-Length", "100"))
    common = tuple(f for f in given if f[0].lower() in ("date", "server"))
    return Heads(
        poll=poll,
        long_poll=poll,
        stream=_streamed(poll, "stream"),
        sse=_streamed(poll, "sse"),
        post=_pair("POST", target, posted, 204, common) if asked else own.post,
        body=JSON_LIST,
        long_body=JSON_LIST,
        chunk=CHUNK_LINE,
        event=EVENT_CHUNK,
        post_body=0.0,
        upgrade=upgraded(fields, target, given) if asked else own.upgrade,
        observed=frozenset(),
    )


def _without_upgrade(fields: Fields) -> Fields:
    kept = []
    for name, value in fields:
        key = name.lower()
        if key == "connection":
            if value.lower() not in ("upgrade", "keep-alive, upgrade"):
                kept.append((name, value))
        elif key != "upgrade" and not key.startswith("sec-websocket-"):
            kept.append((name, value))
    return tuple(kept)


def _pair(method: str, target: str, asked: Fields, status: int, given: Fields) -> Pair:
    request = _repeated(_h2_request(method, target, asked))
    answer = _repeated(_h2_answer(status, given))
    return Pair(
        float(_head_bytes(method, target, asked)),
        float(_status_bytes(status, given)),
        request,
        answer,
    )


def _head_bytes(method: str, target: str, fields: Fields) -> int:
    """RFC 9112 3: method SP request-target SP HTTP-version CRLF, fields, CRLF."""
    return len(method) + len(target) + len("  HTTP/1.1\r\n") + _fields_bytes(fields)


_REASONS: Final = {101: "Switching Protocols", 200: "OK", 204: "No Content"}


def _status_bytes(status: int, fields: Fields) -> int:
    return len("HTTP/1.1 200 \r\n") + len(_REASONS[status]) + _fields_bytes(fields)


def _fields_bytes(fields: Iterable[tuple[str, str]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in fields) + 2


# --- HTTP/2 --------------------------------------------------------------------------

# RFC 9113 8.2.2: "An endpoint MUST NOT generate an HTTP/2 message containing
# connection-specific header fields."
_CONNECTION_SPECIFIC: Final = frozenset(
    {"connection", "host", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
)


def _h2_request(method: str, target: str, fields: Fields) -> Fields:
    host = next((value for name, value in fields if name.lower() == "host"), "")
    pseudo = ((":method", method), (":scheme", "https"), (":authority", host), (":path", target))
    return (*pseudo, *_lowered(fields))


def _h2_answer(status: int, fields: Fields) -> Fields:
    return ((":status", str(status)), *_lowered(fields))


def _lowered(fields: Fields) -> Fields:
    return tuple(
        (name.lower(), value) for name, value in fields if name.lower() not in _CONNECTION_SPECIFIC
    )


def _request_fields(exchange: Exchange) -> Fields:
    return _h2_request(exchange.method or "GET", exchange.path or "/", exchange.request_header)


def _answer_fields(exchange: Exchange) -> Fields:
    return _h2_answer(exchange.status or 200, exchange.response_header)


_SIZE_STEP: Final = 16
_known: dict[tuple[object, ...], tuple[float, float]] = {}
_MAX_KNOWN: Final = 4096


def _repeated(fields: Fields) -> tuple[float, float]:
    """Return the sizes of a head's first HEADERS frame and of a repetition of it.

    Heads with the same names, and values of about the same length, are encoded once: they
    differ in a cookie or a key. A date is new each second.
    """
    key = (*(name for name, _ in fields), sum(len(value) for _, value in fields) // _SIZE_STEP)
    sizes = _known.get(key)
    if sizes is None:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        sizes = _known[key] = _encoded(tuple(_at_second(fields, second) for second in range(4)))
    return sizes


def _at_second(fields: Fields, second: int) -> Fields:
    later = DATE.replace(":00 GMT", f":{second:02d} GMT")
    return tuple((name, later if name == "date" else value) for name, value in fields)


@lru_cache(maxsize=256)
def _encoded(heads: Sequence[Fields]) -> tuple[float, float]:
    """Return the sizes of the first of `heads` as HEADERS frames, and the mean of the others.

    One encoder for all, as a connection has one in each direction (RFC 7541 2.2).
    """
    from hpack import Encoder

    encoder = Encoder()
    sizes = [_FRAME + len(encoder.encode(list(head))) for head in heads]
    if not sizes:
        return 0.0, 0.0
    later = sizes[1:] or sizes
    return float(sizes[0]), sum(later) / len(later)
