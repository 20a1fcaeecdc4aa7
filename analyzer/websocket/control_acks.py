"""When TCP acknowledged a Ping or a Close: proof that the peer's machine has it.

Knows stream offsets. Must not know what the frames say. Used by websocket.stage and
websocket.pings, with what the frame walk reports about ACKs.
"""

from __future__ import annotations

from analyzer.columns import NULL


class ControlAcks:
    """Control frames that wait for their ACK, and those that have it, by direction.

    Args:
        limit: frames of a direction that may wait; of more the oldest counts as never
            acknowledged.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Lists: mostly of one or two, while an empty deque takes 600 bytes.
        self._waiting: dict[int, list[tuple[int, int]]] = {}
        self._acked: dict[int, dict[int, int]] = {}

    def sent(self, direction: int, frame: int, end: int) -> None:
        """Note a frame whose last byte lies before stream offset `end`."""
        waiting = self._waiting.setdefault(direction, [])
        waiting.append((end, frame))
        if len(waiting) > self._limit:
            del waiting[0]

    def acked(self, direction: int, offset: int, time: int) -> None:
        """Note an ACK of all bytes before stream offset `offset`; `time` in ns."""
        waiting = self._waiting.get(direction)
        while waiting and waiting[0][0] <= offset:
            _, frame = waiting.pop(0)
            self._acked.setdefault(direction, {})[frame] = time

    def when(self, direction: int, frame: int) -> int:
        """Return when a frame was acknowledged, in ns; NULL if it was not."""
        return self._acked.get(direction, {}).get(frame, NULL)

    def take(self, direction: int, frame: int) -> int:
        """Return when a frame was acknowledged, in ns, once; NULL if it was not."""
        return self._acked.get(direction, {}).pop(frame, NULL)

    def forget(self, direction: int) -> None:
        """Forget a direction whose connection ended."""
        self._waiting.pop(direction, None)
        self._acked.pop(direction, None)
