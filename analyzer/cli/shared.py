"""What all verbs of the command line share: the progress bar, a closed pipe.

Knows the terminal. Must not know what a verb does. Used by cli and verbs. Imports
nothing slow, so that a small capture takes no longer than its analysis.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from typing import TYPE_CHECKING

from analyzer.errors import ReportError
from analyzer.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.pipeline import Progress

PROGRESS_FROM_BYTES = 20_000_000
"""Smaller inputs are done before a bar could be read."""
_REFRESH_S = 0.1
"""How often the bar is drawn, as rich's own thread does."""

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF, errno.EIO)
"""A full disk or file system, an output that was closed, a terminal that is gone."""

UNCOMPILED = (
    "the kernels are not compiled, so that this takes about 110 times as long; "
    "install again where there is a C compiler"
)


class PipeClosed(Exception):
    """The reader of standard output went away; no OSError, which typer would answer."""


@contextlib.contextmanager
def pipes() -> Iterator[None]:
    """Turn the error of a reader that went away into PipeClosed.

    Raises:
        PipeClosed: It did.
        ReportError: Standard output takes no more.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise PipeClosed from error
    except OSError as error:
        # Errors of files have been answered where they are opened and written.
        if error.errno not in _UNWRITABLE:
            raise
        drop_stdout()
        raise ReportError(f"cannot write standard output: {error.strerror}") from error


def drop_stdout() -> None:
    """Point standard output at nothing, so that the last flush finds nothing that fails."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def input_bytes(files: Sequence[str | Path]) -> int:
    """Return how much there is to read in files and folders, as far as that is known."""
    return sum(map(_bytes_of, files))


def _bytes_of(path: str | Path) -> int:
    try:
        if os.path.isdir(path):
            return sum(each.stat().st_size for each in os.scandir(path) if each.is_file())
        return os.stat(path).st_size if os.path.isfile(path) else 0
    except (OSError, ValueError):  # whoever reads it will say so
        return 0


def say_if_slow(files: Sequence[str | Path]) -> None:
    """Say on standard error that an analysis takes long where it need not."""
    if files and uncompiled_kernels():
        sys.stderr.write(f"note: {UNCOMPILED}\n")


@contextlib.contextmanager
def progress_of_tasks(*, wanted: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield what is told how many captures are done, and of how many; shown on standard error."""
    if not (wanted and sys.stderr.isatty()):
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        shown = bar.add_task("", total=None)
        yield lambda done, total: bar.update(shown, completed=done, total=total)


def version_line() -> str:
    """Return what --version prints."""
    slow = "" if kernels_are_compiled() else f" ({UNCOMPILED})"
    return f"wsanalyze {__version__}{slow}"


def kernels_are_compiled() -> bool:
    """Say so from the files alone: --version imports no kernel."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    beside = os.path.join(package, "packets", "_headers")
    return any(os.path.isfile(beside + end) for end in EXTENSION_SUFFIXES)


def uncompiled_kernels() -> list[str]:
    """Return the names of the kernels that run as plain Python."""
    import analyzer.pipeline  # noqa: F401  loads the kernels of all stages

    return sorted(
        name
        for name, module in sys.modules.items()
        if name.startswith("analyzer.")
        and re.fullmatch(r"_[a-z]\w*", name.rpartition(".")[2])
        and (module.__file__ or "").endswith(".py")
    )


@contextlib.contextmanager
def progress(files: Sequence[str | Path], *, wanted: bool) -> Iterator[Progress | None]:
    """Yield what shows progress on standard error; None where it would not be seen."""
    if not (sys.stderr.isatty() and wanted) or input_bytes(files) < PROGRESS_FROM_BYTES:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    # Without its thread: a process with several cannot be forked (jobs.forked).
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", total=None)
        shown = 0.0

        def tell(done: int, total: int | None) -> None:
            nonlocal shown
            bar.update(task, completed=done, total=total)
            now = time.monotonic()
            if now - shown > _REFRESH_S:
                shown = now
                bar.refresh()

        yield tell
