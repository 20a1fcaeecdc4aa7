"""All figures on one page, which scrolls where it is longer than the screen."""

from __future__ import annotations

import pytest
from oracle.screens import SIZES, Shown, busy


@pytest.mark.parametrize("width", [40, 60, 80])
def test_nothing_is_cut(width):
    # Bars are as many as there is room for; from 100 columns on there are some words more.
    words, narrow = (
        {
            word
            for line in Shown(busy(), *size).press("5")[2:-1]
            for word in line.split()
            if line[0] not in "↑↓" and word.strip("▏▎▍▌▋▊▉█")
        }
        for size in ((99, 60), (width, 60))
    )
    assert len(words) > 50
    assert words <= narrow


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
