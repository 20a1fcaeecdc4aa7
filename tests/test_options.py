from __future__ import annotations

import ast
import dataclasses
import inspect

import pytest

from analyzer import options
from analyzer.options import DEFAULT, Options

FIELDS = {field.name: field for field in dataclasses.fields(Options)}
LIMITS = [name for name, field in FIELDS.items() if field.type in ("int", "float")]


def test_each_option_says_its_reason() -> None:
    body = ast.parse(inspect.getsource(options)).body
    (kind,) = (node for node in body if isinstance(node, ast.ClassDef))
    explained = {
        node.target.id
        for node, after in zip(kind.body, kind.body[1:], strict=False)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(after, ast.Expr)
    }
    assert explained == set(FIELDS)


@pytest.mark.parametrize("name", LIMITS)
def test_no_limit_is_endless_or_none_at_all(name: str) -> None:
    assert 0 < getattr(DEFAULT, name) < float("inf")


def test_a_direction_cannot_hold_more_than_all_together() -> None:
    assert DEFAULT.max_held_bytes <= DEFAULT.max_held_bytes_total


def test_options_cannot_change_under_a_running_analysis() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULT.preview_bytes = 1  # type: ignore[misc]


def test_secrets_are_hidden_unless_asked_for() -> None:
    assert not DEFAULT.show_secrets
    assert DEFAULT.payload != "full"
