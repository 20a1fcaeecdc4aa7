"""Compressed messages as most are: whole, in one piece, of a stream whose window is known.

A run of them is inflated without Python between two messages; at the first that is anything else
the run stops, and payloads takes that one. Must not know what to do when inflating fails:
permessage_deflate does. Used by it and by payloads.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.analyzer.websocket._blocks import Blocks, Window
    from cython.cimports.analyzer.websocket._payload import digest_of
    from cython.cimports.libc.string import memcpy
else:
    from analyzer.websocket._blocks import Blocks, Window
    from analyzer.websocket._payload import digest_of

TAIL = b"\x00\x00\xff\xff"
"""RFC 7692 7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload"."""
_EMPTY = cython.declare(Window, Window())
_RUN_BYTES = cython.declare(cython.Py_ssize_t, 8 << 20)
"""Output of one run: a batch of a MiB can hold a GiB of it."""


@cython.cclass
class UsualInflater:
    """What an Inflater knows of its direction, and the common case of its messages.

    Args:
        takeover: the context goes from message to message.
        limit: bytes of output of one message.
        unseen: bytes of the window that were never seen.
        blocks: inflates; others may use it in between.
    """

    def __init__(self, takeover: bool, limit: int, unseen: int, blocks: Blocks) -> None:
        self._takeover = takeover
        self._limit = limit
        self._blocks = blocks
        # That of zlib, where something is not usual; else all that goes on is the window.
        self._context: Any = None
        self._window = Window()
        self._unseen = unseen

    def usual(self, payload: bytes) -> bytes | None:
        """Inflate one whole message; None if it is not usual: then nothing was done.

        Args:
            payload: application data of all its frames, unmasked.
        """
        output: bytes | None = self._usual(payload, 0, len(payload))
        return output

    @cython.cfunc
    def _usual(self, content: bytes, start: cython.Py_ssize_t, end: cython.Py_ssize_t) -> bytes:
        """Inflate one whole message if it is usual.

        Args:
            content: holds application data of all its frames, unmasked.
            start: where that begins.
            end: where it ends.

        Returns:
            Its output; None (which C can return as bytes) if it is not usual.
        """
        size: cython.Py_ssize_t
        if self._context is not None or self._unseen:
            return None  # type: ignore[return-value]
        size = self._blocks.inflate(content, start, end, self._window if self._takeover else _EMPTY)
        if size < 0 or size > self._limit:
            return None  # type: ignore[return-value]
        output: bytes = self._blocks.output()
        # Without takeover, for a sender that goes on to refer to it.
        self._window.remember(output)
        return output


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
        self.previews = np.zeros((0, 0), np.uint8)
        # Of those that somebody hears: which rows they are, and their payload.
        self.at = np.zeros(0, np.intp)
        self.count = 0
        self.payloads: list[bytes] = []
        # Rows of texts that are no UTF-8.
        self.bad_texts: list[int] = []

    def begin(
        self, rows: Any, content: bytes, begins: int, pool: Any, heard: Any, previews: Any
    ) -> None:
        """Take a batch.

        Args:
            rows: dtype FRAGMENT, in order.
            content: payload of all of them.
            begins: where that is in the buffer to which the rows refer.
            pool: dtype MESSAGE by pool index.
            heard: uint8 by direction: somebody listens to it.
            previews: uint8 (pool, keep_bytes), takes beginnings; without columns: `kept` does.
        """
        self.rows, self.content, self.begins = rows, content, begins
        self.pool, self.heard, self.previews = pool, heard, previews

    def heard_rows(self) -> Any:
        """Return which rows of the last run somebody hears: intp, a view."""
        return np.asarray(self.at)[: self.count]

    def run(self, at: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Inflate messages from row `at` on; return the first row that is not usual."""
        count: cython.Py_ssize_t = self.rows.shape[0]
        inflated: cython.Py_ssize_t = 0
        self.payloads, self.bad_texts = [], []
        self.count = 0
        if len(self.at) < count:
            self.at = np.zeros(2 * count, np.intp)
        while at < count and inflated < _RUN_BYTES:
            start: cython.Py_ssize_t = self.rows[at].start
            length: cython.Py_ssize_t = self.rows[at].length
            if start < self.begins or length > self.longest or self.rows[at].message < 0:
                break
            if not self.rows[at].last or not self.rows[at].compressed:
                break
            # An object once: three dictionaries know directions.
            direction: object = self.rows[at].direction
            if direction not in self.inflaters or (self.windows and direction in self.windows):
                break
            if self.joined[direction] is not self.idle:
                break
            inflater: UsualInflater = self.inflaters[direction]
            start -= self.begins
            payload = inflater._usual(self.content, start, start + length)
            if payload is None:
                break
            inflated += len(payload)
            self._take(at, payload, self.rows[at].text and not inflater._blocks.is_ascii())
            at += 1
        return at

    @cython.cfunc
    def _take(self, at: cython.Py_ssize_t, payload: bytes, is_unclear: cython.bint) -> cython.int:
        """Note what is known of a message by its payload, and hand that on.

        Args:
            at: its row.
            payload: what it has.
            is_unclear: this may be no UTF-8, which it should be.
        """
        message: cython.Py_ssize_t = self.rows[at].message
        direction: cython.Py_ssize_t = self.rows[at].direction
        self.pool[message].payload_bytes = len(payload)
        self.pool[message].digest = digest_of(payload)
        if direction < self.heard.shape[0] and self.heard[direction]:
            self.at[self.count] = at
            self.count += 1
            self.payloads.append(payload)
        if is_unclear:
            try:
                payload.decode()
            except UnicodeDecodeError:
                self.bad_texts.append(at)
        size: cython.Py_ssize_t = min(len(payload), self.previews.shape[1])
        if size:
            if cython.compiled:
                begin: cython.p_const_uchar = payload
                memcpy(cython.address(self.previews[message, 0]), begin, size)
            else:
                self.previews[message, :size] = np.frombuffer(payload[:size], np.uint8)
            self.pool[message].preview_bytes = size
        elif self.keep_bytes and not self.previews.shape[1]:
            self.kept[int(message)] = payload[: self.keep_bytes]
        return 0
