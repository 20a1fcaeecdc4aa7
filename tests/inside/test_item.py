"""Items: what they are where nothing is said of them."""

from analyzer.inside.item import Item


def test_items_have_no_part_in_calls_unless_said():
    item = Item("event")
    assert (item.role, item.spread, item.name, item.also) == (0, 0, None, None)
