"""Section 6 of autobahn-testsuite: UTF-8 in text messages (RFC 6455 8.1, RFC 3629).

Whether a vector is UTF-8 is written beside it, from RFC 3629 4, never computed. Used by
test_autobahn.
"""

from __future__ import annotations

from conversation import TEXT
from oracle.autobahn import INVALID, Case, Turn, echo, fragments, more, pieces, text

BAD = "websocket-bad-utf8"
UNFINISHED = "websocket-message-unfinished"
CUT = "websocket-frame-cut"
KOSME = bytes.fromhex("ceba e1bdb9 cf83 cebc ceb5")
EDITED = b"edited"
HELLO = "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!".encode()

VALID: dict[int, tuple[str, ...]] = {
    5: (
        "68656c6c6f24776f726c64",
        "68656c6c6fc2a2776f726c64",
        "68656c6c6fe282ac776f726c64",
        "68656c6c6ff0a4ada2776f726c64",
        "cebae1bdb9cf83cebcceb5",
    ),
    7: ("00", "c280", "e0a080", "f0908080"),
    9: ("7f", "dfbf", "efbfbf", "f48fbfbf"),
    22: (
        *("efbfbe", "efbfbf"),
        *(f"f0{middle}bf{end}" for middle in ("9f", "af", "bf") for end in ("be", "bf")),
        *(
            f"{first}{middle}bf{end}"
            for first in ("f1", "f2", "f3")
            for middle in ("8f", "9f", "af", "bf")
            for end in ("be", "bf")
        ),
        *("f48fbfbe", "f48fbfbf"),
    ),
    23: ("efbfb9", "efbfba", "efbfbb", "efbfbc", "efbfbd", "efbfbe", "efbfbf"),
}
"""By section 6.N; non-characters are UTF-8 too (RFC 3629 3 forbids surrogates only)."""

_LAST_MISSING = (
    *("c0", "e080", "f08080", "f8808080", "fc80808080"),
    *("df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf"),
)
INVALID_VECTORS: dict[int, tuple[str, ...]] = {
    8: ("f888808080", "fc8480808080"),
    10: ("f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"),
    12: (
        *("80", "bf", "80bf", "80bf80", "80bf80bf", "80bf80bf80", "80bf80bf80bf"),
        "".join(f"{byte:02x}" for byte in range(0x80, 0xBF)),
    ),
    13: tuple(
        "".join(f"{byte:02x}20" for byte in range(first, last))
        for first, last in ((0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB), (0xFC, 0xFD))
    ),
    14: _LAST_MISSING,
    15: ("".join(_LAST_MISSING),),
    16: ("fe", "ff", "fefeffff"),
    17: ("c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"),
    18: ("c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf"),
    19: ("c080", "e08080", "f0808080", "f880808080", "fc8080808080"),
    20: ("eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf"),
    21: tuple(
        high + low
        for high in ("eda080", "edadbf", "edae80", "edafbf")
        for low in ("edb080", "edbfbf")
    ),
}
PREFIXES_VALID = (2, 5, 7, 9, 11)
"""Lengths at which a prefix of KOSME ends behind a whole character: of 2, 3, 2, 2, 2 bytes."""
BOUNDARIES = (("ed9fbf", 1), ("ee8080", 1), ("efbfbd", 1), ("f48fbfbf", 1), ("f4908080", 0))
"""Of section 6.11: around the surrogates, and U+10FFFF, and what comes next (0: not UTF-8)."""


def section_6() -> list[Case]:
    """Every case of 6.1 to 6.23."""
    return [*_fragmented(), *_fail_fast(), *_vectors()]


def bad(name: str, payload: bytes) -> Case:
    """One text frame that is not UTF-8: its message is shown as sent, and is an error."""
    said = (("text", payload),)
    return Case(name, (Turn((text(payload),)),), said, faults=((BAD, 0),), fails=INVALID)


def _fragmented() -> list[Case]:
    """6.1 to 6.3: empty fragments, and characters cut by fragments."""

    def whole(name: str, parts: list[bytes]) -> Case:
        payload = b"".join(parts)
        said = (("text", payload),)
        return Case(name, (Turn(fragments(TEXT, parts), (text(payload),)),), said, said)

    spoilt = KOSME + bytes.fromhex("eda080") + EDITED
    return [
        echo("6.1.1", TEXT, b""),
        whole("6.1.2", [b"", b"", b""]),
        whole("6.1.3", [b"", b"middle frame payload", b""]),
        echo("6.2.1", TEXT, HELLO),
        whole("6.2.2", [HELLO[:12], HELLO[12:]]),
        whole("6.2.3", pieces(HELLO, 1)),
        whole("6.2.4", pieces(KOSME, 1)),
        bad("6.3.1", spoilt),
        Case(
            "6.3.2",
            (Turn(fragments(TEXT, pieces(spoilt, 1))),),
            (("text", spoilt),),
            # ed may begin a character; a0 behind it may not follow (RFC 3629 4).
            faults=((BAD, len(KOSME) + 1),),
            fails=INVALID,
        ),
    ]


def _fail_fast() -> list[Case]:
    """6.4: the peer fails at the byte that spoils the text; the rest is never sent.

    f4 90 is above U+10FFFF. Of the third part nothing comes: the message has no end, and its
    last frame on the wire is the second, whatever control frame follows.
    """
    bits = bytes.fromhex("f4908080")
    found = []
    for name, at, to in (("6.4.1", 0, 4), ("6.4.2", 1, 2)):
        turns = (
            Turn((text(KOSME + bits[:at], fin=False),)),
            Turn((more(bits[at:to], fin=False),)),
        )
        found.append(Case(name, turns, faults=((BAD, 1), (UNFINISHED, 1)), fails=INVALID))
    for name, to in (("6.4.3", 4), ("6.4.4", 2)):
        payload = KOSME + bits + EDITED
        left = len(payload) - len(KOSME) - to
        # In one frame: 13 bytes of it are text so far, masked or not; then comes what spoils it.
        turns = (Turn((text(payload),)),)
        found.append(
            Case(
                name,
                turns,
                faults=((BAD, None), (CUT, None)),
                fails=INVALID,
                chop=13,
                unfinished=left,
            )
        )
    return found


def _vectors() -> list[Case]:
    """6.5 to 6.23, each vector in one frame."""
    found = []
    for group in range(5, 24):
        vectors: list[tuple[bytes, bool]]
        if group == 6:
            vectors = [(KOSME[:n], n in PREFIXES_VALID) for n in range(1, len(KOSME) + 1)]
        elif group == 11:
            vectors = [(bytes.fromhex(each), bool(good)) for each, good in BOUNDARIES]
        elif group in VALID:
            vectors = [(bytes.fromhex(each), True) for each in VALID[group]]
        else:
            vectors = [(bytes.fromhex(each), False) for each in INVALID_VECTORS[group]]
        for number, (payload, is_good) in enumerate(vectors, 1):
            name = f"6.{group}.{number}"
            found.append(echo(name, TEXT, payload) if is_good else bad(name, payload))
    return found
