"""What all reports to disk share: the Writer protocol, and files that appear whole.

Knows paths and files. Must not know tables' contents. Used by report.csv,
report.parquet and report.json; the pipeline calls writers only by the protocol.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Protocol, runtime_checkable

from analyzer.errors import ReportError
from analyzer.tables.schema import TableRows

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.tables.summary import Capture


class Writer(Protocol):
    """Takes rows as they are complete.

    The pipeline closes it when all went well and aborts it otherwise. A further call of
    either does nothing.
    """

    def write(self, rows: TableRows) -> None:
        """Take some complete rows of one table.

        Raises:
            ReportError: They cannot be written (the disk is full, ...).
        """

    def close(self) -> None:
        """Finish the report and put it in place.

        Raises:
            ReportError: It cannot be written.
        """

    def abort(self) -> None:
        """Remove what was written; what stood there before stays."""


@runtime_checkable
class WantsCapture(Protocol):
    """A Writer that gets the facts about the input before it is closed."""

    def captured(self, capture: Capture) -> None:
        """Take files, packets and times."""


@runtime_checkable
class Lasting(Protocol):
    """A writer whose rows are on the disk before it is closed (report.parts).

    After a failed `write` or `flush`, `close` still puts in place what was written.
    """

    def write(self, rows: TableRows) -> None:
        """Take some complete rows of one table (Writer)."""

    def flush(self) -> None:
        """Write what waits.

        Raises:
            ReportError: It cannot be written.
        """

    def close(self) -> None:
        """Finish the report (Writer)."""

    def abort(self) -> None:
        """Remove what was written (Writer)."""


@contextlib.contextmanager
def report_errors(target: object) -> Iterator[None]:
    """Turn errors of the operating system into a ReportError that names the target."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReportError(f"cannot write {target}: {reason}") from error


class PendingFile:
    """A file written under another name next to its target, until it is complete.

    A target that is no regular file (a pipe, /dev/stdout) is written directly.
    """

    def __init__(self, target: Path) -> None:
        """Open the file; its mode is what the umask leaves.

        Raises:
            ReportError: No such folder, no permission, or the target is a folder.
        """
        with report_errors(target):  # a folder above it that may not be looked into
            if target.is_dir():
                raise ReportError(f"cannot write {target}: it is a folder")
            # A link's target is replaced, not the link.
            self.target = type(target)(os.path.realpath(target))
            self.direct = self.target.exists() and not stat.S_ISREG(self.target.stat().st_mode)
        self.path = self.target
        if not self.direct:
            self.path = partial_path(self.target, os.getpid())
        with report_errors(target):
            if not self.direct and self.target.exists() and not os.access(self.target, os.W_OK):
                raise PermissionError(13, os.strerror(13))
            self.file: IO[bytes] = self.path.open("wb", buffering=1 << 20)

    def finish(self) -> None:
        """Write out all that is buffered; the file is not in place yet."""
        with report_errors(self.target):
            self.file.close()

    def commit(self) -> None:
        """Put the finished file in place."""
        if not self.direct:
            with report_errors(self.target):
                self.path.replace(self.target)

    def discard(self) -> None:
        """Remove the unfinished file."""
        with contextlib.suppress(OSError):
            self.file.close()
        if not self.direct:
            self.path.unlink(missing_ok=True)


def partial_path(target: Path, process: int) -> Path:
    """Return where a process writes a file until it is complete."""
    return target.with_name(f".{target.name}.{process}.partial")


def remove_partial(target: Path, process: int, *, made_folder: bool) -> None:
    """Remove what a process left that was killed while it wrote.

    Args:
        target: a file, or a folder of files.
        process: its number.
        made_folder: whether the folder was made by it; it goes too, if it is empty.
    """
    if not target.is_dir():
        with contextlib.suppress(OSError):
            partial_path(type(target)(os.path.realpath(target)), process).unlink(missing_ok=True)
        return
    for path in target.glob(f".*.{process}.partial"):
        with contextlib.suppress(OSError):
            path.unlink()
    if made_folder:
        with contextlib.suppress(OSError):
            target.rmdir()


class PendingFolder:
    """Files of a folder that appear together: none is in place before all are complete."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        """Open one pending file for each name; the folder is made if its parent exists.

        Raises:
            ReportError: The folder cannot be made or written.
        """
        self.folder = folder
        self.made = False
        self.over = False
        self.files: dict[str, PendingFile] = {}
        with report_errors(folder):
            if folder.exists() and not folder.is_dir():
                raise ReportError(f"cannot write {folder}: it is a file, not a folder")
            if not folder.exists():
                folder.mkdir()
                self.made = True
        try:
            for name in names:
                self.files[name] = PendingFile(folder / name)
        except BaseException:  # an interrupt among them
            self.discard()
            raise

    def commit(self) -> None:
        """Finish all files, then put all in place."""
        if not self.over:
            self._each(PendingFile.finish)
            self._each(PendingFile.commit)
            self.over = True

    def discard(self) -> None:
        """Remove all unfinished files, and the folder if it was made for them."""
        if self.over:
            return
        self.over = True
        self._each(PendingFile.discard)
        if self.made:
            with contextlib.suppress(OSError):
                self.folder.rmdir()

    def _each(self, action: Callable[[PendingFile], None]) -> None:
        for file in self.files.values():
            action(file)
