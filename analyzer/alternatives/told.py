"""Told: how far the payload of a session of plain HTTP shrinks, over HTTP and over WebSocket.

What an exchange brought is kept by http.delivery.keeping, within limits, and deflated when the
capture ends and its session is known: as every transport would carry it (alternatives.sampling), in
frames of a WebSocket with permessage-deflate (RFC 7692), both ways, and as the bodies really were.
Must not know headers or costs. Used by alternatives.sessions.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Final

from analyzer.alternatives.deflating import UNKNOWN, Levels
from analyzer.alternatives.evidence import Message
from analyzer.alternatives.sampling import (
    FRAMES,
    FRAMES_UP,
    OWN,
    PayloadSample,
    Samples,
    gzip_size,
)

_TAIL: Final = 4
"""RFC 7692 7.2.1: of a flushed message 00 00 ff ff is removed."""
_MASK: Final = 4
_MOST: Final = 2**62


def frame_header(size: int, *, masked: bool) -> int:
    """Return the bytes of a frame's header (RFC 6455 5.2)."""
    extended = 0 if size < 126 else 2 if size < 1 << 16 else 8
    return 2 + extended + (_MASK if masked else 0)


class _Frames:
    """One direction of a WebSocket with permessage-deflate: one context, a flush a message."""

    def __init__(self, level: int, *, masked: bool) -> None:
        self._masked = masked
        self._context = zlib.compressobj(level, zlib.DEFLATED, -15)

    def sizes(self, payload: bytes) -> tuple[int, int]:
        """Return what a message takes with its frame's header, plain and deflated."""
        size = len(self._context.compress(payload))
        size += len(self._context.flush(zlib.Z_SYNC_FLUSH)) - _TAIL
        # An empty message is a block without content, one byte (RFC 7692 7.2.3.6).
        size = max(size, 1)
        plain = len(payload) + frame_header(len(payload), masked=self._masked)
        return plain, size + frame_header(size, masked=self._masked)


class ToldSample(PayloadSample):
    """A session's payload, as far as it was kept."""

    def __init__(
        self,
        intervals: Sequence[int],
        origin: int,
        gap: int,
        mss: int,
        buffered: tuple[int, int] | None = None,
        levels: Levels = UNKNOWN,
    ) -> None:
        """Take arguments as PayloadSample does; how much there is was limited before."""
        super().__init__(intervals, origin, gap, mss, _MOST, _MOST, buffered, levels.bodies)
        self._down = _Frames(levels.down, masked=False)
        self._up = _Frames(levels.up, masked=True)
        self._frames = (0, 0)

    def take(self, time: int, payload: bytes, first: int, last: int) -> None:
        """Take a message of the server, in order; arguments as of PayloadSample."""
        joined = first == self._last_packet
        super().take(time, payload, first, last)
        if self._frames[0] and not joined:
            self._close_frames()
        plain, coded = self._down.sizes(payload)
        self._frames = self._frames[0] + plain, self._frames[1] + coded

    def take_up(self, payload: bytes) -> None:
        """Take a message of the client, in order."""
        self._add(FRAMES_UP, *self._up.sizes(payload), streamed=True)

    def answered(self, body: bytes) -> None:
        """Take a body as it was sent, with its coding undone."""
        if body:
            self._add(OWN, len(body), gzip_size(body, self._level))

    def finish(self) -> Samples:
        """Close what is being filled; return SAMPLE rows, one for each way."""
        if self._frames[0]:
            self._close_frames()
        return super().finish()

    def _close_frames(self) -> None:
        self._add(FRAMES, *self._frames, streamed=True)
        self._frames = (0, 0)


def deflated(
    sample: ToldSample,
    pushes: Iterable[tuple[Message, int]],
    posts: Iterable[Message],
    bodies: Iterable[bytes],
) -> Samples:
    """Return the SAMPLE rows of a session, one for each way.

    Args:
        sample: that is made ready.
        pushes: messages of the server in order of time, and the packet that each is in.
        posts: messages of the client, likewise.
        bodies: of answers.
    """
    for (time, _, payload), packet in pushes:
        if payload is not None:
            sample.take(time, payload, packet, packet)
    for _, _, payload in posts:
        if payload is not None:
            sample.take_up(payload)
    for body in bodies:
        sample.answered(body)
    return sample.finish()
