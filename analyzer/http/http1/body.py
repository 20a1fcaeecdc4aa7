"""Bodies: how many bytes after a head still belong to the message.

Knows RFC 9112 sections 6 and 7. Must not know connections. Called by
http.http1.conversation.
"""

from __future__ import annotations

from typing import Final

from analyzer.http.handover import Piece
from analyzer.http.head import Head

_MAX_CHUNK_LINE: Final = 8192
"""Chunk size with extensions, or one trailer field; a longer line is damage."""
_MAX_SIZE_DIGITS: Final = 16


class Body:
    """A body of known length; base of the others.

    Attributes:
        done: nothing more belongs to the message.
        fault: why the body cannot be followed any more, or "".
        until_close: the end of the stream is the end of the body.
        content: bytes of content so far, without chunk framing.
        spans: where content lies in the piece that `take` took last: begin, end, and
            whether a chunk ends there.
    """

    __slots__ = ("_left", "content", "done", "fault", "spans", "until_close")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0
        self.fault = ""
        self.until_close = False
        self.content = 0
        self.spans: list[tuple[int, int, bool]] = []

    def take(self, piece: Piece, at: int) -> int:
        """Take bytes of `piece` from `at` on; return the offset after the last taken."""
        taken = min(self._left, piece.length - at)
        self._left -= taken
        self.done = not self._left
        self.content += taken
        self.spans = [(at, at + taken, False)]
        return at + taken

    def passes(self, count: int) -> bool:
        """Take `count` bytes unseen if they are all body and not its end; else False."""
        if count >= self._left:
            return False
        self._left -= count
        self.content += count
        return True

    def in_chunk(self) -> bool:
        """Return whether more of a chunk must follow: a pause here is none of the sender's."""
        return False

    def skip(self, lost: int) -> bool:
        """Skip bytes that were not captured; False if the end of the body is lost too."""
        if lost > self._left:
            return False
        self._left -= lost
        self.content += lost
        self.done = not self._left
        return True


class BodyUntilClose(Body):
    """A response body that the end of the connection ends (RFC 9112 6.3, rule 8)."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(1)
        self.until_close = True

    def take(self, piece: Piece, at: int) -> int:
        """Take all."""
        self.content += piece.length - at
        self.spans = [(at, piece.length, False)]
        return piece.length

    def passes(self, count: int) -> bool:
        """Take all."""
        self.content += count
        return True

    def skip(self, lost: int) -> bool:
        """Skip any number."""
        self.content += lost
        return True


class ChunkedBody(Body):
    """The chunked coding (RFC 9112 7.1), with extensions and trailers."""

    __slots__ = ("_in_trailers", "_line", "_line_end_due")

    def __init__(self) -> None:
        super().__init__(0)
        self.done = False
        self._line = b""
        self._line_end_due = False
        self._in_trailers = False

    def take(self, piece: Piece, at: int) -> int:
        """Take chunks until the last one's trailers have ended."""
        end = piece.length
        self.spans = []
        while at < end and not self.done and not self.fault:
            at = self._take_data(at, end) if self._left else self._take_line(piece.data, at)
        return at

    def passes(self, count: int) -> bool:
        """Take bytes of one chunk's data."""
        if count > self._left:
            return False
        self._left -= count
        self.content += count
        self._line_end_due = True
        return True

    def in_chunk(self) -> bool:
        """Return whether bytes of a chunk's data are still to come."""
        return self._left > 0

    def skip(self, lost: int) -> bool:
        """Skip within one chunk's data; a lost chunk size cannot be made up."""
        if not self._left or lost > self._left:
            return False
        self._left -= lost
        self.content += lost
        self._line_end_due = True
        return True

    def _take_data(self, at: int, end: int) -> int:
        taken = min(self._left, end - at)
        self._left -= taken
        self.content += taken
        self.spans.append((at, at + taken, not self._left))
        self._line_end_due = True
        return at + taken

    def _take_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at)
        line = self._line + (data[at:end] if end >= 0 else data[at:])
        if len(line) > _MAX_CHUNK_LINE:
            self.fault = "a chunk size line without an end"
            return at
        if end < 0:
            self._line = line
            return len(data)
        self._line = b""
        line = line.rstrip(b"\r")
        if self._in_trailers:
            self.done = not line
        elif self._line_end_due:
            self._line_end_due = False
            if line:
                self.fault = "chunk data longer than its size"
        else:
            self._begin_chunk(line)
        # The line that shows the fault is no body.
        return at if self.fault else end + 1

    def _begin_chunk(self, line: bytes) -> None:
        # RFC 9112 7.1.1: "A recipient MUST ignore unrecognized chunk extensions."
        digits = line.partition(b";")[0].strip(b" \t")
        if not 0 < len(digits) <= _MAX_SIZE_DIGITS or not all(
            byte in b"0123456789abcdefABCDEF" for byte in digits
        ):
            self.fault = f"not a chunk size: {line[:20]!r}"
            return
        self._left = int(digits, 16)
        # "The chunked coding is complete when a chunk with a chunk-size of zero is
        # received, possibly followed by a trailer section" and an empty line.
        self._in_trailers = not self._left


def request_body(head: Head) -> Body | None:
    """Return the body after a request head, None without one (RFC 9112 6.3)."""
    coding = head.values.get("transfer-encoding")
    if coding is not None:
        return ChunkedBody() if _ends_chunked(coding) else None
    length = _content_length(head)
    # Rule 7: "If this is a request message and none of the above are true, then
    # the message body length is zero."
    return Body(length) if length and length > 0 else None


def response_body(head: Head, method: str) -> Body | None:
    """Return the body after a response head, None without one (RFC 9112 6.3).

    Args:
        head: of the response.
        method: of its request; "" if that was not seen.
    """
    status = head.status
    # Rules 1 and 2: HEAD, 1xx, 204, 304, and 2xx to CONNECT have none.
    if method == "HEAD" or status < 200 or status in (204, 304):
        return None
    if method == "CONNECT" and status < 300:
        return None
    coding = head.values.get("transfer-encoding")
    if coding is not None:
        return ChunkedBody() if _ends_chunked(coding) else BodyUntilClose()
    length = _content_length(head)
    if length is None or length < 0:
        return BodyUntilClose()
    return Body(length) if length else None


def _ends_chunked(coding: str) -> bool:
    return coding.rpartition(",")[2].strip(" \t").lower() == "chunked"


def _content_length(head: Head) -> int | None:
    """Return Content-Length; None if not sent, -1 if it makes no sense."""
    text = head.values.get("content-length")
    if text is None:
        return None
    # Rule 5: repeated equal values may be taken as one.
    values = {value.strip(" \t") for value in text.split(",")}
    value = values.pop()
    if values or not value.isascii() or not value.isdigit() or len(value) > 18:
        return -1
    return int(value)
