"""Ranges of options: what is refused, and how; tests/test_options.py has them as options."""

from __future__ import annotations

import pytest

from analyzer import ranges
from analyzer.errors import OptionError

NAN, INFINITE = float("nan"), float("inf")


def test_what_fits_passes() -> None:
    ranges.seconds("x", (0.001, 86_400.0))
    ranges.buffer("x", None)
    ranges.buffer("x", (1, INFINITE))
    ranges.idle("x", None)
    ranges.idle("x", 0.5)
    ranges.clients("x", (1, 10**8))


@pytest.mark.parametrize("given", [0.0, -1.0, NAN, INFINITE])
def test_an_idle_time_out_of_range_is_refused_by_name(given: float) -> None:
    with pytest.raises(OptionError, match=r"^--idle takes seconds up to 315360000, not"):
        ranges.idle("--idle", given)


@pytest.mark.parametrize("given", [0.0, 86_401.0, NAN])
def test_one_interval_out_of_range(given: float) -> None:
    ranges.interval("--every", 1.0)
    with pytest.raises(OptionError, match=r"^--every takes seconds from 0\.001 to 86400, not "):
        ranges.interval("--every", given)


def test_messages_stay_short() -> None:
    with pytest.raises(OptionError) as error:
        ranges.clients("--clients", tuple(range(1, 1000)))
    assert str(error.value).endswith("...")
    assert len(str(error.value)) < 200
