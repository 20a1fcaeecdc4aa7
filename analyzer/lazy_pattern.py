"""Regular expressions that are compiled when they are first used.

Compiling the hundred patterns of this package took a twentieth of the time of a small capture,
which needs ten of them. Knows nothing of its users, which are all modules with patterns.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any, AnyStr, cast


def lazy_pattern(
    pattern: AnyStr, flags: int = 0, needs: AnyStr | None = None
) -> re.Pattern[AnyStr]:
    """Return what can be used as the compiled pattern, except in functions of `re`.

    Args:
        pattern: of text or bytes; a fault in it is raised at its first use.
        flags: as for `re.compile`.
        needs: is in all that it matches: without it, `match` compiles nothing.
    """
    if needs is not None:
        return cast("re.Pattern[AnyStr]", _GuardedPattern(pattern, flags, needs))
    return cast("re.Pattern[AnyStr]", _LazyPattern(pattern, flags))


class _LazyPattern:
    """Compiles at the first attribute; then its methods are those of the compiled pattern."""

    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self._given = (pattern, flags)

    def __getattr__(self, name: str) -> Any:
        # Copy and pickle ask for special names before there is anything to compile.
        if name.startswith("_"):
            raise AttributeError(name)
        compiled: re.Pattern[Any] = re.compile(*self._given)
        value = getattr(compiled, name)
        # Found without this method from now on.
        self.__dict__[name] = value
        return value


class _GuardedPattern(_LazyPattern):
    """Looks for what all matches have in them before it compiles."""

    def __init__(self, pattern: str | bytes, flags: int, needs: Any) -> None:
        super().__init__(pattern, flags)
        self._needs = needs

    def match(self, text: Any) -> re.Match[Any] | None:
        """Return the match at the beginning of a text, as `re.Pattern.match`."""
        return self._from_start(text) if self._needs in text else None

    @cached_property
    def _from_start(self) -> Callable[[Any], re.Match[Any] | None]:
        compiled: re.Pattern[Any] = re.compile(*self._given)
        return compiled.match
