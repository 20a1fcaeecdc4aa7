"""Batches: rows of one structured numpy dtype over one buffer of bytes.

A stage hands the next one a structured array, so that `rows["seq"]` is a column
and `rows[i]` is one row in neighbouring memory, which is what the kernels walk.
Every dtype is declared with `row_dtype`, aligned like the C struct of the same
fields that the kernel declares; Cython compares the two at each call.

This module knows numpy and nothing of networks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.named_tuple import NamedTuple

Rows = np.ndarray[Any, np.dtype[np.void]]
"""A one-dimensional structured array: one element per row."""

Bytes = npt.NDArray[np.uint8]
"""A buffer of bytes; rows hold start and length into it."""

NULL = -(2**63)
"""What was not seen: the null of every integer column inside the program."""


def row_dtype(fields: Iterable[tuple[str, str]]) -> np.dtype[np.void]:
    """Return the aligned structured dtype of `fields` (name, numpy type code)."""
    return np.dtype(list(fields), align=True)


def empty(dtype: np.dtype[np.void], count: int = 0) -> Rows:
    """Return `count` zeroed rows."""
    return np.zeros(count, dtype)


def grown(rows: Rows, capacity: int) -> Rows:
    """Return `rows` copied into a zeroed array of at least `capacity` rows.

    Grows by doubling, so that appending stays linear.
    """
    if capacity <= len(rows):
        return rows
    bigger = np.zeros(max(capacity, 2 * len(rows), 16), rows.dtype)
    bigger[: len(rows)] = rows
    return bigger


def insert(rows: Rows, positions: Sequence[int], inserted: Rows) -> Rows:
    """Return `rows` with `inserted[i]` placed before the row at `positions[i]`.

    Positions refer to `rows` as given, must not decrease, and may equal
    `len(rows)`; rows inserted at one position keep their order.
    """
    if not len(inserted):
        return rows
    return np.insert(rows, np.asarray(positions, dtype=np.intp), inserted)


def distinct(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the different values of a column, in order.

    As np.unique does, which loads numpy.ma: a twentieth of the time of a small capture.
    """
    ordered = np.sort(values)
    first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def quantile(values: npt.NDArray[Any], share: float) -> float:
    """Return the value below which a share of some values lies, between neighbours by length.

    As np.quantile does, which loads numpy.ma too.

    Args:
        values: at least one.
        share: from 0 to 1.
    """
    ordered = np.sort(values)
    place = (len(ordered) - 1) * share
    below = int(place)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    part = place - below
    step = high - low
    return float(low + step * part if part < 0.5 else high - step * (1 - part))


class Pieces(NamedTuple):
    """Many byte strings in one buffer, of which some may be missing.

    Attributes:
        data: uint8, writable.
        starts: int64, where each begins.
        lengths: int64; -1: there is none.
    """

    data: Bytes
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]

    def take(self, places: Sequence[int] | npt.NDArray[np.intp]) -> Pieces:
        """Return those at `places`, in that order, over the same buffer."""
        chosen = np.asarray(places, np.intp)
        return Pieces(self.data, self.starts[chosen], self.lengths[chosen])

    def joined(self, other: Pieces) -> Pieces:
        """Return these, and the others after them."""
        if not len(other.starts):
            return self
        return Pieces(
            np.concatenate([self.data, other.data]),
            np.concatenate([self.starts, other.starts + len(self.data)]),
            np.concatenate([self.lengths, other.lengths]),
        )


def pieces(strings: Sequence[bytes | None]) -> Pieces:
    """Return byte strings in one buffer.

    Args:
        strings: a list, or a sequence with a method `pieces`, which is asked: then no Python
            object is made for each.
    """
    make = getattr(strings, "pieces", None)
    if make is not None:
        made: Pieces = make()
        return made
    lengths = np.array([-1 if each is None else len(each) for each in strings], np.int64)
    data = bytearray().join([each for each in strings if each])
    ends = np.cumsum(np.maximum(lengths, 0))
    return Pieces(np.frombuffer(data, np.uint8), ends - np.maximum(lengths, 0), lengths)
