"""A frozen dataclass for very many fields, whose class is made quickly.

`dataclasses.dataclass` generates methods for the given fields. For the more than 100 of Options
that takes longer than reading a small capture; these methods fit any fields. Used by options.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from typing import Any, NoReturn

from analyzer import lazy_dataclass


def dataclass(**_flags: bool) -> Callable[[type], type]:
    """Declare fields as `dataclasses.dataclass(frozen=True, kw_only=True)` does.

    Args:
        _flags: what type checkers go by.
    """

    def made(cls: type) -> type:
        for method in (__init__, __setattr__, __delattr__, __repr__, __eq__, __hash__):
            setattr(cls, method.__name__, method)
        return lazy_dataclass.dataclass(kw_only=True)(cls)

    return made


def __init__(self: Any, **changes: Any) -> None:
    unknown = sorted(changes.keys() - type(self).__annotations__.keys())
    if unknown:
        raise TypeError(f"{type(self).__name__} has no field {unknown[0]!r}")
    # What is not changed is read from the class, which has the defaults.
    self.__dict__.update(changes)
    self.__post_init__()


def __setattr__(self: Any, name: str, value: Any) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def __delattr__(self: Any, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def __repr__(self: Any) -> str:
    changes = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
    return f"{type(self).__name__}({changes})"


def __eq__(self: Any, other: object) -> bool:
    return type(other) is type(self) and _values(self) == _values(other)


def __hash__(self: Any) -> int:
    return hash(_values(self))


def _values(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, field.name) for field in fields(self))
