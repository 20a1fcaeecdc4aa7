"""The back: what joins connections, and what adds up.

    tables -> alternatives, diagnosis -> report

Takes a FrontBatch for each batch of records, wherever the front ran. Knows tables and what comes
behind them. Must not know how traffic is read. Called by pipeline.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from analyzer.alternatives.recorded import Original
from analyzer.alternatives.stage import AlternativesStage, TakesSamples
from analyzer.columns import NULL
from analyzer.diagnosis.stage import DiagnosisStage
from analyzer.front import FrontBatch, Rest, Seen
from analyzer.options import Options
from analyzer.report.observer import Observer
from analyzer.report.output import Writer
from analyzer.tables.build import TableBuilder
from analyzer.tables.chosen import Opening
from analyzer.tables.figures import Figures
from analyzer.tables.schema import TableRows
from analyzer.tables.summary import Summary
from analyzer.tables.undecided import Undecided


class Back:
    """The stages in order.

    Args:
        options: limits and switches.
        writers: what takes the rows, as they become complete.
        only: WebSocket connections that are compared with other transports and diagnosed;
            None: all.
        opening: chose connections; None: all are wanted.
        sampler: has samples of payload of connections that end; None: there is no comparison.

    Attributes:
        summary: what was added up so far.
    """

    def __init__(
        self,
        options: Options,
        writers: Sequence[Writer],
        only: Collection[int] | None = None,
        opening: Opening | None = None,
        sampler: TakesSamples | None = None,
    ) -> None:
        self._writers = writers
        self._opening = opening
        self.summary = Summary(max_samples=options.max_samples, late_us=options.late_us)
        chosen = only is not None or opening is not None
        if opening is not None:
            only = opening.chosen.connections
            self.summary.capture.selected = opening.counts
        self._tables = TableBuilder(options)
        left_out = self._tables.legs.left_out
        self._undecided = None
        if opening is None:
            # Where connections are chosen, the leg that counts may not be among them.
            self.summary.left_out = left_out
            self._undecided = Undecided(self._tables.legs, options.max_undecided_messages)
        self._figures = [writer for writer in writers if isinstance(writer, Figures)]
        for figures in self._figures:
            figures.left_out = self.summary.left_out
        self._alternatives = None
        if options.alternatives and sampler is not None:
            legs = self._tables.stream_legs
            self._alternatives = AlternativesStage(options, only, left_out, sampler, legs)
        # Only reports have it, so that the summary alone does not pay for it.
        self._series = None
        if writers:
            from analyzer.tables.series import Series

            self._series = Series(options, only, left_out)
        self._diagnosis = DiagnosisStage(options, only) if options.diagnosis else None
        self._observers = [writer for writer in writers if isinstance(writer, Observer)]
        self.original = Original(options, chosen=chosen)

    def count(self, seen: Seen) -> None:
        """Add what was counted of packets, before the batch that they gave is pushed."""
        capture = self.summary.capture
        capture.packets += seen.packets
        capture.wire_bytes += seen.wire_bytes
        capture.segments += seen.segments
        capture.not_tcp.update(seen.not_tcp)
        capture.first_time = _earliest(capture.first_time, seen.first_time)
        capture.last_time = max(capture.last_time, seen.last_time)
        self._tables.add_findings(seen.findings)

    def push(self, batch: FrontBatch, now: int | None = None) -> None:
        """Take a batch of the front.

        Args:
            batch: the batch.
            now: ns by the clock of the capture; default that of the last packet.
        """
        self.summary.capture.tcp_connections += batch.opened
        websocket, tls, inside = batch.websocket, batch.tls, batch.inside
        self._deliver_tables(self._tables.push(websocket, tls, inside, batch.lookups))
        if self._alternatives is not None:
            # One by one: many connections may end with a batch, and their rows are large.
            for made in self._alternatives.push(websocket, tls, inside, batch.latest):
                self.deliver([made])
        if self._diagnosis is not None and self._observers:
            now = self.summary.capture.last_time if now is None else now
            for rows in self._diagnosis.news(now):
                for observer in self._observers:
                    observer.news(rows)

    def finish(self, rest: Rest) -> None:
        """Give the rows that only the end of the capture completes."""
        self._tables.add_findings(rest.findings)
        self._deliver_tables(self._tables.finish(rest.topics))

    def compared(self) -> list[TableRows]:
        """Return the rows of the comparison with other transports, after `finish`."""
        if self._alternatives is None:
            return []
        early = self._alternatives.has_given
        made = self._alternatives.finish()
        return self.original.instead(made, self.summary, early=early)

    def diagnose(self) -> None:
        """Give the rows of diagnoses, after `finish`."""
        if self._diagnosis is not None:
            self.deliver(self._diagnosis.finish())
        if self._series is not None:
            self.deliver([self._series.rows()])

    def _deliver_tables(self, tables: Sequence[TableRows]) -> None:
        if self._undecided is not None:
            for rows in self._undecided.released():
                self._count(rows)
        self.deliver(tables)
        if self._diagnosis is not None:
            self._diagnosis.push(tables)

    def deliver(self, tables: Sequence[TableRows]) -> None:
        """Hand rows to all writers."""
        chosen = self.chosen(tables)
        # First of all: a fault in what adds up costs no row.
        for rows in chosen:
            for writer in self._writers:
                if writer not in self._figures:
                    writer.write(rows)
        for rows in chosen:
            for some in [rows] if self._undecided is None else self._undecided.take(rows):
                self._count(some)

    def chosen(self, tables: Sequence[TableRows]) -> Sequence[TableRows]:
        """Return the rows of connections that are wanted."""
        if self._opening is None:
            return tables
        some = [self._opening.chosen.of(rows) for rows in tables]
        return [rows for rows in some if rows.count]

    def _count(self, rows: TableRows) -> None:
        """Let rows be added up."""
        self.summary.add(rows)
        if self._series is not None:
            self._series.add(rows)
        for figures in self._figures:
            figures.write(rows)


def _earliest(one: int, other: int) -> int:
    return min((time for time in (one, other) if time != NULL), default=NULL)
