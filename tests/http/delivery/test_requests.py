"""Bodies of requests: coded ones, and what is kept of them."""

import gzip
import zlib

import pytest

from analyzer.http.delivery.callers import Target
from analyzer.http.delivery.deliveries import Store
from analyzer.http.delivery.keeping import CLIENT, Keeping
from analyzer.http.delivery.requests import RequestReader
from analyzer.http.exchanges import Exchange
from analyzer.http.head import Head
from analyzer.options import Options

TEXT = b'{"say": "hello"}' * 30


def read(body, coding=None, transport="", kept=True, **options):
    """Return sizes, payloads, and what the store still has, of a body in two pieces."""
    options = Options(**options)
    keeping, store = Keeping(options), Store()
    keeping.wanted = lambda exchange: True
    told = keeping.told(1, CLIENT) if kept else None
    values = {} if coding is None else {"content-encoding": coding}
    head = Head("POST", "/", "1.1", 0, "", (), values, (), 0, 0, ())
    target, exchange = Target("/", "plain", transport, version=4), Exchange(0, 0, 0)
    reader = RequestReader(target, head, options, store, None, told)
    for piece in (body[:9], body[9:]):
        if reader.reading:
            reader.take(piece, 5)
    return reader.end(len(body), exchange), exchange.asked, store.kept


def test_plain():
    assert read(TEXT) == ([len(TEXT)], [TEXT], 0)
    assert read(TEXT, kept=False) == ([len(TEXT)], [], 0)
    assert read(b"") == ([], [], 0)


@pytest.mark.parametrize(("coding", "code"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_coded(coding, code):
    assert read(code(TEXT), coding) == ([len(TEXT)], [TEXT], 0)
    # Whether it is kept or not, its size is known.
    assert read(code(TEXT), coding, kept=False) == ([len(TEXT)], [], 0)


def test_what_is_no_gzip_counts_as_it_was_sent():
    assert read(TEXT, "gzip") == ([len(TEXT)], [], 0)
    bomb = gzip.compress(bytes(9_000_000))
    assert read(bomb, "gzip") == ([len(bomb)], [], 0)
    assert read(gzip.compress(TEXT), "gzip", max_inflated_bytes=99)[1] == []


def test_other_codings_are_not_read():
    assert read(TEXT, "br") == ([len(TEXT)], [], 0)


def test_a_long_one_is_counted_and_not_kept():
    assert read(gzip.compress(TEXT), "gzip", max_delivery_body_bytes=99) == ([len(TEXT)], [], 0)


def test_packets_of_engine_io():
    sizes, asked, kept = read(b'2\x1e4["a"]', transport="engine.io")
    assert (sizes, asked, kept) == ([5], [b"2", b'4["a"]'], 0)


def test_messages_of_sockjs():
    assert read(b'["a","bcd"]', transport="sockjs") == ([1, 3], [b"a", b"bcd"], 0)
