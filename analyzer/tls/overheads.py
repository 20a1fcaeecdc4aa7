"""By how much records are longer than what they hold, and so what records held that were lost.

Knows lengths alone: where all records of a direction that were opened have the same overhead, one
that cannot be opened has it too. Used by tls.unwrapping.
"""

from __future__ import annotations

import numpy as np

from analyzer.columns import Rows, empty
from analyzer.tls.records import HEADER_BYTES, OPENED_RECORD, RECORD, UNKNOWN


class Overheads:
    """What is known by direction, up to each record of the batch that is being opened."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}  # by direction; -1 where it is not constant
        self._found = empty(RECORD)
        self._noted = 0  # records of the batch that were looked at

    def begin(self, found: Rows) -> None:
        """Take the records of a batch, dtype RECORD, while they are being opened in order."""
        self._found, self._noted = found, 0

    def before(self, direction: int, index: int) -> int:
        """Return by how much records before this one were longer than their content; or -1."""
        if self._noted < index:
            part = self._found[self._noted : index]
            self._noted = index
            opened = np.flatnonzero(part["fate"] == OPENED_RECORD)
            beside = (part["length"] - part["content"])[opened].tolist()
            for each, overhead in set(zip(part["direction"][opened].tolist(), beside, strict=True)):
                self.note(each, overhead, overhead)
        return self._known.get(direction, -1)

    def expected(self, direction: int, index: int) -> int:
        """Return how many bytes a record holds that cannot be read."""
        overhead = self.before(direction, index)
        return UNKNOWN if overhead < 0 else max(0, int(self._found["length"][index]) - overhead)

    def in_hole(self, direction: int, index: int, wire: int, lost: int) -> int | None:
        """Return how many bytes records held that are proven to be lost.

        Args:
            direction: of the hole.
            index: of the record behind it.
            wire: bytes of the hole.
            lost: how many records.

        Returns:
            None where the overhead is not known, UNKNOWN where it does not fit.
        """
        overhead = self.before(direction, index)
        if overhead < 0:
            return None
        content = wire - lost * (HEADER_BYTES + overhead)
        return content if content >= 0 else UNKNOWN

    def note(self, direction: int, least: int, most: int) -> None:
        """Take the overheads of records that were opened: the least and the most."""
        known = self._known.get(direction, least)
        self._known[direction] = least if least == most == known else -1

    def forget(self, direction: int) -> None:
        """Forget a direction."""
        self._known.pop(direction, None)
