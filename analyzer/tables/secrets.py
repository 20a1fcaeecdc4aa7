"""Hides secrets that travel in headers: one function for every text that comes from them.

Cookie and Authorization never reach the tables. But browsers cannot add fields to a
WebSocket handshake, so applications put tokens where they can: in the query of the path, in
its segments, in Sec-WebSocket-Protocol; and servers repeat them in Location and in what they
say when they refuse. Knows text alone. Called wherever tables.build makes a cell of such a
text, unless --show-secrets is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from analyzer.lazy_pattern import lazy_pattern

HIDDEN = "***"

_SECRET_WORDS: Final = frozenset(
    {
        *("token", "key", "apikey", "auth", "authorization", "password", "passwd", "pwd", "pw"),
        *("secret", "sig", "signature", "session", "sessionid", "sid", "jwt", "code", "pass"),
        *("credential", "credentials", "ticket", "bearer", "passcode", "passphrase", "pin", "otp"),
        *("state", "nonce", "csrf", "xsrf", "assertion", "cookie", "hmac", "connectionid", "sess"),
        *("samlresponse", "samlrequest", "sas", "mfa", "totp", "tokens", "secrets", "passkey"),
        *("authentication", "appkey", "ott", "sso", "crumb", "verifier", "passwort", "kennwort"),
    }
)
"""A parameter is secret if one of the words of its name is: access_token, X-Amz-Signature."""

_SECRET_ENDS: Final = (
    *("token", "secret", "password", "passwd", "sessionid", "sessid", "apikey", "accesskey"),
    *("passphrase", "privatekey", "signature", "authkey", "sessionkey"),
)
"""Names in one case: jsessionid, PHPSESSID, csrftoken."""

_TELLING: Final = frozenset({"code", "state"})
"""Secret in OAuth's redirects; elsewhere the name of what says why something failed."""

_STRONG_SEGMENTS: Final = frozenset(
    {
        *("token", "tokens", "jwt", "bearer", "apikey", "secret", "password", "passwd", "pwd"),
        *("pw", "sig", "signature", "ticket", "sid", "sessionid", "otp"),
    }
)
"""Segments of a path that a secret follows; of other secret names only what looks
random is hidden, since /auth/login and /session/list are places."""

_WEAK: Final = frozenset({"access", "refresh", "hash", "login", "private", "challenge"})
"""Names of secrets and of much else: what looks random is hidden."""

_WORDS: Final = lazy_pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_JWT: Final = lazy_pattern(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,4}")
"""A JSON Web Token begins with the base64 of an opening brace and a quote (RFC 7519); it may
have been cut before its first dot."""

_USERINFO: Final = lazy_pattern(r"(?<=://)[^/?#\s\"'<>]*@")
"""RFC 3986 3.2.1; a token may be in the place of the user."""

_NAME: Final = r"[^\s=&;?#/,\"'<>(){}|:@\\]{1,128}"
_PARAMETER: Final = lazy_pattern(rf"({_NAME})(?:=|%3[Dd])")
_VALUE_IN_QUERY: Final = lazy_pattern(r"[^&;#]+")
_VALUE_IN_PATH: Final = lazy_pattern(r"[^&;#?]+")
_VALUE_IN_TEXT: Final = lazy_pattern(r"\"[^\"]*\"?|'[^']*'?|[^\s&;#\"'<>]+")
_SEGMENT: Final = lazy_pattern(r"/([^/?#\s;&=\"'<>]{1,128})/([^/?#\s;&\"'<>]+)")

_MEMBER: Final = lazy_pattern(r"""(\\{0,8}["'])([^"'\\]{1,128})\1\s{0,8}:\s{0,8}""")
"""The name of a member of a JSON object, also within a string."""
_MEMBERS_VALUE: Final = lazy_pattern(
    r""""(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\\{1,8}"(?:(?!\\{1,8}").)*(?:\\{1,8}")?"""
    r"""|\[[^\]]*\]?|\{[^{}]*\}?|[^\s,}\]"']+""",
    re.DOTALL,
)

_ELEMENT: Final = lazy_pattern(r"<([A-Za-z][\w.:-]{0,127})(\s[^<>]*)?>([^<]+)")
_INPUT: Final = lazy_pattern(
    r"""(<[^<>]{0,256}\bname\s?=\s?["']?([^"'\s<>]{1,128})["']?\s[^<>]{0,256}\b"""
    r"""(?:value|content)\s?=\s?)("[^"]*"?|'[^']*'?|[^\s"'<>]+)""",
    re.IGNORECASE,
)
_INPUT_BACK: Final = lazy_pattern(
    r"""(<[^<>]{0,256}\b(?:value|content)\s?=\s?)("[^"]*"|'[^']*'|[^\s"'<>]+)"""
    r"""([^<>]{0,256}\bname\s?=\s?["']?([^"'\s<>]{1,128}))""",
    re.IGNORECASE,
)

_FIELD: Final = lazy_pattern(
    r"((?:authorization|cookie2?)\s{0,4}:\s{0,4})[^\r\n]+"
    r"|((?:token|secret|password|passwd|api[-_]?key|signature|jwt)\s{0,4}:\s{0,4})"
    r"(?:(?:bearer|basic|digest)\s{1,4})?[^\s,;\"'<>]+",
    re.IGNORECASE,
)
"""A field line in a body that repeats a request."""

_SCHEME: Final = lazy_pattern(
    r"\b(bearer|basic)(\s+)(?=[^\s,;]*[0-9=])[^\s,;\"'<>]+", re.IGNORECASE
)

_SPOKEN_WORDS: Final = (
    *("auth", "cookie", "token", "secret", "pass", "key", "signature", "jwt", "bearer", "basic"),
    *("ticket", "credential"),
)
"""One of them is in all that _FIELD, _SCHEME and _SPOKEN match."""

_SPOKEN: Final = lazy_pattern(
    r"\b((?:token|password|passwd|passcode|secret|jwt|ticket|api[ _-]?key|signature|credentials?)"
    r"(?:\s{1,4}(?:is|was))?(?:\s{0,4}:\s{0,4}|\s{1,4})[\"'`(]?)"
    r"(?=[\w+/.~-]{0,63}[0-9])(?=[\w+/.~-]{0,63}[A-Za-z])[\w+/.~-]{10,}={0,2}(?![=&])",
    re.IGNORECASE,
)
"""In a sentence: invalid token 8f3a61c2b9."""

_SUBPROTOCOL: Final = lazy_pattern(
    r"((?:^|(?<=[.,\s_-]))(?:bearer|token|jwt|auth(?:orization)?|"
    r"base64url\.bearer\.authorization\.k8s\.io|access[._-]?token|api[._-]?key)[.,:=|]\s*)"
    r"[^\s,]+",
    re.IGNORECASE,
)
"""bearer.<token>, base64url.bearer.authorization.k8s.io.<token>, or two entries:
authorization, <token>."""

_SUBPROTOCOL_RANDOM: Final = lazy_pattern(
    r"((?:^|(?<=[.,\s]))(?:bearer|token|jwt|auth|key)[-_])"
    r"(?=[^\s,]*[0-9])(?=[^\s,]*[A-Za-z])[^\s,]{10,}",
    re.IGNORECASE,
)
"""auth-<token>; auth-v2 is the name of a protocol."""

_RUN: Final = lazy_pattern(r"[^\s&;#\"'<>]+")
_ENCODED: Final = lazy_pattern(r"%[0-9A-Fa-f]{2}")
_MAX_ENCODED: Final = 3
"""A URL in a URL in a URL."""

_TARGET: Final = lazy_pattern(r"/|[A-Za-z][A-Za-z0-9+.-]{0,31}://|\?")
_PLAIN: Final = lazy_pattern(r"[A-Za-z0-9.,: /_-]*")
_SUSPECT: Final = lazy_pattern(r"eyJ|bearer|basic|token|jwt|auth|key|pass|secret|cookie|/", re.I)

_RANDOM_ID: Final = 10
"""Characters from which on the value of `id` is a secret: SignalR negotiates one and puts it
into the query, where it is all that a connection needs."""
_RANDOM: Final = lazy_pattern(r"(?=.*[0-9])(?=.*[A-Za-z]).{10,}", re.DOTALL)


@lru_cache(maxsize=4096)
def hide(text: str) -> str:
    """Return a text from headers with the secrets in it hidden.

    >>> hide("/chat;jsessionid=1f?room=4&access_token=abc")
    '/chat;jsessionid=***?room=4&access_token=***'
    """
    return _hide(text, 0, is_target=_is_target(text))


@lru_cache(maxsize=4096)
def hide_subprotocols(text: str) -> str:
    """Do the same where Sec-WebSocket-Protocol may be in the text, whose entries bear tokens.

    >>> hide_subprotocols("v4.channel.k8s.io, bearer.abc123")
    'v4.channel.k8s.io, bearer.***'
    """
    shown = _SUBPROTOCOL.sub(rf"\1{HIDDEN}", _hide(text, 0, is_target=False))
    return _SUBPROTOCOL_RANDOM.sub(rf"\1{HIDDEN}", shown)


def _unquoted(text: str) -> str:
    """Return a text without percent-encoding, which few have."""
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Return whether a parameter of this name carries a secret."""
    words = [word.lower() for word in _WORDS.findall(_unquoted(name.replace("+", " ")))]
    if not _SECRET_WORDS.isdisjoint(words):
        return True
    joined = "".join(words)
    return joined in _SECRET_WORDS or joined.endswith(_SECRET_ENDS)


def _is_target(text: str) -> bool:
    return _TARGET.match(text) is not None


def _hide(text: str, depth: int, *, is_target: bool) -> str:
    if _PLAIN.fullmatch(text) and not _SUSPECT.search(text):
        return text
    # Each pattern only where it can match: compiling all of them takes 4 ms, searching a path
    # with them 10 us.
    if "eyJ" in text:
        text = _JWT.sub(HIDDEN, text)
    if "@" in text:
        text = _USERINFO.sub(f"{HIDDEN}@", text)
    text = _hide_markup(text)
    text = _hide_sentences(text)
    text = _hide_parameters(text, is_target=is_target)
    if text.count("/") > 1:
        text = _hide_segments(text)
    if "%" in text and depth < _MAX_ENCODED:
        text = _RUN.sub(lambda match: _hide_encoded(match[0], depth, is_target=is_target), text)
    return text


def _hide_sentences(text: str) -> str:
    """Hide secrets in field lines, behind the name of a scheme, and in sentences."""
    if ":" not in text and len(text.split(None, 1)) < 2:
        return text
    # Letters beyond ASCII may stand for others where case does not matter: a long s, for s.
    if text.isascii() and not any(word in text.lower() for word in _SPOKEN_WORDS):
        return text
    text = _FIELD.sub(lambda match: f"{match[1] or match[2]}{HIDDEN}", text)
    text = _SCHEME.sub(rf"\1\2{HIDDEN}", text)
    return _SPOKEN.sub(rf"\1{HIDDEN}", text)


def _hide_markup(text: str) -> str:
    """Hide the values of secret names in JSON, XML and HTML."""
    if ":" in text:
        text = _hide_members(text)
    if "<" in text:
        text = _ELEMENT.sub(_hidden_element, text)
        text = _INPUT.sub(_hidden_input(2, rf'\1"{HIDDEN}"'), text)
        text = _INPUT_BACK.sub(_hidden_input(4, rf'\1"{HIDDEN}"\3'), text)
    return text


def _hide_members(text: str) -> str:
    """Hide the values of secret names in JSON; those of others are searched as well."""
    out: list[str] = []
    at = 0
    while (found := _MEMBER.search(text, at)) is not None:
        out.append(text[at : found.end()])
        at = found.end()
        if not _may_be_secret(found[2]):
            continue
        match = _MEMBERS_VALUE.match(text, at)
        if match is None or not _is_secret(found[2], match[0].strip("\\\"'"), is_member=True):
            continue
        value = match[0]
        mark = ""
        if value[0] in "\"'\\":
            mark = value[: len(value) - len(value.lstrip("\\")) + 1]
        out.append(f"{mark}{HIDDEN}{mark}")
        at = match.end()
    return "".join(out) + text[at:]


def _may_be_secret(name: str) -> bool:
    return name.lower() == "id" or name.lower() in _WEAK or is_secret_name(name)


def _hidden_element(match: re.Match[str]) -> str:
    name, value = match[1], match[3]
    if not value.strip() or not _is_secret(name, value.strip(), is_member=True):
        return match[0]
    return f"<{name}{match[2] or ''}>{HIDDEN}"


def _hidden_input(group: int, shown: str) -> Callable[[re.Match[str]], str]:
    def hidden(match: re.Match[str]) -> str:
        return match.expand(shown) if is_secret_name(match[group]) else match[0]

    return hidden


def _hide_parameters(text: str, *, is_target: bool) -> str:
    """Hide the values of secret names after `=`.

    After a name that is not secret the search goes on in its value: that may be a URL.
    """
    if "=" not in text and "%3" not in text:
        return text
    query = text.find("?")
    out: list[str] = []
    at = 0
    while (found := _PARAMETER.search(text, at)) is not None:
        out.append(text[at : found.end()])
        at = found.end()
        if not _may_be_secret(found[1]):
            continue
        value_of = _VALUE_IN_TEXT
        if is_target:
            value_of = _VALUE_IN_QUERY if 0 <= query < at else _VALUE_IN_PATH
        value = value_of.match(text, at)
        # What is padded with "=" is base64, and has no value.
        if value is None or not value[0].strip("="):
            continue
        if _is_secret(found[1], value[0]):
            out.append(HIDDEN)
            at = value.end()
    return "".join(out) + text[at:]


def _is_secret(name: str, value: str, *, is_member: bool = False) -> bool:
    """Return whether the value of a name is to be hidden; `is_member`: in JSON or the like."""
    lowered = name.lower()
    if lowered == "id":
        return len(value) >= _RANDOM_ID and not value.isdigit()
    if lowered in _WEAK or (lowered in _TELLING and (is_member or value.isdigit())):
        return bool(_RANDOM.fullmatch(value))
    if is_member and value in ("null", "true", "false", ""):
        return False
    return is_secret_name(name)


def _hide_segments(text: str) -> str:
    """Hide what follows a segment such as /token/ in a path."""
    out: list[str] = []
    at = 0
    while (found := _SEGMENT.search(text, at)) is not None:
        name, value = found[1], found[2]
        begin = found.start(2)
        strong = "".join(_WORDS.findall(_unquoted(name))).lower()
        is_secret = strong in _STRONG_SEGMENTS or strong.endswith(("token", "apikey"))
        if is_secret or (is_secret_name(name) and _RANDOM.fullmatch(value)):
            out.append(text[at:begin] + HIDDEN)
            at = found.end()
        else:
            # The value may be the name of the segment after it.
            out.append(text[at : begin - 1])
            at = begin - 1
    return "".join(out) + text[at:]


def _hide_encoded(text: str, depth: int, *, is_target: bool) -> str:
    """Hide secrets that show only once their percent-encoding is undone."""
    if _ENCODED.search(text) is None:
        return text
    from urllib.parse import quote, unquote

    plain = unquote(text, errors="surrogateescape")
    shown = _hide(plain, depth + 1, is_target=is_target or _is_target(plain))
    if shown == plain:
        return text
    return quote(shown, safe="/:?=@!$()*+,~[]", errors="surrogateescape")
