"""Heads: well-formed ones as h11 reads them, odd ones as the RFC says."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.http.head import (
    MAYBE,
    NEITHER,
    REQUEST,
    RESPONSE,
    Head,
    Malformed,
    parse_cut,
    read_head,
    recognise,
    target_parts,
)

FEW = settings(deadline=None, max_examples=80)
NAMES = st.text("abcXYZ09-_!", min_size=1, max_size=10).map(lambda name: "X" + name)
VALUES = st.text('abc XYZ09,;"=:\t\xe4', max_size=20).map(lambda text: text.strip(" \t"))


@FEW
@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), st.binary(max_size=8))
def test_requests_as_h11_reads_them(fields, behind):
    lines = [f"{name}: {value}\r\n" for name, value in fields]
    raw = f"GET /a?b=c HTTP/1.1\r\nHost: h\r\n{''.join(lines)}\r\n".encode("latin-1")
    server = h11.Connection(h11.SERVER)
    server.receive_data(raw)
    event = server.next_event()
    head = read_head(raw + behind)
    assert isinstance(head, Head)
    assert isinstance(event, h11.Request)
    assert head.size == len(raw)
    assert (head.method, head.target, head.version) == ("GET", "/a?b=c", "1.1")
    assert [
        (name.lower().encode(), value.encode("latin-1")) for name, value in head.fields
    ] == list(event.headers)
    for end in range(len(raw)):
        assert read_head(raw[:end]) is None


def test_response():
    head = read_head(b"HTTP/1.0 404 Not Found\r\nA: b\r\n\r\nbody")
    assert isinstance(head, Head)
    assert (head.version, head.status, head.reason, head.method) == ("1.0", 404, "Not Found", "")
    assert head.size == 32


def test_response_without_reason():
    assert read_head(b"HTTP/1.1 200 \r\n\r\n").reason == ""
    assert read_head(b"HTTP/1.1 200\r\n\r\n").status == 200


@pytest.mark.parametrize(
    ("raw", "size", "value"),
    [
        (b"GET / HTTP/1.1\nA: b\n\n", 21, "b"),  # RFC 9112 2.2: a single LF
        (b"\r\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n", 24, "b"),
        (b"GET / HTTP/1.1\r\na:b\r\nA:\t c \r\n\r\n", 31, "b, c"),
        (b"GET / HTTP/1.1\r\nA: b\n\r\n", 23, "b"),
        (b"GET / HTTP/1.1\r\nA: \xff\r\n\r\n", 24, "\xff"),
    ],
)
def test_lenient_forms(raw, size, value):
    head = read_head(raw + b"rest")
    assert isinstance(head, Head)
    assert head.size == size
    assert head.leading == len(raw) - size
    assert head.values["a"] == value
    assert not head.faults


def test_folded_fields_are_read_and_told():
    # RFC 9112 5.2: "A sender MUST NOT generate a message that includes line folding".
    head = read_head(b"GET / HTTP/1.1\r\nA: b\r\n  c\r\n\td \r\nB: e\r\n\r\n")
    assert isinstance(head, Head)
    assert dict(head.values) == {"a": "b c d", "b": "e"}
    (fault,) = head.faults
    assert (fault.rfc, fault.text.split()[0]) == ("RFC 9112 5.2", "A")


def test_repeated_fields_one_by_one():
    head = read_head(b"GET / HTTP/1.1\r\nA: b\r\na: c\r\nD: e\r\n\r\n")
    assert isinstance(head, Head)
    assert (head.first("a"), head.each("a")) == ("b", ["b", "c"])
    assert (head.first("d"), head.each("d")) == ("e", ["e"])
    assert (head.first("x"), head.each("x")) == (None, [])


@pytest.mark.parametrize(
    ("target", "host", "path"),
    [
        ("/a?b", None, "/a?b"),
        ("*", None, "*"),
        ("h:443", None, "h:443"),
        # RFC 9112 3.2.2 and RFC 3986 3.2.
        ("http://h:81/a?b", "h:81", "/a?b"),
        ("HTTPS://h", "h", "/"),
        ("ws://h?x=1", "h", "/?x=1"),
        ("wss://user:pw@h/a", "h", "/a"),
        ("http:///a", None, "/a"),
        ("https", None, "https"),
    ],
)
def test_targets_in_absolute_form(target, host, path):
    assert target_parts(target) == (host, path)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"no colon", "without a field name"),
        (b": b", "without a field name"),
        (b"A : b", "before the colon"),
        (b"A: \0", "NUL"),
        (b" folded", "before the first field"),
    ],
)
def test_faulty_lines_are_told(line, fault):
    head = read_head(b"GET / HTTP/1.1\r\n" + line + b"\r\nB: c\r\n\r\n")
    assert isinstance(head, Head)
    assert head.values["b"] == "c"
    assert len(head.faults) == 1
    assert fault in head.faults[0].text


def test_repeated_fields():
    head = read_head(b"GET / HTTP/1.1\r\nA: b\r\nC: d\r\na: e\r\n\r\n")
    assert head.repeated == ("a",)
    assert head.values == {"a": "b, e", "c": "d"}


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (b"", MAYBE),
        (b"\r\n", MAYBE),
        (b"GE", MAYBE),
        (b"GET /", MAYBE),
        (b"HTT", MAYBE),
        (b"M-SEARCH * HTTP/1.1\r", MAYBE),
        (b"M-SEARCH * HTTP/1.1\r\n", REQUEST),
        (b"GET http://h/ a HTTP/1.0\r\n", REQUEST),
        (b"HTTP/1.1 200 OK\r\n", RESPONSE),
        (b"HTTP/1.1 2000 OK\r\n", NEITHER),
        (b"HTTP/1.1 099 OK\r\n", NEITHER),
        (b"PRI * HTTP/2.0\r\n", NEITHER),
        (b"EHLO example\r\n", NEITHER),
        (b"SSH-2.0-x\r\n", NEITHER),
        (b"\x16\x03\x01", NEITHER),
        (b"\x81", NEITHER),
        (b"GET /\0", NEITHER),
        (b"A" * 33, NEITHER),
        (b'{"a": 1', NEITHER),
    ],
)
def test_first_bytes(raw, answer):
    assert recognise(raw) == answer


@FEW
@given(st.binary(max_size=60), st.sampled_from([b"", b"GET / HTTP/1.1\r\n", b"HTTP/1.1 101 x\r\n"]))
def test_any_bytes(raw, before):
    head = read_head(before + raw)
    assert head is None or isinstance(head, (Head, Malformed))
    if isinstance(head, Head):
        assert 0 < head.leading + head.size <= len(before + raw)


def test_a_status_line_of_which_only_the_phrase_is_cut_is_read():
    head = parse_cut(b"HTTP/1.1 101 Switching Prot")
    assert isinstance(head, Head)
    assert head.status == 101
    assert isinstance(parse_cut(b"HTTP/1.1 10"), Malformed)
    assert isinstance(parse_cut(b"GET /index.ht"), Malformed)
