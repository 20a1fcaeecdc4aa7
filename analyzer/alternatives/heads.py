"""Headers: what requests and answers of other transports would carry besides messages.

HTTP is stateless: each request repeats its fields. Headers come from real exchanges with the
same host where the capture holds some, else from the opening handshake: as a known client
would ask (alternatives.clients), or the handshake without its upgrade fields. Sizes are bytes; for
HTTP/2 the package hpack encodes the fields in sequence (RFC 7541). Knows fields. Must not know
packets. Used by alternatives.stage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from analyzer.alternatives.clients import Requests, handshake_fields, requests_of, shape
from analyzer.alternatives.http2 import DATE, Fields, HeadSizes, answer_fields, request_fields
from analyzer.alternatives.roles import JSON_LIST, Envelope, Pair, Role
from analyzer.http.exchanges import Exchange, Handshake
from analyzer.lazy_dataclass import dataclass, field
from analyzer.lazy_pattern import lazy_pattern
from analyzer.options import Options

_MAX_SAMPLES: Final = 16
"""Real headers kept for a host and role: they differ in a cursor and a date."""
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
class Heads:
    """What the transports of one connection would carry.

    Attributes:
        poll, long_poll, stream, sse, post: headers by what is asked for.
        body: of polls; chunk: of a message in a stream, its chunk framing too; event: of
            one in server-sent events, with chunk framing; in HTTP/2 without it.
        post_body: mean body of the answer to a POST.
        upgrade: request and answer of an opening handshake with these headers.
        observed: roles of which real exchanges were seen.
        gzip: the client takes bodies in gzip.
        coded: share of real answers whose bodies were in gzip, by the name of their headers.
        post_writes: packets in which a client sends a small POST: some write its headers and its
            body separately.
        client: whose requests modelled headers are taken from; "" where none is known.
        acks: packets that only acknowledge, of a small real exchange, by the name of its headers.
        answer_writes: packets of a small real answer, by the name of its headers: some write
            headers and body apart.
        parting: POSTs with which a client that polls leaves: Engine.IO's packet close.
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
    gzip: bool = True
    coded: dict[str, float] = field(default_factory=dict)
    post_writes: float = 1.0
    client: str = ""
    acks: dict[str, float] = field(default_factory=dict)
    answer_writes: dict[str, float] = field(default_factory=dict)
    parting: float = 0.0

    @property
    def reply(self) -> Pair:
        """Headers of an answer that brings a reply: those of real POSTs, if they had bodies."""
        return self.post if "post" in self.observed and self.post_body > 0 else self.poll


_ENGINE_IO: Final = lazy_pattern(r"[^?]*\?(?:.*&)?EIO=[1-5](?:&|$)")
"""Target of Engine.IO: over WebSocket a Close ends it, over polls a packet."""
CHUNK_LINE: Final = 7.0
"""A line in a chunk (RFC 9112 7.1): size in hex (two digits), CRLF, LF of the line, CRLF."""
EVENT_CHUNK: Final = 14.0
"""An event in a chunk: "data: ", two LF, size in hex (two digits), two CRLF."""


# --- one host's real exchanges ------------------------------------------------------

_PLAIN_TYPES = ("application/json", "text/plain", "application/x-ndjson")


class Observed:
    """The real exchanges of a capture, by host and role; bounded."""

    def __init__(self, options: Options, sizes: HeadSizes) -> None:
        self._options = options
        self._sizes = sizes
        self._hosts: dict[str, dict[str, Role]] = {}
        self._merged: dict[tuple[str | None, int], tuple[Heads, Heads]] = {}
        self._kept_bytes = 0
        self._cut = self._unkept = 0

    def add(self, exchange: Exchange) -> None:
        """Take one exchange; all of them before headers are asked for."""
        name = role_of(exchange)
        if name is None or exchange.host is None:
            return
        host = exchange.host.lower()
        roles = self._hosts.get(host)
        if roles is None:
            if len(self._hosts) >= self._options.max_observed_hosts:
                self._cut += 1
                return
            roles = self._hosts[host] = {}
        role = roles.setdefault(name, Role())
        role.add(exchange)
        if len(role.requests) < _MAX_SAMPLES:
            self._keep(role, exchange)

    def _keep(self, role: Role, exchange: Exchange) -> None:
        """Keep its headers as an example, if there is room."""
        size = exchange.request_header_bytes + exchange.response_header_bytes
        if self._kept_bytes + size > self._options.max_observed_head_bytes:
            self._unkept += 1
            return
        self._kept_bytes += size
        method, target = exchange.method or "GET", exchange.path or "/"
        role.requests.append(request_fields(method, target, exchange.request_header))
        role.answers.append(answer_fields(exchange.status or 200, exchange.response_header))

    def cut(self) -> Iterator[str]:
        """Yield a sentence for each limit that was reached."""
        if self._cut:
            yield f"{self._cut} exchanges are with hosts above max_observed_hosts"
        if self._unkept:
            yield f"heads of {self._unkept} exchanges lie above max_observed_head_bytes"

    def heads(self, host: str | None, own: Heads) -> Heads:
        """Return `own` with all that real exchanges with `host` say better."""
        roles = self._hosts.get(host.lower()) if host else None
        if not roles:
            return own
        known = self._merged.get((host, id(own)))
        if known is None or known[0] is not own:
            known = self._merged[host, id(own)] = (own, _merged(own, roles, self._sizes))
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
"""Which real exchanges can replace which, the best first."""


_PAIRS = {name: name.replace("-", "_") for name in _INSTEAD}
"""Fields of Heads."""


def _merged(own: Heads, roles: dict[str, Role], sizes: HeadSizes) -> Heads:
    found: dict[str, Role] = {}
    for wanted, candidates in _INSTEAD.items():
        for name in candidates:
            if name in roles:
                found[wanted] = roles[name]
                break
    pairs: dict[str, Pair] = {name: role.pair(sizes) for name, role in found.items()}
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
        gzip=any(role.accepting for role in found.values()),
        post_writes=post.writes if post is not None else own.post_writes,
        client=own.client,
        parting=own.parting,
        answer_writes={_PAIRS[name]: role.answer_writes for name, role in found.items()},
        acks={
            _PAIRS[name]: role.pure_acks
            for name, role in found.items()
            # A poll that is answered at once says nothing of one that is held.
            if role is roles.get(name) and role.pure_acks is not None
        },
        coded={_PAIRS[name]: role.coded / role.count for name, role in found.items()},
    )


def _streamed(poll: Pair, name: str) -> Pair:
    """Return the headers of a stream from those of a poll of the same host."""
    # A stream says Transfer-Encoding: chunked where a poll says Content-Length: nnn.
    length = len("Content-Length: 100\r\n")
    coding = len("Transfer-Encoding: chunked\r\n")
    accept = len("Accept: text/event-stream\r\n") - len("Accept: */*\r\n") if name == "sse" else 0
    return Pair(
        poll.request + accept, poll.answer + coding - length, poll.request_h2, poll.answer_h2
    )


# --- headers from a handshake ----------------------------------------------------------


_MAX_MADE: Final = 4096


class HeadMaker:
    """Makes headers where no real exchange was captured; one for an analysis."""

    def __init__(self, sizes: HeadSizes) -> None:
        self._sizes = sizes
        self._made: dict[tuple[object, ...], Heads] = {}
        self._alike: dict[tuple[int, int, int], Heads] = {}

    def from_handshake(self, handshake: Handshake | None) -> Heads:
        """Return headers by an opening handshake alone; equal shapes share them."""
        if handshake is None or handshake.alike < 0:
            return self._by_shape(handshake)
        # Cookies may differ, and matter by their length alone.
        key = handshake.alike, handshake.request_bytes, handshake.response_bytes
        heads = self._alike.get(key)
        if heads is None:
            heads = self._by_shape(handshake)
            self._alike[key] = heads
        return heads

    def _by_shape(self, handshake: Handshake | None) -> Heads:
        key = () if handshake is None else _shape(handshake)
        heads = self._made.get(key)
        if heads is None:
            if len(self._made) >= _MAX_MADE:
                self._made.clear()
            heads = self._made[key] = self._from_handshake(handshake)
        if len(self._alike) >= _MAX_MADE:
            self._alike.clear()
        return heads

    def _from_handshake(self, handshake: Handshake | None) -> Heads:
        """Return headers for a connection by its opening handshake alone.

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
        sent = requests_of(asked) or _repeated(asked)
        # RFC 9110 6.6.1: a server with a clock "MUST generate a Date header field".
        common = _without_upgrade(given)
        if all(name.lower() != "date" for name, _ in common):
            common = (*common, _DATED)
        chunked = ("Transfer-Encoding", "chunked")
        stream_type = ("Content-Type", "application/x-ndjson")
        event_type = ("Content-Type", "text/event-stream")
        answer = (*common, _JSON, ("Content-Length", "100"))
        posted = (*sent.post, _JSON, ("Content-Length", "100"))
        poll = self._pair("GET", target, sent.get, 200, answer)
        return Heads(
            poll=poll,
            long_poll=poll,
            stream=self._pair("GET", target, sent.get, 200, (*common, stream_type, chunked)),
            sse=self._pair("GET", target, sent.events, 200, (*common, event_type, chunked)),
            post=self._pair("POST", target, posted, 204, common),
            body=JSON_LIST,
            long_body=JSON_LIST,
            chunk=CHUNK_LINE,
            event=EVENT_CHUNK,
            post_body=0.0,
            upgrade=upgrade or upgraded(sent.get, target),
            observed=frozenset(),
            gzip=sent.gzip,
            post_writes=sent.writes,
            client=sent.client,
            parting=float(_ENGINE_IO.match(target) is not None),
        )

    def from_exchange(self, exchange: Exchange) -> Heads:
        """Return headers for messages that came over HTTP: those of a real request of theirs."""
        own = self.from_handshake(None)
        target = exchange.path or "/"
        asked, given = exchange.request_header, exchange.response_header
        fields = tuple(f for f in asked if f[0].lower() not in ("content-type", "content-length"))
        poll = self._pair("GET", target, fields, 200, given) if asked else own.poll
        posted = (*fields, _JSON, ("Content-Length", "100"))
        common = tuple(f for f in given if f[0].lower() in ("date", "server"))
        return Heads(
            poll=poll,
            long_poll=poll,
            stream=_streamed(poll, "stream"),
            sse=_streamed(poll, "sse"),
            post=self._pair("POST", target, posted, 204, common) if asked else own.post,
            body=JSON_LIST,
            long_body=JSON_LIST,
            chunk=CHUNK_LINE,
            event=EVENT_CHUNK,
            post_body=0.0,
            upgrade=upgraded(fields, target, given) if asked else own.upgrade,
            observed=frozenset(),
        )

    def _pair(self, method: str, target: str, asked: Fields, status: int, given: Fields) -> Pair:
        request, answer = _head_bytes(method, target, asked), _status_bytes(status, given)
        return Pair(
            float(request),
            float(answer),
            self._sizes.repeated(request_fields(method, target, asked), request),
            self._sizes.repeated(answer_fields(status, given), answer),
        )


def _shape(handshake: Handshake) -> tuple[object, ...]:
    return (
        handshake.request_bytes,
        handshake.response_bytes,
        len(handshake.path or ""),
        _ENGINE_IO.match(handshake.path or "") is not None,
        handshake.extensions_offered_text,
        handshake.extensions_text,
        handshake.subprotocols_offered,
        handshake.subprotocol,
        _shape_of(_without_key(handshake.request_header or UNKNOWN)),
        *(name for name, _ in handshake.request_header),
        *(name for name, _ in handshake.response_header),
    )


_KEY_FIELD: Final = "sec-websocket-key"


def _without_key(fields: Fields) -> Fields:
    """Return fields without the nonce, which alone differs between handshakes of one client."""
    size = len(_KEY_FIELD)
    return tuple(
        (name, "") if len(name) == size and name.lower() == _KEY_FIELD else (name, value)
        for name, value in fields
    )


# Of many connections few differ; those with a cookie of their own drive out the others.
_shape_of = lru_cache(maxsize=64)(shape)


def _repeated(asked: Fields) -> Requests:
    """Return requests of a client that is not known: the fields of its handshake again."""
    names = {name.lower() for name, _ in asked}
    if "connection" not in names:
        # RFC 9112 9.3: persistent by default; browsers still send the field.
        asked = (*asked, ("Connection", "keep-alive"))
    any_type = asked if "accept" in names else (*asked, ("Accept", "*/*"))
    events = tuple(f for f in asked if f[0].lower() != "accept")
    events = (*events, ("Accept", "text/event-stream"))
    return Requests("", any_type, any_type, events, 1, gzip=True)


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
_NOT_IN_UPGRADE = frozenset({"connection", "content-type", "content-length", "x-requested-with"})


def upgraded(asked: Fields, target: str, given: Fields = ()) -> tuple[float, float]:
    """Return sizes of an opening handshake (RFC 6455 4.1) modelled on a request's fields."""
    kept = tuple(f for f in handshake_fields(asked) if f[0].lower() not in _NOT_IN_UPGRADE)
    dated = tuple(f for f in given if f[0].lower() in ("date", "server"))
    request = _head_bytes("GET", target, (*kept, *_UPGRADE))
    return float(request), float(_status_bytes(101, (*_SWITCH, *dated)))


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


def _head_bytes(method: str, target: str, fields: Fields) -> int:
    """RFC 9112 3: method SP request-target SP HTTP-version CRLF, fields, CRLF."""
    return len(method) + len(target) + len("  HTTP/1.1\r\n") + _fields_bytes(fields)


_REASONS: Final = {101: "Switching Protocols", 200: "OK", 204: "No Content"}


def _status_bytes(status: int, fields: Fields) -> int:
    return len("HTTP/1.1 200 \r\n") + len(_REASONS[status]) + _fields_bytes(fields)


def _fields_bytes(fields: Iterable[tuple[str, str]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in fields) + 2
