"""Named tuples that take little to declare.

`typing.NamedTuple` compiles each annotation and asks whether it is a type, which the type checker
does anyhow, and `collections.namedtuple` compiles a constructor and makes five methods: for the
hundred classes of this package a thirtieth of a small capture's time. Here methods are shared, and
a constructor is compiled when it is first called. Knows nothing of its users, which are all
modules of the package.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    try:
        from _collections import _tuplegetter as _getter
    except ImportError:  # another Python than CPython

        def _getter(place: int, doc: str) -> property:
            return property(itemgetter(place), doc=doc)

    _NOT_KEPT = ("__annotations__", "__orig_bases__")

    class _Shared(tuple):
        """What all named tuples can, as those of `collections`."""

        __slots__ = ()

        @classmethod
        def _make(cls, values: Iterable[Any]) -> Any:
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
            return made

        def _replace(self, /, **changes: Any) -> Any:
            made = self._make(map(changes.pop, self._fields, self))
            if changes:
                raise ValueError(f"Got unexpected field names: {list(changes)!r}")
            return made

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self) -> str:
            shown = zip(self._fields, self, strict=True)
            return f"{type(self).__name__}({', '.join(f'{name}={x!r}' for name, x in shown)})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

    class _New:
        """`__new__` of a class until it is first looked up; then the compiled one is there."""

        def __init__(self, fields: dict[str, Any], defaults: tuple[Any, ...]) -> None:
            self._fields = fields
            self._defaults = defaults
            self.cls: type

        def __get__(self, instance: object, owner: type) -> Any:
            names = "".join(f"{name}, " for name in self._fields)
            known = {"_new": tuple.__new__, "__builtins__": {}, "__name__": self.cls.__module__}
            made = eval(f"lambda _cls, {names}: _new(_cls, ({names}))", known)
            made.__name__ = "__new__"
            made.__qualname__ = f"{self.cls.__qualname__}.__new__"
            made.__defaults__ = self._defaults
            made.__annotations__ = self._fields
            self.cls.__new__ = staticmethod(made)
            return made

    class _Maker(type):
        """Makes a named tuple of a class statement: fields by annotations, then all else."""

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            fields = body.get("__annotations__", {})
            defaults = {field: body[field] for field in fields if field in body}
            if list(fields)[len(fields) - len(defaults) :] != list(defaults):
                raise TypeError(f"a field of {name} without a default follows one with a default")
            names = tuple(fields)
            new = _New(fields, tuple(defaults.values()))
            held = {
                **{key: value for key, value in body.items() if key not in _NOT_KEPT},
                **{field: _getter(place, "") for place, field in enumerate(names)},
                "__slots__": (),
                "__new__": new,
                "__annotations__": fields,
                "__match_args__": names,
                "_fields": names,
                "_field_defaults": defaults,
            }
            new.cls = type(name, (_Shared,), held)
            return new.cls

    class _Base:
        """What a class statement names as its base."""

        def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
            return (_FORM,)

    _FORM = type.__new__(_Maker, "NamedTuple", (), {})
    NamedTuple = _Base()
