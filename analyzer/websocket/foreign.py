"""Tells frames from bytes that are none: HTTP, text, TLS records, older drafts, mixed writes.

Asked where a header is doubtful: one that no sender makes that keeps to RFC 6455 5.2 to 5.5.
Knows what such bytes look like. Must not know the walk or packets. Used by websocket.seeking.
"""

from __future__ import annotations

import re
from typing import Final

from analyzer import findings
from analyzer.findings import Kind
from analyzer.lazy_pattern import lazy_pattern
from analyzer.named_tuple import NamedTuple
from analyzer.websocket import opcodes
from analyzer.websocket.recognition import (
    MAX_PAYLOAD,
    NEED_MORE,
    HeaderGuess,
    plausible_header,
    unmasked,
)

LOOKED_AT: Final = 64
"""Bytes from which their kind is detected."""
LEAST_TEXT: Final = 8
"""Printable characters that are no chance: 8 bytes of compressed or masked payload are
printable once in 1,700 cases, and the header before them must be doubtful as well."""
MAX_FAULTS: Final = 2
"""A header that breaks more rules is a header only if its frame is seen to end."""
_MAX_HEADERS: Final = 16
_SHOWN: Final = 40

_REQUEST = lazy_pattern(rb"[A-Z][A-Z-]{2,19} [!-~]+(?: HTTP/|\Z)")
_CHUNK = lazy_pattern(rb"([0-9A-Fa-f]{1,8})(?:;[ -~]*)?\r\n")
_JSON = lazy_pattern(rb"\s*[{\[]\s*[\"{\[\]}0-9tfn-]")
_MARKUP = lazy_pattern(rb"\s*<[!?a-zA-Z]")
_OLD_DRAFT = lazy_pattern(rb"\x00([\x09\x0a\x0d\x20-\x7e\x80-\xf4]+)\xff(?:\Z|[\x00\xff])")
"""hixie-76 4.2, 5.3: a frame of text is 0x00, UTF-8, 0xFF."""
_TLS = lazy_pattern(rb"[\x14-\x17]\x03[\x00-\x04]([\x00-\x48])")
"""RFC 8446 5.1: type, version, a length of at most 2^14 + 2048 (RFC 5246 6.2.3)."""


class Nature(NamedTuple):
    """What bytes are that are no frames.

    Attributes:
        kind: of the finding.
        what: in words.
        is_text: the bytes can be shown as characters.
    """

    kind: Kind
    what: str
    is_text: bool


class Judgement(NamedTuple):
    """Whether a doubtful header is one.

    Attributes:
        is_frame: True, False; None while it is not known.
        nature: what the bytes are, where they are no frame.
        end: where the frame would end, in the bytes judged; -1 where it is not known.
    """

    is_frame: bool | None
    nature: Nature | None = None
    end: int = -1


class Shape(NamedTuple):
    """What frames of a direction look like.

    Attributes:
        masked: the client masks (RFC 6455 5.1).
        rsv_allowed: reserved bits that an extension defines.
    """

    masked: bool
    rsv_allowed: int


BINARY: Final = Nature(findings.WEBSOCKET_NOT_FRAMES, "bytes of another kind", False)
UNKNOWN: Final = Nature(findings.WEBSOCKET_FRAMING_LOST, "", False)
"""A frame or not: what would tell was not captured, and nobody is blamed."""


def recognised(data: bytes, *, is_final: bool) -> Nature | None:
    """Return what the bytes are, by their beginning; None where that is not known.

    Args:
        data: from where a header was expected, LOOKED_AT bytes or all there are.
        is_final: nothing more will come; short text is text then.
    """
    data = data[:LOOKED_AT]
    kind = findings.WEBSOCKET_NOT_FRAMES
    if data.startswith(b"HTTP/"):
        return Nature(kind, "an HTTP response", True)
    if _REQUEST.match(data) and (b" HTTP/" in data or len(data) >= LEAST_TEXT):
        return Nature(kind, "an HTTP request", True)
    if len(data) >= 5 and _TLS.match(data):
        return Nature(kind, "a TLS record", False)
    if _OLD_DRAFT.match(data) or data == b"\xff\x00":
        return Nature(findings.WEBSOCKET_OLD_DRAFT, "frames of an older draft", False)
    chunk = _CHUNK.match(data)
    if chunk:
        is_last = not int(chunk[1], 16)
        return Nature(kind, "the end of a chunked body" if is_last else "a chunk of a body", True)
    if len(data) >= 4 and len(set(data)) == 1:
        return Nature(kind, "one byte over and over", False)
    if not _is_text(data):
        return None
    if _MARKUP.match(data):
        return Nature(kind, "HTML or XML", True)
    if _JSON.match(data):
        return Nature(kind, "JSON text", True)
    return Nature(kind, "text", True) if is_final else None


def is_old_draft(data: bytes, cut: int = 0) -> bool:
    """Tell whether a segment begins with a frame of hixie-76 (5.3).

    Args:
        data: its bytes.
        cut: how many more it has that were not captured.
    """
    size = len(data) + cut
    is_long = len(data) >= LOOKED_AT or (cut and len(data) > LEAST_TEXT)
    if is_long and data[0] == 0 and _is_text(data[1:LOOKED_AT]):
        # A fragment of a server may begin so, and ends then where its second byte says.
        return data[1] + 2 != size
    return bool(_OLD_DRAFT.match(data[:LOOKED_AT])) or data == b"\xff\x00"


def judged(data: bytes, shape: Shape, *, is_final: bool = False, cut: int = 0) -> Judgement:
    """Judge bytes that begin with a doubtful header, at least 2 of them.

    Args:
        data: from the header to the end of its segment, or of all segments so far.
        shape: of frames in this direction.
        is_final: nothing more will come.
        cut: bytes of the last segment behind them that were not captured.
    """
    nature = recognised(data, is_final=is_final)
    if nature is not None:
        return Judgement(False, nature)
    end = _end_of_frames(data, shape)
    if end == len(data) + cut:
        return Judgement(True)
    if len(data) >= LEAST_TEXT and _is_text(data[:LOOKED_AT]):
        return Judgement(False, Nature(findings.WEBSOCKET_NOT_FRAMES, "text", True))
    if end < 0 or _has_top_bit(data):
        # A length of 64 bits with its top bit set ends nowhere: the walk reports it.
        is_frame = end >= 0 and faults(data, shape) <= MAX_FAULTS
        return Judgement(is_frame, None if is_frame else BINARY)
    if end < len(data):
        return Judgement(True)
    if is_final:
        if faults(data, shape) <= MAX_FAULTS:
            return Judgement(True)
        if not cut or end > len(data) + cut:
            return Judgement(False, BINARY)
        # A length of 16 bits or more is that of a frame where its segment has room for it:
        # chance makes one in fifty so. One of 7 bits says nothing.
        return Judgement(True) if data[1] & 0x7F >= 126 else Judgement(False, UNKNOWN)
    return Judgement(None, None, end)


def _end_of_frames(data: bytes, shape: Shape) -> int:
    """Return where the frames from the beginning end, if they are frames.

    Returns:
        len(data) where a frame ends there; less, where a faultless header follows one; more,
        where the last frame goes on; -1 where what follows cannot be a header.
    """
    at = 0
    for _ in range(_MAX_HEADERS):
        header = _loose(data, at)
        if header is None:
            # Too little of a header: what can be judged of it is good.
            return at if at else len(data) + 1
        at += header
        if at >= len(data):
            return at
        after = plausible_header(
            data, at, len(data), masked=shape.masked, rsv_allowed=shape.rsv_allowed
        )
        if after is not None:
            return at
        if _count(data, at, shape) > MAX_FAULTS:
            return -1
    return at


def _loose(data: bytes, at: int) -> int | None:
    """Return the length of the frame at `at`, whatever rules its header breaks."""
    if at + 2 > len(data):
        return None
    length = data[at + 1] & 0x7F
    extra = {126: 2, 127: 8}.get(length, 0)
    size = 2 + extra + (4 if data[at + 1] >= 0x80 else 0)
    if at + size > len(data):
        return None
    if extra:
        length = int.from_bytes(data[at + 2 : at + 2 + extra], "big")
    return size + length


def faults(data: bytes, shape: Shape) -> int:
    """Return how many rules the header at the beginning breaks."""
    return _count(data, 0, shape)


def _count(data: bytes, at: int, shape: Shape) -> int:
    if at + 2 > len(data):
        return 0
    first, second = data[at], data[at + 1]
    opcode, length = first & 15, second & 0x7F
    found = ((second >= 0x80) != shape.masked) + bool(first >> 4 & 7 & ~shape.rsv_allowed)
    found += opcodes.OPCODES[opcode].startswith("reserved")
    if opcodes.is_control(opcode):
        found += (first < 0x80) + (length > opcodes.MAX_CONTROL)
    if length == 127 and len(data) >= at + 10:
        found += int.from_bytes(data[at + 2 : at + 10], "big") >= MAX_PAYLOAD
    return int(found)


def _has_top_bit(data: bytes) -> bool:
    """Tell whether the length is of 64 bits and begins with 1 (RFC 6455 5.2: MUST be 0)."""
    return len(data) >= 10 and data[1] & 0x7F == 127 and data[2] >= 0x80


def _is_text(data: bytes) -> bool:
    """Tell whether all is printable UTF-8; the last character may be cut off."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return False
        text = data[: error.start].decode("utf-8")
    return bool(text) and all(char.isprintable() or char in "\t\r\n" for char in text)


# --- two writers


class Mixed(NamedTuple):
    """Two frames whose writes were mixed: both headers first, then both payloads.

    Attributes:
        outer: opcode of the frame whose header came first.
        inner: opcode of the other.
        payload: of the inner frame, unmasked.
    """

    outer: int
    inner: int
    payload: bytes


def mixed_writes(outer: int, eaten: bytes, rest: bytes, shape: Shape, cut: int = 0) -> Mixed | None:
    """Tell whether a frame swallowed the header of another one.

    Args:
        outer: opcode of the frame before the bytes that are no frame.
        eaten: its payload as it is on the wire, masked or not.
        rest: the bytes after it, to the end of the segment.
        shape: of frames in this direction.
        cut: bytes of the segment behind them that were not captured.

    Returns:
        What was mixed, where the two lengths account for all bytes exactly.
    """
    data = eaten + rest
    inner = plausible_header(data, 0, len(data), masked=shape.masked, rsv_allowed=shape.rsv_allowed)
    if not eaten or inner is None or inner is NEED_MORE:
        return None
    if inner.header_bytes + len(eaten) + inner.payload_bytes != len(data) + cut:
        return None
    return Mixed(outer, inner.opcode, _inner_payload(data, inner, len(eaten)))


def _inner_payload(data: bytes, inner: HeaderGuess, between: int) -> bytes:
    payload = data[inner.header_bytes + between :]
    key = data[inner.header_bytes - 4 : inner.header_bytes]
    return unmasked(payload, key) if inner.masked else payload


# --- in words


def described(data: bytes, nature: Nature, size: int, sender: str, *, show: bool) -> str:
    """Return the finding's detail.

    Args:
        data: the first bytes.
        nature: what they are.
        size: how many there are, as far as is known.
        sender: "client" or "server".
        show: False hides the bytes, but for a start line of HTTP without its query.
    """
    count = "1 byte" if size == 1 else f"{size} bytes"
    begin = _shown(data, nature, show=show)
    return f"{nature.what} by the {sender}, {count}{begin}"


def described_mix(mixed: Mixed, size: int, sender: str, *, show: bool) -> str:
    """Return the finding's detail where two frames were written into each other."""
    names = [opcodes.OPCODES[opcode] for opcode in (mixed.outer, mixed.inner)]
    text = f"the writes of two frames by the {sender} ({names[0]} and {names[1]}) are mixed"
    text += f": both headers come before both payloads, {size} bytes behind the first header"
    if not show or mixed.inner != opcodes.TEXT or not _is_text(mixed.payload[:LOOKED_AT]):
        return text
    return (
        f"{text}; the {names[1]} reads {_quoted(mixed.payload[:_SHOWN].decode('utf-8', 'replace'))}"
    )


def _shown(data: bytes, nature: Nature, *, show: bool) -> str:
    if nature.what.startswith("an HTTP"):
        line = data.splitlines()[0][:LOOKED_AT].decode("latin-1")
        # What follows these may be a secret.
        line = re.sub(r"[?;#]\S*", "?…", line)
        return f", beginning {_quoted(line[:_SHOWN])}"
    if not show:
        return ""
    if nature.is_text:
        return f", beginning {_quoted(data[:_SHOWN].decode('utf-8', 'replace'))}"
    return f", beginning {data[:16].hex(' ')}"


def _quoted(text: str) -> str:
    escaped = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return f"'{escaped}'"
