"""Control frames that are longer than RFC 6455 5.5 allows.

The walk keeps 125 bytes of a control frame in its arrays; what is longer comes here, piece by
piece: a Close reason is shown whole, and a Pong is held against the whole of its Ping.
Knows bytes only. Owned by the walk (_state); read by websocket.stage.
"""

from __future__ import annotations

from typing import Any, Final

from analyzer.hashes import blake2b
from analyzer.lazy_dataclass import dataclass, field
from analyzer.named_tuple import NamedTuple

MAX_KEPT: Final = 65_536
"""Bytes kept of one control frame; each direction has at most one that is not complete.
What a length of 16 bits can say: a sender that mistook a control frame for a data frame is
then shown whole, and a length of 64 bits cannot fill memory."""


class LongControl(NamedTuple):
    """The payload of one.

    Attributes:
        payload: its first MAX_KEPT bytes, unmasked.
        digest: of all of it.
    """

    payload: bytes
    digest: bytes


@dataclass(slots=True)
class _Growing:
    payload: bytearray = field(default_factory=bytearray)
    hash: Any = field(default_factory=blake2b)


class Overlong:
    """Holds those in progress.

    Attributes:
        growing: they, by direction; mostly none.
    """

    def __init__(self) -> None:
        self.growing: dict[int, _Growing] = {}

    def take(self, direction: int, piece: bytes) -> None:
        """Add the next bytes of the frame in progress."""
        one = self.growing.setdefault(direction, _Growing())
        one.hash.update(piece)
        room = MAX_KEPT - len(one.payload)
        if room > 0:
            one.payload += piece[:room]

    def end(self, direction: int) -> LongControl:
        """Return the frame, which is complete."""
        one = self.growing.pop(direction, None) or _Growing()
        return LongControl(bytes(one.payload), one.hash.digest())

    def forget(self, direction: int) -> None:
        """The direction is gone."""
        self.growing.pop(direction, None)
