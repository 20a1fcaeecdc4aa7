"""Payload of sessions, deflated as WebSocket and HTTP would carry it."""

import zlib

import numpy as np
import pytest

from analyzer.alternatives.sampling import FRAMES, FRAMES_UP, OWN, POLLS, SINGLE
from analyzer.alternatives.told import ToldSample, deflated, frame_header

MS = 1_000_000
TEXTS = [b'{"kind": "tick", "value": %d}' % (7 * n) * 8 for n in range(4)]


@pytest.mark.parametrize(("size", "header"), [(0, 2), (125, 2), (126, 4), (65535, 4), (65536, 10)])
def test_frame_headers(size, header):
    """RFC 6455 5.2."""
    assert frame_header(size, masked=False) == header
    assert frame_header(size, masked=True) == header + 4


def sample(**more):
    return ToldSample([1000 * MS], 0, MS, 1448, **more)


def expected(payloads, *, mask):
    """RFC 7692 7.2.1: deflated with one context, flushed, less the tail of four bytes."""
    context, sizes = zlib.compressobj(6, zlib.DEFLATED, -15), []
    for payload in payloads:
        data = context.compress(payload) + context.flush(zlib.Z_SYNC_FLUSH)
        assert data.endswith(b"\x00\x00\xff\xff")
        size = len(data) - 4
        sizes.append(size + (2 if size < 126 else 4) + 4 * mask)
    return sizes


def test_both_directions_have_a_context_each():
    pushes = [((n * 100 * MS, len(text), text), n) for n, text in enumerate(TEXTS)]
    posts = [(0, len(text), text) for text in TEXTS[:2]]
    rows = deflated(sample(), pushes, posts, [])
    assert rows[FRAMES]["answers"] == 4
    assert rows[FRAMES]["coded"] == sum(expected(TEXTS, mask=False))
    assert rows[FRAMES]["plain"] == sum(len(text) + 4 for text in TEXTS)
    assert rows[FRAMES_UP]["answers"] == 2
    assert rows[FRAMES_UP]["coded"] == sum(expected(TEXTS[:2], mask=True))
    assert rows[SINGLE]["answers"] == 4
    assert len(rows) == POLLS + 1


def test_what_was_written_together_is_one_write():
    pushes = [((0, len(text), text), 7) for text in TEXTS]
    rows = deflated(sample(), pushes, [], [])
    assert rows[FRAMES]["answers"] == 1
    assert rows[FRAMES]["coded"] == sum(expected(TEXTS, mask=False))


def test_bodies_are_deflated_as_they_were():
    noise = np.random.default_rng(3).integers(0, 256, 300, np.uint8).tobytes()
    body = b'{"next": 5, "items": [%b]}' % b",".join(TEXTS)
    rows = deflated(sample(), [], [], [body, b"", noise])
    found = rows[OWN]
    # gzip would make noise longer: it stays plain.
    assert (found["answers"], found["in_gzip"]) == (2, 1)
    assert found["plain"] == len(body) + 300
    assert found["coded"] == len(zlib.compress(body, 6, 31)) + 300


def test_messages_that_were_not_kept_are_left_out():
    pushes = [((0, 5, None), 1), ((MS, len(TEXTS[0]), TEXTS[0]), 2)]
    rows = deflated(sample(), pushes, [(0, 9, None)], [])
    assert rows[FRAMES]["answers"] == 1
    assert not rows[FRAMES_UP]["answers"]


def test_an_empty_message_takes_a_byte():
    """RFC 7692 7.2.3.6: of an empty message one byte, 0x00, is left."""
    rows = deflated(sample(), [], [(0, 0, b"")], [])
    assert rows[FRAMES_UP]["coded"] == 2 + 4 + 1
