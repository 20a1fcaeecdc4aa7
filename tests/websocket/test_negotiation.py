"""Expected values: RFC 7692 7.1 and its examples in 7.1.3."""

import pytest

from analyzer import findings
from analyzer.http.exchanges import Extension, Handshake
from analyzer.websocket.negotiation import (
    Negotiation,
    Side,
    negotiate,
    offered_sides,
    offers_deflate,
)

DEFLATE = "permessage-deflate"


def parsed(text: str) -> tuple[Extension, ...]:
    extensions = []
    for element in filter(None, (part.strip() for part in text.split(","))):
        name, *parameters = (part.strip() for part in element.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        extensions.append((name, tuple((key, value if sep else None) for key, sep, value in pairs)))
    return tuple(extensions)


def handshake(offered: str | None, accepted: str) -> Handshake:
    return Handshake(
        slot=3,
        client_side=0,
        request_packet=0 if offered is None else 5,
        response_packet=7,
        extensions_offered=parsed(offered or ""),
        extensions=parsed(accepted),
    )


def details(negotiation: Negotiation) -> list[str]:
    assert all(finding.kind is findings.HANDSHAKE_BAD_EXTENSION for finding in negotiation.findings)
    return [str(finding.detail) for finding in negotiation.findings]


def test_no_extension() -> None:
    assert negotiate(handshake(DEFLATE, "")) == Negotiation()


def test_defaults_of_permessage_deflate() -> None:
    agreed = negotiate(handshake(DEFLATE, DEFLATE))
    assert agreed == Negotiation(deflate=True, rsv_allowed=4)
    assert agreed.client == agreed.server == Side(15, False, False)


def test_sides_are_told_apart() -> None:
    windows = "client_max_window_bits=10; server_max_window_bits=9"
    accepted = f"{DEFLATE}; {windows}; client_no_context_takeover"
    offered = f"{DEFLATE}; client_max_window_bits; server_max_window_bits=10"
    agreed = negotiate(handshake(offered, accepted))
    assert agreed.client == Side(10, True, False)
    assert agreed.server == Side(9, False, False)
    assert not agreed.findings


@pytest.mark.parametrize(
    ("offered", "accepted"),
    [
        # RFC 7692 7.1.3: the three answers to this offer.
        (f"{DEFLATE}; client_max_window_bits; server_max_window_bits=10", None),
        (
            f"{DEFLATE}; client_max_window_bits; server_max_window_bits=10, "
            f"{DEFLATE}; client_max_window_bits",
            DEFLATE,
        ),
        (
            f"{DEFLATE}; client_max_window_bits; server_max_window_bits=10, "
            f"{DEFLATE}; client_max_window_bits",
            f"{DEFLATE}; server_max_window_bits=10",
        ),
        (DEFLATE, f"{DEFLATE}; server_no_context_takeover; client_no_context_takeover"),
        (DEFLATE, f"{DEFLATE}; server_max_window_bits=8"),
        (DEFLATE, f'{DEFLATE}; server_max_window_bits="12"'),
        # What a server must decline (7.1) it passed over.
        (f"{DEFLATE}; foo=1, {DEFLATE}", DEFLATE),
        (f"{DEFLATE}; client_max_window_bits=9", f"{DEFLATE}; client_max_window_bits=9"),
        ("Permessage-Deflate", "PERMESSAGE-DEFLATE; Server_Max_Window_Bits=15"),
    ],
)
def test_answers_that_keep_the_rules(offered: str, accepted: str | None) -> None:
    if accepted is None:
        assert negotiate(handshake(offered, "")).findings == ()
    else:
        agreed = negotiate(handshake(offered, accepted))
        assert agreed.deflate
        assert details(agreed) == []


@pytest.mark.parametrize(
    ("offered", "accepted", "word"),
    [
        (DEFLATE, f"{DEFLATE}; server_max_window_bits=16", "'16'"),
        (DEFLATE, f"{DEFLATE}; server_max_window_bits=7", "'7'"),
        (DEFLATE, f"{DEFLATE}; server_max_window_bits=010", "'010'"),
        (DEFLATE, f"{DEFLATE}; server_max_window_bits=09", "'09'"),
        (DEFLATE, f"{DEFLATE}; server_max_window_bits=", "''"),
        (DEFLATE, f"{DEFLATE}; server_max_window_bits", "no value"),
        (DEFLATE, f"{DEFLATE}; server_max_window_bits=10; server_max_window_bits=10", "repeated"),
        (DEFLATE, f"{DEFLATE}; server_no_context_takeover=1", "'1'"),
        (DEFLATE, f"{DEFLATE}; colour=red", "colour is unknown"),
        (
            DEFLATE,
            f"{DEFLATE}; client_max_window_bits=10",
            "client_max_window_bits was not offered",
        ),
        (f"{DEFLATE}; client_max_window_bits", f"{DEFLATE}; client_max_window_bits", "no value"),
        (
            f"{DEFLATE}; server_max_window_bits=10",
            f"{DEFLATE}; server_max_window_bits=11",
            "larger than the 10 offered",
        ),
        (f"{DEFLATE}; server_max_window_bits=10", DEFLATE, "offered and not accepted"),
        # RFC 7692 7.1.2.2: of an offer with a value, the answer has it or a smaller one.
        (
            f"{DEFLATE}; client_max_window_bits=9",
            f"{DEFLATE}; client_max_window_bits=12",
            "larger than the 9 offered",
        ),
        (f"{DEFLATE}; server_no_context_takeover", DEFLATE, "offered and not accepted"),
        (f"{DEFLATE}; server_max_window_bits=99", DEFLATE, "offered server_max_window_bits"),
        (DEFLATE, f"{DEFLATE}, {DEFLATE}", "twice"),
    ],
)
def test_answers_that_break_a_rule(offered: str, accepted: str, word: str) -> None:
    agreed = negotiate(handshake(offered, accepted))
    assert agreed.deflate
    (detail,) = details(agreed)
    assert word in detail
    assert (agreed.findings[0].slot, agreed.findings[0].packet) == (3, 7)


def test_a_bad_value_leaves_the_widest_window() -> None:
    assert negotiate(handshake(DEFLATE, f"{DEFLATE}; server_max_window_bits=16")).server == Side(15)


def test_offers_are_not_missed_where_the_request_was_not_seen() -> None:
    agreed = negotiate(handshake(None, f"{DEFLATE}; client_max_window_bits=10"))
    assert agreed.client_window_bits == 10
    assert agreed.findings == ()


@pytest.mark.parametrize("name", ["permessage-bzip2", "bbf-usp-protocol", "x-webkit-deflate-frame"])
def test_unknown_extensions_may_use_every_bit(name: str) -> None:
    agreed = negotiate(handshake(name, name))
    assert not agreed.deflate
    assert agreed.rsv_allowed == 7
    assert agreed.unknown_extensions == (name,)
    (finding,) = agreed.findings
    assert finding.kind is findings.WEBSOCKET_UNKNOWN_EXTENSION
    assert name in finding.text


def test_deflate_beside_an_unknown_extension() -> None:
    agreed = negotiate(handshake(f"{DEFLATE}, x-mux", f"{DEFLATE}, x-mux"))
    assert agreed.deflate
    assert agreed.rsv_allowed == 7


def test_handshake_not_captured() -> None:
    guess = Negotiation.unknown()
    assert guess.deflate
    assert guess.rsv_allowed == 4
    assert guess.client == guess.server == Side(15, False, True)


@pytest.mark.parametrize(
    ("offered", "sides"),
    [
        (DEFLATE, (Side(), Side())),
        (f"{DEFLATE.upper()}; client_max_window_bits", (Side(), Side())),
        (f"{DEFLATE}; server_max_window_bits=10", (Side(), Side(10))),
        (f"{DEFLATE}; client_no_context_takeover", (Side(15, True), Side())),
        (f"x, {DEFLATE}; server_max_window_bits, {DEFLATE}", (Side(), Side())),
    ],
)
def test_offer_as_it_would_have_been_accepted(offered: str, sides: tuple[Side, Side]) -> None:
    shake = handshake(offered, "")
    assert offers_deflate(shake)
    assert offered_sides(shake) == sides


def test_offers_that_a_server_must_decline() -> None:
    shake = handshake(f"{DEFLATE}; server_max_window_bits=7, {DEFLATE}; colour=red", "")
    assert offers_deflate(shake)
    assert offered_sides(shake) is None
    assert not offers_deflate(handshake("x-deflate", ""))
