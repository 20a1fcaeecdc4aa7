"""Ranges: which numbers the options of the model of other transports may have.

Knows numbers. Must not know what they are for. Used by options.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analyzer.errors import OptionError

SHORTEST_S: Final = 0.001
LONGEST_S: Final = 86_400.0
"""Of modelled polls: below a millisecond it is no polling, above a day nobody waits."""
LONGEST_IDLE_S: Final = 10 * 365 * 86_400.0
MOST_CLIENTS: Final = 100_000_000
MOST_VALUES: Final = 16
"""Intervals, and numbers of clients, of one analysis: each is rows for each connection."""
LARGEST_BUFFER: Final = 1 << 30
"""Bytes: a proxy has one for each connection."""


def seconds(name: str, given: Sequence[float]) -> None:
    """Refuse intervals out of range.

    Args:
        name: of the option, for the message.
        given: in seconds.

    Raises:
        OptionError: They are too many, or one is out of range.
    """
    # Written so that nan is refused as well.
    if len(given) > MOST_VALUES or not all(SHORTEST_S <= each <= LONGEST_S for each in given):
        raise OptionError(
            f"{name} takes up to {MOST_VALUES} numbers of seconds from {SHORTEST_S} to "
            f"{LONGEST_S:.0f}, not {_listed(given)}"
        )


def interval(name: str, given: float) -> None:
    """Refuse one interval out of range; arguments and errors as of seconds()."""
    if not SHORTEST_S <= given <= LONGEST_S:
        raise OptionError(f"{name} takes seconds from {SHORTEST_S} to {LONGEST_S:.0f}, not {given}")


def buffer(name: str, given: tuple[int, float] | None) -> None:
    """Refuse a buffer that cannot be; arguments and errors as of seconds()."""
    if given is None:
        return
    size, wait = given if len(given) == 2 else (0, 0.0)
    fits = isinstance(size, int) and 0 < size <= LARGEST_BUFFER
    if not fits or not (SHORTEST_S <= wait <= LONGEST_S or wait == float("inf")):
        raise OptionError(
            f"{name} takes bytes from 1 to {LARGEST_BUFFER} and seconds from {SHORTEST_S} to "
            f"{LONGEST_S:.0f}, or inf, not {_listed(given)}"
        )


def idle(name: str, given: float | None) -> None:
    """Refuse a time that cannot be; arguments and errors as of seconds()."""
    if given is not None and not 0 < given <= LONGEST_IDLE_S:
        raise OptionError(f"{name} takes seconds up to {LONGEST_IDLE_S:.0f}, not {given}")


def clients(name: str, given: Sequence[int]) -> None:
    """Refuse numbers of clients out of range; arguments and errors as of seconds()."""
    fit = (isinstance(each, int) and 0 < each <= MOST_CLIENTS for each in given)
    if len(given) > MOST_VALUES or not all(fit):
        raise OptionError(
            f"{name} takes up to {MOST_VALUES} whole numbers from 1 to {MOST_CLIENTS}, "
            f"not {_listed(given)}"
        )


def _listed(values: Sequence[float]) -> str:
    text = ", ".join(map(str, values))
    return text if len(text) <= 60 else f"{text[:60]}..."
