"""Named tuples are those of `typing`, beside which they stand."""

from __future__ import annotations

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


def test_defaults_come_last() -> None:
    with pytest.raises(TypeError, match="without a default"):

        class _Wrong(NamedTuple):
            name: str = "here"
            line: int  # type: ignore[misc]
