"""Lines and what is sent in them: WHATWG HTML 9.2, newline-delimited JSON, RFC 7464."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.http.delivery.line_readers import EventStream, Lines, TextLines


def read(make, *parts, end=True):
    """(time, size) of the messages in parts that come at 1, 2, ..."""
    found = []
    reader = make(lambda time, size: found.append((time, size)))
    for time, part in enumerate(parts, 1):
        if part is None:
            reader.lost()
        else:
            reader.take(part, time)
    if end:
        reader.end(len(parts))
    return found


def test_lines_end_with_each_of_three_ends():
    lines = Lines()
    assert list(lines.take(b"a\nbb\r\n\rccc")) == [(b"a", 1), (b"bb", 2), (b"", 0)]
    assert lines.rest() == (b"ccc", 3)


def test_crlf_cut_in_two_ends_one_line():
    lines = Lines()
    assert list(lines.take(b"a\r")) == [(b"a", 1)]
    assert list(lines.take(b"\n\n")) == [(b"", 0)]


def test_a_long_line_keeps_its_beginning_and_its_length():
    lines = Lines(4)
    assert not list(lines.take(b"abc"))
    assert not list(lines.take(b"d" * 1000))
    assert list(lines.take(b"\n")) == [(b"abcd", 1003)]


@given(
    st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n", b"data: x"]), max_size=20),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_cuts_change_no_line(parts, places):
    data = b"".join(parts)
    whole = Lines(100)
    expected = [line for line, _ in whole.take(data)]
    # bytes.splitlines knows the same three ends.
    ended = [line for line in data.splitlines(True) if line.endswith((b"\r", b"\n"))]
    assert expected == [line.rstrip(b"\r\n") for line in ended]
    cut = Lines(100)
    bounds = [0, *sorted({place for place in places if place < len(data)}), len(data)]
    found = []
    for begin, end in pairwise(bounds):
        found += [line for line, _ in cut.take(data[begin:end])]
    assert found == expected
    assert cut.rest() == whole.rest()


# The examples of WHATWG HTML 9.2.6, with the sizes of the data that they dispatch.
@pytest.mark.parametrize(
    ("stream", "sizes"),
    [
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [len("YHOO\n+2\n10")]),
        (b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n", [11, 12]),
        (b"data:  third event\n\n", [len(" third event")]),
        (b"data\n\ndata\ndata\n\ndata:", [0, 1]),
        (b"data:test\n\ndata: test\n\n", [4, 4]),
        (b"event: ping\n\nid: 3\nretry: 10\n\n: comment\n\n", []),
        (b"\xef\xbb\xbfdata: x\n\n", [1]),
        (b"database: x\n\nDATA: x\n\n", []),
        (b"data: a\r\rdata: bc\r\n\r\ndata: def\n\n", [1, 2, 3]),
        (b"data: a\n\ndata: never ended\n", [1]),
    ],
)
def test_events(stream, sizes):
    assert [size for _, size in read(EventStream, stream)] == sizes
    single = [stream[at : at + 1] for at in range(len(stream))]
    assert [size for _, size in read(EventStream, *single)] == sizes


def test_event_has_the_time_of_the_line_that_dispatches_it():
    assert read(EventStream, b"data: a\n", b"data: b\n", b"\ndata: c", b"\n\n") == [(3, 3), (4, 1)]


def test_events_around_a_hole():
    assert read(EventStream, b"data: a\n\ndata: b", None, b"c\n\ndata: d\n\n") == [(1, 1), (3, 1)]


def test_event_data_is_kept_when_asked_for():
    seen = []
    reader = EventStream(
        lambda time, size: None, 10, lambda data, size, time: seen.append((data, size, time))
    )
    reader.take(b"data: abc\n\n", 7)
    assert seen == [(b"abc", 3, 7)]


@pytest.mark.parametrize(
    ("stream", "sizes"),
    [
        (b'{"a":1}\n{"b":22}\n', [7, 8]),
        (b'{"a":1}\r\n\r\n  \n{"b":22}', [7, 8]),
        (b'\x1e{"a":1}\n\x1e[2]\n', [7, 3]),
        (b"x" * 5000 + b"\n", [5000]),
        (b"\n\n \n", []),
    ],
)
def test_text_lines(stream, sizes):
    assert [size for _, size in read(TextLines, stream)] == sizes
    single = [stream[at : at + 1] for at in range(len(stream))]
    assert [size for _, size in read(TextLines, *single)] == sizes


def test_line_with_a_hole_is_none():
    assert read(TextLines, b"one\ntw", None, b"o\nthree\n") == [(1, 3), (3, 5)]
    assert read(TextLines, b"one\ntw", None, b"o") == [(1, 3)]
