"""The whole screen: it fits, its keys, what is typed, and text that is hostile."""

from __future__ import annotations

import random

import pytest
from oracle.sample import START, connection
from oracle.screens import ODD_SIZES, SIZES, S, Shown, busy, control, give, said

from analyzer.report.observer import CaptureStats
from analyzer.report.screen.history import PER_BATCH
from analyzer.report.screen.model import Model
from analyzer.report.screen.search import MAX_LENGTH
from analyzer.report.screen.whole import MAX_DEPTH

EVIL = "/\x1b]0;owned\x07\u202e[red]x[/red]世界" + "\u0301" * 300
KEYS = [
    *("up", "down", "page-up", "page-down", "home", "end", "left", "right", "enter", "escape"),
    *("tab", "back-tab", "backspace", "clear", "s", "S", "r", "g", "o", "x", "c", "n", "N", "p"),
    *("/", "?", "1", "2", "3", "4", "5", "j", "k", "a", "世", "!", ":"),
]


@pytest.mark.parametrize("size", [*SIZES, *ODD_SIZES])
@pytest.mark.parametrize("model", [Model(), busy(12), busy(12, path=EVIL, host=EVIL)])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_it_fits_whatever_is_pressed(size, model, encoding):
    """Shown.lines() asserts as many lines as there are, none wider than the screen."""
    shown = Shown(model, *size, encoding)
    chance = random.Random(str(size))
    for _ in range(20):
        lines = shown.press(chance.choice(KEYS))
        text = "".join(lines)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert encoding == "utf-8" or text.isascii()


@pytest.mark.parametrize("size", SIZES)
def test_the_footer_has_help_and_the_end_and_what_acts(size):
    shown = Shown(busy(), *size)
    assert shown.lines()[-1].endswith("? help  q quit")
    assert shown.lines()[-1].startswith("Enter open")
    # Nothing was said on it, so that nothing opens.
    assert "Enter" not in shown.press("enter")[-1]
    assert shown.lines()[-1].startswith("Esc back")
    shown.press("escape", "end")
    assert shown.press("enter")[-1].startswith("Esc back  Enter open")


def test_every_key_of_the_footer_is_on_the_help_page():
    shown = Shown(busy(), 80, 40)
    for opening in ([], ["enter"], ["2"], ["3"], ["5"], ["1", "g"]):
        shown.press("escape", "escape", *opening)
        foot = shown.lines()[-1]
        text = "\n".join(shown.press("?"))
        for word in foot.split("  "):
            assert f"  {word.split(' ')[0]}" in text, word
        shown.press("?")
        assert shown.lines()[-1] == foot


def test_views():
    shown = Shown(busy(), 80, 24)
    titles = ("Connections", "Notable", "Names", "Calls", "Traffic")
    for place, title in enumerate(titles, 1):
        assert title in shown.press(str(place))[1]
        assert shown.screen.page.title == title
    shown.press("tab")
    assert shown.screen.page.title == "Connections"
    shown.press("back-tab")
    assert shown.screen.page.title == "Traffic"
    shown.press("1", "enter", "3")
    assert shown.screen.page.title == "Connection 0", "tabs are out of sight behind a page"


def test_going_back_gives_the_same_screen():
    shown = Shown(busy())
    before = shown.press("down", "down")
    assert shown.press("enter") != before
    assert shown.press("escape") == before
    assert shown.press("?") != before
    assert shown.press("escape") == before
    assert shown.press("escape") == before


def test_typing():
    shown = Shown(busy())
    before = shown.lines()
    assert "/roo▏" in shown.press("/", *"roo")[-1]
    assert "/ro▏" in shown.press("backspace")[-1]
    assert "/ro  30 of 30" in shown.lines(), "the list follows"
    assert shown.press("escape") == before, "as it was"
    shown.press("/", *"q?p1", "enter")
    assert shown.quits == 0
    assert "/q?p1  0 of 30" in shown.lines()
    shown.press("/", "clear", "enter")
    assert shown.lines() == before
    for key in "/" + "x" * 2 * MAX_LENGTH:
        shown.screen.press(key)
    assert len(shown.screen.typing) == MAX_LENGTH


def test_q_ends_and_p_pauses():
    shown = Shown(busy())
    assert "[paused]" in shown.press("p")[0]
    assert shown.screen.paused
    shown.press("p")
    assert not shown.screen.paused
    shown.press("q")
    assert shown.quits == 1


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_head_says_what_is_grave_at_any_width(width):
    model = busy()
    model.tick(START + 2 * S, CaptureStats(10_000, 7, 1000, interface_up=False))
    head = Shown(model, width, 24).press("p")[0]
    for words in ("[paused]", "interface is down", "7 dropped")[: 2 if width == 40 else 3]:
        assert words in head
    assert ("8,993 behind" in head) == (width > 40)


def test_pages_do_not_pile_up():
    model = busy(3)
    shown = Shown(model)
    for _ in range(3 * MAX_DEPTH):
        shown.screen._open(shown.screen._tabs[1])
    assert len(shown.screen._opened) == MAX_DEPTH


def test_a_flood_of_rows_and_keys_is_bounded():
    model = busy(3)
    before = model.history.count
    for number in range(8):
        rows = [said(place, "client", connection=number % 5) for place in range(300)]
        give(model, "messages", *rows)
        frames = [control(place, "client", "ping", connection=1) for place in range(300)]
        give(model, "frames", *frames, final=True)
        give(model, "connections", connection(number, host=EVIL), final=True)
    assert model.history.count <= before + 8 * 2 * PER_BATCH
    Shown(model).press("o", "end", "enter", "home", "enter")


@pytest.mark.parametrize("size", [*SIZES, *ODD_SIZES])
def test_a_warning_has_a_line_of_its_own(size):
    model = busy(3)
    model.warning = "--keys /k cannot be read"
    lines = Shown(model, *size).lines()
    if size[1] > 3:
        assert lines[1].startswith("--keys /k")
        assert len([line for line in lines if line.startswith(("▸", ">"))]) == 1
