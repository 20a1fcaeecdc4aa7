"""Every verb has a module with its function, and one line that says what it does."""

from __future__ import annotations

from importlib import import_module

import pytest

from analyzer.cli.verbs import VERBS, Verb


@pytest.mark.parametrize("name", VERBS)
def test_verb_is_there(name: str) -> None:
    verb = VERBS[name]
    assert callable(getattr(import_module(verb.module), verb.function))
    assert verb.summary.endswith(".")
    assert len(verb.summary) < 60


def test_arguments_and_status_are_passed_on() -> None:
    assert Verb("Counts.", "builtins", "len").run(["a", "b"]) == 2
