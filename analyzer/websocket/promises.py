"""Holds the length that a header announced against the bytes that came.

A sender that writes a header and never its payload, or that announces more than it sends, makes
a reader eat whole frames. Knows what recognition says of frames. Must not know the walk, packets
or findings. Used by websocket.seeking, where the walk saw that what should be payload looks like
frames.
"""

from __future__ import annotations

from typing import Final

from analyzer.lazy_dataclass import dataclass, field
from analyzer.websocket import foreign, opcodes
from analyzer.websocket.kept_rows import Kept
from analyzer.websocket.recognition import (
    NEED_MORE,
    Chain,
    HeaderGuess,
    grow,
    plausible_header,
    unmasked,
)

_LEAST_EVIDENCE: Final = 2
"""Asked for where the announced length was never reached: two frames, or text of 8 bytes."""
_CLOSE_BYTE: Final = 0x88


@dataclass(slots=True)
class Promise:
    """A frame whose payload, from a segment's first byte on, looks like frames.

    Two readings are held against each other. Either the bytes are payload: then a header or the
    end of a segment stands where the announced length ends. Or they are frames, and the payload
    never came: then frame follows frame, segments end where frames do, and the announced
    length ends in the midst of one.

    Payload looks like one frame by chance, if it is short: of random bytes 1 in 57 begin with a
    header (13 opcodes and bits of 256 with permessage-deflate, half of the mask bits), and
    its length ends with the segment in 1 of 128 cases. That alone is not believed: the announced
    length must end where no header can be. A WebSocket within a WebSocket has frames for payload,
    but its announced length ends with a segment, or where a header is; so it is always waited for,
    up to the limit on bytes.

    Args:
        shape: of frames in this direction.
        left: bytes of payload that are still due.
        texts: text must be UTF-8.
        packet: of the header.
        described: the finding's detail, if other frames follow.
        opcode: of the frame.
    """

    shape: foreign.Shape
    left: int
    texts: bool
    packet: int
    described: str
    opcode: int = 0
    kept: list[Kept] = field(default_factory=list)
    cost: int = 0
    _data: bytearray = field(default_factory=bytearray)
    _frames: Chain = field(default_factory=lambda: Chain(0, 0))
    _behind: Chain | None = None
    _behind_fails: bool = False
    _filled: int = 0
    _ends: list[int] = field(default_factory=list)

    def push(self, kept: Kept) -> bool | None:
        """Take the next row.

        Returns:
            True: the bytes are payload. False: they are frames, or `mixed` says what they are.
            None: nobody knows yet.
        """
        self.kept.append(kept)
        self.cost += kept.cost
        self._data += kept.payload
        size = len(self._data)
        self._ends.append(size)
        are_frames = self._follow(self._frames)
        if self._frames.at == self.left or size == self.left:
            return True
        if not are_frames:
            if self.mixed() is not None:
                return False
            return None if self._may_be_mixed() else True
        self._filled += self._frames.at == size
        if size < self.left:
            return None
        if self._behind is None:
            self._behind = Chain(self.left, self.left)
        self._behind_fails = self._behind_fails or not self._follow(self._behind)
        if self._behind_fails:
            # The header alone in a packet may be another writer's: the next one tells.
            least = 2 if self._lone_header() else 1
            is_proven = self._frames.at == size and self._frames.evidence > 0
            return False if is_proven and self._frames.frames >= least else None
        return True if self._behind.at == size else None

    def concluded(self) -> bool:
        """Return whether the bytes are payload, where nothing more is waited for.

        Frames that are not the payload of this one were written one by one: most segments
        end with one. Frames within payload end with a segment by chance alone.
        """
        reached = self._behind is not None and not self._behind_fails
        return (
            reached
            or self._frames.evidence + self._ends_with_close() < _LEAST_EVIDENCE
            or self._frames.at != len(self._data)
            or 2 * self._filled < len(self.kept)
        )

    def mixed(self) -> foreign.Mixed | None:
        """Return the frame of a second writer, where two wrote at once in packets of their own.

        Both headers came, then both payloads: the first packet is a header alone, the lengths of
        both frames account for all bytes, and one of them for the packets up to an end.
        """
        header = self._lone_header()
        size = header.header_bytes + header.payload_bytes + self.left if header else -1
        if header is None or size != len(self._data):
            return None
        behind = self._data[self.left : self.left + 2]
        if plausible_header(behind, 0, len(behind), masked=self.shape.masked, rsv_allowed=0):
            return None
        begin, key = header.header_bytes, b""
        if begin + self.left in self._ends:
            begin += self.left
        elif begin + header.payload_bytes not in self._ends:
            return None
        payload = bytes(self._data[begin : begin + header.payload_bytes])
        if header.masked:
            key = bytes(self._data[header.header_bytes - 4 : header.header_bytes])
            payload = unmasked(payload, key)
        return foreign.Mixed(self.opcode, header.opcode, payload)

    def _may_be_mixed(self) -> bool:
        """Tell whether two packets are a second header, and as many bytes as a frame lacks."""
        header = self._lone_header()
        if header is None or len(self._ends) != 2:
            return False
        return self._ends[1] - self._ends[0] in (self.left, header.payload_bytes)

    def _lone_header(self) -> HeaderGuess | None:
        """Return the header that is the first packet, if that is one and nothing else."""
        end = self._ends[0]
        masked, rsv_allowed = self._shape()
        guess = plausible_header(self._data, 0, end, masked=masked, rsv_allowed=rsv_allowed)
        if guess is None or guess is NEED_MORE or guess.header_bytes != end:
            return None
        return guess if guess.payload_bytes else None

    def _ends_with_close(self) -> bool:
        """Tell whether the last frame is a Close with a code that may be sent (RFC 6455 7.4).

        Of random bytes 1 in 20 are such a code, and no Close is within a message.
        """
        at = self._frames.last
        return at >= 0 and self._data[at] == _CLOSE_BYTE and self._data[at + 1] & 0x7F >= 2

    def _follow(self, chain: Chain) -> bool:
        """Take a chain as far as the bytes go; False where there can be no frame."""
        while chain.at < len(self._data) and not (chain is self._frames and chain.at == self.left):
            grown = grow(chain, self._data, *self._shape(), texts=self.texts)
            if grown is NEED_MORE:
                break
            if grown is None:
                return False
        return True

    def _shape(self) -> tuple[bool, int]:
        return self.shape.masked, self.shape.rsv_allowed


def described(opcode: int, announced: int, left: int, sender: str) -> str:
    """Return the finding's detail, for bytes that turn out to be frames.

    Args:
        opcode: of the frame that was announced.
        announced: its payload bytes, by its header.
        left: those that never came.
        sender: "client" or "server".
    """
    came = "none of them came" if left == announced else f"only {announced - left} of them came"
    name = opcodes.OPCODES[opcode]
    return (
        f"a header by the {sender} announces a {name} frame of {announced} bytes, and {came}: "
        "other frames follow in their place"
    )
