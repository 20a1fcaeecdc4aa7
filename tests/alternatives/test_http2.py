"""Sizes of HTTP/2 heads, against RFC 7541 by hand and the package hpack."""

import pytest
from hpack import Encoder

from analyzer.alternatives.http2 import HeadSizes, answer_fields, request_fields

MANY = 1 << 20


def test_fields_of_a_request():
    """RFC 9113 8.2 and 8.3.1: lower case, pseudo-header fields first, nothing of the connection."""
    fields = (("Host", "a.example"), ("Connection", "keep-alive"), ("Keep-Alive", "5"))
    fields += (("Upgrade", "x"), ("Transfer-Encoding", "chunked"), ("X-Thing", "Value"))
    assert request_fields("GET", "/p?q", fields) == (
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "a.example"),
        (":path", "/p?q"),
        ("x-thing", "Value"),
    )
    assert answer_fields(204, (("Date", "x"), ("Connection", "close"))) == (
        (":status", "204"),
        ("date", "x"),
    )


def test_a_head_by_hand():
    """RFC 7541 C.4.1 and C.4.2: 17 bytes, then 12 with one field more; 9 of the frame each."""
    first = ((":method", "GET"), (":scheme", "http"), (":path", "/"))
    first += ((":authority", "www.example.com"),)
    second = (*first, ("cache-control", "no-cache"))
    assert HeadSizes(MANY).in_sequence([first, second], 100) == (9 + 17, 9 + 12)


def test_a_repeated_head_shrinks_to_an_index_for_each_field():
    fields = request_fields("GET", "/", (("Host", "x.example"), ("Cookie", "c" * 300)))
    first, later = HeadSizes(MANY).repeated(fields, 400)
    assert first == 9 + len(Encoder().encode(list(fields)))
    # :method, :scheme, :path, :authority and cookie: a byte each (RFC 7541 6.1).
    assert later == 9 + 5


def test_a_date_is_new_each_time():
    fields = answer_fields(200, (("Date", "Tue, 24 Nov 2026 16:00:00 GMT"), ("Server", "s")))
    _, later = HeadSizes(MANY).repeated(fields, 100)
    encoder = Encoder()
    sizes = []
    for second in range(4):
        date = f"Tue, 24 Nov 2026 16:00:{second:02d} GMT"
        sizes.append(9 + len(encoder.encode([(":status", "200"), ("date", date), ("server", "s")])))
    assert later == pytest.approx(sum(sizes[1:]) / 3)
    assert later > 9 + 3


def test_one_head_is_its_own_repetition():
    first, later = HeadSizes(MANY).in_sequence([((":method", "GET"),)], 30)
    assert first == later == 9 + 1


def test_shapes_are_encoded_once():
    """The second cookie would be longer in HPACK, were it not of the first one's shape."""
    sizes = HeadSizes(MANY)
    one = sizes.repeated((("cookie", "a" * 40),), 50)
    assert sizes.repeated((("cookie", "~" * 40),), 50) == one
    assert HeadSizes(MANY).repeated((("cookie", "~" * 40),), 50) != one
    assert sizes.repeated((("cookie", "a" * 80),), 90) != one


def test_behind_the_limit_heads_shrink_as_others_did():
    sizes = HeadSizes(4 * 60)
    first, later = sizes.repeated((("cookie", "a" * 50),), 100)
    assert not list(sizes.cut())
    # Another shape, of 4 * 76 bytes.
    assert sizes.repeated((("cookie", "a" * 70),), 200) == (2 * first, 2 * later)
    assert sizes.in_sequence([(("x", "y" * 100),)], 50) == (first / 2, later / 2)
    (text,) = sizes.cut()
    assert text.startswith("2 heads above max_hpack_bytes")


def test_no_example_is_estimated():
    sizes = HeadSizes(MANY)
    assert sizes.in_sequence([], 100) == (0, 0)
    first, later = sizes.repeated((("cookie", "a" * 50),), 100)
    assert sizes.in_sequence([], 300) == (3 * first, 3 * later)
    assert not list(sizes.cut())


def test_what_does_not_fit_into_the_table_is_sent_whole_each_time():
    """RFC 7541 4.4; of 4,096 bytes an entry takes 32 for itself."""
    short, long = "c" * (4096 - 32 - 6), "c" * (4096 - 32 - 5)
    assert HeadSizes(MANY).repeated((("cookie", short),), 1)[1] == 9 + 1
    assert HeadSizes(MANY).repeated((("cookie", long),), 1)[1] >= 9 + len(long)
