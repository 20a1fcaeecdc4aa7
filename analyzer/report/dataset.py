"""A Parquet dataset of many captures: a folder for each table, with a part for each capture.

    OUT/messages/capture=a.pcap/part-0.parquet
    OUT/messages/capture=b.pcap/part-0.parquet

`pandas.read_parquet("OUT/messages")` reads the parts as one, with a column `capture`: the layout
that Apache Hive introduced, which Arrow, DuckDB, Polars, Spark and Dask know. Knows folders. Must
not know formats of tables (report.parquet). Made by the command line for --each.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from urllib.parse import quote

from analyzer.report.output import partial_path, report_errors
from analyzer.report.parquet import ParquetWriter, file_name
from analyzer.tables.schema import TABLES, TableRows

PART = "part-0.parquet"


def part_folder(folder: Path, table: str, capture: str) -> Path:
    """Return where the part of a capture is; readers decode the percent signs again."""
    return folder / table / f"capture={quote(capture, safe=' +,@')}"


def staging(folder: Path, capture: str, process: int) -> Path:
    """Return where a process writes the parts of a capture until all are complete."""
    return partial_path(folder / quote(capture, safe=""), process)


class DatasetWriter:
    """Writes the parts of one capture; they replace those that there are of its name.

    Args:
        folder: of the dataset; made with those above it.
        capture: its name in the dataset.

    Raises:
        ReportError: The folder cannot be written.
    """

    def __init__(self, folder: Path, capture: str) -> None:
        self._folder = folder
        self._capture = capture
        self._over = False
        self._staging = staging(folder, capture, os.getpid())
        with report_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._writer = ParquetWriter(self._staging)

    def write(self, rows: TableRows) -> None:
        """Append rows to their table's part (Writer)."""
        self._writer.write(rows)

    def close(self) -> None:
        """Put all parts in place (Writer).

        Raises:
            ReportError: A part cannot be written.
        """
        if self._over:
            return
        self._writer.close()
        self._over = True
        try:
            with report_errors(self._folder):
                for table in TABLES:
                    target = part_folder(self._folder, table.name, self._capture)
                    target.mkdir(parents=True, exist_ok=True)
                    (self._staging / file_name(table.name)).replace(target / PART)
        finally:
            shutil.rmtree(self._staging, ignore_errors=True)

    def abort(self) -> None:
        """Remove what was written (Writer)."""
        if not self._over:
            self._over = True
            self._writer.abort()
            shutil.rmtree(self._staging, ignore_errors=True)
