"""The Parquet report: a folder with one file for each table, written as rows come.

Types, units and sentences come from the schema (tables.values). Made by the command
line, called by the pipeline. pyarrow is imported when a writer is made.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from analyzer.report.output import PendingFolder, report_errors
from analyzer.tables.schema import TABLES, Table, TableRows
from analyzer.tables.values import arrow_field, to_arrow

ROW_GROUP = 65_536
"""Rows that a reader must decode at once; fewer would cost compression."""


def file_name(table: str) -> str:
    """Return the name of a table's file in the folder."""
    return f"{table}.parquet"


class ParquetWriter:
    """Writes all tables; a table's rows wait until they fill a row group."""

    def __init__(self, folder: str | Path) -> None:
        """Open the files under temporary names.

        Raises:
            ReportError: The folder cannot be written.
        """
        self._output = PendingFolder(Path(folder), [file_name(table.name) for table in TABLES])
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
        with contextlib.suppress(OSError, ValueError):
            for table in self._tables.values():
                table.close()
        self._output.discard()


class _TableFile:
    """One table's file."""

    def __init__(self, table: Table, file: object) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._schema = pa.schema(
            [arrow_field(column) for column in table.columns], {"description": table.text}
        )
        self._columns = table.columns
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")
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
