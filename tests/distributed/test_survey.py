"""Which captures there are, and which machines can read them."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from analyzer.distributed.survey import Found, Look, Wanted, look, placed, state_of
from analyzer.errors import CaptureAccessError, OptionError
from analyzer.version import __version__


def found(name: str, path: str, size: int = 1) -> Found:
    return Found(name, (path,), False, size, (size,))


def seen(*some: Found, **missing: str) -> Look:
    return Look(__version__, list(some), {f"/{name}": why for name, why in missing.items()})


def test_files_folders_and_sets(tmp_path: Path) -> None:
    for name, size in (("in/a", 3), ("in/b/c", 4), ("d", 5)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    folder, file = str(tmp_path / "in"), str(tmp_path / "d")
    wanted = [Wanted(None, (folder,)), Wanted(None, (file,)), Wanted("one", (folder, file))]
    made = look([*wanted, Wanted(None, ("/no/such",))], "/out")
    assert [(each.name, each.size, each.in_folder) for each in made.found] == [
        ("a", 3, True),
        ("b/c", 4, True),
        ("d", 5, False),
        ("one", 8, False),
    ]
    assert made.found[3].paths == (folder, file)
    assert list(made.missing) == ["/no/such"]
    assert made.version == __version__


def test_a_state_differs_when_something_changes(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"1")
    states = {state_of(str(tmp_path)), state_of(str(file)), state_of(f"file://{file}")}
    file.write_bytes(b"12")
    states |= {state_of(str(tmp_path)), state_of(str(file)), state_of(f"file://{file}")}
    assert len(states) == 6
    assert state_of(str(file)) == state_of(str(file))
    with pytest.raises(CaptureAccessError, match="cannot be read"):
        state_of(str(tmp_path / "none"))


def test_urls_are_listed() -> None:
    fsspec = pytest.importorskip("fsspec", reason="the extra [dask] brings it")
    root = uuid.uuid4().hex
    with fsspec.open_files([f"memory://{root}/{name}" for name in ("a", "b/c")], "wb") as files:
        for file in files:
            file.write(b"12")
    (whole,) = (look([Wanted(None, (f"memory://{root}",))], "/out"),)
    assert [(each.name, each.size, each.in_folder) for each in whole.found] == [
        ("a", 2, True),
        ("b/c", 2, True),
    ]
    assert whole.found[0].paths == (f"memory:///{root}/a",)
    (some,) = look([Wanted(None, (f"memory://{root}/b/*",))], "/out").found
    assert (some.name, some.in_folder) == ("c", True)
    (one,) = look([Wanted(None, (f"memory://{root}/a",))], "/out").found
    assert (one.name, one.in_folder) == ("a", False)
    missing = look([Wanted(None, (f"memory://{root}/none",))], "/out").missing
    assert list(missing) == [f"memory://{root}/none"]


def test_a_pattern_is_filled_in_where_it_is_seen(tmp_path: Path) -> None:
    for name in ("a.pcap", "b.pcap", "c.log", "d[1].pcap"):
        (tmp_path / name).touch()

    def names(pattern: str) -> list[tuple[str, bool]]:
        made = look([Wanted(None, (str(tmp_path / pattern),))], "/out")
        return [(each.name, each.in_folder) for each in made.found]

    assert names("[ab].pcap") == [("a.pcap", True), ("b.pcap", True)]
    assert names("d[1].pcap") == [("d[1].pcap", False)]
    (reason,) = look([Wanted(None, (str(tmp_path / "z*"),))], "/out").missing.values()
    assert "no file fits the pattern" in reason


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_dataset_in_a_folder_of_captures_is_none(tmp_path: Path, scheme: str) -> None:
    if scheme:
        pytest.importorskip("fsspec", reason="the extra [dask] brings it")
    for name in ("a.pcap", "out/b/part-0.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def names(path: Path, dataset: str) -> list[str]:
        made = look([Wanted(None, (f"{scheme}{path}",))], f"{scheme}{tmp_path / dataset}")
        return [each.name for each in made.found]

    assert names(tmp_path, "out") == ["a.pcap"]
    assert names(tmp_path / "*", "out") == ["a.pcap"]
    assert names(tmp_path, "outer") == ["a.pcap", "out/b/part-0.parquet"]
    # A dataset beside the captures, or above them, does not hide them.
    for dataset in (".", ".."):
        assert "a.pcap" in names(tmp_path, dataset)


def test_captures_are_read_where_they_are() -> None:
    shared, local, remote = found("s", "/s"), found("l", "/l"), found("r", "s3://r")
    looks = {"one": [seen(shared, local), seen(shared, local)], "two": [seen(shared, l="gone")]}
    assert placed(looks, seen(remote)) == [(shared, None), (local, ("one",)), (remote, None)]


def test_a_capture_that_is_named_with_its_folder() -> None:
    one = found("a", "/x/a")
    both = seen(one._replace(in_folder=True), one, one._replace(in_folder=True))
    assert placed({"one": [both]}) == [(one, None)]


def test_what_no_machine_sees_is_an_error() -> None:
    with pytest.raises(CaptureAccessError, match="gone"):
        placed({"one": [seen(l="gone")], "two": [seen(l="gone")]})
    with pytest.raises(CaptureAccessError, match="no bucket"):
        placed({"one": [seen()]}, seen(l="no bucket"))


@pytest.mark.parametrize(
    ("other", "error"),
    [
        (found("a", "/x/a", 2), "/x/a is not the same file on all machines"),
        (found("a", "/y/a"), "/x/a and /y/a would both be named a"),
    ],
)
def test_two_of_one_name(other: Found, error: str) -> None:
    with pytest.raises(OptionError, match=error):
        placed({"one": [seen(found("a", "/x/a"))], "two": [seen(other)]})
