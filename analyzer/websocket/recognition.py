"""Judges whether bytes look like WebSocket frames.

Knows what RFC 6455 5.2 lets a frame header be, and how likely other bytes look so.
Must not know the walk, packets or findings. `grow` serves the search behind a gap
(websocket.boundary); `Recogniser` a connection whose handshake was not captured, for
websocket.seeking. Both are for the rare case, and bounded by options.max_probe_bytes.

What counts is a chain: headers of which each begins where the frame before it ends.
A chain must also be a possible order of fragments (RFC 6455 5.4), its text must be
UTF-8 (8.1), its Close frames must have a code that may be sent (7.4).
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NamedTuple

from analyzer.options import Options
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

MASKED_EVIDENCE: Final = 4
UNMASKED_EVIDENCE: Final = 8
_MAX_CHAINS: Final = 32

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
        at: where the next header is expected; it may lie behind the bytes at hand.
        evidence: what they prove, as evidence() counts it.
        frames: how many were read.
        in_message: a fragmented message is open; None where not known.
        is_begun: the beginning of a message was seen.
        last: where the last frame begins.
        rewarded: the `at` up to which whole segments were counted as evidence.
    """

    start: int
    at: int
    evidence: int = 0
    frames: int = 0
    in_message: bool | None = None
    is_begun: bool = False
    last: int = -1
    rewarded: int = -1


def grow(
    chain: Chain,
    data: bytes | bytearray,
    masked: bool | None,
    rsv_allowed: int,
    *,
    texts: bool = True,
) -> bool | NeedMore | None:
    """Add the frame at `chain.at` to the chain.

    Args:
        chain: changed only if the frame is added.
        data: bytes of one direction, in which the chain's places lie.
        masked: as in plausible_header.
        rsv_allowed: as in plausible_header.
        texts: text must be UTF-8, and proves something where it is; False for a sender
            whose text is known not to be.

    Returns:
        True if it was added, None if there cannot be a frame, NEED_MORE if more
        bytes are needed to tell.
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
    looked_at = body + min(guess.payload_bytes, _judged_bytes(guess, texts))
    if looked_at > end:
        return NEED_MORE
    if not _plausible_payload(data, at, guess, texts):
        return None
    chain.evidence += evidence(chain, guess) if texts else min(1, evidence(chain, guess))
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


def _judged_bytes(guess: HeaderGuess, texts: bool) -> int:
    """Return how much of the payload is looked at."""
    if guess.opcode == opcodes.TEXT and not guess.rsv and texts:
        return CHECKED_TEXT
    return MAX_CONTROL if guess.opcode == opcodes.CLOSE else 0


def _plausible_payload(data: bytes | bytearray, at: int, guess: HeaderGuess, texts: bool) -> bool:
    """Judge the payload where it can be: plain text and Close."""
    length = min(guess.payload_bytes, _judged_bytes(guess, texts))
    if not length:
        return True
    body = at + guess.header_bytes
    payload = bytes(data[body : body + length])
    if guess.masked:
        payload = unmasked(payload, bytes(data[body - 4 : body]))
    if guess.opcode == opcodes.CLOSE:
        return not opcodes.parse_close(payload).faults
    is_whole = guess.fin and length == guess.payload_bytes
    try:
        codecs.getincrementaldecoder("utf-8")().decode(payload, is_whole)
    except UnicodeDecodeError:
        return False
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
    260,000. A single frame that ends exactly with the bytes at hand: 1 in 64 * 128.
    """
    if opcodes.is_control(guess.opcode):
        return 1
    if not guess.payload_bytes:
        return 0
    # 0x00 and a length below 126 is also what stands before a message of DNS over TCP.
    if guess.opcode == opcodes.CONTINUATION and not (guess.masked or chain.is_begun):
        return 0
    is_text = guess.opcode == opcodes.TEXT and not guess.rsv
    return 2 if is_text and guess.payload_bytes >= VERIFIED_TEXT else 1


class Verdict(Enum):
    """What a Recogniser knows."""

    UNDECIDED = "undecided"
    WEBSOCKET = "websocket"
    NOT_WEBSOCKET = "not-websocket"


class Recognition(NamedTuple):
    """The verdict on a connection.

    Attributes:
        verdict: UNDECIDED until enough was seen.
        client_side: 0 or 1, with WEBSOCKET: the side whose frames are masked.
        starts: with WEBSOCKET, for each side the offset of its first frame in what
            was pushed of it; None where none was found (yet).
    """

    verdict: Verdict
    client_side: int = -1
    starts: tuple[int | None, int | None] = (None, None)


_UNDECIDED = Recognition(Verdict.UNDECIDED)
_NOT_WEBSOCKET = Recognition(Verdict.NOT_WEBSOCKET)


class _Direction:
    """One direction's bytes, and the chains that begin at its segments."""

    __slots__ = ("base", "bounds", "chains", "data", "pushed")

    def __init__(self) -> None:
        self.data = bytearray()
        self.chains: dict[bool, list[Chain]] = {False: [], True: []}
        self.bounds = {0}
        self.base = 0
        self.pushed = 0

    def push(self, segment: bytes) -> None:
        start = len(self.data)
        self.data += segment
        self.pushed += len(segment)
        self.bounds.add(len(self.data))
        for masked, chains in self.chains.items():
            chains.append(Chain(start, start))
            self.chains[masked] = self._grown(chains, masked)

    def lose(self, length: int) -> None:
        """Begin anew behind `length` bytes that were not captured."""
        self.base += len(self.data) + length
        self.data = bytearray()
        self.bounds = {0}
        self.chains = {False: [], True: []}

    def best(self, *, masked: bool) -> Chain | None:
        """Return the chain with the most evidence, the earliest of them."""
        return max(
            (chain for chain in self.chains[masked] if chain.evidence),
            key=lambda chain: chain.evidence,
            default=None,
        )

    def likely_start(self, *, masked: bool) -> int | None:
        """Return where frames begin on a side whose kind is known from the other side."""
        chain = self.best(masked=masked)
        if chain is None or (chain.evidence < 2 and chain.at != len(self.data)):
            return None
        return self.base + chain.start

    def _reward(self, chain: Chain) -> None:
        """Count a masked frame once more that fills whole segments.

        Unmasked it proves nothing: any protocol with a length in front does that.
        """
        if chain.rewarded == chain.at or not chain.evidence or chain.last not in self.bounds:
            return
        if chain.at in self.bounds and self.data[chain.last + 1] >= 0x80:
            chain.rewarded = chain.at
            chain.evidence += 1

    def _grown(self, chains: list[Chain], masked: bool) -> list[Chain]:
        """Take each chain as far as the bytes go; drop the faulty and the merged."""
        alive: dict[int, Chain] = {}
        for chain in chains:
            grown: bool | NeedMore | None = True
            while grown is True:
                grown = grow(chain, self.data, masked, RSV1)
                self._reward(chain)
            # Chains that meet are one from there on: the earliest has all the evidence.
            if grown is NEED_MORE:
                alive.setdefault(chain.at, chain)
        kept = list(alive.values())
        if len(kept) > _MAX_CHAINS:
            kept.remove(max(kept, key=lambda chain: chain.at))
        return kept


class Recogniser:
    """Tells whether a TCP connection without a captured handshake is WebSocket.

    The rule: a chain that begins at a segment's start must show MASKED_EVIDENCE where it
    is masked, which also names the client. Evidence counts as evidence() says, and one
    more for a masked frame that begins and ends where segments do: two such frames are
    enough, or two of text, or four of any kind. Unmasked frames alone need
    UNMASKED_EVIDENCE (eight frames, or four of text), for an unmasked header is two
    bytes such as many protocols send; the other side must then be silent, or have sent
    what looks like a masked frame. A connection is not WebSocket once either side has
    shown options.max_probe_bytes without success.

    Odds at a segment's start of random bytes: four masked headers with RSV1 allowed
    (10/256 * 1/2 each) are 1 in 7 million; two that fill their segments are rarer.
    Eight unmasked ones are rarer too; what they are against is traffic with a
    length in front of each message, such as DNS over TCP, which is also why a
    continuation without a beginning counts nothing.
    """

    def __init__(self, options: Options) -> None:
        self._sides = (_Direction(), _Direction())
        self._max_bytes = options.max_probe_bytes
        self._recognition = _UNDECIDED

    @property
    def recognition(self) -> Recognition:
        """The verdict so far; it does not change once it is made."""
        return self._recognition

    def push(self, side: int, segment: bytes) -> Recognition:
        """Look at the next bytes of `side`: the payload of one segment, in order."""
        if self._recognition.verdict is not Verdict.UNDECIDED or not segment:
            return self._recognition
        direction = self._sides[side]
        direction.push(segment)
        self._recognition = self._judged()
        if self._recognition.verdict is Verdict.UNDECIDED and direction.pushed > self._max_bytes:
            self._recognition = _NOT_WEBSOCKET
        if self._recognition.verdict is not Verdict.UNDECIDED:
            self._sides = (_Direction(), _Direction())
        return self._recognition

    def lose(self, side: int, length: int) -> None:
        """Note that the next `length` bytes of `side` were not captured."""
        self._sides[side].lose(length)

    def _judged(self) -> Recognition:
        for client in (0, 1):
            sent, other = self._sides[client], self._sides[1 - client]
            chain = sent.best(masked=True)
            if chain is not None and chain.evidence >= MASKED_EVIDENCE:
                start = sent.base + chain.start
                return self._recognised(client, start, other.likely_start(masked=False))
        for server in (0, 1):
            sent, other = self._sides[server], self._sides[1 - server]
            chain = sent.best(masked=False)
            if chain is None or chain.evidence < UNMASKED_EVIDENCE:
                continue
            if not other.pushed or other.best(masked=True) is not None:
                start = sent.base + chain.start
                return self._recognised(1 - server, other.likely_start(masked=True), start)
        return _UNDECIDED

    def _recognised(
        self, client: int, client_start: int | None, server_start: int | None
    ) -> Recognition:
        starts = (client_start, server_start) if client == 0 else (server_start, client_start)
        return Recognition(Verdict.WEBSOCKET, client, starts)
