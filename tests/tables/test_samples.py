"""Samples: quantiles of values, kept within bounds."""

import numpy as np

from analyzer.tables.samples import Samples


def test_quantiles_and_the_worst():
    samples = Samples(100)
    samples.add(np.array([5, 1, 9]), np.array([0, 1, 2]))
    assert (samples.count, samples.median, samples.worst, samples.worst_of) == (3, 5.0, 9, 2)
    assert Samples().quantile(0.95) == 0.0


def test_the_same_whatever_the_batches():
    values = np.arange(1000)
    whole, cut = Samples(64), Samples(64)
    whole.add(values, values)
    for at in range(0, 1000, 7):
        cut.add(values[at : at + 7], values[at : at + 7])
    assert whole.quantile(0.95) == cut.quantile(0.95)
    assert abs(whole.median - 500) < 20
