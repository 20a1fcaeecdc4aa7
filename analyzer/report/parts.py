"""Files of rows that survive whatever ends a run: `connections.csv.part` and so on.

A run that may last for weeks is also ended by a full disk, by SIGKILL, or by a fault. Its rows go
to TARGET.part, whole rows at a time and at least each second, and TARGET appears when it ends.
What a dead run left behind is found by the next one, and `wsanalyze recover` makes tables of it.

Knows paths, files and locks. Must not know tables' contents. Used by report.csv,
report.parquet, report.json, report.rotation and report.recovery.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from analyzer.errors import ReportError
from analyzer.report.output import report_errors

SUFFIX: Final = ".part"
_BUFFER: Final = 1 << 20
"""Rows are written at once when so many bytes of them wait."""


def path_of(target: Path) -> Path:
    """Return where the rows of a target are until it is complete."""
    return target.with_name(target.name + SUFFIX)


class Lock:
    """A lock on an open file that ends with the process, however that ends."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Take it.

        Raises:
            ReportError: Another process has it.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ReportError(
                f"cannot write {path}: another run of wsanalyze writes there",
                hint="name another place",
            ) from error
        except OSError:
            # A file system without locks, as some network ones: nothing can be said there.
            return


def _taken(path: Path, named: Path) -> int:
    """Open a file, made where it is not there, and lock it; return its descriptor.

    Names of parts are known beforehand: in a folder where others may write, a link or a pipe may
    stand there, and the file that it names must not be emptied.

    Args:
        path: of the file.
        named: what errors name.

    Raises:
        ReportError: It cannot be opened, is no plain file, or another run has it.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    while True:
        with report_errors(named):  # also a folder that may not be looked into
            if path.is_symlink():
                raise ReportError(f"cannot write {named}: {path.name} is a link")
            descriptor = os.open(path, flags, 0o666)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ReportError(f"cannot write {named}: {path.name} is no plain file")
            Lock(named, descriptor)
            # Who had it may have put it in place or removed it before it was ours.
            with report_errors(named), contextlib.suppress(FileNotFoundError):
                if os.path.samestat(found, os.lstat(path)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


class LockFile:
    """A file that is there to be locked, in a folder of which one run at a time may write.

    Args:
        path: made where it is not there, and removed at the end.

    Raises:
        ReportError: It cannot be made, or another run has it.
    """

    def __init__(self, path: Path) -> None:
        """Take it."""
        self._path = path
        self._descriptor = _taken(path, path.parent)
        self._is_held = True

    def release(self) -> None:
        """Let others write."""
        if self._is_held:
            self._is_held = False
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)


class Part:
    """A file under work. What is given to `write` in one call are whole rows.

    Args:
        target: what it becomes.
        lines: each row is a line, so that a disk that fills up keeps as many as it had room for.

    Raises:
        ReportError: It cannot be made, or another run writes it.
    """

    def __init__(self, target: Path, *, lines: bool = True) -> None:
        """Open the file, empty."""
        self._lines = lines
        self.target = target
        self.path = path_of(target)
        self._waiting = bytearray()
        self.size = 0
        self._descriptor = _taken(self.path, target)
        try:
            with report_errors(target):
                os.ftruncate(self._descriptor, 0)
        except BaseException:
            os.close(self._descriptor)
            raise
        self._open = True

    def write(self, rows: bytes | memoryview) -> None:
        """Take whole rows; they are written together with others.

        Raises:
            ReportError: The disk is full, or gone.
        """
        self._waiting += rows
        if len(self._waiting) >= _BUFFER:
            self.flush()

    def flush(self) -> None:
        """Write what waits. If that is not possible it is dropped, and the file has whole rows.

        Raises:
            ReportError: The disk is full, or gone.
        """
        if not self._waiting or not self._open:
            return
        waiting, self._waiting = self._waiting, bytearray()
        done = 0
        try:
            view = memoryview(bytes(waiting))
            while done < len(view):
                done += os.pwrite(self._descriptor, view[done:], self.size + done)
        except OSError as error:
            if self._lines:
                self.size += waiting.rfind(b"\n", 0, done) + 1
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise ReportError(f"cannot write {self.target}: {error.strerror or error}") from error
        self.size += done

    def commit(self) -> None:
        """Write what waits, and put the file in place.

        Raises:
            ReportError: It cannot be renamed.
        """
        if not self._open:
            return
        try:
            self.flush()
        finally:
            # Rows that were written before are put in place in any case.
            with report_errors(self.target):
                self.path.replace(self.target)
            self.leave()

    def leave(self) -> None:
        """Close the file and keep it, for `wsanalyze recover`."""
        if self._open:
            self._open = False
            os.close(self._descriptor)

    def discard(self) -> None:
        """Remove the file."""
        if self._open:
            self.path.unlink(missing_ok=True)
            self.leave()


class PartFolder:
    """The parts of a folder.

    Args:
        folder: made if its parent exists.
        names: of the files that they become.
        lines: each row is a line (Part).

    Raises:
        ReportError: The folder cannot be made or written, or another run writes there.
    """

    def __init__(self, folder: Path, names: Iterable[str], *, lines: bool = True) -> None:
        """Open all."""
        self.folder = folder
        self.files: dict[str, Part] = {}
        self._over = False
        with report_errors(folder):
            if folder.exists() and not folder.is_dir():
                raise ReportError(f"cannot write {folder}: it is a file, not a folder")
            self._made = not folder.exists()
            folder.mkdir(exist_ok=True)
        try:
            for name in names:
                self.files[name] = Part(folder / name, lines=lines)
        except BaseException:  # an interrupt among them
            self.discard()
            raise

    def flush(self) -> None:
        """Write what waits (Part)."""
        for part in self.files.values():
            part.flush()

    def commit(self) -> None:
        """Put all files in place, each with the rows that could be written.

        Raises:
            ReportError: Of the first that could not be written whole.
        """
        if self._over:
            return
        self._over = True
        first: ReportError | None = None
        for part in self.files.values():
            try:
                part.commit()
            except ReportError as error:
                first = first or error
        if first is not None:
            raise first

    def leave(self) -> None:
        """Keep all files as they are, for `wsanalyze recover`."""
        self._over = True
        for part in self.files.values():
            with contextlib.suppress(ReportError):
                part.flush()
            part.leave()

    def discard(self) -> None:
        """Remove all, and the folder if it was made for them."""
        if self._over:
            return
        self._over = True
        for part in self.files.values():
            part.discard()
        if self._made:
            with contextlib.suppress(OSError):
                self.folder.rmdir()


def is_held(path: Path) -> bool:
    """Return whether a run writes the file at this moment."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        Lock(path, descriptor)
    except ReportError:
        return True
    finally:
        os.close(descriptor)
    return False


def parts_in(folder: Path) -> list[Path]:
    """Return the parts in a folder, of runs at work too; links and pipes are none."""
    found = folder.glob(f"*{SUFFIX}")
    return sorted(each for each in found if each.is_file() and not each.is_symlink())


def left_behind(folder: Path) -> list[Path]:
    """Return the parts of runs that died, in the folder itself."""
    with contextlib.suppress(OSError):
        return [each for each in parts_in(folder) if not is_held(each)]
    return []


def set_aside(folder: Path, names: Iterable[str]) -> Path | None:
    """Move what a dead run left where a new one is to write; return where to.

    Args:
        folder: of the new run.
        names: of files that it will write.

    Raises:
        ReportError: It cannot be moved.
    """
    wanted = {name + SUFFIX for name in names}
    found = [each for each in left_behind(folder) if each.name in wanted and each.stat().st_size]
    if not found:
        return None
    died = max(each.stat().st_mtime for each in found)
    with report_errors(folder):
        place = folder / f"unfinished-{datetime.fromtimestamp(died, UTC):%Y%m%dT%H%M%SZ}"
        number = 1
        while place.exists():
            number += 1
            place = place.with_name(f"{place.name.partition('.')[0]}.{number}")
        place.mkdir()
        for each in found:
            each.replace(place / each.name)
    return place


def whole_lines(file: IO[bytes]) -> int:
    """Cut off a last line that is not whole; return the lines; the position is the end.

    Cells hold no line feed of their own (report.cells), so that each ends a row.
    """
    file.seek(0)
    lines = at = end = 0
    while piece := file.read(1 << 20):
        lines += piece.count(b"\n")
        last = piece.rfind(b"\n")
        if last >= 0:
            end = at + last + 1
        at += len(piece)
    if end < at:
        file.truncate(end)
    file.seek(end)
    return lines
