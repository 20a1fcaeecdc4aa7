"""Rows that are not counted yet: whether another leg counts them is not known.

Of two connections that may be legs of one conversation (tables.leg_pairs) one is counted. Until
that is decided, messages and calls of the other wait here; reports have them at once. Used by
the pipeline, before what adds up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from analyzer.tables.legs import Legs, only, without
from analyzer.tables.schema import TableRows

_COUNTED_ONCE = ("messages", "calls")
"""Tables of which one leg counts, and whose rows leave before their connection ends."""


class Undecided:
    """Holds rows.

    Args:
        legs: whose `undecided` names the connections.
        most: rows that are held; then all that is undecided counts.
    """

    def __init__(self, legs: Legs, most: int) -> None:
        self._legs = legs
        self._most = most
        self._held: deque[TableRows] = deque()
        self._count = 0

    def take(self, rows: TableRows) -> Iterator[TableRows]:
        """Yield what can be counted of some rows; keep the rest."""
        waiting = self._legs.undecided
        if not waiting or rows.table.name not in _COUNTED_ONCE:
            yield rows
            return
        some = only(rows, waiting)
        if some.count:
            self._held.append(some)
            self._count += some.count
            rows = without(rows, waiting)
        if rows.count:
            yield rows
        if self._count > self._most:
            self._legs.give_up(tuple(waiting))
            yield from self.released()

    def released(self) -> Iterator[TableRows]:
        """Yield the rows that are decided by now; what is left out is no more than that."""
        if not self._held:
            return
        waiting = self._legs.undecided
        held, self._held, self._count = self._held, deque(), 0
        for rows in held:
            decided = without(rows, waiting)
            if decided.count:
                yield decided
            some = only(rows, waiting) if decided.count < rows.count else None
            if some is not None:
                self._held.append(some)
                self._count += some.count
