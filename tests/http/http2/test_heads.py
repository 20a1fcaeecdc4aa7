"""Heads against hpack's encoder, and what is known of them when blocks are missing."""

import pytest
from hpack import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.http.http2.heads import HeadDecoder, head_of, is_whole

NAMES = st.sampled_from([b":path", b":status", b"cookie", b"x-a", b"x-b", b"etag", b"date"])
VALUES = st.binary(max_size=20).map(lambda value: value.hex().encode())
BLOCKS = st.lists(st.lists(st.tuples(NAMES, VALUES), max_size=6), min_size=1, max_size=8)


def decoder(table=65_536, most=262_144):
    return HeadDecoder(table, most)


@given(BLOCKS, st.sampled_from([0, 100, 4096, 16_384]))
def test_all_blocks_decode_to_what_was_sent(blocks, size):
    encoder, reader = Encoder(), decoder()
    encoder.header_table_size = size
    for fields in blocks:
        assert reader.decode(encoder.encode(fields)) == fields


@settings(deadline=None)
@given(BLOCKS, st.data())
def test_behind_a_lost_block_nothing_is_guessed(blocks, data):
    encoder, reader = Encoder(), decoder()
    sent = [(fields, encoder.encode(fields)) for fields in blocks]
    lost = data.draw(st.integers(0, len(sent) - 1))
    for place, (fields, block) in enumerate(sent):
        if place == lost:
            reader.lose()
            continue
        got = reader.decode(block)
        assert len(got) == len(fields)
        for (name, value), (true_name, true_value) in zip(got, fields, strict=True):
            assert name in (b"", true_name)
            assert value == true_value or not name
            assert name or value in (b"", true_value)
        if place < lost:
            assert got == fields


def test_heads_are_trusted_again_once_all_is_new():
    encoder, reader = Encoder(), decoder()
    encoder.encode([(b"x-a", b"1")])
    reader.lose()
    assert not is_whole(reader.decode(encoder.encode([(b"x-a", b"1")])))
    # A table of size 0 is empty: what follows is known (RFC 7541 4.3).
    encoder.header_table_size = 0
    encoder.header_table_size = 4096
    fields = [(b"x-a", b"1"), (b"x-b", b"2")]
    assert reader.decode(encoder.encode(fields)) == fields
    assert reader.decode(encoder.encode(fields)) == fields


def test_a_bomb_is_not_decoded():
    encoder, reader = Encoder(), decoder(most=10_000)
    big = (b"x-a", b"v" * 3000)
    assert reader.decode(encoder.encode([big])) == [big]
    assert "larger than" in reader.decode(encoder.encode([big] * 100))
    # What follows is not guessed.
    assert not is_whole(reader.decode(encoder.encode([big])))


def test_a_direction_is_given_up_after_many_failures():
    reader = decoder()
    for _ in range(16):
        assert isinstance(reader.decode(b"\xff\xff\xff\xff\xff"), str)
    assert reader.failed
    assert isinstance(reader.decode(b"\x82"), str)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_block_or_a_sentence(block):
    assert isinstance(decoder().decode(block), (list, str))


def test_request_head():
    fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"https")]
    fields += [(b":path", b"/chat"), (b":authority", b"a.example"), (b"host", b"b.example")]
    fields += [(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"accept", b"x"), (b"accept", b"y")]
    head, pseudo = head_of(fields, 77)
    assert (head.method, head.target, head.version, head.size) == ("CONNECT", "/chat", "2", 77)
    assert pseudo[":protocol"] == "websocket"
    assert head.values["host"] == "a.example"
    assert head.values["cookie"] == "a=1; b=2"
    assert head.values["accept"] == "x, y"
    assert [name for name, _ in head.fields].count("host") == 1
    assert [(fault.text, fault.rfc) for fault in head.faults] == [
        ("host (b.example) is not :authority (a.example)", "RFC 9113 8.3.1")
    ]


@pytest.mark.parametrize(
    ("host", "authority", "scheme", "is_fault"),
    [
        (b"a.example", b"a.example", b"https", False),
        (b"A.Example", b"a.example", b"https", False),
        (b"a.example:443", b"a.example", b"https", False),
        (b"a.example", b"a.example:80", b"http", False),
        (b"a.example:80", b"a.example", b"https", True),
        (b"a.example:8443", b"a.example", b"https", True),
        (b"", b"a.example", b"https", True),
        (b"b.example", None, b"https", False),
    ],
)
def test_host_beside_authority(host, authority, scheme, is_fault):
    """RFC 9113 8.3.1: normalized to compare them."""
    fields = [(b":method", b"GET"), (b":scheme", scheme), (b":path", b"/"), (b"host", host)]
    fields[3:3] = [(b":authority", authority)] if authority is not None else []
    head, _ = head_of(fields, 0)
    assert [fault.rfc for fault in head.faults] == ["RFC 9113 8.3.1"] * is_fault


def test_faults_of_heads():
    fields = [(b"X-A", b"1"), (b":path", b"/"), (b":path", b"/b"), (b"connection", b"close")]
    head, _ = head_of([*fields, (b"x", b"a\nb")], 0)
    assert len(head.faults) == 5
    assert head.target == "/"


def test_status():
    assert head_of([(b":status", b"204")], 0)[0].status == 204
    for odd in (b"", b"20", b"2000", b"2x4", b"\xb2\xb2\xb2"):
        assert head_of([(b":status", odd)], 0)[0].status == 0
