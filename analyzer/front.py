"""The front: the stages that look at each connection by itself.

    names -> tcp -> tls -> http -> websocket -> inside

What they hand on, a FrontBatch for each batch of records, is all that the back (analyzer.back)
knows of the traffic. Knows these stages, and who hears payloads. Must not know tables or reports.
Called by pipeline, and by shards, where the front runs in other processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from os import PathLike

from analyzer.alternatives.calls import is_compared
from analyzer.alternatives.sampling import Sampler, intervals_ns
from analyzer.audience import Audience
from analyzer.columns import NULL
from analyzer.findings import Finding
from analyzer.http.stage import HttpStage
from analyzer.inside.batch import InsideBatch
from analyzer.inside.fanout import Topic
from analyzer.inside.stage import InsideStage
from analyzer.lazy_dataclass import dataclass, field
from analyzer.names.stage import Lookup, NamesStage
from analyzer.options import Options
from analyzer.packets.segments import SegmentBatch
from analyzer.tables.chosen import Decide, Opening
from analyzer.tables.tls_sessions import note_secured
from analyzer.tcp.bytestream import StreamBatch
from analyzer.tcp.reassembly import Reassembler
from analyzer.tls.keylog import KeyRing
from analyzer.tls.stage import TlsBatch, TlsStage
from analyzer.weak_methods import weakly
from analyzer.websocket.hearing import Listener
from analyzer.websocket.stage import WebSocketBatch, WebSocketStage

Heard = Callable[[WebSocketBatch, TlsBatch], None]


@dataclass(slots=True)
class Seen:
    """What was counted of the packets of a batch.

    Attributes:
        packets, wire_bytes, not_tcp, first_time, last_time, findings: as in SegmentBatch.
        segments: of TCP.
    """

    packets: int
    wire_bytes: int
    segments: int
    not_tcp: Counter[str]
    first_time: int
    last_time: int
    findings: list[Finding]

    @classmethod
    def of(cls, batch: SegmentBatch) -> Seen:
        """Return it of a batch of the packets stage."""
        return cls(
            batch.packets,
            batch.wire_bytes,
            len(batch.rows),
            batch.not_tcp,
            batch.first_time,
            batch.last_time,
            batch.findings,
        )


@dataclass(slots=True)
class FrontBatch:
    """What the front hands on.

    Attributes:
        websocket: of the websocket stage, with the batches below it.
        tls: of the tls stage.
        inside: of the inside stage; None: nothing is read.
        lookups: of the names stage.
        opened: TCP connections that appeared.
        latest: ns of the latest row; NULL without rows.
    """

    websocket: WebSocketBatch
    tls: TlsBatch
    inside: InsideBatch | None
    lookups: Sequence[Lookup] = ()
    opened: int = 0
    latest: int = NULL


@dataclass(slots=True)
class Rest:
    """What is known only when the capture has ended.

    Attributes:
        findings: of the names and tls stages.
        topics: of the inside stage.
    """

    findings: list[Finding] = field(default_factory=list)
    topics: list[Topic] = field(default_factory=list)


class Front:
    """The stages in order.

    Args:
        options: limits and switches.
        only: WebSocket connections that are compared with other transports; None: all.
        listeners: hear all payloads.
        decide: says which connections are wanted, when they open; None: all.
        heard: told of each batch of the websocket stage, before the inside stage takes it.

    Attributes:
        names, tcp, tls, http, websocket: the stages.
        inside: the last of them; None where nothing is read.
        sampler: deflates some payloads for the comparison; None without one.
        opening: chooses connections; None: all are wanted.
    """

    def __init__(
        self,
        options: Options,
        only: Collection[int] | None = None,
        listeners: Sequence[Listener] = (),
        decide: Decide | None = None,
        heard: Heard | None = None,
    ) -> None:
        # It belongs to who made this.
        self._heard = None if heard is None else weakly(heard)
        self.names = NamesStage(options)
        self.tcp = Reassembler(options)
        ring, follower = _keys(options)
        self.tls = TlsStage(options, ring, follower)
        self.http = HttpStage(options)
        self.websocket = WebSocketStage(options)
        by_slot = self.websocket.by_slot
        self.opening = None if decide is None else Opening(decide, options, by_slot)
        if self.opening is not None:
            only = self.opening.chosen.connections
        self.inside = InsideStage(options, by_slot) if options.inside else None
        if self.inside is not None:
            self.http.carry_to(self.inside.carry)
        self.sampler = None
        if options.alternatives:
            self.sampler = Sampler(options, intervals_ns(options), by_slot, only)
            if only is None:
                self.http.keep_bodies(is_compared)
        heard_by = (self.sampler, listeners, self.opening)
        self._audience = Audience(self.websocket, self.inside, *heard_by)

    def follow(self, segments: SegmentBatch) -> FrontBatch:
        """Take the segments of a batch."""
        lookups = self.names.push(segments.datagrams)
        return self._stream(self.tcp.push(segments), lookups)

    def tick(self, now: int) -> FrontBatch:
        """Let time pass without packets; `now` is ns by the clock of the capture."""
        return self._stream(self.tcp.tick(now))

    def end(self) -> FrontBatch:
        """End all connections: the capture is over."""
        return self._stream(self.tcp.finish(), last=True)

    def finish(self) -> Rest:
        """Return what only the end of the capture tells, after `end`."""
        found = [*self.names.finish(), *self.tls.finish()]
        return Rest(found, self.inside.finish() if self.inside is not None else [])

    def _stream(
        self, stream: StreamBatch, lookups: Sequence[Lookup] = (), *, last: bool = False
    ) -> FrontBatch:
        latest = int(stream.rows["time"].max()) if len(stream.rows) else NULL
        tls = self.tls.push(stream)
        http = self.http.push(tls.stream, last=last)
        note_secured(http, tls)
        self._audience.begin(http)
        websocket = self.websocket.push(http)
        if self._heard is not None:
            self._heard(websocket, tls)
        inside = None
        if self.inside is not None:
            inside = self.inside.push(websocket, last=last)
        self._audience.settle(websocket)
        return FrontBatch(websocket, tls, inside, lookups, len(stream.opened), latest)


def _keys(options: Options) -> tuple[KeyRing, Callable[[], object] | None]:
    """Return the keys of the key logs, and what looks for more of them.

    Raises:
        KeyLogError: a key log cannot be read, or is none.
    """
    if not options.keys:
        return KeyRing(options), None
    from analyzer.tls.key_files import KeyLogFollower, read_key_logs

    paths = (options.keys,) if isinstance(options.keys, str | PathLike) else tuple(options.keys)
    if not options.follow_keys:
        return read_key_logs(paths, options), None
    ring = KeyRing(options)
    follower = KeyLogFollower(paths, ring)
    follower.poll()
    return ring, follower.poll
