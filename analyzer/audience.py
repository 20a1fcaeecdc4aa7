"""The audience of payloads: who listens, and when a connection has no listener left.

Knows which stages want whole payloads. Must not know what they do with them. Called by pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analyzer.alternatives.sampling import Sampler
from analyzer.http.exchanges import HttpBatch
from analyzer.inside.stage import InsideStage
from analyzer.tables.chosen import Opening
from analyzer.weak_methods import weakly
from analyzer.websocket.frames import CLIENT
from analyzer.websocket.hearing import Listener, Said
from analyzer.websocket.stage import WebSocketBatch, WebSocketStage


class Audience:
    """Hands payloads on to listeners, and skips those without one.

    Args:
        websocket: whose messages are heard.
        inside: reads what they say; None: nobody does.
        sampler: deflates some of them; None: nobody does.
        others: hear all messages, as long as the capture lasts: who watches a live run.
        opening: decides on connections before anybody hears them; None: all are wanted.
    """

    def __init__(
        self,
        websocket: WebSocketStage,
        inside: InsideStage | None,
        sampler: Sampler | None,
        others: Sequence[Listener] = (),
        opening: Opening | None = None,
    ) -> None:
        self._websocket, self._inside, self._sampler = websocket, inside, sampler
        self._opening = opening
        self._others = others if opening is None else [opening.told(each) for each in others]
        # Slots that only the sampler listens to.
        self._sampled: set[int] = set()
        # By slot: the inside stage has heard enough, and others go on to listen.
        self._is_unread = np.zeros(0, bool)
        websocket.hears_all = bool(others)
        if inside is not None or sampler is not None or others:
            websocket.hearing.listener = weakly(self._hear)

    def begin(self, http: HttpBatch) -> None:
        """Take the batch of http, before the websocket stage walks it."""
        if self._opening is not None:
            self._opening.begin(http)
        if self._inside is not None:
            self._inside.begin(http)
        if self._sampler is not None:
            self._sampler.begin(http)

    def _hear(self, said: Said) -> None:
        if self._opening is not None:
            self._opening.hear(said)
        if self._inside is not None:
            self._inside.hear(self._read(said))
        if self._sampler is not None:
            self._sampler.hear(said)
        for other in self._others:
            other(said)

    def settle(self, batch: WebSocketBatch) -> None:
        """Skip payload without a listener, from the next batch on.

        Args:
            batch: whose messages were heard.
        """
        if self._inside is not None:
            unread = self._inside.take_unheard()
        else:
            unread = [each.slot for each in batch.opened]
        if self._others:
            self._note_unread(unread, batch)
            return
        unheard: list[int] = []
        for slot in unread:
            connection = self._websocket.by_slot.get(slot)
            sampler = self._sampler
            if connection is not None and sampler is not None and sampler.wants(slot):
                # Bodies of answers are what the server says.
                unheard.append(connection.direction(CLIENT))
                self._sampled.add(slot)
            else:
                unheard += (2 * slot, 2 * slot + 1)
        if unheard:
            self._websocket.hear_no_more(unheard)
        # A slot may be another connection's with the next batch.
        self._sampled.difference_update([each.slot for each in batch.ended])
        if self._sampler is None or not self._sampled:
            return
        done = [slot for slot in self._sampled if not self._sampler.wants(slot)]
        self._websocket.hear_no_more([2 * slot + side for slot in done for side in (0, 1)])
        self._sampled.difference_update(done)

    def _note_unread(self, unread: Sequence[int], batch: WebSocketBatch) -> None:
        gone = [each.slot for each in batch.ended]
        most = max((*unread, *gone), default=-1) + 1
        if most > len(self._is_unread):
            more = np.zeros(max(most, 2 * len(self._is_unread)), bool)
            more[: len(self._is_unread)] = self._is_unread
            self._is_unread = more
        self._is_unread[list(unread)] = True
        # A slot may be another connection's with the next batch.
        self._is_unread[gone] = False

    def _read(self, said: Said) -> Said:
        """Return what the inside stage has not heard enough of: it takes messages one by one."""
        if not self._is_unread.any():
            return said
        slots = said.directions >> 1
        is_known = slots < len(self._is_unread)
        places = np.flatnonzero(~is_known | ~self._is_unread[np.where(is_known, slots, 0)])
        if len(places) == len(slots):
            return said
        chosen = places.tolist()
        return Said(
            rows=said.rows.take(places),
            places=said.places.take(places),
            directions=said.directions.take(places),
            payloads=[said.payloads[at] for at in chosen],
            too_long={to for to, at in enumerate(chosen) if at in said.too_long},
        )
