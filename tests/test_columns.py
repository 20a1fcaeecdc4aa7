from __future__ import annotations

import ctypes

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.columns import NULL, Rows, distinct, empty, grown, insert, quantile, row_dtype

MIXED = row_dtype([("flag", "u1"), ("time", "<i8"), ("port", "<u2"), ("length", "<i4")])


class MixedStruct(ctypes.Structure):
    """The same fields as the C compiler lays them out."""

    _fields_ = (
        ("flag", ctypes.c_uint8),
        ("time", ctypes.c_int64),
        ("port", ctypes.c_uint16),
        ("length", ctypes.c_int32),
    )


def numbered(count: int, first: int = 1) -> Rows:
    rows = empty(MIXED, count)
    rows["time"] = np.arange(first, first + count)
    return rows


def test_rows_are_laid_out_as_the_c_struct_of_the_same_fields() -> None:
    assert MIXED.itemsize == ctypes.sizeof(MixedStruct)
    fields = MIXED.fields
    assert fields is not None
    for name, _ in MixedStruct._fields_:
        assert fields[name][1] == getattr(MixedStruct, name).offset


def test_null_is_the_least_integer() -> None:
    assert np.iinfo(np.int64).min == NULL


def test_empty_is_zeroed() -> None:
    rows = empty(MIXED, 3)
    assert len(rows) == 3
    assert not any(rows.tobytes())
    assert len(empty(MIXED)) == 0


def test_grown_keeps_rows_and_zeroes_the_rest() -> None:
    rows = grown(numbered(5), 6)
    assert rows["time"][:5].tolist() == [1, 2, 3, 4, 5]
    assert not rows["time"][5:].any()


def test_grown_doubles_so_that_appending_stays_linear() -> None:
    assert len(grown(numbered(100), 101)) == 200
    assert len(grown(numbered(100), 1000)) == 1000


def test_grown_leaves_alone_what_is_large_enough() -> None:
    rows = numbered(5)
    assert grown(rows, 5) is rows


def test_insert_of_nothing_leaves_the_rows_alone() -> None:
    rows = numbered(2)
    assert insert(rows, [], empty(MIXED)) is rows


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 8), st.lists(st.integers(0, 8), max_size=6))
def test_insert_places_rows_before_those_at_their_positions(
    count: int, positions: list[int]
) -> None:
    positions = sorted(min(position, count) for position in positions)
    expected = []
    for place in range(count + 1):
        expected += [100 + i for i, position in enumerate(positions) if position == place]
        expected += [1 + place] if place < count else []
    inserted = insert(numbered(count), positions, numbered(len(positions), 100))
    assert inserted["time"].tolist() == expected


@given(st.lists(st.integers(-5, 5)))
def test_distinct_values(values: list[int]) -> None:
    assert distinct(np.array(values, np.int64)).tolist() == sorted(set(values))


@given(
    st.lists(st.integers(0, 2**50), min_size=1),
    st.one_of(st.sampled_from([0.0, 0.5, 0.95, 1.0]), st.floats(0, 1)),
)
def test_quantile_is_that_of_numpy(values: list[int], share: float) -> None:
    some = np.array(values, np.int64)
    assert quantile(some, share) == float(np.quantile(some, share))
