"""Options of the Python API: wrong values are refused with the valid ones."""

from __future__ import annotations

from pathlib import Path

import pytest

import analyzer
from analyzer.errors import OptionError

CAPTURES = Path(__file__).parents[1] / "captures"

SEVERAL = "takes several numbers, such as (1, 2)"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("payload", "ful", "payload takes 'none', 'preview' or 'full', not 'ful'"),
        ("inside", 1, "inside takes True or False, not 1"),
        ("preview_bytes", -1, "preview_bytes takes a whole number from 0 on, not -1"),
        ("late_us", "x", "late_us takes a number from 0 on, not 'x'"),
        ("late_us", -1, "late_us takes a number from 0 on, not -1"),
        ("poll_intervals_s", "a", f"poll_intervals_s {SEVERAL}, not 'a'"),
        ("poll_intervals_s", ("a",), f"poll_intervals_s {SEVERAL}, not ('a',)"),
        ("max_idle_s", "x", "max_idle_s takes a number from 0 on, not 'x'"),
        ("buffered", "x", f"buffered {SEVERAL}, not 'x'"),
    ],
)
def test_wrong_values_name_the_valid_ones(name: str, value: object, text: str) -> None:
    with pytest.raises(OptionError) as caught:
        analyzer.analyze(CAPTURES / "npm-ws-basic.pcap", **{name: value})  # type: ignore[arg-type]
    assert str(caught.value) == text
