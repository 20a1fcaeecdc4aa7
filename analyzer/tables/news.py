"""News: what is known of a handshake, a connection or a message before its row is final.

A message's row waits for the ACK that completes its cost, a handshake's and a connection's for
the end of the connection. Observers of a live run cannot: here each comes once, as soon as there
is something to report. What is not known yet is null. Tables are not changed by it. Knows what
the stages found. Used by the pipeline where somebody watches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL, Pieces, Rows, pieces
from analyzer.http.exchanges import Handshake
from analyzer.inside.labels import Says
from analyzer.inside.stage import InsideStage
from analyzer.options import Options
from analyzer.tables.build import message_rows
from analyzer.tables.chosen import opened_rows
from analyzer.tables.schema import TableRows
from analyzer.tables.shown import Shown
from analyzer.tables.timing import Attempt, Endpoints, attempt, handshake_rows
from analyzer.tables.tls_sessions import decrypted_session, encrypted_attempt
from analyzer.tls.stage import TlsBatch
from analyzer.websocket.frames import TOLD
from analyzer.websocket.stage import WebSocketBatch, WebSocketStage

LOOK_EVERY_NS = 20_000_000
"""How often messages that wait are looked for, by the clock of the capture: it takes a look
at all of them."""

_Messages = tuple[Rows, Sequence[bytes | None], npt.NDArray[np.int32] | npt.NDArray[np.intp]]
"""Rows, how they begin, and where they are in the pool."""


class News:
    """Makes rows of `handshakes`, `connections` and `messages`, each once.

    Args:
        options: payload, show_secrets, news_wait_s.
        websocket: the stage in which messages wait.
        inside: the stage that knows what they say; None: nothing is read.
    """

    def __init__(
        self, options: Options, websocket: WebSocketStage, inside: InsideStage | None = None
    ) -> None:
        self._options = options
        self._shown = Shown(options)
        self._inside = inside
        self._websocket = websocket
        self._wait = round(options.news_wait_s * 1e9)
        self._looked = NULL

    def push(self, batch: WebSocketBatch, tls: TlsBatch, now: int) -> list[TableRows]:
        """Return what a batch brought.

        Args:
            batch: of the websocket stage.
            tls: of the tls stage.
            now: ns, by the clock of the capture.
        """
        out = [
            handshake_rows(self._attempts(batch, tls), self._options, self._shown),
            opened_rows(batch.opened, batch.http, self._options),
            self._messages(batch, now),
        ]
        return [rows for rows in out if rows.count]

    def _attempts(self, batch: WebSocketBatch, tls: TlsBatch) -> list[Attempt]:
        stream = batch.http.stream
        numbers = {each.slot: each.connection for each in batch.opened}
        rows = []
        seen: list[Handshake] = [*batch.http.upgrades, *batch.http.handshakes]
        for detail in sorted(seen, key=lambda each: each.number):
            tcp = stream.connection(detail.slot)
            ends = Endpoints.of(tcp, detail.client_side)
            number = numbers.get(detail.slot, NULL) if detail.outcome == "accepted" else NULL
            session = decrypted_session(tls, tcp.tcp_stream)
            rows.append(attempt(detail, tcp, ends, number, NULL, session))
        for ended in tls.ended:
            if ended.guess is not None:
                tcp = stream.connection(ended.session.slot)
                ends = Endpoints.of(tcp, ended.session.client_side)
                rows.append(encrypted_attempt(ended, tcp, ends))
        return rows

    def _messages(self, batch: WebSocketBatch, now: int) -> TableRows:
        """Return the messages whose rows left, then those that wait: made in one step."""
        left = self._left(batch)
        if now == NULL or self._looked <= now < self._looked + LOOK_EVERY_NS:
            return self._made(*left, final=True)
        # Also where the clock was set back.
        self._looked = now
        waiting = self._websocket.take_waiting(now - self._wait)
        if not len(waiting[0]):
            return self._made(*left, final=True)
        if not len(left[0]):
            return self._made(*waiting, final=False)
        final = np.arange(len(left[0]) + len(waiting[0])) < len(left[0])
        rows = np.empty(len(final), left[0].dtype)
        rows[final], rows[~final] = left[0], waiting[0]
        payloads = _Both(left[1], waiting[1])
        return self._made(rows, payloads, np.concatenate([left[2], waiting[2]]), final=final)

    def _left(self, batch: WebSocketBatch) -> _Messages:
        """Return the messages whose rows left, except those that were reported before."""
        rows, payloads, at = batch.messages, batch.previews, batch.places
        told = rows["told"] == TOLD
        if told.any():
            places = np.flatnonzero(~told)
            rows, at = rows.take(places), at.take(places)
            payloads = _Chosen(payloads, places.tolist()) if len(payloads) else payloads
        return rows, payloads, at

    def _made(
        self,
        rows: Rows,
        payloads: Sequence[bytes | None],
        places: npt.NDArray[np.int32] | npt.NDArray[np.intp],
        *,
        final: bool | npt.NDArray[np.bool_],
    ) -> TableRows:
        says = self._says(places.tolist())
        return message_rows(rows, payloads, self._options, final=final, says=says)

    def _says(self, places: list[int]) -> Says | None:
        """Return what messages say, as far as it is known already."""
        return None if self._inside is None else self._inside.says_of(places)


class _Chosen(Sequence[bytes | None]):
    """Some elements of a sequence that makes them when they are read."""

    def __init__(self, of: Sequence[bytes | None], places: list[int]) -> None:
        self._of = of
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def pieces(self) -> Pieces:
        """Return them in one buffer (columns.pieces)."""
        return pieces(self._of).take(self._places)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self._of[place] for place in self._places[index]]
        return self._of[self._places[index]]


class _Both(Sequence[bytes | None]):
    """One sequence, then another, each made when it is read."""

    def __init__(self, one: Sequence[bytes | None], other: Sequence[bytes | None]) -> None:
        self._one, self._other = one, other

    def __len__(self) -> int:
        return len(self._one) + len(self._other)

    def pieces(self) -> Pieces:
        """Return them in one buffer (columns.pieces)."""
        return pieces(self._one).joined(pieces(self._other))

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [*self][index]
        first = len(self._one)
        return self._one[index] if index < first else self._other[index - first]
