"""The CSV report: a folder with one file for each table, written as rows come.

docs/tables.md describes the cells. Knows no values: report.cells formats
them. Made by the command line, called by the pipeline; analyzer.read_csv reads it back.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np

from analyzer.columns import NULL
from analyzer.errors import ReportError
from analyzer.lazy_pattern import lazy_pattern
from analyzer.report.cells import Formatter
from analyzer.report.output import PendingFolder, report_errors
from analyzer.report.parts import PartFolder
from analyzer.tables.schema import TABLES, Column, Table, TableRows, Values
from analyzer.tables.values import unit_ns

_LARGEST_BLOCK = 1 << 30

_ESCAPE = lazy_pattern(r"\\(?:x([0-9a-f]{2})|(.))", re.DOTALL)


def file_name(table: str) -> str:
    """Return the name of a table's file in the folder."""
    return f"{table}.csv"


def file_names() -> list[str]:
    """Return the names of all files of a folder."""
    return [file_name(table.name) for table in TABLES]


def header(table: Table) -> bytes:
    """Return the first line of a table's file."""
    return (",".join(column.name for column in table.columns) + "\n").encode()


class CsvWriter:
    """Writes all tables; tables without rows have their header alone."""

    def __init__(self, folder: str | Path) -> None:
        """Open the files under temporary names.

        Raises:
            ReportError: The folder cannot be written.
        """
        self._output = PendingFolder(Path(folder), file_names())
        self._formatters = {table.name: Formatter(table, "csv") for table in TABLES}
        for table in TABLES:
            self._output.files[file_name(table.name)].file.write(header(table))

    def write(self, rows: TableRows) -> None:
        """Append `rows` to their table's file."""
        file = self._output.files[file_name(rows.table.name)].file
        with report_errors(self._output.folder):
            for piece in self._formatters[rows.table.name].format(rows):
                file.write(piece)

    def close(self) -> None:
        """Put all files in place."""
        self._output.commit()

    def abort(self) -> None:
        """Remove what was written."""
        self._output.discard()


class LastingCsvWriter:
    """Writes all tables as CsvWriter does, to parts that outlive the run (report.parts)."""

    def __init__(self, folder: str | Path) -> None:
        """Open the parts.

        Raises:
            ReportError: The folder cannot be written, or another run writes there.
        """
        self._output = PartFolder(Path(folder), file_names())
        self._formatters = {table.name: Formatter(table, "csv") for table in TABLES}
        for table in TABLES:
            self._output.files[file_name(table.name)].write(header(table))

    def write(self, rows: TableRows) -> None:
        """Append `rows` to their table's part.

        Raises:
            ReportError: The disk is full.
        """
        part = self._output.files[file_name(rows.table.name)]
        for piece in self._formatters[rows.table.name].format(rows):
            part.write(piece)

    def flush(self) -> None:
        """Write what waits to the parts (Lasting)."""
        self._output.flush()

    def close(self) -> None:
        """Put all files in place, with the rows that could be written."""
        self._output.commit()

    def abort(self) -> None:
        """Remove what was written."""
        self._output.discard()


def read_rows(folder: str | Path, table: Table) -> TableRows:
    """Return a table's rows as a CsvWriter wrote them.

    Raises:
        ReportError: There is no such file, or it is not one that CsvWriter wrote.
    """
    import pyarrow as pa
    import pyarrow.csv

    path = Path(folder) / file_name(table.name)
    try:
        size = path.stat().st_size
        read = pyarrow.csv.read_csv(
            path,
            # A row must fit into a block, and payloads may be long.
            pyarrow.csv.ReadOptions(block_size=min(max(size, 1), _LARGEST_BLOCK)),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={column.name: _cell_type(column) for column in table.columns},
                include_columns=[column.name for column in table.columns],
                null_values=[""],
                true_values=["true"],
                false_values=["false"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except (OSError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise ReportError(f"cannot read {path}: {reason}") from error
    values = {c.name: _values(c, read.column(c.name).combine_chunks()) for c in table.columns}
    return TableRows(table, values, len(read))


def _cell_type(column: Column) -> Any:
    """Return the Arrow type as which a column's cells are parsed."""
    import pyarrow as pa

    numbers = {"int": pa.int64(), "bool": pa.bool_()}
    if column.type == "ratio":
        return pa.float64()
    return numbers.get(column.type, pa.string())


def _values(column: Column, cells: Any) -> Values:
    """Return a column as the program keeps it, from parsed cells."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type == "text":
        return [None if cell is None else restored(cell) for cell in cells.to_pylist()]
    if column.type == "payload":
        return [None if cell is None else _payload(cell) for cell in cells.to_pylist()]
    if column.type == "key":
        keys = [NULL if cell is None else int(cell, 16) for cell in cells.to_pylist()]
        return np.array(keys, np.int64)
    if column.type == "time":
        return _times(cells)
    if column.type == "enum":
        codes = pc.index_in(cells, value_set=pa.array(column.labels, pa.string()))
        return np.asarray(codes.fill_null(-1)).astype(np.int8)
    if column.type == "bool":
        return np.asarray(cells.cast(pa.int8()).fill_null(-1))
    if column.type == "ratio":
        return np.asarray(cells.fill_null(float("nan")))
    if column.type in ("us", "seconds"):
        return _durations(cells, column)
    return np.asarray(cells.fill_null(NULL))


def _durations(cells: Any, column: Column) -> Values:
    """Return ns of durations: exactly, where they have as many digits as the kernel writes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = len(str(unit_ns(column))) - 1
    if pc.all(pc.match_substring_regex(cells, rf"^-?\d+\.\d{{{digits}}}$")).as_py() in (True, None):
        whole = pc.replace_substring(cells, ".", "").cast(pa.int64())
        return np.asarray(whole.fill_null(NULL))
    # Another program has written the file again.
    known = np.asarray(cells.cast(pa.float64()).fill_null(0.0))
    scaled = np.rint(known * unit_ns(column)).astype(np.int64)
    return np.where(np.asarray(cells.is_null()), NULL, scaled)


def _times(cells: Any) -> Values:
    """Return ns since 1970 of times as the kernel writes them, of one length all.

    Arrow itself cannot parse the first second of the range of an int64.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    seconds = pc.utf8_slice_codeunits(cells, 0, 19).cast(pa.timestamp("s")).cast(pa.int64())
    fractions = pc.utf8_slice_codeunits(cells, 20, 29).cast(pa.int64())
    times = np.asarray(seconds.fill_null(0)) * 1_000_000_000 + np.asarray(fractions.fill_null(0))
    return np.where(np.asarray(cells.is_null()), NULL, times)


def restored(cell: str) -> str:
    """Return the text of which a cell was made: without its protection, if it has one."""
    if not cell.startswith("'"):
        return cell
    return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else m[2], cell[1:])


def _payload(cell: str) -> bytes:
    return base64.b64decode(cell.removeprefix("'"))
