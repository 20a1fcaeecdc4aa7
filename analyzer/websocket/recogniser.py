"""Tells whether a TCP connection whose handshake was not captured is WebSocket.

Knows recognition's judgement of headers and chains. Must not know the walk or findings. Used by
websocket.seeking, one for each such connection.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from analyzer.named_tuple import NamedTuple
from analyzer.options import Options
from analyzer.websocket.negotiation import RSV1
from analyzer.websocket.recognition import NEED_MORE, Chain, NeedMore, grow

MASKED_EVIDENCE: Final = 4
LONE_EVIDENCE: Final = 12
"""Of masked frames where the other side shows none: it may be in the middle of a long one."""
MOST_WRITES: Final = 3
"""Of a side without a frame, so many writes that end may be parts of long ones."""
UNMASKED_EVIDENCE: Final = 8
_MAX_CHAINS: Final = 32
_SHORT: Final = 536
"""Bytes: a segment below it is not full, whatever the path (RFC 9293 3.7.1)."""


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
    """One direction's bytes, and the chains that begin at its segments.

    Attributes:
        pushed: bytes of it.
        writes: segments behind one that is not full: something had ended there.
    """

    __slots__ = ("base", "bounds", "chains", "data", "last", "longest", "pushed", "writes")

    def __init__(self) -> None:
        self.data = bytearray()
        self.chains: dict[bool, list[Chain]] = {False: [], True: []}
        self.bounds = {0}
        self.base = 0
        self.pushed = self.writes = 0
        self.last = self.longest = 0

    def push(self, segment: bytes) -> None:
        start = len(self.data)
        self.data += segment
        self.pushed += len(segment)
        self.writes += 0 < self.last < max(_SHORT, self.longest)
        self.last, self.longest = len(segment), max(self.longest, len(segment))
        self.bounds.add(len(self.data))
        for masked, chains in self.chains.items():
            chains.append(Chain(start, start))
            self.chains[masked] = self._grown(chains, masked)

    def lose(self, length: int, *, is_cut: bool) -> None:
        """Go on after `length` bytes that were not captured.

        Only chains do whose last frame reaches there.

        Args:
            length: of the hole.
            is_cut: a packet's end was cut off, so that the hole ends where a segment does.
        """
        end = len(self.data) + length
        for masked, chains in self.chains.items():
            alive = []
            for chain in chains:
                grown: bool | NeedMore | None = True
                while grown is True and chain.at < len(self.data):
                    grown = grow(chain, self.data, masked, RSV1, doubting=True, cut=length)
                if grown is not True or chain.at < end or not chain.frames:
                    continue
                fills = is_cut and chain.at == end and chain.last in self.bounds
                if fills and masked and not chain.is_weak:
                    chain.evidence += 1
                chain.start -= end
                chain.at -= end
                chain.last = chain.rewarded = -1
                alive.append(chain)
            self.chains[masked] = alive
        self.base += end
        self.data = bytearray()
        self.bounds = {0}

    def best(self, *, masked: bool) -> Chain | None:
        """Return the chain with the most evidence, the earliest of them."""
        return max(
            (chain for chain in self.chains[masked] if chain.evidence),
            key=lambda chain: chain.evidence,
            default=None,
        )

    def filling(self, *, masked: bool) -> Chain | None:
        """Return the chain of frames that are all that was seen, if there is one."""
        for chain in self.chains[masked]:
            if self.base + chain.start == 0 and chain.at == len(self.data) and chain.evidence:
                return chain
        return None

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
        if chain.is_weak:
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
                grown = grow(chain, self.data, masked, RSV1, doubting=True)
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
    enough, or two of text, or four of any kind. Keys that are small numbers or repeat count for
    nothing: other protocols have fields there. The other side must be silent or have sent what
    looks like an unmasked frame; without, LONE_EVIDENCE is needed, and what it sent must look
    like one long frame: segments of one length. Unmasked frames alone need
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

    def lose(self, side: int, length: int, *, is_cut: bool = False) -> None:
        """Note that the next `length` bytes of `side` were not captured.

        Args:
            side: 0 or 1.
            length: of the hole.
            is_cut: by the snap length, so that it ends with its packet.
        """
        self._sides[side].lose(length, is_cut=is_cut)

    def maybe(self) -> str | None:
        """Say what speaks for WebSocket, where it is too little; None if nothing does.

        All that was seen of both sides must be frames, masked one way and not the other;
        or of one side, if the other was silent, two masked frames at least.
        """
        if self._recognition.verdict is not Verdict.UNDECIDED:
            return None
        for client in (0, 1):
            sent, other = self._sides[client], self._sides[1 - client]
            asked, answered = sent.filling(masked=True), other.filling(masked=False)
            if asked is None:
                continue
            if answered is not None:
                return (
                    f"all bytes seen are frames, {asked.frames} masked one way and "
                    f"{answered.frames} unmasked the other, too few to be certain"
                )
            if not other.pushed and asked.frames > 1:
                return f"all bytes seen are {asked.frames} masked frames, too few to be certain"
        return None

    def _judged(self) -> Recognition:
        for client in (0, 1):
            sent, other = self._sides[client], self._sides[1 - client]
            chain = sent.best(masked=True)
            if chain is None or chain.evidence < MASKED_EVIDENCE:
                continue
            # What the other side says must fit, or there must be much more of this one.
            is_answered = not other.pushed or other.best(masked=False) is not None
            may_be_long = other.writes < MOST_WRITES and chain.evidence >= LONE_EVIDENCE
            if is_answered or may_be_long:
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
