"""Files of a dataset appear whole, in a folder and where fsspec writes."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="the extra [dask] brings it")

from analyzer.distributed.store import UNFINISHED, is_url, store_of
from analyzer.errors import OptionError, ReportError


@pytest.fixture(params=["path", "file", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    places = {
        "path": str(tmp_path / "out"),
        "file": f"file://{tmp_path}/out",
        "memory": f"memory://{uuid.uuid4().hex}",
    }
    return places[request.param]


def test_a_file_is_written_read_and_removed(folder: str) -> None:
    store, name = store_of(folder), "a/capture=b%2Fc.pcap/part-0"
    assert store.read(name) is None
    assert store.size(name) is None
    store.remove(name)
    store.write(name, b"one")
    store.write(name, b"other")
    # As another worker sees it.
    other = store_of(folder)
    assert other.read(name) == b"other"
    assert other.size(name) == 5
    other.remove(name)
    assert store_of(folder).size(name) is None


def test_a_placed_file_is_no_longer_staged(folder: str) -> None:
    store = store_of(folder)
    with store.staging() as staged:
        (staged / "x").write_bytes(b"123")
        assert store.place(staged / "x", "t/x") == 3
    assert not staged.exists()
    assert store.read("t/x") == b"123"


def test_what_died_workers_left_is_removed(folder: str) -> None:
    store = store_of(folder)
    store.tidy()
    store.write("kept", b"")
    store.write(f"{UNFINISHED}/left", b"half")
    store.tidy()
    assert store_of(folder).size(f"{UNFINISHED}/left") is None
    assert store_of(folder).size("kept") == 0


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_folder_that_cannot_be_written(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match="file"):
        store_of(f"{scheme}{tmp_path}/file").write("a", b"")


def test_urls() -> None:
    assert is_url("s3://bucket/a")
    assert not is_url("/a/b:c//d")
    with pytest.raises(OptionError, match="no-such-scheme"):
        store_of("no-such-scheme://a")
