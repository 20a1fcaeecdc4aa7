"""Callers: who asks, for what: the marks that distinguish clients and resources.

Knows request targets, the fields that name a client, and the paths of Engine.IO and SockJS.
Must not know times or packets. Called by http.delivery.groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

from analyzer.hashes import blake2b
from analyzer.lazy_dataclass import dataclass
from analyzer.lazy_pattern import lazy_pattern

ENGINE_IO: Final = "engine.io"
SOCKJS: Final = "sockjs"

_SOCKJS_PATH: Final = lazy_pattern(
    r"^(?P<prefix>[^?#]*)/(?P<server>[^/.?#]+)/(?P<session>[^/.?#]+)/"
    r"(?P<name>xhr|xhr_streaming|xhr_send|eventsource|htmlfile|jsonp|jsonp_send)$"
)
"""sockjs-protocol 0.3.3, "Session URLs": server and session "must not contain dots"."""
_SOCKJS_NAMES: Final = {
    "xhr": ("POST", "long-poll"),
    "xhr_streaming": ("POST", "stream"),
    "xhr_send": ("POST", "plain"),
    "jsonp_send": ("POST", "plain"),
    "jsonp": ("GET", "long-poll"),
    "htmlfile": ("GET", "stream"),
    "eventsource": ("GET", "sse"),
}
_SOCKJS_SERVER: Final = lazy_pattern(r"\d{3}")
"""What SockJS clients put there; asked for where method and name alone say little."""

CURSOR_WORDS: Final = frozenset(
    {
        *("after", "since", "last", "cursor", "next", "prev", "previous", "before", "until"),
        *("seq", "sequence", "serial", "index", "idx", "position", "pos", "counter", "count"),
        *("t", "ts", "time", "timestamp", "date", "now", "start", "from", "min", "max"),
        *("r", "rnd", "rand", "random", "cache", "nocache", "cachebuster", "cb", "bust", "nonce"),
        *("n", "i", "x", "z", "_", "v", "ver", "version", "rev", "revision", "etag", "hash"),
        *("poll", "request", "rid", "uuid", "latest", "newest", "seen", "known", "ack", "wait"),
        *("have", "had", "got", "received", "read"),
    }
)
"""A parameter that has one of these words in its name may change between the requests of one
client: cursors, time stamps, and what is to keep caches away."""
CLIENT_WORDS: Final = frozenset(
    {
        *("user", "userid", "username", "uid", "member", "client", "clientid", "player", "nick"),
        *("device", "session", "sessionid", "sid", "token", "account", "login", "peer", "auth"),
        *("subscriber", "participant", "key", "ticket"),
    }
)
"""A parameter with one of these words in its name names the client."""
_CACHE_WORDS: Final = frozenset({"_", "rnd", "rand", "random", "nocache", "cb", "cachebuster"})
_PAGE_WORDS: Final = frozenset({"page", "offset", "skip", "limit", "per", "pagesize"})
_WORDS: Final = lazy_pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|_+$|^_+")
_CLOCK: Final = lazy_pattern(r"1\d{9}(?:\d{3}(?:\d{3})?)?(?:\.\d+)?|0\.\d{6,}")
"""Seconds, milliseconds or microseconds of Unix time; a random number of JavaScript."""
_LONG: Final = 1024
"""Characters of a target that are kept as they are; of a longer one a digest."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a request asks for.

    Attributes:
        resource: path, and the parameters that distinguish clients or resources: whatever
            does not look like a cursor.
        state: path and query without what only keeps caches away: equal answers to equal
            ones are a state that did not change.
        transport: ENGINE_IO, SOCKJS or "".
        kind: how the transport delivers by this request; "" where it must be found out.
        session: of the transport; "" without one.
        version: of Engine.IO's protocol.
        paged: a parameter counts pages: a loop over them is no poll.
        names_client: a parameter, or the session, says who asks.
    """

    resource: str
    state: str
    transport: str = ""
    kind: str = ""
    session: str = ""
    version: int = 0
    paged: bool = False
    names_client: bool = False


def target_of(method: str, target: str) -> Target:
    """Return what a request line asks for."""
    if len(target) <= _LONG:
        return _short_target(method, target)
    # What is remembered of each lane must not be as long as headers may be.
    long = _target(method, target)
    return replace(long, resource=_digest(long.resource), state=_digest(long.state))


@lru_cache(maxsize=2048)
def _short_target(method: str, target: str) -> Target:
    return _target(method, target)


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _target(method: str, target: str) -> Target:
    path, _, query = target.partition("?")
    parameters = [each.partition("=")[::2] for each in query.split("&") if each]
    values = dict(parameters)
    if "EIO" in values and values.get("transport") == "polling":
        digits = values["EIO"]
        version = int(digits) if digits in ("1", "2", "3", "4", "5") else 3
        kind = "long-poll" if method == "GET" else "plain"
        session = values.get("sid", "")
        named = bool(session)
        return Target(path, target, ENGINE_IO, kind, session, version, names_client=named)
    match = _SOCKJS_PATH.match(path)
    if match is not None:
        wanted, kind = _SOCKJS_NAMES[match["name"]]
        if method == wanted and (
            match["name"].startswith("xhr") or _SOCKJS_SERVER.fullmatch(match["server"])
        ):
            session = match["server"] + "/" + match["session"]
            return Target(path, target, SOCKJS, kind, session, names_client=True)
    telling, lasting, paged, named = [path], [path], False, False
    for name, value in parameters:
        words = {word.lower() for word in _WORDS.findall(name)}
        paged = paged or not words.isdisjoint(_PAGE_WORDS)
        if words.isdisjoint(CURSOR_WORDS) and not _CLOCK.fullmatch(value):
            telling.append(f"{name}={value}")
            named = named or not words.isdisjoint(CLIENT_WORDS)
        if words.isdisjoint(_CACHE_WORDS):
            lasting.append(f"{name}={value}")
    return Target("?".join(telling), "?".join(lasting), paged=paged, names_client=named)


Marks = tuple[str, ...]


def marks_of(values: Mapping[str, str], target: Target) -> Marks:
    """Return what identifies a client: Host, and session or what it says of itself.

    Args:
        values: fields of the request, by name in lower case.
        target: what it asks for.
    """
    host = values.get("host", "")
    if target.session:
        return host, target.transport, target.session
    get = values.get
    return host, get("cookie", ""), get("authorization", ""), get("user-agent", "")


def identity(ends: tuple[int, ...], marks: Marks) -> bytes:
    """Return a digest of client and server.

    Args:
        ends: addresses of client and server, and the server's port.
        marks: of the client.
    """
    text = "\0".join((*map(str, ends), *marks)).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=16).digest()
