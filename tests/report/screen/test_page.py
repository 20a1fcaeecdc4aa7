"""Lists and texts: what is marked, what scrolls, what is found."""

from __future__ import annotations

import pytest
from oracle.screens import drawn

from analyzer.report.screen.model import Model
from analyzer.report.screen.page import Column, ListPage, Page, TextPage, fitting

MODEL = Model()


class Numbers(ListPage[int]):
    columns = frozenset({"digits"})

    def __init__(self, numbers=range(100), follows=False):
        super().__init__()
        self.numbers = list(numbers)
        self.follows = follows

    def items(self, model):
        return [each for each in self.numbers if self.search.matches({"digits": str(each)})]

    def total(self, model):
        return len(self.numbers)

    def id_of(self, item):
        return item

    def layout(self, view):
        return [Column("n", 6, right=True)]

    def cells(self, item, view):
        return {"n": str(item)}

    def opens(self, item, model):
        page = Page()
        page.title = str(item)
        return page


class Lines(TextPage):
    def __init__(self, count=100):
        super().__init__()
        self.count = count

    def text(self, view):
        return [f"line {number} end" for number in range(self.count)]


def marked(page, room=12):
    (line,) = [line for line in drawn(page, MODEL, 40, room) if line.startswith("▸")]
    return int(line[1:])


def press(page, *keys, room=12):
    for key in keys:
        page.press(key, MODEL)
    return marked(page, room)


def test_moving():
    page = Numbers()
    assert marked(page) == 0
    assert press(page, "down", "j", "down") == 3
    assert press(page, "k", "up") == 1
    assert press(page, "end") == 99
    assert press(page, "down") == 99
    # A page is the rows that are shown, less one that stays in sight.
    assert press(page, "page-up") == 89
    assert press(page, "home", "up") == 0
    assert page.position() == "1 of 100"


@pytest.mark.parametrize("room", [1, 2, 3, 4, 12, 200])
def test_what_is_marked_is_in_sight(room):
    page = Numbers()
    marked(page, room)
    for key in ("down", "page-down", "end", "page-up", "up", "home", "page-down", "down") * 5:
        press(page, key, room=room)


def test_what_is_marked_stays_so_wherever_it_goes():
    page = Numbers()
    marked(page)
    assert press(page, "down", "down") == 2
    page.numbers = [*range(50, 70), 2]
    assert marked(page) == 2
    page.numbers = list(range(50, 70))
    assert marked(page) == 50 or marked(page) in page.numbers


def test_what_is_gone_leaves_its_place():
    page = Numbers(range(10))
    marked(page)
    press(page, "down", "down", "down", "down")
    page.numbers.remove(4)
    assert marked(page) == 5


def test_keys_act_on_what_was_drawn():
    page = Numbers(range(10))
    assert marked(page) == 0
    page.numbers = [77, *range(10)]
    assert page.press("enter", MODEL).title == "0", "77 is not shown yet"
    assert marked(page) == 77
    assert page.press("enter", MODEL).title == "77"


def test_nothing_is_drawn_yet_or_nothing_is_there():
    page = Numbers()
    assert page.press("enter", MODEL) is None
    assert page.press("down", MODEL) is None
    page = Numbers([])
    assert "  nothing yet" in drawn(page, MODEL, 40, 12)
    assert page.press("enter", MODEL) is None


def test_a_list_that_follows_its_end():
    page = Numbers(range(30), follows=True)
    assert marked(page) == 29
    page.numbers.append(30)
    assert marked(page) == 30
    assert press(page, "up") == 29
    page.numbers.append(31)
    assert marked(page) == 29, "who reads is not disturbed"
    assert press(page, "end") == 31
    page.numbers.append(32)
    assert marked(page) == 32


def test_a_filter():
    page = Numbers()
    page.look_for("7 !17")
    lines = drawn(page, MODEL, 40, 30)
    assert lines[0] == "/7 !17  18 of 100"
    assert "17" not in "".join(lines[1:])
    page.look_for("nothing")
    assert "  nothing matches" in drawn(page, MODEL, 40, 30)
    page.look_for("")
    assert marked(page) == 0


def test_columns_for_which_there_is_room():
    columns = [(Column("a", 5), 0), (Column("b", 0), 0), (Column("c", 10), 60)]
    assert [(each.name, each.width) for each in fitting(columns, "b", 80)] == [
        *(("a", 5), ("b", 80 - 2 - 15 - 4), ("c", 10))
    ]
    assert [each.name for each in fitting(columns, "b", 59)] == ["a", "b"]
    assert [each.name for each in fitting(columns, "b", 10)] == ["b"]
    assert [each.width for each in fitting(columns, "b", 1)] == [1]


def shown(page, room=10):
    return [line for line in drawn(page, MODEL, 40, room) if line.startswith("line")]


def test_text_scrolls():
    page = Lines()
    assert shown(page)[0] == "line 0 end"
    assert page.position() == "1 to 10 of 100"
    page.press("down", MODEL)
    assert shown(page)[0] == "line 1 end"
    page.press("page-down", MODEL)
    assert shown(page)[0] == "line 10 end"
    page.press("end", MODEL)
    page.press("down", MODEL)
    assert shown(page)[-1] == "line 99 end"
    page.press("home", MODEL)
    assert shown(page)[0] == "line 0 end"
    short = Lines(3)
    shown(short)
    short.press("down", MODEL)
    assert shown(short)[0] == "line 0 end"
    assert short.position() == ""


def test_words_are_found():
    page = Lines()
    shown(page)
    page.look_for("line 5")
    assert drawn(page, MODEL, 40, 10)[0] == "/line 5  match 1 of 100", "each word counts"
    page.look_for("55")
    lines = drawn(page, MODEL, 40, 10)
    assert lines[0] == "/55  match 1 of 1"
    assert "line 55 end" in lines
    page.look_for("7")
    shown(page)
    for expected in (17, 27, 37):
        page.press("n", MODEL)
        assert f"line {expected} end" in shown(page)
    page.press("N", MODEL)
    assert "line 27 end" in shown(page)
    for _ in range(3):
        page.press("N", MODEL)
    assert "line 97 end" in shown(page), "behind the first comes the last"
    page.look_for("xyz")
    assert drawn(page, MODEL, 40, 10)[0] == "/xyz  match 0 of 0"
    page.press("n", MODEL)


def test_a_page_alone_does_nothing():
    page = Page()
    assert (page.keys(), page.lines(None), page.press("x", MODEL), page.badge(MODEL)) == (
        [],
        [],
        None,
        "",
    )
    assert page.position() == ""
    with pytest.raises(NotImplementedError):
        ListPage().items(MODEL)
