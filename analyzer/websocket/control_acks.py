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
        # Lists: mostly of one or two, while an empty deque takes 600 bytes, a dict 200.
        self._waiting: dict[int, list[tuple[int, int]]] = {}
        self._acked: dict[int, list[tuple[int, int]]] = {}  # frame and time

    def sent(self, direction: int, frame: int, end: int) -> None:
        """Note a frame whose last byte lies before stream offset `end`."""
        waiting = self._waiting.get(direction)
        if waiting is None:
            self._waiting[direction] = [(end, frame)]
            return
        waiting.append((end, frame))
        if len(waiting) > self._limit:
            del waiting[0]

    def acked(self, direction: int, offset: int, time: int) -> None:
        """Note an ACK of all bytes before stream offset `offset`; `time` in ns."""
        waiting = self._waiting.get(direction)
        while waiting and waiting[0][0] <= offset:
            acked = (waiting.pop(0)[1], time)
            if direction in self._acked:
                self._acked[direction].append(acked)
            else:
                self._acked[direction] = [acked]
        if waiting is not None and not waiting:
            del self._waiting[direction]

    def when(self, direction: int, frame: int) -> int:
        """Return when a frame was acknowledged, in ns; NULL if it was not."""
        for one, time in self._acked.get(direction, ()):
            if one == frame:
                return time
        return NULL

    def take(self, direction: int, frame: int) -> int:
        """Return when a frame was acknowledged, in ns, once; NULL if it was not."""
        acked = self._acked.get(direction, [])
        for place, (one, time) in enumerate(acked):
            if one == frame:
                del acked[place]
                return time
        return NULL

    def forget(self, direction: int) -> None:
        """Forget a direction whose connection ended."""
        self._waiting.pop(direction, None)
        self._acked.pop(direction, None)
