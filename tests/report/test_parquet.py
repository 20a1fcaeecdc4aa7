"""The Parquet folder, read back with pyarrow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from oracle.rows import table_rows

from analyzer.errors import ReportError
from analyzer.report import parquet
from analyzer.report.parquet import ParquetWriter
from analyzer.tables.schema import FRAMES, MESSAGES, TABLES

FRAME = {
    "connection": 0,
    "direction": "server",
    "opcode": "close",
    "fin": True,
    "masked": False,
    "time_first": 1_767_323_045_000_000_006,
    "close_code": 1000,
}


def test_types_values_and_metadata(tmp_path: Path) -> None:
    writer = ParquetWriter(tmp_path / "out")
    row = {"connection": 1, "payload": b"\0\xff", "stall_us": 1500, "overhead_ratio": 0.25}
    writer.write(table_rows(MESSAGES, [row]))
    writer.close()
    read = pq.read_table(tmp_path / "out" / "messages.parquet")
    assert read.schema.names == [column.name for column in MESSAGES.columns]
    assert read["payload"].to_pylist() == [b"\0\xff"]
    assert read["stall_us"].to_pylist() == [1.5]
    assert read["overhead_ratio"].to_pylist() == [0.25]
    assert read["payload_preview"].to_pylist() == [None]
    assert read.schema.field("time_first").type == pa.timestamp("ns", "UTC")
    assert read.schema.field("stall_us").metadata[b"unit"] == b"microseconds"


def test_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP", 10)
    writer = ParquetWriter(tmp_path / "out")
    for first in range(0, 28, 7):
        numbered = [dict(FRAME, frame=first + place) for place in range(7)]
        writer.write(table_rows(FRAMES, numbered))
    writer.close()
    file = pq.ParquetFile(tmp_path / "out" / "frames.parquet")
    groups = [file.metadata.row_group(place).num_rows for place in range(3)]
    assert groups == [10, 10, 8]
    assert file.read()["frame"].to_pylist() == list(range(28))
    assert set(file.read()["opcode"].to_pylist()) == {"close"}


def test_all_files_are_there(tmp_path: Path) -> None:
    writer = ParquetWriter(tmp_path / "out")
    writer.close()
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted(f"{table.name}.parquet" for table in TABLES)


def test_abort_removes_the_folder_it_made(tmp_path: Path) -> None:
    writer = ParquetWriter(tmp_path / "out")
    writer.write(table_rows(FRAMES, [FRAME]))
    writer.abort()
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_that_is_full_is_said_once(tmp_path: Path) -> None:
    """Not again by what pyarrow does when it forgets its files."""
    code = """
import os, resource, signal, sys
from oracle.rows import table_rows
from analyzer.errors import ReportError
from analyzer.report.parquet import ParquetWriter
from analyzer.tables.schema import MESSAGES
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = ParquetWriter(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
writer.write(table_rows(MESSAGES, [{"connection": 1, "payload": os.urandom(3 << 20)}]))
try:
    writer.close()
except ReportError as error:
    print(error)
writer.abort()
del writer
"""
    path = os.pathsep.join(str(Path(__file__).parents[up]) for up in (1, 2))
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    said = f"cannot write {tmp_path / 'out'}: File too large\n"
    assert (done.stdout, done.stderr) == (said, "")
    assert list(tmp_path.iterdir()) == []


def test_folder_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="is a file"):
        ParquetWriter(tmp_path / "file")


def test_growing_numbers_are_stored_as_differences(tmp_path: Path) -> None:
    # Differences wrap around: any int64 may follow any other (Parquet, Encodings.md, DELTA).
    times = [2**63 - 1, 1 - 2**63, 0, None, FRAME["time_first"], None, -1]
    writer = ParquetWriter(tmp_path / "out")
    rows = [dict(FRAME, time_first=time, packet_first=time) for time in times]
    writer.write(table_rows(FRAMES, rows))
    writer.close()
    path = tmp_path / "out" / "frames.parquet"
    read = pq.read_table(path)
    assert read["time_first"].cast(pa.int64()).to_pylist() == times
    assert read["packet_first"].to_pylist() == times
    group = pq.ParquetFile(path).metadata.row_group(0)
    stored = {
        group.column(place).path_in_schema: group.column(place).encodings
        for place in range(group.num_columns)
    }
    assert "DELTA_BINARY_PACKED" in stored["time_first"]
    assert "RLE_DICTIONARY" in stored["opcode"]
