"""Frames: read back by wsproto's parser, and by hand."""

from __future__ import annotations

import random
import zlib

import pytest

from analyzer.options import Options
from analyzer.share.anonymize.frames import Frames, are_frames, masked
from analyzer.share.anonymize.ordered import Room
from analyzer.share.anonymize.words import Words

WORDS = Words(bytes(range(32)))
KEY = bytes.fromhex("37fa213d")


def frame(
    opcode: int, payload: bytes, *, fin: bool = True, rsv1: bool = False, key: bytes = b""
) -> bytes:
    first = opcode | fin << 7 | rsv1 << 6
    mask = 0x80 if key else 0
    if len(payload) < 126:
        head = bytes((first, mask | len(payload)))
    else:
        head = bytes((first, mask | 126)) + len(payload).to_bytes(2, "big")
    return head + key + masked(payload, key, 0)


def rewritten(data: bytes, size: int) -> bytes:
    out: list[bytes] = []
    frames = Frames(WORDS, out.append)
    for at in range(0, len(data), size):
        frames.feed(data[at : at + size])
    frames.flush()
    return b"".join(out)


def test_masking_is_that_of_the_rfc() -> None:
    # RFC 6455 5.7: a masked "Hello".
    assert masked(b"Hello", KEY, 0) == bytes.fromhex("7f9f4d5158")
    assert masked(b"llo", KEY, 2) == bytes.fromhex("4d5158")


def test_a_masked_text_stays_masked_with_its_key() -> None:
    old = frame(1, b"hello Margarethe", key=KEY)
    for size in (1, 5, 100):
        made = rewritten(old, size)
        assert made[:6] == old[:6]
        assert masked(made[6:], KEY, 0) == WORDS.text(b"hello Margarethe")


def test_a_close_keeps_its_code() -> None:
    made = rewritten(frame(8, b"\x0f\xa0bye Margarethe", key=KEY), 3)
    plain = masked(made[6:], KEY, 0)
    assert plain[:2] == b"\x0f\xa0"
    assert b"Margarethe" not in plain
    assert len(plain) == 16


def test_a_pong_still_answers_its_ping() -> None:
    ping, pong = rewritten(frame(9, b"abcdef"), 9), rewritten(frame(10, b"abcdef", key=KEY), 9)
    assert masked(pong[6:], KEY, 0) == ping[2:] != b"abcdef"


def test_control_frames_between_fragments() -> None:
    parts = frame(1, b"part one ", fin=False), frame(9, b"ping1"), frame(0, b"part two")
    made = rewritten(b"".join(parts), 4)
    assert len(made) == sum(map(len, parts))
    at = 0
    for part in parts:
        assert made[at : at + 2] == part[:2]
        at += len(part)
    assert made.startswith(parts[0][:2] + WORDS.text(b"part one "))


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_compressed_messages_keep_both_sizes(size: int) -> None:
    source = random.Random(1)
    pressed = zlib.compressobj(6, zlib.DEFLATED, -15)
    texts = [bytes(source.choices(b"abcd ", k=length)) for length in (5, 300, 5, 90)]
    texts.append(texts[-1])
    sent = [(pressed.compress(text) + pressed.flush(zlib.Z_SYNC_FLUSH))[:-4] for text in texts]
    frames = [frame(1, sent[0], rsv1=True, key=KEY)]
    frames += [
        frame(1, sent[1][:9], rsv1=True, fin=False),
        frame(9, b"between"),
        frame(0, sent[1][9:]),
    ]
    frames += [frame(1, each, rsv1=True) for each in sent[2:]]
    made = rewritten(b"".join(frames), size)
    assert len(made) == sum(map(len, frames))
    inflate, at, found, payload = zlib.decompressobj(-15), 0, [], b""
    for each in frames:
        new = made[at : at + len(each)]
        header = 2 + (2 if each[1] & 0x7F == 126 else 0)
        assert new[:header] == each[:header]
        at += len(each)
        if each[0] & 0x0F == 9:
            continue
        key = KEY if each[1] & 0x80 else b""
        payload += masked(new[header + len(key) :], key, 0)
        if each[0] & 0x80:
            found.append(inflate.decompress(payload + b"\0\0\xff\xff"))
            payload = b""
    assert found == [b"x" * len(text) for text in texts]


def test_damaged_compression_becomes_noise_of_its_length() -> None:
    old = frame(1, b"\xff\xff\xff\xff Margarethe", rsv1=True)
    made = rewritten(old, 100)
    assert len(made) == len(old)
    assert b"Margarethe" not in made


def test_a_gap_within_a_frame() -> None:
    out: list[bytes] = []
    frames = Frames(WORDS, out.append)
    old = frame(1, b"one two three four", key=KEY) + frame(1, b"next word")
    frames.feed(old[:10])
    frames.gap(4)
    frames.feed(old[14:])
    made = b"".join(out)
    assert len(made) == len(old)
    assert made[24:26] == old[24:26]
    assert made[26:] == WORDS.text(b"next word")


def test_behind_a_lost_header_frames_begin_where_a_packet_does() -> None:
    out: list[bytes] = []
    frames = Frames(WORDS, out.append)
    one = frame(1, b"one two three four", key=KEY)
    frames.gap(3)
    frames.feed(one[3:])  # no frame begins here
    frames.feed(one)
    made = b"".join(out)
    assert len(made) == 2 * len(one)
    assert made[:3] == bytes(3)
    assert made[len(one) : len(one) + 6] == one[:6]
    assert masked(made[len(one) + 6 :], KEY, 0) == WORDS.text(b"one two three four")
    assert b"three" not in masked(made[6 : len(one)], KEY, 0)
    assert frames.unread == len(one) - 3


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x81\x05hello", True),
        (b"\x81\x05hello\x89\x00\x02\x7e\x01\x00abc", True),
        (b"\x81\x85keysABCDE\x88\x82keysAB", True),
        (b"\x81\x05hel", False),  # one that goes on
        (b"\x81\x05hello\x81\x85keysABCDE", False),  # masked and not
        (b"\x89\x7e\x00\xff", False),  # a long ping
        (b"\x83\x01a\x81\x01a", False),  # reserved opcode
        (b"SSH-2.0-OpenSSH_9.2", False),
        (b"220 mail.example ESMTP", False),
        (b"", False),
    ],
)
def test_frames_show_by_their_headers(data: bytes, expected: bool) -> None:
    assert are_frames(data) is expected


def test_bytes_that_are_no_frames_end_where_a_packet_begins_with_one() -> None:
    """HTML behind a 101, then frames: those stay frames, and little of the HTML is a header."""
    html = b"<html><body>Margarethe was here, and many other people were as well</body></html>"
    text = frame(1, b"hello Margarethe")
    out: list[bytes] = []
    frames = Frames(WORDS, out.append)
    frames.feed(html)
    frames.feed(text)
    made = b"".join(out)
    frames.flush()
    assert len(made) == len(html) + len(text)
    assert made[len(html) :] == text[:2] + WORDS.text(b"hello Margarethe")
    assert b"Margarethe" not in made


@pytest.mark.parametrize("opcode", [1, 3])
def test_nothing_is_lost_of_a_compressed_message_that_has_no_end(opcode: int) -> None:
    """Another data frame, or one of a reserved kind, comes before its last one."""
    squeezed = zlib.compressobj(wbits=-15)
    content = squeezed.compress(b"secret " * 9) + squeezed.flush(zlib.Z_SYNC_FLUSH)
    one = frame(1, content[:5], fin=False, rsv1=True, key=KEY)
    two = frame(opcode, b"hello Margarethe", key=KEY)
    three = frame(0, content[5:-4], key=KEY)
    made = rewritten(one + two + three, 7)
    assert len(made) == len(one + two + three)
    assert made[:6] == one[:6]
    assert made[len(one) : len(one) + 6] == two[:6]
    assert made[len(one + two) :][:6] == three[:6]


def test_a_compressed_message_that_is_too_long_becomes_noise() -> None:
    content = random.Random(1).randbytes(5000)
    old = frame(2, content[:4000], fin=False, rsv1=True) + frame(0, content[4000:])
    room = Room(Options(max_anonymized_held_bytes=6000))
    out: list[bytes] = []
    frames = Frames(WORDS, out.append, room)
    for at in range(0, len(old), 1000):
        frames.feed(old[at : at + 1000])
    made = b"".join(out)
    assert len(made) == len(old)
    assert room.given_up == 1
    assert made[:4] == old[:4]
    assert made[4004:4008] == old[4004:4008]
    assert made[4:40] not in old
