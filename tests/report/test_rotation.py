"""Parts of reports: when a new one begins, what they hold together, and a full disk."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from oracle.live import STATS
from oracle.rows import table_rows
from oracle.sample import message

import analyzer
from analyzer.errors import OptionError, ReportError
from analyzer.report import csv
from analyzer.report.csv import CsvWriter
from analyzer.report.parquet import ParquetWriter
from analyzer.report.rotation import RETRY_NS, Keep, RotatingWriter, bytes_of, keep_of, seconds_of
from analyzer.tables.schema import MESSAGES

S = 1_000_000_000
T = 1_767_323_050 * S


def rows(number, count=1):
    return table_rows(MESSAGES, [message(number + place, "client") for place in range(count)])


def written(folder):
    return [
        analyzer.read_csv(part).messages["message"].tolist() for part in sorted(folder.iterdir())
    ]


def test_a_part_for_each_period(tmp_path):
    writer = RotatingWriter(tmp_path / "r", CsvWriter, every_s=60)
    for second in range(200):
        writer.tick(T + second * S, STATS)
        writer.write(rows(second))
    assert [part.name for part in sorted(writer.parts)] == [
        "20260102T030410Z-0001",
        "20260102T030510Z-0002",
        "20260102T030610Z-0003",
    ]
    writer.close()
    parts = written(tmp_path / "r")
    assert [len(part) for part in parts] == [60, 60, 60, 20]
    assert [number for part in parts for number in part] == list(range(200))


def test_a_part_for_each_size(tmp_path):
    writer = RotatingWriter(tmp_path / "r", CsvWriter, max_bytes=3_000_000)
    for second in range(6):
        writer.tick(T + second * S, STATS)
        writer.write(rows(0, 12_000))
    writer.close()
    sizes = [
        sum(file.stat().st_size for file in part.iterdir()) for part in (tmp_path / "r").iterdir()
    ]
    assert len(sizes) >= 2
    assert max(sizes) < 8_000_000


def test_parquet_parts(tmp_path):
    writer = RotatingWriter(tmp_path / "r", ParquetWriter, every_s=1)
    for second in range(3):
        writer.tick(T + second * S, STATS)
        writer.write(rows(second))
    writer.close()
    parts = sorted((tmp_path / "r").iterdir())
    assert [pd.read_parquet(part / "messages.parquet")["message"].tolist() for part in parts] == [
        [0],
        [1],
        [2],
    ]


def test_only_the_last_parts_stay(tmp_path):
    writer = RotatingWriter(tmp_path / "r", CsvWriter, every_s=1, keep=2)
    for second in range(6):
        writer.tick(T + second * S, STATS)
        writer.write(rows(second))
    writer.close()
    assert written(tmp_path / "r") == [[4], [5]]


def test_an_idle_run_makes_no_empty_parts(tmp_path):
    writer = RotatingWriter(tmp_path / "r", CsvWriter, every_s=1)
    for second in range(50):
        writer.tick(T + second * S, STATS)
    writer.close()
    assert list((tmp_path / "r").iterdir()) == []


def test_a_clock_that_is_set_back_ends_the_part(tmp_path):
    writer = RotatingWriter(tmp_path / "r", CsvWriter, every_s=3600)
    for second in (0, 1, -7200, -7199):
        writer.tick(T + second * S, STATS)
        writer.write(rows(0))
    writer.close()
    assert sorted(map(len, written(tmp_path / "r"))) == [2, 2]


def test_abort_leaves_whole_parts_alone(tmp_path):
    writer = RotatingWriter(tmp_path / "r", CsvWriter, every_s=1)
    for second in range(3):
        writer.tick(T + second * S, STATS)
        writer.write(rows(second))
    writer.abort()
    writer.write(rows(9))
    writer.close()
    assert written(tmp_path / "r") == [[0], [1]]


def test_a_full_disk_is_said_and_survived(tmp_path, monkeypatch):
    said = []
    writer = RotatingWriter(tmp_path / "r", CsvWriter, every_s=3600, say=said.append)
    writer.tick(T, STATS)
    writer.write(rows(0))
    full = ReportError("cannot write r: No space left on device")
    real = csv.CsvWriter.write
    monkeypatch.setattr(csv.CsvWriter, "write", _raise(full))
    writer.write(rows(1))
    writer.write(rows(2))
    assert len(said) == 1
    assert "No space left" in said[0]
    assert writer.lost_rows == 2
    assert [each.name for each in (tmp_path / "r").iterdir()] == [".wsanalyze.lock"]
    monkeypatch.setattr(csv.CsvWriter, "write", real)
    writer.tick(T + RETRY_NS, STATS)
    writer.write(rows(3))
    writer.close()
    assert written(tmp_path / "r") == [[3]]
    assert "2 rows" in said[1]


def _raise(error):
    def write(self, rows):
        raise error

    return write


def test_a_folder_that_cannot_be_is_told_at_once(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "no" / "such"):
        with pytest.raises(ReportError):
            RotatingWriter(folder, CsvWriter, every_s=1)


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90), ("90s", 90), ("15m", 900), ("1h", 3600), ("1.5 H", 5400)]
)
def test_times(text, value):
    assert seconds_of(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("100MB", 10**8), ("2gb", 2 * 10**9), ("500 kB", 500_000), ("7", 7)]
)
def test_sizes(text, value):
    assert bytes_of(text) == value


@pytest.mark.parametrize("text", ["", "h", "-1h", "1w", "0", "1e9", "nan", "inf", "1" * 40])
def test_nonsense(text):
    with pytest.raises(OptionError):
        seconds_of(text)
    if text != "1w":
        with pytest.raises(OptionError):
            bytes_of(text)


def parts_of(folder):
    return sorted(each.name for each in folder.iterdir() if each.is_dir())


def test_the_oldest_parts_go_by_age_also_those_of_runs_before(tmp_path):
    for name in ("20250101T000000Z-0001", "20260102T025000Z-0001", "kept-by-hand"):
        (tmp_path / name).mkdir()
    writer = RotatingWriter(tmp_path, CsvWriter, every_s=60, limits=keep_of(["1h"]))
    writer.tick(T, STATS)
    for second in range(0, 300, 10):
        writer.write(rows(second))
        writer.tick(T + second * S, STATS)
    assert "20250101T000000Z-0001" not in parts_of(tmp_path)
    assert {"20260102T025000Z-0001", "kept-by-hand"} < set(parts_of(tmp_path))
    # An hour later without traffic; the part in work and the last before it stay.
    writer.tick(T + 4000 * S, STATS)
    assert "20260102T025000Z-0001" not in parts_of(tmp_path)
    assert "kept-by-hand" in parts_of(tmp_path)
    writer.close()


def test_a_folder_that_goes_away_does_not_end_the_run(tmp_path):
    """A network file system that is not mounted for a while."""
    said = []
    folder = tmp_path / "r"
    writer = RotatingWriter(
        folder, CsvWriter, every_s=60, limits=keep_of(["1h", "1GB"]), say=said.append
    )
    shutil.rmtree(folder)
    writer.tick(T, STATS)
    writer.write(rows(0))
    assert writer.lost_rows == 1
    folder.mkdir()
    writer.tick(T + RETRY_NS, STATS)
    writer.write(rows(1))
    writer.close()
    assert written(folder) == [[1]]
    assert len(said) == 2


def test_what_only_looks_like_a_part_stays(tmp_path):
    other = tmp_path / "20251399T999999Z-0001"
    other.mkdir()
    writer = RotatingWriter(tmp_path, CsvWriter, every_s=60, limits=keep_of(["1h", "1B"]))
    for second in range(0, 300, 60):
        writer.tick(T + second * S, STATS)
        writer.write(rows(second))
    writer.close()
    assert other.exists()


def test_the_oldest_parts_go_by_size(tmp_path):
    old = tmp_path / "20250101T000000Z-0001"
    old.mkdir()
    (old / "x").write_bytes(bytes(100_000))
    one = RotatingWriter(tmp_path / "r", CsvWriter, every_s=60)
    one.write(rows(1))
    one.close()
    size = sum(file.stat().st_size for file in one.parts[0].iterdir())
    writer = RotatingWriter(tmp_path, CsvWriter, every_s=60, limits=Keep(bytes=int(3.5 * size)))
    for second in range(0, 600, 60):
        writer.tick(T + second * S, STATS)
        writer.write(rows(second))
    writer.close()
    assert not old.exists()
    assert len([name for name in parts_of(tmp_path) if name != "r"]) == 3


@pytest.mark.parametrize("text", ["", "10", "GB", "7 weeks", "-1d"])
def test_no_limits(text):
    if text == "10":
        assert keep_of([text]) == Keep(seconds=10.0)
        return
    with pytest.raises(OptionError, match="--keep takes"):
        keep_of([text])


def test_limits():
    assert keep_of(["10GB", "7d"]) == Keep(bytes=10**10, seconds=7 * 86400.0)
