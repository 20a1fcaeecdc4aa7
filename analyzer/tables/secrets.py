"""Hides secrets that travel in the open: tokens in queries and in subprotocols.

Cookie and Authorization never reach the tables. Browsers cannot add fields to a
WebSocket handshake, so applications put tokens where they can: in the query of the
path, or in Sec-WebSocket-Protocol. Knows text alone. Called by tables.build unless
--show-secrets is given.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote_plus

HIDDEN = "***"

_SECRET_WORDS = frozenset(
    {
        *("token", "key", "apikey", "auth", "authorization", "password", "passwd", "pwd"),
        *("secret", "sig", "signature", "session", "sessionid", "sid", "jwt", "code"),
        *("accesstoken", "credential", "credentials", "ticket", "bearer", "authtoken"),
    }
)
"""A parameter is secret if one of the words of its name is: access_token, X-Amz-Signature."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_PARAMETER = re.compile(r"([^=&;?]+)=([^&;]+)")

_USERINFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://[^/?#@:]*):[^/?#@]*@")
"""user:password@ in an absolute request target (RFC 9112 3.2.2)."""

_BEARER = re.compile(
    r"((?:^|(?<=[.,\s_-]))(?:bearer|token|jwt|auth(?:orization)?|"
    r"base64url\.bearer\.authorization\.k8s\.io|access[._-]?token|api[._-]?key)[.,:=|]\s*)"
    r"[^\s,]+",
    re.IGNORECASE,
)
"""bearer.<token>, base64url.bearer.authorization.k8s.io.<token>, or two entries:
authorization, <token>."""

_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?")
"""A JSON Web Token begins with the base64 of an opening brace and a quote (RFC 7519)."""


@lru_cache(maxsize=4096)
def hide_query(path: str) -> str:
    """Return a request target with the values of secret parameters hidden.

    >>> hide_query("/chat?room=4&access_token=abc")
    '/chat?room=4&access_token=***'
    """
    path = _JWT.sub(HIDDEN, _USERINFO.sub(rf"\1:{HIDDEN}@", path))
    at = path.find("?")
    if at < 0:
        return path
    return path[: at + 1] + _PARAMETER.sub(_hidden_parameter, path[at + 1 :])


@lru_cache(maxsize=4096)
def hide_subprotocols(text: str) -> str:
    """Return Sec-WebSocket-Protocol with the tokens in its entries hidden.

    >>> hide_subprotocols("v4.channel.k8s.io, bearer.abc123")
    'v4.channel.k8s.io, bearer.***'
    """
    return _JWT.sub(HIDDEN, _BEARER.sub(rf"\1{HIDDEN}", text))


def is_secret_name(name: str) -> bool:
    """Return whether a parameter of this name carries a secret."""
    words = [word.lower() for word in _WORDS.findall(unquote_plus(name))]
    return not _SECRET_WORDS.isdisjoint(words) or "".join(words) in _SECRET_WORDS


def _hidden_parameter(match: re.Match[str]) -> str:
    name = match[1]
    return f"{name}={HIDDEN}" if is_secret_name(name) else match[0]
