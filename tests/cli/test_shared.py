"""What the verbs share; tests of the note on slow kernels are in test_analyze."""

from __future__ import annotations

import errno
import subprocess
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


def test_an_output_that_takes_no_more_is_the_callers_problem() -> None:
    code = "import sys; from analyzer.cli.main import main; sys.exit(main(sys.argv[1:]))"
    for arguments in (["--version"], ["docs", "tables"], ["interfaces"]):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-c", code, *arguments],
                stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        said = "error: cannot write standard output: No space left on device\n"
        assert (done.returncode, done.stderr) == (2, said)


def test_other_errors_of_the_system_are_passed_on() -> None:
    with pytest.raises(PermissionError), shared.pipes():
        raise PermissionError(errno.EACCES, "no")


def test_input_is_counted_as_far_as_it_is_known(tmp_path: Path) -> None:
    for name, size in (("a", 3), ("b", 40)):
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "within").mkdir()
    (tmp_path / "within" / "c").write_bytes(bytes(500))
    assert shared.input_bytes([tmp_path / "a", Path("-"), tmp_path / "none", Path("a\0b")]) == 3
    # A folder has its own files, as when it is read.
    assert shared.input_bytes([tmp_path / "a", str(tmp_path)]) == 3 + 43


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
