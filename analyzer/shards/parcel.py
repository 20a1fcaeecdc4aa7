"""What goes from a front to the back, for one batch of records: the parts that the back reads.

Rows of connections and directions go for the slots that are mentioned alone; the other end keeps
all that it was told. Payload stays where it was read, but for how messages begin. Knows the
batches of all stages. Must not know processes. Used by shards.worker and shards.team.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives.sampling import SAMPLE, Sampler, Samples
from analyzer.capture.records import RecordBatch
from analyzer.columns import NULL, Rows, empty, grown
from analyzer.front import FrontBatch, Rest, Seen
from analyzer.http.exchanges import HttpBatch
from analyzer.jobs.wire import Part
from analyzer.named_tuple import NamedTuple
from analyzer.shards.packing import Packer, Unpacker
from analyzer.tcp.bytestream import CONNECTION, DIRECTION, StreamBatch
from analyzer.tls.stage import TlsBatch
from analyzer.websocket.stage import WebSocketBatch

Ints = npt.NDArray[np.int64]

_HTTP: Final = (
    *("upgrades", "handshakes", "exchanges", "ended", "findings", "clients", "tls_moved"),
)
_WEBSOCKET: Final = (
    *("opened", "unopened", "ended", "frames", "messages", "previews", "has_payload"),
    *("pings", "findings"),
)
"""Fields of the batches that the back reads."""


class Slots(NamedTuple):
    """Rows of the slots that a batch mentions.

    Attributes:
        total: slots that there are.
        numbers: int64: the slots.
        connections: CONNECTION rows of each.
        directions: DIRECTION rows, two of each.
        http_bytes: int64, two of each.
    """

    total: int
    numbers: Ints
    connections: Rows
    directions: Rows
    http_bytes: Ints


class Parcel(NamedTuple):
    """One batch.

    Attributes:
        seen: of its packets; None where it has none.
        batch: of the front.
        samples: of payload, by slot of connections that end.
        read: bytes of the input that were taken.
        rest: with the last batch: what only the end of the capture tells.
    """

    seen: Seen | None
    batch: FrontBatch
    samples: dict[int, Samples]
    read: int
    rest: Rest | None = None

    @property
    def records(self) -> RecordBatch:
        """The records that it was made of: findings and figures alone."""
        return self.batch.websocket.http.stream.records


class Sender:
    """Packs the batches of one front.

    Args:
        sampler: has samples of payload; None: there is no comparison.
        previews: how messages begin goes along.
    """

    def __init__(self, sampler: Sampler | None, *, previews: bool = True) -> None:
        self._sampler = sampler
        self._previews = previews
        self._packer = Packer()
        self._answered: Ints = np.zeros(0, np.int64)

    def pack(
        self, seen: Seen | None, batch: FrontBatch, read: int, rest: Rest | None = None
    ) -> list[Part]:
        """Return a batch in parts, for packing.Unpacker."""
        websocket, http = batch.websocket, batch.websocket.http
        stream, inside = http.stream, batch.inside
        slots = self._slots(batch)
        if not self._previews:
            websocket.previews = ()
            if inside is not None:
                inside.previews = ()
        ends = {*http.ended, *(each.slot for each in websocket.opened)}
        return self._packer.pack(
            (
                (seen, read, rest, slots, batch.lookups, batch.opened, batch.latest),
                (stream.records.findings, stream.records.figures),
                (stream.opened, stream.ended, stream.findings),
                {name: getattr(http, name) for name in _HTTP}
                | {"streams": {each: http.streams[each] for each in ends if each in http.streams}},
                {name: getattr(websocket, name) for name in _WEBSOCKET},
                (batch.tls.ended, batch.tls.findings, _sessions(batch, slots)),
                None if inside is None else _parts(inside),
                self._samples(websocket),
            )
        )

    def _slots(self, batch: FrontBatch) -> Slots:
        """Return the rows of slots that the back will look at."""
        websocket, http, stream = batch.websocket, batch.websocket.http, batch.websocket.http.stream
        mentioned = {*stream.opened, *stream.ended, *http.ended}
        for some in (
            *(websocket.opened, websocket.unopened, websocket.ended),
            *(http.upgrades, http.handshakes, http.exchanges),
            *(stream.findings, http.findings, websocket.findings, batch.tls.findings),
            batch.inside.findings if batch.inside is not None else (),
        ):
            mentioned.update(each.slot for each in some)
        mentioned.update(each.session.slot for each in batch.tls.ended)
        mentioned.discard(-1)
        numbers = np.array(sorted(mentioned | self._newly_answered(stream)), np.int64)
        both = np.stack([2 * numbers, 2 * numbers + 1], axis=1).ravel()
        return Slots(
            len(stream.connections),
            numbers,
            stream.connections.take(numbers),
            stream.directions.take(both),
            http.http_bytes.take(both),
        )

    def _newly_answered(self, stream: StreamBatch) -> set[int]:
        """Return slots with another time of the SYN-ACK: later connects are compared with it."""
        times = stream.connections["synack_time"]
        if len(times) > len(self._answered):
            more = np.full(len(times) - len(self._answered), NULL, np.int64)
            self._answered = np.concatenate([self._answered, more])
        changed = np.flatnonzero(times != self._answered[: len(times)])
        self._answered[changed] = times[changed]
        return set(changed.tolist())

    def _samples(self, websocket: WebSocketBatch) -> dict[int, Samples]:
        if self._sampler is None or not websocket.ended:
            return {}
        slots = [each.slot for each in websocket.ended]
        rows = self._sampler.take(slots)
        return {slot: row for slot, row in zip(slots, rows, strict=True) if row["answers"].any()}


def _parts(item: Any) -> tuple[Any, ...]:
    """Return the fields of an InsideBatch but the batch below."""
    return tuple(getattr(item, name) for name in type(item).__slots__ if name != "websocket")


def _sessions(batch: FrontBatch, slots: Slots) -> dict[int, Any]:
    """Return the decrypted sessions of the slots."""
    by_stream = batch.tls.by_stream
    if not by_stream:
        return {}
    streams = dict.fromkeys(slots.connections["tcp_stream"].tolist())
    return {each: by_stream[each] for each in streams if each in by_stream}


class Receiver:
    """Makes the batches of one front again, in their order."""

    def __init__(self) -> None:
        self._unpacker = Unpacker()
        self._connections = empty(CONNECTION)
        self._directions = empty(DIRECTION)
        self._http_bytes: Ints = np.zeros(0, np.int64)

    def unpack(self, packed: bytearray | memoryview) -> Parcel:
        """Return a batch."""
        from analyzer.inside.batch import InsideBatch

        first, records, below, http_parts, websocket_parts, tls_parts, inner, samples = (
            self._unpacker.unpack(packed)
        )
        seen, read, rest, slots, *others = first
        found, figures = records
        opened, ended, stream_findings = below
        self._learn(slots)
        stream = StreamBatch(
            records=RecordBatch(findings=found, figures=figures),
            connections=self._connections,
            directions=self._directions,
            opened=opened,
            ended=ended,
            findings=stream_findings,
        )
        http = HttpBatch(stream, http_bytes=self._http_bytes, **http_parts)
        websocket = WebSocketBatch(http, **websocket_parts)
        for connection in websocket.ended:
            self._unpacker.forget(connection)
        tls = TlsBatch(stream, *tls_parts)
        inside = None if inner is None else InsideBatch(websocket, *inner)
        batch = FrontBatch(websocket, tls, inside, *others)
        return Parcel(seen, batch, samples, read, rest)

    def _learn(self, slots: Slots) -> None:
        """Keep the rows of slots."""
        self._connections = grown(self._connections, slots.total)
        self._directions = grown(self._directions, 2 * slots.total)
        if 2 * slots.total > len(self._http_bytes):
            more = np.zeros(len(self._directions) - len(self._http_bytes), np.int64)
            self._http_bytes = np.concatenate([self._http_bytes, more])
        both = np.stack([2 * slots.numbers, 2 * slots.numbers + 1], axis=1).ravel()
        self._connections[slots.numbers] = slots.connections
        self._directions[both] = slots.directions
        self._http_bytes[both] = slots.http_bytes


class Handed:
    """Samples of payload that came with the batches (alternatives.stage.TakesSamples).

    Args:
        ways: of carrying payload.
    """

    def __init__(self, ways: int) -> None:
        self._ways = ways
        self._samples: dict[int, Samples] = {}

    def add(self, samples: dict[int, Samples]) -> None:
        """Take those of a batch, before the back does."""
        self._samples = samples

    def take(self, slots: Sequence[int]) -> Samples:
        """Return the SAMPLE rows of connections that end."""
        out = np.zeros((len(slots), self._ways), SAMPLE)
        for place, slot in enumerate(slots):
            if slot in self._samples:
                out[place] = self._samples[slot]
        return out

    def forget(self, slots: Iterable[int]) -> None:
        """Do nothing: a batch's samples go with it."""
