"""Judges whether bytes look like WebSocket frames.

Knows what RFC 6455 5.2 lets a frame header be, and how likely other bytes look so.
Must not know the walk, packets or findings. `grow` serves the search after a gap
(websocket.boundary), and connections whose handshake was not captured (websocket.recogniser).
Both are for the rare case, and bounded by options.max_probe_bytes.

What counts is a chain: headers of which each begins where the frame before it ends.
A chain must also be a possible order of fragments (RFC 6455 5.4), its text must be
UTF-8 (8.1), its Close frames must have a code that may be sent (7.4).
"""

from __future__ import annotations

import codecs
import zlib
from enum import Enum
from typing import Final, Literal

from analyzer.lazy_dataclass import dataclass
from analyzer.named_tuple import NamedTuple
from analyzer.websocket import opcodes
from analyzer.websocket.negotiation import RSV1
from analyzer.websocket.opcodes import MAX_CONTROL

MAX_PAYLOAD: Final = 1 << 40
"""RFC 6455 allows 2^63; a terabyte in one frame is noise."""
VERIFIED_TEXT: Final = 8
"""Bytes of valid UTF-8 that count as evidence of their own. Random bytes pass as that
many once in about 200 cases; traffic that is text has no byte 0x81 or 0x01 where a
frame must begin, but inside of other characters."""
CHECKED_TEXT: Final = 64
"""Bytes of a text frame that are looked at."""


_KNOWN = frozenset(
    {
        opcodes.CONTINUATION,
        opcodes.TEXT,
        opcodes.BINARY,
        opcodes.CLOSE,
        opcodes.PING,
        opcodes.PONG,
    }
)


class _Need(Enum):
    MORE = "more"


NEED_MORE: Final = _Need.MORE
"""The bytes end before the judgement can be made."""
NeedMore = Literal[_Need.MORE]


class HeaderGuess(NamedTuple):
    """A header that a WebSocket endpoint could have sent.

    Attributes:
        opcode: 0, 1, 2, 8, 9 or 10.
        fin: last frame of its message.
        rsv: RSV1 4, RSV2 2, RSV3 1.
        masked: whether a masking key follows the length.
        header_bytes: 2 to 14, with the masking key.
        payload_bytes: as the header says.
    """

    opcode: int
    fin: bool
    rsv: int
    masked: bool
    header_bytes: int
    payload_bytes: int


def plausible_header(
    data: bytes | bytearray, at: int, end: int, *, masked: bool | None, rsv_allowed: int
) -> HeaderGuess | NeedMore | None:
    """Judge the bytes from `at` as a frame header.

    Args:
        data: bytes of one direction.
        at: where the header would begin.
        end: where the bytes end; at most len(data).
        masked: whether the frame must be masked; None where it may be either.
        rsv_allowed: reserved bits that an extension defines (negotiation.RSV1 ...).

    Returns:
        The header; None if no endpoint that keeps to the RFC sends it; NEED_MORE if
        what is there is fine and too little.
    """
    if at >= end:
        return NEED_MORE
    first = data[at]
    opcode, rsv, fin = first & 0x0F, first >> 4 & 7, first >= 0x80
    if opcode not in _KNOWN or rsv & ~rsv_allowed:
        return None
    if opcodes.is_control(opcode) and (rsv or not fin):
        return None
    # RFC 7692 6: RSV1 is set on the first frame of a message and on no other.
    if rsv & RSV1 and opcode == opcodes.CONTINUATION:
        return None
    if at + 1 >= end:
        return NEED_MORE
    is_masked, length = data[at + 1] >= 0x80, data[at + 1] & 0x7F
    if masked is not None and is_masked != masked:
        return None
    if opcodes.is_control(opcode) and length > MAX_CONTROL:
        return None
    extra = {126: 2, 127: 8}.get(length, 0)
    header_bytes = 2 + extra + 4 * is_masked
    if at + header_bytes > end:
        return NEED_MORE
    if extra:
        length = int.from_bytes(data[at + 2 : at + 2 + extra], "big")
        # RFC 6455 5.2: "the minimal number of bytes MUST be used to encode the length".
        if length <= (MAX_CONTROL if extra == 2 else 0xFFFF) or length >= MAX_PAYLOAD:
            return None
    return HeaderGuess(opcode, fin, rsv, is_masked, header_bytes, length)


@dataclass(slots=True)
class Chain:
    """Frames that follow each other, each beginning where the one before ends.

    Attributes:
        start: where the first of them begins.
        at: where the next header is expected; it may lie after the bytes that are there.
        evidence: what they prove, as evidence() counts it.
        frames: how many were read.
        in_message: a fragmented message is open; None where not known.
        is_begun: the beginning of a message was seen.
        last: where the last frame begins.
        key: its masking key, if it has one.
        is_weak: the key is none by its looks.
        rewarded: the `at` up to which whole segments were counted as evidence.
    """

    start: int
    at: int
    evidence: int = 0
    frames: int = 0
    in_message: bool | None = None
    is_begun: bool = False
    last: int = -1
    key: bytes = b""
    is_weak: bool = False
    rewarded: int = -1


def grow(
    chain: Chain,
    data: bytes | bytearray,
    masked: bool | None,
    rsv_allowed: int,
    *,
    texts: bool = True,
    doubting: bool = False,
    cut: int = 0,
) -> bool | NeedMore | None:
    """Add the frame at `chain.at` to the chain.

    Args:
        chain: changed only if the frame is added.
        data: bytes of one direction, in which the chain's places lie.
        masked: as in plausible_header.
        rsv_allowed: as in plausible_header.
        texts: text must be UTF-8, and proves something where it is; False for a sender
            whose text is known not to be.
        doubting: it is not known yet whether this is WebSocket: masking keys that are small
            numbers or repeat prove nothing, and RSV1 marks what can be inflated.
        cut: bytes after `data` that were not captured; a frame may reach into them.

    Returns:
        True if it was added, None if there cannot be a frame, NEED_MORE if more
        bytes are needed.
    """
    at, end = chain.at, len(data)
    guess = plausible_header(data, at, end, masked=masked, rsv_allowed=rsv_allowed)
    if guess is None or guess is NEED_MORE:
        return guess
    if not _fits(chain, guess) or _is_one_byte(data, at, guess):
        return None
    # A payload that is not all there is judged by what is: the verdict on its first
    # bytes must not depend on how the input was cut, so 64 of them are waited for.
    body = at + guess.header_bytes
    length = min(guess.payload_bytes, _judged_bytes(guess, texts, doubting))
    if body + length > end:
        if not cut:
            return NEED_MORE
        length = end - body
    if not _plausible_payload(data, at, guess, length):
        return None
    count = evidence(chain, guess) if texts else min(1, evidence(chain, guess))
    if guess.masked:
        key = bytes(data[body - 4 : body])
        chain.is_weak = doubting and (_is_small(key) or _are_alike(key, chain.key))
        if chain.is_weak and count:
            # Text that is UTF-8 under a constant key still proves something.
            is_text = guess.opcode == opcodes.TEXT and not guess.rsv and not _is_small(key)
            count = max(1, count - 1) if is_text and key == chain.key else count - 1
        chain.key = key
    chain.evidence += count
    if not opcodes.is_control(guess.opcode):
        chain.in_message = not guess.fin
        chain.is_begun = chain.is_begun or guess.opcode != opcodes.CONTINUATION
    chain.frames += 1
    chain.last = at
    chain.at = body + guess.payload_bytes
    return True


def _fits(chain: Chain, guess: HeaderGuess) -> bool:
    """Tell whether the frame may follow the chain's (RFC 6455 5.4)."""
    if opcodes.is_control(guess.opcode) or chain.in_message is None:
        # An empty fragment that is not the last says nothing; zeros look so.
        return bool(guess.fin or guess.payload_bytes)
    if not guess.fin and not guess.payload_bytes:
        return False
    return chain.in_message == (guess.opcode == opcodes.CONTINUATION)


def _is_one_byte(data: bytes | bytearray, at: int, guess: HeaderGuess) -> bool:
    """Tell whether a header with its key is one byte over and over: padding, no frame."""
    return guess.masked and len(set(data[at : at + guess.header_bytes])) == 1


def _is_small(key: bytes) -> bool:
    """Tell whether a key is a number below 2^16, in either byte order: a field, no key."""
    return key.startswith(b"\0\0") or key.endswith(b"\0\0")


def _are_alike(key: bytes, before: bytes) -> bool:
    """Tell whether two keys have two bytes in common: a counter, or fields of other protocols.

    Random ones have once in 11,000 cases (RFC 6455 5.3 asks for them).
    """
    return sum(one == other for one, other in zip(key, before, strict=False)) >= 2


def _judged_bytes(guess: HeaderGuess, texts: bool, doubting: bool) -> int:
    """Return how much of the payload is looked at."""
    if guess.rsv & RSV1 and doubting:
        return CHECKED_TEXT
    if guess.opcode == opcodes.TEXT and not guess.rsv and texts:
        return CHECKED_TEXT
    return MAX_CONTROL if guess.opcode == opcodes.CLOSE else 0


def _plausible_payload(data: bytes | bytearray, at: int, guess: HeaderGuess, length: int) -> bool:
    """Judge the first `length` bytes of the payload: text, Close, what was compressed."""
    if not length:
        return True
    body = at + guess.header_bytes
    payload = bytes(data[body : body + length])
    if guess.masked:
        payload = unmasked(payload, bytes(data[body - 4 : body]))
    is_whole = length == guess.payload_bytes
    if guess.opcode == opcodes.CLOSE:
        return not opcodes.parse_close(payload, is_whole=is_whole).faults
    if guess.rsv & RSV1:
        return _can_be_inflated(payload)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(payload, is_whole and guess.fin)
    except UnicodeDecodeError:
        return False
    return True


def _can_be_inflated(payload: bytes) -> bool:
    """Tell whether the payload may begin a compressed message, whose context is not known."""
    try:
        zlib.decompressobj(-15).decompress(payload)
    except zlib.error as error:
        return "too far back" in str(error)
    return True


def unmasked(payload: bytes, key: bytes) -> bytes:
    """Return `payload` with its mask removed (RFC 6455 5.3)."""
    length = len(payload)
    mask = (key * (length // 4 + 1))[:length]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return number.to_bytes(length, "big")


def evidence(chain: Chain, guess: HeaderGuess) -> int:
    """Return what a plausible frame proves, before it is added to `chain`.

    A frame counts 1; 2 if it is text with at least VERIFIED_TEXT bytes, all valid UTF-8
    as far as CHECKED_TEXT (masked payload is unmasked for it); 0 if it is empty data, or
    an unmasked continuation of a message whose beginning is not in the chain.

    Odds for random bytes at one place, without RSV bits: a header passes with 8/256 for
    the opcode and, where the mask is demanded, 1/2: 1 in 64. Three in a row are 1 in
    260,000. A single frame that ends exactly where the bytes end: 1 in 64 * 128.
    """
    if opcodes.is_control(guess.opcode):
        return 1
    if not guess.payload_bytes:
        return 0
    # 0x00 and a length below 126 also comes before a message of DNS over TCP.
    if guess.opcode == opcodes.CONTINUATION and not (guess.masked or chain.is_begun):
        return 0
    is_text = guess.opcode == opcodes.TEXT and not guess.rsv
    return 2 if is_text and guess.payload_bytes >= VERIFIED_TEXT else 1
