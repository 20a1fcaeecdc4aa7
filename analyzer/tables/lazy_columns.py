"""Columns that are made when somebody reads them.

The terminal summary reads few of the millions of cells that CSV needs. Knows no table. Used by
tables.build, for the tables with most rows, and by jobs.wire, which has them made elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from analyzer.tables.declare import TableRows, Values


class LazyColumns(Mapping[str, Values]):
    """The columns of some rows.

    Args:
        makers: by column, what makes its values.
        source: makes the same rows, in another process too: a function of a module and what it is
            given (functools.partial). None: there is no such thing.

    Attributes:
        source: the same.
    """

    def __init__(
        self,
        makers: Mapping[str, Callable[[], Values]],
        source: Callable[[], TableRows] | None = None,
    ) -> None:
        self._makers = makers
        self.source = source
        self._made: dict[str, Values] = {}
        self._shared: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Values:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._makers[name]()
        return made

    def get(self, name: str, default: Any = None) -> Any:
        """Return a column, or what stands for it where there is none."""
        # That of Mapping catches an exception, and is asked twenty times for each batch.
        return self[name] if name in self._makers else default

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what several readers work out of these columns: made by the first of them."""
        if name not in self._shared:
            self._shared[name] = make()
        return self._shared[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)
