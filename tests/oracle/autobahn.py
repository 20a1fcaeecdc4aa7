"""Cases of crossbario/autobahn-testsuite as packets, in both roles, and how a peer fails them.

Knows what a case is: frames that its sender puts on the wire, what the peer answers, and the
right reading, worked out from RFC 6455 and RFC 7692. The tables of cases are in autobahn_frames,
autobahn_text, autobahn_close and autobahn_sizes. Must not know wsanalyze. Used by
test_autobahn.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conversation import (
    ACK,
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    RST,
    TEXT,
    Conversation,
    Deflater,
    frame,
    request,
    response,
)

STRICT, DROP, RESET = MODES = ("strict", "drop", "reset")
"""How a peer ends: by Close and FIN, by FIN alone, by RST."""
ROLES = ("client", "server")
NAMES = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
PROTOCOL, INVALID, NORMAL = 1002, 1007, 1000
WHOLE = 1 << 30


@dataclass(frozen=True)
class Frame:
    """One frame before masking; a compressed payload is as it is sent."""

    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0

    @property
    def row(self) -> tuple[str, bool, int]:
        """Opcode, FIN and payload length, as the table of frames names them."""
        return NAMES.get(self.opcode, f"reserved-{self.opcode}"), self.fin, len(self.payload)


Message = tuple[str, bytes]
"""Type and payload."""


@dataclass(frozen=True)
class Turn:
    """What the sender sends, and what the peer then answers."""

    sent: tuple[Frame, ...]
    answers: tuple[Frame, ...] = ()


@dataclass(frozen=True)
class Case:
    """One case and its right reading.

    Attributes:
        name: as in the suite.
        turns: frames of the sender and the peer, but those of the end.
        messages: that the sender sent, by RFC 6455 5.4 and 5.6.
        echoed: that the peer sent.
        faults: id of each warning or error that blames the sender, and the frame, counted from
            0 among the sender's; None: the frame never was whole, or no frame is to blame.
        fails: code with which the peer fails the connection; None: it has no reason to.
        closed_with: the code of the sender's own Close, where one is among `turns`; None:
            it has none. Without a Close there, the sender closes at the end, with 1000.
        chop: bytes a segment; 0: each frame in a segment of its own, WHOLE: all in one.
        unfinished: bytes of the last frame that are never sent.
        offered: extensions in the request.
        chosen: in the response.
    """

    name: str
    turns: tuple[Turn, ...]
    messages: tuple[Message, ...] = ()
    echoed: tuple[Message, ...] = ()
    faults: tuple[tuple[str, int | None], ...] = ()
    fails: int | None = None
    closed_with: int | None = None
    chop: int = 0
    unfinished: int = 0
    offered: str = ""
    chosen: str = ""

    @property
    def closes(self) -> bool:
        """Whether the sender's own Close is among the turns."""
        return any(each.opcode == CLOSE for turn in self.turns for each in turn.sent)


@dataclass(frozen=True)
class End:
    """The right end of a connection: kind, code, by whom."""

    kind: str
    code: int | None
    by: str


def text(payload: bytes, *, fin: bool = True, rsv: int = 0) -> Frame:
    return Frame(TEXT, payload, fin, rsv)


def binary(payload: bytes, *, fin: bool = True, rsv: int = 0) -> Frame:
    return Frame(BINARY, payload, fin, rsv)


def more(payload: bytes = b"", *, fin: bool = True) -> Frame:
    return Frame(CONTINUATION, payload, fin)


def ping(payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> Frame:
    return Frame(PING, payload, fin, rsv)


def pong(payload: bytes = b"", *, fin: bool = True) -> Frame:
    return Frame(PONG, payload, fin)


def close(code: int | None = NORMAL, reason: bytes = b"") -> Frame:
    return Frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def fragments(opcode: int, parts: Sequence[bytes], *, rsv: int = 0) -> tuple[Frame, ...]:
    """Return one message in so many frames (RFC 6455 5.4)."""
    last = len(parts) - 1
    return tuple(
        Frame(CONTINUATION if i else opcode, part, i == last, 0 if i else rsv)
        for i, part in enumerate(parts)
    )


def pieces(payload: bytes, size: int) -> list[bytes]:
    """Return the payload in parts of `size` bytes, at least one."""
    return [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]


def echo(
    name: str, opcode: int, payload: bytes, *, size: int = WHOLE, chop: int = 0, count: int = 1
) -> Case:
    """Return a healthy case: a message in frames of `size` bytes comes back in one frame."""
    sent = fragments(opcode, pieces(payload, size))
    message = (NAMES[opcode], payload)
    turn = Turn(sent, (Frame(opcode, payload),))
    return Case(name, (turn,) * count, (message,) * count, (message,) * count, chop=chop)


def ends(case: Case, mode: str, sender: str) -> End:
    """Return the right end, by RFC 6455 7.1: who was first to end it, and how.

    A sender whose own Close is on the wire began the end. Else a peer that fails the connection
    did, and its Close alone has the code. A Close that FIN or RST answers is no closing handshake.
    """
    peer = ROLES[1 - ROLES.index(sender)]
    kind = {STRICT: "clean", DROP: "fin", RESET: "reset"}[mode]
    if case.closes:
        return End(kind, case.closed_with, sender)
    if case.fails is None:
        return End(kind, NORMAL, sender)
    if case.unfinished:
        kind = "reset" if mode == RESET else "fin"  # no Close fits within a frame
    return End(kind, case.fails if mode == STRICT else None, peer)


class Talk:
    """The packets of one case.

    Args:
        case: to play.
        sender: "client" or "server".
        mode: of MODES, how the peer ends.
        port: of the client.
        start_ns: of the first packet.
    """

    def __init__(self, case: Case, sender: str, mode: str, port: int, start_ns: int) -> None:
        self.case, self.sender, self.mode = case, sender, mode
        self.peer = ROLES[1 - ROLES.index(sender)]
        self.random = random.Random(port)
        self.sent: dict[str, list[Frame]] = {"client": [], "server": []}
        self.tcp = Conversation(client_port=port, start_ns=start_ns, mss=32_768)
        offers = [f"Sec-WebSocket-Extensions: {case.offered}"] if case.offered else []
        chosen = [f"Sec-WebSocket-Extensions: {case.chosen}"] if case.chosen else []
        # A key of its own: one that comes twice is no nonce (RFC 6455 4.1).
        key = base64.b64encode(self.random.randbytes(16)).decode()
        self.tcp.open()
        self.tcp.client(request(*offers, key=key))
        self.tcp.server(response(*chosen, key=key))
        for turn in case.turns:
            self._say(sender, turn.sent, case.chop, case.unfinished)
            self._say(self.peer, turn.answers)
        self._end()

    def _say(self, side: str, frames: Iterable[Frame], chop: int = 0, unfinished: int = 0) -> None:
        """Send frames: each in a segment, or all in segments of `chop` bytes."""
        wire = []
        for each in frames:
            key = self.random.randbytes(4) if side == "client" else None
            wire.append(frame(each.opcode, each.payload, key=key, fin=each.fin, rsv=each.rsv))
            if not unfinished:
                self.sent[side].append(each)
        if unfinished:
            wire[-1] = wire[-1][:-unfinished]
        for data in pieces(b"".join(wire), chop) if chop and wire else wire:
            self.tcp.send(side, data)

    def _end(self) -> None:
        """End as `ends` has it."""
        case, sender, peer = self.case, self.sender, self.peer
        if case.fails is None and not case.closes:
            self._say(sender, [close()])
        if self.mode == RESET:
            self.tcp.segment(peer, flags=RST | ACK)
            return
        if self.mode == STRICT:
            answer = NORMAL if case.fails is None else case.fails
            self._say(peer, [close(answer)])
            if case.fails is not None and not case.closes and not case.unfinished:
                self._say(sender, [close(answer)])
        self.tcp.finish(peer)


def deflated(
    opcode: int, payload: bytes, deflater: Deflater, size: int = WHOLE
) -> tuple[Frame, ...]:
    """Return a compressed message: RSV1 in its first frame only (RFC 7692 6.1)."""
    return fragments(opcode, pieces(deflater(payload), size), rsv=4)
