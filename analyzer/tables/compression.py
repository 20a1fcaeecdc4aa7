"""The table `compression`: what permessage-deflate saved, or would have saved.

Adds up messages per connection and direction until the connection ends, and over all
connections until the capture does. Used by tables.build.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL, Rows
from analyzer.tables.schema import COMPRESSION, DIRECTIONS, TableRows
from analyzer.tables.timing import columns_of
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.negotiation import offers_deflate
from analyzer.websocket.stage import WebSocketBatch

_SUMS = (
    "compressed_messages",
    "inflated_messages",
    "payload_bytes",
    "transfer_bytes",
    "grown_messages",
    "grown_bytes",
    "estimated_messages",
    "estimated_payload_bytes",
    "estimated_saved_bytes",
)
_COMPRESSED, _INFLATED, _PAYLOAD, _SENT = range(4)
_ESTIMATED, _ESTIMATED_PAYLOAD, _ESTIMATED_SAVED = range(6, 9)

_Sums = npt.NDArray[np.int64]
_Row = tuple[object, ...]


class Compression:
    """Holds the sums of each direction in use, and those of all connections.

    Args:
        left_out: connections that the sums of all leave out: another leg of theirs counts.
    """

    def __init__(self, left_out: Collection[int] = ()) -> None:
        self._left_out = left_out
        self._by_direction: _Sums = np.zeros((0, len(_SUMS)), np.int64)
        self._summed: set[int] = set()
        self._all: _Sums = np.zeros((len(DIRECTIONS), len(_SUMS)), np.int64)
        self._messages = [0, 0]
        self._offered = self._negotiated = -1
        self._any = False

    def push(self, batch: WebSocketBatch) -> TableRows:
        """Add up a batch's messages; return the rows of the connections that ended."""
        self._add(batch.messages)
        rows: list[_Row] = []
        for ended in sorted(batch.ended, key=lambda each: each.connection):
            rows += self._ended(ended)
        return TableRows(COMPRESSION, columns_of(COMPRESSION.columns, rows), len(rows))

    def finish(self) -> TableRows:
        """Return the rows of all connections together; none where there was none."""
        rows = [
            _cells(NULL, sender, (self._offered, self._negotiated, -1, NULL), count, sums)
            for sender, (count, sums) in enumerate(
                zip(self._messages, self._all.tolist(), strict=True)
            )
            if self._any
        ]
        return TableRows(COMPRESSION, columns_of(COMPRESSION.columns, rows), len(rows))

    def _add(self, messages: Rows) -> None:
        """Add messages that were compressed, or estimated, to the sums of their directions."""
        compressed = messages["compressed"] != 0
        chosen = np.flatnonzero(compressed | (messages["estimate"] != NULL))
        if not len(chosen):
            return
        rows = messages.take(chosen)
        directions = rows["direction"].astype(np.int64)
        order = np.argsort(directions, kind="stable")
        rows, directions = rows.take(order), directions[order]
        begins = np.flatnonzero(np.r_[True, directions[1:] != directions[:-1]])
        sums = np.add.reduceat(_contributions(rows), begins, axis=0)
        if directions[-1] >= len(self._by_direction):
            wider = np.zeros((2 * int(directions[-1]) + 2, len(_SUMS)), np.int64)
            wider[: len(self._by_direction)] = self._by_direction
            self._by_direction = wider
        self._by_direction[directions[begins]] += sums
        self._summed.update(directions[begins].tolist())

    def _taken(self, direction: int) -> list[int]:
        """Return the sums of a direction, and forget them; most have none."""
        if direction not in self._summed:
            return _NOTHING
        self._summed.discard(direction)
        sums: list[int] = self._by_direction[direction].tolist()
        self._by_direction[direction] = 0
        return sums

    def _ended(self, ended: WebSocketConnection) -> list[_Row]:
        """Return the two rows of a connection, none where compression was no matter."""
        handshake, agreed = ended.handshake, ended.negotiation
        directions = ended.direction(0), ended.direction(1)
        if (
            handshake is not None
            and not handshake.extensions_offered
            and not agreed.assumed
            and not agreed.deflate
            and self._summed.isdisjoint(directions)
        ):
            return []
        facts = _facts(ended)
        sums = [self._taken(direction) for direction in directions]
        offered, negotiated = facts[0][:2]
        is_compressed = any(each[_COMPRESSED] for each in sums)
        if offered != 1 and negotiated != 1 and not is_compressed:
            return []
        self._any = True
        counts = [totals.messages for totals in ended.totals]
        if ended.connection not in self._left_out:
            if any(map(any, sums)):
                self._all += sums
            self._messages = [a + b for a, b in zip(self._messages, counts, strict=True)]
        self._offered = max(self._offered, offered)
        self._negotiated = max(self._negotiated, negotiated)
        return [
            _cells(ended.connection, sender, *each)
            for sender, each in enumerate(zip(facts, counts, sums, strict=True))
        ]


def _contributions(rows: Rows) -> _Sums:
    """Return what each message adds to _SUMS."""
    compressed = rows["compressed"] != 0
    payload, sent, estimate = rows["payload_bytes"], rows["transfer_bytes"], rows["estimate"]
    inflated = compressed & (payload != NULL)
    # A payload that is not known is NULL: nothing is computed with it.
    growth = np.where(inflated, sent - np.where(inflated, payload, 0), 0)
    estimated = estimate != NULL
    return np.stack(
        [
            compressed,
            inflated,
            np.where(inflated, payload, 0),
            np.where(inflated, sent, 0),
            growth > 0,
            np.maximum(growth, 0),
            estimated,
            np.where(estimated, payload, 0),
            np.where(estimated, estimate, 0),
        ],
        axis=1,
    ).astype(np.int64)


_NOTHING = [0] * len(_SUMS)
"""Of a direction without compressed or estimated messages; never changed."""

_Facts = tuple[int, int, int, int]
"""offered, negotiated, context_takeover, window_bits."""


def _facts(ended: WebSocketConnection) -> tuple[_Facts, _Facts]:
    """Return what the handshake says of client and server."""
    handshake, agreed = ended.handshake, ended.negotiation
    is_asked = handshake is not None and handshake.method is not None
    offered = int(offers_deflate(handshake)) if is_asked and handshake is not None else -1
    if agreed.assumed:
        unknown = (offered, -1, -1, NULL)
        return unknown, unknown
    if not agreed.deflate:
        return (offered, 0, -1, NULL), (offered, 0, -1, NULL)
    client, server = (
        (offered, 1, int(not side.no_context_takeover), side.window_bits)
        for side in (agreed.client, agreed.server)
    )
    return client, server


def _cells(connection: int, sender: int, facts: _Facts, messages: int, sums: list[int]) -> _Row:
    payload, sent = sums[_PAYLOAD], sums[_SENT]
    saved = payload - sent
    estimated = sums[_ESTIMATED_PAYLOAD]
    return (
        connection,
        sender,
        *facts,
        messages,
        *sums[:_SENT],
        sent,
        saved,
        saved / payload if payload else np.nan,
        *sums[_SENT + 1 : _ESTIMATED],
        sums[_ESTIMATED],
        estimated,
        sums[_ESTIMATED_SAVED],
        sums[_ESTIMATED_SAVED] / estimated if estimated else np.nan,
    )
