"""The Parquet report: a folder with one file for each table, written as rows come.

Types, units and sentences come from the schema (tables.values). Made by the command
line, called by the pipeline. pyarrow is imported when a writer is made.
"""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from analyzer.errors import ReportError
from analyzer.report.output import PendingFile, PendingFolder, report_errors
from analyzer.report.parts import Part, PartFolder
from analyzer.tables.schema import TABLES, Table, TableRows
from analyzer.tables.values import arrow_field, to_arrow
from analyzer.version import __version__

FLUSH_ROWS = 4096
FLUSH_S = 5.0
"""Rows of a lasting report wait until there are so many, or for so long: a batch has some kB
of overhead, however few rows are in it."""
ROW_GROUP = 65_536
"""Rows that a reader must decode at once; fewer would cost compression."""


def file_name(table: str) -> str:
    """Return the name of a table's file in the folder."""
    return f"{table}.parquet"


def file_names() -> list[str]:
    """Return the names of all files of a folder."""
    return [file_name(table.name) for table in TABLES]


class ParquetWriter:
    """Writes all tables; a table's rows wait until they fill a row group."""

    def __init__(self, folder: str | Path) -> None:
        """Open the files under temporary names.

        Raises:
            ReportError: The folder cannot be written.
        """
        self._output = PendingFolder(Path(folder), file_names())
        self._tables = {
            table.name: _TableFile(table, self._output.files[file_name(table.name)].file)
            for table in TABLES
        }

    def write(self, rows: TableRows) -> None:
        """Append `rows` to their table's file."""
        with report_errors(self._output.folder):
            self._tables[rows.table.name].write(rows)

    def close(self) -> None:
        """Put all files in place."""
        with report_errors(self._output.folder):
            for table in self._tables.values():
                table.close()
        self._output.commit()

    def abort(self) -> None:
        """Remove what was written."""
        for table in self._tables.values():
            table.abort()
        self._output.discard()


class LastingParquetWriter:
    """Writes all tables to parts that outlive the run (report.parts).

    A Parquet file can be read only when its end is written. So a part is a stream of Arrow,
    whose batches can be read one by one, and becomes Parquet when the run ends.
    """

    def __init__(self, folder: str | Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Open the parts.

        Raises:
            ReportError: The folder cannot be written, or another run writes there.
        """
        self._output = PartFolder(Path(folder), file_names(), lines=False)
        self._streams = {
            table.name: _Stream(table, self._output.files[file_name(table.name)])
            for table in TABLES
        }
        self._clock = clock
        self._flushed = clock()
        self._over = False

    def write(self, rows: TableRows) -> None:
        """Append `rows` to their table's part.

        Raises:
            ReportError: The disk is full.
        """
        self._streams[rows.table.name].write(rows)

    def flush(self) -> None:
        """Write what waits to the parts, if it is time (Lasting)."""
        now = self._clock()
        if now - self._flushed >= FLUSH_S:
            self._flushed = now
            for stream in self._streams.values():
                stream.flush()

    def close(self) -> None:
        """Make Parquet of the parts; where that is not possible, they stay.

        Raises:
            ReportError: A file cannot be written.
        """
        if self._over:
            return
        self._over = True
        first: ReportError | None = None
        for stream in self._streams.values():
            try:
                stream.flush()
            except ReportError as error:
                first = first or error
        self._output.leave()
        for part in self._output.files.values():
            try:
                convert(part.path, part.target)
            except ReportError as error:
                first = first or ReportError(
                    str(error), hint=f"wsanalyze recover {self._output.folder} makes tables later"
                )
        if first is not None:
            raise first

    def abort(self) -> None:
        """Remove what was written."""
        self._over = True
        self._output.discard()


class _Stream:
    """One table's part, as a stream of Arrow."""

    def __init__(self, table: Table, part: Part) -> None:
        import pyarrow as pa

        self._part = part
        self._schema = _schema(table)
        self._columns = table.columns
        self._waiting: list[Any] = []
        self._count = 0
        self._sink = io.BytesIO()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        self._writer = pa.ipc.new_stream(self._sink, self._schema, options=options)
        self._pass_on()

    def write(self, rows: TableRows) -> None:
        import pyarrow as pa

        arrays = [to_arrow(column, rows.values[column.name]) for column in self._columns]
        self._waiting.append(pa.Table.from_arrays(arrays, schema=self._schema))
        self._count += rows.count
        if self._count >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        import pyarrow as pa

        if self._count:
            waiting, self._waiting, self._count = self._waiting, [], 0
            self._writer.write_table(pa.concat_tables(waiting).combine_chunks())
            self._pass_on()

    def _pass_on(self) -> None:
        """Hand whole batches to the part, which takes all of what it is given or nothing."""
        self._part.write(self._sink.getvalue())
        self._sink.seek(0)
        self._sink.truncate()
        self._part.flush()


def convert(part: Path, target: Path) -> int:
    """Make a Parquet file of a part, and remove the part; return its rows.

    A part that was cut within a batch gives those before it.

    Raises:
        ReportError: It cannot be read or written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = next(each for each in TABLES if file_name(each.name) == target.name)
    rows = 0
    pending = PendingFile(target)
    try:
        with report_errors(target), pq.ParquetWriter(
            pending.file, _schema(table), **_encodings(table)
        ) as writer:  # fmt: skip
            waiting: list[Any] = []
            count = 0
            for batch in _batches(part):
                waiting.append(batch)
                count += batch.num_rows
                rows += batch.num_rows
                if count >= ROW_GROUP:
                    writer.write_table(pa.Table.from_batches(waiting), row_group_size=ROW_GROUP)
                    waiting, count = [], 0
            if waiting:
                writer.write_table(pa.Table.from_batches(waiting), row_group_size=ROW_GROUP)
        pending.finish()
        pending.commit()
    except BaseException:
        pending.discard()
        raise
    part.unlink(missing_ok=True)
    return rows


def _batches(part: Path) -> Iterator[Any]:
    """Yield the batches of a part up to where it is cut."""
    import pyarrow as pa

    with report_errors(part), part.open("rb") as file:
        try:
            reader = pa.ipc.open_stream(file)
            while True:
                yield reader.read_next_batch()
        except (StopIteration, pa.ArrowException):
            return
        except OSError as error:
            # pyarrow's own, of a batch that is cut, has no number.
            if error.errno is not None:
                raise


def _schema(table: Table) -> Any:
    """Return the Arrow schema of a table."""
    import pyarrow as pa

    about = {"description": table.text, "pandas": json.dumps(_for_pandas(table))}
    return pa.schema([arrow_field(c) for c in table.columns], about)


_COUNTING: Final = frozenset({"packet", "packet_first", "packet_last", "frame", "message"})
"""Columns of numbers that hardly come twice in a table, and grow."""


def _encodings(table: Table) -> dict[str, Any]:
    """Return how the columns of a table are stored.

    Dictionaries are Arrow's default. For what hardly comes twice they cost more than all else:
    times and numbers of packets are stored as differences (Parquet's DELTA_BINARY_PACKED), which
    takes half of the time for `frames`, and half of the bytes.
    """
    growing = [c.name for c in table.columns if c.type == "time" or c.name in _COUNTING]
    unique = {*growing, *(c.name for c in table.columns if c.type == "key")}
    return {
        "compression": "zstd",
        "use_dictionary": [c.name for c in table.columns if c.name not in unique],
        "column_encoding": dict.fromkeys(growing, "DELTA_BINARY_PACKED"),
    }


def _for_pandas(table: Table) -> dict[str, Any]:
    """Return the metadata from which pandas.read_parquet makes the dtypes of docs/tables.md.

    Without it, numbers with nulls would become floats. The form is that of pandas' developer
    documentation, "Storing pandas DataFrame objects in Apache Parquet format".
    """
    columns = [
        {
            "name": column.name,
            "field_name": column.name,
            "pandas_type": _DTYPES[column.type].lower(),
            "numpy_type": _DTYPES[column.type],
            "metadata": None,
        }
        for column in table.columns
        if column.type in _DTYPES
    ]
    creator = {"library": "wsanalyze", "version": __version__}
    return {
        "index_columns": [],
        "column_indexes": [],
        "columns": columns,
        "creator": creator,
        "pandas_version": "2.2.0",
    }


_DTYPES: Final = {"int": "Int64", "bool": "boolean", "text": "string", "key": "string"}
"""Dtypes that pandas would not take by itself, by type of column."""


class _TableFile:
    """One table's file."""

    def __init__(self, table: Table, file: object) -> None:
        import pyarrow.parquet as pq

        self._schema = _schema(table)
        self._columns = table.columns
        self._writer = pq.ParquetWriter(file, self._schema, **_encodings(table))
        self._waiting: list[Any] = []
        self._count = 0

    def write(self, rows: TableRows) -> None:
        import pyarrow as pa

        arrays = [to_arrow(column, rows.values[column.name]) for column in self._columns]
        self._waiting.append(pa.Table.from_arrays(arrays, schema=self._schema))
        self._count += rows.count
        if self._count >= ROW_GROUP:
            joined = pa.concat_tables(self._waiting)
            full = self._count - self._count % ROW_GROUP
            self._writer.write_table(joined.slice(0, full), row_group_size=ROW_GROUP)
            # A copy, so that the rows already written are let go.
            self._waiting = [joined.slice(full).combine_chunks()]
            self._count -= full

    def close(self) -> None:
        import pyarrow as pa

        if self._count:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=ROW_GROUP)
            self._count = 0
        self._waiting.clear()
        self._writer.close()

    def abort(self) -> None:
        """Let go of a file that is of no use, also one that cannot be written."""
        self._waiting.clear()
        with contextlib.suppress(OSError, ValueError):
            self._writer.close()
        # Otherwise pyarrow tries again when it is forgotten, and prints that it cannot.
        self._writer.is_open = False
