"""Kernel: sums over columns of rows, by the side that sent.

Knows numbers alone. Called by tables.summary and tables.late: with NumPy each sum took four
passes over its column, which were a fifteenth of a summary's time.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

# A C copy: a kernel would else look up a Python object per row.
_NULL = cython.declare(cython.longlong, -(2**63))


def by_side(
    sides: cython.const[cython.schar][::1], values: cython.const[cython.longlong][::1]
) -> tuple[int, int]:
    """Return the sums of the values of sides 0 and 1; NULL counts as nothing.

    Args:
        sides: of the rows; others than 0 and 1 are left out.
        values: of the rows.
    """
    i: cython.Py_ssize_t
    client: cython.longlong = 0
    server: cython.longlong = 0
    for i in range(sides.shape[0]):
        if values[i] == _NULL:
            continue
        if sides[i] == 0:
            client += values[i]
        elif sides[i] == 1:
            server += values[i]
    return client, server


def counts(
    sides: cython.const[cython.schar][::1], codes: cython.const[cython.schar][::1], labels: int
) -> Any:
    """Return how often each of so many codes occurs on sides 0 and 1; others are left out."""
    i: cython.Py_ssize_t
    most: cython.Py_ssize_t = labels
    found = np.zeros((2, labels), np.int64)
    view: cython.longlong[:, ::1] = found
    for i in range(sides.shape[0]):
        if 0 <= sides[i] < 2 and 0 <= codes[i] < most:
            view[sides[i], codes[i]] += 1
    return found


def add_positive(total: cython.longlong[::1], values: cython.const[cython.longlong][::1]) -> None:
    """Add each value to that of its row, if it is above 0."""
    i: cython.Py_ssize_t
    for i in range(total.shape[0]):
        if values[i] > 0:
            total[i] += values[i]
