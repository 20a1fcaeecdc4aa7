"""How many processes an analysis is worth: by cores, size of the input, and what is written.

Knows processors alone. Used by the command line.
"""

from __future__ import annotations

import os
from typing import Final

WORTH_BYTES: Final = 32 << 20
"""Size of captures from which another process pays: to begin it takes as long as the analysis of a
few MB, and to hand on what it made a twentieth of what is then done beside it. Smaller captures
are done in half a second anyway."""

_LOAD: Final = "/proc/loadavg"


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def idle() -> int:
    """Return how many cores are left to this process now; 1 if that is none.

    By what runs at this moment (/proc/loadavg, proc(5)); the averages there still tell of what
    ended a minute ago. Where the system does not say, all are.
    """
    try:
        with open(_LOAD, encoding="ascii") as file:
            running = int(file.read().split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        running = 1
    return max(1, cores() - (running - 1))


def fitting(size: int, reports: int) -> int:
    """Return how many processes an analysis gets that nobody said a number for.

    One for each report, one that follows connections, one that reads captures, and this one, as far
    as there are idle cores; reading takes so little of one that two are enough for the three that
    write no report. One alone where several do not pay, since together they take a third more of
    processors; or where they could not be forked: elsewhere each needs a quarter of a second to
    begin.

    Args:
        size: bytes of the captures.
        reports: that can be written by other processes.
    """
    if size < WORTH_BYTES:
        return 1
    count = idle()
    # Late: what starts processes takes a hundredth of a small capture's time to import.
    from analyzer.jobs.forked import may_fork

    if count == 1 or not may_fork():
        return 1
    return min(count if reports else count + 1, 3 + reports)
