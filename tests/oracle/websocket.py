"""WebSocket frames, plainly: written from RFC 6455 to compare the analyzer with.

Slow and short. Knows one direction's whole bytes; imports nothing of the package.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LENGTH_FORMS = (7, 16, 64)


@dataclass
class Frame:
    offset: int
    fin: bool
    rsv: int  # RSV1 4, RSV2 2, RSV3 1
    opcode: int
    mask: bytes | None
    length: int
    header_bytes: int
    payload: bytes  # unmasked; shorter than length where the bytes end
    message: int | None = None  # number in this direction; None for control frames

    @property
    def is_complete(self) -> bool:
        return len(self.payload) == self.length


@dataclass
class Message:
    opcode: int
    compressed: bool
    frames: list[Frame] = field(default_factory=list)

    @property
    def payload(self) -> bytes:
        return b"".join(frame.payload for frame in self.frames)

    @property
    def is_complete(self) -> bool:
        return self.frames[-1].fin and self.frames[-1].is_complete


def apply_mask(payload: bytes, key: bytes) -> bytes:
    """RFC 6455 5.3: octet i is XORed with octet i modulo 4 of the key."""
    return bytes(octet ^ key[i % 4] for i, octet in enumerate(payload))


def shortest_form(length: int) -> int:
    return 7 if length <= 125 else 16 if length <= 65535 else 64


def frame(
    opcode: int,
    payload: bytes,
    *,
    fin: bool = True,
    mask: bytes | None = None,
    rsv: int = 0,
    length_form: int | None = None,
) -> bytes:
    """Return one frame; `length_form` (7, 16 or 64 bits) may be longer than needed."""
    form = length_form or shortest_form(len(payload))
    mask_bit = 0 if mask is None else 0x80
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    if form == 7:
        header = bytes([first, mask_bit | len(payload)])
    elif form == 16:
        header = bytes([first, mask_bit | 126]) + len(payload).to_bytes(2, "big")
    else:
        header = bytes([first, mask_bit | 127]) + len(payload).to_bytes(8, "big")
    return header + payload if mask is None else header + mask + apply_mask(payload, mask)


def close_body(code: int, reason: str = "") -> bytes:
    return code.to_bytes(2, "big") + reason.encode()


def decode(data: bytes) -> list[Frame]:
    """Return the frames of one direction; the last may be cut, a cut header is left out."""
    frames: list[Frame] = []
    at = 0
    while (one := _frame_at(data, at)) is not None:
        frames.append(one)
        at += one.header_bytes + one.length
    return frames


def _frame_at(data: bytes, at: int) -> Frame | None:
    if len(data) - at < 2:
        return None
    bits = f"{data[at]:08b}{data[at + 1]:08b}"
    length = int(bits[9:], 2)
    body = at + 2
    if length >= 126:
        size = 2 if length == 126 else 8
        if len(data) < body + size:
            return None
        length = int(data[body : body + size].hex(), 16)
        body += size
    mask = None
    if bits[8] == "1":
        mask = data[body : body + 4]
        body += 4
        if len(data) < body:
            return None
    payload = data[body : body + length]
    return Frame(
        offset=at,
        fin=bits[0] == "1",
        rsv=int(bits[1:4], 2),
        opcode=int(bits[4:8], 2),
        mask=mask,
        length=length,
        header_bytes=body - at,
        payload=payload if mask is None else apply_mask(payload, mask),
    )


def messages(frames: list[Frame]) -> list[Message]:
    """Return the messages of one direction and number their frames.

    A continuation without a beginning makes no message. A new data frame within a
    message leaves that one unfinished.
    """
    found: list[Message] = []
    is_open = False
    for one in frames:
        if one.opcode >= 8:
            continue
        if one.opcode != 0:
            found.append(Message(one.opcode, bool(one.rsv & 4)))
        elif not is_open:
            continue
        found[-1].frames.append(one)
        one.message = len(found) - 1
        is_open = not one.fin
    return found
