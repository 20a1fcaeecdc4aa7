"""The source: one or many captures, read as one run of records.

Knows which files there are, in which order they come, and which reader each needs.
Must not know what packets mean. Called by the pipeline.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO

from analyzer.capture.formats import HEAD_BYTES, PCAP, PCAPNG, refusal, sniff
from analyzer.capture.pcap import PcapReader
from analyzer.capture.reader import Reader
from analyzer.capture.records import Interface, RecordBatch
from analyzer.capture.streams import FileStream, Stream, decompressed
from analyzer.columns import NULL
from analyzer.errors import CaptureAccessError, CaptureError, NotACaptureError
from analyzer.findings import (
    CAPTURE_CUT,
    CAPTURE_EMPTY,
    CAPTURE_UNREADABLE,
    Finding,
)
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import DEFAULT, Options

STDIN = "-"

PathLike = str | os.PathLike[str]

_LOOK_BYTES = 64 * 1024
_LOOK_LIMIT = 16 * _LOOK_BYTES
"""How far to look for a file's first packet when several are put in order; a file
with more than a MiB of other blocks before it comes last."""

_KINDS = (PCAP, PCAPNG)


def _reader_of(kind: str) -> type[Reader]:
    """Return what reads files of a kind; that of pcapng is loaded when there is such a file."""
    if kind == PCAP:
        return PcapReader
    from analyzer.capture.pcapng import PcapngReader

    return PcapngReader


@dataclass(slots=True)
class _Input:
    """One file named, or found in a directory named."""

    name: str
    path: str | None  # None: standard input
    size: int | None = None  # None: a pipe
    found: bool = False  # in a directory, not named
    opened: tuple[FileStream, Stream, str] | None = None
    first_time: int | None = None


@dataclass(slots=True)
class Source:
    """Batches of records of all inputs, in the time order of their first packets.

    Packet numbers run on from file to file. Made by `open_capture`; iterate once.

    Attributes:
        options: limits.
        names: of the inputs, in the order in which they are read.
        bytes_total: sum of their sizes as stored; None if one is a pipe.
        secrets: TLS key logs found in the files so far.
        interfaces: described by the files so far; the column `interface` of RECORD points here.
    """

    options: Options
    _inputs: list[_Input]
    _skipped: list[Finding]
    names: list[str] = field(init=False)
    bytes_total: int | None = field(init=False)
    secrets: list[bytes] = field(default_factory=list)
    interfaces: list[Interface] = field(default_factory=list)
    _bytes_before: int = 0
    _current: FileStream | None = None
    _reading: Stream | None = None
    _packets: int = 0
    _known: int = 0  # interfaces of the files before

    def __post_init__(self) -> None:
        self.names = [one.name for one in self._inputs]
        sizes = [one.size for one in self._inputs if one.size is not None]
        self.bytes_total = sum(sizes) if len(sizes) == len(self._inputs) else None

    @property
    def bytes_read(self) -> int:
        """Bytes taken so far, as stored (compressed where compressed)."""
        return self._bytes_before + (self._current.taken if self._current else 0)

    def __iter__(self) -> Iterator[RecordBatch]:
        """Yield batches until all inputs have ended."""
        if self._skipped:
            yield RecordBatch(findings=self._skipped)
        for one in self._inputs:
            yield from self._read(one)
        if not self._packets and len(self._inputs) > 1:
            yield RecordBatch(findings=[Finding(CAPTURE_EMPTY)])

    def close(self) -> None:
        """Close every file, also the one that is being read; iterating to the end does so too."""
        for one in self._inputs:
            if one.opened is not None:
                one.opened[1].close()
                one.opened = None
        if self._reading is not None:
            self._reading.close()

    def _read(self, one: _Input) -> Iterator[RecordBatch]:
        try:
            file, stream, kind = one.opened or _open(one)
        except (CaptureError, OSError) as error:
            # It was readable when the inputs were ordered, but no longer is.
            yield RecordBatch(findings=[_unreadable(one, error)])
            return
        one.opened = None
        self._current, self._reading = file, stream
        reader = _reader_of(kind)(
            self.options,
            first_packet=self._packets + 1,
            first_interface=len(self.interfaces),
        )
        self._known = len(self.interfaces)
        try:
            yield from self._drain(one, stream, reader)
        finally:
            stream.close()
            self._bytes_before += file.taken
            self._current = self._reading = None

    def _drain(self, one: _Input, stream: Stream, reader: Reader) -> Iterator[RecordBatch]:
        try:
            while not reader.stopped:
                count = stream.readinto(reader.room())
                if not count:
                    break
                yield self._counted(one, reader, reader.filled(count))
        except NotACaptureError as error:
            # The header itself was found good when the file was opened, what follows
            # it was not. With one file nothing has been handed on yet.
            if len(self._inputs) == 1 and not self._skipped:
                raise
            yield RecordBatch(findings=[_unreadable(one, error)])
            return
        last = reader.finish()
        # A reader that stopped at damage leaves the rest of the stream alone; whether a
        # fault in that was met depends on how far ahead bytes were taken.
        if stream.fault is not None and not reader.stopped:
            # The reader would report the same cut a second time.
            last.findings = [f for f in last.findings if f.kind not in (CAPTURE_CUT, CAPTURE_EMPTY)]
            last.findings.insert(0, replace(stream.fault, packet=reader.packets + 1))
        yield self._counted(one, reader, last)
        self.secrets += reader.secrets

    def _counted(self, one: _Input, reader: Reader, batch: RecordBatch) -> RecordBatch:
        self._packets = reader.packets
        self.interfaces += reader.interfaces[len(self.interfaces) - self._known :]
        if len(self._inputs) > 1 and batch.findings:
            batch.findings = [
                replace(finding, detail=f"{one.name}: {finding.detail}")
                for finding in batch.findings
                # One empty file of a ring does not make the capture empty.
                if finding.kind is not CAPTURE_EMPTY
            ]
        return batch


def open_capture(
    paths: PathLike | Iterable[PathLike],
    options: Options = DEFAULT,
    stdin: BinaryIO | None = None,
) -> Source:
    """Open captures: files, directories of files, or "-" for standard input.

    Formats are detected by content. Of a directory its own files are read, not those of
    its subdirectories, and those that are no captures are left out with a finding.
    Files come in the time order of their first packets; pipes come last, as named,
    because looking ahead in a pipe would wait for its writer.

    Args:
        paths: one or several.
        options: limits.
        stdin: read for "-"; standard input by default.

    Returns:
        A source, whose headers have been read.

    Raises:
        CaptureAccessError: a path does not exist, nothing can be opened, or a
            directory holds no capture.
        NotACaptureError: no input is a capture.
    """
    named = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not named:
        raise CaptureAccessError("No capture was named.")
    inputs: list[_Input] = []
    for path in dict.fromkeys(os.fspath(path) for path in named):
        inputs += _expand(path)
    readable: list[_Input] = []
    errors: list[tuple[_Input, Exception]] = []
    for one in inputs:
        try:
            _prepare(one, options, stdin, alone=len(inputs) == 1)
            readable.append(one)
        except (CaptureError, OSError) as error:
            errors.append((one, error))
    if not readable:
        raise _nothing(named, errors)
    # sorted() is stable: files without a time stay as named, after the others.
    readable.sort(key=lambda one: (one.first_time is None, one.first_time or 0))
    return Source(options, readable, [_unreadable(one, error) for one, error in errors])


def _expand(path: str) -> list[_Input]:
    """Return the inputs that one path names.

    Raises:
        CaptureAccessError: no such file, or a directory that cannot be listed.
    """
    if path == STDIN:
        return [_Input("standard input", None)]
    try:
        if not os.path.isdir(path):
            os.stat(path)
            return [_Input(path, path)]
        from pathlib import Path

        files = sorted(entry for entry in Path(path).iterdir() if entry.is_file())
    except (OSError, ValueError) as error:
        raise _access(path, error) from error
    if not files:
        raise CaptureAccessError(f"The directory {path} holds no files.")
    return [_Input(str(file), str(file), found=True) for file in files]


def _access(name: str, error: Exception) -> CaptureAccessError:
    reason = getattr(error, "strerror", None) or str(error)
    hint = None
    if isinstance(error, PermissionError):
        hint = "ask for read permission, or copy the file"
    return CaptureAccessError(f"{name} cannot be read: {reason}.", hint=hint)


def _unreadable(one: _Input, error: Exception) -> Finding:
    detail = str(error if isinstance(error, CaptureError) else _access(one.name, error))
    if one.name not in detail:
        detail = f"{one.name}: {detail}"
    return Finding(CAPTURE_UNREADABLE, detail=detail.rstrip("."))


def _nothing(named: list[PathLike], errors: list[tuple[_Input, Exception]]) -> CaptureError:
    """Return the error for inputs of which none is readable."""
    one, error = errors[0]
    if all(each.found for each, _ in errors):
        where = ", ".join(os.fspath(path) for path in named)
        return CaptureAccessError(f"{where} holds no captures.", hint=str(error))
    if isinstance(error, CaptureError):
        return error
    return _access(one.name, error)


def _prepare(one: _Input, options: Options, stdin: BinaryIO | None, *, alone: bool) -> None:
    """Find out size, format and, among several files, the first packet's time.

    Raises:
        NotACaptureError: not a capture.
        OSError: it cannot be opened.
    """
    file, stream, kind = _open(one, stdin)
    one.size = file.size
    if alone or file.size is None:
        one.opened = file, stream, kind
        return
    # Closed again: a ring may have more files than a process may open.
    try:
        one.first_time = _first_time(stream, _reader_of(kind)(options))
    finally:
        stream.close()


def _open(one: _Input, stdin: BinaryIO | None = None) -> tuple[FileStream, Stream, str]:
    """Open an input and detect its format."""
    if one.path is not None:
        file = FileStream.open(one.path)
    else:
        file = FileStream(stdin or sys.stdin.buffer, owned=False)
    try:
        head = file.peek(HEAD_BYTES)
        stream = decompressed(file, head)
        inner = head if stream is file else stream.peek(HEAD_BYTES)
        kind = sniff(inner)
        if kind in _KINDS:
            return file, stream, kind
        fault = stream.fault
        if fault is not None and not inner:
            raise NotACaptureError(f"{one.name} cannot be read: {fault.detail}.")
        raise refusal(inner, one.name if stream is file else f"{one.name}, decompressed,")
    except BaseException:
        file.close()
        raise


def _first_time(stream: Stream, reader: Reader) -> int | None:
    """Return the time of the first packet in ns; None if there is none near the start."""
    looked = 0
    while looked < _LOOK_LIMIT and not reader.stopped:
        count = stream.readinto(reader.room(_LOOK_BYTES))
        if not count:
            break
        looked += count
        rows = reader.filled(count).rows
        if len(rows):
            time = int(rows["time"][0])
            return None if time == NULL else time
    return None
