"""Sums by side, beside plain loops."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.kernels import fewer

from analyzer.columns import NULL
from analyzer.tables import _sums

ROWS = st.lists(
    st.tuples(
        st.integers(-1, 2),
        st.integers(-1, 4),
        st.one_of(st.just(NULL), st.integers(-(2**40), 2**40)),
    ),
    max_size=30,
)


@settings(deadline=None, max_examples=fewer(100, 20))
@given(rows=ROWS)
def test_against_plain_loops(rows: list[tuple[int, int, int]]) -> None:
    sides = np.array([side for side, *_ in rows], np.int8)
    codes = np.array([code for _, code, _ in rows], np.int8)
    values = np.array([value for *_, value in rows], np.int64)
    for column in (sides, codes, values):
        column.flags.writeable = False  # as those of DataFrames are
    assert _sums.by_side(sides, values) == tuple(
        sum(value for side, _, value in rows if side == mine and value != NULL) for mine in (0, 1)
    )
    assert _sums.counts(sides, codes, 3).tolist() == [
        [sum(row[:2] == (mine, code) for row in rows) for code in range(3)] for mine in (0, 1)
    ]
    total = np.full(len(rows), 5, np.int64)
    _sums.add_positive(total, values)
    assert total.tolist() == [5 + max(0, value) for *_, value in rows]
