"""How often a connection is kept alive: the intervals of pings, or of unsolicited pongs.

Knows RFC 6455 5.5.2 and 5.5.3 only. Made by websocket.pings, one object per connection that
has such frames; read by websocket.stage when the connection ends.
"""

from __future__ import annotations

from typing import Final

from analyzer.columns import NULL

PING: Final = 0
UNSOLICITED_PONG: Final = 1


class Keepalive:
    """Intervals between the pings of each side, and between its unsolicited pongs.

    Args:
        limit: intervals kept of each kind, the first ones of the connection.
    """

    __slots__ = ("_intervals", "_last", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._last: list[int] = [NULL, NULL, NULL, NULL]
        self._intervals: tuple[list[int], list[int]] = ([], [])

    def beat(self, kind: int, sender: int, time: int) -> None:
        """Note a frame.

        Args:
            kind: PING or UNSOLICITED_PONG.
            sender: client or server; intervals are those of one side.
            time: ns of its first byte.
        """
        place = 2 * kind + sender
        before, self._last[place] = self._last[place], time
        intervals = self._intervals[kind]
        if NULL not in (before, time) and time >= before and len(intervals) < self._limit:
            intervals.append(time - before)

    @property
    def interval(self) -> int:
        """The median interval in ns, of both sides together; NULL if no side has two frames.

        Pongs count only where there are no two pings: "A Pong frame MAY be sent unsolicited.
        This serves as a unidirectional heartbeat" (RFC 6455 5.5.3).
        """
        intervals = self._intervals[PING] or self._intervals[UNSOLICITED_PONG]
        return sorted(intervals)[(len(intervals) - 1) // 2] if intervals else NULL
