"""What the verbs share; tests of the note on slow kernels are in test_cli."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from analyzer import command


def test_closed_pipe_is_no_os_error() -> None:
    with pytest.raises(command.PipeClosed), command.pipes():
        raise BrokenPipeError
    with pytest.raises(FileNotFoundError), command.pipes():
        raise FileNotFoundError
    assert not issubclass(command.PipeClosed, OSError)


def test_input_is_counted_as_far_as_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123")
    assert command.input_bytes([tmp_path / "a", tmp_path, Path("-"), tmp_path / "none"]) == 3


@pytest.mark.parametrize(
    ("size", "terminal", "wanted", "shown"),
    [
        (command.PROGRESS_FROM_BYTES, True, True, True),
        (command.PROGRESS_FROM_BYTES - 1, True, True, False),
        (command.PROGRESS_FROM_BYTES, False, True, False),
        (command.PROGRESS_FROM_BYTES, True, False, False),
    ],
)
def test_progress_is_shown_where_somebody_sees_it(
    size: int,
    terminal: bool,
    wanted: bool,
    shown: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with (tmp_path / "a").open("wb") as file:
        file.truncate(size)
    with command.progress([tmp_path / "a"], wanted=wanted) as tell:
        assert (tell is not None) == shown
        if tell is not None:
            tell(1, size)
