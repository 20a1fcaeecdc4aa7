"""Where a dataset is: a folder that all workers share, or a place that fsspec knows (s3://...).

A file appears in it whole or not at all: it is written elsewhere, and moved. Knows files. Must not
know what is in them. Used by distributed.task.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol

from analyzer.errors import OptionError, ReportError
from analyzer.report.output import report_errors

UNFINISHED: Final = "_unfinished"
"""What is written until it is whole; readers of datasets pass over names with an underscore."""


class Store(Protocol):
    """Files by their names in a dataset, with "/" between folders."""

    def read(self, name: str) -> bytes | None:
        """Return a file; None where there is none."""

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes; None where there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file.

        Raises:
            ReportError: It cannot be written.
        """

    def remove(self, name: str) -> None:
        """Remove a file, if there is one."""

    def staging(self) -> contextlib.AbstractContextManager[Path]:
        """Yield a new folder of this machine for files that are to be placed."""

    def place(self, made: Path, name: str) -> int:
        """Move a file from a staging folder to its name; return its size in bytes.

        Raises:
            ReportError: It cannot be written.
        """

    def tidy(self) -> None:
        """Remove what was left unfinished by workers that died."""


def is_url(path: str) -> bool:
    """Return whether fsspec is to open a path."""
    return "://" in path


def file_system(url: str) -> tuple[Any, str]:
    """Return what fsspec has for a URL, and the path there.

    Raises:
        OptionError: It knows no such place, or a package for it is missing.
    """
    try:
        from fsspec.core import url_to_fs

        made: tuple[Any, str] = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise OptionError(f"{url} cannot be opened: {error}") from error
    return made


def store_of(folder: str) -> Store:
    """Return the store of a folder.

    Raises:
        OptionError: A URL that nothing can open.
    """
    return _Elsewhere(folder) if is_url(folder) else _Shared(Path(folder))


class _Shared:
    """A folder of the file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except OSError:
            return None

    def size(self, name: str) -> int | None:
        try:
            return (self._folder / name).stat().st_size
        except OSError:
            return None

    def write(self, name: str, content: bytes) -> None:
        with self.staging() as staged, report_errors(self._folder):
            made = staged / "file"
            made.write_bytes(content)
            self.place(made, name)

    def remove(self, name: str) -> None:
        with report_errors(self._folder):
            (self._folder / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        # In the same file system, so that a file is moved and not copied.
        folder = self._folder / UNFINISHED / uuid.uuid4().hex
        with report_errors(self._folder):
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def place(self, made: Path, name: str) -> int:
        size = made.stat().st_size
        target = self._folder / name
        with report_errors(self._folder):
            target.parent.mkdir(parents=True, exist_ok=True)
            made.replace(target)
        return size

    def tidy(self) -> None:
        shutil.rmtree(self._folder / UNFINISHED, ignore_errors=True)


class _Elsewhere:
    """A place that fsspec knows."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._files, root = file_system(url)
        self._root = PurePosixPath(root)
        # Another worker may have written since it was listed.
        self._files.invalidate_cache()

    def _at(self, name: str) -> str:
        return str(self._root / name)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what a file system raises into ReportError; their packages have their own errors."""
        try:
            yield
        except Exception as error:
            raise ReportError(f"{self._url} cannot be written: {error}") from error

    def read(self, name: str) -> bytes | None:
        try:
            content: bytes = self._files.cat_file(self._at(name))
        except OSError:
            return None
        return content

    def size(self, name: str) -> int | None:
        try:
            size: int = self._files.info(self._at(name))["size"]
        except OSError:
            return None
        return size

    def write(self, name: str, content: bytes) -> None:
        with self.staging() as staged:
            made = staged / "file"
            made.write_bytes(content)
            self.place(made, name)

    def remove(self, name: str) -> None:
        with self._errors(), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._at(name))

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="wsanalyze-") as folder:
            yield Path(folder)

    def place(self, made: Path, name: str) -> int:
        size = made.stat().st_size
        unfinished = self._at(f"{UNFINISHED}/{uuid.uuid4().hex}")
        target = self._at(name)
        with self._errors():
            for file in (unfinished, target):
                self._files.makedirs(str(PurePosixPath(file).parent), exist_ok=True)
            self._files.put_file(str(made), unfinished)
            self._files.mv(unfinished, target)
        return size

    def tidy(self) -> None:
        with contextlib.suppress(OSError):
            self._files.rm(self._at(UNFINISHED), recursive=True)
