"""Text that cannot break a screen."""

from __future__ import annotations

import random
import unicodedata

import pytest
from oracle.screens import console
from rich.cells import cell_len
from rich.text import Text

from analyzer.report.screen.harmless import (
    MAX_MARKS,
    MAX_TEXT,
    cell,
    cut,
    folded,
    harmless,
    wrapped,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [red]", "plain [red]"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("\x9b31m", "\\x9b31m"),
        ("line\nfeed\r\t", "line\\x0afeed\\x0d\\x09"),
        ("Tiê\u0301ng 世界", "Tiê\u0301ng 世界"),
        ("e" + "\u0301" * 500, "e" + "\u0301" * MAX_MARKS),
        # A mark of its own would cover what stands before the text.
        ("\u0301\u0301x", "x"),
        ("❤\ufe0f", "❤"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\\u200d\U0001f469"),
        ("\ud800", "\\ud800"),
    ],
)
def test_harmless(text, shown):
    assert harmless(text) == shown


def test_any_text_has_nothing_that_a_terminal_obeys():
    chance = random.Random(7)
    for _ in range(200):
        text = "".join(
            chr(chance.choice((chance.randrange(0x300), chance.randrange(0x110000))))
            for _ in range(30)
        )
        shown = harmless(text)
        assert not {unicodedata.category(each) for each in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert harmless(shown) == shown


def test_long_text_is_not_looked_at_whole():
    assert len(harmless("\u0301" * 10**6 + "x")) <= MAX_TEXT


@pytest.mark.parametrize("width", [0, 1, 2, 3, 5, 8])
@pytest.mark.parametrize("text", ["", "a", "abcdefgh", "世界世界", "a世b界"])
def test_cells_have_their_width(text, width):
    for encoding in ("utf-8", "ascii"):
        for right in (False, True):
            assert cell(text, width, console(encoding=encoding), right=right).cell_len == width
        line = cut(Text(text), width, console(encoding=encoding))
        assert line.cell_len <= width
        if cell_len(text) <= width:
            assert line.plain == text


@pytest.mark.parametrize("text", ["", "abcdefgh" * 3, "世界" * 9, "a世b界" * 5])
@pytest.mark.parametrize("width", [1, 2, 3, 7, 100])
def test_wrapped(text, width):
    lines = wrapped(text, width)
    assert "".join(lines) == text
    assert all(cell_len(line) <= max(2, width) for line in lines)


@pytest.mark.parametrize("width", [5, 11, 40])
def test_folded(width):
    text = "some words, averyveryverylongword 世界 end"
    lines = folded(text, width)
    assert " ".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(cell_len(line) <= width for line in lines)
    assert folded("  an indent stays", 8) == ["  an ind", "ent stay", "s"]
