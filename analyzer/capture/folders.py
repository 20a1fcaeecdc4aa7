"""Captures that are analysed each by itself: those that are named, and those in folders.

Knows names of files. Must not know what is in them. Used by cli.each and distributed.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from analyzer.errors import CaptureAccessError
from analyzer.named_tuple import NamedTuple


class Named(NamedTuple):
    """A file that may be a capture.

    Attributes:
        name: below the folder that was named, with "/" between folders; else that of the file.
        path: of the file.
        found: whether it was found in a folder; then it may be no capture.
    """

    name: str
    path: Path
    found: bool


def named(paths: Sequence[Path], outputs: Collection[Path] = ()) -> Iterator[Named]:
    """Yield each file that is named or in a folder that is named, by name.

    Args:
        paths: files and folders.
        outputs: folders that reports are written to. What an earlier run left in one of them is
            passed over where it is within a folder that is named.

    Raises:
        CaptureAccessError: A path does not exist, or a folder cannot be listed.
    """
    written = set(map(os.path.realpath, outputs))

    def is_passed(folder: str, name: str) -> bool:
        # Hidden ones are what editors, version control and unfinished reports leave.
        return name.startswith(".") or (
            bool(written) and os.path.realpath(os.path.join(folder, name)) in written
        )

    for path in dict.fromkeys(paths):
        if not path.is_dir():
            try:
                path.stat()
            except OSError as error:
                reason = error.strerror or str(error)
                raise CaptureAccessError(f"{path} cannot be read: {reason}.") from error
            yield Named(path.name, path, found=False)
            continue
        found = False
        for folder, folders, files in os.walk(path, onerror=_cannot_list):
            folders[:] = sorted(each for each in folders if not is_passed(folder, each))
            for file in sorted(each for each in files if not each.startswith(".")):
                where = Path(folder, file)
                if where.is_file():
                    found = True
                    yield Named(where.relative_to(path).as_posix(), where, found=True)
        if not found:
            raise CaptureAccessError(f"The folder {path} holds no files.")


def _cannot_list(error: OSError) -> None:
    reason = error.strerror or str(error)
    raise CaptureAccessError(f"{error.filename} cannot be read: {reason}.") from error
