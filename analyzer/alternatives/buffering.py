"""Buffering: the buffer of a proxy before a stream, as the options give it.

Knows options. Must not know when bytes leave the buffer (alternatives._buffers). Used by
alternatives.stage, sessions and sampling.
"""

from __future__ import annotations

from typing import Final

from analyzer.columns import NULL
from analyzer.options import Options

_NS: Final = 1_000_000_000


def buffer_of(options: Options) -> tuple[int, int] | None:
    """Return bytes and ns that a buffer holds (ns NULL: until it is full); None without one."""
    if options.buffered is None:
        return None
    size, seconds = options.buffered
    return size, NULL if seconds == float("inf") else max(1, round(seconds * _NS))
