"""All figures on one page, which scrolls where it is longer than the screen."""

from __future__ import annotations

import pytest
from oracle.screens import SIZES, Shown, busy


@pytest.mark.parametrize("size", SIZES)
def test_all_figures_can_be_reached(size):
    shown = Shown(busy(), *size)
    seen = {line.split("  ")[0] for line in shown.press("5")}
    for _ in range(25):
        seen |= {line.split("  ")[0].strip() for line in shown.press("down")}
    assert {
        "Open",
        "Attempts",
        "↑ client",
        "↓ server",
        "Bytes",
        "Polling",
        "Held",
        "Let go",
    } <= seen
