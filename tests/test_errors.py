from __future__ import annotations

import inspect
import re

from analyzer import errors
from analyzer.errors import WsanalyzeError

CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, Exception)
}


def test_docstring_shows_the_whole_tree() -> None:
    assert errors.__doc__ is not None
    shown = []
    parents: dict[str, str] = {}
    # Deeper by four columns for each level; the base stands in column 4.
    last_at: dict[int, str] = {}
    for line in errors.__doc__.splitlines():
        found = re.match(r"[ │├└─]*(\w+Error)\b", line)
        if not found:
            continue
        column = found.start(1)
        shown.append(found.group(1))
        last_at[column] = found.group(1)
        if column > 4:
            parents[found.group(1)] = last_at[column - 4]
    assert sorted(shown) == sorted(CLASSES)
    for name, parent in parents.items():
        assert CLASSES[name].__bases__ == (CLASSES[parent],)


def test_one_clause_catches_all() -> None:
    assert all(issubclass(kind, WsanalyzeError) for kind in CLASSES.values())
    assert WsanalyzeError.__bases__ == (Exception,)
