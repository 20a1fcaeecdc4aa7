"""Flow control of HTTP/2: whose window is used up, and for how long.

RFC 9113 5.2 and 6.9. Knows sizes and times. Must not know streams' meaning. Used by
http.http2_session.
"""

from __future__ import annotations

from typing import Final

from analyzer.columns import NULL
from analyzer.http.http2_frames import DEFAULT_WINDOW

STALL_NS: Final = 100_000_000
"""A sender whose window stays used up that long was held up: longer than most round trips."""
MOST_WINDOW: Final = 2**31 - 1
"""RFC 9113 6.9.1."""


class Window:
    """What one sender may still send, on a stream or on the connection.

    Attributes:
        left: bytes.
        empty_since: ns when it was used up; NULL while it is not.
    """

    __slots__ = ("empty_since", "left")

    def __init__(self, left: int = DEFAULT_WINDOW) -> None:
        self.left = left
        self.empty_since = NULL

    def use(self, count: int, time: int) -> bool:
        """Send `count` bytes; False where that was not allowed."""
        allowed = self.left >= count
        self.left -= count
        if self.left <= 0 and self.empty_since == NULL:
            self.empty_since = time
        return allowed

    def open(self, count: int, time: int) -> int:
        """Widen it; return for how long it had been used up (ns), 0 if it had not."""
        self.left = min(self.left + count, MOST_WINDOW)
        if self.left <= 0 or self.empty_since == NULL:
            return 0
        since, self.empty_since = self.empty_since, NULL
        return 0 if NULL in (since, time) else max(0, time - since)
