"""What bytes are that stand where a frame header should."""

from __future__ import annotations

import random

import pytest
from oracle.websocket import apply_mask, frame

from analyzer import findings
from analyzer.websocket import foreign
from analyzer.websocket.foreign import Shape, judged, mixed_writes, recognised

SERVER, CLIENT = Shape(False, 0), Shape(True, 0)

NO_FRAMES = {
    "an HTTP response": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "an HTTP request": b"GET /feed HTTP/1.1\r\nHost: a\r\n\r\n",
    "JSON text": b'{"type":"welcome","ping":1700000000}',
    "HTML or XML": b"<html><head><title>504 Gateway Time-out</title>",
    "a TLS record": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)),
    "the end of a chunked body": b"0\r\n\r\n",
    "a chunk of a body": b"1f;a=b\r\n{}",
    "frames of an older draft": b"\x00hello there\xff",
    "one byte over and over": bytes(40),
}


@pytest.mark.parametrize("what", NO_FRAMES)
@pytest.mark.parametrize("shape", [SERVER, CLIENT, Shape(False, 4)])
def test_what_is_no_frame_is_named(what: str, shape: Shape) -> None:
    judgement = judged(NO_FRAMES[what], shape)
    assert judgement.is_frame is False
    assert judgement.nature is not None
    assert judgement.nature.what == what


def test_an_older_draft_has_its_own_finding() -> None:
    nature = recognised(b"\x00hello\xff\x00you\xff", is_final=False)
    assert nature is not None
    assert nature.kind is findings.WEBSOCKET_OLD_DRAFT


def test_text_is_text_once_there_is_enough_of_it() -> None:
    assert judged(b"welcome to the server\n", SERVER).is_frame is False
    assert judged(b"wel", SERVER).is_frame is None
    assert judged(b"wel", SERVER, is_final=True).is_frame is False


def broken_frames() -> list[bytes]:
    """Frames that break up to three rules of a header, of all kinds, with their length right."""
    made = []
    randomness = random.Random(5)
    for opcode in range(16):
        for rsv in range(8):
            for fin in (False, True):
                size = randomness.choice([0, 1, 5, 124, 126, 200, 1400])
                payload = randomness.randbytes(size)
                made.append(frame(opcode, payload, fin=fin, rsv=rsv, mask=b"\x91\xa2\xe3\xf4"))
    return made


@pytest.mark.parametrize("data", broken_frames(), ids=range(256))
def test_a_frame_that_fills_its_segment_is_a_frame(data: bytes) -> None:
    assert judged(data, CLIENT).is_frame
    assert judged(data, Shape(False, 0)).is_frame  # masked by the server: one fault more


@pytest.mark.parametrize("data", broken_frames(), ids=range(256))
def test_a_frame_before_another_is_a_frame(data: bytes) -> None:
    assert judged(data + frame(1, b"k", mask=b"abcd"), CLIENT).is_frame


def test_a_frame_that_goes_on_is_not_judged_yet() -> None:
    data = frame(2, bytes(range(256)) * 8, rsv=2, mask=b"\x91\xa2\xe3\xf4")
    judgement = judged(data[:1000], CLIENT)
    assert judgement.is_frame is None
    assert judgement.end == len(data)
    assert judged(data[:1000], CLIENT, is_final=True).is_frame


def test_a_length_with_the_top_bit_is_left_to_the_walk() -> None:
    assert judged(b"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x05keykabcde", CLIENT).is_frame


def mixed(first: bytes, second: bytes, size: int) -> tuple[bytes, bytes]:
    """Return what a reader takes for the first frame's payload, and the rest."""
    headers = first[:6] + second[:6]
    wire = headers + first[6:] + second[6:]
    return wire[6 : 6 + size], wire[6 + size :]


def test_two_writers() -> None:
    ping = frame(9, b"beat", mask=b"abcd")
    text = frame(1, b'{"n":5}', mask=b"wxyz")
    found = mixed_writes(9, *mixed(ping, text, 4), CLIENT)
    assert found == (9, 1, b'{"n":5}')
    eaten, rest = mixed(ping, text, 4)
    assert mixed_writes(9, eaten, rest + b"x", CLIENT) is None
    assert mixed_writes(9, b"beat", rest, CLIENT) is None


def test_two_writers_without_masks() -> None:
    wire = frame(2, b"abc")[:2] + frame(2, b"defgh")[:2] + b"abcdefgh"
    assert mixed_writes(2, wire[2:5], wire[5:], SERVER) == (2, 2, b"defgh")


def test_secrets_of_a_target_are_not_shown() -> None:
    data = b"GET /feed?token=geheim HTTP/1.1\r\nCookie: a=geheim\r\n\r\n"
    nature = recognised(data, is_final=True)
    assert nature is not None
    text = foreign.described(data, nature, len(data), "client", show=True)
    assert "GET /feed" in text
    assert "geheim" not in text


def test_payload_none_shows_no_payload() -> None:
    data = b'{"password":"geheim"}'
    nature = recognised(data, is_final=True)
    assert nature is not None
    assert "geheim" not in foreign.described(data, nature, len(data), "server", show=False)


def test_control_characters_are_escaped() -> None:
    data = b"text \x1b[31m"
    nature = foreign.Nature(findings.WEBSOCKET_NOT_FRAMES, "text", True)
    assert "\x1b" not in foreign.described(data, nature, len(data), "server", show=True)


def test_masks_of_the_oracle_and_of_the_analyzer_agree() -> None:
    payload = bytes(range(97))
    assert foreign.unmasked(payload, b"wxyz") == apply_mask(payload, b"wxyz")
