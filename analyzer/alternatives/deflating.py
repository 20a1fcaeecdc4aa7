"""Deflating: how hard programs compress, by the name that they give themselves.

How much deflate makes of payload depends on the level that a program asks zlib for: on JSON of some
kB level 1 takes a third more than level 6. No header says the level; the defaults of programs are
known. Knows header fields. Must not know payload. Used by alternatives.sampling and sessions.
"""

from __future__ import annotations

from typing import Final

from analyzer.lazy_pattern import lazy_pattern
from analyzer.named_tuple import NamedTuple

USUAL: Final = 6
"""zlib's default."""
_LEVELS: Final = {
    # Bodies over HTTP, messages over WebSocket.
    "aiohttp": (6, 1),  # aiohttp 3: web_response; _websocket/writer.py, Z_BEST_SPEED
    "nginx": (1, USUAL),  # ngx_http_gzip_module, gzip_comp_level; it passes WebSocket on
    "openresty": (1, USUAL),
}
_NAME: Final = lazy_pattern("|".join(_LEVELS))


class Levels(NamedTuple):
    """Levels of zlib.

    Attributes:
        bodies: of HTTP's answers.
        down: of the server's messages over WebSocket; up: of the client's.
    """

    bodies: int = USUAL
    down: int = USUAL
    up: int = USUAL


UNKNOWN: Final = Levels()
"""Of programs that are not known."""


def levels_of(server: str | None, agent: str | None) -> Levels:
    """Return what programs do by default.

    Args:
        server: Server field of an answer; None without one.
        agent: User-Agent field of a request; None without one.
    """
    bodies, down = _of(server)
    return Levels(bodies, down, _of(agent)[1])


def _of(name: str | None) -> tuple[int, int]:
    # The name may be long: it is from traffic.
    match = _NAME.search((name or "")[:256].lower())
    return _LEVELS[match[0]] if match is not None else (USUAL, USUAL)
