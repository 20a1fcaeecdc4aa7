"""Phases: what short polling costs, by when within the interval a client polls.

A client's phase is not in a WebSocket capture, so that the model takes all phases alike; this
says how far the figures spread over them. Knows conversations. Must not know headers or packets.
Used by alternatives.costs.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from analyzer.alternatives import lanes as layout
from analyzer.alternatives.conversations import Conversations, Ints
from analyzer.alternatives.lanes import Floats
from analyzer.columns import NULL

_GRID: Final = 64
"""Phases that the spread over all phases is taken from."""
_MOST: Final = 2**62  # of a column's value
_NORMAL_P95: Final = 1.645
"""Standard deviations from the mean to the 95th percentile of a normal distribution."""


class Spread(NamedTuple):
    """How far a figure spreads over the phases; arrays have one element for each connection.

    Attributes:
        p5, p95: percentiles over the phases.
        mean, variance: over the phases.
        least, most: over the phases.
    """

    p5: Floats
    p95: Floats
    mean: Floats
    variance: Floats
    least: Floats
    most: Floats


class Phases(NamedTuple):
    """Figures of short polling in each phase of a client; shape (connections, phases).

    Attributes:
        requests: in all.
        delay: ns, mean over the messages of the server.
        spreads: of these two.
        waits: spread of the delay of all messages of the server together.
    """

    requests: Floats
    delay: Floats
    spreads: tuple[Spread, Spread]
    waits: Spread


def phases_of(known: Conversations, place: int, paced: Ints) -> Phases:
    """Return polls and mean delays for each of _GRID phases of a client."""
    # Hazen's places: the middle of each of so many parts.
    phase = (np.arange(_GRID) + 0.5) / _GRID
    first = phase[None, :] * paced[:, None]
    until = known.duration[:, None] - first
    polls = np.floor(until / paced[:, None])
    pushes = known.answers(layout.PUSHES).messages
    last = known.shared["last_push"][:, None] - first
    delivers = np.where(pushes[:, None] > 0, np.ceil(last / paced[:, None]), -1)
    posts = known.answers(layout.POSTS).answers[:, None]
    requests = posts + np.maximum(np.maximum(polls, delivers) + 1, 0)
    # Waits of one phase, by class, are those of any other, moved on; those of no class
    # did not wait.
    waits = known.delays[:, layout.SHORT_POLL + layout.PHASES * place].astype(np.float64)
    waits[:, 0] += pushes - waits.sum(axis=1)
    moved = np.arange(layout.DELAY_CLASSES)
    means = waits @ ((moved[:, None] + moved[None, :]) % layout.DELAY_CLASSES + 0.5)
    messages = known.server_messages
    delay = means * (paced / layout.DELAY_CLASSES / np.maximum(messages, 1))[:, None]
    both = spread(requests), spread(delay)
    return Phases(requests, delay, both, spread(delay * messages[:, None]))


def spread(figures: Floats) -> Spread:
    """Return the spread of a figure.

    Args:
        figures: shape (connections, phases), each phase as likely as any other.
    """
    ranked = np.sort(figures, axis=1)
    p5, p95 = _hazen(ranked, 0.05), _hazen(ranked, 0.95)
    return Spread(
        p5, p95, figures.mean(axis=1), figures.var(axis=1), figures.min(axis=1), figures.max(axis=1)
    )


class TotalSpread:
    """The spread of a sum over connections, whose clients poll in phases of their own.

    Of one connection it is exact. The sum of several has their means and variances in total; its
    percentiles are those of a normal distribution, within what the phases allow at all.
    """

    def __init__(self) -> None:
        self._count = 0
        self._alone = (0.0, 0.0)
        self._mean = self._variance = self._least = self._most = 0.0

    def add(self, one: Spread) -> None:
        """Add connections."""
        if len(one.p5):
            self._alone = float(one.p5[0]), float(one.p95[0])
        self._count += len(one.p5)
        self._mean += float(one.mean.sum())
        self._variance += float(one.variance.sum())
        self._least += float(one.least.sum())
        self._most += float(one.most.sum())

    def percentiles(self) -> tuple[float, float]:
        """Return the 5th and the 95th percentile."""
        if self._count <= 1:
            return self._alone
        wide = _NORMAL_P95 * self._variance**0.5
        return max(self._least, self._mean - wide), min(self._most, self._mean + wide)


class TotalPhases:
    """How requests and delays of several connections spread over the phases of their clients."""

    def __init__(self) -> None:
        self._requests: TotalSpread | None = None
        self._delay = TotalSpread()

    def add(self, phases: Phases) -> None:
        """Add connections: the mean delay of one weighs as much as its messages are many."""
        self._requests = self._requests or TotalSpread()
        self._requests.add(phases.spreads[0])
        self._delay.add(phases.waits)

    def columns(self, messages: int) -> dict[str, int | float]:
        """Return the columns of a total that depend on phases; null where nothing polls.

        Args:
            messages: of the server, in all.
        """
        requests: tuple[int, int] = (NULL, NULL)
        delays = (float("nan"), float("nan"))
        if self._requests is not None:
            few, many = self._requests.percentiles()
            requests = min(round(few), _MOST), min(round(many), _MOST)
            if messages:
                p5, p95 = self._delay.percentiles()
                delays = p5 / messages / 1e6, p95 / messages / 1e6
        return {
            "requests_p5": requests[0],
            "requests_p95": requests[1],
            "added_latency_ms_phase_p5": delays[0],
            "added_latency_ms_phase_p95": delays[1],
        }


def _hazen(ranked: Floats, part: float) -> Floats:
    """Return Hazen's percentile of each row: places are the middles of equal parts, as phases are.

    `numpy.quantile` with this method loads numpy.ma, which takes longer than all phases of a small
    capture.
    """
    count = ranked.shape[1]
    place = min(max(part * count - 0.5, 0.0), count - 1.0)
    low = int(place)
    high = min(low + 1, count - 1)
    value: Floats = ranked[:, low] + (place - low) * (ranked[:, high] - ranked[:, low])
    return value
