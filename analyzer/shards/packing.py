"""How objects of the front become bytes and objects again, at the other end of a pipe.

Most of it is pickle's matter. Objects that come again are one object there too: the connection
that ends is the one that opened, with what became of it. What grows with a run goes in pieces. What
the back never reads stays: keys, and what decodes. Knows the stages' objects. Must not know
processes. Used by shards.parcel.

Both ends are processes of one program, joined by a pipe that nobody else can open.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import IO, Any, Final

from analyzer.findings import KINDS, Finding
from analyzer.findings.kinds import Kind
from analyzer.inside.fanout import Deliveries
from analyzer.inside.labels import Label, Labels
from analyzer.jobs.wire import Part, laid, pieces_of
from analyzer.lazy_dataclass import dataclass
from analyzer.names.stage import Lookup
from analyzer.tls.decryption import Decryptor
from analyzer.websocket.connection import WebSocketConnection

_CONNECTION: Final = tuple(WebSocketConnection.__slots__)
_LOOKUP: Final = tuple(Lookup.__slots__)
_FINDING: Final = tuple(name for name in Finding.__slots__ if name != "kind")

Reduced = tuple[Callable[..., Any], tuple[Any, ...]]


@dataclass(slots=True)
class Decrypted:
    """What the back reads of a Decryptor; attributes are the same."""

    alpn: str | None
    alerts: list[tuple[int, int, int]]
    early_data_accepted: bool | None
    key_updates: list[int]
    tickets: int


class Packer:
    """Packs objects for one Unpacker."""

    def __init__(self) -> None:
        self._labels: list[tuple[Labels, int]] = []
        self._topics = 0
        self._lookups: dict[int, tuple[Lookup, int]] = {}
        self.ways: dict[type, Callable[[Any], Reduced]] = {
            WebSocketConnection: _connection,
            Finding: _finding,
            Kind: lambda kind: (_kind, (kind.code,)),
            Labels: self._label,
            Deliveries: self._delivered,
            Lookup: self._lookup,
            Decryptor: _decryptor,
        }

    def pack(self, item: object) -> list[Part]:
        """Return an object, as it is now, as parts that are to be written one after the other.

        They are good until what they are made of changes.
        """
        out = io.BytesIO()
        buffers: list[memoryview] = []
        _Pickler(out, self.ways, lambda made: buffers.append(made.raw())).dump(item)
        return laid(out.getbuffer(), *buffers)

    def _label(self, labels: Labels) -> Reduced:
        if len(labels.known) == 1:
            return _labels, (-1, [])  # of rows that say nothing: each batch has its own
        for place, (known, told) in enumerate(self._labels):
            if known is labels:
                self._labels[place] = (labels, len(labels.known))
                return _labels, (place, labels.known[told:])
        self._labels.append((labels, len(labels.known)))
        return _labels, (len(self._labels) - 1, labels.known[1:])

    def _delivered(self, deliveries: Deliveries) -> Reduced:
        told, self._topics = self._topics, len(deliveries.topics)
        return _deliveries, (deliveries.topics[told:], deliveries.rows)

    def _lookup(self, lookup: Lookup) -> Reduced:
        # Kept, so that no other gets its id.
        _, number = self._lookups.setdefault(id(lookup), (lookup, len(self._lookups)))
        return _looked_up, (number, tuple(getattr(lookup, name) for name in _LOOKUP))


class _Pickler(pickle.Pickler):
    def __init__(
        self,
        out: IO[bytes],
        ways: dict[type, Callable[[Any], Reduced]],
        buffer: Callable[[pickle.PickleBuffer], Any],
    ) -> None:
        super().__init__(out, pickle.HIGHEST_PROTOCOL, buffer_callback=buffer)
        self._ways = ways

    def reducer_override(self, item: Any) -> Any:
        """Return how an object is made again where pickle's own way would not do."""
        way = self._ways.get(type(item))
        return NotImplemented if way is None else way(item)


def _connection(connection: WebSocketConnection) -> Reduced:
    return _connected, tuple(getattr(connection, name) for name in _CONNECTION)


def _finding(finding: Finding) -> Reduced:
    return _found, (finding.kind.code, *(getattr(finding, name) for name in _FINDING))


def _decryptor(decryptor: Decryptor) -> Reduced:
    return Decrypted, (
        decryptor.alpn,
        list(decryptor.alerts),
        decryptor.early_data_accepted,
        list(decryptor.key_updates),
        decryptor.tickets,
    )


# Names for what is made at the other end: an Unpacker has its own methods for them.


def _connected(*_: Any) -> None:
    raise NotImplementedError


def _labels(*_: Any) -> None:
    raise NotImplementedError


def _deliveries(*_: Any) -> None:
    raise NotImplementedError


def _looked_up(*_: Any) -> None:
    raise NotImplementedError


def _kind(code: int) -> Kind:
    return KINDS[code]


def _found(code: int, *values: Any) -> Finding:
    return Finding(KINDS[code], *values)


class Unpacker:
    """Makes the objects of one Packer again, in its order."""

    def __init__(self) -> None:
        self._labels: dict[int, Labels] = {}
        self._topics: list[str] = []
        self._lookups: dict[int, Lookup] = {}
        self._connections: dict[int, WebSocketConnection] = {}
        self._ways: dict[str, Callable[..., Any]] = {
            "_connected": self._connected,
            "_labels": self._labels_of,
            "_deliveries": self._delivered,
            "_looked_up": self._looked_up,
        }

    def unpack(self, packed: bytearray | memoryview) -> Any:
        """Return an object; its arrays are views of `packed`."""
        pickled, *buffers = pieces_of(packed)
        return _Unpickler(io.BytesIO(pickled), self._ways, buffers).load()

    def forget(self, connection: WebSocketConnection) -> None:
        """Forget a connection that does not come again."""
        self._connections.pop(connection.connection, None)

    def _connected(self, *values: Any) -> WebSocketConnection:
        connection = self._connections.get(values[0])
        if connection is None:
            connection = self._connections[values[0]] = WebSocketConnection(*values[:6])
        for name, value in zip(_CONNECTION, values, strict=True):
            setattr(connection, name, value)
        return connection

    def _labels_of(self, place: int, more: list[Label]) -> Labels:
        if place < 0:
            return Labels(0)
        labels = self._labels.setdefault(place, Labels(0))
        for label in more:
            labels.number(label, force=True)
        return labels

    def _delivered(self, topics: list[str], rows: Any) -> Deliveries:
        self._topics += topics
        return Deliveries(self._topics, rows)

    def _looked_up(self, number: int, values: tuple[Any, ...]) -> Lookup:
        lookup = self._lookups.get(number)
        if lookup is None:
            lookup = self._lookups[number] = Lookup(values[0], values[1])
        for name, value in zip(_LOOKUP, values, strict=True):
            setattr(lookup, name, value)
        return lookup


class _Unpickler(pickle.Unpickler):
    def __init__(
        self, data: IO[bytes], ways: dict[str, Callable[..., Any]], buffers: list[memoryview]
    ) -> None:
        super().__init__(data, buffers=buffers)
        self._ways = ways

    def find_class(self, module: str, name: str) -> Any:
        """Return what makes an object."""
        way = self._ways.get(name) if module == __name__ else None
        return super().find_class(module, name) if way is None else way
