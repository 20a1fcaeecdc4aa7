"""The way of the data, on one page.

    capture -> packets -> names -> tcp -> tls -> http -> websocket -> inside -> tables
            -> alternatives, diagnosis -> report

A file, standard input and (later) a live interface run the same stages. Each has
`push(batch) -> batch` and is the only holder of state between batches. Those up to inside are the
front, which looks at each connection by itself; the others are the back. Called by the command
line and by the Python API.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Sequence
from os import PathLike
from typing import BinaryIO, Protocol

from analyzer.alternatives.polls import PollHeads
from analyzer.back import Back
from analyzer.capture.records import BlankBatches, RecordBatch
from analyzer.capture.source import STDIN, open_capture
from analyzer.columns import NULL
from analyzer.front import Front, FrontBatch, Seen
from analyzer.options import Options
from analyzer.packets.decode import PacketDecoder
from analyzer.packets.segments import SegmentBatch
from analyzer.report.observer import Observer, PayloadObserver
from analyzer.report.output import WantsCapture, Writer
from analyzer.tables.chosen import Decide
from analyzer.tables.news import News
from analyzer.tables.running import Snapshot, ledger_so_far
from analyzer.tables.schema import TableRows
from analyzer.tables.summary import Summary
from analyzer.tls.stage import TlsBatch
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.stage import WebSocketBatch

Path = str | PathLike[str]
Progress = Callable[[int, int | None], None]
"""Told how many bytes of the input were read, and of how many (None for a pipe)."""


class Listener(Protocol):
    """What hears the batches of the websocket stage, besides the tables."""

    def hear(self, batch: WebSocketBatch) -> None:
        """Take a batch."""


class Pipeline:
    """The stages in order, in one process.

    Args:
        options: limits and switches.
        writers: what takes the rows, as they become complete.
        only: WebSocket connections that are compared with other transports and diagnosed;
            None: all.
        listener: what hears connections and messages below the tables.
        decide: says which connections are wanted, when they open: of the others there are no
            rows, and nothing is counted. None: all.

    Attributes:
        summary: what was added up so far.
    """

    def __init__(
        self,
        options: Options,
        writers: Sequence[Writer],
        only: Collection[int] | None = None,
        listener: Listener | None = None,
        decide: Decide | None = None,
    ) -> None:
        self._listener = listener
        self._blank = BlankBatches()
        self._packets = PacketDecoder(options)
        listeners = [each.heard for each in writers if isinstance(each, PayloadObserver)]
        if options.payload == "none":
            listeners = []
        self._front = front = Front(options, only, listeners, decide, self._heard)
        self._back = Back(options, writers, only, front.opening, front.sampler)
        self.summary = self._back.summary
        self._observers = [writer for writer in writers if isinstance(writer, Observer)]
        self._news = News(options, front.websocket, front.inside) if self._observers else None
        self._polls = PollHeads(options)
        self._now: int | None = None
        # Of what observers were told of the batch that the stages are at.
        self._fault: Exception | None = None
        self._pushed = time.monotonic_ns()
        for observer in self._observers:
            observer.attach(self.snapshot)

    def push(self, records: RecordBatch) -> None:
        """Analyse one batch of captured packets."""
        if self._blank.has(records):
            return
        self._back.original.push(records)
        self._take_segments(self._packets.push(records))
        self._pushed = time.monotonic_ns()

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
            self._now = now
            self._take(self._front.tick(now))
            self._now = None

    def snapshot(self) -> Snapshot:
        """Return the state of the run, for observers."""
        front = self._front
        held = {
            "packets": self._packets.held_bytes,
            "tcp": front.tcp.held_bytes,
            "tls": front.tls.held_bytes,
            "http": front.http.held_bytes,
            "websocket": front.websocket.held_bytes,
            "inside": front.inside.held_bytes if front.inside is not None else 0,
        }
        opened = self._wanted(front.websocket.open_connections)
        ended = self.summary.ledger
        return Snapshot(
            tcp_connections=front.tcp.tracked,
            connections=len(opened),
            ledger=ledger_so_far(front.tcp, front.http, front.websocket, opened, ended),
            held_bytes=held,
            let_go=front.tcp.let_go,
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
        self._take(self._front.end())
        self._back.finish(self._front.finish())

    def salvage(self) -> None:
        """Give what rows there can be of what is open, after a stage failed within a batch.

        What that stage and those behind it were to do with the batch is missing: messages in its
        packets have no rows, and counts of open connections end before them. A stage that fails
        again leaves the rows of those behind it out. There is no comparison.
        """
        front = self._front
        steps: list[Callable[[], None]] = [
            lambda: self._take_segments(self._packets.finish()),
            lambda: self._take(front.end()),
            lambda: self._back.finish(front.finish()),
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
        return self._back.compared()

    def diagnose(self) -> None:
        """Give the rows of diagnoses, after `settle`."""
        self._back.diagnose()

    def deliver(self, tables: Sequence[TableRows]) -> None:
        """Hand rows to all writers."""
        self._back.deliver(tables)

    def _take_segments(self, segments: SegmentBatch) -> None:
        self._back.count(Seen.of(segments))
        self._take(self._front.follow(segments))

    def _take(self, batch: FrontBatch) -> None:
        self._back.push(batch, self._now)
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    def _heard(self, websocket: WebSocketBatch, tls: TlsBatch) -> None:
        """Take a batch of the websocket stage, before the inside stage does."""
        opening = self._front.opening
        if opening is not None and websocket.opened:
            opening.open(websocket.opened)
            self.summary.capture.selected = opening.counts
        if self._listener is not None:
            self._listener.hear(websocket)
        try:
            self._tell(websocket, tls)
        except Exception as error:
            # A fault in what observers are told early costs no row of a table.
            self._fault = error

    def _tell(self, websocket: WebSocketBatch, tls: TlsBatch) -> None:
        """Tell observers what is known of rows that are not complete."""
        if self._news is None:
            return
        now = self.summary.capture.last_time if self._now is None else self._now
        for rows in self._back.chosen(self._news.push(websocket, tls, now)):
            for observer in self._observers:
                observer.news(rows)
        self._polls.push(self._wanted(websocket.opened))

    def _wanted(self, connections: Collection[WebSocketConnection]) -> list[WebSocketConnection]:
        opening = self._front.opening
        if opening is None:
            return list(connections)
        wanted = opening.chosen.connections
        return [each for each in connections if each.connection in wanted]


def run(
    paths: Path | Sequence[Path],
    options: Options,
    writers: Sequence[Writer] = (),
    on_progress: Progress | None = None,
    stdin: BinaryIO | None = None,
    only: Collection[int] | None = None,
    listener: Listener | None = None,
    fronts: int = 0,
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
        fronts: where that is possible, 1: the front runs in another process; 2 or more: one more
            reads captures; 0: all is done in this one. What is handed to `writers` is the same.

    Returns:
        What the terminal report shows.

    Raises:
        CaptureError: the input cannot be read at all.
        ReportError: a writer cannot go on.
        JobError: a process failed, or died.
    """
    several = [paths] if isinstance(paths, str | PathLike) else paths
    try:
        if fronts and listener is None and _may_be_elsewhere(several, writers, stdin):
            from analyzer.shards import team
            from analyzer.shards.front_job import Job

            job = Job(tuple(several), options, only, bool(writers), reads_apart=fronts > 1)
            summary, names = team.run(job, writers, on_progress)
        else:
            source = open_capture(paths, options, stdin=stdin)
            pipeline = Pipeline(options, writers, only, listener)
            for records in source:
                pipeline.push(records)
                if on_progress is not None:
                    on_progress(source.bytes_read, source.bytes_total)
            summary, names = pipeline.finish(), source.names
        _close(writers, summary, names, options)
    except BaseException:
        for writer in writers:
            writer.abort()
        raise
    return summary


def _close(
    writers: Sequence[Writer], summary: Summary, names: Sequence[Path], options: Options
) -> None:
    """Tell writers what was read, and close them."""
    summary.capture.files = [str(name) for name in names]
    summary.capture.options = dict(vars(options))
    for writer in writers:
        if isinstance(writer, WantsCapture):
            writer.captured(summary.capture)
        writer.close()


def _may_be_elsewhere(
    paths: Sequence[Path], writers: Sequence[Writer], stdin: BinaryIO | None
) -> bool:
    """Return whether the front can run in another process.

    Who watches a run looks into the stages. Standard input is a child's too if it is forked.
    """
    if any(isinstance(writer, Observer | PayloadObserver) for writer in writers):
        return False
    if all(str(path) != STDIN for path in paths):
        return True
    from analyzer.jobs.forked import may_fork

    # A terminal gives what is typed to those alone who are in front, where a child is not.
    return stdin is None and may_fork() and not os.isatty(0)
