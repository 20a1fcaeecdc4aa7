"""Percentiles of delays, from classes made by hand."""

from dataclasses import dataclass

import numpy as np
import pytest

from analyzer.alternatives.delays import MAX_BINS, add_delays, bins_p95_ms, p95_ms
from analyzer.alternatives.lanes import DELAY_CLASSES

S = 1_000_000_000


@dataclass
class Line:
    delays: np.ndarray | None
    has_delay: bool = True
    delay: np.ndarray = None
    delay_range: np.ndarray = None

    def __post_init__(self):
        self.delay_range = np.full(1, float(S))
        if self.delay is None:
            self.delay = np.ones(1)


EVEN = np.full((1, DELAY_CLASSES), 10)
"""Any wait from 0 to 1 s alike."""


def test_even_delays():
    count = np.full(1, float(EVEN.sum()))
    assert p95_ms(Line(EVEN), count)[0] == pytest.approx(950, rel=0.001)
    bins = np.zeros(MAX_BINS)
    add_delays(bins, Line(EVEN))
    assert bins_p95_ms(bins, int(EVEN.sum())) == pytest.approx(950, rel=0.04)


def test_what_did_not_wait_stands_before_all_others():
    assert p95_ms(Line(EVEN), np.full(1, 100 * float(EVEN.sum())))[0] == 0
    bins = np.zeros(MAX_BINS)
    add_delays(bins, Line(EVEN))
    assert bins_p95_ms(bins, 100 * int(EVEN.sum())) == 0


def test_nothing_to_tell():
    assert np.isnan(p95_ms(Line(EVEN, has_delay=False), np.ones(1))[0])
    assert np.isnan(p95_ms(Line(EVEN), np.zeros(1))[0])
    # Of real polls only the mean is known; a stream has no delay.
    assert np.isnan(p95_ms(Line(None), np.ones(1))[0])
    assert p95_ms(Line(None, delay=np.zeros(1)), np.ones(1))[0] == 0
