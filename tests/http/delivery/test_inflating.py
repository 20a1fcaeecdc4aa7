"""Inflating of bodies: both codings, cut anywhere, and content that is none or too much."""

from __future__ import annotations

import gzip
import zlib

import pytest

from analyzer.http.delivery.inflating import Inflater

TEXT = b"the same words, the same words " * 100


def raw(data):
    maker = zlib.compressobj(wbits=-15)
    return maker.compress(data) + maker.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw(TEXT)),
    ],
    ids=["gzip", "deflate", "raw"],
)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_inflates_pieces(coding, body, size):
    inflater = Inflater(coding, 100_000)
    out = b""
    for at in range(0, len(body), size):
        out += b"".join(inflater.take(body[at : at + size]))
    assert (out, inflater.failed) == (TEXT, False)


def test_a_flushed_piece_comes_at_once():
    maker = zlib.compressobj(wbits=31)
    first = maker.compress(b"data: a\n\n") + maker.flush(zlib.Z_SYNC_FLUSH)
    assert b"".join(Inflater("gzip", 1000).take(first)) == b"data: a\n\n"


def test_bomb_stops_at_the_limit():
    inflater = Inflater("gzip", 1_000_000)
    out = sum(map(len, inflater.take(gzip.compress(bytes(50_000_000)))))
    assert inflater.failed
    assert out <= 1_000_000


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_what_is_not_compressed_fails(coding):
    inflater = Inflater(coding, 1000)
    assert not list(inflater.take(b"\xff\xff plain text that says it is compressed"))
    assert inflater.failed


def test_a_small_bomb_does_not_become_large():
    """50 MB of one event, in about 50 kB on the wire."""
    body = gzip.compress(b"data:\n\n" * 7_000_000)
    inflater = Inflater("gzip", 64 * 2**20)
    out = sum(map(len, inflater.take(body)))
    assert inflater.failed
    assert out <= 2**20 + 100 * len(body)


def test_content_that_repeats_itself_as_lists_do_is_no_bomb():
    text = b"".join(b'{"id":%d,"name":"instrument-%d"}\n' % (n, n) for n in range(200_000))
    body = gzip.compress(text)
    assert len(text) > 5 * 2**20
    inflater = Inflater("gzip", 64 * 2**20)
    assert sum(map(len, inflater.take(body))) == len(text)
    assert not inflater.failed
