"""Columns by key, of which the lowest are forgotten."""

from __future__ import annotations

import numpy as np

from analyzer.diagnosis.keyed import Keyed


def test_keys_grow_and_the_lowest_are_forgotten() -> None:
    kept = Keyed(2, 4096, -1)
    for key in (0, 5, 3000):
        places = kept.places(np.array([key]))
        kept.values[0, places] = key
    assert [kept.at(key) for key in (0, 5, 3000)] == [[0, -1], [5, -1], [3000, -1]]
    places = kept.places(np.array([3, 6000]))
    assert places[0] < 0 <= places[1]
    assert kept.at(5) == [-1, -1]
    assert kept.at(3000)[0] == 3000 if kept.base <= 3000 else True
    assert kept.values.shape == (2, 4096)


def test_a_key_far_above_all_others() -> None:
    kept = Keyed(1, 1024, 0)
    kept.values[0, kept.places(np.array([1]))] = 7
    place = kept.places(np.array([1 << 40]))
    kept.values[0, place] = 9
    assert kept.at(1 << 40) == [9]
    assert kept.at(1) == [0]
    assert len(kept.places(np.zeros(0, np.int64))) == 0


def test_keys_of_nulls_are_nowhere() -> None:
    kept = Keyed(1, 1024, 0)
    lowest = np.iinfo(np.int64).min
    assert kept.places(np.array([3, lowest, lowest + 1, -1])).tolist() == [3, -1, -1, -1]
    kept.places(np.array([5000]))
    assert kept.places(np.array([lowest])).tolist() == [-1]
