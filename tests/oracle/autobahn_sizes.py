"""Sections 9, 10, 12 and 13 of autobahn-testsuite: large messages, and permessage-deflate.

Sizes and counts are smaller than the suite's, which measures speed with them: 9 by 16, 12 and 13
by about 8, of 1,000 messages 3. Lengths of all three forms, and compressed messages of many
blocks, stay. Used by test_autobahn.
"""

from __future__ import annotations

import random
from functools import cache

from conversation import BINARY, TEXT, Deflater
from oracle.autobahn import NAMES, WHOLE, Case, Turn, deflated, echo

SIZES = (4096, 16_384, 65_536, 262_144, 524_288, 1_048_576)
FRAGMENTS = (64, 256, 1024, 4096, 16_384, 65_536, 131_072, 262_144)
FRAGMENTED = 262_144
CHOPS = (64, 128, 256, 512, 1024, 2048)
CHOPPED = 65_536
ROUND_TRIPS = (0, 16, 64, 256, 1024, 4096)
MESSAGES = (
    *((size, WHOLE) for size in (16, 64, 256, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536)),
    *((size, 32) for size in (1024, 2048, 4096, 8192, 16_384)),
    *((16_384, size) for size in (128, 512, 4096)),
)
"""Size, and bytes of compressed payload a frame."""

OFFER = "permessage-deflate; client_no_context_takeover; client_max_window_bits"
_NO_CONTEXT = "; server_no_context_takeover"
_CHOSEN_NO_CONTEXT = "; server_no_context_takeover; client_no_context_takeover"
PARAMETERS: tuple[tuple[str, str, bool, int], ...] = (
    (OFFER, "permessage-deflate", True, 15),
    (OFFER + _NO_CONTEXT, "permessage-deflate" + _CHOSEN_NO_CONTEXT, False, 15),
    *(
        (
            f"{OFFER}{offered}; server_max_window_bits={bits}",
            f"permessage-deflate{chosen}; server_max_window_bits={bits}"
            f"; client_max_window_bits={bits}",
            not offered,
            bits,
        )
        for offered, chosen in (("", ""), (_NO_CONTEXT, _CHOSEN_NO_CONTEXT))
        for bits in (9, 15)
    ),
    (
        f"{OFFER}{_NO_CONTEXT}; server_max_window_bits=9, {OFFER}{_NO_CONTEXT}, {OFFER}",
        f"permessage-deflate{_CHOSEN_NO_CONTEXT}; server_max_window_bits=9"
        "; client_max_window_bits=9",
        False,
        9,
    ),
)
"""Sections 13.1 to 13.7: offered, chosen, context takeover, window bits of both directions.

The suite's 8 bits are 9 here: zlib makes no raw stream of 8.
"""


def section_9() -> list[Case]:
    """Large messages, in one frame, in fragments, in chops of segments, and many small ones."""
    found = []
    for first, opcode, letter in ((1, TEXT, b"BAsd7&jh23"), (2, BINARY, b"\x00\xfe\x23\xfa\xf0")):
        data = letter * (SIZES[-1] // len(letter) + 1)
        for number, size in enumerate(SIZES, 1):
            found.append(echo(f"9.{first}.{number}", opcode, data[:size]))
        for number, size in enumerate(FRAGMENTS, 1):
            name = f"9.{first + 2}.{number}"
            found.append(echo(name, opcode, data[:FRAGMENTED], size=size))
        for number, size in enumerate(CHOPS, 1):
            name = f"9.{first + 4}.{number}"
            found.append(echo(name, opcode, data[:CHOPPED], chop=size))
        for number, size in enumerate(ROUND_TRIPS, 1):
            found.append(echo(f"9.{first + 6}.{number}", opcode, data[:size], count=50))
    return found


def section_10() -> list[Case]:
    """A message of 65,536 bytes in fragments of 1,300."""
    return [echo("10.1.1", TEXT, b"*" * 65_536, size=1300)]


@cache
def corpus(kind: str) -> bytes:
    """Return what messages are cut from: repeats near and far, or none."""
    dice = random.Random(kind)
    words = [bytes(dice.choices(b"abcdefghijklmnopqrstuvwxyz", k=n % 9 + 2)) for n in range(900)]
    prose = b" ".join(dice.choices(words, k=30_000))
    if kind == "prose":
        return prose
    if kind == "bitmap":
        return bytes((x * y >> 6) + dice.randrange(3) & 255 for y in range(300) for x in range(512))
    if kind == "random":
        return dice.randbytes(150_000)
    shape = b'{"id":%d,"name":"%s"},' if kind == "json" else b'<li id="%d"><b>%s</b></li>\n'
    return b"".join(shape % (n, dice.choice(words)) for n in range(7000))


def _compressed(
    name: str,
    opcode: int,
    kind: str,
    sizes: tuple[int, int],
    parameters: tuple[str, str, bool, int],
) -> Case:
    """Three messages of one size from one corpus, each compressed by both sides."""
    size, part = sizes
    offered, chosen, takeover, bits = parameters
    sender, peer = (Deflater(takeover=takeover, bits=bits) for _ in range(2))
    turns, said = [], []
    for n in range(3):
        payload = corpus(kind)[n * size :][:size]
        sent = deflated(opcode, payload, sender, part)
        turns.append(Turn(sent, deflated(opcode, payload, peer)))
        said.append((NAMES[opcode], payload))
    messages = tuple(said)
    return Case(name, tuple(turns), messages, messages, offered=offered, chosen=chosen)


def section_12() -> list[Case]:
    """permessage-deflate as offered without parameters, over data of five kinds."""
    kinds = {"prose": BINARY, "bitmap": BINARY, "random": BINARY, "json": TEXT, "html": TEXT}
    return [
        _compressed(f"12.{group}.{number}", opcode, kind, sizes, PARAMETERS[0])
        for group, (kind, opcode) in enumerate(kinds.items(), 1)
        for number, sizes in enumerate(MESSAGES, 1)
    ]


def section_13() -> list[Case]:
    """Every agreement of the suite on windows and context takeover (RFC 7692 7.1)."""
    return [
        _compressed(f"13.{group}.{number}", TEXT, "json", sizes, parameters)
        for group, parameters in enumerate(PARAMETERS, 1)
        for number, sizes in enumerate(MESSAGES, 1)
    ]
