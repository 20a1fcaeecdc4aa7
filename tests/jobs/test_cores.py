"""How many processes an analysis gets that nobody said a number for."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.jobs import cores, forked


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(forked, "may_fork", lambda: True)
    monkeypatch.setattr(cores, "idle", lambda: 8)
    path = tmp_path / "large.pcap"
    with path.open("wb") as file:
        file.truncate(cores.WORTH_BYTES)  # a hole: it takes no room
    return path


def test_large_captures_get_a_process_for_each_thing_to_do(large: Path) -> None:
    assert [cores.fitting([large], reports) for reports in (0, 1, 2)] == [3, 4, 5]


def test_no_more_than_there_are_cores(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for count in (1, 2, 3):
        monkeypatch.setattr(cores, "idle", lambda count=count: count)
        assert cores.fitting([large], 1) == count


def test_two_cores_are_enough_for_reading_following_and_joining(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "idle", lambda: 2)
    assert cores.fitting([large], 0) == 3


def test_small_captures_and_pipes_get_one(large: Path) -> None:
    with large.open("r+b") as file:
        file.truncate(cores.WORTH_BYTES - 1)
    assert cores.fitting([large], 1) == 1
    assert cores.fitting([large, large], 1) == 4
    assert cores.fitting([Path("-"), Path("/nowhere"), Path("a\0b")], 1) == 1


def test_a_folder_is_as_large_as_its_files(large: Path) -> None:
    assert cores.fitting([large.parent], 0) == 3


def test_one_where_nothing_can_be_forked(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forked, "may_fork", lambda: False)
    assert cores.fitting([large], 1) == 1


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("0.00 0.01 0.05 1/103 4711\n", 4),
        ("9.00 3.00 1.00 3/103 4711\n", 2),
        ("9.00 3.00 1.00 12/103 4711\n", 1),
        ("", 4),
        ("nothing of the kind", 4),
    ],
)
def test_idle_cores_are_those_on_which_nothing_runs_now(
    said: str, left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "loadavg"
    file.write_text(said)
    monkeypatch.setattr(cores, "_LOAD", file)
    monkeypatch.setattr(cores, "cores", lambda: 4)
    assert cores.idle() == left


def test_all_cores_are_idle_where_the_system_does_not_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "_LOAD", tmp_path / "nothing")
    monkeypatch.setattr(cores, "cores", lambda: 4)
    assert cores.idle() == 4
