"""Compressed messages as most are: whole, in one piece, of a stream whose window is known.

A run of them is inflated without Python between two messages; at the first that is anything else
the run stops, and payloads takes that one. zlib is called through Python's own module, so no
library is linked. Knows RFC 7692 7.2.2 (what is put behind a payload); must not know what to do
when inflating fails: permessage_deflate does. Used by it and by payloads.
"""

from __future__ import annotations

import zlib
from typing import Any

import cython

if cython.compiled:
    from cython.cimports.analyzer.websocket._payload import digest_of
else:
    from analyzer.websocket._payload import digest_of

WINDOW_BYTES = 32 * 1024
"""Largest LZ77 window (RFC 1951 3.2.5); a smaller one is a part of it, so that all
streams are inflated with this one."""
TAIL = b"\x00\x00\xff\xff"
"""RFC 7692 7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload"."""
LAST_BLOCK = b"\x01\x00\x00\xff\xff"
"""An empty stored block with BFINAL: it ends a stream that is between two blocks."""
RAW = -15
"""zlib's number for a window of 2^15 bytes without a header."""

_FIRST_BYTES = cython.declare(cython.Py_ssize_t, 4096)
"""Output asked for at first: most messages are smaller."""
SYNC_BITS = 0xE0
"""A payload cut off before the tail ends with the 3 zero bits of the stored block's header
and zero padding: in its last byte the upper 3 bits are 0 wherever the header began."""
_SYNC_BITS = cython.declare(cython.int, SYNC_BITS)
_RECENT_BYTES = cython.declare(cython.Py_ssize_t, 2 * WINDOW_BYTES)
_RECENT_PIECES = cython.declare(cython.Py_ssize_t, 512)
_RUN_BYTES = cython.declare(cython.Py_ssize_t, 8 << 20)
"""Output of one run: a batch of a MiB can hold a GiB of it."""


@cython.cclass
class UsualInflater:
    """What an Inflater knows of its direction, and the common case of its messages.

    Args:
        takeover: the context goes from message to message.
        limit: bytes of output of one message.
        unseen: bytes of the window that were never seen.
    """

    def __init__(self, takeover: bool, limit: int, unseen: int) -> None:
        self._takeover = takeover
        self._limit = limit
        self.first = min(_FIRST_BYTES, limit + 1)
        # At the least one byte: 0 would mean no limit to zlib.
        self.rest = max(1, limit + 1 - self.first)
        self._context: Any = None
        # What became of a message that turned out not to be usual when its context had changed.
        self._rare: Any = None
        # Output that a stream after a final block may refer to.
        self._recent: list[bytes] = []
        self._recent_bytes = 0
        self._unseen = unseen

    @cython.ccall
    def usual(self, payload: bytes) -> bytes:
        """Inflate one whole message as far as it is usual.

        Args:
            payload: application data of all its frames, unmasked.

        Returns:
            Its output; None (which C can return as bytes) if it is not usual: then either nothing
            was done, or `_rare` is what became of it.
        """
        if not self._takeover:
            alone: bytes = self._alone(payload)
            return alone
        size: cython.Py_ssize_t = len(payload)
        context = self._context
        if context is None or self._unseen or not size or payload[size - 1] & _SYNC_BITS:
            return None  # type: ignore[return-value]
        try:
            # Asked for all at once, zlib takes 32 KiB of memory for each message.
            output: bytes = context.decompress(payload + TAIL, self.first)
            if len(output) == self.first:
                output += context.decompress(context.unconsumed_tail, self.rest)
        except zlib.error as error:
            self._rare = self._failed(error)
            return None  # type: ignore[return-value]
        if len(output) > self._limit or context.eof:
            self._rare = self._inflated_rarely(context, output)
            return None  # type: ignore[return-value]
        self._remember(output)
        return output

    def _failed(self, error: zlib.error) -> Any:
        """Lose the context and return what became of the message."""
        raise NotImplementedError

    def _inflated_rarely(self, context: Any, output: bytes) -> Any:
        """Finish a message that has a final block, or too much output."""
        raise NotImplementedError

    @cython.cfunc
    def _alone(self, payload: bytes) -> bytes:
        """Inflate a message that begins with an empty window.

        The last block proves in the same call that the message ended between blocks.
        """
        context = zlib.decompressobj(RAW)
        try:
            output: bytes = context.decompress(payload + TAIL + LAST_BLOCK, self._limit + 1)
        except zlib.error:
            return None  # type: ignore[return-value]
        if not payload or not context.eof or context.unused_data or len(output) > self._limit:
            return None  # type: ignore[return-value]
        self._remember(output)
        return output

    @cython.ccall
    def _remember(self, output: bytes) -> cython.int:
        """Keep the last 32 KiB of output, in pieces joined now and then."""
        size: cython.Py_ssize_t = len(output)
        self._recent.append(output)
        self._recent_bytes += size
        if self._unseen:
            self._unseen = max(0, self._unseen - size)
        if self._recent_bytes > _RECENT_BYTES or len(self._recent) > _RECENT_PIECES:
            self._recent = [b"".join(self._recent)[-WINDOW_BYTES:]]
            self._recent_bytes = len(self._recent[0])
        return 0


@cython.cclass
class UsualMessages:
    """Inflates the usual messages of a batch.

    Args:
        inflaters: UsualInflater by direction.
        windows: of directions that are looked at closer, which are none of the usual.
        joined: the message in progress by direction; `idle` if there is none.
        idle: see `joined`.
        kept: takes beginnings of payload, by pool index.
        longest: bytes of payload that are inflated.
        keep_bytes: bytes of payload that are kept.
    """

    def __init__(
        self,
        inflaters: dict[int, Any],
        windows: dict[int, Any],
        joined: dict[int, Any],
        idle: object,
        kept: dict[int, bytes],
        longest: int,
        keep_bytes: int,
    ) -> None:
        self.inflaters, self.windows = inflaters, windows
        self.joined, self.idle = joined, idle
        self.kept, self.longest, self.keep_bytes = kept, longest, keep_bytes
        self.content = b""
        self.begins = 0
        # Of those that somebody hears: which rows they are, and their payload.
        self.at: list[int] = []
        self.payloads: list[bytes] = []
        # Rows of texts that are no UTF-8.
        self.bad_texts: list[int] = []

    def begin(self, rows: Any, content: bytes, begins: int, pool: Any, heard: Any) -> None:
        """Take a batch.

        Args:
            rows: dtype FRAGMENT, in order.
            content: payload of all of them.
            begins: where that is in the buffer to which the rows refer.
            pool: dtype MESSAGE by pool index.
            heard: uint8 by direction: somebody listens to it.
        """
        self.rows, self.content, self.begins = rows, content, begins
        self.pool, self.heard = pool, heard

    def run(self, at: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Inflate messages from row `at` on; return the first row that is not usual."""
        count: cython.Py_ssize_t = self.rows.shape[0]
        inflated: cython.Py_ssize_t = 0
        self.at, self.payloads, self.bad_texts = [], [], []
        while at < count and inflated < _RUN_BYTES:
            start: cython.Py_ssize_t = self.rows[at].start
            length: cython.Py_ssize_t = self.rows[at].length
            if start < self.begins or length > self.longest or self.rows[at].message < 0:
                break
            if not self.rows[at].last or not self.rows[at].compressed:
                break
            direction = int(self.rows[at].direction)
            if self.joined.get(direction) is not self.idle or direction in self.windows:
                break
            if direction not in self.inflaters:
                break
            inflater: UsualInflater = self.inflaters[direction]
            start -= self.begins
            payload = inflater.usual(self.content[start : start + length])
            if payload is None:
                break
            inflated += len(payload)
            self._take(at, payload)
            at += 1
        return at

    @cython.cfunc
    def _take(self, at: cython.Py_ssize_t, payload: bytes) -> cython.int:
        """Note what is known of a message by its payload, and hand that on."""
        message: cython.Py_ssize_t = self.rows[at].message
        direction: cython.Py_ssize_t = self.rows[at].direction
        self.pool[message].payload_bytes = len(payload)
        self.pool[message].digest = digest_of(payload)
        if direction < self.heard.shape[0] and self.heard[direction]:
            self.at.append(at)
            self.payloads.append(payload)
        # ASCII is asked first: it is the common case, and cheap.
        if self.rows[at].text and not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError:
                self.bad_texts.append(at)
        if self.keep_bytes:
            self.kept[int(message)] = payload[: self.keep_bytes]
        return 0
