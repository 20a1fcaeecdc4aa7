"""Patterns that are compiled late match as those that are compiled at once."""

import copy
import importlib
import pkgutil
import re

import pytest

import analyzer
from analyzer.lazy_pattern import _LazyPattern, lazy_pattern


def test_a_pattern_matches_as_if_it_was_compiled():
    late, real = lazy_pattern(r"a(b+)", re.IGNORECASE), re.compile(r"a(b+)", re.IGNORECASE)
    assert late.match("ABBc").groups() == real.match("ABBc").groups()
    assert late.fullmatch("abc") is None
    assert late.sub("-", "abab") == real.sub("-", "abab")
    assert [found.span() for found in late.finditer("ab abb")] == [(0, 2), (3, 6)]
    assert (late.pattern, late.groups, late.flags) == (real.pattern, real.groups, real.flags)
    assert lazy_pattern(rb"\d+").search(b"x12")[0] == b"12"
    assert copy.copy(late).match("ab")


def test_nothing_is_compiled_before_the_first_use(monkeypatch):
    compiled = []
    real = re.compile
    monkeypatch.setattr(re, "compile", lambda *given: compiled.append(given) or real(*given))
    late = lazy_pattern("a")
    assert not compiled
    assert late.match("a")
    assert late.match("a")
    assert compiled == [("a", 0)]


def test_what_a_pattern_needs_is_looked_for_first(monkeypatch):
    late = lazy_pattern("/chat/(?:a|b)", needs="/chat/")
    compiled = []
    compile_now = re.compile
    monkeypatch.setattr(re, "compile", lambda *given: compiled.append(1) or compile_now(*given))
    assert late.match("/talk/a") is None
    assert not compiled
    assert late.match("/chat/c") is None
    assert late.match("/chat/b").group() == "/chat/b"
    assert compiled == [1]
    assert late.pattern == "/chat/(?:a|b)"


def test_a_faulty_pattern_is_told_at_its_first_use():
    with pytest.raises(re.error):
        lazy_pattern("(").match("")


def test_all_patterns_of_the_package_can_be_compiled():
    seen = 0
    for found in pkgutil.walk_packages(analyzer.__path__, "analyzer."):
        module = importlib.import_module(found.name)
        for value in vars(module).values():
            if isinstance(value, _LazyPattern):
                assert value.pattern
                seen += 1
    assert seen > 50
