"""WebSocket frames with false content: headers, masking keys and lengths stay (RFC 6455 5.2).

Text is replaced word by word, binary payload by noise, compressed messages by others of the same
two sizes (`deflated`). Knows frames. Used by stream.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

from analyzer.share.anonymize.deflated import filler, most_letters
from analyzer.share.anonymize.ordered import Room
from analyzer.share.anonymize.words import Filter, Words

_CLOSE: Final = 8
_CONTROL: Final = 8
_TEXT: Final = 1
_BINARY: Final = 2
_MAX_INFLATED: Final = 64 << 20
_TAIL: Final = b"\0\0\xff\xff"

Emit = Callable[[bytes], None]


def masked(data: bytes, key: bytes, phase: int) -> bytes:
    """Return bytes masked, or unmasked (RFC 6455 5.3).

    Args:
        data: payload.
        key: of four bytes; empty: not masked.
        phase: index of the first byte in the frame's payload.
    """
    if not key or not data:
        return data
    turned = key[phase % 4 :] + key[: phase % 4]
    stream = (turned * (len(data) // 4 + 1))[: len(data)]
    mixed = int.from_bytes(data, "little") ^ int.from_bytes(stream, "little")
    return mixed.to_bytes(len(data), "little")


def are_frames(data: bytes) -> bool:
    """Say whether bytes are frames, by their headers: two at least, or one that ends with them.

    Strict: of what is no frame, bytes that are taken for headers would stay as they are.
    """
    at, count, is_masked = 0, 0, data[1:2] >= b"\x80"
    while at + 2 <= len(data):
        short = data[at + 1] & 0x7F
        extended = {126: 2, 127: 8}.get(short, 0)
        length = int.from_bytes(data[at + 2 : at + 2 + extended], "big") if extended else short
        if _is_odd(data[at], short) or (data[at + 1] >= 0x80) != is_masked:
            return False
        count += 1
        at += 2 + extended + 4 * is_masked + length
    return count > 1 or (count == 1 and at == len(data))


def _is_odd(first: int, short: int) -> bool:
    """Say whether no frame begins so without a fault (RFC 6455 5.2, 5.5)."""
    return bool(
        first & 0x30
        or first & 0x0F not in (0, 1, 2, 8, 9, 10)
        or (first & _CONTROL and (short > 125 or first & 0xC0 != 0x80))
    )


class Frames:
    """The frames of one direction.

    Behind a header with a fault framing is in doubt: bytes may be no frames, or those of two
    writers. Behind a gap it may be lost. It begins anew where a packet begins with frames, as an
    analysis does.

    Args:
        words: of the file.
        emit: takes what stands in the stream now, in order.
        room: of the file; a compressed message that takes more than half of it becomes noise.
    """

    def __init__(self, words: Words, emit: Emit, room: Room | None = None) -> None:
        self._room = room or Room()
        self._words = words
        self._emit = emit
        self._header = b""
        self._left = -1
        self._key = b""
        self._phase = 0
        self._out = 0
        self._opcode = 0
        self._fin = True
        self._filter: Filter | None = None
        self._message: Filter | None = None
        self._squeezed: _Squeezed | None = None
        self._inflating = zlib.decompressobj(-15)
        self._behind = False
        self._in_doubt = self._is_lost = False
        self.overwritten = 0
        """Bytes of compressed messages."""
        self.unread = 0
        """Bytes of which framing is not known."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream, those of one packet."""
        if self._in_doubt and are_frames(data):
            self.flush()
            self._left, self._message = -1, None
            self._in_doubt = self._is_lost = False
        if self._is_lost:
            self.unread += len(data)
            self._emit(self._words.noise(data))
            return
        at = 0
        while at < len(data):
            if self._left < 0:
                at = self._take_header(data, at)
                continue
            piece = data[at : at + self._left]
            at += len(piece)
            self._payload(piece)

    def gap(self, length: int) -> None:
        """Skip bytes that were not captured; they count as given, as zeros."""
        if self._is_lost or self._left < length or self._squeezed is not None:
            self.flush()
            self._in_doubt = self._is_lost = True
            self._left = -1
            self._emit(bytes(length))
            return
        self._give(b"", last=True)
        self._phase += length
        self._out += length
        self._left -= length
        self._emit(bytes(length))
        # What comes behind the gap begins anew: a word of which the beginning is not known.
        if self._left:
            self._filter = Filter(self._words, is_text=None)
        else:
            self._end()

    def flush(self) -> None:
        """Give what waits: nothing comes any more."""
        if self._squeezed is not None:
            self._finish_message(None)
        elif self._left > 0:
            self._give(b"", last=True)
        if self._header:
            self._write(self._words.noise(self._header))
            self._header = b""

    def give_up(self) -> None:
        """Let a compressed message not wait for its end: it becomes noise. Framing stays."""
        if self._squeezed is not None:
            self._finish_message(None)
            self._out = self._phase
            self._filter = self._message = Filter(self._words, is_text=False)

    def _take_header(self, data: bytes, at: int) -> int:
        need = _header_bytes(self._header)
        piece = data[at : at + need - len(self._header)]
        self._header += piece
        if len(self._header) == _header_bytes(self._header):
            self._begin(self._header)
            self._header = b""
        return at + len(piece)

    def _begin(self, header: bytes) -> None:
        short = header[1] & 0x7F
        extended = {126: 2, 127: 8}.get(short, 0)
        self._left = int.from_bytes(header[2 : 2 + extended], "big") if extended else short
        self._key = header[2 + extended :] if header[1] & 0x80 else b""
        self._phase = self._out = 0
        self._opcode, self._fin = header[0] & 0x0F, bool(header[0] & 0x80)
        self._in_doubt |= _is_odd(header[0], short)
        if self._opcode <= _BINARY:
            if self._opcode:
                if self._squeezed is not None:
                    self._finish_message(None)  # the one before has no end
                self._squeezed = _Squeezed() if header[0] & 0x40 else None
                self._message = Filter(self._words, is_text=True if self._opcode == _TEXT else None)
            self._filter = self._message or Filter(self._words)
        else:
            self._filter = Filter(self._words, is_text=True if self._opcode == _CLOSE else None)
        self._write(header)
        if not self._left:
            self._end()

    def _write(self, data: bytes) -> None:
        if self._squeezed is not None:
            self._squeezed.pieces.append(data)
        else:
            self._emit(data)

    def _payload(self, piece: bytes) -> None:
        plain = masked(piece, self._key, self._phase)
        self._phase += len(piece)
        self._left -= len(piece)
        if self._squeezed is not None and self._opcode <= _BINARY:
            self._squeezed.add(plain, self._key, self._phase - len(piece))
            if self._squeezed.size > self._room.most // 2:
                self.give_up()
                self._room.given_up += 1
            self.overwritten += len(piece)
        elif self._opcode == _CLOSE and self._phase - len(piece) < 2:
            code = plain[: 2 - (self._phase - len(piece))]
            self._write(masked(code, self._key, self._out))
            self._out += len(code)
            self._give(plain[len(code) :], last=not self._left)
        else:
            self._give(plain, last=not self._left)
        if not self._left:
            self._end()

    def _give(self, plain: bytes, *, last: bool) -> None:
        if self._filter is None:
            return
        over = self._fin or self._opcode >= _CONTROL
        made = self._filter.feed(plain, last=last, over=over)
        self._write(masked(made, self._key, self._out))
        self._out += len(made)

    def _end(self) -> None:
        """A frame is over."""
        self._left = -1
        if self._opcode <= _BINARY and self._fin:
            if self._squeezed is not None:
                self._finish_message(self._squeezed)
            self._message = None

    def _finish_message(self, whole: _Squeezed | None) -> None:
        squeezed, self._squeezed = self._squeezed, None
        assert squeezed is not None
        made = None
        if whole is not None:
            size = self._inflated(b"".join(squeezed.content))
            if size is not None:
                made = filler(squeezed.size, size)
                if made is None and self._behind:
                    made = filler(squeezed.size, size, behind=True)
                if made is None:
                    # Bytes that only codes made for them can hold: as many as others can.
                    made = filler(squeezed.size, min(size, most_letters(squeezed.size)))
                self._behind = bool(size) and made is not None
        content = made if made is not None else self._words.noise(bytes(squeezed.size))
        at = 0
        for piece in squeezed.pieces:
            if isinstance(piece, bytes):
                self._emit(piece)
                continue
            length, key, phase = piece
            self._emit(masked(content[at : at + length], key, phase))
            at += length

    def _inflated(self, content: bytes) -> int | None:
        """Return to how many bytes a message inflates; None if it does not."""
        size, data = 0, content + _TAIL
        try:
            while data:
                size += len(self._inflating.decompress(data, _MAX_INFLATED - size + 1))
                if size > _MAX_INFLATED:
                    return None
                data = self._inflating.unconsumed_tail
                if self._inflating.eof:  # RFC 7692 7.2.3.5 allows a last block in the middle
                    data = self._inflating.unused_data
                    self._inflating = zlib.decompressobj(-15)
        except zlib.error:
            return None
        return size


def _header_bytes(header: bytes) -> int:
    if len(header) < 2:
        return 2
    extended = {126: 2, 127: 8}.get(header[1] & 0x7F, 0)
    return 2 + extended + (4 if header[1] & 0x80 else 0)


class _Squeezed:
    """A compressed message that waits for its end, with all that stands between its frames."""

    def __init__(self) -> None:
        self.pieces: list[bytes | tuple[int, bytes, int]] = []
        self.content: list[bytes] = []
        self.size = 0

    def add(self, plain: bytes, key: bytes, phase: int) -> None:
        self.pieces.append((len(plain), key, phase))
        self.size += len(plain)
        self.content.append(plain)
