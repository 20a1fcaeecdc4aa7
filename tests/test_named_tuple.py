"""Named tuples are those of `typing`, beside which they stand."""

from __future__ import annotations

import copy
import inspect
import pickle
import typing

import pytest

from analyzer.named_tuple import NamedTuple


class Place(NamedTuple):
    """Where something is.

    Attributes:
        line: from 1.
        name: may be left out.
    """

    line: int
    name: str = "here"

    @property
    def next(self) -> Place:
        """The line after it."""
        return self._replace(line=self.line + 1)


class TypedPlace(typing.NamedTuple):
    line: int
    name: str = "here"


def test_as_those_of_typing() -> None:
    assert Place(3) == TypedPlace(3) == (3, "here")
    assert Place._fields == TypedPlace._fields
    assert Place._field_defaults == TypedPlace._field_defaults
    assert repr(Place(3, name="there")) == "Place(line=3, name='there')"
    assert typing.get_type_hints(Place) == typing.get_type_hints(TypedPlace)


def test_methods_and_names() -> None:
    assert Place(3).next == Place(4)
    assert (Place.__name__, Place.__module__) == ("Place", __name__)
    assert (Place.__doc__ or "").startswith("Where something is.")
    assert pickle.loads(pickle.dumps(Place(3))) == Place(3)


class Pair(NamedTuple):
    left: int
    right: int


def test_all_that_tuples_with_names_can() -> None:
    made, typed = Place(3, "x"), TypedPlace(3, "x")
    assert made._asdict() == typed._asdict()
    assert made._replace(name="y") == typed._replace(name="y")
    assert Place._make([1, "z"]) == TypedPlace._make([1, "z"])
    assert (made.line, made.name, made[0]) == (typed.line, typed.name, typed[0])
    assert (
        inspect.signature(Place).parameters.keys()
        == inspect.signature(TypedPlace).parameters.keys()
    )
    assert Place.__match_args__ == TypedPlace.__match_args__
    assert copy.copy(made) == copy.deepcopy(made) == made
    assert made.__new__ is Place.__new__
    assert not hasattr(made, "__dict__")
    for call in (
        lambda cls: cls(),
        lambda cls: cls(1, "x", 2),
        lambda cls: cls(1, line=2),
        lambda cls: cls(1, other=2),
        lambda cls: cls._make([1]),
        lambda cls: cls(1)._replace(other=2),
    ):
        with pytest.raises((TypeError, ValueError)) as raised:
            call(Place)
        with pytest.raises(raised.type):
            call(TypedPlace)


def test_a_class_of_a_named_tuple() -> None:
    class More(Pair):
        @property
        def sum(self) -> int:
            return self.left + self.right

    assert More(1, 2).sum == 3
    assert More(1, 2) == Pair(1, 2)
    assert repr(More(1, 2)) == "More(left=1, right=2)"
    assert More(1, right=2)._replace(left=2).sum == 4


def test_defaults_come_last() -> None:
    with pytest.raises(TypeError, match="without a default"):

        class _Wrong(NamedTuple):
            name: str = "here"
            line: int  # type: ignore[misc]
