"""The table `compression`: what permessage-deflate saved, or would have saved.

Adds up messages per connection and direction until the connection ends, and over all
connections until the capture does. Used by tables.build.
"""

from __future__ import annotations

from collections.abc import Collection
from operator import attrgetter
from typing import Final

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL, Rows
from analyzer.tables.schema import COMPRESSION, DIRECTIONS, TableRows
from analyzer.tables.timing import columns_of, turned
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
_MOST: Final = 1024
"""Kinds of handshakes that are remembered."""
_number = attrgetter("connection")


class Compression:
    """Holds the sums of each direction in use, and those of all connections.

    Args:
        left_out: connections that the sums of all leave out: another leg of theirs counts.
    """

    def __init__(self, left_out: Collection[int] = ()) -> None:
        self._left_out = left_out
        self._by_direction: _Sums = np.zeros((0, len(_SUMS)), np.int64)
        self._known = _FactsKnown()
        self._all: _Sums = np.zeros((len(DIRECTIONS), len(_SUMS)), np.int64)
        self._messages: npt.NDArray[np.int64] = np.zeros(len(DIRECTIONS), np.int64)
        self._offered = self._negotiated = -1
        self._any = False

    def push(self, batch: WebSocketBatch) -> TableRows:
        """Add up a batch's messages; return the rows of the connections that ended."""
        self._add(batch.messages)
        ended = sorted(batch.ended, key=_number)
        if not ended:
            return TableRows(COMPRESSION, columns_of(COMPRESSION.columns, ()), 0)
        numbers = np.array([(each.connection, each.direction(0)) for each in ended], np.int64)
        clients = numbers[:, 1]
        sums = self._taken(np.stack([clients, clients ^ 1], axis=1))
        facts = np.array([self._known.of(each) for each in ended], np.int64)
        offered, negotiated = facts[:, 0, 0], facts[:, 0, 1]
        # None where compression was no matter.
        matters = (offered == 1) | (negotiated == 1) | sums[:, :, _COMPRESSED].any(axis=1)
        if not matters.all():
            ended = [ended[place] for place in np.flatnonzero(matters).tolist()]
            numbers, sums, facts = numbers[matters], sums[matters], facts[matters]
        if ended:
            self._any = True
            self._offered = max(self._offered, int(facts[:, 0, 0].max()))
            self._negotiated = max(self._negotiated, int(facts[:, 0, 1].max()))
        counts = np.array([[one.messages for one in each.totals] for each in ended], np.int64)
        counts = counts.reshape(-1, 2)
        counted = [each.connection not in self._left_out for each in ended]
        self._all += sums[counted].sum(axis=0)
        self._messages += counts[counted].sum(axis=0)
        return _rows(numbers[:, 0], facts.reshape(-1, 4), counts.ravel(), sums)

    def finish(self) -> TableRows:
        """Return the rows of all connections together; none where there was none."""
        if not self._any:
            return TableRows(COMPRESSION, columns_of(COMPRESSION.columns, ()), 0)
        facts = np.array([[self._offered, self._negotiated, -1, NULL]] * 2, np.int64)
        return _rows(np.array([NULL], np.int64), facts, self._messages, self._all)

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

    def _taken(self, directions: npt.NDArray[np.int64]) -> _Sums:
        """Return the sums of directions, and forget them; most have none."""
        sums = np.zeros((*directions.shape, len(_SUMS)), np.int64)
        known = directions < len(self._by_direction)
        places = directions[known]
        sums[known] = self._by_direction[places]
        self._by_direction[places] = 0
        return sums


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


class _FactsKnown:
    """Remembers what handshakes that are alike say."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[_Facts, _Facts]] = {}

    def of(self, ended: WebSocketConnection) -> tuple[_Facts, _Facts]:
        """Return what the handshake says of client and server."""
        alike = -1 if ended.handshake is None else ended.handshake.alike
        found = self._known.get(alike)
        if found is None:
            found = _facts(ended)
            if alike >= 0:
                if len(self._known) >= _MOST:
                    self._known.clear()
                self._known[alike] = found
        return found


def _rows(
    connections: npt.NDArray[np.int64],
    facts: npt.NDArray[np.int64],
    messages: npt.NDArray[np.int64],
    sums: _Sums,
) -> TableRows:
    """Return two rows for each connection, client then server.

    Args:
        connections: NULL for all together.
        facts: _Facts of each row.
        messages: of each row.
        sums: shape (connections, 2, sums).
    """
    count = 2 * len(connections)
    each = sums.reshape(-1, len(_SUMS)).T
    payload, sent, estimated = each[_PAYLOAD], each[_SENT], each[_ESTIMATED_PAYLOAD]
    senders = np.tile(np.arange(2, dtype=np.int8), len(connections))
    cells = [np.repeat(connections, 2), senders, *facts.reshape(-1, 4).T, messages, *each[:_SENT]]
    cells += [sent, payload - sent, _share(payload - sent, payload)]
    cells += [*each[_SENT + 1 :], _share(each[_ESTIMATED_SAVED], estimated)]
    return TableRows(COMPRESSION, turned(COMPRESSION.columns, cells), count)


def _share(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return parts of wholes; nan of nothing."""
    share: npt.NDArray[np.float64] = np.where(whole != 0, part / np.maximum(whole, 1), np.nan)
    return share
