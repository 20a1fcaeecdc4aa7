"""The search for a frame boundary: what counts as found, and what must not."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.stages import BINARY, KEY, PING, TEXT
from oracle.websocket import apply_mask, frame

from analyzer.websocket.boundary import BoundarySearch


def search(masked=True, rsv_allowed=0, needed=3):
    return BoundarySearch(masked=masked, rsv_allowed=rsv_allowed, frames_needed=needed)


def found_at(segments, **how):
    """Push segments; return (place, number of the segment that gave it), or None."""
    one = search(**how)
    for number, segment in enumerate(segments):
        place = one.push(segment)
        if place is not None:
            return place, number
    return None


def masked(payload=b"some payload", opcode=BINARY):
    return frame(opcode, payload, mask=KEY)


def test_one_frame_that_fills_its_segment_is_enough():
    # Its second half is of a frame whose header was lost, without any place to begin.
    rest = b"\xf7" * 30
    assert found_at([rest, masked()]) == (30, 1)


def test_segment_that_ends_within_a_frame_is_not_enough_until_there_is_more():
    cut = masked()[:-3]
    assert found_at([cut]) is None
    assert found_at([cut, masked()[-3:] + masked() + masked()]) == (0, 1)


def test_within_a_segment_three_frames_must_follow_each_other():
    rest = b"\xf7" * 30
    for count in (1, 2):
        assert found_at([rest + masked() * count]) is None
    assert found_at([rest + masked() * 3]) == (30, 0)


def test_frames_of_the_other_mask_are_not_taken():
    plain = frame(BINARY, b"some payload") * 5
    assert found_at([plain]) is None
    assert found_at([plain], masked=False) == (0, 0)
    assert found_at([masked() * 5], masked=False) is None


def test_reserved_bits_only_where_an_extension_defines_them():
    deflated = frame(TEXT, b"\x01\x02\x03\x04", mask=KEY, rsv=4) * 4
    assert found_at([deflated]) is None
    assert found_at([deflated], rsv_allowed=4) == (0, 0)


def test_length_that_is_not_minimal_is_no_header():
    # RFC 6455 5.2: "the minimal number of bytes MUST be used to encode the length"
    longer = frame(BINARY, b"abc", mask=KEY, length_form=16)
    assert found_at([longer * 4]) is None


def test_text_must_be_utf8():
    assert found_at([frame(TEXT, b"\xff" * 12, mask=KEY)] * 4) is None
    assert found_at([frame(TEXT, b"caf\xc3\xa9 au lait", mask=KEY)]) == (0, 0)


def test_chain_reaches_over_frames_longer_than_what_is_kept():
    one = search(masked=False)
    pieces = [frame(BINARY, bytes(70_000))[at : at + 1000] for at in range(0, 70_010, 1000)]
    stream = pieces * 3
    pushed = 0
    for number, piece in enumerate(stream):  # noqa: B007
        place = one.push(piece)
        pushed += len(piece)
        if place is not None:
            break
        # As the seeker does: keep 20,000 bytes.
        if pushed - one.begin > 20_000:
            one.forget(pushed - 20_000 - one.begin)
    assert number == 2 * 71  # the third header is the third piece of evidence
    assert place == 2 * 70_010
    assert place >= one.begin


def test_places_that_were_forgotten_are_not_found():
    one = search()
    assert one.push(masked()[:-1]) is None
    one.forget(5)
    assert one.begin == 5
    assert one.push(b"\0" + masked() + masked()) == len(masked())


def test_false_headers_in_binary_payload_are_not_taken():
    randomness = random.Random(5)
    noise = [randomness.randbytes(1400) for _ in range(40)]
    assert found_at(noise) is None
    assert found_at(noise, masked=False) is None


@pytest.mark.parametrize("filler", [b"\x00", b"\x82", b"\x81", b"\xff"])
def test_padding_is_no_frame(filler):
    assert found_at([filler * 5000]) is None
    assert found_at([filler * 5000], masked=False) is None


NO_HEADERS = st.lists(st.integers(0xF0, 0xFF), min_size=1, max_size=40).map(bytes)
"""Bytes on the wire that no header begins with: reserved bits are set."""


@settings(deadline=None, max_examples=60)
@given(
    lost=st.integers(1, 60),
    payloads=st.lists(NO_HEADERS, min_size=4, max_size=8),
    cuts=st.lists(st.integers(1, 50), min_size=1, max_size=8),
    is_masked=st.booleans(),
)
def test_boundary_is_found_wherever_segments_begin(lost, payloads, cuts, is_masked):
    mask = KEY if is_masked else None
    frames = [
        frame(PING, apply_mask(wire, KEY) if is_masked else wire, mask=mask) for wire in payloads
    ]
    data = b"\xf7" * lost + b"".join(frames)
    starts = {lost + sum(map(len, frames[:count])) for count in range(len(frames))}
    segments = []
    while data:
        size = cuts[len(segments) % len(cuts)]
        segments.append(data[:size])
        data = data[size:]
    found = found_at(segments, masked=is_masked)
    assert found is not None
    assert found[0] in starts
