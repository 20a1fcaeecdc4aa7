"""Clients: what known clients send with a plain HTTP request, by their opening handshake.

A WebSocket handshake has other fields than the same client's fetch or EventSource: browsers leave
out Accept, Referer and client hints, and add Pragma. The templates were taken from real requests
(captures/make/client_heads.py); what differs between users comes from the handshake itself. Knows
fields. Must not know sizes. Used by alternatives.heads.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from analyzer.alternatives.http2 import Fields
from analyzer.named_tuple import NamedTuple
from analyzer.tables.schema.labels import CLIENTS

_NO_CACHE: Final[Fields] = (("Pragma", "no-cache"), ("Cache-Control", "no-cache"))
_KEEP_ALIVE: Final = ("Connection", "keep-alive")
_GZIP: Final = ("Accept-Encoding", "gzip, deflate")
_REQUESTS_AGENT: Final = "python-requests/2.34.2"
_ANY: Final = ("Accept", "*/*")
_EVENTS: Final = ("Accept", "text/event-stream")


class _Template(NamedTuple):
    """How one client's requests differ from its handshake.

    Attributes:
        marks: what its User-Agent contains, one of these.
        browser: it says from which page a request comes; its handshake has an Origin.
        always: fields of every request that a handshake may lack.
        asking: further ones of a GET.
        listening: further ones of an EventSource, or of what stands in for it.
        accepts: it says `Accept: */*`.
        writes: packets in which a small POST leaves: some write head and body apart.
    """

    marks: tuple[str, ...]
    browser: bool = False
    always: Fields = ()
    asking: Fields = ()
    listening: Fields = ()
    accepts: bool = True
    writes: int = 1


_TEMPLATES: Final[dict[str, _Template]] = {
    "firefox": _Template(
        ("Firefox/",),
        browser=True,
        always=(_KEEP_ALIVE, ("Priority", "u=4")),
        listening=_NO_CACHE,
    ),
    "chromium": _Template(
        ("Chrome/", "Chromium/"), browser=True, always=(_KEEP_ALIVE,), listening=_NO_CACHE
    ),
    "curl": _Template(("curl/",)),
    "undici": _Template(
        # "node" is what Node's own fetch says; its WebSocket is undici.
        ("undici", "node"),
        always=(*(_KEEP_ALIVE, ("Accept-Language", "*"), ("Sec-Fetch-Mode", "cors"), _GZIP),),
        listening=_NO_CACHE,
    ),
    "requests": _Template(
        # The package websockets speaks no plain HTTP; requests is what most have beside it.
        ("python-requests/", "websockets/"),
        always=(_KEEP_ALIVE, _GZIP),
        writes=2,
    ),
    "aiohttp": _Template(("aiohttp/",), always=(_GZIP,)),
    "httpx": _Template(("python-httpx/",), always=(_KEEP_ALIVE, _GZIP), writes=2),
    "java": _Template(
        ("Java-http-client/",), asking=(("Content-Length", "0"),), accepts=False, writes=2
    ),
}
assert set(_TEMPLATES) == set(CLIENTS)


class Requests(NamedTuple):
    """What a client sends besides the request line, and besides the fields of a body.

    Attributes:
        client: its name in CLIENTS; "" where it is none that is known.
        get, post, events: fields of a GET, of a POST, and of a GET for server-sent events.
        writes: packets in which a small POST leaves.
        gzip: it takes bodies in gzip.
    """

    client: str
    get: Fields
    post: Fields
    events: Fields
    writes: int
    gzip: bool


def client_of(fields: Fields) -> str:
    """Return the name of the client that sent these fields, by User-Agent; "" if none is known.

    RFC 6455 4.1: a browser's handshake must have an Origin. Without one, a program has a browser's
    name only.
    """
    name = _named(_value(fields, "user-agent"))
    if name and _TEMPLATES[name].browser and not _value(fields, "origin"):
        return ""
    return name


@functools.lru_cache(maxsize=64)
def _named(agent: str) -> str:
    """Return the client whose mark a User-Agent has; few programs make most connections."""
    if "CriOS/" in agent or "FxiOS/" in agent:
        # On iOS they are all WebKit.
        return ""
    for name, template in _TEMPLATES.items():
        # "node" is a whole name; other programs have it within theirs.
        if any(agent == mark if mark == "node" else mark in agent for mark in template.marks):
            return name
    return ""


def shape(fields: Fields) -> tuple[object, ...]:
    """Return what requests depend on besides the names and the sizes of these fields."""
    client = client_of(fields)
    if not client or not _TEMPLATES[client].browser:
        return (client, _has_gzip(fields))
    site, trusted = _site(fields), _is_trusted(fields)
    return (client, site, trusted, _has_gzip(fields), *(_hints(fields) if trusted else ()))


def requests_of(fields: Fields) -> Requests | None:
    """Return what a known client would send with plain requests; None of others.

    Args:
        fields: of its opening handshake, less those that make it one.
    """
    client = client_of(fields)
    if not client:
        return None
    template = _TEMPLATES[client]
    kept = tuple(field for field in fields if field[0].lower() not in _NOT_REPEATED)
    if client == "requests":
        kept = _with_agent(kept)
    if not template.browser:
        # What a program gives by hand, such as an Origin, it would give again.
        kept = (*kept, *(field for field in fields if field[0].lower() == "origin"))
    names = {name.lower() for name, _ in kept}
    kept = (*kept, *(field for field in template.always if field[0].lower() not in names))
    get, post = (*kept, *template.asking), kept
    if template.browser:
        get, post = (*get, *_page(client, fields, "GET")), (*post, *_page(client, fields, "POST"))
    accept = (_ANY,) if template.accepts else ()
    listening = (*get, *template.listening, _EVENTS)
    return Requests(
        client, (*get, *accept), (*post, *accept), listening, template.writes, _has_gzip(kept)
    )


def handshake_fields(fields: Fields) -> Fields:
    """Return what of a plain request an opening handshake has too; a browser's with what it adds.

    Args:
        fields: of a plain request.
    """
    agent = _value(fields, "user-agent")
    origin = _value(fields, "origin") or _value(fields, "referer")
    browsers = [name for name, each in _TEMPLATES.items() if each.browser]
    client = next((n for n in browsers if any(m in agent for m in _TEMPLATES[n].marks)), "")
    if not client or not origin:
        return tuple(field for field in fields if field[0].lower() != "accept")
    parts = origin.split("/")
    kept = tuple(field for field in fields if field[0].lower() not in _OF_PLAIN_REQUESTS)
    extension = "permessage-deflate"
    if client == "chromium":
        kept = tuple(f for f in kept if not f[0].lower().startswith(("sec-fetch-", "sec-ch-")))
        extension += "; client_max_window_bits"
    else:
        kept = (*kept, _ANY)
    added = (("Origin", "/".join(parts[:3])), *_NO_CACHE)
    return (*kept, *added, ("Sec-WebSocket-Extensions", extension))


_NOT_REPEATED: Final = frozenset(
    {
        *("connection", "pragma", "cache-control", "origin", "referer", "accept"),
        *("content-length", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-dest"),
    }
)
"""Fields of handshakes that other requests do not have, or have with other values."""
_OF_PLAIN_REQUESTS: Final = frozenset(
    {*("referer", "origin", "priority", "accept"), *("pragma", "cache-control")}
)


def _value(fields: Fields, wanted: str) -> str:
    return next((value for name, value in fields if name.lower() == wanted), "")


def _has_gzip(fields: Fields) -> bool:
    return "gzip" in _value(fields, "accept-encoding").lower()


def _with_agent(fields: Fields) -> Fields:
    """Return the fields with requests' own name in the place of that of websockets."""
    if "python-requests/" in _value(fields, "user-agent"):
        return fields
    rest = tuple(field for field in fields if field[0].lower() != "user-agent")
    return (*rest, ("User-Agent", _REQUESTS_AGENT))


def _is_trusted(fields: Fields) -> bool:
    """Say whether a browser trusts the way to the host: https, or its own machine.

    Only there it says that it takes br, and sends client hints (W3C Secure Contexts 3.1).
    """
    return "br" in _value(fields, "accept-encoding").replace(",", " ").split()


def _site(fields: Fields) -> str:
    """Return what Sec-Fetch-Site would say (W3C Fetch Metadata 2.3).

    Which names belong to one owner a list says that is not at hand: the last two labels are taken.
    """
    origin = _value(fields, "origin").partition("://")[2].lower()
    host = _value(fields, "host").lower()
    if origin == host:
        return "same-origin"
    ours, theirs = (name.rpartition(":")[0] or name for name in (host, origin))
    if ours == theirs or _owner(ours) == _owner(theirs):
        return "same-site"
    return "cross-site"


def _owner(host: str) -> str:
    # Of an address every part counts.
    return host if re.fullmatch(r"[0-9.]+|\[.*\]", host) else ".".join(host.split(".")[-2:])


def _page(client: str, fields: Fields, method: str) -> Fields:
    """Return what a browser says of the page that asks, and of itself.

    Fetch 3.2: Origin goes with what crosses origins, and with every POST. Referrer Policy 3: the
    same origin sees the whole address of a page, of which only the beginning is known here.
    """
    origin, site = _value(fields, "origin"), _site(fields)
    said: Fields = (("Referer", f"{origin}/"),) if origin != "null" else ()
    if method == "POST" or site != "same-origin":
        said = (*said, ("Origin", origin))
    if not _is_trusted(fields):
        return said
    said = (
        *said,
        ("Sec-Fetch-Dest", "empty"),
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Site", site),
    )
    if client == "chromium":
        values = _hints(fields)
        names = ("sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform")
        said = (*said, *zip(names, values, strict=True))
    return said


_BRANDS: Final = {
    "HeadlessChrome/": "HeadlessChrome",
    "Edg/": "Microsoft Edge",
    "OPR/": "Opera",
}
_PLATFORMS: Final = {
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "Chrome OS",
}


def _hints(fields: Fields) -> tuple[str, str, str]:
    """Return Chromium's client hints (UA Client Hints 3): brand and version, mobile, platform."""
    agent = _value(fields, "user-agent")
    found = re.search(r"Chrom(?:e|ium)/(\d{1,4})", agent)
    version = found.group(1) if found else "156"
    brand = next((name for mark, name in _BRANDS.items() if mark in agent), "Google Chrome")
    platform = next((name for mark, name in _PLATFORMS.items() if mark in agent), "Linux")
    brands = f'"Not:A-Brand";v="8", "Chromium";v="{version}", "{brand}";v="{version}"'
    return brands, "?1" if "Mobile" in agent else "?0", f'"{platform}"'
