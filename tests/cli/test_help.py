"""Help: the list of verbs, and the options of one."""

from __future__ import annotations

import re

import pytest

from analyzer.cli import main
from analyzer.cli.verbs import VERBS

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"], [], ["help", "help"]])
def test_help_lists_options_and_verbs(arguments: list[str], capsys: Captured) -> None:
    assert main.main(arguments) == 0
    out = capsys.readouterr().out
    assert "--csv" in out
    for name, verb in VERBS.items():
        assert re.search(rf"\b{name} +{re.escape(verb.summary)}", out)


@pytest.mark.parametrize("name", sorted(VERBS.keys() - {"help"}))
def test_help_of_a_verb_is_its_own(name: str, capsys: Captured) -> None:
    assert main.main(["help", name]) == 0
    shown = capsys.readouterr().out
    assert f"wsanalyze {name}" in shown
    assert main.main([name, "--help"]) == 0
    assert capsys.readouterr().out == shown


def test_help_of_no_verb_names_the_verbs(capsys: Captured) -> None:
    assert main.main(["help", "lvie"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: there is no verb 'lvie'; the verbs are cluster, compare, docs")
