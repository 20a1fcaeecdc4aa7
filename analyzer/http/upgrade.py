"""The opening handshake: what an upgrade request asks, and whether the answer fits.

Knows RFC 6455 section 4 and the fields' grammar. Must not know streams, packets or
frames. Called by http.http1.conversation.
"""

from __future__ import annotations

import binascii
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from analyzer import findings
from analyzer.findings import Finding, Kind
from analyzer.hashes import sha1
from analyzer.http.exchanges import Extension, Handshake
from analyzer.http.head import Head, is_token, target_parts

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 1.3."""

ONCE_IN_REQUEST: Final = {
    "sec-websocket-key": "RFC 6455 11.3.1",
    "sec-websocket-version": "RFC 6455 11.3.5",
    "host": "RFC 9112 3.2",
    "origin": "RFC 6454 7.3",
}
"""Fields that must not come more than once in a request, and the rule."""

ONCE_IN_RESPONSE: Final = {
    "sec-websocket-accept": "RFC 6455 11.3.3",
    "sec-websocket-protocol": "RFC 6455 11.3.4",
    "sec-websocket-extensions": "RFC 6455 11.3.2",
}

_NOT_IN_101: Final = {"content-length": "RFC 9110 8.6", "transfer-encoding": "RFC 9112 6.1"}
"""Fields that "a server MUST NOT send ... in any response with a status code of 1xx"."""

_SHOWN_FAULTS: Final = 3

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
    digest = sha1(key.encode("latin-1") + _GUID, usedforsecurity=False).digest()
    return binascii.b2a_base64(digest, newline=False).decode("ascii")


@lru_cache(maxsize=1024)
def tokens(value: str) -> tuple[str, ...]:
    """Return the elements of a comma-separated list, as sent; empty ones left out."""
    return tuple(item for part in value.split(",") if (item := part.strip(" \t")))


@lru_cache(maxsize=1024)
def has_token(value: str, wanted: str) -> bool:
    """Return whether a list names `wanted`, in any case; of "name/version" the name."""
    return any(item.lower().partition("/")[0] == wanted for item in tokens(value))


@lru_cache(maxsize=1024)
def _names(value: str, wanted: str) -> bool:
    """Return whether a list has `wanted` as it is, in any case: not as "wanted/1"."""
    return any(item.lower() == wanted for item in tokens(value))


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
    """Return whether a request asks for WebSocket, even if it does so badly.

    A request with Sec-WebSocket-Key or -Version whose Upgrade went missing on the way
    (a proxy drops it as hop-by-hop) is an attempt: it is the usual reason for failure.
    """
    values = head.values
    upgrade = values.get("upgrade")
    if upgrade is not None and has_token(upgrade, "websocket"):
        return True
    return "sec-websocket-key" in values or "sec-websocket-version" in values


class Checks:
    """Findings of one handshake, at one packet.

    Args:
        out: takes them.
        slot: of the connection.
        packet: where they show.
        direction: of the sender that is checked, and is at fault.
    """

    __slots__ = ("_direction", "_out", "_packet", "_slot", "kinds")

    def __init__(self, out: list[Finding], slot: int, packet: int, direction: int = -1) -> None:
        self._out = out
        self._slot = slot
        self._packet = packet
        self._direction = direction
        self.kinds: list[Kind] = []

    def add(self, kind: Kind, detail: str | int = "", *, rfc: str = "") -> None:
        """Note what its sender did wrong."""
        self._add(kind, detail, self._direction, rfc)

    def note(self, kind: Kind, detail: str | int = "") -> None:
        """Note something that is neither side's fault."""
        self._add(kind, detail, -1, "")

    def _add(self, kind: Kind, detail: str | int, direction: int, rfc: str) -> None:
        self.kinds.append(kind)
        self._out.append(
            Finding(kind, self._slot, self._packet, -1, detail, direction=direction, rfc=rfc)
        )


def fill_request(handshake: Handshake, head: Head) -> None:
    """Take what the request says."""
    values = head.values
    handshake.http_version = head.version
    handshake.method = head.method
    # RFC 9112 3.2.2: a server "MUST ignore the received Host header field (if any) and
    # instead use the host information of the request-target" in absolute form.
    host, handshake.path = target_parts(head.target)
    handshake.host = host or head.first("host")
    handshake.origin = head.first("origin")
    handshake.user_agent = values.get("user-agent")
    handshake.version = head.first("sec-websocket-version")
    handshake.key = head.first("sec-websocket-key")
    handshake.upgrade = values.get("upgrade")
    if "sec-websocket-key" in head.repeated:
        handshake.keys = tuple(head.each("sec-websocket-key"))
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
    check_fragment(head.target, checks)
    upgrade = values.get("upgrade")
    if upgrade is None or not _names(upgrade, "websocket"):
        checks.add(findings.HANDSHAKE_MISSING_UPGRADE, upgrade or "no Upgrade")
    connection = values.get("connection")
    if connection is None or not has_token(connection, "upgrade"):
        checks.add(findings.HANDSHAKE_BAD_CONNECTION, connection or "no Connection")
    versions = head.each("sec-websocket-version")
    if "13" not in versions:
        # "The value of this header field MUST be 13."
        checks.add(findings.HANDSHAKE_BAD_VERSION, versions[0] if versions else "none sent")
    keys = head.each("sec-websocket-key")
    if not keys:
        checks.add(findings.HANDSHAKE_MISSING_KEY)
    for key in dict.fromkeys(keys):
        if not is_key(key):
            checks.add(findings.HANDSHAKE_BAD_KEY, key[:60])
    if "sec-websocket-protocol" in values:
        check_offered(values["sec-websocket-protocol"], checks)
    if head.repeated:
        check_repeated(head, checks, ONCE_IN_REQUEST)


def check_fragment(target: str | None, checks: Checks) -> None:
    """RFC 6455 3: "Fragment identifiers are meaningless in the context of WebSocket URIs"."""
    if target is not None and "#" in target:
        checks.add(findings.HANDSHAKE_FRAGMENT, target[target.index("#") :][:60])


def check_offered(value: str, checks: Checks) -> None:
    """Judge the subprotocols that a client offers.

    RFC 6455 4.1, item 10 of the request: they "MUST be non-empty strings with characters in
    the range U+0021 to U+007E not including separator characters ... and MUST all be unique".
    """
    offered = tokens(value)
    faults = [f"{name[:60]} is no token" for name in dict.fromkeys(offered) if not is_token(name)]
    faults += [
        f"{name[:60]} is offered {count} times"
        for name, count in Counter(offered).items()
        if count > 1
    ]
    if not offered:
        faults.append("there is none in the field")
    if faults:
        checks.add(findings.HANDSHAKE_BAD_SUBPROTOCOL, "; ".join(faults[:_SHOWN_FAULTS]))


def is_key(key: str) -> bool:
    """Return whether it is 16 bytes in base64 (RFC 6455 4.1, item 7 of the request)."""
    if len(key) != 24 or not key.isascii():
        return False
    try:
        return len(binascii.a2b_base64(key, strict_mode=True)) == 16
    except binascii.Error:
        return False


def check_repeated(head: Head, checks: Checks, once: Mapping[str, str]) -> None:
    """Tell of each repeated field that `once` has, with its rule; one finding a field."""
    for name in dict.fromkeys(head.repeated):
        if name in once:
            checks.add(findings.HANDSHAKE_REPEATED_HEADER, name, rfc=once[name])


def fill_response(handshake: Handshake, head: Head) -> None:
    """Take what the final response says."""
    values = head.values
    handshake.status = head.status
    handshake.reason = head.reason
    handshake.server = values.get("server")
    handshake.response_header = head.fields
    if handshake.http_version is None:
        handshake.http_version = head.version
    handshake.subprotocol = head.first("sec-websocket-protocol")
    extensions = values.get("sec-websocket-extensions")
    if extensions is not None:
        handshake.extensions_text = extensions
        handshake.extensions = parse_extensions(extensions)
    accepts = head.each("sec-websocket-accept")
    if accepts:
        handshake.accept = accepts[0]
    if handshake.key is not None and accepts:
        handshake.accept_valid = False
        for key in handshake.keys or (handshake.key,):
            if (right := accept_for(key)) in accepts:
                handshake.key, handshake.accept, handshake.accept_valid = key, right, True
                break


def check_switch(handshake: Handshake, head: Head, checks: Checks) -> None:
    """Judge a 101 (RFC 6455 4.1, the client's checks of the response)."""
    values = head.values
    handshake.outcome = "accepted"
    check_choice(handshake, checks)
    if head.repeated:
        check_repeated(head, checks, ONCE_IN_RESPONSE)
    for name, rule in _NOT_IN_101.items():
        if name in values:
            text = f"{_spelling(head, name)}: {values[name]}"
            checks.add(findings.HANDSHAKE_BODY_IN_101, text[:60], rfc=rule)
    if handshake.accept is None:
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
    if upgrade is None or not _names(upgrade, "websocket"):
        checks.add(findings.HANDSHAKE_BAD_UPGRADE, upgrade or "no Upgrade")
        handshake.outcome = "bad-response"
        handshake.outcome_reason = "Upgrade of the 101 does not name websocket."
    elif len(tokens(upgrade)) > 1:
        # RFC 6455 4.1: a client MUST fail where the value "is not an ASCII case-insensitive
        # match" for websocket, as where a proxy repeats the field. Some look for the name only.
        checks.add(findings.HANDSHAKE_BAD_UPGRADE, upgrade[:60])
    if handshake.outcome == "accepted" and checks.kinds:
        handshake.outcome_reason = "Accepted, though " + plain(checks.kinds[0].text)
    elif handshake.outcome == "accepted" and handshake.outcome_reason:
        # That of a cut request is a sentence already.
        handshake.outcome_reason = _accepted_though(handshake.outcome_reason)


def _accepted_though(reason: str) -> str:
    return reason if reason.endswith(".") else f"Accepted, though {reason}."


def _spelling(head: Head, name: str) -> str:
    return next(sent for sent, _ in head.fields if sent.lower() == name)


def check_elsewhere(handshake: Handshake, upgrade: str, checks: Checks) -> None:
    """Judge a 101 that switches to something other than WebSocket.

    RFC 9110 7.8: "A server MUST NOT switch to a protocol that was not indicated by the client
    in the corresponding request's Upgrade header field."
    """
    asked = {name.lower() for name in tokens(handshake.upgrade or "")}
    chosen = {name.lower() for name in tokens(upgrade)}
    if chosen and chosen <= asked:
        handshake.outcome = "refused"
        handshake.outcome_reason = f"The server chose another protocol that was offered: {upgrade}."
        return
    if handshake.request_whole:
        checks.add(findings.HANDSHAKE_BAD_UPGRADE, upgrade[:60] or "none", rfc="RFC 9110 7.8")
    handshake.outcome = "bad-response"
    handshake.outcome_reason = f"The 101 switches to another protocol: {upgrade}."


def draft_of_request(head: Head) -> str:
    """Return the draft before RFC 6455 that only a request of it looks like; "" if none.

    draft-ietf-hybi-thewebsocketprotocol-00 (hixie-76) has two keys;
    draft-hixie-thewebsocketprotocol-75 none, and its fields have no "Sec-".
    """
    values = head.values
    if "sec-websocket-key1" in values or "sec-websocket-key2" in values:
        return "" if "sec-websocket-key" in values else "hixie-76"
    if "sec-websocket-key" in values or "sec-websocket-version" in values:
        return ""
    return "hixie-75" if "websocket-protocol" in values else ""


def draft_of_response(head: Head) -> str:
    """Return the draft before RFC 6455 that only a 101 of it looks like; "" if none."""
    values = head.values
    if head.status != 101 or "sec-websocket-accept" in values:
        return ""
    if "sec-websocket-location" in values or "sec-websocket-origin" in values:
        return "hixie-76"
    return "hixie-75" if "websocket-location" in values or "websocket-origin" in values else ""


def may_be_draft(head: Head) -> bool:
    """Return whether only the answer distinguishes a request from one of hixie-75."""
    values = head.values
    return "sec-websocket-key" not in values and "sec-websocket-version" not in values


def plain(text: str) -> str:
    """Return a kind's sentence without its detail, as it reads within another."""
    return in_sentence(text.partition(": {detail}")[0].rstrip(".") + ".")


def in_sentence(text: str) -> str:
    """Return a sentence as it reads within another: field names keep their spelling."""
    word = text.partition(" ")[0]
    if word in _NAMES or "-" in word:
        return text
    return text[0].lower() + text[1:]


def check_choice(handshake: Handshake, checks: Checks) -> None:
    """The server may choose only from what was offered (RFC 6455 4.1 items 5 and 6)."""
    if not handshake.request_whole:
        return
    chosen, offered = handshake.subprotocol, handshake.subprotocols_offered
    if chosen is not None and chosen not in offered:
        checks.add(findings.HANDSHAKE_UNOFFERED_SUBPROTOCOL, chosen[:60] or "no name")
    if chosen is None and offered:
        # RFC 6455 4.2.2 lets a server choose none. The Fetch standard ("WebSocket opening
        # handshake") has browsers fail the connection then.
        checks.note(findings.HANDSHAKE_NO_SUBPROTOCOL, ", ".join(offered)[:60])
    if handshake.extensions:
        names = {name for name, _ in handshake.extensions_offered}
        for name, _ in handshake.extensions:
            if name not in names:
                checks.add(findings.HANDSHAKE_UNOFFERED_EXTENSION, name[:60])


def _refusal_of_426(handshake: Handshake, upgrade: str | None) -> str:
    """Say what a 426 without Sec-WebSocket-Version means.

    RFC 9110 15.5.22: the server "might be willing to [perform the request] after the client
    upgrades to a different protocol"; which one, its Upgrade field says.
    """
    named = f", Upgrade: {upgrade}" if upgrade else ""
    reason = f"the server asks for an upgrade (426{named})"
    is_wanted = upgrade is None or has_token(upgrade, "websocket")
    if is_wanted and handshake.upgrade is not None and _names(handshake.upgrade, "websocket"):
        reason += ", as if the request had not asked for it"
    return reason


def _has_version(handshake: Handshake, versions: str) -> bool:
    """Tell whether a refusal names the version that the request has: it is about another matter."""
    named = [each.strip() for each in versions.split(",")]
    return handshake.version is not None and handshake.version.strip() in named


def refuse(handshake: Handshake, head: Head, checks: Checks) -> None:
    """Say why a final response other than 101 is a refusal."""
    status = head.status
    values = head.values
    reason = _REASONS.get(status)
    versions = values.get("sec-websocket-version")
    if status in (400, 426) and versions:
        # RFC 6455 4.2.2: "Sec-WebSocket-Version ... indicating the version(s) the
        # server is capable of understanding".
        reason = (
            f"the server names the versions that it speaks ({status}): {versions}; version "
            f"{handshake.version}, which the request has, is among them"
            if _has_version(handshake, versions)
            else f"the server wants another protocol version ({status}); "
            f"the server offers version {versions}"
        )
        checks.note(findings.HANDSHAKE_OTHER_VERSIONS, versions[:60])
    elif status == 426:
        reason = _refusal_of_426(handshake, values.get("upgrade"))
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
    checks.note(findings.HANDSHAKE_REFUSED, reason)
