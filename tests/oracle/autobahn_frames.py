"""Sections 1 to 5 of autobahn-testsuite: sizes, pings, reserved bits and opcodes, fragments.

The right reading of each case stands beside its frames, by RFC 6455. Used by test_autobahn.
"""

from __future__ import annotations

from conversation import BINARY, TEXT
from oracle.autobahn import (
    PROTOCOL,
    WHOLE,
    Case,
    Frame,
    Turn,
    binary,
    echo,
    fragments,
    more,
    ping,
    pong,
    text,
)

RSV, RSV1 = "websocket-rsv", "websocket-rsv1"
RESERVED = "websocket-reserved-opcode"
TOO_LONG = "websocket-control-too-long"
FRAGMENTED = "websocket-control-fragmented"
LONE = "websocket-lone-continuation"
INTERRUPTED = "websocket-interrupted-message"
HELLO = b"Hello, world!"
SIZES = (0, 125, 126, 127, 128, 65_535, 65_536)
"""Both sides of where the length takes another form (5.2)."""


def section_1() -> list[Case]:
    """Text and binary messages of every length form; the last of each comes in chops of 997."""
    found = []
    for group, opcode, letter in ((1, TEXT, b"*"), (2, BINARY, b"\xfe")):
        for number, size in enumerate(SIZES, 1):
            found.append(echo(f"1.{group}.{number}", opcode, letter * size))
        found.append(echo(f"1.{group}.8", opcode, letter * 65_536, chop=997))
    return found


def section_2() -> list[Case]:
    """Pings and pongs (5.5.2, 5.5.3): a Pong has the payload of its Ping."""
    long = b"\xfe" * 125
    odd = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"

    def pinged(name: str, payload: bytes, chop: int = 0) -> Case:
        return Case(name, (Turn((ping(payload),), (pong(payload),)),), chop=chop)

    ten = tuple(ping(b"payload-%d" % i) for i in range(10))
    ten_back = tuple(pong(each.payload) for each in ten)
    unasked = pong(b"unsolicited pong payload")
    return [
        pinged("2.1", b""),
        pinged("2.2", HELLO),
        pinged("2.3", odd),
        pinged("2.4", long),
        Case("2.5", (Turn((ping(b"\xfe" * 126),)),), faults=((TOO_LONG, 0),), fails=PROTOCOL),
        pinged("2.6", long, chop=1),
        Case("2.7", (Turn((pong(),)),)),
        Case("2.8", (Turn((unasked,)),)),
        Case("2.9", (Turn((unasked, ping(b"ping payload")), (pong(b"ping payload"),)),)),
        Case("2.10", (Turn(ten, ten_back),)),
        Case("2.11", (Turn(ten, ten_back),), chop=1),
    ]


def section_3() -> list[Case]:
    """Reserved bits that no extension defines (5.2). In a Case, 4 is RSV1, 2 RSV2, 1 RSV3.

    A text or binary frame with such a bit is the sender's message all the same: its bytes are
    shown as they were sent. Other frames of the sender follow it before the peer fails.
    """
    hello, back = text(HELLO), (text(HELLO),)
    said = ("text", HELLO)
    odd = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"

    def after_hello(name: str, rsv: int, finding: str, chop: int) -> Case:
        turn = Turn((hello, text(HELLO, rsv=rsv), ping()), back)
        return Case(name, (turn,), (said, said), (said,), ((finding, 1),), PROTOCOL, chop=chop)

    return [
        Case("3.1", (Turn((text(HELLO, rsv=1),)),), (said,), (), ((RSV, 0),), PROTOCOL),
        after_hello("3.2", 2, RSV, 0),
        after_hello("3.3", 3, RSV, WHOLE),
        after_hello("3.4", 4, RSV1, 1),
        Case(
            "3.5",
            (Turn((binary(odd, rsv=5),)),),
            (("binary", odd),),
            (),
            ((RSV, 0),),
            PROTOCOL,
        ),
        Case("3.6", (Turn((ping(HELLO, rsv=6),)),), faults=((RSV, 0),), fails=PROTOCOL),
        Case(
            "3.7",
            (Turn((Frame(8, b"", rsv=7),)),),
            faults=((RSV, 0),),
            fails=PROTOCOL,
            closed_with=None,
        ),
    ]


def section_4() -> list[Case]:
    """Reserved opcodes (5.2): no message is made of them, nor changed by them."""
    payload = b"reserved opcode payload"
    said = (("text", HELLO),)
    found = []
    for group, first in ((1, 3), (2, 11)):
        for number in range(5):
            bad = Frame(first + number, payload if number in (1, 3, 4) else b"")
            name = f"4.{group}.{number + 1}"
            if number < 2:
                case = Case(name, (Turn((bad,)),), faults=((RESERVED, 0),), fails=PROTOCOL)
            else:
                turn = Turn((text(HELLO), bad, ping()), (text(HELLO),))
                chop = 1 if number == 4 else 0
                fault = ((RESERVED, 1),)
                case = Case(name, (turn,), said, said, fault, PROTOCOL, chop=chop)
            found.append(case)
    return found


def section_5() -> list[Case]:
    """Fragments (5.4), with control frames between them."""
    return [*_fragmented(), *_lone(), *_mixed()]


def _fragmented() -> list[Case]:
    """5.1 to 5.8: control frames must not be fragmented, messages may be."""
    parts = (b"fragment1", b"fragment2")
    whole = (("text", b"fragment1fragment2"),)
    back = (text(b"fragment1fragment2"),)
    begin, end = fragments(TEXT, parts)
    between = Turn((begin, ping(b"ping payload"), end), (pong(b"ping payload"), *back))
    # What continues the control frame continues no message: a fault of its own (5.4).
    faults = ((FRAGMENTED, 0), (LONE, 1))
    return [
        *(
            Case(
                name,
                (Turn((control(parts[0], fin=False), more(parts[1]))),),
                faults=faults,
                fails=PROTOCOL,
            )
            for name, control in (("5.1", ping), ("5.2", pong))
        ),
        *(
            Case(name, (Turn((begin, end), back),), whole, whole, chop=chop)
            for name, chop in (("5.3", 0), ("5.4", WHOLE), ("5.5", 1))
        ),
        *(
            Case(name, (between,), whole, whole, chop=chop)
            for name, chop in (("5.6", 0), ("5.7", WHOLE), ("5.8", 1))
        ),
    ]


def _lone() -> list[Case]:
    """5.9 to 5.17: continuations of nothing. They make no message, and interrupt none."""
    found = []
    lone = b"non-continuable payload"
    for first, fin in ((9, True), (12, False)):
        for number, chop in enumerate((0, WHOLE, 1), first):
            turn = Turn((more(lone, fin=fin), text(HELLO)))
            found.append(
                Case(
                    f"5.{number}",
                    (turn,),
                    (("text", HELLO),),
                    faults=((LONE, 0),),
                    fails=PROTOCOL,
                    chop=chop,
                )
            )
    begin, end = fragments(TEXT, (b"fragment1", b"fragment2"))
    turn = Turn((begin, end, more(b"fragment3", fin=False), text(b"fragment4")))
    said = (("text", b"fragment1fragment2"), ("text", b"fragment4"))
    found.append(Case("5.15", (turn,), said, faults=((LONE, 2),), fails=PROTOCOL, chop=WHOLE))
    for name, fin in (("5.16", False), ("5.17", True)):
        begin, end = fragments(TEXT, (b"fragment2", b"fragment3"))
        turn = Turn((more(b"fragment1", fin=fin), begin, end) * 2)
        said = (("text", b"fragment2fragment3"),) * 2
        faults = ((LONE, 0), (LONE, 3))
        found.append(Case(name, (turn,), said, faults=faults, fails=PROTOCOL))
    return found


def _mixed() -> list[Case]:
    """5.18 to 5.20: a message within another, and pings between fragments."""
    begin = text(b"fragment1", fin=False)
    five = fragments(TEXT, [b"fragment%d" % i for i in range(1, 6)])
    whole = b"".join(each.payload for each in five)
    first, second = b"pongme 1!", b"pongme 2!"
    turns = (
        Turn((*five[:2], ping(first)), (pong(first),)),
        Turn((*five[2:4], ping(second), five[4]), (pong(second), text(whole))),
    )
    said = (("text", whole),)
    return [
        Case(
            "5.18",
            (Turn((begin, text(b"fragment2"))),),
            (("text", b"fragment2"),),  # the first one never ends (5.4)
            faults=((INTERRUPTED, 1),),
            fails=PROTOCOL,
        ),
        Case("5.19", turns, said, said),
        Case("5.20", turns, said, said),
    ]
