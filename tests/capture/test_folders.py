"""Which files are captures to be analysed each by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.capture.folders import Named, named
from analyzer.errors import CaptureAccessError


def test_files_of_folders_have_names_below_them(tmp_path: Path) -> None:
    for name in ("b.pcap", "a/c.pcap", ".hidden", ".git/d.pcap"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    file = tmp_path / "b.pcap"
    assert list(named([file, tmp_path, file])) == [
        Named("b.pcap", file, found=False),
        Named("b.pcap", file, found=True),
        Named("a/c.pcap", tmp_path / "a" / "c.pcap", found=True),
    ]


def test_what_reports_left_is_passed_over(tmp_path: Path) -> None:
    for name in ("a.pcap", "b/out/a.pcap.pcapng", "output/c.pcap"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "b")
    for out in ("b/out", "link/out"):
        found = [each.name for each in named([tmp_path], [tmp_path / out])]
        assert found == ["a.pcap", "output/c.pcap"]
    # Beside the captures, or above them: a report cannot be told from a capture by where it is.
    for folder in (tmp_path, tmp_path.parent):
        assert len(list(named([tmp_path], [folder]))) == 3


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CaptureAccessError, match=r"none\.pcap cannot be read: No such file"):
        list(named([tmp_path / "none.pcap"]))
    with pytest.raises(CaptureAccessError, match="holds no files"):
        list(named([tmp_path]))
