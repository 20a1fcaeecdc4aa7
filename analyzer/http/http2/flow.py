"""Flow control of HTTP/2: whose window is used up, and for how long.

RFC 9113 5.2 and 6.9. Knows sizes and times. Must not know streams' meaning. Used by
http.http2.session; what is left of each window is in the account, where the fast path
sees it.
"""

from __future__ import annotations

from typing import Final

from analyzer.columns import NULL
from analyzer.http._row_accounts import WINDOW, Account

STALL_NS: Final = 100_000_000
"""A sender whose window stays used up that long was held up: longer than most round trips."""
MOST_WINDOW: Final = 2**31 - 1
"""RFC 9113 6.9.1."""


class Windows:
    """What both sides may still send, on a stream or on the connection.

    Args:
        account: of the stream, which keeps the bytes that are left.
        first: the windows that it begins with, by side that sends.
    """

    __slots__ = ("_left", "_since")

    def __init__(self, account: Account, first: tuple[int, int]) -> None:
        self._left = account.counted[:, WINDOW]
        self._left[:] = first
        self._since = [NULL, NULL]

    def use(self, side: int, count: int, time: int) -> bool:
        """Send `count` bytes at `time` (ns); False where that was not allowed."""
        left = int(self._left[side])
        self._left[side] = max(left - count, -MOST_WINDOW)
        if left - count <= 0 and self._since[side] == NULL:
            self._since[side] = time
        return left >= count

    def open(self, side: int, count: int, time: int) -> int:
        """Widen one; return for how long it had been used up (ns), 0 if it had not."""
        left = max(min(int(self._left[side]) + count, MOST_WINDOW), -MOST_WINDOW)
        self._left[side] = left
        since = self._since[side]
        if left <= 0 or since == NULL:
            return 0
        self._since[side] = NULL
        return 0 if time == NULL else max(0, time - since)
