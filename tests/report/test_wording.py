"""The reports' words are those of the package, not copies."""

from __future__ import annotations

import inspect

from analyzer import wording
from analyzer.report import wording as reports


def test_all_words_are_handed_on() -> None:
    functions = {
        name: function
        for name, function in inspect.getmembers(wording, inspect.isfunction)
        if not name.startswith("_")
    }
    assert {name: getattr(reports, name) for name in functions} == functions
