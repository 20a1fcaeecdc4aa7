"""What the opening handshake agreed on for the frames: extensions and their parameters.

Knows Sec-WebSocket-Extensions (RFC 6455 9.1) and permessage-deflate (RFC 7692 7.1).
Must not know frames or compressed bytes. Called by the websocket stage, once for each
connection; whether an accepted extension was offered at all is judged by http.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Final

from analyzer import findings
from analyzer.findings import Finding
from analyzer.http.exchanges import Extension, Handshake
from analyzer.lazy_dataclass import dataclass
from analyzer.lazy_pattern import lazy_pattern
from analyzer.named_tuple import NamedTuple

RSV1: Final = 4
RSV2: Final = 2
RSV3: Final = 1

DEFLATE: Final = "permessage-deflate"

MAX_WINDOW_BITS: Final = 15

_NO_TAKEOVER = ("server_no_context_takeover", "client_no_context_takeover")
_WINDOW_BITS = ("server_max_window_bits", "client_max_window_bits")
_BITS = lazy_pattern(r"[89]|1[0-5]")
"""RFC 7692 7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15"."""

_OFFERED = "offered"
_ACCEPTED = "accepted"

Parameters = dict[str, int | None]


class Side(NamedTuple):
    """How one endpoint compresses what it sends.

    Attributes:
        window_bits: base-2 logarithm of its LZ77 window, 8 to 15.
        no_context_takeover: each message begins with an empty window.
        assumed: nothing was agreed on before our eyes.
    """

    window_bits: int = MAX_WINDOW_BITS
    no_context_takeover: bool = False
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Negotiation:
    """What the frames of one connection may look like.

    Attributes:
        deflate: RSV1 marks compressed payload.
        client_window_bits: window of what the client sends.
        server_window_bits: window of what the server sends.
        client_no_context_takeover: the client begins each message with an empty window.
        server_no_context_takeover: the server does.
        rsv_allowed: reserved bits that an extension defines: RSV1 4, RSV2 2, RSV3 1.
        assumed: the handshake was not captured; all this is the widest guess.
        unknown_extensions: names of accepted extensions that are not decoded: what
            their bits and bytes mean is not known.
        findings: parameters that break a rule, extensions that are not decoded.
    """

    deflate: bool = False
    client_window_bits: int = MAX_WINDOW_BITS
    server_window_bits: int = MAX_WINDOW_BITS
    client_no_context_takeover: bool = False
    server_no_context_takeover: bool = False
    rsv_allowed: int = 0
    assumed: bool = False
    unknown_extensions: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @classmethod
    def unknown(cls) -> Negotiation:
        """Return what must be allowed where the handshake was not captured.

        permessage-deflate is the only extension in the IANA registry whose bit is in
        wide use, so RSV1 may be set.
        """
        return cls(deflate=True, rsv_allowed=RSV1, assumed=True)

    @property
    def client(self) -> Side:
        """How the client compresses."""
        return Side(self.client_window_bits, self.client_no_context_takeover, self.assumed)

    @property
    def server(self) -> Side:
        """How the server compresses."""
        return Side(self.server_window_bits, self.server_no_context_takeover, self.assumed)


def offers_deflate(handshake: Handshake) -> bool:
    """Return whether the client offered permessage-deflate, well-formed or not."""
    return any(name.lower() == DEFLATE for name, _ in handshake.extensions_offered)


def offered_sides(handshake: Handshake) -> tuple[Side, Side] | None:
    """Return how client and server would compress had the offer been accepted as it is.

    The first offer counts that a server need not decline for its form (RFC 7692 7.1).
    A server grants what is asked of it (7.1.1.1, 7.1.2.1), and the client's own
    parameters say how it will compress (7.1.1.2, 7.1.2.2).

    Returns:
        The sides of client and server; None if nothing valid was offered.
    """
    for name, written in handshake.extensions_offered:
        faults: list[str] = []
        if name.lower() != DEFLATE:
            continue
        offer = _read_deflate(written, _OFFERED, faults)
        if not faults:
            client, server = (
                Side(
                    offer.get(f"{who}_max_window_bits") or MAX_WINDOW_BITS,
                    f"{who}_no_context_takeover" in offer,
                )
                for who in ("client", "server")
            )
            return client, server
    return None


def negotiate(handshake: Handshake) -> Negotiation:
    """Return what an accepted handshake agreed on.

    A response that breaks a rule is followed as far as it can be understood: both
    ends went on with it, or there would be no frames to ask for.
    """
    agreed = _agreed(handshake.extensions, handshake.extensions_offered, handshake.request_whole)
    if not agreed.findings:
        return agreed
    slot, packet = handshake.slot, handshake.response_packet
    found = tuple(replace(each, slot=slot, packet=packet) for each in agreed.findings)
    return replace(agreed, findings=found)


@lru_cache(maxsize=1024)
def _agreed(
    extensions: tuple[Extension, ...], offered: tuple[Extension, ...], offer_seen: bool
) -> Negotiation:
    """Do the same for extensions alone: a server's connections agree on much the same."""
    faults: list[str] = []
    accepted: Parameters | None = None
    unknown: list[str] = []
    for name, written in extensions:
        lowered = name.lower()
        if lowered == DEFLATE and accepted is None:
            accepted = _read_deflate(written, _ACCEPTED, faults)
            if offer_seen:
                faults += _offer_faults(accepted, offered)
        elif lowered == DEFLATE:
            faults.append("permessage-deflate is accepted twice")
        else:
            unknown.append(name)
    parameters = accepted or {}
    deflate = accepted is not None
    return Negotiation(
        deflate=deflate,
        client_window_bits=parameters.get("client_max_window_bits") or MAX_WINDOW_BITS,
        server_window_bits=parameters.get("server_max_window_bits") or MAX_WINDOW_BITS,
        client_no_context_takeover="client_no_context_takeover" in parameters,
        server_no_context_takeover="server_no_context_takeover" in parameters,
        rsv_allowed=RSV1 | RSV2 | RSV3 if unknown else RSV1 if deflate else 0,
        unknown_extensions=tuple(unknown),
        findings=_findings(faults, unknown),
    )


def _findings(faults: list[str], unknown: list[str]) -> tuple[Finding, ...]:
    """Return one finding for each fault and for each extension that is not decoded."""
    return tuple(
        Finding(kind, detail=detail)
        for kind, details in (
            (findings.HANDSHAKE_BAD_EXTENSION, dict.fromkeys(faults)),
            (findings.WEBSOCKET_UNKNOWN_EXTENSION, dict.fromkeys(unknown)),
        )
        for detail in details
    )


def _read_deflate(
    written: tuple[tuple[str, str | None], ...], source: str, faults: list[str]
) -> Parameters:
    """Return the parameters that make sense; append a sentence for each that does not.

    RFC 7692 7.1: the response is at fault with an unknown parameter, an invalid value,
    or "multiple extension parameters with the same name".
    """
    parameters: Parameters = {}
    for name, text in written:
        lowered = name.lower()
        value = _unquoted(text)
        if lowered in parameters:
            faults.append(f"{source} {lowered} is repeated")
        elif lowered in _NO_TAKEOVER:
            # RFC 7692 7.1.1.1: "This parameter has no value."
            if value is not None:
                faults.append(f"{source} {lowered} has the value {value!r}")
            parameters[lowered] = None
        elif lowered not in _WINDOW_BITS:
            faults.append(f"{source} {name} is unknown")
        elif value is None:
            # RFC 7692 7.1.2.2: only client_max_window_bits, and only in an offer,
            # may be without a value.
            if (source, lowered) != (_OFFERED, "client_max_window_bits"):
                faults.append(f"{source} {lowered} has no value")
            parameters[lowered] = None
        elif _BITS.fullmatch(value):
            parameters[lowered] = int(value)
        else:
            faults.append(f"{source} {lowered} has the value {value!r}")
            parameters[lowered] = None
    return parameters


def _unquoted(text: str | None) -> str | None:
    """Return a parameter's value without quotes (RFC 6455 9.1: token or quoted-string)."""
    if text is None or len(text) < 2 or not (text[0] == text[-1] == '"'):
        return text
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _offer_faults(accepted: Parameters, offered: tuple[Extension, ...]) -> list[str]:
    """Return why the response answers none of the offers; [] where it answers one.

    RFC 7692 7.1: a server "MUST decline" an offer with parameters that are unknown, repeated
    or invalid, so that it can only have accepted one of the others; where there is none, what
    it should have declined is the fault. That such an offer was made is none (5.2: a client
    may offer what a server does not know, and something else after it).
    """
    reasons: list[str] | None = None
    declined: list[str] = []
    for name, written in offered:
        if name.lower() != DEFLATE:
            continue
        faults: list[str] = []
        offer = _read_deflate(written, _OFFERED, faults)
        if faults:
            declined += faults
            continue
        mismatch = _mismatch(accepted, offer)
        if reasons is None or len(mismatch) < len(reasons):
            reasons = mismatch
    if reasons is None:
        return [f"accepted though the offer had to be declined: {each}" for each in declined]
    return reasons


def _mismatch(accepted: Parameters, offer: Parameters) -> list[str]:
    """Return the rules by which `accepted` is no answer to `offer`."""
    reasons = []
    # RFC 7692 7.1.1.1: a server accepts an offer with server_no_context_takeover
    # "by including" the parameter in its response.
    if "server_no_context_takeover" in offer and "server_no_context_takeover" not in accepted:
        reasons.append("server_no_context_takeover was offered and not accepted")
    # RFC 7692 7.1.2.1: accepted "by including ... the same or smaller value as the offer".
    wanted = offer.get("server_max_window_bits")
    if wanted is not None:
        given = accepted.get("server_max_window_bits")
        if "server_max_window_bits" not in accepted:
            reasons.append(f"server_max_window_bits={wanted} was offered and not accepted")
        elif given is not None and given > wanted:
            reasons.append(
                f"accepted server_max_window_bits={given} is larger than the {wanted} offered"
            )
    # RFC 7692 7.1.2.2: without the parameter in the offer, the response "MUST NOT
    # include the client_max_window_bits extension parameter".
    if "client_max_window_bits" in accepted and "client_max_window_bits" not in offer:
        reasons.append("accepted client_max_window_bits was not offered")
    # RFC 7692 7.1.2.2: with a value in the offer, the response has "the same or smaller value".
    limit = offer.get("client_max_window_bits")
    given = accepted.get("client_max_window_bits")
    if limit is not None and given is not None and given > limit:
        reasons.append(
            f"accepted client_max_window_bits={given} is larger than the {limit} offered"
        )
    return reasons


def names_websocket(handshake: Handshake) -> bool:
    """Return whether the captured part of an upgrade shows that it is one to WebSocket."""
    fields = (*handshake.request_header, *handshake.response_header)
    return any(_names_websocket(name.lower()) for name, _ in fields)


def answer_names_websocket(handshake: Handshake) -> bool:
    """Return whether the captured part of the answer alone shows it."""
    return any(_names_websocket(name.lower()) for name, _ in handshake.response_header)


def _names_websocket(name: str) -> bool:
    return name == "upgrade" or name.startswith("sec-websocket-")
