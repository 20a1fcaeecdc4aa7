"""Protocols: names and ids from traffic are cut, and never raise; what a decoder must do."""

import pytest

from analyzer.inside.protocol import Decoder, Protocol, Setting, plain, short


def test_long_names_are_cut():
    assert short("a" * 256) == "a" * 256
    assert short("a" * 300) == "a" * 256 + "…"
    assert short(None) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (7, "7"), (1.5, "1.5"), (True, None), (None, None), ([], None), (10**50, None)],
)
def test_ids_are_text(value, text):
    assert plain(value) == text


def test_a_decoder_must_read():
    with pytest.raises(NotImplementedError):
        Decoder(Setting()).take(b"", 0, True)
    assert Decoder(Setting()).held_bytes == 0
    assert Decoder(Setting()).quick == 0


def test_in_the_middle_another_test_takes_the_place_of_the_usual_one():
    plainly = Protocol("one", Decoder, lambda *given: False, begins=b"{")
    assert plainly.in_the_middle() is plainly
    other = Protocol("two", Decoder, lambda *given: False, begins=b"{", middle=lambda *given: True)
    assert other.in_the_middle().looks(b"", 0, True)
    assert other.in_the_middle().begins == b""
