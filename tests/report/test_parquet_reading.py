"""Parquet read back: by our own function, and by pandas alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import analyzer
from analyzer.errors import ReportError
from analyzer.tables.schema import TABLES

CAPTURE = Path(__file__).parents[2] / "captures" / "socket-io-room.pcap"


@pytest.fixture(scope="module")
def analysis() -> analyzer.Analysis:
    return analyzer.analyze(CAPTURE, payload="full")


def test_same_frames_as_the_analysis(analysis: analyzer.Analysis, tmp_path: Path) -> None:
    analysis.to_parquet(tmp_path / "p")
    read = analyzer.read_parquet(tmp_path / "p")
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(read, table.name), getattr(analysis, table.name))


def test_pandas_alone_gives_the_documented_dtypes(
    analysis: analyzer.Analysis, tmp_path: Path
) -> None:
    analysis.to_parquet(tmp_path / "p")
    for table in TABLES:
        found = pd.read_parquet(tmp_path / "p" / f"{table.name}.parquet").dtypes
        expected = getattr(analysis, table.name).dtypes
        for column in table.columns:
            name = column.name
            if column.type == "enum":
                assert isinstance(found[name], pd.CategoricalDtype), name
            else:
                assert str(found[name]) == str(expected[name]), (table.name, name)


def test_errors(tmp_path: Path) -> None:
    tables = analyzer.read_parquet(tmp_path)
    with pytest.raises(ReportError, match=r"connections\.parquet"):
        _ = tables.connections
    (tmp_path / "connections.parquet").write_bytes(b"PAR1 no PAR1")
    with pytest.raises(ReportError, match="cannot read"):
        _ = tables.connections
