"""The way of the data, on one page.

    capture -> packets -> names -> tcp -> tls -> http -> websocket -> inside -> tables
            -> alternatives, diagnosis -> report

A file, standard input and (later) a live interface run the same stages. Each has
`push(batch) -> batch` and is the only holder of state between batches. Called by the
command line and by the Python API.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Sequence
from os import PathLike
from typing import BinaryIO, Protocol

from analyzer.alternatives.calls import is_compared
from analyzer.alternatives.polls import PollHeads
from analyzer.alternatives.recorded import Original
from analyzer.alternatives.stage import AlternativesStage
from analyzer.audience import Audience
from analyzer.capture.records import RecordBatch
from analyzer.capture.source import open_capture
from analyzer.columns import NULL
from analyzer.diagnosis.stage import DiagnosisStage
from analyzer.http.stage import HttpStage
from analyzer.inside.stage import InsideStage
from analyzer.names.stage import Lookup, NamesStage
from analyzer.options import Options
from analyzer.packets.decode import PacketDecoder
from analyzer.packets.segments import SegmentBatch
from analyzer.report.observer import Observer, PayloadObserver
from analyzer.report.output import WantsCapture, Writer
from analyzer.tables.build import TableBuilder
from analyzer.tables.chosen import Decide, Opening
from analyzer.tables.figures import Figures
from analyzer.tables.news import News
from analyzer.tables.running import Snapshot, ledger_so_far
from analyzer.tables.schema import TableRows
from analyzer.tables.summary import Summary
from analyzer.tables.tls_sessions import note_secured
from analyzer.tables.undecided import Undecided
from analyzer.tcp.bytestream import StreamBatch
from analyzer.tcp.reassembly import Reassembler
from analyzer.tls.keylog import KeyRing
from analyzer.tls.stage import TlsStage
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.stage import WebSocketBatch, WebSocketStage

Path = str | PathLike[str]
Progress = Callable[[int, int | None], None]
"""Told how many bytes of the input were read, and of how many (None for a pipe)."""


class Listener(Protocol):
    """What hears the batches of the websocket stage, besides the tables."""

    def hear(self, batch: WebSocketBatch) -> None:
        """Take a batch."""


class Pipeline:
    """The stages in order.

    Args:
        options: limits and switches.
        writers: what takes the rows, as they become complete.
        only: WebSocket connections that are compared with other transports and diagnosed;
            None: all.
        listener: what hears connections and messages below the tables.
        decide: says which connections are wanted, when they open: of the others there are no
            rows, and nothing is counted. None: all.
    """

    def __init__(
        self,
        options: Options,
        writers: Sequence[Writer],
        only: Collection[int] | None = None,
        listener: Listener | None = None,
        decide: Decide | None = None,
    ) -> None:
        self._writers = writers
        self._listener = listener
        self.summary = Summary(max_samples=options.max_samples, late_us=options.late_us)
        self._packets = PacketDecoder(options)
        self._names = NamesStage(options)
        self._tcp = Reassembler(options)
        self._ring, follower = _keys(options)
        self._tls = TlsStage(options, self._ring, follower)
        self._http = HttpStage(options)
        self._websocket = WebSocketStage(options)
        by_slot = self._websocket.by_slot
        self._opening = None if decide is None else Opening(decide, options, by_slot)
        if self._opening is not None:
            only = self._opening.chosen.connections
            self.summary.capture.selected = self._opening.counts
        self._inside = InsideStage(options, self._websocket.by_slot) if options.inside else None
        if self._inside is not None:
            self._http.carry_to(self._inside.carry)
        self._tables = TableBuilder(options)
        left_out = self._tables.legs.left_out
        self._undecided = None
        if self._opening is None:
            # Where connections are chosen, the leg that counts may not be among them.
            self.summary.left_out = left_out
            self._undecided = Undecided(self._tables.legs, options.max_undecided_messages)
        self._figures = [writer for writer in writers if isinstance(writer, Figures)]
        for figures in self._figures:
            figures.left_out = self.summary.left_out
        self._alternatives = self._comparison(options, only, left_out)
        sampler = self._alternatives.sampler if self._alternatives is not None else None
        listeners = [each.heard for each in writers if isinstance(each, PayloadObserver)]
        if options.payload == "none":
            listeners = []
        self._audience = Audience(self._websocket, self._inside, sampler, listeners, self._opening)
        # Only reports have it, so that the summary alone does not pay for it.
        self._series = None
        if writers:
            from analyzer.tables.series import Series

            self._series = Series(options, only, left_out)
        self._diagnosis = DiagnosisStage(options, only) if options.diagnosis else None
        self._observers = [writer for writer in writers if isinstance(writer, Observer)]
        self._news = News(options, self._websocket, self._inside) if self._observers else None
        self._polls = PollHeads(options)
        self._original = Original(options, chosen=only is not None or decide is not None)
        self._pushed = time.monotonic_ns()
        self._may_bring_keys = False
        for observer in self._observers:
            observer.attach(self.snapshot)

    def _comparison(
        self, options: Options, only: Collection[int] | None, left_out: Collection[int]
    ) -> AlternativesStage | None:
        """Return what compares transports; None if nothing is to."""
        if not options.alternatives:
            return None
        if only is None:
            self._http.keep_bodies(is_compared)
        legs = self._tables.stream_legs
        return AlternativesStage(options, only, left_out, self._websocket.by_slot, legs)

    def push(self, records: RecordBatch) -> None:
        """Analyse one batch of captured packets."""
        if self._says_nothing(records):
            return
        self._original.push(records)
        self._take_segments(self._packets.push(records))
        self._pushed = time.monotonic_ns()

    def _says_nothing(self, records: RecordBatch) -> bool:
        """Return whether a batch brings nothing: a piece of a file that ends within a record."""
        may_bring_keys, self._may_bring_keys = self._may_bring_keys, records.may_bring_keys
        if may_bring_keys != records.may_bring_keys:
            return False
        return not (len(records.rows) or records.findings or records.secrets or records.figures)

    def tick(self, now: int | None = None) -> None:
        """Let time pass without packets: what waits for the clock alone is settled.

        Args:
            now: ns since 1970 by the clock of the capture; default what that must show, by
                the time that passed since the last batch.
        """
        last = self.summary.capture.last_time
        if now is None and last != NULL:
            now = last + time.monotonic_ns() - self._pushed
        if now is not None:
            self._take_stream(self._tcp.tick(now), now=now)

    def snapshot(self) -> Snapshot:
        """Return the state of the run, for observers."""
        held = {
            "packets": self._packets.held_bytes,
            "tcp": self._tcp.held_bytes,
            "tls": self._tls.held_bytes,
            "http": self._http.held_bytes,
            "websocket": self._websocket.held_bytes,
            "inside": self._inside.held_bytes if self._inside is not None else 0,
        }
        opened = self._wanted(self._websocket.open_connections)
        ended = self.summary.ledger
        return Snapshot(
            tcp_connections=self._tcp.tracked,
            connections=len(opened),
            ledger=ledger_so_far(self._tcp, self._http, self._websocket, opened, ended),
            held_bytes=held,
            let_go=self._tcp.let_go,
            poll_heads=self._polls.means,
            summary=self.summary,
        )

    def finish(self) -> Summary:
        """Settle what is open at the end of the capture; return the summary."""
        self.settle()
        self.deliver(self.compared())
        self.diagnose()
        return self.summary

    def settle(self) -> None:
        """Give the rows of all that is open at the end of the capture."""
        self._take_segments(self._packets.finish())
        self._take_stream(self._tcp.finish(), last=True)
        self._finish_tables()

    def _finish_tables(self) -> None:
        self._tables.add_findings([*self._names.finish(), *self._tls.finish()])
        topics = self._inside.finish() if self._inside is not None else []
        self._deliver_tables(self._tables.finish(topics))

    def salvage(self) -> None:
        """Give what rows there can be of what is open, after a stage failed within a batch.

        What that stage and those behind it were to do with the batch is missing: messages in its
        packets have no rows, and counts of open connections end before them. A stage that fails
        again leaves the rows of those behind it out. There is no comparison.
        """
        steps: list[Callable[[], None]] = [
            lambda: self._take_segments(self._packets.finish()),
            lambda: self._take_stream(self._tcp.finish(), last=True),
            self._finish_tables,
            self.diagnose,
        ]
        for step in steps:
            with contextlib.suppress(Exception):
                step()

    def compared(self) -> list[TableRows]:
        """Return the rows of the comparison with other transports, after `settle`.

        It takes the longest of what is done at the end, and may be left out or interrupted:
        nothing was delivered by then.
        """
        if self._alternatives is None:
            return []
        early = self._alternatives.has_given
        made = self._alternatives.finish()
        return self._original.instead(made, self.summary, early=early)

    def diagnose(self) -> None:
        """Give the rows of diagnoses, after `settle`."""
        if self._diagnosis is not None:
            self.deliver(self._diagnosis.finish())
        if self._series is not None:
            self.deliver([self._series.rows()])

    def _take_segments(self, segments: SegmentBatch) -> None:
        capture = self.summary.capture
        capture.packets += segments.packets
        capture.wire_bytes += segments.wire_bytes
        capture.segments += len(segments.rows)
        capture.not_tcp.update(segments.not_tcp)
        capture.first_time = _earliest(capture.first_time, segments.first_time)
        capture.last_time = max(capture.last_time, segments.last_time)
        self._tables.add_findings(segments.findings)
        lookups = self._names.push(segments.datagrams)
        self._take_stream(self._tcp.push(segments), lookups)

    def _take_stream(
        self,
        stream: StreamBatch,
        lookups: Sequence[Lookup] = (),
        *,
        last: bool = False,
        now: int | None = None,
    ) -> None:
        self.summary.capture.tcp_connections += len(stream.opened)
        tls = self._tls.push(stream)
        http = self._http.push(tls.stream, last=last)
        note_secured(http, tls)
        self._audience.begin(http)
        websocket = self._websocket.push(http)
        if self._opening is not None and websocket.opened:
            self._opening.open(websocket.opened)
            self.summary.capture.selected = self._opening.counts
        if self._listener is not None:
            self._listener.hear(websocket)
        if self._news is not None:
            now = self.summary.capture.last_time if now is None else now
            for rows in self._chosen(self._news.push(websocket, tls, now)):
                for observer in self._observers:
                    observer.news(rows)
            self._polls.push(self._wanted(websocket.opened))
        inside = None
        if self._inside is not None:
            inside = self._inside.push(websocket, last=last)
        self._audience.settle(websocket)
        self._deliver_tables(self._tables.push(websocket, tls, inside, lookups))
        if self._alternatives is not None:
            self.deliver(self._alternatives.push(websocket, tls, inside))
        if self._diagnosis is not None and self._observers:
            now = self.summary.capture.last_time if now is None else now
            for rows in self._diagnosis.news(now):
                for observer in self._observers:
                    observer.news(rows)

    def _deliver_tables(self, tables: Sequence[TableRows]) -> None:
        if self._diagnosis is not None:
            self._diagnosis.push(tables)
        if self._undecided is not None:
            for rows in self._undecided.released():
                self._count(rows)
        self.deliver(tables)

    def deliver(self, tables: Sequence[TableRows]) -> None:
        """Hand rows to all writers."""
        for rows in self._chosen(tables):
            for some in [rows] if self._undecided is None else self._undecided.take(rows):
                self._count(some)
            for writer in self._writers:
                if writer not in self._figures:
                    writer.write(rows)

    def _chosen(self, tables: Sequence[TableRows]) -> Sequence[TableRows]:
        """Return the rows of connections that are wanted."""
        if self._opening is None:
            return tables
        some = [self._opening.chosen.of(rows) for rows in tables]
        return [rows for rows in some if rows.count]

    def _wanted(self, connections: Collection[WebSocketConnection]) -> list[WebSocketConnection]:
        if self._opening is None:
            return list(connections)
        wanted = self._opening.chosen.connections
        return [each for each in connections if each.connection in wanted]

    def _count(self, rows: TableRows) -> None:
        """Let rows be added up."""
        self.summary.add(rows)
        if self._series is not None:
            self._series.add(rows)
        for figures in self._figures:
            figures.write(rows)


def run(
    paths: Path | Sequence[Path],
    options: Options,
    writers: Sequence[Writer] = (),
    on_progress: Progress | None = None,
    stdin: BinaryIO | None = None,
    only: Collection[int] | None = None,
    listener: Listener | None = None,
) -> Summary:
    """Analyse captures as one, and hand the tables' rows to `writers`.

    Args:
        paths: files or folders; "-" is standard input.
        options: limits and switches.
        writers: closed when all is written, aborted if anything raises.
        on_progress: called after each batch.
        stdin: what "-" reads; default the process's own.
        only: WebSocket connections that are compared with other transports and diagnosed;
            None: all.
        listener: what hears connections and messages below the tables.

    Returns:
        What the terminal report shows.

    Raises:
        CaptureError: the input cannot be read at all.
        ReportError: a writer cannot go on.
    """
    try:
        source = open_capture(paths, options, stdin=stdin)
        pipeline = Pipeline(options, writers, only, listener)
        for records in source:
            pipeline.push(records)
            if on_progress is not None:
                on_progress(source.bytes_read, source.bytes_total)
        summary = pipeline.finish()
        summary.capture.files = [str(name) for name in source.names]
        summary.capture.options = dict(vars(options))
        for writer in writers:
            if isinstance(writer, WantsCapture):
                writer.captured(summary.capture)
            writer.close()
    except BaseException:
        for writer in writers:
            writer.abort()
        raise
    return summary


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


def _earliest(one: int, other: int) -> int:
    return min((time for time in (one, other) if time != NULL), default=NULL)
