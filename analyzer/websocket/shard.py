"""The websocket stage of a shard: one of several processes, each of which reads its connections.

Finds what one process finds in these connections, under numbers of its own, and notes with which
packet each became known, so that they can be put in the order of the capture. How it is used:
`reach` before each batch, `push` as ever, then `take_noted`. Called by shards.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analyzer.http.exchanges import Handshake, HttpBatch
from analyzer.options import Options
from analyzer.websocket._noted import NotingWalk
from analyzer.websocket.stage import WebSocketBatch, WebSocketStage

Keys = npt.NDArray[np.int64]
"""(count, 2): key, as _noted has it, and slot of the connection that ends; -1 without one."""
_VOID_OPCODE = 255


class NotedWebSocket(NamedTuple):
    """The notes of one batch of a shard.

    Attributes:
        opened: of each connection that opened, in order of the shard's numbers.
        frames, messages: of each row.
    """

    opened: Keys
    frames: Keys
    messages: Keys


class ShardWebSocketStage(WebSocketStage):
    """Walks over the rows of a shard."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        preview = options.preview_bytes if options.payload == "preview" else 0
        self._noting = NotingWalk(preview, options.max_pending_messages, self._seeker)
        self._walk = self._noting
        self._opened: list[tuple[int, int]] = []
        self._is_walking = False
        self._messages: Keys = np.zeros((0, 2), np.int64)

    def reach(self, packet: int) -> None:
        """Go on to a batch whose last packet, of all shards, has this number."""
        self._noting.until = packet

    def arrived(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the packet with which each message was complete, for inside.shard."""
        packets: npt.NDArray[np.int64] = self._noting.arrived(places)
        return packets

    def arrival(self, place: int) -> int:
        """Return the same of one message."""
        return int(self._noting.arrival(place))

    def take_noted(self) -> NotedWebSocket:
        """Return the notes of the batch that was pushed, once."""
        opened, self._opened = self._opened, []
        keys = np.array(opened, np.int64).reshape(-1, 2)
        return NotedWebSocket(keys, self._noting.keys_of_frames(), self._messages)

    def _walk_rows(self, batch: HttpBatch) -> None:
        super()._walk_rows(batch)
        # Connections end now: what was in doubt is read behind all rows.
        self._noting.reach(self._noting.until)

    def _open(
        self,
        slot: int,
        handshake: Handshake | None,
        opened_at: int,
        client_side: int = 0,
        in_middle: int = 0,
    ) -> None:
        super()._open(slot, handshake, opened_at, client_side, in_middle)
        packet = self._noting.now
        if handshake is not None and handshake.outcome == "accepted":
            # All rows may be walked behind it: its place among them is that of the 101.
            packet = handshake.response_packet
            self._noting.known_from(slot, packet)
        self._opened.append((2 * packet, -1))

    def _take_messages(self, out: WebSocketBatch) -> None:
        keys = self._noting.keys_of_finished()
        opcodes = self._walk.rows("pool")["opcode"].take(self._walk.finished())
        self._messages = keys[opcodes != _VOID_OPCODE]
        super()._take_messages(out)
