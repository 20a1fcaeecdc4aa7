"""A dataset of many captures: read as one, and a capture's parts are whole or absent."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from analyzer.errors import ReportError
from analyzer.options import Options
from analyzer.pipeline import run
from analyzer.report import parquet
from analyzer.report.dataset import PART, DatasetWriter, part_folder, staging
from analyzer.tables.schema import TABLES

CAPTURES = Path(__file__).parents[2] / "captures"
SOURCES = {"tomcat-chat.pcap": "tomcat-chat.pcap", "deep/er/price feed=1%.pcap": "price-feed.pcap"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("x") / "above" / "dataset"
    for name, source in SOURCES.items():
        run([CAPTURES / source], Options(), [DatasetWriter(folder, name)])
    return folder


def test_pandas_reads_the_parts_as_one(dataset: Path, tmp_path: Path) -> None:
    messages = pd.read_parquet(dataset / "messages")
    assert set(messages["capture"]) == set(SOURCES)
    for name, source in SOURCES.items():
        run([CAPTURES / source], Options(), [parquet.ParquetWriter(tmp_path / "alone")])
        alone = pd.read_parquet(tmp_path / "alone" / "messages.parquet")
        part = messages[messages["capture"] == name].drop(columns="capture")
        assert len(part)
        pd.testing.assert_frame_equal(part.reset_index(drop=True), alone)


def test_each_table_has_each_part_and_nothing_else(dataset: Path) -> None:
    files = {path for path in dataset.rglob("*") if path.is_file()}
    parts = {part_folder(dataset, table.name, name) / PART for table in TABLES for name in SOURCES}
    assert files == parts


def test_a_capture_again_replaces_its_part(dataset: Path) -> None:
    before = len(pd.read_parquet(dataset / "messages"))
    run([CAPTURES / "tomcat-chat.pcap"], Options(), [DatasetWriter(dataset, "tomcat-chat.pcap")])
    assert len(pd.read_parquet(dataset / "messages")) == before


def test_an_analysis_that_fails_leaves_nothing(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path, "a/b.pcap")
    assert staging(tmp_path, "a/b.pcap", os.getpid()).is_dir()
    writer.abort()
    writer.abort()
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match=r"cannot write .*file: "):
        DatasetWriter(tmp_path / "file", "a.pcap")


def test_a_part_that_cannot_be_put_in_place(tmp_path: Path) -> None:
    (tmp_path / TABLES[-1].name).touch()
    with pytest.raises(ReportError, match="cannot write"):
        run([CAPTURES / "tomcat-chat.pcap"], Options(), [DatasetWriter(tmp_path, "a.pcap")])
    assert not staging(tmp_path, "a.pcap", os.getpid()).exists()
