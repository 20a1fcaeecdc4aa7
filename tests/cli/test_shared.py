"""What the verbs share; tests of the note on slow kernels are in test_analyze."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from analyzer.cli import shared


def test_closed_pipe_is_no_os_error() -> None:
    with pytest.raises(shared.PipeClosed), shared.pipes():
        raise BrokenPipeError
    with pytest.raises(FileNotFoundError), shared.pipes():
        raise FileNotFoundError
    assert not issubclass(shared.PipeClosed, OSError)


def test_input_is_counted_as_far_as_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123")
    assert shared.input_bytes([tmp_path / "a", tmp_path, Path("-"), tmp_path / "none"]) == 3


@pytest.mark.parametrize(
    ("size", "terminal", "wanted", "shown"),
    [
        (shared.PROGRESS_FROM_BYTES, True, True, True),
        (shared.PROGRESS_FROM_BYTES - 1, True, True, False),
        (shared.PROGRESS_FROM_BYTES, False, True, False),
        (shared.PROGRESS_FROM_BYTES, True, False, False),
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
    with shared.progress([tmp_path / "a"], wanted=wanted) as tell:
        assert (tell is not None) == shown
        if tell is not None:
            tell(1, size)
