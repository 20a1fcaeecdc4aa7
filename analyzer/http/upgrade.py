"""The opening handshake: what an upgrade request asks, and whether the answer fits.

Knows RFC 6455 section 4 and the fields' grammar. Must not know streams, packets or
frames. Called by http.http1.conversation.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from analyzer import findings
from analyzer.findings import Finding, Kind
from analyzer.http.exchanges import Extension, Handshake
from analyzer.http.head import Head

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 1.3."""

_ONCE: Final = ("sec-websocket-key", "sec-websocket-version", "sec-websocket-accept")
"""RFC 6455 11.3: these "MUST NOT appear more than once" in a request or response."""

_NAMES: Final = ("Connection", "Upgrade", "Host")
"""Field names of one word that a finding's text may begin with."""

_REASONS: Final = {
    400: "the server found the request bad (400)",
    401: "the server asks for credentials (401)",
    403: "the server forbids it (403), often because of the Origin or missing rights",
    404: "the server knows no such path (404)",
    405: "the server does not allow GET here (405)",
    407: "the proxy asks for credentials (407)",
    429: "too many requests (429)",
    502: "the gateway got no valid answer from the server behind it (502)",
    503: "the server is unavailable (503)",
    504: "the gateway timed out waiting for the server behind it (504)",
}


def accept_for(key: str) -> str:
    """Return the Sec-WebSocket-Accept for a key (RFC 6455 4.2.2, step 5.4)."""
    digest = hashlib.sha1(key.encode("latin-1") + _GUID, usedforsecurity=False).digest()
    return binascii.b2a_base64(digest, newline=False).decode("ascii")


@lru_cache(maxsize=1024)
def tokens(value: str) -> tuple[str, ...]:
    """Return the elements of a comma-separated list, as sent; empty ones left out."""
    return tuple(item for part in value.split(",") if (item := part.strip(" \t")))


@lru_cache(maxsize=1024)
def has_token(value: str, wanted: str) -> bool:
    """Say whether a list names `wanted`, in any case; of "name/version" the name."""
    return any(item.lower().partition("/")[0] == wanted for item in tokens(value))


@lru_cache(maxsize=1024)
def parse_extensions(value: str) -> tuple[Extension, ...]:
    """Parse Sec-WebSocket-Extensions (RFC 6455 9.1); names and parameters in lower case."""
    parsed = []
    for element in _split(value, ","):
        parts = list(_split(element, ";"))
        if not parts:
            continue
        parameters = []
        for part in parts[1:]:
            name, equals, text = part.partition("=")
            given = _unquote(text.strip(" \t")) if equals else None
            parameters.append((name.strip(" \t").lower(), given))
        parsed.append((parts[0].lower(), tuple(parameters)))
    return tuple(parsed)


def _split(value: str, separator: str) -> Iterator[str]:
    """Yield the parts between separators that are not inside a quoted string."""
    if '"' not in value:
        yield from (item for part in value.split(separator) if (item := part.strip(" \t")))
        return
    begin, quoted, escaped = 0, False, False
    for at, char in enumerate(value + separator):
        if escaped:
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif (char == separator and not quoted) or at == len(value):
            if item := value[begin:at].strip(" \t"):
                yield item
            begin = at + 1
    if begin < len(value) and (item := value[begin:].strip(" \t")):
        yield item


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace("\\", "")
    return text


def is_attempt(head: Head) -> bool:
    """Say whether a request asks for WebSocket, even if it does so badly.

    A request with Sec-WebSocket-Key or -Version whose Upgrade went missing on the way
    (a proxy drops it as hop-by-hop) is an attempt: it is the usual reason for failure.
    """
    values = head.values
    upgrade = values.get("upgrade")
    if upgrade is not None and has_token(upgrade, "websocket"):
        return True
    return "sec-websocket-key" in values or "sec-websocket-version" in values


class Checks:
    """Findings of one handshake, at one packet."""

    __slots__ = ("_out", "_packet", "_slot", "kinds")

    def __init__(self, out: list[Finding], slot: int, packet: int) -> None:
        self._out = out
        self._slot = slot
        self._packet = packet
        self.kinds: list[Kind] = []

    def add(self, kind: Kind, detail: str | int = "") -> None:
        """Note one oddity."""
        self.kinds.append(kind)
        self._out.append(Finding(kind, self._slot, self._packet, -1, detail))


def fill_request(handshake: Handshake, head: Head) -> None:
    """Take what the request says."""
    values = head.values
    handshake.http_version = head.version
    handshake.method = head.method
    handshake.path = head.target
    handshake.host = values.get("host")
    handshake.origin = values.get("origin")
    handshake.user_agent = values.get("user-agent")
    handshake.version = values.get("sec-websocket-version")
    handshake.key = values.get("sec-websocket-key")
    offered = values.get("sec-websocket-protocol")
    if offered is not None:
        handshake.subprotocols_offered = tokens(offered)
    extensions = values.get("sec-websocket-extensions")
    if extensions is not None:
        handshake.extensions_offered_text = extensions
        handshake.extensions_offered = parse_extensions(extensions)
    handshake.request_header = head.fields
    handshake.request_bytes = head.size


def check_request(head: Head, checks: Checks) -> None:
    """Apply the rules for the client's request (RFC 6455 4.1)."""
    values = head.values
    if head.method != "GET":
        checks.add(findings.HANDSHAKE_BAD_METHOD, head.method)
    if head.version < "1.1":
        # "The method of the request MUST be GET, and the HTTP version MUST be at least 1.1."
        checks.add(findings.HANDSHAKE_BAD_HTTP_VERSION, f"HTTP/{head.version}")
    if "host" not in values:
        checks.add(findings.HANDSHAKE_MISSING_HOST)
    upgrade = values.get("upgrade")
    if upgrade is None or not has_token(upgrade, "websocket"):
        checks.add(findings.HANDSHAKE_MISSING_UPGRADE, upgrade or "no Upgrade")
    connection = values.get("connection")
    if connection is None or not has_token(connection, "upgrade"):
        checks.add(findings.HANDSHAKE_BAD_CONNECTION, connection or "no Connection")
    version = values.get("sec-websocket-version")
    if version != "13":
        # "The value of this header field MUST be 13."
        checks.add(findings.HANDSHAKE_BAD_VERSION, version or "none sent")
    key = values.get("sec-websocket-key")
    if key is None:
        checks.add(findings.HANDSHAKE_MISSING_KEY)
    elif not is_key(key):
        checks.add(findings.HANDSHAKE_BAD_KEY, key[:60])
    if head.repeated:
        _check_repeated(head, checks, _ONCE)


def is_key(key: str) -> bool:
    """Say whether it is 16 bytes in base64 (RFC 6455 4.1, item 7 of the request)."""
    if len(key) != 24 or not key.isascii():
        return False
    try:
        return len(binascii.a2b_base64(key, strict_mode=True)) == 16
    except binascii.Error:
        return False


def _check_repeated(head: Head, checks: Checks, once: tuple[str, ...]) -> None:
    for name in dict.fromkeys(head.repeated):
        if name in once:
            checks.add(findings.HANDSHAKE_REPEATED_HEADER, name)


def fill_response(handshake: Handshake, head: Head) -> None:
    """Take what the final response says."""
    values = head.values
    handshake.status = head.status
    handshake.reason = head.reason
    handshake.accept = values.get("sec-websocket-accept")
    handshake.response_header = head.fields
    if handshake.http_version is None:
        handshake.http_version = head.version
    handshake.subprotocol = values.get("sec-websocket-protocol")
    extensions = values.get("sec-websocket-extensions")
    if extensions is not None:
        handshake.extensions_text = extensions
        handshake.extensions = parse_extensions(extensions)
    if handshake.key is not None and handshake.accept is not None:
        handshake.accept_valid = handshake.accept == accept_for(handshake.key)


def check_switch(handshake: Handshake, head: Head, checks: Checks) -> None:
    """Judge a 101 (RFC 6455 4.1, the client's checks of the response)."""
    values = head.values
    handshake.outcome = "accepted"
    check_choice(handshake, checks)
    if head.repeated:
        _check_repeated(
            head,
            checks,
            ("sec-websocket-accept", "sec-websocket-protocol", "sec-websocket-version"),
        )
    if handshake.key is not None and handshake.accept is None:
        checks.add(findings.HANDSHAKE_MISSING_ACCEPT)
        handshake.outcome = "bad-accept"
        handshake.outcome_reason = "The 101 has no Sec-WebSocket-Accept."
    elif handshake.accept_valid is False:
        assert handshake.key is not None
        expected = accept_for(handshake.key)
        checks.add(
            findings.HANDSHAKE_BAD_ACCEPT, f"{(handshake.accept or '')[:60]} instead of {expected}"
        )
        handshake.outcome = "bad-accept"
        handshake.outcome_reason = f"Sec-WebSocket-Accept should be {expected}."
    connection = values.get("connection")
    if connection is None or not has_token(connection, "upgrade"):
        checks.add(findings.HANDSHAKE_BAD_CONNECTION, connection or "no Connection in the 101")
        handshake.outcome = "bad-response"
        handshake.outcome_reason = "Connection of the 101 does not name Upgrade."
    upgrade = values.get("upgrade")
    if upgrade is None or not has_token(upgrade, "websocket"):
        checks.add(findings.HANDSHAKE_BAD_UPGRADE, upgrade or "no Upgrade")
        handshake.outcome = "bad-response"
        handshake.outcome_reason = "Upgrade of the 101 does not name websocket."
    if handshake.outcome == "accepted" and checks.kinds:
        handshake.outcome_reason = "Accepted, though " + _plain(checks.kinds[0].text)


def _plain(text: str) -> str:
    return in_sentence(text.partition(": {detail}")[0].rstrip(".") + ".")


def in_sentence(text: str) -> str:
    """Return a sentence as it reads within another: field names keep their spelling."""
    word = text.partition(" ")[0]
    if word in _NAMES or "-" in word:
        return text
    return text[0].lower() + text[1:]


def check_choice(handshake: Handshake, checks: Checks) -> None:
    """The server may choose only from what was offered (RFC 6455 4.1 items 5 and 6)."""
    if handshake.request_bytes == 0:
        return
    chosen = handshake.subprotocol
    if chosen is not None and chosen not in handshake.subprotocols_offered:
        checks.add(findings.HANDSHAKE_UNOFFERED_SUBPROTOCOL, chosen[:60])
    if handshake.extensions:
        offered = {name for name, _ in handshake.extensions_offered}
        for name, _ in handshake.extensions:
            if name not in offered:
                checks.add(findings.HANDSHAKE_UNOFFERED_EXTENSION, name[:60])


def refuse(handshake: Handshake, head: Head, checks: Checks) -> None:
    """Say why a final response other than 101 is a refusal."""
    status = head.status
    values = head.values
    reason = _REASONS.get(status)
    versions = values.get("sec-websocket-version")
    if status == 426 or (status == 400 and versions is not None):
        # RFC 6455 4.2.2: "Sec-WebSocket-Version ... indicating the version(s) the
        # server is capable of understanding".
        offers = f"the server offers version {versions}" if versions else "no version is offered"
        reason = f"the server wants another protocol version ({status}); {offers}"
    elif 300 <= status < 400:
        place = values.get("location")
        reason = f"redirected ({status}) to {place}" if place else f"redirected ({status})"
    elif 200 <= status < 300:
        reason = f"the server answered as to a plain request ({status})"
    elif reason is None:
        reason = f"the server answered {status} {head.reason}".rstrip()
    if status == 401 and (challenge := values.get("www-authenticate")):
        reason += f", scheme {challenge.partition(' ')[0]}"
    if handshake.outcome_reason:
        reason += f"; {handshake.outcome_reason}"
    handshake.outcome = "refused"
    handshake.outcome_reason = reason[0].upper() + reason[1:] + "."
    checks.add(findings.HANDSHAKE_REFUSED, reason)
