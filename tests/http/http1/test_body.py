"""Body framing, RFC 9112 6.3 and 7.1."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.http.handover import Piece
from analyzer.http.head import read_head
from analyzer.http.http1.body import (
    Body,
    BodyUntilClose,
    ChunkedBody,
    request_body,
    response_body,
)

FEW = settings(deadline=None, max_examples=80)


def piece(data: bytes) -> Piece:
    return Piece((0, 0, 0, 0, 0, 0, 0, len(data), 0, 0, 0, 0, 0, 0), -1, None, data)


def feed(body: Body, data: bytes, sizes) -> int:
    """Feed in segments; return how many bytes were taken."""
    at, turn = 0, 0
    while at < len(data) and not body.done and not body.fault:
        segment = data[at : at + sizes[turn % len(sizes)]]
        taken = body.take(piece(segment), 0)
        at, turn = at + taken, turn + 1
        if taken < len(segment):
            break
    return at


def response(fields: str, status: int = 200):
    return read_head(f"HTTP/1.1 {status} X\r\n{fields}\r\n\r\n".encode())


def request(fields: str):
    return read_head(f"POST / HTTP/1.1\r\n{fields}\r\n\r\n".encode())


@FEW
@given(
    st.lists(st.binary(min_size=1, max_size=30), max_size=4),
    st.sampled_from([b"", b";a", b' ; a="b"']),
    st.lists(st.sampled_from([b"T: u\r\n", b"V: w\n"]), max_size=2),
    st.lists(st.integers(1, 20), min_size=1, max_size=3),
)
def test_chunks_cut_anywhere(chunks, extension, trailers, sizes):
    raw = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    raw += b"0\r\n" + b"".join(trailers) + b"\r\n"
    body = ChunkedBody()
    assert feed(body, raw, sizes) == len(raw)
    assert body.done
    whole = ChunkedBody()
    assert whole.take(piece(raw + b"HTTP/1.1"), 0) == len(raw)


@pytest.mark.parametrize("raw", [b"x\r\n", b"-1\r\n", b"\r\n", b"1\r\nab\r\n", b"f" * 17 + b"\r\n"])
def test_broken_chunks(raw):
    body = ChunkedBody()
    body.take(piece(raw), 0)
    assert body.fault
    assert not body.done


def test_chunk_line_without_an_end_is_bounded():
    body = ChunkedBody()
    feed(body, b"5;" + b"a" * 10_000, [100])
    assert body.fault


def test_gap_within_a_chunk_can_be_skipped():
    body = ChunkedBody()
    body.take(piece(b"a\r\nab"), 0)
    assert body.skip(8)
    assert body.take(piece(b"\r\n0\r\n\r\n"), 0) == 7
    assert body.done


def test_gap_over_a_chunk_size_cannot():
    body = ChunkedBody()
    body.take(piece(b"a\r\nab"), 0)
    assert not body.skip(9)
    assert not ChunkedBody().skip(1)


def test_known_length():
    body = Body(5)
    assert body.take(piece(b"abc"), 1) == 3
    assert body.skip(2)
    assert not body.skip(2)
    assert body.take(piece(b"xyz"), 0) == 1
    assert body.done


@pytest.mark.parametrize(
    ("fields", "status", "method", "kind"),
    [
        ("Content-Length: 5", 200, "GET", Body),
        ("Content-Length: 5, 5", 200, "GET", Body),
        ("Content-Length: 5\r\nContent-Length: 6", 200, "GET", BodyUntilClose),
        ("Content-Length: +5", 200, "GET", BodyUntilClose),
        ("Content-Length: 0", 200, "GET", type(None)),
        ("A: b", 200, "GET", BodyUntilClose),
        ("Transfer-Encoding: gzip, Chunked", 200, "GET", ChunkedBody),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", 200, "GET", ChunkedBody),
        ("Transfer-Encoding: chunked, gzip", 200, "GET", BodyUntilClose),
        ("Content-Length: 5", 200, "HEAD", type(None)),
        ("Content-Length: 5", 304, "GET", type(None)),
        ("Content-Length: 5", 204, "GET", type(None)),
        ("Content-Length: 5", 103, "GET", type(None)),
        ("Content-Length: 5", 200, "CONNECT", type(None)),
        ("Content-Length: 5", 407, "CONNECT", Body),
    ],
)
def test_response_framing(fields, status, method, kind):
    assert type(response_body(response(fields, status), method)) is kind


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ("A: b", type(None)),
        ("Content-Length: 0", type(None)),
        ("Content-Length: 7", Body),
        ("Content-Length: 7x", type(None)),
        ("Transfer-Encoding: chunked", ChunkedBody),
    ],
)
def test_request_framing(fields, kind):
    assert type(request_body(request(fields))) is kind


@FEW
@given(st.binary(max_size=80), st.lists(st.integers(1, 20), min_size=1, max_size=3))
def test_any_bytes_in_any_cut_give_the_same_end(raw, sizes):
    one, many = ChunkedBody(), ChunkedBody()
    taken = one.take(piece(raw), 0)
    feed(many, raw, sizes)
    assert (one.done, bool(one.fault)) == (many.done, bool(many.fault))
    assert 0 <= taken <= len(raw)


def test_bytes_pass_unseen_only_inside_of_a_body():
    known = Body(10)
    assert known.passes(9)
    assert not known.passes(1)  # its last byte ends the message
    assert BodyUntilClose().passes(10**6)
    chunked = ChunkedBody()
    assert not chunked.passes(1)  # a chunk size has to be read first
