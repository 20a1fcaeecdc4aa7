"""Lines: a body cut into lines while it passes, and the readers of what is sent in lines.

Knows text/event-stream (WHATWG HTML 9.2.6), newline-delimited JSON and JSON text sequences
(RFC 7464). Keeps only the beginning of one unfinished line. Must not know packets:
the caller says when the bytes were captured. Used by http.delivery.deliveries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

_PREFIX: Final = 16
"""More than must be known of a line: a mark of byte order, and "data: "."""
_BOM: Final = b"\xef\xbb\xbf"
_RECORD_SEPARATOR: Final = 0x1E


class Lines:
    """Cuts bytes into lines that end with LF, CR or CRLF."""

    __slots__ = ("_after_cr", "_begun", "_keep", "_length")

    def __init__(self, keep: int = _PREFIX) -> None:
        """Keep `keep` bytes of each line."""
        self._keep = keep
        self._begun = bytearray()
        self._length = 0
        self._after_cr = False

    def take(self, data: bytes) -> Iterator[tuple[bytes, int]]:
        """Yield each line that ends in `data`: its beginning, and its length in bytes."""
        if self._after_cr and data[:1] == b"\n":
            data = data[1:]
            self._after_cr = False
        if not data:
            return
        self._after_cr = data[-1] == 13
        keep = self._keep
        for part in data.splitlines(True):
            if part[-1] not in b"\r\n":
                self._begun += part[: max(0, keep - len(self._begun))]
                self._length += len(part)
                return
            line = part[: -2 if part.endswith(b"\r\n") else -1]
            length = len(line)
            if self._length:
                line = bytes(self._begun) + line[: max(0, keep - len(self._begun))]
                length += self._length
                self._begun.clear()
                self._length = 0
            yield line[:keep], length

    def kept(self) -> int:
        """Return how many bytes of an unfinished line are kept."""
        return len(self._begun)

    def rest(self) -> tuple[bytes, int]:
        """Return the line that has no end, and forget it."""
        line, length = bytes(self._begun), self._length
        self._begun.clear()
        self._length = 0
        return line, length


Found = Callable[[int, int], None]
"""Called for a message: time (ns) and size (bytes)."""


Seen = Callable[[int, bytes], None]
"""Called for a message: time (ns) and how it begins."""


class TextLines:
    """Messages that are lines: each that is not blank.

    Args:
        found: told of each.
        keep: bytes of each line to keep for `seen`.
        seen: given the time of each, and how it begins.
    """

    __slots__ = ("_found", "_lines", "_lost", "_seen")

    def __init__(self, found: Found, keep: int = 0, seen: Seen | None = None) -> None:
        self._found = found
        self._seen = seen
        self._lines = Lines(_PREFIX + keep)
        self._lost = False

    def take(self, data: bytes, time: int) -> None:
        """Read on."""
        for line, length in self._lines.take(data):
            if self._lost:
                self._lost = False
            else:
                self._line(line, length, time)

    def kept(self) -> int:
        """Return how many bytes are kept."""
        return self._lines.kept()

    def lost(self) -> None:
        """Go on after the next line end: bytes are missing."""
        self._lines.rest()
        self._lost = True

    def end(self, time: int) -> None:
        """The last line needs no end."""
        line, length = self._lines.rest()
        if not self._lost:
            self._line(line, length, time)

    def _line(self, line: bytes, length: int, time: int) -> None:
        # RFC 7464 2.2: a text begins with a record separator, and ends with LF.
        if line[:1] and line[0] == _RECORD_SEPARATOR:
            line, length = line[1:], length - 1
        if line.strip() or length > _PREFIX:
            self._found(time, length)
            if self._seen is not None:
                self._seen(time, line)


class EventStream:
    """Messages of text/event-stream: events that are dispatched with data.

    Args:
        found: told of each.
        keep: bytes of each line, and of the data of an event, to keep for `event` and `seen`.
        event: given the data of each event, and its time, in place of `found`.
        seen: given the time of each event, and how its data begins.
    """

    __slots__ = (
        "_data",
        "_event",
        "_fields",
        "_first",
        "_found",
        "_held",
        "_keep",
        "_lines",
        "_lost",
        "_seen",
        "_size",
    )

    def __init__(
        self,
        found: Found,
        keep: int = 0,
        event: Callable[[bytes, int, int], None] | None = None,
        seen: Seen | None = None,
    ) -> None:
        self._found = found
        self._seen = seen
        self._lines = Lines(_PREFIX + keep)
        self._event = event
        self._first = True
        self._lost = False
        self._fields = 0
        self._size = 0
        # Bytes of data that are kept, with a line feed each: of many short fields too.
        self._held = 0
        self._keep = keep
        self._data: list[bytes] = []

    def take(self, data: bytes, time: int) -> None:
        """Read on."""
        for line, length in self._lines.take(data):
            if self._first:
                # "one leading U+FEFF BYTE ORDER MARK character [is] ignored"
                self._first = False
                if line.startswith(_BOM):
                    line, length = line[3:], length - 3
            if not length:
                self._dispatch(time)
            elif line.startswith(b"data") and (length == 4 or line[4:5] == b":"):
                self._field(line, length)

    def kept(self) -> int:
        """Return how many bytes are kept."""
        return self._lines.kept() + self._held

    def lost(self) -> None:
        """Drop the event in progress: bytes of it are missing."""
        self._lines.rest()
        self._lost = True

    def end(self, time: int) -> None:
        """Drop what is unfinished.

        "If the file ends in the middle of an event, before the final empty line, the
        incomplete event is not dispatched."
        """

    def _field(self, line: bytes, length: int) -> None:
        # "If value starts with a U+0020 SPACE character, remove it from value."
        begin = 6 if line[5:6] == b" " else min(5, length)
        self._size += length - begin
        self._fields += 1
        kept = self._event is not None or self._seen is not None
        if kept and (not self._data or self._held < self._keep):
            self._data.append(line[begin:])
            self._held += 1 + len(self._data[-1])

    def _dispatch(self, time: int) -> None:
        """Take an empty line.

        Each data field appends its value and a LF, of which the last is removed again; an
        event without such a field is not dispatched.
        """
        if self._fields and not self._lost:
            size = self._size + self._fields - 1
            if self._event is not None:
                self._event(self._data[0], size, time)
            else:
                self._found(time, size)
            if self._seen is not None:
                self._seen(time, b"\n".join(self._data))
        self._fields = self._size = self._held = 0
        self._data = []
        self._lost = False
