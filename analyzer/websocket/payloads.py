"""Payload that must be kept: joined to messages, inflated, checked.

Takes the FRAGMENT rows of the walk in order. Knows permessage-deflate's context rules
through its Inflater; must not know frames or tables. Used by websocket.stage.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer import findings
from analyzer.columns import NULL, Bytes, Pieces, Rows, pieces
from analyzer.findings import Finding, Kind
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options
from analyzer.websocket._blocks import Blocks
from analyzer.websocket._distances import Distances
from analyzer.websocket._inflating import UsualMessages
from analyzer.websocket._payload import digest_of
from analyzer.websocket.hearing import Hearing
from analyzer.websocket.negotiation import MAX_WINDOW_BITS, Side
from analyzer.websocket.permessage_deflate import Inflater, Status

_OUTCOMES: dict[Status, Kind] = {
    Status.BAD_DATA: findings.DEFLATE_BAD_DATA,
    Status.CONTEXT_LOST: findings.DEFLATE_CONTEXT_LOST,
    Status.LIMIT: findings.DEFLATE_LIMIT,
    Status.TAKEOVER: findings.DEFLATE_TAKEOVER_FORBIDDEN,
}


@dataclass(slots=True)
class _Joined:
    """The message being joined in one direction."""

    message: int = -1
    """Its pool index; -1 before its first byte."""
    compressed: bool = False
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    damaged: bool = False
    too_long: bool = False
    text: int = 0
    packet: int = 0
    frame: int = 0
    """Of the last piece, as `packet` is."""


_INFLATER_BYTES = 40 * 1024
"""What an inflater keeps: a window of 32 KiB, or zlib's context with it."""

Beginnings = npt.NDArray[np.uint8]
_NO_PREVIEWS: Beginnings = np.zeros((0, 0), np.uint8)
_NOTHING = _Joined()
"""No message is in progress; never changed."""


class PayloadStage:
    """Joins and inflates; holds one Inflater and one unfinished message per direction."""

    def __init__(self, options: Options, hearing: Hearing) -> None:
        self._options = options
        self._hearing = hearing
        self._opened: npt.NDArray[np.bool_] = np.zeros(0, bool)
        self._inflaters: dict[int, Inflater] = {}
        self._joined: dict[int, _Joined] = {}
        # Directions whose window is below 32 KiB: its size, and bytes inflated so far.
        self._windows: dict[int, tuple[int, int]] = {}
        self._distances = Distances()
        self._blocks: Blocks | None = None
        self._found: list[Finding] = []
        self._index = 0  # of the FRAGMENT row in work
        # By pool index, of messages that were not usual.
        self._sizes: dict[int, int] = {}
        self._digests: dict[int, int] = {}
        self._digest = 0  # of the message inflated last; 0: it could not be
        whole, none = options.max_inflated_bytes, 0
        self._keep_bytes = {"none": none, "preview": options.preview_bytes, "full": whole}[
            options.payload
        ]
        self.kept: dict[int, bytes] = {}
        """Payload (or its beginning) by pool index, of messages not yet handed on."""
        known = (self._inflaters, self._windows, self._joined, _NOTHING, self.kept)
        self._usual = UsualMessages(*known, options.max_message_bytes, self._keep_bytes)

    def open(self, direction: int, side: Side | None) -> None:
        """Begin a direction; `side` is None where nothing is compressed."""
        self._joined[direction] = _NOTHING
        if direction >= len(self._opened):
            more = np.zeros(max(direction + 1, 2 * len(self._opened), 64), bool)
            more[: len(self._opened)] = self._opened
            self._opened = more
        self._opened[direction] = True
        if side is not None:
            limit = self._options.max_inflated_bytes
            if self._blocks is None:
                self._blocks = Blocks()
            self._inflaters[direction] = Inflater(
                side, limit=limit, keep_bytes=limit, blocks=self._blocks
            )
            if side.window_bits < MAX_WINDOW_BITS:
                self._windows[direction] = (1 << side.window_bits, 0)

    def close(self, direction: int) -> None:
        """Forget a direction."""
        joined = self._joined.pop(direction, None)
        if joined is None:
            return  # it was not opened here: nothing is compressed
        self._check_begun(direction, joined)
        self._opened[direction : direction + 1] = False
        self._inflaters.pop(direction, None)
        self._windows.pop(direction, None)

    @property
    def held_bytes(self) -> int:
        """Bytes of messages not complete or not handed on, and of the windows of zlib."""
        joined = sum(each.size for each in self._joined.values())
        kept = sum(map(len, self.kept.values()))
        return joined + kept + _INFLATER_BYTES * len(self._inflaters)

    def take_findings(self) -> list[Finding]:
        """Return what was found since the last call."""
        found, self._found = self._found, []
        return found

    def push(
        self, rows: Rows, data: Bytes, pool: Rows, previews: Beginnings | None = None
    ) -> list[Finding]:
        """Take the batch's FRAGMENT rows; write sizes into `pool`.

        Args:
            rows: dtype FRAGMENT, in order.
            data: the batch's buffer, payload unmasked.
            pool: dtype MESSAGE by pool index; `payload_bytes` and `digest` of
                compressed messages are set here.
            previews: uint8 by pool index, takes beginnings of most messages; None: `kept` has
                those of all.
        """
        chosen = self._wanted(rows)
        if not len(chosen):
            return self.take_findings()
        found = rows.take(chosen)
        begin, content = _content(found, data)
        self._sizes, self._digests = {}, {}
        usual = self._usual
        view = found.view(np.recarray), content, begin, pool.view(np.recarray)
        usual.begin(*view, self._hearing.heard, _NO_PREVIEWS if previews is None else previews)
        at, count = 0, len(found)
        while at < count:
            at = usual.run(at)
            if usual.payloads:
                heard = usual.heard_rows()
                self._hearing.took(found.take(heard), chosen.take(heard), usual.payloads)
            for row in found.take(usual.bad_texts).tolist() if usual.bad_texts else ():
                _, _, packet, frame, _, direction, *_ = row
                self._found.append(_at(findings.WEBSOCKET_BAD_UTF8, direction, packet, frame))
            if at < count:
                self._index = int(chosen[at])
                self._take(found[at].item(), content, begin)
                at += 1
        _write(pool, self._sizes, self._digests)
        return self.take_findings()

    def _take(self, row: tuple[int, ...], content: bytes, begin: int) -> None:
        """Take a FRAGMENT row that is not a usual message."""
        start, length, packet, frame, message, direction, last, compressed, text = row
        joined = self._joined.get(direction)
        if joined is None:
            return
        if message < 0:
            # A piece with a length lay in a frame between messages: a control
            # frame, which the window knows nothing of.
            if not length:
                self._lose_place(direction)
            return
        limit = self._options.max_message_bytes
        if joined.message != message:
            if joined.message >= 0:
                self._give_up(direction, joined)
            joined = self._joined[direction] = _Joined(message, bool(compressed))
        if start < 0:
            joined.damaged = True
        elif joined.size + length > limit:
            joined.too_long = True
            joined.pieces.clear()
        elif length:
            joined.pieces.append(content[start - begin : start - begin + length])
            joined.size += length
            joined.text, joined.packet, joined.frame = text, packet, frame
        if last:
            self._joined[direction] = _NOTHING
            size = self._finish(joined, direction, text, packet, frame)
            if compressed:
                self._sizes[message], self._digests[message] = size, self._digest

    def _wanted(self, rows: Rows) -> npt.NDArray[np.intp]:
        """Return the places of rows that are looked at here: others are only listened to."""
        if not len(rows) or not len(self._opened) or not self._joined:
            return np.zeros(0, np.intp)
        directions = rows["direction"]
        known = directions < len(self._opened)
        wanted = known & self._opened[np.where(known, directions, 0)]
        if self._options.payload != "full":
            # Other payload is not kept, and of no account for a window.
            wanted &= (rows["compressed"] != 0) | (rows["message"] < 0)
        return np.flatnonzero(wanted)

    def give_up(self, messages: Rows, indices: list[int]) -> None:
        """Forget messages that have ended, before their indices are used again.

        Args:
            messages: dtype MESSAGE.
            indices: pool index of each.
        """
        for direction, index in zip(messages["direction"].tolist(), indices, strict=True):
            joined = self._joined.get(direction)
            if joined is not None and joined.message == index:
                self._give_up(direction, joined)
                self._joined[direction] = _NOTHING

    def _give_up(self, direction: int, joined: _Joined) -> None:
        """A message that never ended: the sender's window has bytes that were not seen."""
        self._check_begun(direction, joined)
        inflater = self._inflaters.get(direction)
        if inflater is not None and joined.compressed:
            inflater.lose_context()

    def _lose_place(self, direction: int) -> None:
        """The place in the stream is lost, and with it any number of messages."""
        self._joined[direction] = _NOTHING
        inflater = self._inflaters.get(direction)
        if inflater is not None:
            inflater.lose_context()

    def _finish(self, joined: _Joined, direction: int, text: int, packet: int, frame: int) -> int:
        """End a message that came in pieces; return its size, NULL if not known."""
        self._digest = 0
        payload = b"".join(joined.pieces)
        if joined.compressed and not (joined.damaged or joined.too_long):
            return self._inflate(payload, direction, joined.message, text, packet, frame)
        if joined.too_long:
            self._found.append(_at(findings.MESSAGE_LIMIT, direction, packet, frame))
        if joined.compressed:
            if not joined.too_long:
                self._found.append(_at(findings.DEFLATE_CONTEXT_LOST, direction, packet, frame))
            self._give_up(direction, joined)
            self._hearing.inflated(self._index, joined.message, direction, None)
        elif not (joined.damaged or joined.too_long):
            self.kept[joined.message] = payload
        return NULL

    def _inflate(
        self, payload: bytes, direction: int, message: int, text: int, packet: int, frame: int
    ) -> int:
        """Inflate one message; return its size, NULL where it cannot be known."""
        self._digest = 0
        inflater = self._inflaters.get(direction)
        if inflater is None:
            return NULL
        sent = payload
        size, payload, status, detail = inflater.inflate(payload)
        if status is not Status.OK:
            self._found.append(_at(_OUTCOMES[status], direction, packet, frame, detail))
            if status is not Status.TAKEOVER:
                self._hearing.inflated(self._index, message, direction, None)
                return NULL
        if direction in self._windows:
            self._check_window(sent, size, direction, packet, frame)
        self._hearing.inflated(self._index, message, direction, payload)
        self._digest = digest_of(payload)
        # ASCII is asked first: it is the common case, and cheap.
        if text and not payload.isascii() and not _is_utf8(payload):
            self._found.append(_at(findings.WEBSOCKET_BAD_UTF8, direction, packet, frame))
        if self._keep_bytes:
            self.kept[message] = payload[: self._keep_bytes]
        return size

    def _check_window(
        self, sent: bytes, size: int, direction: int, packet: int, frame: int
    ) -> None:
        """Report references beyond the window that was agreed on.

        The sender "MUST NOT" use a larger one (RFC 7692 7.1.2.1, 7.1.2.2, 7.2.1), and a
        receiver whose window is as agreed cannot follow it.
        """
        window, before = self._windows[direction]
        self._windows[direction] = (window, before + size)
        if before + size <= window:
            return
        distance = self._distances.farthest(sent)
        if distance > window:
            kind = findings.DEFLATE_WINDOW_EXCEEDED
            detail = f"{distance} bytes back, where {window} were agreed on"
            self._found.append(_at(kind, direction, packet, frame, detail))

    def _check_begun(self, direction: int, joined: _Joined) -> None:
        """Report what is wrong in the part that was seen of a compressed message.

        A receiver fails at once where text is no UTF-8 (RFC 6455 8.1) or data cannot be
        inflated, and the rest is never sent.
        """
        inflater = self._inflaters.get(direction)
        if inflater is None or not joined.compressed or not joined.pieces or joined.damaged:
            return
        inflater.start()
        text = b"".join(inflater.push(piece) for piece in joined.pieces)
        failure = inflater.failure
        at = (direction, joined.packet, joined.frame)
        if failure is not None and failure.status is Status.BAD_DATA:
            self._found.append(_at(findings.DEFLATE_BAD_DATA, *at, failure.detail))
        elif joined.text and not _is_utf8(text, is_whole=False):
            self._found.append(_at(findings.WEBSOCKET_BAD_UTF8, *at))
        inflater.start()


def _write(pool: Rows, sizes: dict[int, int], digests: dict[int, int]) -> None:
    """Set the sizes and digests of messages, by index in the pool."""
    if sizes:
        places = np.fromiter(sizes, np.int64, len(sizes))
        pool["payload_bytes"][places] = np.fromiter(sizes.values(), np.int64, len(sizes))
        pool["digest"][places] = np.fromiter(digests.values(), np.uint64, len(sizes))


def _content(rows: Rows, data: Bytes) -> tuple[int, bytes]:
    """Return where the payload of FRAGMENT rows begins, and all bytes from there to its end.

    One copy of all: a slice of bytes takes a third of what one of a memoryview does.
    """
    known = rows["start"] >= 0
    starts = rows["start"][known]
    if not len(starts):
        return 0, b""
    begin, end = int(starts.min()), int((starts + rows["length"][known]).max())
    return begin, bytes(data.data[begin:end])


def _is_utf8(payload: bytes, *, is_whole: bool = True) -> bool:
    """Return whether text is valid (RFC 6455 8.1); cut off, it may end within a character."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(payload, is_whole)
    except UnicodeDecodeError:
        return False
    return True


def _at(kind: Kind, direction: int, packet: int, frame: int, detail: str = "") -> Finding:
    return Finding(kind, direction >> 1, packet, frame, detail, 1, direction)


class Previews(Sequence[bytes | None]):
    """The messages' payload beginnings; None where they are not known.

    Cut from their array when first read: a summary never does.

    Args:
        rows: dtype MESSAGE.
        previews: uint8, one row per message row; None where all payload is in `kept`.
        kept: for each row the payload, where it was inflated or kept whole; or None for
            all of them.
    """

    def __init__(
        self, rows: Rows, previews: np.ndarray | None, kept: list[bytes | None] | None
    ) -> None:
        self._source = (rows, previews, kept)
        self._count = len(rows)
        self._made: list[bytes | None] | None = None

    def _all(self) -> list[bytes | None]:
        if self._made is None:
            self._made = _previews(*self._source)
        return self._made

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes | None]:
        return iter(self._all())

    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]

    def pieces(self) -> Pieces:
        """Return them in one buffer, without an object for each."""
        rows, previews, kept = self._source
        if previews is None:
            return pieces(kept if kept is not None else [None] * len(rows))
        width = previews.shape[1]
        known = _has_preview(rows, width)
        starts = np.arange(len(rows), dtype=np.int64) * width
        lengths = np.where(known, rows["preview_bytes"].astype(np.int64), -1)
        found = Pieces(np.ascontiguousarray(previews).reshape(-1), starts, lengths)
        if kept is None:
            return found
        places = np.flatnonzero([payload is not None for payload in kept])
        others = pieces([kept[place] for place in places.tolist()])
        starts[places] = others.starts + len(found.data)
        lengths[places] = others.lengths
        return Pieces(np.concatenate([found.data, others.data]), starts, lengths)


def _has_preview(rows: Rows, width: int) -> npt.NDArray[np.bool_]:
    """Return which messages have their beginning in an array: whole ones that could be read.

    A compressed one has a digest if it was inflated. Nothing is known of it where the array has
    no room for beginnings.
    """
    known: npt.NDArray[np.bool_] = (rows["compressed"] == 0) & (rows["damaged"] == 0)
    return known | (rows["compressed"] != 0) & (rows["digest"] != 0) if width else known


def _previews(
    rows: Rows, previews: np.ndarray | None, kept: list[bytes | None] | None
) -> list[bytes | None]:
    if kept is None:
        kept = [None] * len(rows)
    if previews is None:
        return kept
    flat = previews.tobytes()
    width = previews.shape[1]
    found: list[bytes | None] = []
    lengths = rows["preview_bytes"].tolist()
    known = _has_preview(rows, width).tolist()
    for place, (payload, length) in enumerate(zip(kept, lengths, strict=True)):
        if payload is None and known[place]:
            found.append(flat[place * width : place * width + length])
        else:
            found.append(payload)
    return found
