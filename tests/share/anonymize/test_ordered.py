"""Bytes that wait for each other."""

from __future__ import annotations

from analyzer.share.anonymize.ordered import Funnel, Ordered


def test_nothing_overtakes_what_waits() -> None:
    out, funnel = Ordered(), Funnel()
    out.put(b"ab")
    funnel.expect(out.reserve(3))
    out.put(b"cd")
    assert out.take() == b"ab"
    assert out.waiting == 5
    funnel.write(b"12")
    assert (out.take(), funnel.lacks) == (b"", 1)
    funnel.write(b"3")
    assert out.take() == b"123cd"
    assert out.waiting == 0


def test_a_stream_fills_its_slots_in_order() -> None:
    out, one, other = Ordered(), Funnel(), Funnel()
    for funnel, size in ((one, 2), (other, 2), (one, 3), (one, 0)):
        funnel.expect(out.reserve(size))
    one.write(b"abcde and what nobody waits for")
    assert out.take() == b"ab"
    other.write(b"xy")
    assert out.take() == b"xycde"


def test_zeros_for_what_never_came() -> None:
    out = Ordered()
    slot = out.reserve(4)
    slot.fill(b"ab")
    out.put(b"c")
    assert out.take(all_of_it=True) == b"ab\0\0c"
