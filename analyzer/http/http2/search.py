"""The search for a frame of HTTP/2 in the middle of a stream.

A place counts when several frames follow each other from it without a fault, each beginning
where the one before ends; or when it is the begin of a segment and its frames end where the
segment does. Knows frame headers. Must not know streams. Used by http.http2.connection.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.http.handover import Row
from analyzer.http.http2.frames import HEADER_BYTES, MOST_FRAME_BYTES, is_plausible, read_header


class FrameSearch:
    """One search: the bytes since the place was lost, and the places that may be it.

    Args:
        needed: frames that must follow each other; 0: nothing is searched for.
        most: bytes that are kept.
        expected: where a frame that is too long would end, in the bytes pushed; -1: none is.

    Attributes:
        found: a place is known.
    """

    def __init__(self, needed: int, most: int, expected: int = -1) -> None:
        self._needed = needed
        self._most = most
        self._buffer = bytearray()
        self._rows: list[tuple[Row, int, int]] = []  # row, where in it, place in the buffer
        self._places: dict[int, tuple[int, int]] = {}  # begin: (next header, frames so far)
        self._looked = 0
        self._given_up: list[tuple[Row, int, int]] = []
        self._start = -1
        self._passed = 0
        self._expected = expected
        self.found = False

    @property
    def size(self) -> int:
        """Bytes kept."""
        return len(self._buffer)

    @property
    def size_so_far(self) -> int:
        """Bytes pushed before the place found; all, where none is."""
        return self._passed + (self._start if self.found else len(self._buffer))

    def push(self, row: Row, data: bytes, skipped: int = 0) -> None:
        """Take bytes of a row, from its byte `skipped` on."""
        if not data:
            return
        self._rows.append((row, skipped, len(self._buffer)))
        self._buffer += data
        if not self._needed:
            self.forget()
            return
        self._look()
        if not self.found and len(self._buffer) > self._most:
            self.forget()

    def given_up(self) -> list[tuple[Row, int, int]]:
        """Return (row, begin, end) of the bytes that are no longer searched, once."""
        given, self._given_up = self._given_up, []
        return given

    def rest(self) -> Iterator[tuple[Row, bytes, int]]:
        """Return (row, bytes, where in the row) from the place found on."""
        ends = [place for _, _, place in self._rows[1:]] + [len(self._buffer)]
        for (row, skipped, place), end in zip(self._rows, ends, strict=True):
            begin = max(place, self._start)
            if begin < end:
                yield row, bytes(self._buffer[begin:end]), skipped + begin - place

    def _is_expected(self) -> bool:
        """Tell whether the next frame begins where the one that is too long would end.

        Its sender may send another one that is too long.
        """
        at = self._expected - self._passed
        if at < 0 or at + HEADER_BYTES > len(self._buffer):
            return False
        header = read_header(self._buffer, at)
        return not self._buffer[at + 5] & 0x80 and is_plausible(header, MOST_FRAME_BYTES)

    def _look(self) -> None:
        buffer = self._buffer
        if self._is_expected():
            self._start, self.found = self._expected - self._passed, True
            self._give_up_before(self._start)
            return
        last = len(buffer) - HEADER_BYTES
        for begin, (at, count) in list(self._places.items()):
            self._follow(begin, at, count)
        for at in range(self._looked, last + 1):
            # A frame of up to 16,384 bytes, of a known type: most places fall here.
            if buffer[at] == 0 and buffer[at + 3] < 10:
                self._follow(at, at, 0)
        self._looked = max(self._looked, last + 1)
        newest = self._rows[-1][2]
        # Frames that fill a whole segment: the length alone is 24 bits of evidence. Frames before
        # it that lead there are frames as well.
        is_filled = newest in self._places and self._places[newest][0] == len(buffer)
        is_filled = is_filled and len(buffer) > newest + HEADER_BYTES
        done = [
            begin
            for begin, (at, count) in self._places.items()
            if count >= self._needed or (is_filled and at == len(buffer))
        ]
        if done:
            self._start = min(done)
            self.found = True
            self._give_up_before(self._start)

    def _follow(self, begin: int, at: int, count: int) -> None:
        buffer = self._buffer
        while at + HEADER_BYTES <= len(buffer) and count < self._needed:
            header = read_header(buffer, at)
            # The reserved bit "MUST remain unset when sending" (RFC 9113 4.1).
            if buffer[at + 5] & 0x80 or not is_plausible(header):
                self._places.pop(begin, None)
                return
            count += 1
            at += HEADER_BYTES + header.length
        self._places[begin] = (at, count)

    def _give_up_before(self, end: int) -> None:
        ends = [place for _, _, place in self._rows[1:]] + [len(self._buffer)]
        for (row, skipped, place), behind in zip(self._rows, ends, strict=True):
            if place < end:
                upto = min(behind, end)
                self._given_up.append((row, skipped, skipped + upto - place))

    def forget(self) -> None:
        """Give up what is kept: begin anew with what comes next."""
        self._give_up_before(len(self._buffer))
        self._passed += len(self._buffer)
        self._buffer.clear()
        self._rows, self._places, self._looked = [], {}, 0
