"""Dataclasses whose methods are generated when they are first used.

`dataclasses.dataclass` compiles up to six methods for each class while its module is imported.
For the 150 classes of this package that was a quarter of the time that a small capture takes,
and most of these methods are never called: a capture without TLS makes no hello. Here `__init__`,
`__repr__`, `__eq__` and `__hash__` are compiled one by one, each when it is first looked up.
`dataclasses.fields`, `replace` and `asdict` work as ever. Knows nothing of its users, which are
all modules of the package.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, FrozenInstanceError
from dataclasses import field as field
from functools import partial
from inspect import get_annotations
from reprlib import recursive_repr
from typing import Any, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")

_UNSUPPORTED = ("ClassVar", "InitVar", "KW_ONLY", "typing.", "dataclasses.")
"""What annotations may not begin with: these mean something else than a field."""


@dataclass_transform(field_specifiers=(field,))
def dataclass(
    *,
    frozen: bool = False,
    slots: bool = False,
    kw_only: bool = False,
    eq: bool = True,
    repr: bool = True,
) -> Callable[[type[T]], type[T]]:
    """Declare fields as `dataclasses.dataclass` does, for modules whose annotations are strings.

    Args:
        frozen: whether attributes cannot be set after `__init__`.
        slots: whether the class has `__slots__`.
        kw_only: whether `__init__` takes its arguments by name alone.
        eq: whether instances of the same fields are equal.
        repr: whether `repr` shows the fields.

    Returns:
        What makes the class.

    Raises:
        TypeError: An annotation is none of a field, such as ClassVar.
        ValueError: A default is mutable.
    """

    def made(cls: type[T]) -> type[T]:
        own = _own_fields(cls, kw_only)
        if slots:
            cls = _with_slots(cls, [each.name for each in own])
        # A field declared again keeps its place.
        by_name = {each.name: each for each in (*getattr(cls, "__lazy_fields__", ()), *own)}
        every = tuple(by_name.values())
        _attach(cls, "__lazy_fields__", every)
        _attach(cls, "__dataclass_fields__", _Fields(cls, own))
        positional = tuple(each.name for each in every if each.init and not each.kw_only)
        _attach(cls, "__match_args__", positional)
        _Method.put(cls, "__init__", _frozen_init if frozen else _init, every)
        if repr:
            _Method.put(cls, "__repr__", _repr, [each for each in every if each.repr])
        if eq:
            compared = [each for each in every if each.compare]
            # A class that defines __eq__ has __hash__ = None without having asked for it.
            says_hash = cls.__dict__.get("__hash__") is not None or (
                "__hash__" in cls.__dict__ and "__eq__" not in cls.__dict__
            )
            _Method.put(cls, "__eq__", _eq, compared)
            if not says_hash:
                _attach(
                    cls, "__hash__", _Method(cls, "__hash__", _hash, compared) if frozen else None
                )
        if frozen:
            for name, method in (_FROZEN | _COPIED if slots else _FROZEN).items():
                if name not in cls.__dict__:
                    _attach(cls, name, method)
        return cls

    return made


_attach = setattr  # mypy: attributes that the type of a class does not have


class _Spec:
    """What a field is to the methods; `dataclasses.Field` is dearer to make."""

    __slots__ = ("compare", "default", "factory", "init", "kw_only", "name", "repr")

    def __init__(self, name: str, given: Any, kw_only: bool) -> None:
        self.name = name
        self.kw_only = kw_only
        if isinstance(given, Field):
            self.default, self.factory = given.default, given.default_factory
            self.init, self.repr = given.init, given.repr
            self.compare = given.compare
        else:
            if type(given).__hash__ is None:
                raise ValueError(f"mutable default of {name}: use default_factory")
            self.default, self.factory = given, MISSING
            self.init = self.repr = self.compare = True


class _Fields:
    """`__dataclass_fields__`, which `dataclasses` makes when it first asks for it."""

    def __init__(self, cls: type, own: Iterable[_Spec]) -> None:
        self._cls = cls
        self._own = own

    def __get__(self, instance: object, owner: type) -> dict[str, Field[Any]]:
        cls = self._cls
        body: dict[str, Any] = {
            each.name: field(
                default=each.default,
                default_factory=each.factory,
                init=each.init,
                repr=each.repr,
                compare=each.compare,
                kw_only=each.kw_only,
            )
            for each in self._own
        }
        body["__annotations__"] = {each.name: cls.__annotations__[each.name] for each in self._own}
        body["__module__"] = cls.__module__
        like = type(cls)(cls.__name__, cls.__bases__, body)
        dataclasses.dataclass(init=False, repr=False, eq=False)(like)
        found: dict[str, Field[Any]] = like.__dict__["__dataclass_fields__"]
        _attach(cls, "__dataclass_fields__", found)
        # What dataclasses asks of a base.
        _attach(cls, "__dataclass_params__", like.__dict__["__dataclass_params__"])
        return found


_FEW = 6
"""Instances that cost less one by one than compiling `__init__` does."""


class _Method:
    """A method of a class until it is looked up; then the compiled one takes its place.

    The first few instances are filled without it: of most classes a capture makes no more.
    """

    def __init__(
        self, cls: type, name: str, source: Callable[[Iterable[_Spec]], str], of: Iterable[_Spec]
    ) -> None:
        self._cls = cls
        self._name = name
        self._source = source
        self._of = of
        self._filled = 0 if name == "__init__" else _FEW

    @classmethod
    def put(
        cls, on: type, name: str, source: Callable[[Iterable[_Spec]], str], of: Iterable[_Spec]
    ) -> None:
        """Give a class the method unless it has its own."""
        if name not in on.__dict__:
            _attach(on, name, cls(on, name, source, of))

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is not None and self._filled < _FEW:
            self._filled += 1
            return partial(self._fill, instance)
        return self._compiled().__get__(instance, owner)

    def _fill(self, instance: object, /, *given: Any, **named: Any) -> None:
        """Do what the compiled `__init__` does, field by field."""
        takes = [each.name for each in self._of if each.init and not each.kw_only]
        held = dict(zip(takes, given, strict=False))
        fits = len(given) <= len(takes) and held.keys().isdisjoint(named)
        held.update(named)
        values = []
        for each in self._of:
            if each.init and each.name in held:
                values.append((each.name, held.pop(each.name)))
            elif each.factory is not MISSING:
                values.append((each.name, each.factory()))
            elif each.default is not MISSING:
                values.append((each.name, each.default))
            elif each.init:
                fits = False
        if held or not fits:
            self._compiled()(instance, *given, **named)  # which says what is wrong
            return
        put = object.__setattr__ if self._source is _frozen_init else setattr
        for name, value in values:
            put(instance, name, value)
        if hasattr(self._cls, "__post_init__"):
            instance.__post_init__()  # type: ignore[attr-defined]

    def _compiled(self) -> Any:
        cls, name = self._cls, self._name
        known: dict[str, Any] = {"MISSING": MISSING, "_set": object.__setattr__}
        for each in self._of:
            known[f"_default_{each.name}"] = each.default
            known[f"_make_{each.name}"] = each.factory
        source = self._source(self._of)
        if name == "__init__" and hasattr(cls, "__post_init__"):
            source += "\n self.__post_init__()"
        exec(source, known)
        method = known[name]
        method.__module__ = cls.__module__
        method.__qualname__ = f"{cls.__qualname__}.{name}"
        if name == "__repr__":
            method = recursive_repr()(method)
        _attach(cls, name, method)
        return method


def _init(of: Iterable[_Spec], assign: str = "self.{0} = {1}") -> str:
    takes = [each for each in of if each.init]
    # dataclasses orders them so, too: fields by name alone come last.
    by_name = [_parameter(each) for each in takes if each.kw_only]
    given = [_parameter(each) for each in takes if not each.kw_only]
    parameters = ["self", *given, *(["*", *by_name] if by_name else [])]
    body = [
        assign.format(each.name, _value(each))
        for each in of
        if each.init or each.factory is not MISSING or each.default is not MISSING
    ]
    return "\n ".join([f"def __init__({', '.join(parameters)}):", *(body or ["pass"])])


def _frozen_init(of: Iterable[_Spec]) -> str:
    return _init(of, '_set(self, "{0}", {1})')


def _parameter(each: _Spec) -> str:
    if each.factory is not MISSING:
        return f"{each.name}=MISSING"
    return each.name if each.default is MISSING else f"{each.name}=_default_{each.name}"


def _value(each: _Spec) -> str:
    if each.factory is MISSING:
        return each.name if each.init else f"_default_{each.name}"
    made = f"_make_{each.name}()"
    return f"{made} if {each.name} is MISSING else {each.name}" if each.init else made


def _repr(of: Iterable[_Spec]) -> str:
    shown = ", ".join(f"{each.name}={{self.{each.name}!r}}" for each in of)
    return f"def __repr__(self):\n return f'{{type(self).__qualname__}}({shown})'"


def _eq(of: Iterable[_Spec]) -> str:
    return (
        "def __eq__(self, other):\n if other.__class__ is self.__class__:\n"
        f"  return {_tuple('self', of)} == {_tuple('other', of)}\n return NotImplemented"
    )


def _hash(of: Iterable[_Spec]) -> str:
    return f"def __hash__(self):\n return hash({_tuple('self', of)})"


def _tuple(name: str, of: Iterable[_Spec]) -> str:
    return "(" + "".join(f"{name}.{each.name}, " for each in of) + ")"


def _own_fields(cls: type, kw_only: bool) -> list[_Spec]:
    own = []
    for name, note in get_annotations(cls).items():
        if not isinstance(note, str) or note.startswith(_UNSUPPORTED):
            raise TypeError(f"{name} of {cls.__name__} needs dataclasses.dataclass: {note}")
        given = cls.__dict__.get(name, MISSING)
        own.append(_Spec(name, given, kw_only))
        if isinstance(given, Field):
            # The class attribute is the default, as without `field`.
            if given.default is MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, given.default)
    return own


def _with_slots(cls: type[T], names: Iterable[str]) -> type[T]:
    """Return the class again with slots, which a class has from its beginning or never."""
    body = {key: value for key, value in cls.__dict__.items() if key not in names}
    there = {slot for base in cls.__mro__ for slot in getattr(base, "__slots__", ())}
    body["__slots__"] = tuple(name for name in names if name not in there)
    body.pop("__dict__", None)
    body.pop("__weakref__", None)
    metaclass: Any = type(cls)
    made: type[T] = metaclass(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__
    return made


def _refuse_set(self: Any, name: str, value: Any) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(self: Any, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in self.__lazy_fields__]


def _restore(self: Any, state: Iterable[Any]) -> None:
    for each, value in zip(self.__lazy_fields__, state, strict=True):
        object.__setattr__(self, each.name, value)


_FROZEN = {
    "__setattr__": _refuse_set,
    "__delattr__": _refuse_delete,
}
_COPIED = {
    # For pickle and copy, which otherwise set attributes.
    "__getstate__": _state,
    "__setstate__": _restore,
}
