from __future__ import annotations

import ast
import dataclasses
import inspect

import pytest

from analyzer import options
from analyzer.errors import OptionError
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


NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize("value", [0.0, -1.0, 0.000_999, 86_401.0, NAN, INFINITE, -INFINITE])
def test_times_that_make_no_sense_are_refused(value: float) -> None:
    with pytest.raises(OptionError, match="--interval"):
        Options(poll_intervals_s=(1.0, value))
    with pytest.raises(OptionError, match="--hold"):
        Options(long_poll_hold_s=value)


@pytest.mark.parametrize(
    "value",
    [
        *((0, 1.0), (-1, 1.0), (2**30 + 1, 1.0), (1.5, 1.0), (NAN, 1.0), (10**40, 1.0)),
        *((4096, 0.0), (4096, -1.0), (4096, NAN), (4096, -INFINITE), (4096, 86_401.0)),
        *((), (4096,), (4096, 1.0, 2.0)),
    ],
)
def test_a_buffer_that_makes_no_sense_is_refused(value: tuple[int, float]) -> None:
    with pytest.raises(OptionError, match="--buffered") as error:
        Options(buffered=value)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize("value", [(1, 0.001), (2**30, 86_400), (4096, INFINITE), None])
def test_buffers_at_the_edge_are_taken(value: tuple[int, float] | None) -> None:
    assert Options(buffered=value).buffered == value


@pytest.mark.parametrize("value", [0, -1, 10**8 + 1, 10**40, 1.5, NAN])
def test_numbers_of_clients_that_make_no_sense_are_refused(value: int) -> None:
    with pytest.raises(OptionError, match="--clients"):
        Options(clients=(1000, value))


def test_too_many_values_are_refused_in_a_short_line() -> None:
    with pytest.raises(OptionError) as error:
        Options(poll_intervals_s=tuple(range(1, 10_000)))
    assert len(str(error.value)) < 200
    with pytest.raises(OptionError):
        Options(clients=tuple(range(1, 18)))
    assert Options(poll_intervals_s=tuple(range(1, 17)), clients=tuple(range(1, 17)))


def test_values_at_the_edge_are_taken() -> None:
    assert Options(poll_intervals_s=(0.001, 86_400), long_poll_hold_s=0.001, clients=(1, 10**8))
    assert Options(poll_intervals_s=(), clients=())
