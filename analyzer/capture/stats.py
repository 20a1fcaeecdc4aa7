"""Counters of a live source.

Apart from capture.live, which only live runs load.
"""

from __future__ import annotations

from analyzer.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class CaptureStats:
    """Counters of a live source, since it was opened.

    Attributes:
        received: packets that passed the filter, those that were dropped among them.
        dropped: packets that the kernel had no room for.
        analysed: packets handed on to the analysis.
        interface_up: whether all interfaces are there and switched on.
    """

    received: int
    dropped: int
    analysed: int
    interface_up: bool = True
