"""The http stage: byte streams -> HTTP exchanges, upgrade attempts, rows that left HTTP.

Holds one Conversation per connection whose bytes are, or may yet be, HTTP; rows of
connections that left it pass by a mask, with no Python per row. Knows TCP's rows and
slots; what a message means is http.http1.conversation's matter. Called by pipeline.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from analyzer.columns import distinct
from analyzer.http.collector import Results
from analyzer.http.delivery.carried import Carried
from analyzer.http.exchanges import Exchange, HttpBatch
from analyzer.http.handover import DIRECTION, KIND, PACKET, START, Piece
from analyzer.http.head import MAYBE, NEITHER, recognise
from analyzer.http.http1.conversation import Conversation
from analyzer.http.http1.whole_upgrade import NO_PAYLOAD, Opening, open_attempt, switch
from analyzer.options import Options
from analyzer.tcp.bytestream import DATA, GAP_CUT, StreamBatch

if TYPE_CHECKING:
    from analyzer.http.http2.connection import Http2Connection

_SHORT = ("kind", "direction", "offset", "length", "span", "time", "wire")
"""What Conversation.passes has to know of a row: making a whole one costs more."""

_BLOCK = 1024
"""Rows looked at together: a connection that is handed on leaves the slow way with
the next block, however large the batch."""


class HttpStage:
    """Finds HTTP on any port, and where it ends."""

    def __init__(self, options: Options) -> None:
        self._results = Results(options)
        self._conversations: dict[int, Conversation | Http2Connection] = {}
        self._openings: dict[int, Opening] = {}
        self._holding: dict[int, int] = {}  # slot: bytes held back, oldest first
        self._held = 0
        self._begun = np.zeros(0, np.int64)  # by slot, the first row of a block with payload
        self._stale: list[int] = []

    def push(self, batch: StreamBatch, *, last: bool = False) -> HttpBatch:
        """Take one batch; return what became complete with it.

        Args:
            batch: of the tcp stage.
            last: the capture ends with it: exchanges no longer wait for others.
        """
        results = self._results
        for slot in self._stale:
            results.http_bytes[2 * slot : 2 * slot + 2] = 0
            results.streams.pop(slot, None)
        results.reserve(2 * len(batch.connections))
        if len(batch.connections) > len(self._begun):
            self._begun = np.zeros(len(batch.connections), np.int64)
        results.begin(batch)
        at, count = 0, len(batch.rows)
        while at < count:
            at = self._block(batch, at, min(at + _BLOCK, count))
        results.handover.at = count
        for slot in batch.ended:
            conversation: Conversation | Http2Connection | None
            conversation = self._conversations.pop(slot, None)
            self._held -= self._holding.pop(slot, 0)
            opening = self._openings.pop(slot, None)
            if opening is not None:
                conversation = Conversation.behind(opening, results)
            if conversation is not None:
                conversation.end(batch.connections[slot])
        ended = results.ended + list(batch.ended)
        for slot in ended:
            results.stay(slot)
        self._stale = ended
        if last:
            results.groups.finish()
        return HttpBatch(
            batch,
            results.handover.rows(),
            results.upgrades,
            results.handover.positions(results.marks),
            results.handshakes,
            results.exchanges,
            ended,
            results.http_bytes,
            results.findings,
            results.clients,
            results.tls_moved,
            results.streams,
        )

    def carry_to(self, listener: Callable[[Carried], None]) -> None:
        """Hand messages of Engine.IO and SockJS over plain HTTP to a listener."""
        self._results.carrying.listener = listener

    def keep_bodies(self, wanted: Callable[[Exchange], bool]) -> None:
        """Keep payload of plain exchanges, within limits, of those that are `wanted`.

        Args:
            wanted: is asked when the kind of an exchange is known.
        """
        self._results.keeping.wanted = wanted

    def bytes_so_far(self, directions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the bytes of HTTP in directions of open connections."""
        return self._results.http_bytes.take(directions)

    @property
    def held_bytes(self) -> int:
        """Bytes of unfinished heads, of rows held back with them, and of bodies."""
        return self._held + self._results.store.kept

    def _block(self, batch: StreamBatch, begin: int, end: int) -> int:
        """Look at rows `begin` to `end`; return where to go on."""
        results = self._results
        rows = batch.rows[begin:end]
        passing = results.handed_on[rows["direction"]]
        results.handover.keep[begin:end] = passing
        look = ~passing
        if results.searched.any():
            look |= self._may_begin(batch, begin, end)
        places = np.flatnonzero(look)
        if not len(places):
            return end
        # take(), because indexing structured rows costs a hundred times as much.
        chosen = rows.take(places)
        has_payload = (chosen["kind"] <= GAP_CUT) & (chosen["length"] > 0)
        passed = self._before_payload(chosen["direction"] >> 1, has_payload)
        if passed.any():
            places, has_payload = places[~passed], has_payload[~passed]
            chosen = rows.take(places)
        payload = has_payload.tolist()
        slots = (chosen["direction"] >> 1).tolist()
        shorts = list(zip(*(chosen[name].tolist() for name in _SHORT), strict=True))
        where = places.tolist()
        at, count = 0, len(where)
        while at < count:
            taken = 0
            if results.links and slots[at] in results.links:
                at = results.path.run(chosen, batch.records.data, places, at, begin, results.links)
                if at >= count:
                    break
                taken = results.path.skip
            slot = slots[at]
            conversation = self._conversations.get(slot)
            if conversation is None or not conversation.passes(*shorts[at]):
                index = begin + where[at]
                if not self._row(batch, index, slot, payload[at], chosen[at], taken):
                    # Rows after it pass by a mask that is no longer true.
                    return index + 1
            at += 1
        return end

    def _before_payload(
        self, slots: npt.NDArray[np.int32], has_payload: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Return which rows of a block nobody has to look at.

        They are SYNs and ACKs before the first payload of their connection: a third of the rows
        that are looked at where many connections open.
        """
        begun = self._begun
        begun[slots] = len(slots)
        with_payload = np.flatnonzero(has_payload)[::-1]
        # Of several the first is written last.
        begun[slots[with_payload]] = with_payload
        for slot in distinct(slots[~has_payload]).tolist():
            if slot in self._conversations or slot in self._openings:
                begun[slot] = -1
        passed: npt.NDArray[np.bool_] = np.arange(len(slots)) < begun[slots]
        return passed & ~has_payload

    def _row(
        self, batch: StreamBatch, index: int, slot: int, has_payload: bool, row: Any, taken: int
    ) -> bool:
        """Look at one row; False where it changed which rows are to be looked at."""
        results = self._results
        conversation = self._conversations.get(slot)
        if conversation is None and not has_payload:
            if slot not in self._openings:
                if results.handed_on[2 * slot]:
                    results.handover.keep[index] = True
                return True
            if row["kind"] in NO_PAYLOAD:
                return True
        results.handover.at = index
        piece = Piece(row.item(), index, batch)
        if conversation is not None and not isinstance(conversation, Conversation):
            conversation.row(piece, taken)
            self._account(slot, conversation, piece.row[PACKET])
            return True
        if conversation is None:
            direction = piece.row[DIRECTION]
            if results.handed_on[direction]:
                if results.searched[direction] and _begins_http(piece):
                    self._resume(slot, piece)
                    return False
                results.handover.keep[index] = True
                return True
            conversation = self._open(slot, piece, batch)
            if conversation is None:
                return True
        conversation.row(piece)
        self._account(slot, conversation, piece.row[PACKET])
        return True

    def _account(
        self, slot: int, conversation: Conversation | Http2Connection, packet: int
    ) -> None:
        """Keep the count of what all conversations hold back below its limit."""
        if conversation.successor is not None:
            self._conversations[slot] = conversation = conversation.successor
        if conversation.handed_on:
            del self._conversations[slot]
            self._held -= self._holding.pop(slot, 0)
            return
        held = conversation.memory()
        before = self._holding.get(slot, 0)
        if held == before:
            return
        self._held += held - before
        if held:
            self._holding[slot] = held
        else:
            del self._holding[slot]
        while self._held > self._results.options.max_held_head_bytes_total:
            oldest = next(iter(self._holding))
            self._held -= self._holding.pop(oldest)
            conversation = self._conversations[oldest]
            conversation.give_up(packet)
            if conversation.handed_on:
                del self._conversations[oldest]

    def _open(self, slot: int, piece: Piece, batch: StreamBatch) -> Conversation | None:
        """Return the conversation that has to see a row; None if the short way did."""
        results = self._results
        opening = self._openings.get(slot)
        if opening is not None:
            del self._openings[slot]
            if switch(results, opening, piece):
                return None
            conversation = Conversation.behind(opening, results)
        else:
            opening = open_attempt(results, slot, piece)
            if opening is not None:
                self._openings[slot] = opening
                return None
            known = bool(batch.connections["sides_known"][slot])
            conversation = Conversation(slot, results, start_seen=known)
        self._conversations[slot] = conversation
        return conversation

    def _resume(self, slot: int, piece: Piece) -> None:
        """Take up HTTP in a connection that began in the middle of something else."""
        results = self._results
        results.stay(slot)
        results.handover.keep[piece.index] = False
        conversation = Conversation(slot, results, start_seen=False)
        conversation.begin_in_middle(piece)
        if not conversation.handed_on:
            self._conversations[slot] = conversation

    def _may_begin(self, batch: StreamBatch, begin: int, end: int) -> npt.NDArray[np.bool_]:
        """Return which rows of searched directions begin with "GET " or "HTTP"."""
        rows = batch.rows[begin:end]
        look: npt.NDArray[np.bool_] = (
            self._results.searched[rows["direction"]]
            & (rows["kind"] == DATA)
            & (rows["length"] >= 12)
        )
        places = np.flatnonzero(look)
        starts = rows["start"][places]
        data = batch.records.data
        first, second = data[starts], data[starts + 1]
        look[places] = ((first == ord("G")) & (second == ord("E"))) | (
            (first == ord("H")) & (second == ord("T"))
        )
        return look


def _begins_http(piece: Piece) -> bool:
    """Return whether a row begins with a whole request line of GET, or with a status line."""
    if piece.row[KIND] != DATA or piece.length < 12 or piece.row[START] < 0:
        return False
    if not piece.data.startswith((b"GET ", b"HTTP/1.")):
        return False
    return recognise(piece.data) not in (NEITHER, MAYBE)
