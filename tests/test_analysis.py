"""The Python API: DataFrames from rows, the same from CSV, and --where."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import cast

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle.fake_pipeline import FakePipeline
from oracle.rows import rows, table_rows
from oracle.sample import connection, message

import analyzer
from analyzer import analysis
from analyzer.analysis import Collector, Selected, Selection, Tables, select, to_frame
from analyzer.errors import OptionError, ReportError
from analyzer.options import Options
from analyzer.report.csv import CsvWriter
from analyzer.report.output import Writer
from analyzer.tables.schema import CONNECTIONS, FINDINGS, HANDSHAKES, HTTP, MESSAGES, TABLES

FEW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> FakePipeline:
    fake = FakePipeline()
    monkeypatch.setitem(sys.modules, "analyzer.pipeline", fake)
    monkeypatch.setattr(analyzer, "pipeline", fake, raising=False)
    return fake


def test_tables_are_dataframes(pipeline: FakePipeline) -> None:
    made = analyzer.analyze("x.pcap", payload="full")
    for table in TABLES:
        frame = getattr(made, table.name)
        assert list(frame.columns) == [column.name for column in table.columns]
    assert list(made.connections["connection"]) == [0, 1]
    assert made.summary.rows["messages"] == 2
    assert pipeline.calls == [(["x.pcap"], Options(payload="full"), None)]
    assert made.messages is made.messages


def test_several_paths_and_unknown_options(pipeline: FakePipeline) -> None:
    analyzer.analyze([Path("a"), "b"])
    assert pipeline.calls[0][0] == ["a", "b"]
    with pytest.raises(TypeError):
        analyzer.analyze("a", no_such_option=1)


def test_rows_are_sorted_whatever_order_they_leave_in() -> None:
    numbers = [(1, 0), (0, 2), (0, 1), (1, 1)]
    some = [message(number, "client", connection=c) for c, number in numbers]
    frame = to_frame(table_rows(MESSAGES, some))
    assert list(zip(frame["connection"], frame["message"], strict=True)) == sorted(numbers)


@FEW
@given(st.data())
def test_csv_gives_the_same_dataframe(tmp_path: Path, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(TABLES))
    some = table_rows(table, data.draw(rows(table)))
    writer = CsvWriter(tmp_path / "out")
    writer.write(some)
    writer.close()
    read = getattr(analyzer.read_csv(tmp_path / "out"), table.name)
    pd.testing.assert_frame_equal(to_frame(some), read, check_exact=True)


def test_read_csv_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="frames"):
        _ = analyzer.read_csv(tmp_path).frames


@pytest.mark.parametrize(
    ("where", "chosen"),
    [
        ("wire_bytes > 1500", {1}),
        ("path.str.startswith('/rooms/2') and server_port == 8080", {2}),
        ("close_code == 1000", {0, 1}),
        ("not handshake_seen", set()),
        ("scheme == 'ws' or host == 'x'", {0, 1, 2}),
    ],
)
def test_where(where: str, chosen: set[int]) -> None:
    some = [connection(0, 1000), connection(1, 2000), connection(2, 500, close_code=None)]
    selected = select(to_frame(table_rows(CONNECTIONS, some)), where)
    assert selected.connections == chosen
    assert selected.tcp_streams == {2 * number for number in chosen}


@pytest.mark.parametrize(
    "where",
    [
        "",
        "wire_bytes >",
        "nothing == 1",
        "wire_bytes",
        "wire_bytes = 3",
        "1 == 1",
        "@x",
        "1/0 == 1",
    ],
)
def test_bad_where(where: str) -> None:
    with pytest.raises(OptionError, match="--where") as caught:
        select(to_frame(table_rows(CONNECTIONS, [connection(0)])), where)
    assert caught.value.hint


def test_selection_keeps_what_belongs_to_it() -> None:
    kept = Collector()
    selection = Selection(kept, Selected(frozenset({1}), frozenset({2})))
    selection.write(
        table_rows(MESSAGES, [message(0, "client"), message(5, "client", connection=1)])
    )
    attempts = [{"handshake": 0, "tcp_stream": 2}, {"handshake": 1, "tcp_stream": 8}]
    selection.write(table_rows(HANDSHAKES, attempts))
    selection.write(table_rows(HTTP, [{"tcp_stream": 2}, {"tcp_stream": 3}]))
    of_capture = {"id": "capture-cut"}
    others = [{"id": "x", "tcp_stream": 9}, {"id": "y", "connection": 0, "tcp_stream": 2}]
    selection.write(table_rows(FINDINGS, [of_capture, *others]))
    selection.write(table_rows(HTTP, [{"tcp_stream": 77}]))
    assert list(kept.rows(MESSAGES).values["message"]) == [5]
    assert list(kept.rows(HANDSHAKES).values["handshake"]) == [0]
    assert kept.rows(HTTP).count == 1
    assert list(kept.rows(FINDINGS).values["id"]) == ["capture-cut"]


def test_where_reads_twice_and_summarises_the_selection(pipeline: FakePipeline) -> None:
    made = analyzer.analyze("x", where="connection == 0")
    assert len(pipeline.calls) == 2
    assert list(made.connections["connection"]) == [0]
    assert made.summary.rows["connections"] == 1
    assert made.summary.capture.packets == 48


def test_where_spools_standard_input(pipeline: FakePipeline) -> None:
    collector = Collector()
    analysis.run(
        [Path("-")], Options(), [cast("Writer", collector)], where="connection == 1",
        stdin=io.BytesIO(b"bytes"),
    )  # fmt: skip
    assert [call[2] for call in pipeline.calls] == [b"bytes", b"bytes"]
    assert collector.rows(CONNECTIONS).count == 1


def test_tables_are_loaded_once() -> None:
    loaded: list[str] = []

    def load(table: analysis.Table) -> analysis.TableRows:
        loaded.append(table.name)
        return table_rows(table, [])

    made = Tables(load)
    assert made.pings is made.pings
    assert loaded == ["pings"]
