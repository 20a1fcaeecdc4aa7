"""The language of `/`."""

from __future__ import annotations

import pytest

from analyzer.report.screen.search import MAX_LENGTH, Search

COLUMNS = frozenset({"host", "path", "code"})
LINE = {"host": "Chat.example.com", "path": "/rooms/7", "code": "1006 Abnormal"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", True),
        ("   ", True),
        ("chat", True),
        ("CHAT rooms", True),
        ("chat queue", False),
        ("!queue", True),
        ("!chat", False),
        ("chat !1006", False),
        ("host:rooms", False),
        ("path:rooms", True),
        ("!path:rooms", False),
        ("code:1006 host:chat", True),
        # A colon that no column stands before belongs to the word.
        ("port:80", False),
        ("host:", True),
        ("!", True),
        ("example.com", True),
        ("exampleXcom", False),
    ],
)
def test_search(text, wanted):
    assert Search(text, COLUMNS).matches(LINE) is wanted


def test_words_do_not_reach_over_columns():
    assert not Search("com/rooms", COLUMNS).matches(LINE)


def test_words_that_are_shown():
    assert Search("a !b host:c", COLUMNS).words == ["a", "c"]
    assert not Search("!")
    assert Search("!a")


def test_long_texts_are_cut():
    assert len(Search("x" * 10**6).text) == MAX_LENGTH
