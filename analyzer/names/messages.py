"""DNS messages: the question, and the addresses of an answer (RFC 1035 4).

Knows the format alone. Must not know connections. Used by names.stage.
"""

from __future__ import annotations

from typing import Final

from analyzer.lazy_dataclass import dataclass

A: Final = 1
CNAME: Final = 5
AAAA: Final = 28
HTTPS: Final = 65  # RFC 9460

_HEADER_BYTES: Final = 12
_IN: Final = 1
_MAX_RECORDS: Final = 64
"""Records read of an answer: names with more addresses have answers larger than a datagram."""
_MAX_JUMPS: Final = 16
"""Compression pointers followed in one name: hostile ones go round in circles."""
_MAX_NAME: Final = 255
"""RFC 1035 2.3.4."""


@dataclass(frozen=True, slots=True)
class Message:
    """A query, or an answer to one.

    Attributes:
        id: that pairs them.
        is_answer: whether it is an answer.
        code: its RCODE (RFC 1035 4.1.1): 0 no error, 3 no such name.
        name: that is asked for, in lower case, without the last dot.
        type: of record that is asked for.
        addresses: in the answer, of that name or of what its CNAMEs lead to.
    """

    id: int
    is_answer: bool
    code: int
    name: str
    type: int
    addresses: tuple[str, ...] = ()


def parse(data: bytes) -> Message | None:
    """Read a message with one question; None where it is none, or is cut.

    An answer that is cut after its question has the addresses that were read.
    """
    if len(data) < _HEADER_BYTES:
        return None
    flags, questions = _two(data, 2), _two(data, 4)
    # Opcode 0 is a standard query; other messages (updates, transfers) look up no name.
    if questions != 1 or flags >> 11 & 15:
        return None
    asked = _name(data, _HEADER_BYTES)
    if asked is None:
        return None
    name, at = asked
    if at + 4 > len(data) or _two(data, at + 2) & 0x7FFF != _IN:
        return None
    is_answer = bool(flags & 0x8000)
    addresses = _addresses(data, at + 4, _two(data, 6), name) if is_answer else ()
    return Message(_two(data, 0), is_answer, flags & 15, name, _two(data, at), addresses)


def _addresses(data: bytes, at: int, count: int, name: str) -> tuple[str, ...]:
    """Return the addresses of a name in an answer's records, CNAMEs followed."""
    names, found = {name}, []
    for _ in range(min(count, _MAX_RECORDS)):
        owner = _name(data, at)
        if owner is None or owner[1] + 10 > len(data):
            break
        at = owner[1]
        kind, size = _two(data, at), _two(data, at + 8)
        begin, at = at + 10, at + 10 + size
        if at > len(data):
            break
        if owner[0] not in names or _two(data, begin - 8) != _IN:
            continue
        if kind == CNAME:
            # An answer has them in the order of the chain (RFC 1034 4.3.2).
            target = _name(data, begin)
            if target is not None:
                names.add(target[0])
        elif (kind == A and size == 4) or (kind == AAAA and size == 16):
            import ipaddress

            found.append(str(ipaddress.ip_address(data[begin:at])))
    return tuple(found)


def _name(data: bytes, at: int) -> tuple[str, int] | None:
    """Return the name at `at`, in lower case, and what is after it; None if it cannot be read."""
    labels: list[bytes] = []
    behind, jumps, size = -1, 0, 0
    while at < len(data):
        length = data[at]
        if length >= 0xC0:
            if at + 2 > len(data) or jumps == _MAX_JUMPS:
                return None
            behind = at + 2 if behind < 0 else behind
            at, jumps = _two(data, at) & 0x3FFF, jumps + 1
            continue
        at += 1
        if length == 0:
            text = b".".join(labels).decode("ascii", "backslashreplace").lower()
            return text, at if behind < 0 else behind
        size += length + 1
        if length > 63 or size > _MAX_NAME or at + length > len(data):
            return None
        labels.append(data[at : at + length])
        at += length
    return None


def _two(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]
