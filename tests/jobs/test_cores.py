"""How many processes an analysis gets that nobody said a number for."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.jobs import cores, forked
from analyzer.jobs.cores import idle

LARGE = cores.WORTH_BYTES


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight idle cores, in a process that can be forked."""
    monkeypatch.setattr(forked, "may_fork", lambda: True)
    monkeypatch.setattr(cores, "idle", lambda: 8)


def test_large_captures_get_a_process_for_each_thing_to_do() -> None:
    assert [cores.fitting(LARGE, reports) for reports in (0, 1, 2)] == [3, 4, 5]


def test_no_more_than_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for count in (1, 2, 3):
        monkeypatch.setattr(cores, "idle", lambda count=count: count)
        assert cores.fitting(LARGE, 1) == count


def test_two_cores_are_enough_for_reading_following_and_joining(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cores, "idle", lambda: 2)
    assert cores.fitting(LARGE, 0) == 3


def test_small_captures_get_one() -> None:
    assert cores.fitting(LARGE - 1, 1) == cores.fitting(0, 1) == 1


def test_one_where_nothing_can_be_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forked, "may_fork", lambda: False)
    assert cores.fitting(LARGE, 1) == 1


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
    assert idle() == left


def test_all_cores_are_idle_where_the_system_does_not_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "_LOAD", tmp_path / "nothing")
    monkeypatch.setattr(cores, "cores", lambda: 4)
    assert idle() == 4
