"""Which connections are wanted, and which rows are theirs.

A file is read twice, so that --where is answered for all connections before a row is made. A
live run answers it when a connection opens, and the numbers grow while it goes on. Knows
columns' names. Must not know conditions. Used by whatever counts or hands on rows of some
connections only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.http.exchanges import HttpBatch
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options
from analyzer.tables.declare import take_rows
from analyzer.tables.ends import Beside, connection_rows
from analyzer.tables.schema import SCOPES, TableRows
from analyzer.tables.shown import Shown
from analyzer.tables.timing import Endpoints
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.hearing import LOST, Listener, Said

Decide = Callable[[TableRows], "Mask"]
"""Returns for rows of `connections` whether each is wanted; called with those that opened."""

Mask = npt.NDArray[np.bool_]


class Numbers(Collection[int]):
    """A set of numbers from 0 on, which may grow.

    A bit for each up to the highest: numbers of connections follow each other, and 500 new ones a
    second take 38 MB in a week.

    Args:
        numbers: to begin with.
    """

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._bits = np.zeros(8, np.uint8)
        self._count = 0
        for number in numbers:
            self.add(int(number))

    def add(self, number: int) -> None:
        """Take a number; a negative one, NULL, is none."""
        if number < 0 or number in self:
            return
        place = number >> 3
        if place >= len(self._bits):
            more = np.zeros(max(place + 1, 2 * len(self._bits)), np.uint8)
            more[: len(self._bits)] = self._bits
            self._bits = more
        self._bits[place] |= np.uint8(1 << (number & 7))
        self._count += 1

    def mask(self, numbers: npt.ArrayLike) -> Mask:
        """Return for each number whether it is here.

        Args:
            numbers: shape (n,), integers; negative ones are not here.
        """
        given = np.asarray(numbers, np.int64)
        place = np.clip(given >> 3, 0, len(self._bits) - 1)
        is_set: npt.NDArray[np.int64] = (self._bits[place].astype(np.int64) >> (given & 7)) & 1
        mask: Mask = (is_set != 0) & (given >= 0) & (given >> 3 < len(self._bits))
        return mask

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, int | np.integer):
            return False
        place = int(number) >> 3
        if not 0 <= place < len(self._bits):
            return False
        return bool(int(self._bits[place]) >> (int(number) & 7) & 1)

    def __iter__(self) -> Iterator[int]:
        return iter(np.flatnonzero(np.unpackbits(self._bits, bitorder="little")).tolist())

    def __len__(self) -> int:
        return self._count


def numbers_of(only: Collection[int] | None) -> Numbers | None:
    """Return numbers as a set that can be asked for many at once; one that grows stays itself."""
    return only if only is None or isinstance(only, Numbers) else Numbers(only)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The connections that are wanted, and the TCP connections that carry them.

    Rows that belong to no WebSocket connection (refused handshakes, plain HTTP exchanges,
    findings) are wanted if their TCP connection carries a wanted one. Findings about the capture
    itself are wanted: they say what may be missing.
    """

    connections: Numbers = field(default_factory=Numbers)
    tcp_streams: Numbers = field(default_factory=Numbers)

    def of(self, rows: TableRows) -> TableRows:
        """Return the rows that are wanted."""
        kept = np.flatnonzero(self._mask(rows))
        return rows if len(kept) == rows.count else take_rows(rows, kept.tolist())

    def _mask(self, rows: TableRows) -> Mask:
        mask = np.zeros(rows.count, bool)
        loose = np.ones(rows.count, bool)
        values: Any = rows.values
        if "connection" in values:
            connections = np.asarray(values["connection"])
            mask |= self.connections.mask(connections)
            loose = connections == NULL
        if "tcp_stream" in values:
            streams = np.asarray(values["tcp_stream"])
            mask |= loose & self.tcp_streams.mask(streams)
            if rows.table.name == "findings":
                mask |= loose & (streams == NULL)
        if "scope" in values:
            # Totals of the connections that were compared: the wanted ones.
            total = SCOPES.index("connections")
            mask |= loose & (np.asarray(values["scope"]) == total)
        if rows.table.name in ("diagnoses", "series"):
            # Made of the wanted connections alone.
            mask[:] = True
        return mask


def opened_rows(
    opened: Collection[WebSocketConnection], http: HttpBatch, options: Options
) -> TableRows:
    """Return rows of `connections` as they are known when these open.

    Args:
        opened: connections of slots of the batch.
        http: the batch in which they opened.
        options: whether secrets are shown.
    """
    beside = []
    for each in opened:
        tcp = http.stream.connection(each.slot)
        ends = Endpoints.of(tcp, each.client_side)
        http2_stream = http.streams.get(each.slot, NULL)
        beside.append(Beside(ends, tcp.tcp_stream, http2_stream=http2_stream))
    return connection_rows([*opened], beside, Shown(options))


class Opening:
    """Chooses connections as they open.

    A payload may be heard in the batch that opens its connection, before the stage has handed that
    batch on: who is asked about a connection is answered there already.

    Args:
        decide: says which are wanted.
        options: whether secrets are shown.
        by_slot: open connections, as the websocket stage has them.

    Attributes:
        chosen: what was chosen so far.
    """

    def __init__(
        self, decide: Decide, options: Options, by_slot: Mapping[int, WebSocketConnection]
    ) -> None:
        self._decide = decide
        self._options = options
        self._by_slot = by_slot
        self._decided = Numbers()
        self._http: HttpBatch | None = None
        self.chosen = Chosen()

    @property
    def counts(self) -> tuple[int, int]:
        """Return how many connections are wanted, and of how many."""
        return len(self.chosen.connections), len(self._decided)

    def begin(self, http: HttpBatch) -> None:
        """Take the batch of http, before the websocket stage walks it."""
        self._http = http

    def hear(self, said: Said) -> None:
        """Decide on the connections of messages, where that is still open."""
        slots = np.unique(said.directions >> 1).tolist()
        self.open([self._by_slot[slot] for slot in slots if slot in self._by_slot])

    def open(self, connections: Iterable[WebSocketConnection]) -> None:
        """Decide on connections, where that is still open."""
        new = [each for each in connections if each.connection not in self._decided]
        if not new or self._http is None:
            return
        rows = opened_rows(new, self._http, self._options)
        streams: Any = rows.values["tcp_stream"]
        for place, wanted in enumerate(self._decide(rows).tolist()):
            self._decided.add(new[place].connection)
            if wanted:
                self.chosen.connections.add(new[place].connection)
                self.chosen.tcp_streams.add(int(streams[place]))

    def told(self, listener: Listener) -> Listener:
        """Return a listener that hands on what wanted connections say."""

        def hear(said: Said) -> None:
            wanted = self.chosen.connections.mask(said.rows["connection"])
            places = np.where(wanted, said.places, LOST)
            listener(Said(said.rows, places, said.directions, said.payloads, said.too_long))

        return hear
