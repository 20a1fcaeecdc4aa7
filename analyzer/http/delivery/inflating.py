"""Inflating: the content of bodies with Content-Encoding gzip or deflate (RFC 9110 8.4.1).

Knows zlib's formats, and that hostile content inflates without end. Called by
http.delivery.deliveries.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

_ZLIB_OR_GZIP: Final = 47
_RAW: Final = -15
_PIECE: Final = 64 * 1024
_FREE: Final = 1024 * 1024
_MOST_RATIO: Final = 100
"""Content beyond the first MiB may be so many times its coded bytes: what repeats itself more
is a bomb, small on the wire and hours of reading."""
CODINGS: Final = ("gzip", "x-gzip", "deflate")


class Inflater:
    """Inflates a body as it passes.

    Attributes:
        failed: it is not what its coding says, or comes to more than it may.
    """

    __slots__ = ("_coded", "_content", "_decoder", "_first", "_limit", "_may_be_raw", "failed")

    def __init__(self, coding: str, limit: int) -> None:
        """Expect one of CODINGS; stop after `limit` bytes of content."""
        self._decoder = zlib.decompressobj(_ZLIB_OR_GZIP)
        # "Some non-conformant implementations send the "deflate" compressed data without
        # the zlib wrapper."
        self._may_be_raw = coding == "deflate"
        self._first = b""
        self._limit = limit
        self._coded = self._content = 0
        self.failed = False

    def take(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` adds to the content."""
        self._coded += len(data)
        most = min(self._limit, _FREE + _MOST_RATIO * self._coded)
        while data and not self.failed and not self._decoder.eof:
            try:
                out = self._decoder.decompress(data, _PIECE)
            except zlib.error:
                if not self._may_be_raw:
                    self.failed = True
                    return
                data = self._first + data
                self._decoder = zlib.decompressobj(_RAW)
                self._may_be_raw = False
                continue
            if self._may_be_raw:
                # The header is two bytes: what it is shows at the third at the latest.
                self._first += data[:2]
                self._may_be_raw = not out and len(self._first) < 3
            data = self._decoder.unconsumed_tail
            self._content += len(out)
            if self._content > most:
                self.failed = True
                return
            if out:
                yield out
