"""Delays: percentiles of how long messages wait, of connections and of totals.

Knows classes of delays (alternatives.lanes). Must not know transports. Used by
alternatives.rows.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from analyzer.alternatives import lanes as layout
from analyzer.alternatives.lanes import Floats

_BINS: Final = 64  # of delays in a total, for each doubling
MAX_BINS: Final = 64 * _BINS
_P95: Final = 0.95


class Delays(Protocol):
    """What one transport's messages wait; arrays have one element for each connection.

    Attributes:
        has_delay: whether the transport has one at all.
        delay: ns, in total.
        delays: how many waited, by class; None where only the sum is known.
        delay_range: ns, of all classes together.
    """

    has_delay: bool
    delay: Floats
    delays: npt.NDArray[Any] | None
    delay_range: Floats


def p95_ms(line: Delays, pushes: Floats) -> Floats:
    """Return the 95th percentile of each connection, nan without messages."""
    if not line.has_delay:
        return np.full(len(pushes), np.nan)
    if line.delays is None:
        # Nothing waits; or, of real polls, only the mean is known.
        return np.where((pushes > 0) & (line.delay == 0), 0.0, np.nan)
    counts = line.delays
    # Messages that do not wait are in no class; they come before all others.
    at_once = pushes - counts.sum(axis=1)
    wanted = _P95 * pushes - at_once
    reached = np.cumsum(counts, axis=1)
    place = np.minimum((reached < wanted[:, None]).sum(axis=1), layout.DELAY_CLASSES - 1)
    at = np.arange(len(place))
    before = reached[at, place] - counts[at, place]
    inside = np.clip((wanted - before) / np.maximum(counts[at, place], 1), 0, 1)
    value = np.where(wanted > 0, (place + inside) * _class_width(line) / 1e6, 0.0)
    return np.where(pushes > 0, value, np.nan)


def _class_width(line: Delays) -> Floats:
    """Return ns in a class of delays, as the kernel has it."""
    width: Floats = np.floor(line.delay_range / layout.DELAY_CLASSES) + 1
    return width


def add_delays(bins: Floats, line: Delays) -> None:
    """Add the delays of connections to the bins of a total."""
    if line.delays is None:
        return
    middle = (np.arange(layout.DELAY_CLASSES)[None, :] + 0.5) * _class_width(line)[:, None]
    places = np.minimum((np.log2(middle + 1) * _BINS).astype(np.int64), MAX_BINS - 1)
    bins += np.bincount(places.ravel(), line.delays.ravel(), MAX_BINS)


def bins_p95_ms(bins: Floats, pushes: int) -> float:
    """Return the 95th percentile of a total, to a fiftieth; what did not wait is in no bin."""
    reached = np.cumsum(bins)
    wanted = _P95 * pushes - (pushes - float(reached[-1]))
    if wanted <= 0:
        return 0.0
    place = int(np.searchsorted(reached, wanted))
    return float(2 ** ((place + 0.5) / _BINS)) / 1e6
