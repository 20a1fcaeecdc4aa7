"""Connections without a captured handshake: what is taken for WebSocket, and what never is."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

import pytest
from oracle.websocket import frame

from analyzer.options import Options
from analyzer.websocket.recogniser import Recogniser, Verdict

Maker = Callable[[int, random.Random], tuple[bytes, bytes]]
"""Makes the n-th request and answer of a protocol."""


def modbus(n: int, randomness: random.Random) -> tuple[bytes, bytes]:
    """Modbus/TCP: a transaction's number, protocol 0, length, unit, function."""
    ask = struct.pack(">HHHBBHH", n, 0, 6, 1, 3, 0x0100 + n, 1)
    return ask, struct.pack(">HHHBBBH", n, 0, 5, 1, 3, 2, randomness.randrange(65536))


def fixed(head: bytes, size: int, *, step: int = 1, little: bool = False) -> Maker:
    """A protocol of records of one size: head, a counter of 32 bits, then a payload."""

    def make(n: int, randomness: random.Random) -> tuple[bytes, bytes]:
        counter = struct.pack("<I" if little else ">I", 0x1000 * (step > 1) + n * step)
        ask = head + counter + randomness.randbytes(size)
        return ask, head[:1] + counter + randomness.randbytes(size)

    return make


def shared(head: bytes, size: int) -> Maker:
    """A session's number of 32 bits behind the head, the same in all records."""

    def make(n: int, randomness: random.Random) -> tuple[bytes, bytes]:
        return head + b"\x5a\x13\xc7\x9e" + randomness.randbytes(size), bytes([n % 256]) * 20

    return make


PROTOCOLS: dict[str, Maker] = {
    "modbus": modbus,
    "binary, counter": fixed(b"\x82\xa0", 32),
    "binary, counter little-endian": fixed(b"\x82\xa0", 32, little=True),
    "binary, counter by 16": fixed(b"\x82\xa0", 32, step=16),
    "binary, counter by 65537": fixed(b"\x82\xa0", 32, step=65_537),
    "control, counter": fixed(b"\x89\x84", 4),
    "pong, counter": fixed(b"\x8a\x90", 16),
    "fragments, counter": fixed(b"\x00\x88", 8),
    "rsv1, counter": fixed(b"\xc2\xa0", 32, step=3),
    "long, counter": fixed(b"\x82\xfe\x01\x00", 256),
    "text, counter": fixed(b"\x81\xa0", 32),
    "binary, session": shared(b"\x82\x94", 20),
    "binary, odd session": shared(b"\x02\x9e", 30),
    "close, session": shared(b"\x88\x8a", 10),
}


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("swapped", [0, 1])
def test_protocols_of_fixed_size_are_no_websocket(name: str, swapped: int) -> None:
    randomness = random.Random(name)
    recogniser = Recogniser(Options())
    for n in range(1, 120):
        for side, record in enumerate(PROTOCOLS[name](n, randomness)):
            recogniser.push(side ^ swapped, record)
    assert recogniser.recognition.verdict is not Verdict.WEBSOCKET
    assert recogniser.maybe() is None


def keyed(randomness: random.Random, opcode: int, payload: bytes) -> bytes:
    return frame(opcode, payload, mask=randomness.randbytes(4))


def test_masked_frames_whose_other_side_does_not_fit_need_more() -> None:
    randomness = random.Random(3)
    recogniser = Recogniser(Options())
    recogniser.push(1, b"\xff" * 50)
    pushed = 0
    while recogniser.recognition.verdict is Verdict.UNDECIDED:
        recogniser.push(0, keyed(randomness, 2, b"\x01\x02\x03"))
        pushed += 1
    assert pushed == 6  # each counts 2, as it fills its segment


def test_rsv1_that_cannot_be_inflated_is_no_frame() -> None:
    """A block of type 3 does not exist (RFC 1951 3.2.3)."""
    randomness = random.Random(4)
    recogniser = Recogniser(Options())
    for _ in range(20):
        recogniser.push(0, frame(1, b"\x07" * 40, rsv=4, mask=randomness.randbytes(4)))
    assert recogniser.recognition.verdict is Verdict.UNDECIDED


def test_frames_reach_over_what_the_snap_length_cut() -> None:
    randomness = random.Random(5)
    recogniser = Recogniser(Options())
    for _ in range(2):
        one = keyed(randomness, 1, b"a text that is longer than what the capture holds " * 6)
        recogniser.push(0, one[:30])
        recogniser.lose(0, len(one) - 30, is_cut=True)
    assert recogniser.recognition.verdict is Verdict.UNDECIDED
    recogniser.push(0, keyed(randomness, 1, b"short one"))
    assert recogniser.recognition == (Verdict.WEBSOCKET, 0, (0, None))


def test_a_header_in_a_hole_ends_the_chain() -> None:
    randomness = random.Random(6)
    recogniser = Recogniser(Options())
    for _ in range(10):
        one = keyed(randomness, 2, b"x" * 20)
        recogniser.push(0, one[:20])
        recogniser.lose(0, len(one) - 20 + 7, is_cut=True)
    assert recogniser.recognition.verdict is Verdict.UNDECIDED


def test_too_few_frames_are_said_to_be_too_few() -> None:
    randomness = random.Random(7)
    recogniser = Recogniser(Options())
    recogniser.push(0, keyed(randomness, 2, b"thirteen byte"))
    assert recogniser.maybe() is None  # one frame alone says nothing
    recogniser.push(1, frame(2, b"thirteen byte"))
    assert "1 masked one way and 1 unmasked the other" in str(recogniser.maybe())
    recogniser.push(1, b"\xff")
    assert recogniser.maybe() is None


@pytest.mark.parametrize("seed", range(4))
def test_masked_frames_whose_other_side_answers_in_another_form_are_none(seed: int) -> None:
    # Type, length, four random bytes, content; answered by a length of 32 bits and content.
    randomness = random.Random(seed)
    recogniser = Recogniser(Options())
    for _ in range(40):
        body = randomness.randbytes(randomness.randrange(4, 60))
        ask = b"\x82" + bytes([0x80 | len(body)]) + randomness.randbytes(4) + body
        recogniser.push(0, ask)
        answer = randomness.randbytes(randomness.randrange(4, 60))
        recogniser.push(1, struct.pack(">I", len(answer)) + answer)
    assert recogniser.recognition.verdict is not Verdict.WEBSOCKET
    assert recogniser.maybe() is None


@pytest.mark.parametrize("first", [1448, 700])
def test_masked_frames_beside_a_long_one_are_frames(first: int) -> None:
    # The server is in the middle of a message of many segments, whose first may be cut.
    randomness = random.Random(3)
    recogniser = Recogniser(Options())
    recogniser.push(1, b"\xf7" * first)
    for _ in range(12):
        recogniser.push(0, frame(2, randomness.randbytes(9), mask=randomness.randbytes(4)))
        recogniser.push(1, b"\xf7" * 1448)
    assert recogniser.recognition.verdict is Verdict.WEBSOCKET
    assert recogniser.recognition.client_side == 0
