"""Reports of a run without end, in parts: a folder of tables for each period.

`DIR/20261124T194440Z-0001/` and so on: each part is a folder as `--csv DIR` or `--parquet DIR`
writes it, that read_csv reads, and is in place when it is whole. Knows time and sizes; the
writers of report.csv and report.parquet know the tables. An Observer; made by analyzer.live.watch.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from analyzer.errors import OptionError, ReportError
from analyzer.lazy_dataclass import dataclass
from analyzer.lazy_pattern import lazy_pattern
from analyzer.report.observer import CaptureStats
from analyzer.report.output import Lasting, Writer, report_errors
from analyzer.report.parts import LockFile
from analyzer.tables.running import Snapshot
from analyzer.tables.schema import TableRows

_NS: Final = 1_000_000_000
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_SIZES: Final = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_LOOK_EVERY_NS: Final = _NS
"""How often the size of a part is looked at."""
RETRY_NS: Final = 60 * _NS
"""When a new part is tried after one could not be written."""


CLEAR_NS: Final = 60 * _NS
"""How often parts are looked at that may have become too old."""
_NAME = lazy_pattern(r"\d{8}T\d{6}Z-\d{4,}")


def seconds_of(text: str) -> float:
    """Return the seconds of "90", "90s", "15m", "1h" or "1d".

    Raises:
        OptionError: It is none of these, or less than a second.
    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]*)", text.strip().lower())
    if found is None or found[2] not in _UNITS or float(found[1]) * _UNITS[found[2]] < 1:
        raise OptionError(f"--rotate takes a time such as 15m, 1h or 1d, not {text!r}")
    return float(found[1]) * _UNITS[found[2]]


def bytes_of(text: str) -> int:
    """Return the bytes of "500kB", "100MB" or "2GB".

    Raises:
        OptionError: It is none of these, or nothing.
    """
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,9})?)\s*([a-z]*)", text.strip().lower())
    if found is None or found[2] not in _SIZES or float(found[1]) * _SIZES[found[2]] < 1:
        raise OptionError(f"--rotate-size takes a size such as 100MB or 2GB, not {text!r}")
    return round(float(found[1]) * _SIZES[found[2]])


@dataclass(frozen=True, slots=True)
class Keep:
    """What of all parts of a folder stays, also of runs before.

    Attributes:
        bytes: of all together; 0: no limit.
        seconds: since a part began; 0: no limit.
    """

    bytes: int = 0
    seconds: float = 0.0


KEEP_ALL: Final = Keep()


def keep_of(texts: Sequence[str]) -> Keep:
    """Return what "10GB" and "7d" say.

    Raises:
        OptionError: One is neither a size nor a time.
    """
    found = Keep()
    for text in texts:
        try:
            if text.strip().lower().endswith("b"):
                found = replace(found, bytes=bytes_of(text))
            else:
                found = replace(found, seconds=seconds_of(text))
        except OptionError as error:
            raise OptionError(f"--keep takes 10GB or 7d, not {text!r}") from error
    return found


class RotatingWriter:
    """Writes parts, one after the other.

    Where a part cannot be written (the disk is full), it is dropped with one line on standard
    error, rows are counted instead, and a new part is tried a minute later.

    Args:
        folder: of the parts; made if its parent exists.
        make: makes the writer of a part in its folder.
        every_s: a new part after so many seconds; 0: never.
        max_bytes: a new part when the files of one have as many bytes; 0: never.
        keep: parts that stay; the oldest of this run goes first. 0: all.
        limits: of all parts in the folder.
        kind: of the report: each takes its own lock in the folder.
        say: called with what could not be written.
    """

    def __init__(
        self,
        folder: Path,
        make: Callable[[Path], Writer],
        *,
        every_s: float = 0.0,
        max_bytes: int = 0,
        keep: int = 0,
        limits: Keep = KEEP_ALL,
        kind: str = "",
        say: Callable[[str], None] | None = None,
    ) -> None:
        """Check that the folder can be written, and that no other run writes there.

        Raises:
            ReportError: One of both is not so.
        """
        if folder.exists() and not folder.is_dir():
            raise ReportError(f"cannot write {folder}: it is a file, not a folder")
        with report_errors(folder):
            folder.mkdir(exist_ok=True)
        self._lock = LockFile(folder / f".{kind or 'wsanalyze'}.lock")
        self.lost_rows = 0
        self.parts: list[Path] = []
        self._folder = folder
        self._make = make
        self._every = round(every_s * _NS)
        self._max_bytes = max_bytes
        self._keep = keep
        self._limits = limits
        self._say = say or (lambda text: print(f"wsanalyze: {text}", file=sys.stderr))
        self._writer: Writer | None = None
        self._path = folder
        self._count = 0
        self._now = self._begun = self._looked = self._retry = self._cleared = 0
        self._over = False

    def attach(self, snapshot: Callable[[], Snapshot]) -> None:
        """Do nothing (Observer)."""

    def news(self, rows: TableRows) -> None:
        """Do nothing: parts have final rows (Observer)."""

    def write(self, rows: TableRows) -> None:
        """Append rows to the part in work; begin one where there is none."""
        if self._writer is None and (self._over or not self._begin()):
            self.lost_rows += rows.count
            return
        assert self._writer is not None
        try:
            self._writer.write(rows)
        except ReportError as error:
            self.lost_rows += rows.count
            self._give_up(error)

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """End the part if it is time (Observer)."""
        self._now = now_ns
        if not self._cleared <= now_ns < self._cleared + CLEAR_NS:
            self._cleared = now_ns
            self._clear()
        if self._writer is None:
            return
        if not self._begun:
            self._begun = now_ns
        late = self._every and not self._begun <= now_ns < self._begun + self._every
        if late or (self._max_bytes and self._is_full(now_ns)):
            self._end()

    def flush(self) -> None:
        """Let the rows of the part in work reach the disk (Lasting)."""
        if isinstance(self._writer, Lasting):
            try:
                self._writer.flush()
            except ReportError as error:
                self._give_up(error)

    def close(self) -> None:
        """End the last part."""
        self._end()
        self._over = True
        self._lock.release()

    def abort(self) -> None:
        """Remove the part in work; those before it stay."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.abort()
        self._over = True
        self._lock.release()

    def _begin(self) -> bool:
        if self._retry and self._now < self._retry:
            return False
        self._count += 1
        begun = self._now or int(datetime.now(UTC).timestamp()) * _NS
        moment = datetime.fromtimestamp(begun // _NS, UTC)
        self._path = self._folder / f"{moment:%Y%m%dT%H%M%SZ}-{self._count:04d}"
        try:
            self._writer = self._make(self._path)
        except ReportError as error:
            self._give_up(error)
            return False
        self._begun = self._looked = self._now
        return True

    def _end(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            writer.close()
        except ReportError as error:
            if not isinstance(writer, Lasting):
                writer.abort()
            self._give_up(error)
            return
        if self.lost_rows:
            self._say(f"{self.lost_rows} rows before {self._path.name} were not written")
            self.lost_rows = 0
        self.parts.append(self._path)
        while self._keep and len(self.parts) > self._keep:
            shutil.rmtree(self.parts.pop(0), ignore_errors=True)
        del self.parts[:-10_000]
        self._clear()

    def _clear(self) -> None:
        """Remove the oldest parts above the limits, but the one in work and the last before it."""
        if not (self._limits.bytes or self._limits.seconds):
            return
        try:
            names = list(self._folder.iterdir())
        except OSError:
            return  # gone, or not there at the moment: what is written next says so
        parts = sorted(each for each in names if _begun(each.name) is not None)
        sizes = {part: _bytes_below(part) for part in parts}
        total = sum(sizes.values())
        for part in parts[: -2 if self._writer is not None else -1]:
            too_many = self._limits.bytes and total > self._limits.bytes
            if not (too_many or self._is_old(part)):
                break
            shutil.rmtree(part, ignore_errors=True)
            total -= sizes[part]

    def _is_old(self, part: Path) -> bool:
        age_ns = self._now - (_begun(part.name) or 0) * _NS
        return bool(self._limits.seconds) and age_ns > self._limits.seconds * _NS

    def _give_up(self, error: ReportError) -> None:
        writer, self._writer = self._writer, None
        if isinstance(writer, Lasting):
            # What was written before stays, in place or as parts.
            with contextlib.suppress(ReportError):
                writer.close()
        elif writer is not None:
            writer.abort()
        self._retry = self._now + RETRY_NS
        self._say(f"{error}; rows are not written until a new part can be")

    def _is_full(self, now_ns: int) -> bool:
        if self._looked <= now_ns < self._looked + _LOOK_EVERY_NS:
            return False
        self._looked = now_ns
        try:
            sizes = [file.stat().st_size for file in self._path.iterdir()]
        except OSError:
            return False
        return sum(sizes) >= self._max_bytes


def _begun(name: str) -> int | None:
    """Return when a part of that name began, in s since 1970 UTC; None of what is no part."""
    if not _NAME.fullmatch(name):
        return None
    try:
        moment = datetime.strptime(name[:16], "%Y%m%dT%H%M%SZ")
    except ValueError:  # of the form, but no time
        return None
    return int(moment.replace(tzinfo=UTC).timestamp())


def _bytes_below(folder: Path) -> int:
    """Return the size of a part; files may go meanwhile."""
    total = 0
    with contextlib.suppress(OSError):
        for file in folder.iterdir():
            total += file.stat().st_size
    return total
