"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analyzer.errors import ReportError
from analyzer.report.output import PendingFile, PendingFolder, report_errors


def test_file_appears_at_commit_with_the_mode_of_the_umask(tmp_path: Path) -> None:
    target = tmp_path / "x"
    before = os.umask(0o027)
    try:
        pending = PendingFile(target)
    finally:
        os.umask(before)
    pending.file.write(b"new")
    pending.finish()
    assert not target.exists()
    pending.commit()
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640


def test_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    pending = PendingFile(tmp_path / "link")
    pending.file.write(b"new")
    pending.finish()
    pending.commit()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_device_is_written_directly() -> None:
    pending = PendingFile(Path("/dev/null"))
    pending.file.write(b"gone")
    pending.finish()
    pending.commit()
    pending.discard()
    assert not Path("/dev/null").is_file()


def test_folder_in_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="No such file"):
        PendingFolder(tmp_path / "a" / "b", ["x"])


def test_folder_with_a_folder_in_a_files_place(tmp_path: Path) -> None:
    (tmp_path / "out" / "b").mkdir(parents=True)
    with pytest.raises(ReportError, match="is a folder"):
        PendingFolder(tmp_path / "out", ["a", "b"])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ReportError, match="Permission"):
        PendingFolder(tmp_path / "out", ["a"])


def test_discard_keeps_a_folder_that_was_there(tmp_path: Path) -> None:
    folder = PendingFolder(tmp_path, ["a"])
    folder.discard()
    folder.discard()
    assert list(tmp_path.iterdir()) == []


def test_system_errors_become_report_errors_but_broken_pipes_do_not() -> None:
    with pytest.raises(ReportError, match="cannot write x: No space left"), report_errors("x"):
        raise OSError(28, os.strerror(28))
    with pytest.raises(BrokenPipeError), report_errors("x"):
        raise BrokenPipeError
