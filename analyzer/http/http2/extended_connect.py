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
from analyzer.http.upgrade import Checks, check_choice, fill_request, in_sentence, refuse

_NEEDED: Final = (":scheme", ":path", ":authority")


def is_connect(pseudo: Mapping[str, str]) -> bool:
    """Say whether a request asks for WebSocket over its stream (RFC 8441 4, 5)."""
    return pseudo.get(":method") == "CONNECT" and pseudo.get(":protocol", "").lower() == "websocket"


def begin_connect(
    results: Results,
    slot: int,
    client: int,
    head: Head,
    pseudo: Mapping[str, str],
    first_time: int,
    row: Row,
    *,
    enabled: bool,
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
        enabled: the server has announced that it takes one, or may have, unseen.
    """
    handshake = Handshake(slot, client, results.next_handshake())
    fill_request(handshake, head)
    # "Sec-WebSocket-Key and Sec-WebSocket-Accept header fields [are not] processed"
    # (RFC 8441 5).
    handshake.key = None
    handshake.path = pseudo.get(":path")
    handshake.scheme = "wss" if pseudo.get(":scheme", "").lower() in ("https", "wss") else "ws"
    handshake.request_first_time = first_time
    handshake.request_last_time = max(first_time, row[TIME])
    handshake.request_packet = row[PACKET]
    checks = Checks(results.findings, slot, row[PACKET])
    if not enabled:
        checks.add(findings.HTTP2_CONNECT_NOT_ENABLED)
    missing = [name for name in _NEEDED if name not in pseudo]
    if missing:
        checks.add(findings.HTTP2_CONNECT_INCOMPLETE, ", ".join(missing))
    if handshake.version != "13":
        checks.add(findings.HANDSHAKE_BAD_VERSION, handshake.version or "none sent")
    if checks.kinds:
        text = results.findings[-len(checks.kinds)].text
        handshake.outcome_reason = in_sentence(text).rstrip(".")
    return handshake


def answer_connect(
    results: Results, handshake: Handshake, head: Head, first_time: int, row: Row
) -> bool:
    """Take the final answer; say whether the WebSocket is open.

    "a 2xx (Successful) response ... indicates that the tunnel is open" (RFC 8441 5).
    """
    pairing.answer_attempt(handshake, head, first_time, row)
    handshake.accept = handshake.accept_valid = None
    checks = Checks(results.findings, handshake.slot, row[PACKET])
    if not 200 <= head.status < 300:
        refuse(handshake, head, checks)
        return False
    handshake.outcome = "accepted"
    check_choice(handshake, checks)
    if checks.kinds:
        text = in_sentence(checks.kinds[0].text.partition(": {detail}")[0].rstrip(".") + ".")
        handshake.outcome_reason = "Accepted, though " + text
    elif handshake.outcome_reason:
        handshake.outcome_reason = "Accepted, though " + handshake.outcome_reason + "."
    return True


def reset_connect(results: Results, handshake: Handshake, who: str, code: str, packet: int) -> None:
    """Note that RST_STREAM came instead of an answer."""
    handshake.outcome = "reset"
    reason = f"the {who} reset the stream: {code}"
    earlier = handshake.outcome_reason
    text = f"{reason}; {earlier}" if earlier else reason
    handshake.outcome_reason = text[0].upper() + text[1:] + "."
    Checks(results.findings, handshake.slot, packet).add(
        findings.HANDSHAKE_RESET, f"the {who} sent RST_STREAM {code}"
    )
