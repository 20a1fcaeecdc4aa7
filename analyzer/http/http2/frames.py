"""Frames of HTTP/2: their header, the rules for it, and what their content says.

Knows RFC 9113 sections 4 and 6. The header is read here, since DATA frames come in millions;
the content of all other frames is read by hyperframe. Must not know streams' states or
packets. Used by http.http2.connection.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Final

from analyzer.named_tuple import NamedTuple

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""RFC 9113 3.4: what a client sends first of all."""
HEADER_BYTES: Final = 9
"""RFC 9113 4.1: "All frames begin with a fixed 9-octet header"."""
DEFAULT_FRAME_BYTES: Final = 16_384
"""RFC 9113 6.5.2: the initial, and least, value of SETTINGS_MAX_FRAME_SIZE."""
MOST_FRAME_BYTES: Final = 2**24 - 1
"""The same section: its largest."""
DEFAULT_WINDOW: Final = 65_535
"""RFC 9113 6.9.2: "the initial flow-control window size is 65,535 octets"."""

(
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION,
) = range(10)
NAMES: Final = (
    *("DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY"),
    *("WINDOW_UPDATE", "CONTINUATION"),
)

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8

# RFC 9113 6.5.2, RFC 8441 3.
HEADER_TABLE_SIZE: Final = 1
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
ENABLE_CONNECT_PROTOCOL: Final = 8

FRAME_SIZE_ERROR: Final = 6
"""RFC 9113 7."""

_FLAGS: Final = (0x9, 0x2D, 0, 0, 0x1, 0xC, 0x1, 0, 0, 0x4)
"""Flags that each type defines (RFC 9113 6)."""
_OF_STREAM: Final = frozenset((DATA, HEADERS, PRIORITY, RST_STREAM, PUSH_PROMISE, CONTINUATION))
_OF_CONNECTION: Final = frozenset((SETTINGS, PING, GOAWAY))
_FIXED: Final = {PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}

_ERRORS: Final = (
    *("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT"),
    *("STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR"),
    *("CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"),
)

_HEADER: Final = Struct(">BHBBI")


class FrameHeader(NamedTuple):
    """A frame's header (RFC 9113 4.1).

    Attributes:
        length: bytes of payload.
        kind: its type; one that no RFC defines as well.
        flags: all eight.
        stream: 0 for the connection; the reserved bit is not looked at.
    """

    length: int
    kind: int
    flags: int
    stream: int


def read_header(data: bytes | bytearray, at: int = 0) -> FrameHeader:
    """Return the header in 9 bytes of `data` at `at`."""
    high, low, kind, flags, stream = _HEADER.unpack_from(data, at)
    return FrameHeader(high << 16 | low, kind, flags, stream & 0x7FFFFFFF)


def error_name(code: int) -> str:
    """Return the name of an error code (RFC 9113 7), or its number."""
    return _ERRORS[code] if code < len(_ERRORS) else f"error {code:#x}"


def frame_name(kind: int) -> str:
    """Return the name of a frame type, or its number."""
    return NAMES[kind] if kind < len(NAMES) else f"frame type {kind:#x}"


def fault_of(header: FrameHeader, most: int) -> str:
    """Return the rule that a header breaks, in words; "" if it breaks none.

    Args:
        header: of the frame.
        most: payload that the receiver takes (its SETTINGS_MAX_FRAME_SIZE).
    """
    length, kind, flags, stream = header
    if length > most:
        return f"a {frame_name(kind)} frame of {length} bytes is above the limit of {most}"
    if stream == 0 and kind in _OF_STREAM:
        return f"a {NAMES[kind]} frame is on stream 0"
    if stream and kind in _OF_CONNECTION:
        return f"a {NAMES[kind]} frame is on stream {stream}"
    fixed = _FIXED.get(kind)
    if fixed is not None and length != fixed:
        return f"a {NAMES[kind]} frame has {length} bytes instead of {fixed}"
    if kind == SETTINGS and (length % 6 or (length and flags & ACK)):
        return f"a SETTINGS frame has {length} bytes"
    if kind == GOAWAY and length < 8:
        return f"a GOAWAY frame has {length} bytes"
    return ""


def is_plausible(header: FrameHeader, most: int = DEFAULT_FRAME_BYTES) -> bool:
    """Return whether 9 bytes found in the middle of a stream may be a frame's header.

    Stricter than the RFC: types that it does not define and flags that they do not have are
    allowed to senders, and hardly ever sent.
    """
    kind = header.kind
    if kind >= len(NAMES) or header.flags & ~_FLAGS[kind]:
        return False
    return not fault_of(header, most)


def plausible_frames(data: bytes | bytearray, at: int) -> tuple[int, bool]:
    """Count the frames that follow each other in `data` from `at` on.

    Returns:
        How many whole headers are plausible, each where the one before says that its frame
        ends; and whether all of them are, as far as the bytes go.
    """
    count, size = 0, len(data)
    while at + HEADER_BYTES <= size:
        header = read_header(data, at)
        # The reserved bit "MUST remain unset when sending" (RFC 9113 4.1).
        if data[at + 5] & 0x80 or not is_plausible(header):
            return count, False
        count += 1
        at += HEADER_BYTES + header.length
    return count, True


def parse_content(header: FrameHeader, payload: bytes | bytearray) -> Any:
    """Read a frame's payload.

    Returns:
        hyperframe's frame; a sentence (str) where the payload breaks a rule.
    """
    # Late: hyperframe costs start-up time, and few captures have HTTP/2.
    from hyperframe.exceptions import HyperframeError
    from hyperframe.frame import FRAMES

    made = FRAMES.get(header.kind)
    if made is None:
        return f"{frame_name(header.kind)} is not known"
    try:
        frame = made(header.stream)
        frame.parse_flags(header.flags)
        frame.parse_body(memoryview(bytes(payload)))
    except (HyperframeError, ValueError) as error:
        return f"a {NAMES[header.kind]} frame: {error}"
    return frame
