"""Columns of text in one buffer, as Arrow lays strings: reports copy bytes, and make no strings.

Knows text columns. Must not know where their text comes from, nor file formats. Used by
tables.preview and tables.inside, which make such columns, and by what writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from analyzer.columns import Bytes
from analyzer.tables import _texts
from analyzer.tables.declare import Values


class Texts(Sequence[str | None]):
    """Cells of text behind each other.

    Attributes:
        data: uint8, UTF-8 of all cells; a null has none.
        offsets: int64, where each begins, and the end of the last.
        known: bool, False where a cell is null.
    """

    def __init__(
        self, data: Bytes, offsets: npt.NDArray[np.int64], known: npt.NDArray[np.bool_]
    ) -> None:
        self.data = data
        self.offsets = offsets
        self.known = known
        self._made: list[str | None] | None = None

    @classmethod
    def nothing(cls, count: int) -> Texts:
        """Return so many nulls."""
        return cls(np.zeros(0, np.uint8), np.zeros(count + 1, np.int64), np.zeros(count, bool))

    @classmethod
    def of(cls, cells: Sequence[str | None]) -> Texts:
        """Return cells laid behind each other; lone surrogates become question marks."""
        known = np.fromiter((cell is not None for cell in cells), bool, len(cells))
        some = [cell or "" for cell in cells]
        joined = "".join(some)
        if joined.isascii():
            data = joined.encode()
            lengths = [len(cell) for cell in some]
        else:
            encoded = [cell.encode("utf-8", "replace") for cell in some]
            data = b"".join(encoded)
            lengths = [len(cell) for cell in encoded]
        return cls(np.frombuffer(bytearray(data), np.uint8), _offsets(lengths), known)

    def taken(self, codes: npt.NDArray[np.int64]) -> Texts:
        """Return the cells with these numbers, in this order."""
        data, offsets = _texts.Texts().gathered(
            self.data, self.offsets, np.ascontiguousarray(codes, np.int64)
        )
        return Texts(data, offsets, self.known[codes])

    def _all(self) -> list[str | None]:
        if self._made is None:
            text, ends = self.data.tobytes(), self.offsets.tolist()
            self._made = [
                text[ends[place] : ends[place + 1]].decode() if is_known else None
                for place, is_known in enumerate(self.known.tolist())
            ]
        return self._made

    def __len__(self) -> int:
        return len(self.known)

    def __iter__(self) -> Iterator[str | None]:
        return iter(self._all())

    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]


def _offsets(lengths: Sequence[int]) -> npt.NDArray[np.int64]:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


class LazyTexts(Sequence[str | None]):
    """A column that is laid when a report reads it."""

    _laid: Texts | None = None

    def laid(self) -> Texts:
        """Return its cells behind each other."""
        if self._laid is None:
            self._laid = self._lay()
        return self._laid

    def _lay(self) -> Texts:
        raise NotImplementedError

    def __iter__(self) -> Iterator[str | None]:
        return iter(self.laid())

    def __getitem__(self, index: Any) -> Any:
        return self.laid()[index]


def laid(cells: Values) -> Texts:
    """Return a column of text behind each other, without making strings where it is so already."""
    if isinstance(cells, Texts):
        return cells
    if isinstance(cells, LazyTexts):
        return cells.laid()
    return Texts.of(cast("Sequence[str | None]", cells))
