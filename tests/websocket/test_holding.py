"""Headers whose payload never came, and payload that looks like frames, through the stage."""

import random
from itertools import pairwise

import pytest
from oracle.conversations import Step
from oracle.stages import (
    BINARY,
    CLIENT,
    CLOSE,
    KEY,
    PING,
    SERVER,
    TEXT,
    client,
    close,
    handshake,
    server,
    talk,
)
from oracle.websocket import frame

from analyzer.options import Options

CUTS = [(), range(200), range(0, 200, 3)]
SIDES = [(CLIENT, client), (SERVER, server)]
FULL = Options(payload="full")


def part(side: int, announced: int, came: int = 0, opcode: int = TEXT) -> Step:
    """A header in a packet, with `came` of the bytes that it announces."""
    whole = frame(opcode, b"x" * announced, mask=KEY if side == CLIENT else None)
    return side, whole[: len(whole) - announced + came]


@pytest.mark.parametrize("places", CUTS)
@pytest.mark.parametrize(("side", "make"), SIDES)
@pytest.mark.parametrize("announced", [1, 20, 120, 300, 5000, 70_000, 3_000_000])
def test_payload_that_never_came(side, make, announced, places):
    good = [b'{"n": 1, "text": "good one"}', b'{"n": 2}', bytes(n % 251 for n in range(3000))]
    steps = [*handshake(), make(TEXT, b"before"), part(side, announced)]
    steps += [make(TEXT, good[0]), make(PING, b"p"), make(TEXT, good[1])]
    whole = make(BINARY, good[2])[1]
    steps += [(side, whole[at : at + 1000]) for at in range(0, len(whole), 1000)]
    result = talk([*steps, make(CLOSE, close())], FULL, places)
    assert result.sent(side) == [b"before", *good]
    # The header makes no frame, and takes no number.
    assert [row["frame"] for row in result.frames] == list(range(6))
    (found,) = result.findings
    assert (found.kind.id, found.packet, found.direction & 1) == ("websocket-torn-write", 4, side)
    assert f"{announced} bytes, and none of them came" in found.detail


@pytest.mark.parametrize("places", CUTS)
@pytest.mark.parametrize(("side", "make"), SIDES)
def test_length_that_is_more_than_what_came(side, make, places):
    steps = [*handshake(), part(side, 300, came=100)]
    steps += [make(TEXT, b"good one %d" % n) for n in range(12)]
    result = talk(steps, FULL, places)
    assert result.sent(side) == [b"good one %d" % n for n in range(12)]
    assert result.ids() == ["websocket-torn-write"]
    assert "only 100 of them came" in result.findings[0].detail


@pytest.mark.parametrize(("side", "make"), SIDES)
def test_header_in_one_packet_with_the_frame_behind_it(side, make):
    steps = [*handshake(), (side, part(side, 500)[1] + make(TEXT, b"good one, too")[1])]
    result = talk([*steps, make(TEXT, b"good again")], FULL)
    assert result.sent(side) == [b"good one, too", b"good again"]
    assert result.ids() == ["websocket-torn-write"]


@pytest.mark.parametrize("places", CUTS)
@pytest.mark.parametrize(("side", "make"), SIDES)
@pytest.mark.parametrize("texts", [(b"first one", b"and second"), (b"same size", b"as before")])
def test_two_writers_that_write_headers_and_payloads_by_themselves(side, make, texts, places):
    """Both headers, then both payloads, each in a packet."""
    masks = (KEY, b"wxyz") if side == CLIENT else (None, None)
    frames = [frame(TEXT, text, mask=mask) for text, mask in zip(texts, masks, strict=True)]
    heads = [(side, whole[: -len(text)]) for whole, text in zip(frames, texts, strict=True)]
    bodies = [(side, whole[-len(text) :]) for whole, text in zip(frames, texts, strict=True)]
    steps = [*handshake(), *heads, *bodies, make(TEXT, b"good again")]
    result = talk([*steps, make(TEXT, b"and again")], FULL, places)
    assert result.sent(side) == [b"good again", b"and again"]
    assert result.ids() == ["websocket-torn-write"]
    detail = result.findings[0].detail
    assert "(text and text) are mixed" in detail
    assert f"'{texts[1].decode()}'" in detail


@pytest.mark.parametrize(("side", "make"), SIDES)
def test_payload_dropped_by_a_sender_that_writes_headers_by_themselves(side, make):
    steps = [*handshake(), part(side, 20)]
    for number in range(4):
        whole = make(TEXT, b"good one %d" % number)[1]
        steps += [(side, whole[:-10]), (side, whole[-10:])]
    result = talk(steps, FULL)
    assert result.sent(side) == [b"good one %d" % number for number in range(4)]
    assert result.ids() == ["websocket-torn-write"]


@pytest.mark.parametrize(("side", "make"), SIDES)
def test_a_close_in_place_of_the_payload(side, make):
    result = talk([*handshake(), part(side, 50), make(CLOSE, close(1001))], FULL)
    assert [(row["opcode"], row["close_code"]) for row in result.frames] == [(CLOSE, 1001)]
    assert result.ids() == ["websocket-torn-write"]


def test_within_a_fragmented_message():
    steps = [*handshake(), server(TEXT, b"one ", fin=False), part(SERVER, 40, opcode=0)]
    steps += [server(TEXT, b"another message"), server(TEXT, b"and one more")]
    result = talk(steps, FULL)
    assert result.sent(SERVER) == [b"another message", b"and one more"]
    assert result.ids()[0] == "websocket-torn-write"


@pytest.mark.parametrize("places", CUTS)
@pytest.mark.parametrize("side", [CLIENT, SERVER])
@pytest.mark.parametrize("size", [60, 1000])
def test_a_websocket_within_a_websocket(side, size, places):
    inner = b"".join(frame(TEXT, b"inner message %d" % n) for n in range(40))
    outer = frame(BINARY, inner, mask=b"\0\0\0\0" if side == CLIENT else None)
    head = len(outer) - len(inner)
    pieces = [outer[at : at + size] for at in range(head, len(outer), size)]
    # The next header is written with the end of the payload.
    pieces[-1] += outer[:head]
    steps = [(side, piece) for piece in [outer[:head], *pieces, *pieces]]
    result = talk([*handshake(), *steps], FULL, places)
    assert result.sent(side) == [inner, inner]
    assert "websocket-torn-write" not in result.ids()


@pytest.mark.parametrize("left", [1, 17, 40, 300])
def test_gap_is_taken_for_payload(left):
    """What was lost may be the rest of the frame: nothing is said of its sender."""
    inner = frame(TEXT, b"inner message 1")
    steps = [
        *handshake(),
        part(SERVER, len(inner) + left, opcode=BINARY),
        (SERVER, inner),
        (SERVER, left),
    ]
    result = talk([*steps, server(TEXT, b"after")], FULL)
    assert result.sent(SERVER)[-1] == b"after"
    assert result.ids() == ["websocket-payload-lost"]


def test_what_is_held_is_bounded():
    inner = frame(BINARY, b"abc")
    options = Options(payload="full", max_probe_bytes=10_000)
    steps = [*handshake(), part(SERVER, 10**6), *[(SERVER, inner)] * 100]
    result = talk(steps, options, range(0, 100, 2))
    assert result.sent(SERVER) == [b"abc"] * 100
    assert result.ids() == ["websocket-torn-write"]


def healthy(rng: random.Random) -> tuple[list[bytes], list[bytes]]:
    """Return messages of a server, and segments that often end behind headers."""
    sent, ends, stream = [], set(), b""
    for _ in range(rng.randrange(1, 6)):
        size = rng.choice((rng.randrange(30), rng.randrange(130), rng.randrange(500)))
        payload = bytes(rng.choices(b"\x81\x82\x80\x01\x02\x00\x05\x06\x85\x03", k=size))
        whole = frame(BINARY, payload)
        ends |= {len(stream) + len(whole) - size, len(stream) + len(whole)}
        stream += whole
        sent.append(payload)
    cuts = {end for end in ends if rng.random() < 0.6} | {rng.randrange(1, len(stream) + 1)}
    places = sorted({0, len(stream)} | cuts)
    return sent, [stream[a:b] for a, b in pairwise(places)]


def test_nothing_is_said_of_healthy_senders():
    """Payload is made of bytes that headers consist of."""
    for seed in range(150):
        sent, segments = healthy(random.Random(seed))
        result = talk([*handshake(), *[(SERVER, part) for part in segments]], FULL)
        assert result.sent(SERVER) == sent, seed
        assert result.ids() == [], seed
