"""Link types that their packets contradict: the file names the wrong one.

Knows which others are likely. Must not know headers. Used by the header walk's kernel for
packets of a link type of which none was sound yet, and by decode for the finding.
"""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.lazy_dataclass import dataclass
from analyzer.packets import layers

_CANDIDATES = (1, 101, 113, 276, 0, 127, 105, 9)
"""Ethernet, raw IP, Linux cooked 1 and 2, loopback, radiotap, 802.11, PPP: what programs
write by far the most."""

_GIVE_UP_AFTER = 64
"""Packets that nothing reads, after which none of the others is tried any more."""

_USER_LINK_TYPES = range(147, 163)
"""LINKTYPE_USER0 to USER15: anything may be in them."""

_READ = frozenset(
    {
        layers.SEGMENT,
        layers.FRAGMENT,
        layers.UDP,
        layers.ICMP,
        layers.ICMPV6,
        layers.TCP_HEADER_CUT,
    }
)


def is_read(outcome: int) -> bool:
    """Return whether an outcome proves the link type: IP lengths and a known protocol fit."""
    return outcome in _READ


def doubtful(kind: int, value: int) -> bool:
    """Return whether what was named contradicts the link type: no header of IP was found."""
    if kind == layers.LINK_TYPE:
        return value in _USER_LINK_TYPES
    return kind in (layers.ETHERTYPE, layers.LLC, layers.PROTOCOL, layers.PPP_PROTOCOL)


@dataclass(slots=True)
class Doubt:
    """What is thought of a link type.

    Attributes:
        first: the first packet of it.
        packets: how many contradicted it.
        read: how many of them `chosen` read.
        chosen: the link type that reads them; -1 while none has read any.
        is_settled: a packet of it was sound, or nothing reads what it holds.
    """

    first: int
    packets: int = 0
    read: int = 0
    chosen: int = -1
    is_settled: bool = False

    def candidates(self, link_type: int) -> Sequence[int]:
        """Return the link types to try."""
        if self.chosen >= 0:
            return (self.chosen,)
        return [each for each in _CANDIDATES if each != link_type]

    def take(self, chosen: int) -> None:
        """Note that a packet was read as `chosen`."""
        self.chosen = chosen
        self.read += 1

    def fail(self) -> None:
        """Note that nothing read a packet."""
        if not self.read and self.packets >= _GIVE_UP_AFTER:
            self.is_settled = True
