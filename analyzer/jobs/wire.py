"""What goes between the processes of one analysis: packed objects, each after its length.

Rows of `frames` and `messages` go as the stages made them, and their columns are made where they
are written: text of payload costs more than anything else of them. Knows tables and labels. Must
not know processes or reports. Used by jobs.remote and jobs.worker.

Objects are packed with pickle, arrays beside them (PEP 574): they are most of the bytes, and would
be copied three times more within. Both ends are processes of one program, joined by pipes that
nobody else can open.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable
from typing import IO, Any, Final

from analyzer.inside.labels import Label, Labels
from analyzer.tables.lazy_columns import LazyColumns
from analyzer.tables.schema import BY_NAME, Table

_LENGTH = struct.Struct("<Q")

Part = bytes | memoryview
ALIGNED: Final = 64
"""Arrays begin at multiples of it, within what is packed."""


def laid(*pieces: Part) -> list[Part]:
    """Return pieces, with their lengths before them, each where it is aligned."""
    parts: list[Part] = [struct.pack(f"<{1 + len(pieces)}Q", len(pieces), *map(len, pieces))]
    at = len(parts[0])
    for each in pieces:
        if at % ALIGNED:
            parts.append(bytes(ALIGNED - at % ALIGNED))
            at += len(parts[-1])
        parts.append(each)
        at += len(each)
    return parts


def pieces_of(packed: bytes | bytearray | memoryview) -> list[memoryview]:
    """Return the pieces that were laid, as views."""
    whole = memoryview(packed)
    (count,) = struct.unpack_from("<Q", whole)
    at, pieces = 8 * (1 + count), []
    for size in struct.unpack_from(f"<{count}Q", whole, 8):
        at += -at % ALIGNED
        pieces.append(whole[at : at + size])
        at += size
    return pieces


class Packer:
    """Packs objects for one process, which has one Unpacker."""

    def __init__(self) -> None:
        self._told: list[tuple[Labels, int]] = []

    def pack(self, item: object) -> bytes:
        """Return an object as bytes, as it is now."""
        out, buffers = io.BytesIO(), list[Part]()
        _Pickler(out, self._told, lambda made: buffers.append(made.raw())).dump(item)
        # In one piece: a thread that writes many hands the interpreter over with each.
        return b"".join(laid(out.getbuffer(), *buffers))


class _Pickler(pickle.Pickler):
    def __init__(
        self,
        out: IO[bytes],
        told: list[tuple[Labels, int]],
        buffer: Callable[[pickle.PickleBuffer], Any],
    ) -> None:
        super().__init__(out, pickle.HIGHEST_PROTOCOL, buffer_callback=buffer)
        self._told = told

    def reducer_override(self, item: Any) -> Any:
        """Return how an object is made again where pickle's own way would cost too much."""
        if isinstance(item, LazyColumns):
            if item.source is not None:
                return _columns, (item.source,)
            return dict, (dict(item),)
        if isinstance(item, Table) and BY_NAME.get(item.name) is item:
            return _table, (item.name,)
        return NotImplemented

    def persistent_id(self, item: Any) -> Any:
        """Return, for the labels of a run, which they are and those that are new."""
        if not isinstance(item, Labels):
            return None
        # A run has one that grows, up to max_inside_names: sent whole with each batch it would
        # be most of the bytes.
        for place, (labels, told) in enumerate(self._told):
            if labels is item:
                self._told[place] = (item, len(item.known))
                return place, item.known[told:]
        if len(item.known) == 1:
            return -1, []  # of rows that say nothing: each batch has its own
        self._told.append((item, len(item.known)))
        return len(self._told) - 1, item.known[1:]


def _columns(source: Any) -> Any:
    return source().values


def _table(name: str) -> Table:
    return BY_NAME[name]


class Unpacker:
    """Makes the objects of one Packer again, in its order."""

    def __init__(self) -> None:
        self._labels: dict[int, Labels] = {}

    def unpack(self, packed: bytes | bytearray | memoryview) -> Any:
        """Return an object; its arrays are views of `packed`."""
        pickled, *buffers = pieces_of(packed)
        reader = pickle.Unpickler(io.BytesIO(pickled), buffers=buffers)
        reader.persistent_load = self._labels_of  # type: ignore[method-assign]
        return reader.load()

    def _labels_of(self, told: tuple[int, list[Label]]) -> Labels:
        place, more = told
        if place < 0:
            return Labels(0)
        labels = self._labels.setdefault(place, Labels(0))
        for label in more:
            labels.number(label, force=True)
        return labels


def write(file: IO[bytes], *packed: Part) -> None:
    """Write packed bytes, in one or more parts, and their length before them.

    Raises:
        OSError: Nobody reads them any more.
    """
    file.write(_LENGTH.pack(sum(map(len, packed))))
    for part in packed:
        file.write(part)
    file.flush()


def read(file: IO[bytes]) -> bytearray | None:
    """Return the next packed bytes; None where the other end has closed, or is gone."""
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(head)
    packed, at = bytearray(size), 0
    view = memoryview(packed)
    while at < size:
        count = file.readinto(view[at:])  # type: ignore[attr-defined]
        if not count:
            return None
        at += count
    return packed
