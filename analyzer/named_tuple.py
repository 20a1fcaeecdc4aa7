"""Named tuples without the checks of `typing.NamedTuple`.

That one compiles each annotation and asks whether it is a type, which the type checker does
anyhow: for the sixty classes of this package a fiftieth of a small capture's time. Knows nothing
of its users, which are all modules of the package.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    _GIVEN = ("__module__", "__qualname__", "__annotations__", "__orig_bases__")

    class _Maker(type):
        """Makes a named tuple of a class statement: fields by annotations, then all else."""

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            fields = body.get("__annotations__", {})
            defaults = [body[field] for field in fields if field in body]
            if any(field not in body for field in list(fields)[len(fields) - len(defaults) :]):
                raise TypeError(f"a field of {name} without a default follows one with a default")
            made = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            made.__annotations__ = made.__new__.__annotations__ = fields
            made.__qualname__ = body["__qualname__"]
            for key, value in body.items():
                if key not in _GIVEN and key not in fields:
                    setattr(made, key, value)
            return made

    class _Base:
        """What a class statement names as its base."""

        def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
            return (_FORM,)

    _FORM = type.__new__(_Maker, "NamedTuple", (), {})
    NamedTuple = _Base()
