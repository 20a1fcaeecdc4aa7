"""Conversations: what is known of connections when their costs are computed.

All connections at once, one element of each array for each. Knows lanes and headers. Must not know
transports. Used by alternatives.costs, phases and rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives import lanes as layout
from analyzer.alternatives.coded import Coding
from analyzer.alternatives.heads import Heads
from analyzer.alternatives.lanes import Answers, Floats
from analyzer.lazy_dataclass import dataclass, field
from analyzer.tables.schema.labels import CLIENTS

Ints = npt.NDArray[np.int64]

_POLLED: Final = (layout.PUSHES, layout.WRITES, layout.LONG_POLL)
_CLIENTS: Final = {name: place for place, name in enumerate(CLIENTS)}
_ASKED_SHARE: Final = 0.95
"""Where replies have no ids, so many of the client's messages must be followed by exactly one of
the server before the client's next, and none of the server's may come unasked: a chat that echoes
what others say too is no service that answers."""


@dataclass(slots=True)
class Conversations:
    """What is known of some connections; arrays have one element for each.

    Attributes:
        duration: ns from the opening to the end.
        shared: CONVERSATION rows.
        lanes: LANE rows, shape (connections, lanes).
        sizes: shape (connections, lanes, SIZE_CLASSES).
        delays: shape (connections, lanes, DELAY_CLASSES).
        wire: WIRE rows.
        heads: of each connection.
        keep_alive: one TCP connection for many requests, else one for each.
        coding: what gzip makes of bodies; None: they are plain.
        latest: LATEST rows, shape (connections, intervals).
        buffer_ns: ns that delays behind a buffering proxy span; empty without one, which has the
            last lane.
        made: what was computed of all this but `coding` and is asked for again: copies that differ
            in `coding` alone share it.
    """

    duration: Ints
    shared: npt.NDArray[Any]
    lanes: npt.NDArray[Any]
    sizes: npt.NDArray[np.int32]
    delays: npt.NDArray[np.int32]
    wire: npt.NDArray[Any]
    heads: Sequence[Heads]
    keep_alive: bool = True
    coding: Coding | None = None
    latest: npt.NDArray[Any] = field(default_factory=lambda: np.zeros((0, 0), layout.LATEST))
    buffer_ns: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    made: dict[object, Any] = field(default_factory=dict)
    _different: list[Heads] = field(default_factory=list, init=False)
    _which: Ints = field(default_factory=lambda: np.zeros(0, np.int64), init=False)

    def __post_init__(self) -> None:
        # Connections of one client mostly share their headers.
        places: dict[int, int] = {}
        which = []
        for heads in self.heads:
            place = places.get(id(heads))
            if place is None:
                place = places[id(heads)] = len(self._different)
                self._different.append(heads)
            which.append(place)
        self._which = np.array(which, np.int64)

    def of_heads(self, get: Callable[[Heads], float]) -> Floats:
        """Return one number of each connection's headers."""
        return np.array([get(heads) for heads in self._different], np.float64)[self._which]

    def lane(self, number: int) -> npt.NDArray[Any]:
        """Return a lane's rows."""
        rows: npt.NDArray[Any] = self.lanes[:, number]
        return rows

    def answers(self, number: int) -> Answers:
        """Return what a lane counted."""
        found: Answers = self.once(
            number, lambda: layout.answers_of(self.lanes, self.sizes, number)
        )
        return found

    def polled(self, place: int) -> Answers:
        """Return what polls at an interval bring, the mean over the phases of a client."""
        found: Answers = self.once(
            ("polled", place), lambda: layout.polled(self.lanes, self.sizes, place)
        )
        return found

    def once(self, key: object, make: Callable[[], Any]) -> Any:
        """Return what `make` returned when it was first asked for; nobody may change that."""
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    @property
    def server_messages(self) -> Floats:
        """Messages of the server, replies too."""
        counted = self.lanes["messages"]
        total: Floats = (counted[:, layout.PUSHES] + counted[:, layout.REPLIES]).astype(np.float64)
        return total

    def with_replies(self) -> Conversations:
        """Return the same, with replies instead of pushes where the server only answers.

        By the ids of the inner protocol replies stand in a lane of their own already. Without
        ids a connection as a whole asks and answers, or it does not.
        """
        sent = self.lane(layout.POSTS)["messages"]
        shared = self.shared
        only_answers = (
            (shared["by_ids"] == 0)
            & (shared["unasked"] == 0)
            & (sent > 0)
            & (shared["followed"] >= _ASKED_SHARE * sent)
        )
        if not only_answers.any():
            return self
        lanes, sizes, delays = self.lanes.copy(), self.sizes.copy(), self.delays.copy()
        lanes[only_answers, layout.REPLIES] = lanes[only_answers, layout.FOLLOWERS]
        sizes[only_answers, layout.REPLIES] = sizes[only_answers, layout.FOLLOWERS]
        for number in (*_POLLED, *range(layout.SHORT_POLL, lanes.shape[1])):
            lanes[only_answers, number] = 0
            sizes[only_answers, number] = 0
            delays[only_answers, number] = 0
        latest = self.latest.copy()
        if latest.size:
            latest[only_answers] = np.zeros(1, latest.dtype)
        return replace(self, lanes=lanes, sizes=sizes, delays=delays, latest=latest, made={})

    @property
    def clients(self) -> Floats:
        """Places in CLIENTS of those whose requests modelled headers are taken from; -1: none."""
        return self.of_heads(lambda heads: _CLIENTS.get(heads.client, -1))

    @property
    def gap(self) -> Ints:
        """Ns between a long poll's answer and the next request, at the server."""
        gap: Ints = self.shared["gap"]
        return gap

    @property
    def hold(self) -> Ints:
        """Ns for which a long poll is held."""
        hold: Ints = self.shared["hold"]
        return hold

    @property
    def seconds(self) -> Floats:
        """The duration in seconds."""
        return self.duration / 1e9
