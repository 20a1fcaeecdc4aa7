"""The alternatives stage: messages of connections -> what they cost over other transports.

Feeds each message to the schedule as its row leaves, keeps what an ended connection's
packets looked like, and makes rows when the capture ends: real exchanges with the same host
may come late. Knows the stages below. Must not know reports. Called by pipeline.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from analyzer import findings
from analyzer.alternatives._schedule import Schedule
from analyzer.alternatives.buffering import buffer_of
from analyzer.alternatives.evidence import Ended, announced_mss, evidence, gaps_ns, joined, note_tls
from analyzer.alternatives.heads import HeadMaker, Observed
from analyzer.alternatives.http2 import HeadSizes
from analyzer.alternatives.kinds import Kinds
from analyzer.alternatives.rows import RowMaker
from analyzer.alternatives.sampling import Sampler, Samples, intervals_ns
from analyzer.alternatives.sessions import Sessions
from analyzer.alternatives.small_numbers import SmallNumbers
from analyzer.columns import NULL, Rows
from analyzer.findings import Finding
from analyzer.http.exchanges import HttpBatch
from analyzer.inside.batch import InsideBatch
from analyzer.inside.labels import Says
from analyzer.options import Options
from analyzer.tables.finding_log import FindingLog
from analyzer.tables.schema import TableRows
from analyzer.tables.stream_legs import StreamLegs
from analyzer.tcp.bytestream import END_CAPTURE
from analyzer.tls.stage import TlsBatch
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.frames import SERVER
from analyzer.websocket.stage import WebSocketBatch

_NS = 1_000_000_000


class TakesSamples(Protocol):
    """Has samples of payload (alternatives.sampling)."""

    def take(self, slots: Sequence[int]) -> Samples:
        """Return the SAMPLE rows of connections that end, and forget them."""

    def forget(self, slots: Iterable[int]) -> None:
        """Forget connections that ended and are not compared."""


class AlternativesStage:
    """Holds the schedule of open connections, and ended ones that wait."""

    def __init__(
        self,
        options: Options,
        only: Collection[int] | None = None,
        left_out: Collection[int] = (),
        sampler: TakesSamples | None = None,
        stream_legs: StreamLegs | None = None,
    ) -> None:
        """Compare all connections, or `only` those of these numbers.

        None of those in `left_out`: another leg of theirs counts; of sessions `stream_legs` knows
        that. `sampler` has what gzip makes of the payload; None: it is not known.
        """
        self._left_out = left_out
        self._stream_legs = StreamLegs(options) if stream_legs is None else stream_legs
        self._options = options
        self._only = only
        self._intervals = intervals_ns(options)
        self._hold = round(options.long_poll_hold_s * _NS)
        self._schedule = Schedule(self._intervals, buffer_of(options))
        self._sampler = sampler or Sampler(options, self._intervals, {}, only)
        self._numbers = SmallNumbers()
        self._is_compressed = np.zeros(0, bool)
        self._is_named = np.zeros(0, bool)
        self._kinds = Kinds()
        self._sizes = HeadSizes(options.max_hpack_bytes)
        self._heads = HeadMaker(self._sizes)
        self._observed = Observed(options, self._sizes)
        self._waiting: list[Ended] = []
        self._waiting_count = 0
        self._early = 0
        self._rows = RowMaker(options, self._intervals)
        self._sessions = Sessions(options, self._intervals, self._heads)
        self._latest = NULL

    def push(
        self,
        batch: WebSocketBatch,
        tls: TlsBatch | None = None,
        inside: InsideBatch | None = None,
        latest: int = NULL,
    ) -> Iterator[TableRows]:
        """Take one batch; yield rows of connections that cannot wait any longer.

        Args:
            batch: of the websocket stage.
            tls: of the tls stage, over the same rows; None: nothing is TLS.
            inside: of the inside stage, which knows replies; its rows of messages may be late.
                None: nothing is known of what messages say.
            latest: ns of its latest packet; NULL without any.
        """
        http = batch.http
        self._latest = max(self._latest, latest)
        for exchange in http.exchanges:
            self._observed.add(exchange)
        if self._only is None:
            self._sessions.push(http, {each.slot: _is_reused(each) for each in batch.ended})
        self._reserve(len(http.stream.connections))
        self._open([each for each in batch.opened if self._is_compared(each)], http)
        if inside is None:
            self._add_messages(batch.messages, np.zeros(len(batch.messages), np.uint8), None)
        else:
            self._add_messages(inside.messages, inside.says.replies(), inside.says)
        ended = self._ended(batch)
        self._sampler.forget(each.slot for each in batch.ended if not self._numbers.has(each.slot))
        most = self._options.max_compared_connections
        while ended:
            if self._waiting_count >= most:
                # All at once: arithmetic on whole arrays is what makes it cheap.
                block, self._waiting = joined(self._waiting), []
                self._early += self._waiting_count
                self._waiting_count = 0
                yield from self._rows.rows(block)
            # So that which ones leave early depends only on the order of their ends.
            some = ended[: most - self._waiting_count]
            self._waiting.append(self._end(some, http, tls))
            self._waiting_count += len(some)
            ended = ended[len(some) :]

    @property
    def has_given(self) -> bool:
        """Some rows left before the capture ended (max_compared_connections)."""
        return self._early > 0

    def finish(self) -> list[TableRows]:
        """Return the rows of all connections that waited, and the totals."""
        blocks = [joined(self._waiting)] if self._waiting else []
        legs = self._stream_legs
        blocks += self._sessions.finish(self._latest, legs.left_out, legs.held)
        out: list[TableRows] = []
        for block in blocks:
            block.heads = [
                self._observed.heads(host, own)
                for host, own in zip(block.hosts, block.heads, strict=True)
            ]
            out += self._rows.rows(block)
        self._waiting, self._waiting_count = [], 0
        return [*out, *self._rows.totals(), *self._limits()]

    def _limits(self) -> list[TableRows]:
        """Return findings on what the limits cut."""
        log = FindingLog(self._options)
        texts = [*self._sessions.cut(), *self._observed.cut(), *self._sizes.cut()]
        if self._early:
            texts.append(
                f"{self._early} connections above max_compared_connections had left with the "
                "heads of their own handshakes when the capture ended"
            )
        log.add([Finding(findings.COMPARED_LIMIT, detail=text) for text in texts], {})
        log.finish()
        rows = log.take()
        return [rows] if rows.count else []

    # --- connections

    def _is_compared(self, connection: WebSocketConnection) -> bool:
        if connection.connection in self._left_out:
            return False
        return self._only is None or connection.connection in self._only

    def _ended(self, batch: WebSocketBatch) -> list[WebSocketConnection]:
        """Return what ended, without legs of which it became known after they opened."""
        ended = [each for each in batch.ended if self._numbers.has(each.slot)]
        late = [each.slot for each in ended if each.connection in self._left_out]
        if late:
            slots = np.array(late, np.int64)
            numbers = self._numbers.of(slots).astype(np.int64)
            self._schedule.finish(numbers, np.zeros(len(slots), np.int64))
            self._numbers.take_back(slots)
        return [each for each in ended if self._numbers.has(each.slot)]

    def _reserve(self, slots: int) -> None:
        self._numbers.reserve(slots)
        if slots > len(self._is_named):
            size = max(slots, 2 * len(self._is_named))
            for name in ("_is_compressed", "_is_named"):
                bigger, known = np.zeros(size, bool), getattr(self, name)
                bigger[: len(known)] = known
                setattr(self, name, bigger)

    def _open(self, opened: list[WebSocketConnection], http: HttpBatch) -> None:
        if not opened:
            return
        slots = np.array([each.slot for each in opened], np.int64)
        self._is_compressed[slots] = self._is_named[slots] = False
        tcp = http.stream.connections.take(slots)
        self._schedule.open(
            self._numbers.give(slots),
            np.array([max(each.opened_at, 0) for each in opened], np.int64),
            gaps_ns(tcp),
            self._hold,
            announced_mss(http.stream.directions, slots),
        )

    def _add_messages(
        self, messages: Rows, replies: npt.NDArray[np.uint8], says: Says | None
    ) -> None:
        if not len(messages):
            return
        kinds, named = self._kinds.of(messages, says)
        slots = messages["direction"] >> 1
        self._is_named[slots[named]] = True
        compressed = messages["compressed"] != 0
        if compressed.any():
            self._is_compressed[slots[compressed]] = True
        sender, known = messages["sender"], messages["payload_bytes"]
        columns: tuple[Any, ...] = (
            self._numbers.of(slots),
            np.ascontiguousarray(sender),
            np.ascontiguousarray(messages["time_first"]),
            # What cannot be inflated counts as it was sent.
            np.where(known == NULL, messages["transfer_bytes"], known),
            np.ascontiguousarray(messages["packet_first"]),
            np.ascontiguousarray(messages["packet_last"]),
            # What the client answers is a message of its own, in a request of its own.
            replies * (sender == SERVER).astype(np.uint8),
            kinds,
        )
        lasts = columns[5]
        if (lasts[1:] < lasts[:-1]).any():
            # Rows that waited until it was clear what they say come after later ones.
            order = np.argsort(lasts, kind="stable")
            columns = tuple(column.take(order) for column in columns)
        self._schedule.add(*columns)

    def _end(
        self, ended: list[WebSocketConnection], http: HttpBatch, tls: TlsBatch | None
    ) -> Ended:
        slots = np.array([each.slot for each in ended], np.int64)
        numbers = self._numbers.of(slots).astype(np.int64)
        self._numbers.take_back(slots)
        shared = self._schedule.conversations_of(numbers)
        closed = np.array([each.closed_at for each in ended], np.int64)
        tcp = http.stream.connections.take(slots)
        # A client that is still there when the capture ends would go on polling; who made room for
        # another connection is gone.
        unclosed = np.where(tcp["end"] == END_CAPTURE, self._latest, tcp["last_time"])
        end = np.where(closed == NULL, unclosed, closed)
        duration = np.where(end == NULL, 0, np.maximum(end - shared["origin"], 0))
        self._schedule.finish(numbers, duration)
        client = np.array([each.direction(0) for each in ended], np.int64)
        wire, measured = evidence(http, ended, client)
        if tls is not None and tls.by_stream:
            note_tls(wire, ended, http, tls)
        return Ended(
            connection=np.array([each.connection for each in ended], np.int64),
            session=np.full(len(ended), NULL, np.int64),
            hosts=[each.handshake.host if each.handshake else None for each in ended],
            heads=[self._heads.from_handshake(each.handshake) for each in ended],
            duration=duration,
            shared=shared,
            lanes=self._schedule.lanes_of("lanes", numbers),
            sizes=self._schedule.lanes_of("sizes", numbers),
            delays=self._schedule.lanes_of("delays", numbers),
            latest=self._schedule.latest_of(numbers),
            buffer_ns=self._schedule.buffer_ranges_of(numbers),
            named=self._is_named[slots],
            wire=wire,
            measured=measured,
            samples=self._sampler.take(slots.tolist()),
            compressed=self._is_compressed[slots],
        )


def _is_reused(connection: WebSocketConnection) -> bool:
    """Return whether other exchanges went before the upgrade on its TCP connection."""
    handshake = connection.handshake
    return handshake is not None and not handshake.first_in_connection
