"""Key logs that appear during a run and cannot be read: said once, while it can be mended.

The reader of key logs (tls.key_files) tries again with each batch and says nothing, since a file
may become readable. Knows paths and time. Must not know what is in key logs. An observer of
live.run, made by the verb `live`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from analyzer.capture.stats import CaptureStats
from analyzer.tables.schema import TableRows

LOOK_EVERY_NS: Final = 1_000_000_000
"""How often paths are looked at: a person reads what is said."""


class KeyWatch:
    """Looks at key logs, and says of each once that it cannot be read.

    Args:
        paths: of --keys.
        say: takes one sentence.
    """

    def __init__(self, paths: Sequence[Path], say: Callable[[str], None]) -> None:
        self._paths = list(paths)
        self._say = say
        self._looked = 0

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """Look, if it is time (Observer)."""
        if self._looked <= now_ns < self._looked + LOOK_EVERY_NS:
            return
        self._looked = now_ns
        for path in list(self._paths):
            reason = _unreadable(path)
            if reason:
                self._paths.remove(path)
                self._say(f"--keys {path} cannot be read ({reason}): it is read when it can be")

    def write(self, rows: TableRows) -> None:
        """Do nothing (Writer)."""

    def close(self) -> None:
        """Do nothing (Writer)."""

    def abort(self) -> None:
        """Do nothing (Writer)."""


def _unreadable(path: Path) -> str:
    """Return why a path that is there cannot be read as a file; "" where it can be, or is not."""
    try:
        if not path.exists():
            return ""
        if not path.is_file():
            return "it is not a plain file"
    except OSError as error:  # a folder above it that may not be looked into
        return error.strerror or "unknown reason"
    return "" if os.access(path, os.R_OK, effective_ids=True) else os.strerror(errno.EACCES)
