"""Inflates compressed messages of one direction, and says when it cannot.

Knows RFC 7692 section 7.2 and zlib. Must not know frames, UTF-8 or findings: the
caller hands it the unmasked payload of compressed messages, in order, and reports where
bytes were lost. Called by the websocket stage.

A message is never guessed. Where earlier messages were lost, the window is empty and
zlib refuses every reference to bytes that it has not seen: what inflates did not need
them, and what needs them is reported as CONTEXT_LOST.
"""

from __future__ import annotations

import zlib
from enum import Enum
from typing import TYPE_CHECKING

from analyzer.named_tuple import NamedTuple
from analyzer.websocket._blocks import WINDOW_BYTES, Blocks
from analyzer.websocket._inflating import TAIL, UsualInflater
from analyzer.websocket.negotiation import Side

if TYPE_CHECKING:
    from zlib import _Decompress

_LAST_BLOCK = b"\x01\x00\x00\xff\xff"
"""An empty stored block with BFINAL: it ends a stream that is between two blocks."""
_RAW = -15
"""zlib's number for a window of 2^15 bytes without a header."""
_SYNC_BITS = 0xE0
"""A payload cut off before the tail ends with the 3 zero bits of the stored block's header
and zero padding: in its last byte the upper 3 bits are 0 wherever the header began."""
_TOO_FAR = "too far back"
"""What zlib says of a distance beyond the bytes that it has seen."""


class Status(Enum):
    """How inflating a message went."""

    OK = "ok"
    BAD_DATA = "bad-data"
    CONTEXT_LOST = "context-lost"
    LIMIT = "limit"
    TAKEOVER = "takeover"


class Inflated(NamedTuple):
    """One inflated message.

    Attributes:
        size: bytes of the whole message, or the limit with LIMIT; 0 if it failed.
        payload: its first `keep_bytes` bytes; empty if it failed.
        status: OK; BAD_DATA and CONTEXT_LOST mean that it failed; LIMIT, that it is cut;
            TAKEOVER, that it is whole, and needed a context that its sender agreed to drop.
        detail: why, for BAD_DATA.
    """

    size: int
    payload: bytes
    status: Status = Status.OK
    detail: str = ""


_inflated = tuple.__new__
"""Makes a NamedTuple from all its values, in half the time of its own constructor."""


class Inflater(UsualInflater):
    """The receiving half of permessage-deflate for one direction.

    A message is given whole to `inflate`, or in pieces to `start`, `push` and
    `finish`. Where one is not usual, zlib takes it with a context (40 kB) made of
    the window, which goes when a message has ended between two blocks.

    Args:
        side: what the handshake agreed on for this direction.
        limit: bytes of output of one message; the rest is not inflated.
        keep_bytes: bytes of output that `Inflated.payload` holds at most.
        blocks: inflates usual messages; None: one of its own.
    """

    __slots__ = (
        "_assumed",
        "_failure",
        "_in_doubt",
        "_is_fresh",
        "_keep",
        "_kept",
        "_kept_bytes",
        "_last_byte",
        "_size",
    )

    def __init__(
        self, side: Side, *, limit: int, keep_bytes: int, blocks: Blocks | None = None
    ) -> None:
        takeover = not side.no_context_takeover
        # The peer may refer to bytes of the window that were never seen.
        unseen = WINDOW_BYTES if side.assumed and takeover else 0
        super().__init__(takeover, limit, unseen, blocks or Blocks())
        self._assumed = side.assumed
        self._keep = keep_bytes
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._size = 0
        self._last_byte = -1
        # A final block was read, and nothing after it.
        self._is_fresh = False
        self._in_doubt = False
        self._failure: Inflated | None = None

    def inflate(self, payload: bytes) -> Inflated:
        """Inflate one whole message.

        Args:
            payload: application data of all its frames, unmasked.
        """
        output = self.usual(payload)
        if output is not None:
            return Inflated(len(output), output[: self._keep])
        if not self._takeover:
            return self._inflate_alone(payload)
        self.start()
        self.push(payload)
        inflated = self.finish()
        self._let_go()
        return inflated

    def _let_go(self) -> None:
        """Do without zlib from the next message on, if this one ended between two blocks."""
        if self._context is None or self._unseen:
            return
        context = self._context.copy()
        try:
            context.decompress(_LAST_BLOCK)
        except zlib.error:
            return
        if context.eof:
            self._context = None

    def start(self) -> None:
        """Begin a message that comes in pieces; one that was not finished is lost."""
        self._kept = []
        self._kept_bytes = 0
        self._size = 0
        self._last_byte = -1
        self._is_fresh = False
        self._in_doubt = False
        self._failure = None

    def push(self, fragment: bytes) -> bytes:
        """Inflate the next piece of the message.

        Args:
            fragment: application data, unmasked; pieces may be cut anywhere.

        Returns:
            The output that it completes; empty once the message has failed.
        """
        if not fragment:
            return b""
        self._last_byte = fragment[-1]
        return self._feed(fragment)

    def finish(self) -> Inflated:
        """End the message and return it; what the tail adds is in `payload` only.

        zlib holds no output back, so `push` has given all bytes by now.
        """
        # RFC 7692 7.2.3.6 sends an empty message as 0x00; one of no bytes at all has
        # no block that the tail could end. Nor has one that stops at a final block.
        if self._last_byte >= 0 and not self._is_fresh:
            self._feed(TAIL)
        return self._ended()

    def _ended(self) -> Inflated:
        """Return what became of the message, and be ready for the next."""
        self._check_end()
        failure = self._failure
        if failure is None:
            result = Inflated(self._size, b"".join(self._kept))
            self._assumed = False
            if not self._takeover:
                # Only its bytes stay, for a sender that goes on to refer to them.
                self._context = None
        elif failure.status is Status.LIMIT:
            result = failure._replace(payload=b"".join(self._kept))
        else:
            result = failure
        self.start()
        return result

    @property
    def failure(self) -> Inflated | None:
        """What became of the message in pieces, if it has failed so far."""
        return self._failure

    def lose_context(self) -> None:
        """Note that a compressed message, or a part of one, was not seen."""
        self.start()
        self._lose_window()

    def close(self) -> None:
        """Release all memory; a later message counts as after a loss."""
        self.lose_context()

    def _inflate_alone(self, payload: bytes) -> Inflated:
        """Inflate a message that begins with an empty window, and is not usual: in pieces."""
        earlier = self._window.whole()
        self._forget()
        self.start()
        self.push(payload)
        inflated = self.finish()
        if inflated.status is Status.BAD_DATA and _TOO_FAR in inflated.detail and earlier:
            inflated = self._inflate_after(earlier, payload) or inflated
        return inflated

    def _inflate_after(self, earlier: bytes, payload: bytes) -> Inflated | None:
        """Inflate a message with the context kept, which its sender had agreed to drop.

        RFC 7692 7.1.1.1, 7.1.1.2: with no_context_takeover the endpoint "MUST NOT use the LZ77
        sliding window" of earlier messages. Some keep theirs nevertheless.
        """
        context = zlib.decompressobj(_RAW, zdict=earlier)
        try:
            output = context.decompress(payload + TAIL + _LAST_BLOCK, self._limit + 1)
        except zlib.error:
            return None
        if not context.eof or len(output) > self._limit:
            return None
        self._remember(earlier)
        self._remember(output)
        return Inflated(len(output), output[: self._keep], Status.TAKEOVER)

    def _feed(self, data: bytes) -> bytes:
        """Inflate `data`; return its output, or b"" with `_failure` set."""
        if self._failure is not None:
            return b""
        context = self._context
        if context is None:
            # Without takeover the window is only for a sender that refers to it all the same.
            known = self._window.whole() if self._takeover else b""
            context = self._context = zlib.decompressobj(_RAW, zdict=known)
        try:
            output = context.decompress(data, self._limit - self._size + 1)
        except zlib.error as error:
            self._failure = self._failed(error)
            return b""
        self._is_fresh = False
        return self._after(context, self._taken(output), context.unused_data)

    def _after(self, context: _Decompress, output: bytes, rest: bytes) -> bytes:
        """Go on with `rest` after a final block; return `output` and what follows.

        RFC 7692 7.2.3.4 lets a message have a block with BFINAL set. What follows is
        a new DEFLATE stream to zlib, but its window stays what it was.
        """
        outputs = [output]
        while context.eof and self._failure is None:
            context = self._context = zlib.decompressobj(_RAW, zdict=self._window.whole())
            self._in_doubt = True
            if not rest:
                self._is_fresh = True
                break
            try:
                output = context.decompress(rest, self._limit - self._size + 1)
            except zlib.error as error:
                self._failure = self._failed(error)
                return b""
            outputs.append(self._taken(output))
            rest = context.unused_data
        return b"".join(outputs)

    def _taken(self, output: bytes) -> bytes:
        """Count, keep and remember `output`; cut it and fail at the limit."""
        room = self._limit - self._size
        is_cut = len(output) > room
        if is_cut:
            output = output[:room]
        self._size += len(output)
        wanted = self._keep - self._kept_bytes
        if wanted > 0 and output:
            piece = output[:wanted]
            self._kept.append(piece)
            self._kept_bytes += len(piece)
        if is_cut:
            self._lose_window()
            self._failure = Inflated(self._size, b"", Status.LIMIT)
        else:
            self._remember(output)
        return output

    def _check_end(self) -> None:
        """Fail the message if it ended within a block.

        The appended tail would be read as compressed data then, and the output's end
        be invented. Where the last byte looks right and the window is known to be
        in step, the proof (a copy of the context) is left out.
        """
        context = self._context
        if self._failure is not None or context is None:
            return
        if self._takeover:
            in_step = not (self._unseen or self._in_doubt)
            if in_step and (self._last_byte < 0 or not self._last_byte & _SYNC_BITS):
                return
            context = context.copy()
        try:
            context.decompress(_LAST_BLOCK)
        except zlib.error as error:
            self._failure = self._failed(error)
            return
        if not context.eof:
            self._failure = self._failed(zlib.error("the message ends within a block"))

    def _failed(self, error: zlib.error) -> Inflated:
        """Lose the context and return what became of the message."""
        text = str(error).rpartition(": ")[2]
        needs_unseen = self._unseen and _TOO_FAR in text
        status = Status.CONTEXT_LOST if needs_unseen or self._assumed else Status.BAD_DATA
        self._lose_window()
        return Inflated(0, b"", status, text)

    def _lose_window(self) -> None:
        """Give up the window; without takeover the next message needs none."""
        self._forget()
        if self._takeover:
            self._unseen = WINDOW_BYTES

    def _forget(self) -> None:
        self._context = None
        self._window.clear()

    def _remember(self, output: bytes) -> None:
        """Take output that may be referred to."""
        self._window.remember(output)
        self._unseen = max(0, self._unseen - len(output))
