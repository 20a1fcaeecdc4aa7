"""Evidence of HTTP/2 in the middle of a connection: whether it is, and which side asks.

Where a capture begins late, no preface says what the bytes are. Knows frame headers, the first
bytes of header sections, and the form of WebSocket frames. Must not know rows. Used by
http.http1.detection and http.http2.rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analyzer.http.http2 import frames
from analyzer.http.http2.frames import (
    HEADER_BYTES,
    PREFACE,
    fault_of,
    is_plausible,
    plausible_frames,
    read_header,
)

_NEEDED: Final = 3
"""Frames in a row of one side, with one at least of the other."""
_OPCODES: Final = frozenset((0, 1, 2, 8, 9, 10))
_MOST_SETTINGS: Final = 6 * 32
"""Bytes of the settings that any server begins with: there are fewer than 16."""
YES: Final = "yes"
NO: Final = "no"
MAYBE: Final = "maybe"


def begins_with_frame(data: bytes | bytearray) -> bool:
    """Return whether a stream's first bytes, as far as they go, may be a frame's header."""
    if len(data) >= HEADER_BYTES:
        return not data[5] & 0x80 and is_plausible(read_header(data))
    # A frame of up to 16,384 bytes.
    return bool(data) and data[0] == 0


def evidence(sides: Sequence[bytes | bytearray]) -> str:
    """Judge what both sides sent, each from the begin of a segment.

    Returns:
        YES if one side has several frames in a row and the other one at least; NO if the bytes
        of either are no frames; MAYBE else.
    """
    counts = []
    for data in sides:
        count, is_right = plausible_frames(data, 0)
        if not is_right or (data and not begins_with_frame(data)):
            return NO
        counts.append(count)
    return YES if max(counts) >= _NEEDED and min(counts) > 0 else MAYBE


def client_of(sides: Sequence[bytes | bytearray], ports: tuple[int, int]) -> int:
    """Return the side of the client: by its heads, settings, masks, else by its port."""
    for side, data in enumerate(sides):
        at = 0
        while at + HEADER_BYTES <= len(data):
            header = read_header(data, at)
            at += HEADER_BYTES
            is_client = _is_client(header, data[at : at + header.length])
            if is_client is not None:
                return side if is_client else 1 - side
            at += header.length
    # Servers listen on the lower port, mostly.
    return 0 if ports[0] >= ports[1] else 1


def _is_client(header: frames.FrameHeader, content: bytes | bytearray) -> bool | None:
    """Return whether a client sent a frame; None if either may have."""
    if header.kind == frames.PUSH_PROMISE:
        return False
    if header.kind == frames.HEADERS and not header.flags & ~0x5 and content:
        # RFC 7541 appendix A: the first indices are :authority, :method, :path and :scheme,
        # then :status. Both come first (RFC 9113 8.3).
        if 0x81 <= content[0] <= 0x87:
            return True
        return False if 0x88 <= content[0] <= 0x8E else None
    if header.kind == frames.DATA and len(content) > 1 and content[0] in (0x81, 0x82, 0x8A):
        return bool(content[1] & 0x80)
    return None


def may_be_websocket(content: bytes, *, is_client: bool) -> bool:
    """Return whether the content of a DATA frame looks like WebSocket frames (RFC 6455 5.2)."""
    at = 0
    while at + 2 <= len(content):
        first, second = content[at], content[at + 1]
        if first & 0x30 or first & 15 not in _OPCODES or bool(second & 0x80) != is_client:
            return False
        length, size = second & 0x7F, 2 + (4 if is_client else 0)
        if length > 125:
            wide = 2 if length == 126 else 8
            length = int.from_bytes(content[at + 2 : at + 2 + wide], "big")
            size += wide
        at += size + length
    return at > 0


def begins_with_settings(data: bytes | bytearray) -> bool:
    """Return whether a stream's first bytes are a server's: "a potentially empty SETTINGS frame".

    RFC 9113 3.4: it "MUST be the first frame the server sends".
    """
    if len(data) < HEADER_BYTES:
        return False
    header = read_header(data)
    return (
        header.kind == frames.SETTINGS
        and header.flags == header.stream == 0
        and not fault_of(header, _MOST_SETTINGS)
    )


def may_be_preface(data: bytes | bytearray) -> bool:
    """Return whether a stream's first bytes are the client's preface, as far as they go."""
    return bytes(data[: len(PREFACE)]) == PREFACE[: len(data)]
