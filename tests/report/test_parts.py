"""Parts: what stands on the disk at any moment, who may write, and a disk that fills up."""

import os

import pytest

from analyzer.errors import ReportError
from analyzer.report import parts
from analyzer.report.parts import LockFile, Part, PartFolder


@pytest.fixture
def full(monkeypatch):
    """A disk with room for so many bytes more."""

    def make(room):
        left = [room]
        real = os.pwrite

        def pwrite(descriptor, data, at):
            if not left[0]:
                raise OSError(28, "No space left on device")
            done = real(descriptor, data[: left[0]], at)
            left[0] -= done
            return done

        monkeypatch.setattr(parts.os, "pwrite", pwrite)

    return make


def test_rows_stand_in_the_part_until_it_is_in_place(tmp_path):
    target = tmp_path / "x.csv"
    part = Part(target)
    part.write(b"a\n")
    part.write(memoryview(b"b\n"))
    part.flush()
    assert part.path == tmp_path / "x.csv.part"
    assert part.path.read_bytes() == b"a\nb\n"
    assert not target.exists()
    part.write(b"c\n")
    part.commit()
    assert target.read_bytes() == b"a\nb\nc\n"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("room", "expected"), [(0, b""), (3, b""), (4, b"aaa\n"), (11, b"aaa\nbbb\n")]
)
def test_a_full_disk_leaves_whole_lines(tmp_path, full, room, expected):
    part = Part(tmp_path / "x")
    full(room)
    part.write(b"aaa\nbbb\n")
    part.write(b"ccc\n")
    with pytest.raises(ReportError, match="No space left"):
        part.flush()
    assert part.path.read_bytes() == expected
    part.commit()
    assert (tmp_path / "x").read_bytes() == expected


def test_a_full_disk_leaves_whole_batches_of_what_has_no_lines(tmp_path, full):
    part = Part(tmp_path / "x", lines=False)
    part.write(b"one\n")
    part.flush()
    full(5)
    part.write(b"two\ntwo")
    with pytest.raises(ReportError, match="No space left"):
        part.flush()
    part.leave()
    assert part.path.read_bytes() == b"one\n"


def test_one_run_at_a_time(tmp_path):
    first = Part(tmp_path / "x")
    first.write(b"a\n")
    first.flush()
    with pytest.raises(ReportError, match="another run"):
        Part(tmp_path / "x")
    assert first.path.read_bytes() == b"a\n"
    assert parts.is_held(first.path)
    first.leave()
    assert not parts.is_held(first.path)
    Part(tmp_path / "x").discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [Part, LockFile])
def test_what_a_link_or_a_pipe_names_is_left_alone(tmp_path, make):
    victim = tmp_path / "victim"
    victim.write_bytes(b"of another user")
    place = parts.path_of(tmp_path / "x") if make is Part else tmp_path / "x"
    place.symlink_to(victim)
    with pytest.raises(ReportError, match="is a link"):
        make(tmp_path / "x")
    place.unlink()
    place.symlink_to(tmp_path / "not-there-yet")
    with pytest.raises(ReportError, match="is a link"):
        make(tmp_path / "x")
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(ReportError, match="no plain file"):
        make(tmp_path / "x")
    assert victim.read_bytes() == b"of another user"
    assert sorted(tmp_path.iterdir()) == sorted([victim, place])


def test_a_link_to_a_part_is_none(tmp_path):
    (tmp_path / "victim").write_bytes(b"half a line")
    (tmp_path / "messages.csv.part").symlink_to(tmp_path / "victim")
    os.mkfifo(tmp_path / "frames.csv.part")  # to open it would wait for ever
    (tmp_path / "pings.csv.part").mkdir()
    assert parts.left_behind(tmp_path) == []
    assert not parts.is_held(tmp_path / "frames.csv.part")


@pytest.mark.parametrize("ends", [Part.commit, Part.discard])
def test_who_comes_while_another_run_ends_does_not_empty_its_file(tmp_path, monkeypatch, ends):
    first = Part(tmp_path / "x")
    first.write(b"a\n")
    lock = parts.fcntl.flock

    def flock(descriptor, operation):
        # The second has opened the part of the first, which ends before that is locked.
        monkeypatch.setattr(parts.fcntl, "flock", lock)
        ends(first)
        lock(descriptor, operation)

    monkeypatch.setattr(parts.fcntl, "flock", flock)
    second = Part(tmp_path / "x")
    if ends is Part.commit:
        assert (tmp_path / "x").read_bytes() == b"a\n"
    second.write(b"b\n")
    second.commit()
    assert (tmp_path / "x").read_bytes() == b"b\n"


def test_a_folder_that_is_locked(tmp_path):
    lock = LockFile(tmp_path / ".csv.lock")
    LockFile(tmp_path / ".parquet.lock").release()
    with pytest.raises(ReportError, match="another run"):
        LockFile(tmp_path / ".csv.lock")
    lock.release()
    LockFile(tmp_path / ".csv.lock").release()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_made_goes_with_its_parts(tmp_path):
    folder = PartFolder(tmp_path / "f", ["a", "b"])
    assert len(list((tmp_path / "f").iterdir())) == 2
    folder.discard()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ReportError, match="not a folder"):
        PartFolder(tmp_path / "file", ["a"])
    held = Part(tmp_path / "b")
    with pytest.raises(ReportError, match="another run"):
        PartFolder(tmp_path, ["a", "b"])
    assert sorted(tmp_path.iterdir()) == [held.path, tmp_path / "file"]
    held.discard()


def test_a_folder_that_may_not_be_looked_into_is_an_error_with_its_name(tmp_path, monkeypatch):
    """Root may look anywhere, so that the kernel's answer is played."""

    def denied(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(parts.Path, "is_symlink", denied)
    with pytest.raises(ReportError, match=r"cannot write .*x\.csv: Permission denied"):
        Part(tmp_path / "x.csv")


def test_what_a_dead_run_left_is_set_aside(tmp_path):
    assert parts.set_aside(tmp_path, ["a"]) is None
    for name in ("a", "b", "other"):
        part = Part(tmp_path / name)
        part.write(name.encode() + b"\n")
        part.flush()
        part.leave()
    alive = Part(tmp_path / "c")
    alive.write(b"c\n")
    alive.flush()
    place = parts.set_aside(tmp_path, ["a", "b", "c"])
    assert place.parent == tmp_path
    assert sorted(each.name for each in place.iterdir()) == ["a.part", "b.part"]
    assert (tmp_path / "other.part").exists()
    assert alive.path.exists()
    alive.discard()


@pytest.mark.parametrize(
    ("content", "lines", "left"),
    [(b"", 0, b""), (b"a", 0, b""), (b"a\nb\n", 2, b"a\nb\n"), (b"a\nb\ncc", 2, b"a\nb\n")],
)
def test_a_last_line_that_is_cut_goes(tmp_path, content, lines, left):
    path = tmp_path / "x"
    path.write_bytes(content)
    with path.open("r+b") as file:
        assert parts.whole_lines(file) == lines
        assert file.tell() == len(left)
    assert path.read_bytes() == left
