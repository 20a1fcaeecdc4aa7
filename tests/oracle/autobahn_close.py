"""Section 7 of autobahn-testsuite: the closing handshake and its codes (RFC 6455 5.5.1, 7.4).

Used by test_autobahn.
"""

from __future__ import annotations

from conversation import TEXT
from oracle.autobahn import (
    INVALID,
    NORMAL,
    PROTOCOL,
    Case,
    Frame,
    Turn,
    close,
    echo,
    fragments,
    ping,
    text,
)

BODY, CODE, UTF8 = "websocket-close-body", "websocket-close-code", "websocket-close-utf8"
AFTER, LONG = "websocket-data-after-close", "websocket-control-too-long"
HELLO = b"Hello World!"
VALID = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
REFUSED = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999)
"""Not used, reserved, never on the wire, or left for what the protocol may become (7.4)."""
OUTSIDE = (5000, 65_535)
"""In none of the ranges of 7.4.2, so nobody may give them a meaning."""


def section_7() -> list[Case]:
    """Every case of 7.1 to 7.13."""
    return [*_order(), *_bodies(), *_codes()]


def _order() -> list[Case]:
    """7.1: what follows the sender's own Close, in the same flight.

    Data frames must not (5.5.1); what they carry was sent all the same, and is shown.
    """
    hello = ("text", HELLO)
    begin, end = fragments(TEXT, (b"fragment1", b"fragment2"))
    big = (b"BAsd7&jh23" * 26_215)[: 1 << 18]
    return [
        echo("7.1.1", TEXT, HELLO),
        Case("7.1.2", (Turn((close(), close())),), closed_with=NORMAL),
        Case("7.1.3", (Turn((close(), ping())),), closed_with=NORMAL),
        Case(
            "7.1.4",
            (Turn((close(), text(HELLO))),),
            (hello,),
            faults=((AFTER, 1),),
            closed_with=NORMAL,
        ),
        Case(
            "7.1.5",
            (Turn((begin, close(), end)),),
            (("text", b"fragment1fragment2"),),
            faults=((AFTER, 2),),
            closed_with=NORMAL,
        ),
        Case(
            "7.1.6",
            (Turn((text(big), text(HELLO), close(), ping()), (text(big), text(HELLO))),),
            (("text", big), hello),
            (("text", big), hello),
            closed_with=NORMAL,
        ),
    ]


def _bodies() -> list[Case]:
    """7.3 and 7.5: bodies of each length, and a reason that is not UTF-8."""
    spoilt = bytes.fromhex("cebae1bdb9cf83cebcceb5eda080656469746564")

    def good(name: str, each: Frame, code: int | None) -> Case:
        return Case(name, (Turn((each,)),), closed_with=code)

    def wrong(name: str, each: Frame, finding: str, fails: int, code: int | None) -> Case:
        return Case(name, (Turn((each,)),), faults=((finding, 0),), fails=fails, closed_with=code)

    return [
        good("7.3.1", close(None), None),
        wrong("7.3.2", Frame(8, b"a"), BODY, PROTOCOL, None),
        good("7.3.3", close(), NORMAL),
        good("7.3.4", close(NORMAL, HELLO), NORMAL),
        good("7.3.5", close(NORMAL, b"*" * 123), NORMAL),
        wrong("7.3.6", close(NORMAL, b"*" * 124), LONG, PROTOCOL, NORMAL),
        wrong("7.5.1", close(NORMAL, spoilt), UTF8, INVALID, NORMAL),
    ]


def _codes() -> list[Case]:
    """7.7, 7.9 and 7.13: every code of the suite."""
    found = []
    for number, code in enumerate(VALID, 1):
        found.append(Case(f"7.7.{number}", (Turn((close(code),)),), closed_with=code))
    for group, codes in ((9, REFUSED), (13, OUTSIDE)):
        for number, code in enumerate(codes, 1):
            turn = Turn((close(code),))
            found.append(
                Case(
                    f"7.{group}.{number}",
                    (turn,),
                    faults=((CODE, 0),),
                    fails=PROTOCOL,
                    closed_with=code,
                )
            )
    return found
