"""The last messages, pings and closes of connections, with whole payloads as far as they fit.

Knows rows of messages, frames and pings, and payloads as the websocket stage hands them on.
Memory is bounded by max_screen_events and max_screen_payload_bytes. Part of report.screen.model.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.lazy_dataclass import dataclass
from analyzer.options import Options
from analyzer.report.screen.harmless import harmless
from analyzer.tables.declare import some_cells
from analyzer.tables.schema import DIRECTIONS, MESSAGE_TYPES, OPCODES, TableRows
from analyzer.websocket.hearing import Said

PER_CONNECTION: Final = 1_000
"""Events of one connection that are remembered, of those that there is room for."""
PER_BATCH: Final = 100
"""Rows of a batch that are looked at, the last ones, so that a flood costs no more; of the
connection that is looked at, PER_CONNECTION."""
_FIRST_CONTROL: Final = 8  # opcode (RFC 6455 5.2)
_WORDS: Final = ("inner", "kind", "name", "id", "reply_to", "topic")
_AMOUNTS: Final = (
    *("inner_items", "reply_us", "frames", "transfer_bytes", "wire_bytes", "delivery_us"),
    *("stall_us", "packet_first"),
)
_PLAIN: Final = ("time_last", "direction", "type", "message", "payload_bytes")
_PING: Final = "ping"

Integers = npt.NDArray[np.int64]


@dataclass(slots=True)
class Event:
    """A message, or a control frame.

    Attributes:
        time: ns; NULL where packets had none.
        side: 0 from the client, 1 from the server.
        what: text, binary, ping, pong or close.
        number: of the message, or of the frame.
        length: of the payload; NULL where it cannot be inflated.
        preview: of a message, harmless.
        said: of a message, columns of `messages` by name.
        code: of a close.
        round_trip: of a ping, when its pong came.
    """

    time: int
    side: int
    what: str
    number: int
    length: int
    preview: str = ""
    said: dict[str, Any] | None = None
    code: int | None = None
    round_trip: int | None = None

    @property
    def is_message(self) -> bool:
        """Whether it is a message."""
        return self.said is not None


class Payloads:
    """Whole payloads of the last messages, first in, first out."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self.held_bytes = 0

    def put(self, connection: int, message: int, payload: bytes) -> None:
        """Keep one; the oldest make room."""
        self.held_bytes -= len(self._kept.pop((connection, message), b""))
        self._kept[connection, message] = payload
        self.held_bytes += len(payload)
        while self.held_bytes > self._most:
            self.held_bytes -= len(self._kept.popitem(last=False)[1])

    def find(self, connection: int, message: int) -> bytes | None:
        """Return a payload, if it is still there."""
        return self._kept.get((connection, message))


class History:
    """Remembers events by connection.

    Attributes:
        watched: the connection that is looked at: more of it is remembered; None: none is.
    """

    def __init__(self, options: Options) -> None:
        self._most = options.max_screen_events
        half = options.max_screen_payload_bytes // 2
        self._payloads, self._watched_payloads = Payloads(half), Payloads(half)
        self._events: OrderedDict[int, deque[Event]] = OrderedDict()
        self._count = 0
        self.watched: int | None = None
        # Of messages that were told, until their rows come.
        self._pending: dict[tuple[int, int], Event] = {}
        # Connections of which messages came before it was clear what they speak.
        self._unnamed: set[int] = set()

    @property
    def count(self) -> int:
        """Events that are remembered."""
        return self._count

    @property
    def held_bytes(self) -> int:
        """Bytes of payloads."""
        return self._payloads.held_bytes + self._watched_payloads.held_bytes

    def of(self, connection: int) -> list[Event]:
        """Return what is remembered of a connection, in the order of time."""
        # A message's row waits for an ACK, that of a control frame does not.
        return sorted(self._events.get(connection, ()), key=lambda event: event.time)

    def named(self, inner: str, kind: str, name: str) -> list[tuple[int, Event]]:
        """Return messages of a protocol, kind and name, harmless, with their connections, by time.

        A word that messages do not have is "".
        """
        wanted = tuple(word or None for word in (inner, kind, name))
        found = [
            (connection, event)
            for connection, events in self._events.items()
            for event in events
            if event.said is not None
            and (event.said["inner"], event.said["kind"], event.said["name"]) == wanted
        ]
        return sorted(found, key=lambda each: each[1].time)

    def payload(self, connection: int, message: int) -> bytes | None:
        """Return the whole payload of a message, if it is still there."""
        found = self._watched_payloads.find(connection, message)
        return self._payloads.find(connection, message) if found is None else found

    # --- rows

    def heard(self, said: Said) -> None:
        """Take whole payloads."""
        connections = said.rows["connection"]
        for at in self._chosen(connections):
            payload = said.payloads[at]
            if payload is not None and said.places[at] >= 0:
                number = int(connections[at])
                to = self._watched_payloads if number == self.watched else self._payloads
                to.put(number, int(said.rows["message"][at]), payload)

    def messages(self, rows: TableRows) -> None:
        """Take early rows of messages."""
        numbers = np.asarray(rows.values["connection"], np.int64)
        places = self._chosen(numbers)
        said_of = _said(rows, places)
        # Column by column: a cell of an array costs as much as fifty of a list.
        cells = {name: some_cells(rows.values[name], places) for name in _PLAIN}
        previews = some_cells(rows.values["payload_preview"], places)
        for place, at in enumerate(places):
            said = said_of[place]
            event = Event(
                time=cells["time_last"][place],
                side=cells["direction"][place],
                what=MESSAGE_TYPES[cells["type"][place]],
                number=cells["message"][place],
                length=cells["payload_bytes"][place],
                # Tables escape it already; what they let pass may still be wide or combine.
                preview=harmless(previews[place] or ""),
                said=said,
            )
            connection = int(numbers[at])
            self._add(connection, event)
            self._pending[connection, event.number] = event
            if said["inner"] is None:
                self._unnamed.add(connection)
        while len(self._pending) > self._most:
            del self._pending[next(iter(self._pending))]

    def final_messages(self, rows: TableRows) -> dict[int, str]:
        """Complete events by final rows: what is said, and what it cost.

        Returns:
            The inner protocol of connections of which it was not known before.
        """
        numbers = np.asarray(rows.values["connection"], np.int64)
        places, events = self._awaited(rows, numbers)
        for event, said in zip(events, _said(rows, places), strict=True):
            event.said = said
        self._unnamed.intersection_update(self._events)
        if not self._unnamed:
            return {}
        # Where several rows of a connection are here, the last one knows best.
        last = {number: at for at, number in enumerate(numbers.tolist()) if number in self._unnamed}
        words = some_cells(rows.values["inner"], list(last.values()))
        # A row waits until it is clear what its connection speaks, if anything.
        self._unnamed.difference_update(last)
        return {
            number: harmless(word)
            for number, word in zip(last, words, strict=True)
            if word is not None
        }

    def _awaited(self, rows: TableRows, numbers: Integers) -> tuple[list[int], list[Event]]:
        """Return which rows complete events that are remembered, and these; they wait no longer."""
        if not self._pending:
            return [], []
        keys = np.array(list(self._pending), np.int64)
        messages = np.asarray(rows.values["message"], np.int64)
        some = np.isin(_keys(numbers, messages), _keys(keys[:, 0], keys[:, 1]))
        places = np.flatnonzero(some)
        both = zip(numbers[places].tolist(), messages[places].tolist(), strict=True)
        return places.tolist(), [self._pending.pop(key) for key in both]

    def frames(self, rows: TableRows) -> None:
        """Take frames: of these, pings, pongs and closes are events."""
        values: Any = rows.values
        opcodes = np.asarray(values["opcode"], np.int64)
        places = np.flatnonzero(opcodes >= _FIRST_CONTROL)
        if not len(places):
            return
        numbers = np.asarray(values["connection"], np.int64)[places]
        for chosen in self._chosen(numbers):
            at = int(places[chosen])
            code = int(np.asarray(values["close_code"])[at])
            event = Event(
                time=int(np.asarray(values["time_last"])[at]),
                side=int(np.asarray(values["direction"])[at]),
                what=OPCODES[int(opcodes[at])],
                number=int(np.asarray(values["frame"])[at]),
                length=int(np.asarray(values["payload_bytes"])[at]),
                code=None if code == NULL else code,
            )
            self._add(int(numbers[chosen]), event)

    def ping(self, row: dict[str, Any]) -> None:
        """Take a row of `pings`: its event gets the round trip."""
        for event in reversed(self._events.get(row["connection"], ())):
            if event.what == _PING and event.number == row["ping_frame"]:
                if DIRECTIONS[event.side] == row["direction"]:
                    event.round_trip = row["rtt_us"]
                return

    def _chosen(self, numbers: Any) -> list[int]:
        """Return the places of rows that are remembered."""
        first = max(0, len(numbers) - PER_BATCH)
        places = list(range(first, len(numbers)))
        if self.watched is None or not first:
            return places
        watched = np.flatnonzero(np.asarray(numbers[:first]) == self.watched)
        return [*watched[-PER_CONNECTION:].tolist(), *places]

    def _add(self, connection: int, event: Event) -> None:
        events = self._events.get(connection)
        if events is None:
            events = self._events[connection] = deque()
        else:
            self._events.move_to_end(connection)
        events.append(event)
        self._count += 1
        if len(events) > PER_CONNECTION:
            events.popleft()
            self._count -= 1
        while self._count > self._most:
            self._count -= self._drop()

    def _drop(self) -> int:
        """Forget a silent connection; of the only one that is left, its oldest event."""
        for connection in self._events:
            if connection != self.watched and len(self._events) > 1:
                return len(self._events.pop(connection))
        next(iter(self._events.values())).popleft()
        return 1


def _said(rows: TableRows, places: Sequence[int]) -> list[dict[str, Any]]:
    """Return what some messages say and cost: words harmless, None where there is nothing."""
    columns: list[list[Any]] = []
    for name in _WORDS:
        words = some_cells(rows.values[name], places)
        shown = {word: None if word is None else harmless(word) for word in set(words)}
        columns.append([shown[word] for word in words])
    for name in _AMOUNTS:
        amounts = some_cells(rows.values[name], places)
        columns.append([None if amount == NULL else amount for amount in amounts])
    names = (*_WORDS, *_AMOUNTS)
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _keys(connections: Integers, messages: Integers) -> Integers:
    """Return one number for each pair of a connection and a message of it."""
    return (connections << 32) + messages
