"""Items: names and ids from traffic are cut, and never raise."""

import pytest

from analyzer.inside.item import Decoder, Item, Setting, plain, short


def test_items_have_no_part_in_calls_unless_said():
    item = Item("event")
    assert (item.role, item.spread, item.name, item.also) == (0, 0, None, None)


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
