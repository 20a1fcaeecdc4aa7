"""Recovery: parts of all kinds become reports, also cut and damaged ones."""

import json

import pyarrow.parquet as pq
import pytest
from oracle.rows import table_rows
from oracle.sample import message

import analyzer
from analyzer.errors import ReportError
from analyzer.report.csv import LastingCsvWriter
from analyzer.report.json import JsonWriter
from analyzer.report.parquet import LastingParquetWriter
from analyzer.report.recovery import left_behind, recover
from analyzer.tables.schema import MESSAGES, TABLES


def rows(number, count=1):
    return table_rows(MESSAGES, [message(number + place, "client") for place in range(count)])


def died(make, count):
    """Let a run write some rows and die; return its writer, for who looks at it."""
    time = [0.0]
    writer = make(lambda: time[0])
    for number in range(count):
        writer.write(rows(number))
        time[0] += 10
        writer.flush()
    # What the end of a process does.
    parts = getattr(writer, "_parts", None) or writer._output.files
    for part in parts.values():
        part.leave()


def test_csv(tmp_path):
    died(lambda _: LastingCsvWriter(tmp_path), 3)
    with (tmp_path / "messages.csv.part").open("ab") as file:
        file.write(b"1,2,3")
    (made,) = recover(tmp_path)
    assert (made.kind, made.tables, made.rows) == ("CSV", 1, 3)
    assert analyzer.read_csv(tmp_path).messages["message"].tolist() == [0, 1, 2]
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(
        f"{table.name}.csv" for table in TABLES
    )


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_parquet(tmp_path, cut):
    died(lambda clock: LastingParquetWriter(tmp_path, clock), 3)
    part = tmp_path / "messages.parquet.part"
    data = part.read_bytes()
    part.write_bytes(data[: len(data) - cut])
    (made,) = recover(tmp_path)
    expected = [0, 1, 2] if not cut else [0, 1]
    assert made.rows == len(expected)
    assert pq.read_table(tmp_path / "messages.parquet")["message"].to_pylist() == expected
    assert list(tmp_path.glob("*.part")) == []


def test_json(tmp_path):
    died(lambda _: JsonWriter(tmp_path / "j.json", lasting=True), 3)
    with (tmp_path / "j.json.messages.part").open("ab") as file:
        file.write(b'{"conn')
    (made,) = recover(tmp_path)
    assert (made.target, made.rows) == (tmp_path / "j.json", 3)
    document = json.loads((tmp_path / "j.json").read_text())
    assert [row["message"] for row in document["messages"]] == [0, 1, 2]
    assert set(document) == {table.name for table in TABLES}
    assert list(tmp_path.glob("*.part")) == []


def test_parts_of_a_rotating_run(tmp_path):
    died(lambda _: LastingCsvWriter(tmp_path / "1"), 2)
    died(lambda _: LastingCsvWriter(tmp_path / "2"), 1)
    (tmp_path / "3").mkdir()
    assert left_behind(tmp_path, None, None, rotates=True) == [tmp_path]
    assert [made.rows for made in recover(tmp_path)] == [2, 1]
    assert left_behind(tmp_path, None, None, rotates=True) == []
    assert recover(tmp_path) == []


def test_a_run_at_work_and_no_folder(tmp_path):
    writer = LastingCsvWriter(tmp_path / "c")
    with pytest.raises(ReportError, match="at work"):
        recover(tmp_path)
    writer.close()
    assert recover(tmp_path) == []
    with pytest.raises(ReportError, match="No such file"):
        recover(tmp_path / "none")


def test_a_lasting_report_is_the_same_as_another(tmp_path):
    lasting = LastingParquetWriter(tmp_path / "a")
    from analyzer.report.parquet import ParquetWriter

    other = ParquetWriter(tmp_path / "b")
    for writer in (lasting, other):
        for number in range(0, 9000, 1000):
            writer.write(rows(number, 1000))
        writer.close()
    for table in TABLES:
        one, two = (pq.read_table(tmp_path / f / f"{table.name}.parquet") for f in "ab")
        assert one.equals(two, check_metadata=True), table.name


def test_links_lead_nowhere(tmp_path):
    """Who may write to a folder must not let root cut a file of somebody else."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "messages.csv.part").write_bytes(b"a,b\nhalf")
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "below").symlink_to(elsewhere)
    (folder / "messages.csv.part").symlink_to(elsewhere / "messages.csv.part")
    assert recover(folder) == []
    assert left_behind(folder, None, None, rotates=True) == []
    assert (elsewhere / "messages.csv.part").read_bytes() == b"a,b\nhalf"
