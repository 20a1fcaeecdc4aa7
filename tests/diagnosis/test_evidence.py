"""Words and lists of evidence."""

from __future__ import annotations

import pytest

from analyzer.columns import NULL
from analyzer.diagnosis.evidence import packets, seconds


@pytest.mark.parametrize(
    ("ns", "text"),
    [(43_000_000, "0.043 s"), (1_054_249_763, "1.05 s"), (60_000_400_000, "60.0 s"),
     (350_000_000_000, "350.0 s"), (3_600_000_000_000, "3,600 s")],
)  # fmt: skip
def test_seconds(ns: int, text: str) -> None:
    assert seconds(ns) == text


def test_packets_are_few_in_order_and_known() -> None:
    assert packets([9, NULL, 3, 9]) == [3, 9]
    assert packets(range(100, 0, -1)) == list(range(1, 11))
