"""What permessage-deflate would have saved where it was offered, and not accepted.

Deflates payload that was sent as it is, with one context per direction, as a sender would
have done (RFC 7692 7.2.1). Takes the FRAGMENT rows of the walk in order; must not know
frames or tables. Used by websocket.stage.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer import findings
from analyzer.columns import Bytes, Rows
from analyzer.findings import Finding
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options
from analyzer.websocket._inflating import TAIL
from analyzer.websocket.negotiation import Side

if TYPE_CHECKING:
    from zlib import _Compress

LEVEL: Final = 6
MEMORY_LEVEL: Final = 8
"""zlib's defaults, which browsers, npm ws and Tomcat leave as they are. Python's websockets
takes a memory level of 5, which changes sizes by a few percent."""

_SMALLEST_RAW_WINDOW: Final = 9
"""zlib makes no raw stream with a window of 2^8 bytes (deflateInit2)."""


@dataclass(slots=True)
class _Direction:
    """One direction: its compressor, and the message being joined.

    Attributes:
        side: how its sender compresses.
        room: bytes of payload that may still be taken.
        context: None where the next message begins with an empty window.
        message: pool index; -1 between messages.
    """

    side: Side
    room: int
    context: _Compress | None = None
    message: int = -1
    pieces: list[bytes] = field(default_factory=list)
    damaged: bool = False

    def begin(self, message: int) -> None:
        """Go on to another message, or to none; one that did not end is lost."""
        if self.message >= 0:
            self.context = None
        self.message = message
        self.pieces = []
        self.damaged = False

    def deflated_size(self) -> int:
        """Deflate the message whose pieces are there; return its size as sent."""
        payload = b"".join(self.pieces)
        if not payload:
            # RFC 7692 7.2.3.6: an empty message is sent as one byte, 0x00.
            return 1
        context = self.context
        if context is None:
            bits = max(self.side.window_bits, _SMALLEST_RAW_WINDOW)
            context = zlib.compressobj(LEVEL, zlib.DEFLATED, -bits, MEMORY_LEVEL)
            if not self.side.no_context_takeover:
                self.context = context
        size = len(context.compress(payload)) + len(context.flush(zlib.Z_SYNC_FLUSH))
        return size - len(TAIL)


class Estimator:
    """Holds a compressor and an unfinished message for each direction, and what is left."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._connections = options.max_estimated_connections
        self._messages = options.max_estimated_messages
        self._room = options.max_estimated_bytes_total
        self._directions: dict[int, _Direction] = {}
        self._done: list[int] = []
        self._found: list[Finding] = []
        self._too_many = False
        self._exhausted = False

    def open(self, directions: tuple[int, int], sides: tuple[Side, Side], packet: int) -> bool:
        """Begin a connection; return whether its payload is wanted.

        All connections are counted, not those that are open: that one has ended is
        known only when its batch has.

        Args:
            directions: of client and server.
            sides: how they would compress.
            packet: with which it opened.
        """
        if not self._connections:
            if not self._too_many:
                self._too_many = True
                self._report("max_estimated_connections", directions[0], packet, -1)
            return False
        self._connections -= 1
        if self._exhausted:
            return False
        for direction, side in zip(directions, sides, strict=True):
            self._directions[direction] = _Direction(side, self._options.max_estimated_bytes)
        return True

    def close(self, direction: int) -> None:
        """Forget a direction."""
        self._directions.pop(direction, None)

    def wants(self, direction: int) -> bool:
        """Return whether a direction's payload is wanted."""
        return direction in self._directions

    def take_done(self) -> list[int]:
        """Return directions whose further payload is not wanted, once."""
        done, self._done = self._done, []
        return done

    def push(self, rows: Rows, data: Bytes, pool: Rows) -> list[Finding]:
        """Take the batch's FRAGMENT rows; write estimates into `pool`.

        Args:
            rows: dtype FRAGMENT, in order.
            data: the batch's buffer, payload unmasked.
            pool: dtype MESSAGE by pool index; `estimate` is set here.
        """
        if self._directions and len(rows):
            self._push(rows, data, pool)
        found, self._found = self._found, []
        return found

    def _push(self, rows: Rows, data: Bytes, pool: Rows) -> None:
        wanted = np.zeros(int(rows["direction"].max()) + 1, bool)
        wanted[[each for each in self._directions if each < len(wanted)]] = True
        view = data.data
        indices: list[int] = []
        sizes: list[int] = []
        for row in rows[wanted[rows["direction"]]].tolist():
            start, length, packet, frame, message, direction, last, _, _ = row
            one = self._directions.get(direction)
            if one is None:
                continue
            if message < 0:
                # The place in the stream is lost, and with it any number of messages.
                one.begin(-1)
                one.context = None
                continue
            if one.message != message:
                one.begin(message)
            if start < 0:
                one.damaged = True
            elif not self._charge(one, length, direction, packet, frame):
                continue
            elif length and not one.damaged:
                one.pieces.append(bytes(view[start : start + length]))
            if last and self._count(direction, packet, frame):
                if not one.damaged:
                    indices.append(message)
                    sizes.append(one.deflated_size())
                    one.message = -1
                one.begin(-1)
        if indices:
            pool["estimate"][indices] = pool["payload_bytes"][indices] - sizes

    def give_up(self, messages: Rows, indices: list[int]) -> None:
        """Forget messages that have ended, before their indices are used again.

        Args:
            messages: dtype MESSAGE.
            indices: pool index of each.
        """
        for direction, index in zip(messages["direction"].tolist(), indices, strict=True):
            one = self._directions.get(direction)
            if one is not None and one.message == index:
                one.begin(-1)

    def _charge(
        self, one: _Direction, length: int, direction: int, packet: int, frame: int
    ) -> bool:
        """Take `length` bytes off what is left; end the direction, or all, at a limit."""
        if length > one.room:
            self._end([direction])
            self._report("max_estimated_bytes", direction, packet, frame)
            return False
        if length > self._room:
            self._exhaust("max_estimated_bytes_total", direction, packet, frame)
            return False
        one.room -= length
        self._room -= length
        return True

    def _count(self, direction: int, packet: int, frame: int) -> bool:
        """Count a message; end all directions at the limit."""
        if not self._messages:
            self._exhaust("max_estimated_messages", direction, packet, frame)
            return False
        self._messages -= 1
        return True

    def _exhaust(self, limit: str, direction: int, packet: int, frame: int) -> None:
        self._exhausted = True
        self._end(list(self._directions))
        self._report(limit, direction, packet, frame)

    def _end(self, directions: list[int]) -> None:
        for direction in directions:
            del self._directions[direction]
        self._done += directions

    def _report(self, limit: str, direction: int, packet: int, frame: int) -> None:
        kind = findings.DEFLATE_ESTIMATE_LIMIT
        self._found.append(Finding(kind, direction >> 1, packet, frame, limit, 1, direction))
