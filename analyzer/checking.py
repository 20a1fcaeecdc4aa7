"""Options of the Python API: values of wrong types are refused with the valid ones.

Knows the types that options declare. Must not know what they are for. Used by analysis, iteration
and between.
"""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, get_args, get_origin, get_type_hints

from analyzer.errors import OptionError
from analyzer.options import Options

if TYPE_CHECKING:
    from analyzer.rows import OptionValues


def options_of(values: OptionValues) -> Options:
    """Return options with these values, once each is of its type.

    Raises:
        OptionError: A value is wrong; it names the valid ones.
        TypeError: There is no such option.
    """
    from analyzer.rows import OptionValues  # types of all tables' rows: seldom needed

    hints = get_type_hints(OptionValues)
    for name, value in values.items():
        if name in hints:
            _check_value(name, value, hints[name])
    return Options(**values)


def _check_value(name: str, value: object, hint: Any) -> None:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is UnionType and inner[-1] is type(None):
        if value is not None:
            _check_value(name, value, inner[0])
        return
    if origin is Literal:
        if value not in inner:
            valid = ", ".join(map(repr, inner[:-1])) + f" or {inner[-1]!r}"
            raise OptionError(f"{name} takes {valid}, not {value!r}")
    elif hint is bool:
        if not isinstance(value, bool):
            raise OptionError(f"{name} takes True or False, not {value!r}")
    elif hint is int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise OptionError(f"{name} takes a whole number from 0 on, not {value!r}")
    elif hint is float:
        if not _is_number(value) or value < 0:
            raise OptionError(f"{name} takes a number from 0 on, not {value!r}")
    elif origin is tuple and not (isinstance(value, tuple | list) and all(map(_is_number, value))):
        raise OptionError(f"{name} takes several numbers, such as (1, 2), not {value!r}")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
