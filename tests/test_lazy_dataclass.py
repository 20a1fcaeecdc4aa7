"""Classes of lazy_dataclass behave as those of dataclasses, which are declared beside them."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import field

import pytest

from analyzer import lazy_dataclass


def declared(dataclass):
    @dataclass(slots=True)
    class Base:
        """A base."""

        name: str
        sizes: list[int] = field(default_factory=list)
        note: str = field(default="-", compare=False, repr=False)
        total: int = field(init=False)
        seen: int = field(default=3, init=False)

        def __post_init__(self):
            self.total = sum(self.sizes)

    @dataclass(slots=True)
    class Child(Base):
        """Declares a field again, which keeps its place."""

        note: str = "+"
        more: int = 1

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Frozen:
        """Hashable."""

        left: int
        right: float = 0.5
        rest: tuple[int, ...] = field(default_factory=tuple)

    @dataclass(slots=True, eq=False, repr=False)
    class Bare:
        """Neither equal nor shown."""

        one: int = 1

    @dataclass()
    class Own:
        """Has methods of its own."""

        one: int = 1

        def __eq__(self, other):
            return True

        def __repr__(self):
            return "own"

    return Base, Child, Frozen, Bare, Own


REAL, LAZY = declared(dataclasses.dataclass), declared(lazy_dataclass.dataclass)
PAIRS = pytest.mark.parametrize(("real", "lazy"), list(zip(REAL, LAZY, strict=True)))
CALLS = {
    "Base": [(("a",), {}), (("a", [1, 2]), {"note": "x"}), ((), {"name": "b"})],
    "Child": [(("a", [3], "n", 5), {}), (("a",), {"more": 2})],
    "Frozen": [((), {"left": 1}), ((), {"left": 1, "right": 2.0, "rest": (1,)})],
    "Bare": [((), {}), ((4,), {})],
    "Own": [((), {}), ((4,), {})],
}


def shown(made):
    values = [(each.name, getattr(made, each.name)) for each in dataclasses.fields(made)]
    return values, dataclasses.astuple(made), dataclasses.asdict(made)


@pytest.fixture(autouse=True, params=["first", "later"])
def use(request, monkeypatch):
    """Let instances be filled one by one, or by the compiled method from the first on."""
    if request.param == "later":
        monkeypatch.setattr(lazy_dataclass, "_FEW", 0)


@PAIRS
def test_fields_are_the_same(real, lazy):
    for args, given in CALLS[real.__name__]:
        assert shown(lazy(*args, **given)) == shown(real(*args, **given))
    assert [
        (f.name, f.type, f.init, f.repr, f.compare, f.kw_only) for f in dataclasses.fields(lazy)
    ] == [(f.name, f.type, f.init, f.repr, f.compare, f.kw_only) for f in dataclasses.fields(real)]
    assert lazy.__match_args__ == real.__match_args__
    assert getattr(lazy, "__slots__", None) == getattr(real, "__slots__", None)
    assert list(inspect.signature(lazy).parameters) == list(inspect.signature(real).parameters)
    assert dataclasses.is_dataclass(lazy)


@PAIRS
def test_equality_hash_and_repr_are_the_same(real, lazy):
    for args, given in CALLS[real.__name__]:
        ours, theirs = lazy(*args, **given), real(*args, **given)
        assert (ours == lazy(*args, **given)) == (theirs == real(*args, **given))
        assert ours != theirs or real.__name__ == "Own"
        if real.__name__ != "Bare":
            assert repr(ours) == repr(theirs)
        assert (lazy.__hash__ is None) == (real.__hash__ is None)
        if real.__name__ == "Frozen":
            assert hash(ours) == hash(theirs)
    assert lazy.__name__ != "Base" or lazy("a", note="x") == lazy("a", note="y")


@PAIRS
def test_what_does_not_fit_is_refused_alike(real, lazy):
    for args, given in (((1, 2, 3, 4, 5), {}), ((), {"nothing": 1})):
        for each in (real, lazy):
            with pytest.raises(TypeError):
                each(*args, **given)


def test_instances_do_not_share_what_a_factory_makes():
    base = LAZY[0]
    one, other = base("a"), base("b")
    one.sizes.append(1)
    assert other.sizes == []
    with pytest.raises(AttributeError):
        one.unknown = 1


def test_frozen_instances_stay_as_they_are_and_can_be_copied():
    frozen = LAZY[2]
    made = frozen(left=1, rest=(2,))
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.left = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del made.left
    assert copy.copy(made) == made
    assert dataclasses.replace(made, left=2) == frozen(left=2, rest=(2,))


@lazy_dataclass.dataclass(frozen=True, slots=True)
class Pickled:
    """At the top, where pickle finds it."""

    one: int
    two: list[int] = field(default_factory=list)


def test_frozen_instances_can_be_pickled():
    assert pickle.loads(pickle.dumps(Pickled(1, [2]))) == Pickled(1, [2])


def test_a_class_that_calls_the_init_of_its_base_first():
    @lazy_dataclass.dataclass(slots=True)
    class Base:
        one: int

    class Child(Base):
        def __init__(self):
            super().__init__(7)

    assert Child().one == 7
    assert Base(8).one == 8


def test_nothing_is_compiled_before_it_is_used_often():
    @lazy_dataclass.dataclass(slots=True)
    class Quiet:
        one: int

    assert not any(inspect.isfunction(vars(Quiet)[name]) for name in ("__init__", "__eq__"))
    few = lazy_dataclass._FEW
    assert [Quiet(each).one for each in range(few)] == list(range(few))
    assert not inspect.isfunction(vars(Quiet)["__init__"])
    assert Quiet(1).one == 1
    assert inspect.isfunction(vars(Quiet)["__init__"])
    assert not inspect.isfunction(vars(Quiet)["__eq__"])


def test_a_fault_is_told_as_python_tells_it():
    for few in range(3):
        base = declared(lazy_dataclass.dataclass)[0]
        for _ in range(few):
            base("a")
        for args, given, said in (
            ((), {}, "missing 1 required positional argument: 'name'"),
            (("a",), {"name": "b"}, "multiple values for argument 'name'"),
            (("a",), {"total": 3}, "unexpected keyword argument 'total'"),
        ):
            with pytest.raises(TypeError, match=said):
                base(*args, **given)
        assert base("a", [2]).total == 2


def test_a_mutable_default_is_refused():
    with pytest.raises(ValueError, match="default_factory"):

        @lazy_dataclass.dataclass()
        class Shared:
            one: list[int] = []  # noqa: RUF012


def test_an_annotation_that_is_no_field_is_refused():
    with pytest.raises(TypeError, match="ClassVar"):

        @lazy_dataclass.dataclass()
        class Odd:
            one: ClassVar[int] = 1  # noqa: F821
