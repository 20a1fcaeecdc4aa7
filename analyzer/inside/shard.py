"""The inside stage of a shard: one of several processes, each of which reads its connections.

Says of each message what one process says, and notes what depends on other connections. How it is
used: `reach` before each batch, `push` as ever, then `take_noted`; inside.joined puts together the
batches of all shards. Numbers of connections, calls and labels are the shard's own until then.
Sessions over plain HTTP are read in one shard (http.affinity). Called by shards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from analyzer.http.delivery.carried import Carried
from analyzer.inside._noted import NotingQuick
from analyzer.inside.labels import Labels
from analyzer.inside.noted import Noted, NotingRows, NotingShared
from analyzer.inside.sessions import Sessions
from analyzer.inside.stage import InsideBatch, InsideStage
from analyzer.inside.talk import Talk, Waiting
from analyzer.options import Options
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.stage import WebSocketBatch


class ShardStage(InsideStage):
    """Reads the messages of a shard.

    Args:
        options: limits.
        connections: open WebSocket connections by slot, as the websocket stage has them.
    """

    def __init__(self, options: Options, connections: Mapping[int, WebSocketConnection]) -> None:
        super().__init__(options, connections)
        shared = self._noting = NotingShared(options)
        self._shared = shared
        self._noting_rows = NotingRows(shared.notes)
        self._rows = self._noting_rows
        self._sessions = Sessions(options, shared)
        self._quick = NotingQuick(shared.numbers, shared.labels, shared.spreading)
        self._notes = shared.notes

    def reach(self, packet: int) -> None:
        """Go on to a batch whose last packet, of all shards, has this number."""
        self._notes.until = packet

    def take_noted(self) -> Noted:
        """Return the notes of the batch that was pushed, once."""
        return self._noting.take(self._noting_rows)

    # --- messages

    def _hear_one(self, direction: int, message: Waiting, too_long: bool) -> None:
        if message.place >= 0:
            self._notes.reach(message.moment.packet_last)
        super()._hear_one(direction, message, too_long)

    def _read_one(self, talk: Talk, one: Carried) -> None:
        self._notes.reach(one.packet_last)
        super()._read_one(talk, one)

    # --- batches

    def push(self, batch: WebSocketBatch, *, last: bool = False) -> InsideBatch:
        """Take the batch whose messages were heard; return what leaves, without labels.

        Args:
            batch: of the websocket stage.
            last: the capture ends with it.
        """
        self._read_carried()
        notes = self._notes
        notes.is_late = True
        out = super().push(batch, last=last)
        notes.is_late = False
        notes.ending = -1
        notes.reach(notes.until)
        # The labels themselves are in the notes, each once.
        none = Labels(0)
        out.says = replace(out.says, labels=none)
        if out.plain_calls is not None:
            out.plain_calls = replace(out.plain_calls, labels=none)
        out.deliveries = None
        return out

    def _end(self, talk: Talk, ended: WebSocketConnection, inner: dict[int, str | None]) -> None:
        self._notes.ending = ended.connection
        super()._end(talk, ended, inner)

    def _end_session(self, talk: Talk) -> None:
        self._notes.ending = -1
        super()._end_session(talk)
