"""How much of a kernel's test is worth its time: uncompiled, kernels take a hundred times as long.

The same source runs in both ways, so that the compiled run looks at many values, and the other one
shows that the source is Python.
"""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES

from analyzer.websocket import _frames

COMPILED = str(_frames.__file__).endswith(tuple(EXTENSION_SUFFIXES))


def fewer(count: int, uncompiled: int) -> int:
    """Return how many examples a test looks at."""
    return count if COMPILED else uncompiled
