"""The Python API: an analysis as DataFrames, and --where, which needs one.

Knows the pipeline from outside, rows, and pandas, which is imported when a DataFrame is
asked for. Must not know how tables are made. Used by Python programs and by the command
line.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    Unpack,
    cast,
)

from analyzer.checking import options_of
from analyzer.errors import OptionError
from analyzer.options import Options
from analyzer.report.output import Writer
from analyzer.selection import Selected as Selected
from analyzer.selection import Selection as Selection
from analyzer.selection import select as select
from analyzer.selection import to_frame as to_frame
from analyzer.sources import ETHERNET, Source, as_paths, check_readable, paths_of
from analyzer.tables import schema
from analyzer.tables.figures import Figures
from analyzer.tables.schema import Table, TableRows
from analyzer.tables.summary import Summary
from analyzer.tables.values import concatenated

if TYPE_CHECKING:
    import pandas as pd

    from analyzer.pipeline import Progress
    from analyzer.rows import OptionValues
    from analyzer.tables.comparison import Comparison
    from analyzer.tables.talks import Talks

StrPath = str | os.PathLike[str]

STDIN = "-"


class Tables:
    """The tables as DataFrames, each made when it is first asked for.

    docs/tables.md has columns, dtypes and null rules. Rows are sorted by their ids.
    """

    def __init__(self, load: Callable[[Table], TableRows]) -> None:
        """Take rows of a table from `load` when they are needed."""
        self._load = load
        self._made: dict[str, pd.DataFrame] = {}

    @property
    def connections(self) -> pd.DataFrame:
        """One row for each WebSocket connection."""
        return self._table(schema.CONNECTIONS)

    @property
    def handshakes(self) -> pd.DataFrame:
        """One row for each upgrade attempt, refused ones too."""
        return self._table(schema.HANDSHAKES)

    @property
    def frames(self) -> pd.DataFrame:
        """One row for each WebSocket frame."""
        return self._table(schema.FRAMES)

    @property
    def messages(self) -> pd.DataFrame:
        """One row for each message, with its cost on the wire."""
        return self._table(schema.MESSAGES)

    @property
    def pings(self) -> pd.DataFrame:
        """One row for each Ping with its Pong."""
        return self._table(schema.PINGS)

    @property
    def http(self) -> pd.DataFrame:
        """One row for each plain HTTP exchange."""
        return self._table(schema.HTTP)

    @property
    def ledger(self) -> pd.DataFrame:
        """Every byte accounted for once, by connection and direction."""
        return self._table(schema.LEDGER)

    @property
    def findings(self) -> pd.DataFrame:
        """One row for each oddity."""
        return self._table(schema.FINDINGS)

    @property
    def alternatives(self) -> pd.DataFrame:
        """What the same messages cost over each transport, by connection and in total."""
        return self._table(schema.ALTERNATIVES)

    @property
    def scaling(self) -> pd.DataFrame:
        """Rates of each transport for so many clients (Options.clients)."""
        return self._table(schema.SCALING)

    @property
    def compression(self) -> pd.DataFrame:
        """What permessage-deflate saved, or would have, by connection and direction."""
        return self._table(schema.COMPRESSION)

    @property
    def http_groups(self) -> pd.DataFrame:
        """One row for each group of plain HTTP exchanges that deliver messages."""
        return self._table(schema.HTTP_GROUPS)

    @property
    def tls_sessions(self) -> pd.DataFrame:
        """One row for each TLS session of which a hello was captured."""
        return self._table(schema.TLS_SESSIONS)

    @property
    def calls(self) -> pd.DataFrame:
        """One row for each call of an inner protocol."""
        return self._table(schema.CALLS)

    @property
    def topics(self) -> pd.DataFrame:
        """One row for each topic of a publish/subscribe protocol."""
        return self._table(schema.TOPICS)

    @property
    def fanout(self) -> pd.DataFrame:
        """One row for each delivery whose publication was captured."""
        return self._table(schema.FANOUT)

    @property
    def hops(self) -> pd.DataFrame:
        """Two rows for each proxy, balancer or NAT between two legs of a conversation."""
        return self._table(schema.HOPS)

    @property
    def diagnoses(self) -> pd.DataFrame:
        """One row for each cause that the other tables show, the most costly first."""
        return self._table(schema.DIAGNOSES)

    @property
    def series(self) -> pd.DataFrame:
        """One row for each second, or Options.series_every_s: rates and delays over time."""
        return self._table(schema.SERIES)

    def to_csv(self, folder: StrPath) -> None:
        """Write all tables as CSV, as --csv does.

        Raises:
            ReportError: The folder cannot be written.
        """
        self._write(folder, "csv")

    def to_parquet(self, folder: StrPath) -> None:
        """Write all tables as Parquet, as --parquet does.

        Raises:
            ReportError: The folder cannot be written.
        """
        self._write(folder, "parquet")

    def to_json(self, file: StrPath) -> None:
        """Write all tables as one JSON document, as --json does.

        Raises:
            ReportError: The file cannot be written.
        """
        self._write(file, "json")

    def to_html(self, file: StrPath) -> None:
        """Write a page with charts and tables, as --html does.

        Raises:
            ReportError: The file cannot be written.
        """
        self._write(file, "html")

    def to_har(self, file: StrPath) -> None:
        """Write a HAR file, as --har does; it has data where payload="full" was asked for.

        Raises:
            ReportError: The file cannot be written.
        """
        self._write(file, "har")

    def _write(self, target: StrPath, form: str) -> None:
        from analyzer.report import api

        api.write(self._load, Path(target), form, getattr(self, "summary", None))

    def _table(self, table: Table) -> pd.DataFrame:
        if table.name not in self._made:
            self._made[table.name] = to_frame(self._load(table))
        return self._made[table.name]


class Analysis(Tables):
    """What analyze() returns.

    Attributes:
        summary: the figures of the terminal report.
    """

    def __init__(self, collector: Collector, summary: Summary) -> None:
        """Take the rows that `collector` holds."""
        super().__init__(collector.rows)
        self.summary = summary

    def __repr__(self) -> str:
        from analyzer.report import api

        return api.text(self.summary)

    def _repr_html_(self) -> str:
        from analyzer.report import api

        return api.html(self.summary)

    def __getstate__(self) -> dict[str, Any]:
        from analyzer.report import api

        return {"summary": self.summary, "rows": api.frozen(self._load)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        rows = state["rows"]
        Tables.__init__(self, lambda table: TableRows(table, *rows[table.name]))
        self.summary = state["summary"]


class Collector:
    """A Writer that keeps rows in memory."""

    def __init__(self, tables: Sequence[Table] = schema.TABLES) -> None:
        """Keep the rows of `tables`."""
        self._batches: dict[str, list[TableRows]] = {table.name: [] for table in tables}

    def write(self, rows: TableRows) -> None:
        """Keep `rows`."""
        if rows.table.name in self._batches:
            if rows.table is schema.ALTERNATIVES:
                # What they are made of takes several times as much.
                rows = TableRows(rows.table, dict(rows.values), rows.count)
            self._batches[rows.table.name].append(rows)

    def close(self) -> None:
        """Do nothing (Writer)."""

    def abort(self) -> None:
        """Do nothing (Writer)."""

    def rows(self, table: Table) -> TableRows:
        """Return all rows of a table."""
        batches = self._batches[table.name]
        values = {column.name: concatenated(column, batches) for column in table.columns}
        return TableRows(table, values, sum(batch.count for batch in batches))


def analyze(
    source: Source,
    *,
    where: str | None = None,
    link_type: int = ETHERNET,
    jobs: int = 1,
    **options: Unpack[OptionValues],
) -> Analysis:
    """Analyse captures as one.

    Args:
        source: a capture, a folder of captures, a pattern such as "ring/*.pcapng", or several; "-"
            is standard input. Or an open binary file (BytesIO), a scapy PacketList, a reader of
            dpkt, or pairs of time in seconds and bytes.
        where: keep only connections for which this expression over the columns of
            the connections table is true, as in DataFrame.query.
        link_type: of packets that are pairs (tcpdump.org/linktypes.html); default Ethernet.
        jobs: processes at most. The rows are the same; packets that come through a pipe are
            analysed by one.
        **options: fields of analyzer.Options, such as payload="full".

    Returns:
        The tables as DataFrames, and the summary.

    Raises:
        CaptureError: The input cannot be read at all.
        OptionError: `where` cannot be evaluated, an option's value is wrong, or the source is
            none.
        JobError: A process failed, or died.
        TypeError: There is no such option.
    """
    checked = options_of(options)
    if jobs < 1:
        raise OptionError(f"jobs must be 1 or more, not {jobs}")
    collector = Collector()
    with as_paths(source, link_type) as (paths, stdin):
        summary = run(paths, checked, [collector], where=where, stdin=stdin, fronts=jobs - 1)
    return Analysis(collector, summary)


def compare(
    a: StrPath | Sequence[StrPath],
    b: StrPath | Sequence[StrPath],
    *,
    where: str | None = None,
    **options: Unpack[OptionValues],
) -> pd.DataFrame:
    """Put two captures side by side.

    Args:
        a: a capture, a folder of captures, or several that are one; "-" is standard input.
        b: the same; only one of the two may be standard input.
        where: keep only connections for which this holds, in both; see analyze().
        **options: fields of analyzer.Options.

    Returns:
        The table `comparison`: one row for each figure, with its difference (b - a)
        and its ratio (b / a), in the order of docs/tables.md.

    Raises:
        CaptureError: One of the two cannot be read at all.
        OptionError: `where` cannot be evaluated, or both are standard input.
        TypeError: There is no such option.
    """
    made = compared(several(a), several(b), options_of(options), where=where)
    return to_frame(made.rows())


def compared(
    a: Sequence[Path],
    b: Sequence[Path],
    options: Options,
    *,
    where: str | None = None,
    on_progress: Progress | None = None,
    stdin: BinaryIO | None = None,
) -> Comparison:
    """Analyse two captures, one after the other, and compare them.

    Raises:
        CaptureError: One of the two cannot be read at all.
        OptionError: `where` cannot be evaluated, or both are standard input.
    """
    # Late: only comparisons need it.
    from analyzer.tables.comparison import Comparison, Side
    from analyzer.tables.paths import Between
    from analyzer.tables.talks import Talks

    if all(any(str(path) == STDIN for path in paths) for paths in (a, b)):
        raise OptionError("only one of the two captures can be standard input")
    for paths in (a, b):
        check_readable(paths, options)
    sides, heard = [], []
    for paths in (a, b):
        figures, talks = Figures(), Talks(options)
        made = run(paths, options, [figures], where, on_progress, stdin, talks)
        talks.settle()
        sides.append(Side(made, figures))
        heard.append(talks)
    spans = [(side.summary.capture.first_time, side.summary.capture.last_time) for side in sides]
    return Comparison(sides[0], sides[1], Between(heard[0], heard[1], (spans[0], spans[1])))


def several(paths: StrPath | Sequence[StrPath]) -> list[Path]:
    """Return one path or several as a list.

    Raises:
        OptionError: They are no paths.
    """
    found = paths_of(paths)
    if found is None:
        raise OptionError(f"{type(paths).__name__} is no path and no list of paths")
    return found


def read_csv(folder: StrPath) -> Tables:
    """Return the tables of a folder that --csv wrote, with the dtypes of analyze().

    Raises:
        ReportError: A table's file is missing or is not one that --csv wrote.
    """
    from analyzer.report.csv import read_rows

    return Tables(lambda table: read_rows(Path(folder), table))


def read_parquet(folder: StrPath) -> Tables:
    """Return the tables of a folder that --parquet wrote, with the dtypes of analyze().

    Raises:
        ReportError: A table's file is missing or is not one that --parquet wrote.
    """
    from analyzer.report.parquet_reading import read_rows

    return Tables(lambda table: read_rows(Path(folder), table))


def run(
    paths: Sequence[Path],
    options: Options,
    writers: Sequence[Writer],
    where: str | None = None,
    on_progress: Progress | None = None,
    stdin: BinaryIO | None = None,
    listener: Talks | None = None,
    fronts: int = 0,
) -> Summary:
    """Run the pipeline; with `where` twice, first to see the connections.

    Writers are closed when all is written. Who opened them aborts them if this raises: a wrong
    `where` is found before they are used.

    Raises:
        CaptureError: The input cannot be read at all.
        OptionError: `where` cannot be evaluated.
        JobError: A process failed, or died.
    """
    from analyzer import pipeline

    if where is None:
        return pipeline.run(
            *(paths, options, writers, on_progress, stdin), listener=listener, fronts=fronts
        )
    with read_twice(paths, stdin) as rewound:
        collector = Collector([schema.CONNECTIONS])
        pipeline.run(
            paths, options, [collector], on_progress=on_progress, stdin=rewound(), fronts=fronts
        )
        rows = collector.rows(schema.CONNECTIONS)
        selected = select(to_frame(rows), where)
        summary = Summary(late_us=options.late_us)
        chosen = [Selection(writer, selected) for writer in (*writers, summary)]
        whole = pipeline.run(
            paths,
            options,
            chosen,
            on_progress=on_progress,
            stdin=rewound(),
            only=selected.connections,
            listener=listener,
            fronts=fronts,
        )
        if listener is not None:
            listener.only = selected.connections
        summary.capture = whole.capture
        summary.capture.selected = (len(selected.connections), rows.count)
        return summary


@contextlib.contextmanager
def read_twice(
    paths: Sequence[Path], stdin: BinaryIO | None = None
) -> Iterator[Callable[[], BinaryIO | None]]:
    """Yield what gives standard input from its start each time, kept in a temporary file.

    It gives None where standard input is not among `paths`.
    """
    import shutil
    import tempfile

    with tempfile.TemporaryFile() as spool:
        piped = any(str(path) == STDIN for path in paths)
        if piped:
            shutil.copyfileobj(stdin or open_stdin(), spool)

        def rewound() -> BinaryIO | None:
            spool.seek(0)
            return cast("BinaryIO", spool) if piped else None

        yield rewound


def open_stdin() -> BinaryIO:
    """Return standard input as bytes."""
    return sys.stdin.buffer
