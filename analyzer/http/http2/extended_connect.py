"""WebSocket over HTTP/2: extended CONNECT and its answer (RFC 8441).

Knows heads and the rules for them. Must not know streams or frames. Called by
http.http2.session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from analyzer import findings
from analyzer.http import pairing
from analyzer.http.collector import Results
from analyzer.http.exchanges import Handshake
from analyzer.http.handover import PACKET, TIME, Row
from analyzer.http.head import Head
from analyzer.http.upgrade import (
    ONCE_IN_REQUEST,
    ONCE_IN_RESPONSE,
    Checks,
    check_choice,
    check_fragment,
    check_offered,
    check_repeated,
    fill_request,
    in_sentence,
    plain,
    refuse,
)

_NEEDED: Final = (":scheme", ":path")
"""RFC 8441 4: on an extended CONNECT these "MUST be included"."""


def is_connect(pseudo: Mapping[str, str]) -> bool:
    """Return whether a request asks for WebSocket over its stream (RFC 8441 4, 5).

    With another method than CONNECT it does so badly.
    """
    return pseudo.get(":protocol", "").lower() == "websocket"


def begin_connect(
    results: Results,
    slot: int,
    client: int,
    head: Head,
    pseudo: Mapping[str, str],
    first_time: int,
    row: Row,
    *,
    is_ended: bool = False,
    is_whole: bool = True,
) -> Handshake:
    """Return the attempt that an extended CONNECT begins.

    Args:
        results: where oddities go.
        slot: of the TCP connection.
        client: side of the client.
        head: of the request.
        pseudo: its pseudo-header fields.
        first_time: ns of its first byte.
        row: with its last byte.
        is_ended: END_STREAM came with it.
        is_whole: all its fields are known; else what is not among them may have been sent.
    """
    handshake = Handshake(slot, client, results.next_handshake())
    fill_request(handshake, head)
    # "Sec-WebSocket-Key and Sec-WebSocket-Accept header fields [are not] processed"
    # (RFC 8441 5).
    handshake.key, handshake.keys = None, ()
    handshake.path = pseudo.get(":path")
    handshake.scheme = "wss" if pseudo.get(":scheme", "").lower() in ("https", "wss") else "ws"
    handshake.request_first_time = first_time
    handshake.request_last_time = max(first_time, row[TIME])
    handshake.request_packet = row[PACKET]
    before = len(results.findings)
    checks = Checks(results.findings, slot, row[PACKET], 2 * slot + client)
    handshake.fields_unknown = not is_whole
    _check_connect(head, pseudo, checks, is_whole=is_whole)
    if is_ended:
        checks.add(
            findings.HTTP2_CONNECT_INVALID,
            "it has END_STREAM, so that the client can send no frame",
            rfc="RFC 8441 5",
        )
    if checks.kinds:
        text = results.findings[before].text
        handshake.outcome_reason = in_sentence(text).rstrip(".")
    return handshake


def _check_connect(
    head: Head, pseudo: Mapping[str, str], checks: Checks, *, is_whole: bool
) -> None:
    """Apply the rules for the client's request."""
    method = pseudo.get(":method", "")
    if method != "CONNECT" and (method or is_whole):
        # RFC 8441 4: the pseudo-header field ":protocol" is for "requests using the CONNECT
        # method".
        text = f":protocol stands on a {method[:32] or 'request without a method'}"
        checks.add(findings.HTTP2_CONNECT_INVALID, text)
    missing = [name for name in _NEEDED if name not in pseudo]
    # RFC 9113 8.3.1: the host may come in Host instead, as in any request.
    if "host" not in head.values:
        missing.append(":authority")
    if missing and is_whole:
        checks.add(findings.HTTP2_CONNECT_INCOMPLETE, ", ".join(missing))
    scheme = pseudo.get(":scheme")
    if scheme is not None and scheme.lower() not in ("http", "https"):
        # RFC 8441 5: "The scheme of the target URI MUST be "https" for "wss"-schemed WebSockets
        # ... or "http" for "ws"-schemed WebSockets."
        text = f":scheme is {scheme[:40]}, not http or https"
        checks.add(findings.HTTP2_CONNECT_INVALID, text, rfc="RFC 8441 5")
    check_fragment(pseudo.get(":path"), checks)
    versions = head.each("sec-websocket-version")
    if "13" not in versions and (versions or is_whole):
        checks.add(findings.HANDSHAKE_BAD_VERSION, versions[0] if versions else "none sent")
    if "sec-websocket-protocol" in head.values:
        check_offered(head.values["sec-websocket-protocol"], checks)
    if head.repeated:
        check_repeated(head, checks, ONCE_IN_REQUEST)


def is_plain_answer(handshake: Handshake, head: Head) -> bool:
    """Return whether a 2xx opens no tunnel, since the request was no CONNECT.

    A server that does not know :protocol answers a GET as any other, with content.
    """
    return handshake.method != "CONNECT" and (
        "content-length" in head.values or "content-type" in head.values
    )


def answer_connect(
    results: Results,
    handshake: Handshake,
    head: Head,
    first_time: int,
    row: Row,
    *,
    is_whole: bool = True,
) -> bool:
    """Take the final answer; say whether the WebSocket is open.

    Without `is_whole` fields of it are not known.

    "a 2xx (Successful) response ... indicates that the tunnel is open" (RFC 8441 5).
    """
    pairing.answer_attempt(handshake, head, first_time, row)
    handshake.accept = handshake.accept_valid = None
    server = 2 * handshake.slot + 1 - handshake.client_side
    checks = Checks(results.findings, handshake.slot, row[PACKET], server)
    if head.status == 101:
        # RFC 9113 8.6: "HTTP/2 removes support for the 101 (Switching Protocols)
        # informational status code".
        text = "the answer is 101, which HTTP/2 does not have"
        checks.add(findings.HTTP2_MALFORMED, text, rfc="RFC 9113 8.6")
        handshake.outcome = "bad-response"
        handshake.outcome_reason = "The answer is 101, which HTTP/2 does not have."
        return True
    if not 200 <= head.status < 300 or is_plain_answer(handshake, head):
        refuse(handshake, head, checks)
        return False
    handshake.outcome = "accepted"
    if is_whole or handshake.subprotocol is not None:
        check_choice(handshake, checks)
    if head.repeated:
        check_repeated(head, checks, ONCE_IN_RESPONSE)
    if checks.kinds:
        handshake.outcome_reason = "Accepted, though " + plain(checks.kinds[0].text)
    elif handshake.outcome_reason:
        handshake.outcome_reason = "Accepted, though " + handshake.outcome_reason + "."
    return True


def reset_connect(
    results: Results, handshake: Handshake, side: int, who: str, code: str, packet: int
) -> None:
    """Note that RST_STREAM came instead of an answer."""
    handshake.outcome = "reset"
    reason = f"the {who} reset the stream: {code}"
    earlier = handshake.outcome_reason
    text = f"{reason}; {earlier}" if earlier else reason
    handshake.outcome_reason = text[0].upper() + text[1:] + "."
    results.find(
        *(findings.HANDSHAKE_RESET, handshake.slot, packet),
        f"the {who} sent RST_STREAM {code}",
        direction=2 * handshake.slot + side,
    )
