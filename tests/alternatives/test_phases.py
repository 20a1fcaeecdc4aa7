"""Phases: how far short polling's figures spread over when a client polls, by hand."""

import numpy as np
import pytest
from oracle.compared import MS, SAID, SERVER, known

from analyzer.alternatives.costs import all_costs
from analyzer.alternatives.phases import TotalSpread, spread

S = 1000 * MS


def test_all_phases_by_hand():
    """A message at 0.5 s waits 0.1 s for a poll at 0.6 s, 0.9 s for one at 1.4 s."""
    (cost,) = (
        each
        for each in all_costs(known(said=SAID[:1], duration=2500), [S])
        if each.transport == "short-poll"
    )
    assert cost.phases.delay.shape == (1, 32)
    places = (np.arange(32) + 0.5) / 32
    # Whatever the phase, the wait lies in another class of it.
    assert sorted(cost.phases.delay[0]) == pytest.approx(places * S)
    # 2 or 3 polls in 2.5 s, by the phase.
    assert sorted(set(cost.phases.requests[0])) == [2, 3]
    assert cost.phases.requests.mean() == 2.5 == cost.sums["requests"]


def test_a_poll_for_a_message_after_the_last_one():
    """A message at 2.4 of 2.5 s: polls come behind it only in phases of 0.4 to 0.5 s."""
    (cost,) = (
        each
        for each in all_costs(known(said=[(SERVER, 2400, 10)], duration=2500), [S])
        if each.transport == "short-poll"
    )
    assert cost.sums["requests"] == pytest.approx(2.5 + 0.9)
    assert cost.phases.requests.mean() == pytest.approx(3.4, abs=1 / 64)


def test_percentiles_of_a_figure_that_is_uniform_over_the_phases():
    found = spread((np.arange(64)[None, :] + 0.5) / 64)
    assert (found.p5, found.p95, found.mean) == pytest.approx((0.05, 0.95, 0.5))
    assert found.variance == pytest.approx(1 / 12, rel=1e-3)


def test_a_total_of_nothing_and_of_one():
    total = TotalSpread()
    assert total.percentiles() == (0.0, 0.0)
    one = spread((np.arange(64)[None, :] + 0.5) / 64)
    total.add(one)
    assert total.percentiles() == pytest.approx((0.05, 0.95))


def test_a_total_of_many_is_nearly_normal():
    total = TotalSpread()
    for _ in range(25):
        total.add(spread(np.array([[0.0, 1.0], [1.0, 0.0]])))
    # 50 coins: a mean of 25, a standard deviation of 0.5 * sqrt(50).
    assert total.percentiles() == pytest.approx((25 - 5.816, 25 + 5.816), abs=0.001)


def test_a_total_stays_within_what_is_possible():
    total = TotalSpread()
    total.add(spread(np.array([[0.0, 1.0], [0.0, 1.0]])))
    assert total.percentiles() == (0.0, 2.0)
