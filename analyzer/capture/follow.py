"""Captures that others are still writing, as live sources: a growing file, a pipe.

Knows files, and that there may be more to come. Must not know interfaces. Used by
cli.live, as open_live is for interfaces; the readers are those of whole files.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from analyzer.capture.formats import HEAD_BYTES, PCAP, PCAPNG, refusal, sniff
from analyzer.capture.pcap import PcapReader
from analyzer.capture.pcapng import PcapngReader
from analyzer.capture.reader import Reader
from analyzer.capture.records import RecordBatch
from analyzer.capture.stats import CaptureStats
from analyzer.capture.streams import FileStream, Stream, decompressed
from analyzer.errors import CaptureAccessError, CaptureError, NotACaptureError
from analyzer.findings import (
    CAPTURE_CUT,
    CAPTURE_EMPTY,
    CAPTURE_REPLACED,
    CAPTURE_UNREADABLE,
    Finding,
)
from analyzer.options import Options

_READERS: dict[str, type[Reader]] = {PCAP: PcapReader, PCAPNG: PcapngReader}
_LOOK_S = 0.03
"""How often a file is looked at whose writer is slow."""
_AFTER_STOP_S = 0.3
"""How long a pipe's writer may be silent before it is left, once the end was asked for:
tcpdump in the same pipeline gets the same Ctrl-C and writes what it still has."""
_AT_MOST_AFTER_STOP_S = 3.0


class _Source:
    """Common to both: counters, and the last words of a reader."""

    def __init__(self, name: str, options: Options) -> None:
        self.names = [name]
        self.link_types: list[int] = []
        self.more = False
        self._options = options
        self._reader: Reader | None = None
        self._packets = 0
        self._stopped: float | None = None
        self._last: Iterator[RecordBatch] | None = None

    def stop(self) -> None:
        """Ask for the end (LiveSource)."""
        if self._stopped is None:
            self._stopped = time.monotonic()

    def stats(self) -> CaptureStats:
        """Return the counters; what another program dropped is not known here."""
        return CaptureStats(self._packets, 0, self._packets, True)

    def last_words(self) -> list[Finding]:
        """Return nothing: findings come with packets (LiveSource)."""
        return []

    def _taken(self, batch: RecordBatch) -> RecordBatch:
        if self._reader is not None:
            self._packets = self._reader.packets
        return batch

    def _ended(self) -> RecordBatch | None:
        """Return the reader's last findings, then None."""
        if self._last is None:
            reader = self._reader
            self._last = iter(() if reader is None else (reader.finish(),))
        batch = next(self._last, None)
        return None if batch is None else self._taken(batch)


class Piped(_Source):
    """A capture that comes through a pipe: `tcpdump -w - | wsanalyze live -`.

    Whatever is there is taken at once. Compressed it may be, but then the source waits
    for its writer without looking at the time.

    Args:
        options: limits.
        stdin: standard input by default.
    """

    def __init__(self, options: Options, stdin: BinaryIO | None = None) -> None:
        super().__init__("standard input", options)
        self._file = FileStream(stdin or sys.stdin.buffer, owned=False)
        self._stream: Stream = self._file
        self._poll: select.poll | None = None
        if self._file.size is None:
            with contextlib.suppress(OSError):  # not a file of the system: io.BytesIO
                number = (stdin or sys.stdin.buffer).fileno()
                self._poll = select.poll()
                self._poll.register(number, select.POLLIN)

    def read(self, timeout_s: float) -> RecordBatch | None:
        """Return what has come, or wait at most so long (LiveSource).

        Raises:
            NotACaptureError: It is none.
        """
        if self._last is not None:
            return self._ended()
        while self._wait(timeout_s):
            batch = self._read()
            if batch is None or len(batch.rows) or batch.findings:
                return batch
            # The file's header, or part of a packet: its rest may be there too.
            timeout_s = 0.0
        return self._ended() if self._stopped is not None else RecordBatch()

    def _read(self) -> RecordBatch | None:
        """Return what is there; None after the end."""
        if self._reader is None:
            self._begin()
        assert self._reader is not None
        if self._reader.stopped:
            return self._ended()
        count = self._stream.readinto(self._reader.room())
        self.more = count > 0 and self._poll is None
        if count:
            return self._taken(self._reader.filled(count))
        last = self._ended()
        if last is not None and self._stream.fault is not None:
            # The reader would report the same cut a second time.
            last.findings = [f for f in last.findings if f.kind not in (CAPTURE_CUT, CAPTURE_EMPTY)]
            last.findings.insert(0, replace(self._stream.fault, packet=self._packets + 1))
        return last

    def close(self) -> None:
        """Release the decompressor; standard input stays open (LiveSource)."""
        self._stream.close()

    def _begin(self) -> None:
        head = self._file.peek(HEAD_BYTES)
        self._stream = decompressed(self._file, head)
        inner = head if self._stream is self._file else self._stream.peek(HEAD_BYTES)
        kind = sniff(inner)
        if kind not in _READERS:
            raise refusal(inner, "standard input")
        self._reader = _READERS[kind](self._options)

    def _wait(self, timeout_s: float) -> bool:
        """Return whether reading does not wait: there is something, or the end."""
        if self._poll is None:
            return True
        if self._stopped is not None:
            if time.monotonic() - self._stopped > _AT_MOST_AFTER_STOP_S:
                return False
            timeout_s = _AFTER_STOP_S
        return bool(self._poll.poll(round(timeout_s * 1000)))


class Followed(_Source):
    """A file that another program is writing: waits at its end, until asked to stop.

    When another file takes its name (rotation), or it is cut and written again, that is read
    next; packet numbers run on.

    Args:
        path: of the file, which must be there.
        options: limits.

    Raises:
        CaptureAccessError: It cannot be opened.
    """

    def __init__(self, path: Path, options: Options) -> None:
        super().__init__(str(path), options)
        self._path = path
        self._head = b""
        self._position = 0
        self._given_up = False
        self._complained = False
        self._first = True
        try:
            self._file = cast(BinaryIO, path.open("rb", buffering=0))
        except OSError as error:
            reason = error.strerror or str(error)
            raise CaptureAccessError(f"{path} cannot be read: {reason}") from error

    def read(self, timeout_s: float) -> RecordBatch | None:
        """Return what was added to the file, or wait at most so long (LiveSource).

        Raises:
            NotACaptureError: It is none.
        """
        if self._last is not None:
            return self._ended()
        until = time.monotonic() + timeout_s
        while True:
            batch = self._step() or self._replaced()
            if batch is not None:
                if len(batch.rows) or batch.findings:
                    return batch
                continue  # part of a packet: its rest may be there too
            if self._stopped is not None:
                return self._ended()
            left = until - time.monotonic()
            if left <= 0:
                return RecordBatch()
            time.sleep(min(_LOOK_S, left))

    def close(self) -> None:
        """Close the file (LiveSource)."""
        self._file.close()

    def _step(self) -> RecordBatch | None:
        """Return what is after the position; None if that is nothing."""
        if self._reader is None:
            return self._begin()
        count = self._file.readinto(self._reader.room()) or 0  # type: ignore[attr-defined]
        self._position += count
        self.more = count > 0
        return self._taken(self._reader.filled(count)) if count else None

    def _begin(self) -> RecordBatch | None:
        """Make a reader when the file has a header."""
        if self._given_up:
            return None
        while len(self._head) < HEAD_BYTES:
            read = self._file.read(HEAD_BYTES - len(self._head))
            if not read:
                return None
            self._head += read
            self._position += len(read)
        kind = sniff(self._head)
        if kind not in _READERS:
            error: CaptureError = refusal(self._head, str(self._path))
            if kind:
                error = NotACaptureError(
                    f"{self._path} is compressed, which cannot be followed.",
                    hint="analyse it when it is complete",
                )
            if self._first:
                raise error
            self._given_up = True
            return RecordBatch(findings=[Finding(CAPTURE_UNREADABLE, detail=str(error))])
        self._reader = _READERS[kind](self._options, first_packet=self._packets + 1)
        self._first = False
        return self._taken(self._reader.push(self._head))

    def _replaced(self) -> RecordBatch | None:
        """Go on with a new file if there is one; return the findings at the old one's end."""
        now = os.fstat(self._file.fileno())
        try:
            there = os.stat(self._path)
        except OSError:
            return None  # between two files of a ring
        if there.st_ino == now.st_ino and there.st_dev == now.st_dev:
            if now.st_size >= self._position:
                return None
            self._file.seek(0)
            why = "it was cut"
        else:
            # Its last bytes may have come since it was read.
            batch = self._step()
            if batch is not None:
                return batch
            try:
                file = cast(BinaryIO, self._path.open("rb", buffering=0))
            except FileNotFoundError:
                return None
            except OSError as error:
                return self._unreadable(error)
            self._complained = False
            self._file.close()
            self._file = file
            why = "another took its name"
        last = RecordBatch() if self._reader is None else self._taken(self._reader.finish())
        last.findings = [f for f in last.findings if f.kind is not CAPTURE_EMPTY]
        last.findings.append(Finding(CAPTURE_REPLACED, detail=f"{self._path}: {why}"))
        self._reader, self._head, self._position, self._given_up = None, b"", 0, False
        return last

    def _unreadable(self, error: OSError) -> RecordBatch | None:
        """Say once that the new file may not be read; it is tried again."""
        if self._complained:
            return None
        self._complained = True
        detail = f"{self._path}: {error.strerror or error}"
        return RecordBatch(findings=[Finding(CAPTURE_UNREADABLE, detail=detail)])
