"""Streams: bytes of files and pipes, decompressed, read into memory given.

Knows files, gzip and zstd. Must not know captures. Used by source.
"""

from __future__ import annotations

import os
import select
import stat
import time
import zlib
from abc import ABC, abstractmethod
from typing import Any, BinaryIO, cast

from analyzer.capture.formats import GZIP, ZSTD, sniff
from analyzer.findings import CAPTURE_CUT, CAPTURE_DAMAGED, Finding

_GZIP_INPUT_BYTES = 32 * 1024
"""Compressed bytes per step: deflate makes at most 1032 times as many of them."""
_ZSTD_INPUT_BYTES = 2 * 1024
"""A zstd block of 4 bytes can stand for 128 KiB, and the decoder takes no limit on
its output: 2 KiB of them make 64 MiB."""
_LINGER_S = 0.05
_PAUSE_MS = 5
"""A pipe is read until it has been silent for 5 ms, at most for 50 ms: batches are
large when data pour in, and soon there when they trickle."""


class Stream(ABC):
    """Bytes that can be looked at before they are read.

    Attributes:
        fault: why the bytes ended before their time, or None.
    """

    def __init__(self) -> None:
        self.fault: Finding | None = None
        self._head = b""

    def peek(self, count: int) -> bytes:
        """Return the next `count` bytes without taking them; fewer at the end."""
        while len(self._head) < count:
            room = bytearray(count - len(self._head))
            filled = self._fill(memoryview(room))
            if not filled:
                break
            self._head += room[:filled]
        return self._head[:count]

    def readinto(self, room: memoryview) -> int:
        """Read at most len(room) bytes and return how many; 0 is the end."""
        if not self._head:
            return self._fill(room)
        taken = min(len(room), len(self._head))
        room[:taken] = self._head[:taken]
        self._head = self._head[taken:]
        return taken

    def read(self, count: int) -> bytes:
        """Return at most `count` bytes; none at the end."""
        room = bytearray(count)
        return bytes(room[: self.readinto(memoryview(room))])

    @abstractmethod
    def _fill(self, room: memoryview) -> int:
        """Like `readinto`, past the bytes that were looked at."""

    @abstractmethod
    def close(self) -> None:
        """Close the file."""


class FileStream(Stream):
    """A file, a FIFO or standard input.

    Args:
        file: opened for reading, in binary, with nothing read from it yet.
        owned: whether `close` closes it.

    Attributes:
        taken: bytes read so far.
        size: of a regular file; None if that is not known.
    """

    def __init__(self, file: BinaryIO, *, owned: bool = True) -> None:
        super().__init__()
        self.taken = 0
        self.size: int | None = None
        self._file = file
        self._owned = owned
        self._poll: select.poll | None = None
        # A BufferedReader, even by readinto1, waits for more than a pipe has.
        self._readinto: Any = cast(Any, getattr(file, "raw", file)).readinto
        self._ask_system()

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> FileStream:
        """Open `path`.

        Raises:
            OSError: it cannot be opened.
        """
        return cls(cast(BinaryIO, open(path, "rb", buffering=0)))

    def _ask_system(self) -> None:
        try:
            number = self._file.fileno()
            status = os.fstat(number)
        except (AttributeError, OSError):
            return  # not a file of the system: io.BytesIO and the like
        if stat.S_ISREG(status.st_mode):
            self.size = status.st_size
        elif hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(number, select.POLLIN)

    def _fill(self, room: memoryview) -> int:
        filled = self._once(room)
        if filled and self._poll is not None:
            until = time.monotonic() + _LINGER_S
            while filled < len(room) and self._poll.poll(_PAUSE_MS):
                more = self._once(room[filled:])
                filled += more
                if not more or time.monotonic() > until:
                    break
        return filled

    def _once(self, room: memoryview) -> int:
        try:
            filled = self._readinto(room) or 0
        except OSError as error:
            detail = f"reading failed: {error.strerror or error}"
            self.fault = Finding(CAPTURE_DAMAGED, detail=detail)
            return 0
        self.taken += filled
        return cast(int, filled)

    def close(self) -> None:
        """Close the file if it is owned."""
        if self._owned:
            self._file.close()


class _Decompressed(Stream):
    """Common to both compressions: input steps, and output that waits for room."""

    _input_bytes: int
    _name: str

    def __init__(self, source: Stream) -> None:
        super().__init__()
        self._source = source
        # Of a pipe, what there is goes out before more is asked for.
        self._may_wait = isinstance(source, FileStream) and source.size is None
        self._input = b""
        self._output = memoryview(b"")
        self._ended = False

    def _fill(self, room: memoryview) -> int:
        filled = 0
        while filled < len(room):
            if self._output:
                taken = min(len(room) - filled, len(self._output))
                room[filled : filled + taken] = self._output[:taken]
                self._output = self._output[taken:]
                filled += taken
            elif self._ended or (filled and self._may_wait):
                break
            else:
                self._step(len(room) - filled)
        return filled

    @abstractmethod
    def _step(self, wanted: int) -> None:
        """Set `_output` or `_ended`, or come closer to either."""

    def _end(self, fault: Finding | None = None) -> None:
        self._ended = True
        self.fault = self._source.fault or fault

    def _more(self) -> bool:
        """Read input after what is left of it; return False at the end."""
        read = self._source.read(self._input_bytes)
        self._input += read
        return bool(read)

    def _damage(self, reason: object) -> None:
        self._end(Finding(CAPTURE_DAMAGED, detail=f"the {self._name} data are damaged: {reason}"))

    def _cut(self) -> None:
        self._end(Finding(CAPTURE_CUT, detail=f"the {self._name} data are incomplete"))

    def _garbage(self) -> None:
        self._damage("other bytes follow their end")

    def close(self) -> None:
        """Close the source."""
        self._source.close()


class GzipStream(_Decompressed):
    """Decompresses the members of a gzip file (RFC 1952), one after the other.

    Zero bytes after a member are padding; other bytes that are no member are a fault.
    """

    _input_bytes = _GZIP_INPUT_BYTES
    _name = "gzip"

    def __init__(self, source: Stream) -> None:
        super().__init__(source)
        self._decoder: Any = None
        self._members = 0
        self._held_back = False  # the decoder has output for which there was no room

    def _step(self, wanted: int) -> None:
        if self._decoder is None:
            self._next_member()
            return
        if not self._input and not self._held_back and not self._more():
            self._cut()
            return
        before = self._decoder.copy()
        taken = self._input
        try:
            output = self._decoder.decompress(taken, wanted)
        except zlib.error as error:
            self._salvage(before, taken)
            self._damage(error)
            return
        self._output = memoryview(output)
        self._held_back = len(output) == wanted
        self._input = self._decoder.unconsumed_tail
        if self._decoder.eof:
            self._input = self._decoder.unused_data
            self._decoder, self._held_back = None, False

    def _next_member(self) -> None:
        if self._members:
            self._input = self._input.lstrip(b"\0")
        if len(self._input) < 2 and self._more():
            return
        if not self._input:
            self._end()
        elif self._input[:2] == b"\x1f\x8b":
            self._decoder = zlib.decompressobj(wbits=31)
            self._members += 1
        else:
            self._garbage()

    def _salvage(self, decoder: Any, taken: bytes) -> None:
        """Decompress byte by byte up to the fault, which lost the step's output."""
        output = bytearray()
        try:
            for i in range(len(taken)):
                output += decoder.decompress(taken[i : i + 1])
        except zlib.error:
            pass
        self._output = memoryview(bytes(output))


class ZstdStream(_Decompressed):
    """Decompresses the frames of a zstd file (RFC 8878), one after the other.

    Where a frame is damaged, what the last 2 KiB before the fault held is lost.
    """

    _input_bytes = _ZSTD_INPUT_BYTES
    _name = "zstd"

    def __init__(self, source: Stream) -> None:
        super().__init__(source)
        # Loaded only when a capture needs it.
        import zstandard

        self._library = zstandard
        self._decoder: Any = None

    def _step(self, wanted: int) -> None:
        del wanted  # the decoder takes no limit; its input is kept small instead
        if not self._input and not self._more():
            if self._decoder is None:
                self._end()
            else:
                self._cut()
            return
        if self._decoder is None and not self._next_frame():
            return
        taken, self._input = self._input, b""
        try:
            self._output = memoryview(self._decoder.decompress(taken))
        except self._library.ZstdError as error:
            self._damage(error)
            return
        if self._decoder.eof:
            self._input = self._decoder.unused_data
            self._decoder = None

    def _next_frame(self) -> bool:
        """Begin a frame; return False if more input is needed or it is none."""
        if len(self._input) < 4 and self._more():
            return False
        if sniff(self._input) != ZSTD:
            self._garbage()
            return False
        self._decoder = self._library.ZstdDecompressor().decompressobj()
        return True


def decompressed(source: Stream, head: bytes) -> Stream:
    """Return `source`, or its decompression if `head`, its first bytes, is of one."""
    kind = sniff(head)
    if kind == GZIP:
        return GzipStream(source)
    if kind == ZSTD:
        return ZstdStream(source)
    return source
