"""Tasks in other processes: all are answered, also where a process dies."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from analyzer.errors import ReportError
from analyzer.jobs.pool import Died, Pool

HERE = "tests.jobs.test_pool"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes import this file by its name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


def double(task: int) -> tuple[int, int]:
    return 2 * task, os.getpid()


def fragile(task: int) -> int:
    if task == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if task == 4:
        raise ValueError("of the task")
    return task


def endless(task: str) -> None:
    Path(task).touch()
    time.sleep(600)


def talkative(task: int) -> int:
    print("not an answer")
    return task


def test_all_tasks_by_a_few_processes() -> None:
    with Pool(f"{HERE}:double", 2) as pool:
        results = dict(pool.results(range(20)))
    assert {place: value for place, (value, _) in results.items()} == {n: 2 * n for n in range(20)}
    others = {process for _, process in results.values()}
    assert 1 <= len(others) <= 2
    assert os.getpid() not in others
    assert_gone(others)


def assert_gone(processes: set[int]) -> None:
    """None is left, not even one that nobody waited for."""
    for process in processes:
        with pytest.raises(ChildProcessError):
            os.waitpid(process, os.WNOHANG)


def test_a_process_that_dies_costs_one_task() -> None:
    with Pool(f"{HERE}:fragile", 2) as pool:
        results = dict(pool.results(range(6)))
    killed, raised = results.pop(2), results.pop(4)
    assert results == {0: 0, 1: 1, 3: 3, 5: 5}
    assert isinstance(killed, Died)
    assert killed.how == "was killed by SIGKILL"
    assert isinstance(raised, Died)
    assert raised.how == "ended with status 1"
    assert_gone({killed.pid, raised.pid})


def test_what_a_task_prints_is_no_answer() -> None:
    with Pool(f"{HERE}:talkative", 1) as pool:
        assert dict(pool.results([7])) == {0: 7}


def test_an_end_before_all_is_done_ends_the_processes(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    pool = Pool(f"{HERE}:endless", 2)
    waiting = threading.Thread(
        target=lambda: list(pool.results([str(tmp_path / "one"), str(tmp_path / "two")])),
        daemon=True,
    )
    with contextlib.suppress(Enough), pool:
        waiting.start()
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.01)
        raise Enough
    waiting.join(120)
    assert not waiting.is_alive()


def test_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with Pool(f"{HERE}:double", 2) as pool, pytest.raises(ReportError, match="cannot start"):
        list(pool.results([1, 2, 3]))
